//! Where directives stand, so that what shows only when blocks are put together can be said of them.

use crate::conf::argument::Problem;
use crate::conf::directive::{Directive, Part};
pub(crate) use crate::nginx::conf::place::{Files, Place};

/// The directives that hold in a block, with the places where they were written.
#[derive(Clone, Default)]
pub(crate) struct Places(Vec<(&'static Directive, Place)>);

/// What is wrong with settings, and where, if it is more than what its text names.
pub(crate) struct Fault {
    pub(crate) problem: Problem,
    pub(crate) place: Option<Place>,
}

impl Places {
    pub(crate) fn add(&mut self, directive: &'static Directive, place: Place) {
        self.0.push((directive, place));
    }

    /// Takes those of the block around of which this one has none.
    pub(crate) fn inherit(&mut self, outer: &Self, part: Part) {
        let own = self.0.len();
        for (directive, place) in &outer.0 {
            let is_new = |(known, _): &(&'static Directive, Place)| !known.is_same(directive);
            if directive.part == part && self.0.iter().take(own).all(is_new) {
                self.0.push((directive, place.clone()));
            }
        }
    }

    /// Where the directive of a name was written last.
    pub(crate) fn of(&self, name: &str) -> Option<&Place> {
        let found = self.0.iter().rfind(|(directive, _)| directive.is(name));
        found.map(|(_, place)| place)
    }

    /// Where the directive stands that a text is about: messages name it in quotes. A text that names
    /// several is about the first one that was written; one that names none, or none that was
    /// written, is about what makes the exchange.
    pub(crate) fn named_in(&self, text: &str) -> Option<&Place> {
        let words = text.split('"').skip(1).step_by(2);
        let names = words.filter_map(|words| words.split(' ').next());
        names.chain(["STSExchange", "STSType"]).find_map(|name| self.of(name))
    }
}

impl Fault {
    /// What is wrong with the directive at a place.
    pub(crate) fn at(place: &Place, problem: impl Into<Problem>) -> Self {
        Self { problem: problem.into(), place: Some(place.clone()) }
    }

    /// Looks the place up where the text has to tell it.
    pub(crate) fn placed(self, places: &Places) -> Self {
        let place = self.place.or_else(|| places.named_in(&self.problem).cloned());
        Self { place, ..self }
    }
}

impl From<Problem> for Fault {
    fn from(problem: Problem) -> Self {
        Self { problem, place: None }
    }
}
