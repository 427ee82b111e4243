//! `STSName`: what exchanges are called.

use std::cell::RefCell;
use std::rc::Rc;

use sts_core::endpoint::Endpoint;

use crate::conf::argument::Problem;
use crate::conf::place::Fault;
use crate::conf::settings::Settings;
use crate::counters::{Counters, Tally};

/// Bytes that a name may have.
const LONGEST: usize = 64;

/// The names of a configuration, with what is counted under each.
#[derive(Default)]
pub(crate) struct Names {
    pub(crate) counters: Rc<Counters>,
    tallies: Rc<RefCell<Vec<Rc<Tally>>>>,
}

/// Reads a name.
pub(super) fn parse(name: &str) -> Result<String, Problem> {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-:/@".contains(&byte);
    if (1..=LONGEST).contains(&name.len()) && name.bytes().all(is_allowed) {
        return Ok(name.to_owned());
    }
    Err(format!(
        "a name has at most {LONGEST} letters of ASCII, digits and \".\", \"_\", \"-\", \":\", \"/\", \
         \"@\", as in \"orders\""
    ))
}

impl Names {
    /// What is counted of an exchange. One without a name of its own is called by its type and host; one
    /// without an endpoint makes its tokens here.
    ///
    /// # Errors
    /// The name is that of another exchange.
    pub(super) fn tally(
        &mut self,
        settings: &Settings,
        kind: &'static str,
        endpoint: Option<&Endpoint>,
    ) -> Result<Rc<Tally>, Fault> {
        let name = settings.name.as_deref();
        // A blank is in no name that the operator gives.
        let full = name.map_or_else(
            || format!("{kind} {}", endpoint.map_or("here", Endpoint::authority)),
            str::to_owned,
        );
        let endpoint = endpoint.map_or("", |endpoint| without_query(endpoint.url()));
        let mut tallies = self.tallies.borrow_mut();
        let Some(known) = tallies.iter().find(|known| known.name == full) else {
            let is_named = name.is_some();
            let tally = Tally::new(&self.counters, full, is_named, kind, endpoint.to_owned());
            let tally = Rc::new(tally);
            tallies.push(tally.clone());
            return Ok(tally);
        };
        if name.is_some() && (known.kind != kind || known.endpoint != endpoint) {
            let problem = format!(
                "\"STSName\": \"{full}\" is called another exchange already, of type \"{}\" at \"{}\": \
                 give each a name of its own, in the block where it is written",
                known.kind, known.endpoint,
            );
            return Err(Fault { problem, place: settings.places.of("STSName").cloned() });
        }
        Ok(known.clone())
    }

    /// All of them, also those that are still to come.
    pub(crate) fn all(&self) -> &Rc<RefCell<Vec<Rc<Tally>>>> {
        &self.tallies
    }
}

/// A query may hold a secret.
fn without_query(url: &str) -> &str {
    url.split(['?', '#']).next().unwrap_or_default()
}
