//! What the client gets when it does not work: never what the STS said, but for what [`StepUp`] has
//! looked at.

use sts_core::error::{Failure, FailureKind};
use sts_core::step_up::StepUp;

use crate::conf::Challenge;
use crate::nginx::request::{OutOfMemory, Request};

/// Adds the headers that belong to a refusal with this status.
pub(crate) fn prepare(
    request: Request<'_>,
    challenge: &Challenge,
    failure: &Failure,
    status: u16,
) -> Result<(), OutOfMemory> {
    if status == 401
        && let Some(text) = challenge_text(request, challenge, failure)?
    {
        request.add_challenge(&text)?;
    }
    if let Some(retry_after) = &failure.retry_after {
        request.add_header("Retry-After", retry_after)?;
    }
    Ok(())
}

/// RFC 6750, section 3: no error code where no token was sent.
fn challenge_text(
    request: Request<'_>,
    challenge: &Challenge,
    failure: &Failure,
) -> Result<Option<String>, OutOfMemory> {
    let mut text = match challenge {
        Challenge::Off => return Ok(None),
        Challenge::On => "Bearer".to_owned(),
        Challenge::Custom(value) => {
            let value = value.evaluate(request).ok_or(OutOfMemory)?;
            // What a variable brings must not become a header of its own.
            match std::str::from_utf8(value) {
                Ok(text) if !text.chars().any(char::is_control) && !text.trim().is_empty() => {
                    text.trim().to_owned()
                }
                _ => "Bearer".to_owned(),
            }
        }
    };
    let parameters = match failure.kind {
        FailureKind::MissingToken | FailureKind::MissingActor => return Ok(Some(text)),
        FailureKind::StepUp => StepUp::challenge(failure.step_up.as_deref()),
        _ => "error=\"invalid_token\"".to_owned(),
    };
    // A scheme alone is followed by a space, a parameter by a comma (RFC 9110, section 11.3).
    text.push_str(if text.contains(' ') { ", " } else { " " });
    text.push_str(&parameters);
    Ok(Some(text))
}
