//! How real servers say no: the same mistakes of a request, in the words of each of them.
//!
//! An STS with manners issues tokens as any other. Where it would refuse, it gives the answer that the
//! real server gave, as far as that was recorded; else its own. A source token may ask for any of the
//! recorded answers by the word `as-SCENARIO`, such as `as-not-enabled.alice`.

mod recorded;

use std::str::FromStr;

use crate::http::answer::Answer;
use crate::server::call::Call;
use crate::sts::{client_auth, password};
use recorded::Recorded;

/// The manners of one server.
#[derive(Clone, Copy, Debug)]
pub struct Manners {
    name: &'static str,
    recorded: &'static [Recorded],
    table: &'static [(Wrong, &'static str)],
}

/// What may be wrong in a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wrong {
    /// The client gives no client id.
    NoClient,
    /// It is not known here.
    UnknownClient,
    /// Its authentication fails.
    Secret,
    /// There is no such path.
    Path,
    /// The source token.
    Source,
    /// The source token, as a password.
    Password,
    SubjectType,
    RequestedType,
    GrantType,
    Scope,
    Target,
    /// A message of WS-Trust.
    Message,
}

/// What each server answered to what is wrong.
const ALL: [Manners; 6] = [
    Manners {
        name: "keycloak",
        recorded: recorded::KEYCLOAK,
        table: &[
            (Wrong::NoClient, "no-client"),
            (Wrong::UnknownClient, "unknown-client"),
            (Wrong::Secret, "wrong-secret-basic"),
            (Wrong::Path, "wrong-realm"),
            (Wrong::Source, "subject-garbage"),
            (Wrong::Password, "ropc-wrong-password"),
            (Wrong::SubjectType, "subject-type-jwt"),
            (Wrong::RequestedType, "requested-jwt"),
            (Wrong::Scope, "scope-unknown"),
        ],
    },
    Manners {
        name: "dex",
        recorded: recorded::DEX,
        table: &[
            (Wrong::NoClient, "no-client"),
            (Wrong::UnknownClient, "unknown-client"),
            (Wrong::Secret, "wrong-secret"),
            (Wrong::Path, "endpoint-404"),
            (Wrong::Source, "subject-garbage"),
            (Wrong::Password, "ropc-wrong-password"),
            (Wrong::SubjectType, "subject-type-jwt"),
            (Wrong::RequestedType, "requested-jwt"),
        ],
    },
    Manners {
        name: "oidc-provider",
        recorded: recorded::OIDC_PROVIDER,
        table: &[
            (Wrong::NoClient, "no-client"),
            (Wrong::UnknownClient, "unknown-client"),
            (Wrong::Secret, "wrong-secret"),
            (Wrong::Path, "endpoint-404"),
            (Wrong::Source, "subject-garbage"),
            (Wrong::Password, "ropc-unsupported"),
            (Wrong::SubjectType, "subject-type"),
            (Wrong::GrantType, "ropc-unsupported"),
            (Wrong::Scope, "invalid-scope"),
            (Wrong::Target, "invalid-target"),
        ],
    },
    Manners {
        name: "zitadel",
        recorded: recorded::ZITADEL,
        table: &[
            (Wrong::NoClient, "no-client"),
            (Wrong::UnknownClient, "unknown-client"),
            (Wrong::Secret, "wrong-secret"),
            (Wrong::Path, "endpoint-root"),
            (Wrong::Source, "subject-garbage"),
            (Wrong::RequestedType, "otx-jwt"),
        ],
    },
    Manners {
        name: "navikt",
        recorded: recorded::NAVIKT,
        table: &[
            (Wrong::NoClient, "no-client"),
            (Wrong::Path, "endpoint-issuer"),
            (Wrong::Source, "subject-garbage"),
        ],
    },
    Manners { name: "cxf", recorded: recorded::CXF, table: &[(Wrong::Message, "fault-default")] },
];

impl Manners {
    /// What the server answered in a scenario, where that was recorded.
    pub fn answer(&self, scenario: &str) -> Option<Answer> {
        let (_, file) = self.recorded.iter().find(|(name, _)| *name == scenario)?;
        recorded::answer(file)
    }

    /// What it says to a request in which this is wrong.
    pub(super) fn on(&self, wrong: Wrong) -> Option<Answer> {
        let (_, scenario) = self.table.iter().find(|(known, _)| *known == wrong)?;
        self.answer(scenario)
    }

    /// What it says in place of what another STS would say.
    pub(super) fn instead(
        &self,
        call: &Call,
        result: &Result<String, String>,
        is_known: impl Fn(&str) -> bool,
    ) -> Option<Answer> {
        // A client that is not let in asks for nothing.
        let asked = result.as_ref().ok().and_then(|_| self.asked_for(call.subject()?));
        asked.or_else(|| self.on(wrong(call, result, is_known)?))
    }

    /// What a source token asks for by its first word.
    fn asked_for(&self, source: &str) -> Option<Answer> {
        let scenario = source.strip_prefix("as-")?.split('.').next()?;
        self.answer(scenario)
    }
}

impl FromStr for Manners {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        ALL.into_iter().find(|manners| manners.name == name).ok_or_else(|| {
            let names = ALL.map(|manners| manners.name).join(", ");
            format!("there are the manners of {names}")
        })
    }
}

/// What is wrong in a request that ended so, or is to other servers than this one.
fn wrong(
    call: &Call,
    result: &Result<String, String>,
    is_known: impl Fn(&str) -> bool,
) -> Option<Wrong> {
    let is_jwt = |name| call.parameter(name).is_some_and(|value| value.ends_with(":jwt"));
    let code = match result {
        Err(note) => note.split(':').next().unwrap_or_default(),
        Ok(_) if is_jwt("requested_token_type") => return Some(Wrong::RequestedType),
        Ok(_) if is_jwt("subject_token_type") => return Some(Wrong::SubjectType),
        Ok(_) => return None,
    };
    Some(match code {
        "invalid_client" => match client_auth::claimed(call) {
            None => Wrong::NoClient,
            Some(id) if is_known(&id) => Wrong::Secret,
            Some(_) => Wrong::UnknownClient,
        },
        "invalid_grant" if call.parameter("grant_type") == Some(password::GRANT_TYPE) => {
            Wrong::Password
        }
        "invalid_grant" => Wrong::Source,
        "invalid_scope" => Wrong::Scope,
        "invalid_target" => Wrong::Target,
        "unsupported_grant_type" => Wrong::GrantType,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_recorded_answer_can_be_read_and_every_row_has_one() {
        for manners in ALL {
            assert!(manners.recorded.iter().all(|(_, file)| recorded::answer(file).is_some()));
            for (wrong, _) in manners.table {
                assert!(manners.on(*wrong).is_some(), "{} {wrong:?}", manners.name);
            }
        }
    }

    #[test]
    fn manners_are_known_by_name() {
        let dex: Manners = "dex".parse().unwrap();
        let answer = dex.asked_for("as-subject-garbage.alice").unwrap();
        assert_eq!(answer.status_code(), 401);
        assert!(dex.asked_for("as-nothing.alice").is_none() && dex.asked_for("alice").is_none());
        assert!("unknown".parse::<Manners>().unwrap_err().contains("keycloak, dex"));
    }
}
