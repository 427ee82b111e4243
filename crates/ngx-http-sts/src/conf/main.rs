//! What all locations of a configuration share.

use crate::conf::cache::Caches;
use crate::conf::error_pages::ErrorPages;
use crate::conf::exchange::{Identity, Phase};
use crate::credentials::Credentials;
use crate::net::Destinations;
use crate::nginx::conf::Conf;
use crate::nginx::value::Reported;
use crate::nginx::variable::{self, TargetVariable};

/// Shared by all blocks of a configuration.
#[derive(Default)]
pub(crate) struct MainConf {
    pub(crate) targets: Targets,
    pub(crate) destinations: Destinations,
    pub(crate) caches: Caches,
    pub(crate) credentials: Credentials,
    pub(crate) error_pages: ErrorPages,
    exchanges: Vec<Identity>,
    has_source_variable: bool,
    phases: Vec<Phase>,
}

/// The names of target variables.
#[derive(Default)]
pub(crate) struct Targets(Vec<(String, TargetVariable)>);

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
            variable::define_source(conf)?;
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

    pub(crate) fn phases(&self) -> &[Phase] {
        &self.phases
    }
}

impl Targets {
    /// The index of a name, which several locations may use.
    pub(crate) fn define(&mut self, conf: &Conf<'_>, name: &str) -> Result<usize, Reported> {
        // NGINX compares the names of variables without case.
        let known = self.0.iter().position(|(known, _)| known.eq_ignore_ascii_case(name));
        if let Some(known) = known {
            return Ok(known);
        }
        let index = self.0.len();
        self.0.push((name.to_owned(), TargetVariable::define(conf, name, index)?));
        Ok(index)
    }

    /// The name of a target that somebody else gives a value to.
    pub(crate) fn taken(&self) -> Option<&str> {
        self.0.iter().find(|(_, variable)| !variable.is_ours()).map(|(name, _)| name.as_str())
    }
}
