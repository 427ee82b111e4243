//! What all locations of a configuration share.

use crate::conf::cache::Caches;
use crate::conf::chain::Chains;
use crate::conf::error_pages::ErrorPages;
use crate::conf::exchange::Identity;
use crate::conf::place::{Fault, Files};
use crate::conf::publications::Publications;
use crate::conf::targets::Targets;
use crate::conf::unmade::Unmade;
use crate::credentials::Credentials;
use crate::discovery::Discoveries;
use crate::history::Histories;
use crate::http::Destinations;
use crate::nginx::conf::Conf;
use crate::nginx::phase::Phase;
use crate::nginx::variable::Guard;

/// Shared by all blocks of a configuration.
#[derive(Default)]
pub(crate) struct MainConf {
    pub(crate) targets: Targets,
    pub(crate) destinations: Destinations,
    pub(crate) discoveries: Discoveries,
    pub(crate) caches: Caches,
    pub(crate) chains: Chains,
    pub(crate) credentials: Credentials,
    pub(crate) error_pages: ErrorPages,
    pub(crate) files: Files,
    pub(crate) unmade: Unmade,
    pub(crate) histories: Histories,
    pub(crate) publications: Publications,
    exchanges: Vec<Identity>,
    accepts_tokens: bool,
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

    /// Notes that tokens are accepted, which `$sts_source_token` tells: in other configurations the
    /// name is for `map` and `set`.
    pub(crate) fn accept_tokens(&mut self) {
        self.accepts_tokens = true;
    }

    /// Whether some location accepts tokens.
    pub(crate) fn accepts_tokens(&self) -> bool {
        self.accepts_tokens
    }

    /// Notes that some location is exchanged in a phase: the others cost nothing.
    pub(crate) fn uses(&mut self, phase: Phase) {
        if !self.phases.contains(&phase) {
            self.phases.push(phase);
        }
    }

    /// Looks at what shows only when all blocks are merged, and lets `R` read the target variables.
    ///
    /// # Errors
    /// Something cannot be meant as it is written.
    pub(crate) fn finish<R: Guard>(&self, conf: &Conf<'_>) -> Result<(), Fault> {
        self.unmade.check(conf)?;
        self.chains.finish()?;
        self.publications.finish()?;
        self.targets.finish::<R>(conf)
    }

    pub(crate) fn phases(&self) -> &[Phase] {
        &self.phases
    }
}
