//! What may have reached the backend, told from the configuration alone.
//!
//! *The backend of a location with an exchange, or of any location after a refusal, is reached only
//! with that exchange's token of this request's source, or where a policy written there says pass or
//! disabled, or, without a refusal, where a bypass does.*
//!
//! That a request was refused is known in three ways, none of which asks the module: the location that
//! the client asked for makes an exchange that must fail; so does one that the trail says it came by;
//! or the STS has refused its source, wherever the exchange is made.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use devsts::{Call, Sts};

use super::configuration::{Carry, Configuration, Content, OtherMethods};
use super::request::{Asked, Body, FORGED, Source};
use super::rules::{Exchange, Fault, Phase, Rules};

/// What an exchange may come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Token,
    Fails(Fault),
}

/// What was seen, by its kind: a run that never sees one proves nothing about it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) configurations: usize,
    pub(crate) requests: usize,
    pub(crate) by_http2: usize,
    /// Requests of which it is certain that the location that they ask for refuses them.
    pub(crate) refused: usize,
    /// Those that reached a backend, by what they had.
    pub(crate) backends: usize,
    pub(crate) with_token: usize,
    pub(crate) passed: usize,
    pub(crate) bypassed: usize,
    pub(crate) open: usize,
    /// The same after a refusal.
    pub(crate) opened_again: usize,
    pub(crate) with_second_token: usize,
}

impl Tally {
    pub(crate) fn add(&mut self, other: &Self) {
        self.configurations += other.configurations;
        self.requests += other.requests;
        self.by_http2 += other.by_http2;
        self.refused += other.refused;
        self.backends += other.backends;
        self.with_token += other.with_token;
        self.passed += other.passed;
        self.bypassed += other.bypassed;
        self.open += other.open;
        self.opened_again += other.opened_again;
        self.with_second_token += other.with_second_token;
    }

    /// How often each was seen that a run has to see.
    pub(crate) fn seen(&self) -> [(&'static str, usize); 8] {
        [
            ("by HTTP/2", self.by_http2),
            ("refused", self.refused),
            ("with a token", self.with_token),
            ("passed without one", self.passed),
            ("let through by a bypass", self.bypassed),
            ("without an exchange", self.open),
            ("opened after a refusal", self.opened_again),
            ("with the token of a second exchange", self.with_second_token),
        ]
    }
}

pub(crate) struct Oracle<'c> {
    pub(crate) configuration: &'c Configuration,
    pub(crate) all: &'c [Asked<'c>],
    pub(crate) first: &'c Sts,
    pub(crate) second: &'c Sts,
}

