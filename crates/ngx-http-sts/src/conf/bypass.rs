//! `STSBypass`: requests that are not exchanged.

use std::rc::Rc;

use sts_core::carry::place::Kind;
use sts_core::carry::variable;
use sts_core::options::Template;

use crate::conf::argument::Problem;
use crate::conf::carrier::Carrier;
use crate::conf::directive::{Accepted, Block};
use crate::conf::text::Text;
use crate::nginx::conf::Conf;
use crate::nginx::request::{OutOfMemory, Request};

const NAME: &str = "STSBypass";

/// The values of which one decides.
#[derive(Default)]
pub(crate) struct Bypass(Vec<Text>);

impl Bypass {
    /// Whether a value is neither empty nor `0`, as `proxy_cache_bypass` has it.
    pub(crate) fn holds(&self, request: Request<'_>) -> Result<bool, OutOfMemory> {
        for text in &self.0 {
            if !matches!(text.evaluate(request)?, b"" | b"0") {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Tells where a source is removed that should stay.
    pub(super) fn check(&self, conf: &Conf<'_>, carrier: &Carrier) {
        let is_never =
            |text: &Text| text.template.literal().is_some_and(|it| it == "0" || it.is_empty());
        if carrier.pass.is_empty() || self.0.iter().all(is_never) {
            return;
        }
        let variable = carrier.variables.as_ref();
        let is_unknown = variable
            .is_some_and(|it| !it.source_text.is_empty() && it.place.is_none())
            || carrier.accept.iter().any(|accepted| accepted.place.kind == Kind::Environment);
        if is_unknown && !carrier.source_text.is_empty() {
            conf.warn(format_args!(
                "\"{NAME}\": the source comes from a variable, and where in the request it stands is \
                 not known: what \"STSPassTargetTokenIn\" names is removed from a request that is not \
                 exchanged, the source too where it stands there. Name its place with \
                 \"STSAcceptSourceTokenIn\", and it stays"
            ));
        }
    }
}

/// `value ...`, repeatable.
pub(super) fn add(block: &mut Block<'_>, arguments: &[&str]) -> Accepted {
    for argument in arguments {
        warn_of_client(block.conf, argument);
        let text = Text::compile(block.conf, Template::of_argument(argument))?;
        let list = Rc::get_mut(block.settings.bypass.get_or_insert_default());
        let Bypass(list) = list.ok_or_else(|| Problem::from("the list is in use"))?;
        list.push(text);
    }
    Ok(())
}

fn warn_of_client(conf: &Conf<'_>, text: &str) {
    let is_clients = |name: &&str| {
        let name = name.to_ascii_lowercase();
        ["http_", "arg_", "cookie_"].iter().any(|start| name.starts_with(start))
    };
    if let Some(name) = variable::names(text).find(is_clients) {
        conf.warn(format_args!(
            "\"{NAME}\": a client sets \"${name}\" as it likes, and so decides itself that its request \
             is not exchanged and its own token goes on: use a variable of a \"map\" or \"geo\" over \
             what a client cannot choose"
        ));
    }
}
