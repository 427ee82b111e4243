//! What can be read about an exchange.

use crate::context::Outcome;
use crate::nginx::clock;
use crate::nginx::log::Level;
use crate::nginx::request::Request;

/// What a variable tells of the last exchange of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fact {
    Status,
    Error,
    ExpiresIn,
}

impl Fact {
    pub(crate) const ALL: [(&str, Self); 3] = [
        ("sts_status", Self::Status),
        ("sts_error", Self::Error),
        ("sts_expires_in", Self::ExpiresIn),
    ];

    /// The one that has this number as its data.
    fn numbered(number: usize) -> Option<Self> {
        Self::ALL.into_iter().map(|(_, fact)| fact).find(|fact| *fact as usize == number)
    }
}

/// `$sts_status`, `$sts_error`, `$sts_expires_in`: nothing without an exchange.
pub(crate) fn fact(request: Request<'_>, fact: usize) -> Option<&[u8]> {
    let outcome = &request.context()?.passes().last()?.outcome;
    match (Fact::numbered(fact)?, outcome) {
        (Fact::Status, Outcome::Granted(granted)) => Some(granted.how.name().as_bytes()),
        (Fact::Status, Outcome::Passed(_)) => Some(b"PASSED"),
        (Fact::Status, Outcome::Failed(_)) => Some(b"FAILED"),
        (Fact::Error, Outcome::Passed(kind) | Outcome::Failed(kind)) => {
            Some(kind.name().as_bytes())
        }
        (Fact::ExpiresIn, Outcome::Granted(granted)) => {
            let left = granted.until.saturating_sub(clock::milliseconds()) / 1000;
            request.bytes(left.to_string().as_bytes()).ok()
        }
        (Fact::Error, Outcome::Granted(_)) | (Fact::ExpiresIn, _) => None,
    }
}

/// The target token, where it may be seen: in the exchange that it was issued by, and where no
/// exchange is configured. A location with another exchange must not get it.
pub(crate) fn target(request: Request<'_>, index: usize) -> Option<&[u8]> {
    let in_force = request.location()?.exchange();
    let context = request.context();
    let pass = context.and_then(|context| match in_force {
        Some(exchange) => context.pass_of(exchange.id).filter(|pass| {
            // A location with the same exchange may have another name for the target. It may also
            // ask for something else, which is not known before its phase.
            let named = pass.target == Some(index) || exchange.carrier.target == Some(index);
            named && pass.is_judged(request.main().pass_number())
        }),
        None => context.passes().filter(|pass| pass.target == Some(index)).last(),
    });
    if pass.is_none() && in_force.is_some_and(|exchange| exchange.carrier.target == Some(index)) {
        warn_of_early_reader(request);
    }
    let token = pass.and_then(|pass| match in_force {
        Some(exchange) => pass.token_as(exchange.target_encoding),
        None => pass.token(),
    });
    token.filter(|token| !token.is_empty())
}

fn warn_of_early_reader(request: Request<'_>) {
    let main = request.main();
    if main.is_answered() {
        return;
    }
    if main.context_or_new().is_ok_and(|context| context.warn_once()) {
        request.log(
            Level::Warn,
            format_args!(
                "sts: the target variable was read before the exchange has run, and is empty: \
                 use it later, or have the exchange earlier with \"STSPhase\""
            ),
        );
    }
}
