//! The token of what acts for the subject (RFC 8693, section 2.1).

use sts_core::carry::pairs;
use sts_core::error::{Failure, FailureKind};
use sts_core::options::Template;
use sts_core::parameters::{ACTOR_TOKEN, ACTOR_TOKEN_TYPE};
use sts_core::secret::Secret;
use sts_core::source;

use super::Outcome;
use crate::problem::Problem;
use crate::values::{self, Variables};

/// What the name of a parameter of the query begins with.
const OF_QUERY: &str = "arg_";

/// What `STSActorToken` says.
pub struct Actor {
    /// The token.
    pub token: Template,
    /// Its type, as it is sent.
    pub token_type: String,
    /// There may be none.
    pub is_optional: bool,
}

impl Actor {
    /// Adds the token to what is asked for; the failure is one of the exchange.
    pub(super) fn ask(
        &self,
        allows_bound: bool,
        variables: &dyn Variables,
        outcome: &mut Outcome,
    ) -> Result<Result<(), Failure>, Problem> {
        let value = values::evaluate(&self.token, variables)?;
        outcome.known.add(value.expose());
        let token = match self.is_of_query() {
            // NGINX has it as it stands there.
            true => pairs::decode(value.expose()),
            false => Some(value),
        };
        let Some(token) = token else {
            let reason = "the actor token is not encoded as a parameter of a query is";
            return Ok(Err(Failure::new(FailureKind::BadToken, reason)));
        };
        if token.is_empty() {
            let missing = Failure::new(FailureKind::MissingActor, "no actor token");
            return Ok(if self.is_optional { Ok(()) } else { Err(missing) });
        }
        outcome.known.add(token.expose());
        if !allows_bound && source::claims(token.expose()).is_bound {
            let reason = "the actor token is bound to a key of its client (STSBoundTokens)";
            return Ok(Err(Failure::new(FailureKind::BadToken, reason)));
        }
        outcome.parameters.push((ACTOR_TOKEN.to_owned(), token));
        let token_type = Secret::new(self.token_type.as_str());
        outcome.parameters.push((ACTOR_TOKEN_TYPE.to_owned(), token_type));
        Ok(Ok(()))
    }

    /// It is a parameter of the query, and nothing else: the module takes it from there, and decodes it.
    fn is_of_query(&self) -> bool {
        let text = self.token.to_argument();
        let name = values::alone(&text).unwrap_or_default();
        name.get(..OF_QUERY.len()).is_some_and(|start| start.eq_ignore_ascii_case(OF_QUERY))
    }
}
