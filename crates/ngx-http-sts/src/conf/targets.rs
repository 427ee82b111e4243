//! The target variables of a configuration.

use crate::conf::argument::Problem;
use crate::conf::carrier::Carrier;
use crate::conf::directive::Refusal;
use crate::conf::place::{Fault, Place};
use crate::nginx::conf::Conf;
use crate::nginx::variable::{self, Guard, LateVariable};

/// The names of target variables.
#[derive(Default)]
pub(crate) struct Targets(Vec<Target>);

struct Target {
    name: String,
    variable: LateVariable,
    /// Where it was named first.
    place: Place,
    whereabouts: String,
    /// Some exchange gives it a value.
    is_set: bool,
    /// It was named where exchanges are switched off.
    is_disabled: bool,
}

/// Namespaces in which NGINX may have a variable of any name, beside those that it says itself.
const UPSTREAM: &str = "upstream_";

impl Targets {
    /// The index of a name, which several locations may use.
    pub(crate) fn define(
        &mut self,
        conf: &Conf<'_>,
        place: &Place,
        name: &str,
    ) -> Result<usize, Refusal> {
        // NGINX compares the names of variables without case.
        let known = self.0.iter().position(|known| known.name.eq_ignore_ascii_case(name));
        if let Some(known) = known {
            return Ok(known);
        }
        let is_upstream = name.to_ascii_lowercase().starts_with(UPSTREAM);
        if is_upstream || variable::is_of_nginx(conf, name) {
            return Err(Problem::from(format!(
                "invalid target \"${name}\": names that begin like this one are those of a variable \
                 of NGINX, so use another name, as in $sts_target_token"
            ))
            .into());
        }
        let index = self.0.len();
        let Some(variable) = LateVariable::define(conf, name)? else {
            return Err(Problem::from(taken(name)).into());
        };
        self.0.push(Target {
            name: name.to_owned(),
            variable,
            place: place.clone(),
            whereabouts: conf.block_of_directive(),
            is_set: false,
            is_disabled: false,
        });
        Ok(index)
    }

    /// Notes which ones get a value, where a location passes tokens on.
    pub(crate) fn are_set_by(&mut self, carrier: &Carrier) {
        for index in carrier.targets() {
            if let Some(target) = self.0.get_mut(index) {
                target.is_set = true;
            }
        }
    }

    /// Notes which ones are named where exchanges are switched off.
    pub(crate) fn are_disabled_by(&mut self, carrier: &Carrier) {
        for index in carrier.targets() {
            if let Some(target) = self.0.get_mut(index) {
                target.is_disabled = true;
            }
        }
    }

    /// When all is merged: puts our readers in place, and fails for a name that another directive gives a
    /// value to, and for one that is used and never gets one.
    pub(crate) fn finish<R: Guard>(&self, conf: &Conf<'_>) -> Result<(), Fault> {
        for (index, target) in self.0.iter().enumerate() {
            let Target { name, place, whereabouts, .. } = target;
            if !target.variable.install::<R>(index) {
                let problem = format!("\"STSVariables\": {}{whereabouts}", taken(name));
                return Err(Fault::at(place, problem));
            }
        }
        for target in self.0.iter().filter(|target| !target.is_set) {
            let Target { name, place, whereabouts, .. } = target;
            let problem = if target.is_disabled {
                "is named only where \"STSType disabled\" holds"
            } else {
                "is named only where no exchange is made: \"STSType\" is missing there, or this \
                 directive is not needed"
            };
            let problem = format!("the target variable \"${name}\" {problem}, so it stays empty");
            if !target.is_disabled && variable::is_used(conf, name) {
                return Err(Fault::at(place, format!("{problem}{whereabouts}")));
            }
            conf.warn_at(place, format_args!("{problem}{whereabouts}"));
        }
        Ok(())
    }
}

fn taken(name: &str) -> String {
    format!(
        "the target variable \"${name}\" is also given a value by NGINX or by another directive (\"set\", \
         \"map\", \"geo\", \"auth_request_set\", \"js_set\", a named capture): use another name for the \
         target"
    )
}
