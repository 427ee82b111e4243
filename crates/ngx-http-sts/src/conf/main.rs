//! What all locations of a configuration share.

use crate::conf::cache::Caches;
use crate::conf::error_pages::ErrorPages;
use crate::conf::exchange::Identity;
use crate::conf::place::{Fault, Files};
use crate::conf::targets::Targets;
use crate::conf::unmade::Unmade;
use crate::credentials::Credentials;
use crate::http::Destinations;
use crate::nginx::conf::Conf;
use crate::nginx::phase::Phase;
use crate::nginx::value::Reported;
use crate::report::Histories;
use crate::variables;

/// Shared by all blocks of a configuration.
#[derive(Default)]
pub(crate) struct MainConf {
    pub(crate) targets: Targets,
    pub(crate) destinations: Destinations,
    pub(crate) caches: Caches,
    pub(crate) credentials: Credentials,
    pub(crate) error_pages: ErrorPages,
    pub(crate) files: Files,
    pub(crate) unmade: Unmade,
    pub(crate) histories: Histories,
    exchanges: Vec<Identity>,
    has_source_variable: bool,
    phases: Vec<Phase>,
}

impl MainConf {
    /// The number of an exchange, and whether it was not seen before.
    pub(crate) fn identify(&mut self, identity: Identity) -> (usize, bool) {
        if let Some(known) = self.exchanges.iter().position(|known| *known == identity) {
            return (known, false);
        }
        self.exchanges.push(identity);
        (self.exchanges.len() - 1, true)
    }

    /// Defines `$sts_source_token`, which only configurations have that accept tokens: in others the
    /// name is for `map` and `set`.
    pub(crate) fn define_source(&mut self, conf: &Conf<'_>) -> Result<(), Reported> {
        if !self.has_source_variable {
            variables::define_source(conf)?;
            self.has_source_variable = true;
        }
        Ok(())
    }

    /// Notes that some location is exchanged in a phase: the others cost nothing.
    pub(crate) fn uses(&mut self, phase: Phase) {
        if !self.phases.contains(&phase) {
            self.phases.push(phase);
        }
    }

    /// Looks at what shows only when all blocks are merged.
    ///
    /// # Errors
    /// Something cannot be meant as it is written.
    pub(crate) fn finish(&self, conf: &Conf<'_>) -> Result<(), Fault> {
        self.unmade.check(conf)?;
        self.targets.finish(conf)
    }

    pub(crate) fn phases(&self) -> &[Phase] {
        &self.phases
    }
}
