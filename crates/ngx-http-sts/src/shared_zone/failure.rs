//! How the failure of a call lies in the zone, for those of other workers that wait for it.

use std::rc::Rc;

use sts_core::error::{Doubt, Failure, FailureKind};
use sts_core::issued::TokenType;
use sts_core::step_up::StepUp;

use sts_flight::failed::{Exceeded, Failed};

/// The words for the limits that mean the same in every worker.
const TIME: &str = "time";
const RESPONSE: &str = "response ";
const TOKEN_TYPE: &str = "type ";

/// Between two codes, none of which has one in it.
const BETWEEN: &str = "\"";

/// Lines: the kind, `Retry-After`, the limit that was exceeded, the codes of the STS, the doubt, what the
/// client has to do; the rest is the reason.
pub(crate) fn encode(failed: &Failed) -> Vec<u8> {
    let Failed { failure, exceeded } = failed;
    let retry_after = failure.retry_after.as_deref().unwrap_or_default();
    let exceeded = match exceeded {
        Some(Exceeded::Time) => TIME.to_owned(),
        Some(Exceeded::Response(bytes)) => format!("{RESPONSE}{bytes}"),
        Some(Exceeded::TokenType(token_type)) => {
            // Of a word that no location can name it does not matter what it is.
            let word = token_type.word().unwrap_or_default();
            let word = if word.bytes().all(|byte| byte.is_ascii_graphic()) { word } else { "" };
            format!("{TOKEN_TYPE}{word}")
        }
        Some(Exceeded::Calls(_) | Exceeded::Share(_) | Exceeded::Breaker | Exceeded::Worker)
        | None => String::new(),
    };
    let codes = failure.codes.iter().collect::<Vec<_>>().join(BETWEEN);
    let doubt = failure.doubt.map(Doubt::name).unwrap_or_default();
    let step_up = failure.step_up.as_deref().map(StepUp::to_line).unwrap_or_default();
    let (kind, reason) = (failure.kind.name(), &failure.reason);
    format!("{kind}\n{retry_after}\n{exceeded}\n{codes}\n{doubt}\n{step_up}\n{reason}").into_bytes()
}

/// What [`encode`] wrote. What cannot be read is a failure all the same.
pub(crate) fn decode(payload: &[u8]) -> Failed {
    let text = String::from_utf8_lossy(payload);
    let mut parts = text.splitn(7, '\n');
    let kind = FailureKind::from_name(parts.next().unwrap_or_default());
    let retry_after = parts.next().filter(|text| !text.is_empty()).map(str::to_owned);
    let exceeded = match parts.next() {
        Some(TIME) => Some(Exceeded::Time),
        Some(other) => match other.strip_prefix(TOKEN_TYPE) {
            Some(word) => Some(Exceeded::TokenType(TokenType::of(word))),
            None => other
                .strip_prefix(RESPONSE)
                .and_then(|bytes| bytes.parse().ok())
                .map(Exceeded::Response),
        },
        None => None,
    };
    let codes = parts.next().unwrap_or_default().split(BETWEEN);
    let codes = codes.collect();
    let doubt = parts.next().and_then(Doubt::from_name);
    let step_up = parts.next().and_then(StepUp::of_line).map(Rc::new);
    let reason = parts.next().unwrap_or("another worker's call failed").to_owned();
    let kind = kind.unwrap_or(FailureKind::Unreachable);
    // How long another worker's call took is of no request here.
    let call_time = None;
    let failure = Failure { kind, reason, retry_after, codes, step_up, doubt, call_time };
    Failed { failure, exceeded }
}
