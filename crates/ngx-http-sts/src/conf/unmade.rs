//! What is written of exchanges that are never made: requests would go on as if it were not there.
//!
//! It shows when all blocks are merged. A block may have a part of an exchange for the blocks inside
//! of it, so what counts is whether any exchange uses what it says.

use crate::conf::kind::Kind;
use crate::conf::place::{Fault, Place};
use crate::conf::settings::Settings;
use crate::nginx::conf::{Block, Conf};

/// What was found while blocks were merged.
#[derive(Default)]
pub(crate) struct Unmade {
    suspects: Vec<Suspect>,
    /// The directives that some exchange uses.
    used: Vec<Place>,
    has_merged_http: bool,
}

/// A block with all that an exchange needs but the type.
struct Suspect {
    place: Place,
    /// What it says itself of endpoint and source.
    own: Vec<Place>,
    /// The endpoint that holds in it.
    endpoint: Place,
    /// What is missing.
    remedy: &'static str,
    whereabouts: String,
    /// It serves requests itself, and not only by the blocks in it.
    serves: bool,
    /// The type was switched off around it.
    is_disabled: bool,
}

/// The directives without which there is no exchange but for the type, and how that is written.
const ENDPOINTS: [(&str, &str); 7] = [
    ("STSOTXEndpoint", "STSType otx"),
    ("STSROPCEndpoint", "STSType ropc"),
    ("STSROPC", "STSType ropc"),
    ("STSCCEndpoint", "STSType cc"),
    ("STSWSTrustEndpoint", "STSType wstrust"),
    ("STSEndpoint", "STSType"),
    ("STSJWTKeyFile", "STSType jwt"),
];
const SOURCES: [&str; 2] = ["STSVariables", "STSAcceptSourceTokenIn"];

impl Unmade {
    /// Whether `http` itself is still to be looked at, which NGINX merges into nothing.
    pub(crate) fn is_first_server(&mut self) -> bool {
        !std::mem::replace(&mut self.has_merged_http, true)
    }

    /// Notes what an exchange is made of.
    pub(crate) fn uses(&mut self, settings: &Settings) {
        for place in parts(settings) {
            if !self.is_used(place) {
                self.used.push(place.clone());
            }
        }
    }

    /// Looks at a block without an exchange: `own` is what is written in it, `settings` what holds.
    /// `http` is no block that NGINX merges.
    pub(crate) fn look(
        &mut self,
        conf: &Conf<'_>,
        own: &Settings,
        settings: &Settings,
        block: Option<&Block>,
    ) {
        let is_disabled = settings.kind == Some(Kind::Disabled);
        if own.kind == Some(Kind::Disabled) {
            return;
        }
        let endpoint = ENDPOINTS
            .into_iter()
            .find_map(|(name, remedy)| Some((name, remedy, settings.places.of(name)?)));
        let Some((name, remedy, endpoint)) = endpoint else { return };
        let passes_accepted = settings.accept.is_some() && settings.pass.is_some();
        if settings.variables.is_none() && !passes_accepted {
            return;
        }
        let names = [name].into_iter().chain(SOURCES);
        // All of it is for somewhere else when none of it was written here.
        let Some(place) = names.filter_map(|name| own.places.of(name)).next().cloned() else {
            return;
        };
        self.suspects.push(Suspect {
            place,
            own: parts(own).cloned().collect(),
            endpoint: endpoint.clone(),
            remedy,
            whereabouts: block.map_or_else(|| "in \"http\"".into(), |_| conf.whereabouts()),
            serves: matches!(block, Some(Block::Location(_) | Block::Nested(_))),
            is_disabled,
        });
    }

    fn is_used(&self, place: &Place) -> bool {
        self.used.iter().any(|used| used.is(place))
    }

    /// When all is merged: fails for the first block whose part of an exchange no exchange uses, and
    /// warns of those that serve requests without one.
    pub(crate) fn check(&self, conf: &Conf<'_>) -> Result<(), Fault> {
        for suspect in &self.suspects {
            let Suspect { place, whereabouts, .. } = suspect;
            let word = suspect.remedy;
            let remedy =
                format!("write \"{word}\" there, or \"STSType disabled\" where none is wanted");
            let is_used = suspect.own.iter().any(|own| self.is_used(own));
            if is_used && suspect.serves {
                conf.warn_at(
                    place,
                    format_args!(
                        "endpoint and source are given without a type, and requests to it are not \
                         exchanged, only those to blocks within: {remedy}, {whereabouts}"
                    ),
                );
            } else if !is_used && !suspect.serves && self.is_used(&suspect.endpoint) {
                // What is said of the source may be for blocks that say it all over again.
                conf.warn_at(
                    place,
                    format_args!(
                        "no exchange takes its source from here, and those blocks within that have no \
                         type make none: {remedy}, {whereabouts}"
                    ),
                );
            } else if !is_used && suspect.is_disabled {
                conf.warn_at(
                    place,
                    format_args!(
                        "endpoint and source are given where \"STSType disabled\" is inherited, and no \
                         exchange is made: {remedy}, {whereabouts}"
                    ),
                );
            } else if !is_used {
                let problem = format!(
                    "endpoint and source are given without a type, so no exchange is made: {remedy}, \
                     {whereabouts}"
                );
                return Err(Fault::at(place, problem));
            }
        }
        Ok(())
    }
}

/// Where endpoints and sources are written.
fn parts(settings: &Settings) -> impl Iterator<Item = &Place> {
    let names = ENDPOINTS.map(|(name, _)| name).into_iter().chain(SOURCES);
    names.filter_map(|name| settings.places.of(name))
}
