//! `STSActorToken`: the token of what acts for the subject (RFC 8693, section 2.1).

use std::rc::Rc;

use sts_core::carry::variable;
use sts_core::options::Template;
use sts_core::parameters::{ACTOR_TOKEN, ACTOR_TOKEN_TYPE, actor_token_type};

use crate::conf::argument::Problem;
use crate::conf::carrier::{self, Accepted, Carrier};
use crate::conf::directive::{self, Block, Refusal};
use crate::conf::place::Fault;
use crate::conf::text::Text;
use crate::parameters::Parameter;

const NAME: &str = "STSActorToken";

/// The word that lets requests without an actor token go on.
const OPTIONAL: &str = "optional";

/// Where an actor token comes from.
pub(crate) struct ActorToken {
    pub(crate) text: Text,
    pub(crate) token_type: String,
    /// Without one, the exchange is that of the subject alone.
    pub(crate) is_optional: bool,
    /// Where it stands in the request, if it is nothing but what stands there: it is found there as a
    /// source is, and removed.
    pub(crate) place: Option<Accepted>,
}

impl ActorToken {
    /// Checks what stands beside it.
    ///
    /// # Errors
    /// The STS would get two actors, or the target as one.
    pub(super) fn check(&self, parameters: &[Parameter], carrier: &Carrier) -> Result<(), Fault> {
        let is_same = |parameter: &&Parameter| {
            [ACTOR_TOKEN, ACTOR_TOKEN_TYPE].contains(&parameter.name.as_str())
        };
        if let Some(Parameter { name, place, .. }) = parameters.iter().find(is_same) {
            let problem = format!(
                "\"STSRequestParameter\" (option \"params\"): \"{name}\" is already sent by \
                 \"{NAME}\" (option \"{ACTOR_TOKEN}\"): leave one of them out"
            );
            return Err(Fault { problem, place: place.clone() });
        }
        let text = self.text.template.to_argument();
        for target in carrier.target_names() {
            for name in variable::names(&text) {
                variable::check_is_other(name, target).map_err(|error| {
                    Problem::from(format!("\"{NAME}\" (option \"{ACTOR_TOKEN}\"): {error}"))
                })?;
            }
        }
        Ok(())
    }
}

/// `value [type] [optional]`
pub(super) fn set(block: &mut Block<'_>, arguments: &[&str]) -> directive::Accepted {
    if block.settings.actor_token.is_some() {
        return Err(Refusal::Duplicate);
    }
    let (value, token_type, is_optional) = match arguments {
        [_, OPTIONAL] => {
            let problem = "\"optional\" is the third word: the type of the token comes before it, as in \
                           \"STSActorToken $actor_token access_token optional\"";
            return Err(Problem::from(problem).into());
        }
        [value] => (*value, None, false),
        [value, token_type] => (*value, Some(*token_type), false),
        [value, token_type, OPTIONAL] => (*value, Some(*token_type), true),
        _ => return Err(Problem::from("the third word can only be \"optional\"").into()),
    };
    let token_type = actor_token_type(token_type).map_err(Problem::from)?;
    let template = Template::of_argument(value);
    if template.is_empty() {
        return Err(Problem::from("the value must not be empty").into());
    }
    variable::check_source(value, "").map_err(|error| error.to_string())?;
    if let Some(capture) = variable::capture(value) {
        carrier::warn_of_capture(block.conf, NAME, capture);
    }
    let text = Text::compile(block.conf, template)?;
    let place = Accepted::named_by(block.conf, value)?;
    let place =
        place.map(|place| Accepted { text: format!("actor {}", place.text).into(), ..place });
    block.settings.actor_token = Some(Rc::new(ActorToken { text, token_type, is_optional, place }));
    Ok(())
}