impl Oracle<'_> {
    /// Judges each request that the backend got; says what is wrong.
    pub(crate) fn judge(&self, requests: &[Arc<Call>], written: &Path) -> (Tally, Vec<String>) {
        let mut tally = Tally {
            configurations: 1,
            requests: self.all.len(),
            by_http2: self.all.iter().filter(|asked| asked.is_http2()).count(),
            refused: self.all.iter().filter(|asked| self.entry_refuses(asked)).count(),
            backends: requests.len(),
            ..Tally::default()
        };
        let refusals = self.refusals_of_the_sts();
        let mut wrong = Vec::new();
        for call in requests {
            let asked = call.header("X-Id").and_then(|id| id.strip_prefix('x')?.parse().ok());
            let asked: Option<&Asked<'_>> =
                asked.and_then(|number: usize| self.all.iter().find(|one| one.number == number));
            let number = call.header("X-Location").and_then(|name| Configuration::number(&name));
            let (Some(asked), Some(location)) = (asked, number) else {
                wrong.push(format!(
                    "a request that no client has sent: {} {:?}",
                    call.target, call.headers
                ));
                continue;
            };
            let trail = trail(call);
            let by_sts = refusals.get(&asked.token()).is_some_and(|at| *at < call.at);
            let refused =
                by_sts || self.entry_refuses(asked) || self.trail_refuses(asked, location, &trail);
            if let Err(problem) = self.admit(asked, location, refused, call, &mut tally) {
                let source = asked.source();
                wrong.push(format!(
                    "request {} ({source:?}, {:?}, if: {}) of location l{} at the backend of \
                     l{location} by {trail:?}: {problem}",
                    asked.id(),
                    asked.body(),
                    asked.with_if(),
                    asked.entry(),
                ));
            }
        }
        for asked in self.all.iter().filter(|asked| asked.body() == Body::Put) {
            let file = written.join(asked.path().trim_start_matches('/'));
            if file.exists() && self.entry_refuses(asked) && !self.may_be_written(asked) {
                wrong.push(format!("request {} was refused and has written a file", asked.id()));
            }
        }
        (tally, wrong)
    }

    /// Whether a request may be at the backend of a location.
    fn admit(
        &self,
        asked: &Asked<'_>,
        location: usize,
        refused: bool,
        call: &Call,
        tally: &mut Tally,
    ) -> Result<(), String> {
        let only_reads = matches!(&*call.method, "GET" | "HEAD");
        let rules = self.in_force(asked, location, only_reads);
        let targets = self.targets(call);
        let Some(exchange) = rules.exchange() else {
            if let Some(other) = targets.iter().find(|target| !self.may_stand(asked, target)) {
                return Err(format!("it has a token of another: {other:?}"));
            }
            if refused && !self.admits(asked, rules) {
                return Err("it was refused, and nothing there lets it go on".to_owned());
            }
            let count = if refused { &mut tally.opened_again } else { &mut tally.open };
            *count += 1;
            return Ok(());
        };
        let is_source = |target: &String| {
            self.configuration.carry == Carry::Authorization && *target == asked.token()
        };
        if !refused && self.bypasses(asked, rules) && targets.iter().all(is_source) {
            tally.bypassed += 1;
            return Ok(());
        }
        if let Some(wrong) = targets.iter().find(|target| !self.is_of(asked, exchange, target)) {
            return Err(format!("what it has is no token of exchange {exchange:?}: {wrong:?}"));
        }
        match targets.len() {
            0 => {}
            1 => {
                let count =
                    if refused { &mut tally.with_second_token } else { &mut tally.with_token };
                *count += 1;
                return Ok(());
            }
            _ => return Err(format!("it has several tokens: {targets:?}")),
        }
        let passes = self
            .outcomes(asked, exchange, false)
            .into_iter()
            .any(|outcome| matches!(outcome, Outcome::Fails(fault) if rules.passes(fault)));
        if refused && !self.admits(asked, rules) {
            return Err("it was refused, and has no token of another exchange".to_owned());
        }
        if !refused && !passes {
            return Err(format!("it has no token of exchange {exchange:?}"));
        }
        let count = if refused { &mut tally.opened_again } else { &mut tally.passed };
        *count += 1;
        Ok(())
    }

    /// What is in force in a location. NGINX does not look at an `if` for the methods of `limit_except`:
    /// that block has none of the location's `if`, `set` and `rewrite`.
    fn in_force(&self, asked: &Asked<'_>, number: usize, only_reads: bool) -> Rules {
        let is_limited = self.configuration.locations[number].other_methods.is_some();
        let looks = only_reads || !is_limited;
        self.configuration.in_force(number, asked.with_if() && looks)
    }

    /// What an exchange may come to for a request: one thing where the client has asked for its
    /// location, perhaps several where the request comes later.
    fn outcomes(&self, asked: &Asked<'_>, exchange: Exchange, is_entry: bool) -> Vec<Outcome> {
        let outcome = match (asked.source(), exchange) {
            (Source::Good | Source::Slow, _)
            | (Source::DownAtFirst, Exchange::Second)
            | (Source::RefusedByA, Exchange::B | Exchange::Second) => Outcome::Token,
            (Source::Refused | Source::DownAtFirst, _) | (Source::RefusedByA, Exchange::A) => {
                Outcome::Fails(Fault::Failed)
            }
            (Source::Missing, _) => Outcome::Fails(Fault::Missing),
            (Source::Twice, _) => Outcome::Fails(Fault::Wrong),
        };
        let missing = Outcome::Fails(Fault::Missing);
        let wrong = Outcome::Fails(Fault::Wrong);
        let has_form = asked.body() == Body::Form || asked.is_broken();
        match self.configuration.carry {
            Carry::Form if asked.is_broken() && is_entry => vec![wrong],
            // Whether it was read before is not known, nor whether it still can be.
            Carry::Form if has_form && !is_entry => vec![outcome, missing, wrong],
            // The query may not have gone along.
            Carry::Query if !is_entry => vec![outcome, missing],
            _ => vec![outcome],
        }
    }

    /// Whether an exchange must be refused where these rules are in force.
    fn must_refuse(&self, asked: &Asked<'_>, rules: Rules, is_entry: bool) -> bool {
        let Some(exchange) = rules.exchange() else { return false };
        let bypasses = self.bypasses(asked, rules);
        let refuses = |outcome| match outcome {
            Outcome::Token => false,
            Outcome::Fails(fault) if bypasses => fault == Fault::Wrong,
            Outcome::Fails(fault) => !rules.passes(fault),
        };
        self.outcomes(asked, exchange, is_entry).into_iter().all(refuses)
    }

    /// Whether no exchange is made where these rules are in force, unless the request was refused before.
    fn bypasses(&self, asked: &Asked<'_>, rules: Rules) -> bool {
        rules.bypass == Some(true) && asked.bypasses()
    }

    /// Whether a request that comes to a location certainly comes to its exchange.
    fn certainly_makes(&self, asked: &Asked<'_>, number: usize, phase: Phase) -> bool {
        let location = &self.configuration.locations[number];
        let leaves = matches!(location.content, Content::Return(_) | Content::Rewrite(_));
        let denies = location.other_methods == Some(OtherMethods::Denied) && !asked.only_reads();
        match phase {
            Phase::Rewrite => true,
            Phase::Access => !leaves,
            Phase::PreContent => !leaves && !denies && !self.configuration.has_auth_request(number),
        }
    }

    /// Whether the location that the client asked for has certainly refused it, before anything else
    /// came of it.
    fn entry_refuses(&self, asked: &Asked<'_>) -> bool {
        self.refuses_at(asked, asked.entry(), true)
    }

    fn refuses_at(&self, asked: &Asked<'_>, number: usize, is_entry: bool) -> bool {
        // A location that left its name in the trail has looked at its `if`, whatever the method.
        let only_reads = !is_entry || asked.only_reads();
        let rules = self.in_force(asked, number, only_reads);
        self.must_refuse(asked, rules, is_entry)
            && self.certainly_makes(asked, number, rules.phase())
    }

    /// Whether a location that the request came by, before this one, has certainly refused it.
    fn trail_refuses(&self, asked: &Asked<'_>, location: usize, trail: &[usize]) -> bool {
        let before = match trail.split_last() {
            Some((last, before)) if *last == location => before,
            _ => trail,
        };
        before.iter().any(|number| self.refuses_at(asked, *number, false))
    }

    /// Whether a location lets a request go on that was refused for what may have been the reason. The
    /// first refusal counts.
    fn admits(&self, asked: &Asked<'_>, rules: Rules) -> bool {
        let entry = self.in_force(asked, asked.entry(), asked.only_reads()).exchange();
        let outcomes = match entry.filter(|_| self.entry_refuses(asked)) {
            Some(exchange) => self.outcomes(asked, exchange, true),
            None => {
                let all = Exchange::ALL.into_iter();
                all.flat_map(|exchange| self.outcomes(asked, exchange, false)).collect()
            }
        };
        let admits = |outcome| matches!(outcome, Outcome::Fails(fault) if rules.admits(fault));
        outcomes.into_iter().any(admits)
    }

    /// Whether a location may write what a refused request sends.
    fn may_be_written(&self, asked: &Asked<'_>) -> bool {
        let configuration = self.configuration;
        let writes =
            |number: &usize| matches!(configuration.locations[*number].content, Content::Written);
        (0..configuration.locations.len()).filter(writes).any(|number| {
            let rules = self.in_force(asked, number, false);
            let helps = rules.exchange().is_some_and(|exchange| {
                self.outcomes(asked, exchange, false).contains(&Outcome::Token)
            });
            helps || self.admits(asked, rules)
        })
    }

    /// When an STS has refused a source that no policy lets through, where all that comes later is
    /// known to come later.
    fn refusals_of_the_sts(&self) -> BTreeMap<String, Instant> {
        let mut refusals = BTreeMap::new();
        if self.configuration.has_subrequests() {
            return refusals;
        }
        for sts in [self.first, self.second] {
            let issued = sts.issued();
            for call in sts.calls() {
                let is_refused = issued.iter().all(|issued| issued.call != call.number);
                let passes = |rules: Rules| {
                    rules.exchange().is_some_and(|exchange| {
                        call.parameter("audience") == Some(exchange.audience())
                            && rules.passes(Fault::Failed)
                    })
                };
                if is_refused
                    && !self.configuration.all_in_force().any(passes)
                    && let Some(source) = call.subject()
                {
                    let at = refusals.entry(source.to_owned()).or_insert(call.at);
                    *at = call.at.min(*at);
                }
            }
        }
        refusals
    }

    /// All that a backend may read as the target.
    fn targets(&self, call: &Call) -> Vec<String> {
        match self.configuration.carry {
            Carry::Headers | Carry::Form => call.header_values("X-Target"),
            Carry::Authorization => {
                let bearer = |value: String| value.strip_prefix("Bearer ").map(str::to_owned);
                call.header_values("Authorization").into_iter().filter_map(bearer).collect()
            }
            Carry::Cookies => {
                let cookies = call.header_values("Cookie").join("; ");
                let values = cookies.split("; ").filter_map(|pair| pair.strip_prefix("target="));
                values.map(str::to_owned).collect()
            }
            Carry::Query => {
                let pairs = call.query().unwrap_or_default().split('&');
                // The trail leaves an empty one.
                let values = pairs.filter_map(|pair| pair.strip_prefix("target="));
                values.filter(|value| !value.is_empty()).map(str::to_owned).collect()
            }
        }
    }

    /// Whether a token is one of this exchange for the source of a request.
    fn is_of(&self, asked: &Asked<'_>, exchange: Exchange, token: &str) -> bool {
        let sts = if exchange == Exchange::Second { self.second } else { self.first };
        sts.issued().iter().any(|issued| {
            issued.target == token
                && issued.source == asked.token()
                && sts.calls().iter().any(|call| {
                    call.number == issued.call
                        && call.parameter("audience") == Some(exchange.audience())
                })
        })
    }

    /// Whether this may stand in the place of the target where there is no exchange.
    fn may_stand(&self, asked: &Asked<'_>, token: &str) -> bool {
        let is_its_own = self.configuration.carry == Carry::Authorization && token == asked.token();
        let mut all = Exchange::ALL.into_iter();
        is_its_own
            || asked.forges() && token == FORGED
            || all.any(|exchange| self.is_of(asked, exchange, token))
    }
}

/// The locations by which a request came, its last one included. What NGINX leads on without the query
/// begins anew.
fn trail(call: &Call) -> Vec<usize> {
    let trail = call.header("X-Trail").unwrap_or_default();
    trail.split('.').filter_map(Configuration::number).collect()
}
