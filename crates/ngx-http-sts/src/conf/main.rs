//! What all locations of a configuration share.

use std::rc::Rc;

use crate::conf::cache::Caches;
use crate::conf::chain::Chains;
use crate::conf::error_pages::ErrorPages;
use crate::conf::identity::Identity;
use crate::conf::name::Names;
use crate::conf::place::{Fault, Files};
use crate::conf::publications::Publications;
use crate::conf::retry_on::Retries;
use crate::conf::targets::Targets;
use crate::conf::unmade::Unmade;
use crate::credentials::Credentials;
use crate::discovery::Discoveries;
use crate::history::Histories;
use crate::http::Destinations;
use crate::nginx::conf::Conf;
use crate::nginx::phase::Phase;
use crate::nginx::value::Reported;
use crate::nginx::variable::{BuiltIn, Guard};
use crate::status::Overview;

/// Shared by all blocks of a configuration.
#[derive(Default)]
pub(crate) struct MainConf {
    pub(crate) targets: Targets,
    pub(crate) destinations: Destinations,
    pub(crate) discoveries: Discoveries,
    pub(crate) caches: Caches,
    pub(crate) chains: Chains,
    pub(crate) retries: Retries,
    pub(crate) credentials: Credentials,
    pub(crate) error_pages: ErrorPages,
    pub(crate) files: Files,
    pub(crate) unmade: Unmade,
    pub(crate) histories: Histories,
    pub(crate) publications: Publications,
    pub(crate) names: Names,
    pub(crate) built_in: BuiltIn,
    exchanges: Vec<Identity>,
    accepts_tokens: bool,
    phases: Vec<Phase>,
    overview: Option<Rc<Overview>>,
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
        self.retries.finish(&self.chains)?;
        self.publications.finish()?;
        self.targets.finish::<R>(conf)
    }

    /// What there is to be seen of all exchanges.
    pub(crate) fn overview(&mut self) -> Rc<Overview> {
        let Self { overview, names, caches, .. } = self;
        overview.get_or_insert_with(|| Rc::new(Overview::new(names, caches))).clone()
    }

    /// Declares the memory of the counters, where there is something to count.
    ///
    /// # Errors
    /// NGINX has no such zone, and has said why.
    pub(crate) fn declare_counters(&self, conf: &Conf<'_>) -> Result<(), Reported> {
        let exchanges = self.names.all().borrow().len();
        let stores = self.caches.stores().borrow().len();
        if exchanges == 0 && self.overview.is_none() {
            return Ok(());
        }
        self.names.counters.declare(conf, exchanges + stores)
    }

    pub(crate) fn phases(&self) -> &[Phase] {
        &self.phases
    }
}
