//! `STSRetryOn`: answers of the backend after which a request is sent once more, with another token.
//!
//! It begins anew in a named location of the same server. What that is shows only when all blocks are
//! merged.

use std::rc::Rc;

use crate::conf::Exchange;
use crate::conf::argument::Problem;
use crate::conf::chain::Chains;
use crate::conf::place::{Fault, Place};
use crate::conf::purge_on;
use crate::nginx::conf::Conf;

/// After which answers, and where.
pub(crate) struct RetryOn {
    statuses: Vec<u16>,
    location: String,
}

impl RetryOn {
    /// Whether a request is sent once more after such an answer.
    pub(super) fn names(&self, status: usize) -> bool {
        self.statuses.iter().any(|one| usize::from(*one) == status)
    }

    /// The name of the location.
    pub(super) fn location(&self) -> &str {
        &self.location
    }
}

/// `status ... @name | off`
pub(super) fn parse(arguments: &[&str]) -> Result<Option<Rc<RetryOn>>, Problem> {
    match arguments {
        [word] if word.eq_ignore_ascii_case("off") => Ok(None),
        [statuses @ .., name]
            if !statuses.is_empty() && name.len() > 1 && name.starts_with('@') =>
        {
            let (statuses, location) = (purge_on::statuses(statuses)?, (*name).to_owned());
            Ok(Some(Rc::new(RetryOn { statuses, location })))
        }
        _ => Err("write statuses from 400 to 499 and the name of a named location with the same \
                  exchange, as in \"401 @again\"; or \"off\""
            .into()),
    }
}

/// The exchanges that have such a location.
#[derive(Default)]
pub(crate) struct Retries(Vec<Retrying>);

struct Retrying {
    server: usize,
    exchange: Rc<Exchange>,
    name: String,
    place: Option<Place>,
    whereabouts: String,
}

impl Retries {
    /// Notes the exchange of a block once it is made.
    pub(super) fn note(&mut self, conf: &Conf<'_>, exchange: &Rc<Exchange>, place: Option<&Place>) {
        let retry = exchange.purge_on.as_ref().and_then(|purge_on| purge_on.retry());
        let Some(retry) = retry else { return };
        self.0.push(Retrying {
            server: conf.server_id(),
            exchange: exchange.clone(),
            name: retry.location.clone(),
            place: place.cloned(),
            whereabouts: conf.whereabouts(),
        });
    }

    /// Checks where requests begin anew, when all blocks are merged.
    ///
    /// # Errors
    /// There is no such location, or it has another exchange.
    pub(super) fn finish(&self, chains: &Chains) -> Result<(), Fault> {
        self.0.iter().try_for_each(|retrying| retrying.check(chains))
    }
}

impl Retrying {
    fn check(&self, chains: &Chains) -> Result<(), Fault> {
        let name = &self.name;
        let Some(found) = chains.named(self.server, name) else {
            return Err(self.fault(&format!(
                "there is no location \"{name}\" with an exchange in this server: write \"location \
                 {name} {{ ... }}\" with the same exchange, and what passes requests to the backend"
            )));
        };
        let remedy =
            "write the exchange in the \"server\" block, from which both locations inherit it";
        if found.is_step.get() {
            return Err(self.fault(&format!(
                "\"{name}\" is a part of another exchange (\"STSDependsOn\") and serves no request: name \
                 another location"
            )));
        }
        if found.id != self.exchange.id {
            return Err(self.fault(&format!(
                "\"{name}\" has another exchange than the location that it is for: {remedy}, or \
                 \"STSRetryOn off\" where there is no such location"
            )));
        }
        let (own, other) = (&self.exchange.cache, &found.cache);
        let is_same_cache = match (own, other) {
            (Some(own), Some(other)) => own.is_same_as(other),
            _ => false,
        };
        if !is_same_cache {
            return Err(self.fault(&format!(
                "\"{name}\" has another cache than the location that it is for, where the token that the \
                 backend refuses may lie: {remedy}, and \"STSCache\" options with it"
            )));
        }
        Ok(())
    }

    fn fault(&self, problem: &str) -> Fault {
        let problem =
            format!("\"STSRetryOn\" (option \"retry_on\"): {problem}, {}", self.whereabouts);
        match &self.place {
            Some(place) => Fault::at(place, problem),
            None => Fault::from(problem),
        }
    }
}
