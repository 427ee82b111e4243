//! `STSDependsOn`: exchanges whose results another one needs.
//!
//! They are those of named locations of the same server. What a name leads to shows only when all
//! blocks are merged.

use std::cell::OnceCell;
use std::rc::Rc;

use sts_core::client_auth::ClientAuth;

use crate::conf::Exchange;
use crate::conf::argument::Problem;
use crate::conf::place::{Fault, Place};
use crate::nginx::conf::{Conf, Matching};
use crate::nginx::phase::Phase;
use crate::way::Way;

/// What an exchange needs, each step after those that it needs itself.
#[derive(Default)]
pub(crate) struct Chain {
    pub(crate) steps: Vec<Step>,
    /// The numbers of the steps that the exchange itself needs.
    pub(crate) needs: Vec<usize>,
    /// The exchange the result of which is the client assertion of this one.
    pub(crate) assertion: Option<Rc<Exchange>>,
}

/// An exchange that is made for another one.
pub(crate) struct Step {
    /// The name of its location.
    pub(crate) name: String,
    pub(crate) exchange: Rc<Exchange>,
    /// The numbers of the steps that it needs.
    pub(crate) needs: Vec<usize>,
}

/// Where an exchange has its chain, which is known when all blocks are merged.
#[derive(Default)]
pub(crate) struct Slot(OnceCell<Chain>);

impl Slot {
    pub(crate) fn set(&self, chain: Chain) {
        // A block is merged once.
        let _ = self.0.set(chain);
    }

    pub(crate) fn steps(&self) -> &[Step] {
        self.0.get().map_or(&[], |chain| &chain.steps)
    }

    /// The exchange the result of which is the client assertion.
    pub(crate) fn assertion(&self) -> Option<&Rc<Exchange>> {
        self.0.get()?.assertion.as_ref()
    }

    pub(crate) fn needs(&self) -> &[usize] {
        self.0.get().map_or(&[], |chain| &chain.needs)
    }
}

/// Exchanges that may follow one another.
const LONGEST: usize = 4;

/// The exchanges of named locations, and those that need some of them.
#[derive(Default)]
pub(crate) struct Chains {
    named: Vec<Named>,
    needing: Vec<Needing>,
}

struct Named {
    server: usize,
    name: String,
    exchange: Rc<Exchange>,
}

/// An exchange with an `STSDependsOn`.
struct Needing {
    server: usize,
    exchange: Rc<Exchange>,
    names: Rc<Vec<String>>,
    place: Option<Place>,
    whereabouts: String,
}

/// Reads the names of locations.
pub(super) fn names(words: &[&str]) -> Result<Vec<String>, Problem> {
    let mut names: Vec<String> = Vec::new();
    for word in words {
        if word.len() < 2 || !word.starts_with('@') {
            return Err(format!(
                "invalid name \"{}\": it is that of a named location, as in \"@inner\"",
                word.escape_debug()
            ));
        }
        if names.iter().any(|known| known == word) {
            return Err(format!("\"{word}\" is named twice"));
        }
        names.push((*word).to_owned());
    }
    Ok(names)
}

/// Checks that a client authentication which is the result of another exchange is that of one which is
/// made first.
pub(super) fn check_assertion(
    auth: &ClientAuth,
    needs: Option<&Rc<Vec<String>>>,
) -> Result<(), Problem> {
    let Some(name) = auth.needs_result_of() else { return Ok(()) };
    if needs.is_some_and(|needs| needs.iter().any(|need| need == name)) {
        return Ok(());
    }
    let before: String = needs.iter().flat_map(|it| it.iter()).map(|it| format!("{it} ")).collect();
    Err(format!(
        "\"client_assertion\" names \"{name}\", which is no exchange that this one depends on: write \
         \"STSDependsOn {before}{name}\" (option \"depends_on\"), so that it is made first"
    ))
}

impl Chains {
    /// Notes the exchange of a block once it is made.
    pub(super) fn note(
        &mut self,
        conf: &Conf<'_>,
        exchange: &Rc<Exchange>,
        needs: Option<&Rc<Vec<String>>>,
        place: Option<&Place>,
    ) {
        let server = conf.server_id();
        if let Some(site) = conf.site()
            && site.matching == Matching::Named
        {
            self.named.push(Named { server, name: site.name, exchange: exchange.clone() });
        }
        if let Some(names) = needs {
            self.needing.push(Needing {
                server,
                exchange: exchange.clone(),
                names: names.clone(),
                place: place.cloned(),
                whereabouts: conf.whereabouts(),
            });
        }
    }

    /// The exchange of a named location of a server.
    pub(super) fn named(&self, server: usize, name: &str) -> Option<&Rc<Exchange>> {
        let mut all = self.named.iter();
        let found = all.find(|named| named.server == server && named.name == name);
        found.map(|named| &named.exchange)
    }

