//! What was written in one block, in either syntax, and what holds there.
//!
//! An exchange can be written in directives that set one thing each, or all in one `STSExchange`; both
//! fill [`Settings`]. The first are inherited one by one. An `STSExchange` is inherited as a whole: a
//! block that replaces it has none of its options, nor has it any of the exchange's directives around it.

use crate::conf::argument::Problem;
use crate::conf::directive::{Accepted, Block, Directive, Part};
use crate::conf::issuer;
use crate::conf::kind::Kind;
use crate::conf::main::MainConf;
use crate::conf::ropc_directive;
use crate::conf::settings::Settings;
use crate::nginx::conf::Conf;

/// What was written in one block.
#[derive(Default)]
pub(crate) struct Written {
    /// By directives that set one thing each.
    pub(crate) settings: Settings,
    /// Which ones.
    names: Vec<&'static Directive>,
    /// By an `STSExchange`.
    whole: Option<Whole>,
}

/// What an `STSExchange` says.
pub(crate) struct Whole {
    pub(crate) settings: Settings,
    /// The directives that its options stand for.
    pub(crate) keys: Vec<&'static Directive>,
}

/// What holds in a block: what is written in it, and what it inherits.
#[derive(Clone, Default)]
pub(crate) struct InForce {
    pub(crate) settings: Settings,
    /// What remains for a block that replaces the exchange.
    common: Settings,
    /// The exchange is that of an `STSExchange`.
    is_whole: bool,
}

impl Written {
    /// Takes a directive.
    pub(crate) fn take(
        &mut self,
        directive: &'static Directive,
        conf: &Conf<'_>,
        main: &mut MainConf,
        arguments: &[&str],
    ) -> Accepted {
        if let Some(whole) = &self.whole {
            if directive.part == Part::Exchange {
                return Err(
                    Problem::from("it cannot be mixed with \"STSExchange\" in one block").into()
                );
            }
            if whole.keys.iter().any(|key| key.is_same(directive)) {
                return Err(Problem::from("\"STSExchange\" has it as an option already").into());
            }
        }
        ropc_directive::check_beside(&self.names, directive)?;
        issuer::check_beside(&self.names, directive)?;
        let place = main.files.here(conf);
        let had_whole = self.whole.is_some();
        let mut block = Block {
            conf,
            main,
            settings: &mut self.settings,
            names: &self.names,
            whole: &mut self.whole,
            directive,
            place: &place,
            is_option: false,
        };
        (directive.set)(&mut block, arguments)?;
        self.names.push(directive);
        if self.whole.is_some() == had_whole {
            self.settings.places.add(directive, place);
        }
        Ok(())
    }

    /// Whether the block itself says something of what is exchanged, and when.
    pub(crate) fn changes_exchange(&self) -> bool {
        self.whole.is_some()
            || self.names.iter().any(|directive| directive.part == Part::Exchange)
            || self.settings.actor_token.is_some()
            || self.settings.request_headers.is_some()
            || self.settings.bypass.is_some()
            || self.settings.variables.is_some()
            || self.settings.accept.is_some()
            || self.settings.source_encoding.is_some()
            || self.settings.target_encoding.is_some()
            || self.settings.phase.is_some()
    }

    /// The locations that the block itself says its exchange depends on.
    fn depends_on(&self) -> Option<&Vec<String>> {
        let of_whole = self.whole.as_ref().and_then(|whole| whole.settings.depends_on.as_ref());
        of_whole.or(self.settings.depends_on.as_ref()).map(|names| &**names)
    }

    /// What holds in the block with this name, inside of one where `outer` holds. An exchange that is made
    /// for those around it depends on none of the others: it would be on itself.
    pub(crate) fn inside_as(&self, name: Option<&str>, outer: &InForce) -> InForce {
        let mut in_force = self.inside(outer);
        let needs = &mut in_force.settings.depends_on;
        let is_leg = |needs: &Vec<String>| needs.iter().any(|need| Some(need.as_str()) == name);
        if self.depends_on().is_none() && needs.as_deref().is_some_and(is_leg) {
            *needs = None;
        }
        in_force
    }

    /// What holds in the block, inside of one where `outer` holds.
    pub(crate) fn inside(&self, outer: &InForce) -> InForce {
        let mut settings =
            self.whole.as_ref().map(|whole| whole.settings.clone()).unwrap_or_default();
        settings.inherit(&self.settings);
        let mut common = self.settings.clone();
        common.inherit_common(&outer.common);
        let has_type = self.settings.kind.is_some_and(|kind| kind != Kind::Disabled);
        let replaces = self.whole.is_some() || (has_type && outer.is_whole);
        if replaces {
            settings.inherit_common(&outer.common);
        } else {
            settings.inherit(&outer.settings);
        }
        let is_whole = self.whole.is_some() || (outer.is_whole && !replaces);
        InForce { settings, common, is_whole }
    }
}
