//! What the error codes of OAuth mean to the client of the gateway.

use http::StatusCode;

use super::source::Source;
use crate::error::FailureKind;
use crate::step_up::INSUFFICIENT_USER_AUTHENTICATION;

/// What an `error` code means (RFC 6749, section 5.2; RFC 8693, section 2.2.2), with the status that it
/// came with.
pub(crate) fn classify(code: &str, status: StatusCode, source: Source) -> FailureKind {
    let kind = match code {
        // RFC 8693, section 2.2.2 wants `invalid_request` for an unacceptable subject token; many
        // servers say `invalid_grant`, and some the `invalid_token` of RFC 6750, section 3.1.
        "invalid_grant" | "invalid_request" | "invalid_token" => FailureKind::Refused,
        // RFC 9110, section 15.5.2: the credentials are not valid, and with others it may go well. Dex
        // says so of a bad token or password. What is bad of the gateway is `invalid_client`.
        "access_denied" if status == StatusCode::UNAUTHORIZED => FailureKind::Refused,
        // RFC 9470, section 3, which token endpoints use as well.
        INSUFFICIENT_USER_AUTHENTICATION => FailureKind::StepUp,
        // The last three are of OpenID Connect Core, section 3.1.2.6.
        "access_denied"
        | "invalid_target"
        | "consent_required"
        | "interaction_required"
        | "login_required" => FailureKind::Denied,
        // RFC 6749, section 4.1.2.1 has these two for servers that cannot send 503 and 500;
        // `slow_down` is of RFC 8628, section 3.5.
        "slow_down" | "temporarily_unavailable" => FailureKind::Busy,
        "server_error" => FailureKind::Unreachable,
        // `invalid_client`, `unauthorized_client`, `unsupported_grant_type`, `invalid_scope`, and
        // whatever else: nothing that another token of the client could change.
        _ => FailureKind::GatewayRefused,
    };
    match (source, kind) {
        // The grant presents nothing of the client: whatever is refused is the gateway's.
        (Source::None, FailureKind::Refused | FailureKind::StepUp | FailureKind::Denied) => {
            FailureKind::GatewayRefused
        }
        (Source::None | Source::Token | Source::Password, kind) => kind,
    }
}
