//! A tunnel through an HTTP proxy (RFC 9110, section 9.3.6), for endpoints with TLS.

use ::http::HeaderValue;
use sts_net::http1::answer::{Answer, AnswerError, Asked, Limits, Reader};
use sts_net::http1::request;

use crate::nginx::peer::{ConnectError, Peer};
use crate::origin::OpenError;
use crate::origin::conversation::{Conversation, SendError, Sending, TalkError};

/// What the proxy's answer may have. A body is not read.
const LIMITS: Limits = Limits { head: 16 * 1024, body: 0 };

/// Why there is no tunnel: it is the proxy that says so, and not the STS.
fn refusal(answer: &Answer, has_credentials: bool) -> String {
    let Answer { status, .. } = answer;
    match status.as_u16() {
        // RFC 9110, section 15.5.8.
        407 if has_credentials => {
            format!("it answered {status}: it refuses the credentials of \"STSOutgoingProxy\"")
        }
        407 => format!(
            "it answered {status}: it wants credentials, which are written behind it in \
             \"STSOutgoingProxy\" (username=name&password_file=file)"
        ),
        _ => format!("it answered {status}"),
    }
}

/// What went wrong on the way to its answer.
fn why(error: TalkError<AnswerError>) -> String {
    match error {
        TalkError::Read(error) => format!("the answer breaks the rules of HTTP: {error}"),
        TalkError::Ended { error, .. } => format!("the connection was lost: {error}"),
        error => error.to_string(),
    }
}

/// Asks the proxy at the other end of `peer` for a tunnel to `target`, a host with its port. After
/// that the peer is as good as connected to the target.
pub(super) async fn open(
    peer: &Peer,
    target: &str,
    authorization: Option<HeaderValue>,
) -> Result<(), OpenError> {
    let failed = |why: String| OpenError::Proxy { target: target.to_owned(), why };
    let message = request::connect(target, authorization.as_ref());
    let reader = Reader::new(Asked::Tunnel, &[], LIMITS);
    let message = Sending::Kept(message.expose());
    let answer = match Conversation::new(peer, message, reader).await {
        Ok(received) => received.answer,
        Err(SendError::Talk(TalkError::Connect(error @ ConnectError::Closing))) => {
            return Err(error.into());
        }
        Err(SendError::Talk(error) | SendError::Unsent(error)) => {
            return Err(failed(why(error)));
        }
    };
    if !answer.status.is_success() {
        return Err(failed(refusal(&answer, authorization.is_some())));
    }
    // Bytes that came with it would be missing in the tunnel, in which the client speaks first.
    if answer.has_more { Err(failed("it sent more than its answer".into())) } else { Ok(()) }
}