    /// Leads each name to its exchange, when all blocks are merged.
    ///
    /// # Errors
    /// There is no such exchange, or they need each other in a circle, or too many follow one another.
    pub(super) fn finish(&self) -> Result<(), Fault> {
        for needing in &self.needing {
            let mut steps = Vec::new();
            let mut way = vec![&needing.exchange];
            let needs = self
                .follow(needing, &mut way, &mut steps)
                .map_err(|problem| needing.fault(&problem))?;
            check_users(&needing.exchange, &steps).map_err(|problem| needing.fault(&problem))?;
            check_targets(&needing.exchange, &steps, &needs)
                .map_err(|problem| needing.fault(&problem))?;
            let named = match &needing.exchange.way {
                Way::Call(callee) => callee.profile.auth.needs_result_of(),
                Way::Mint(_) => None,
            };
            let is_it = |step: &&Step| Some(step.name.as_str()) == named;
            let own = needs.iter().filter_map(|need| steps.get(*need));
            let assertion = own.clone().find(is_it).map(|step| step.exchange.clone());
            needing.exchange.chain.set(Chain { steps, needs, assertion });
        }
        for needing in &self.needing {
            for step in needing.exchange.chain.steps() {
                step.exchange.is_step.set(true);
            }
        }
        Ok(())
    }

    /// Adds what an exchange needs, and what that needs, each before what needs it. Returns the numbers
    /// of the steps that it needs itself.
    fn follow<'c>(
        &'c self,
        needing: &'c Needing,
        way: &mut Vec<&'c Rc<Exchange>>,
        steps: &mut Vec<Step>,
    ) -> Result<Vec<usize>, Problem> {
        let mut numbers = Vec::new();
        for name in needing.names.iter() {
            let found = self.named(needing.server, name).ok_or_else(|| {
                format!(
                    "there is no location \"{name}\" with an exchange in this server: it is written as \
                     \"location {name} {{ STSType ...; }}\""
                )
            })?;
            if way.iter().any(|before| Rc::ptr_eq(before, found)) {
                return Err(format!("\"{name}\" needs a result of itself"));
            }
            if way.len() > LONGEST {
                return Err(format!(
                    "\"{name}\" is one exchange too many: {LONGEST} may follow one \
                                    another before the last"
                ));
            }
            let known = steps.iter().position(|step| Rc::ptr_eq(&step.exchange, found));
            if let Some(known) = known {
                numbers.push(known);
                continue;
            }
            let inner = self.needing.iter().find(|one| Rc::ptr_eq(&one.exchange, found));
            way.push(found);
            let needs = match inner {
                Some(inner) => self.follow(inner, way, steps)?,
                None => Vec::new(),
            };
            way.pop();
            steps.push(Step { name: name.clone(), exchange: found.clone(), needs });
            numbers.push(steps.len() - 1);
        }
        Ok(numbers)
    }
}

/// The user that NGINX has authenticated is known in the last phase alone, whichever the location of a
/// step has.
fn check_users(exchange: &Exchange, steps: &[Step]) -> Result<(), Problem> {
    let is_early = exchange.phase != Phase::PreContent;
    let needs_user = |step: &&Step| {
        step.exchange.username.as_ref().is_some_and(|username| username.authenticated)
    };
    match steps.iter().find(needs_user) {
        Some(step) if is_early => Err(format!(
            "\"{}\" has the user name \"*\" (\"STSROPCUsername\"), and is made in the phase of this \
             exchange, in which NGINX has authenticated no user yet: write \"STSPhase precontent\" here",
            step.name
        )),
        _ => Ok(()),
    }
}

/// Each result has a name of its own, by which it is read.
fn check_targets(exchange: &Exchange, steps: &[Step], needs: &[usize]) -> Result<(), Problem> {
    let mut known: Vec<usize> = exchange.carrier.targets().collect();
    for step in needs.iter().filter_map(|need| steps.get(*need)) {
        let targets: Vec<usize> = step.exchange.carrier.targets().collect();
        if targets.iter().any(|target| known.contains(target)) {
            return Err(format!(
                "the target variable of \"{}\" is also that of this exchange, or of another one that it \
                 depends on: each needs a name of its own",
                step.name
            ));
        }
        known.extend(targets);
    }
    Ok(())
}

impl Needing {
    fn fault(&self, problem: &str) -> Fault {
        let problem =
            format!("\"STSDependsOn\" (option \"depends_on\"): {problem}, {}", self.whereabouts);
        match &self.place {
            Some(place) => Fault::at(place, problem),
            None => Fault::from(problem),
        }
    }
}
