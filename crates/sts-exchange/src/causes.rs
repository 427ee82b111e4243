//! Why an exchange failed, in words: a table of signs, each with its cause and its remedy.

mod table;

use sts_core::error::FailureKind;

use crate::call::Outcome;
use crate::exchange::{Exchange, Way};
use crate::jwt;
use crate::wire::WireError;

pub use table::TABLE;

/// A cause that is known.
pub struct Cause {
    /// A name for programs.
    pub id: &'static str,
    /// By what it is known: all of it.
    signs: &'static [Sign],
    /// What is wrong, as a lower-case fragment.
    pub cause: &'static str,
    /// What to do, as a lower-case fragment.
    pub remedy: &'static str,
}

/// By what a cause is known.
enum Sign {
    /// What a client of the module would be told.
    Kind(FailureKind),
    /// The status of the answer.
    Status(u16),
    /// It is a redirect.
    Redirect,
    /// The `error` of OAuth, or a code of a fault.
    Code(&'static str),
    /// Words of the answer, or of what the system said; in lower case.
    Says(&'static str),
    /// Any of several.
    SaysAny(&'static [&'static str]),
    /// How the failure is told in the log; in lower case.
    Reason(&'static str),
    /// The answer is a page.
    Html,
    /// There was no answer.
    Wire(Wire),
    /// What the source token says of itself.
    Source(Source),
    /// The type of the exchange.
    Type(&'static str),
}

/// Why there was no answer.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wire {
    NoAddress,
    Connect,
    Tls,
    Proxy,
    Lost,
    Malformed,
    TooLarge,
}

/// What a source token says of itself.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Source {
    Expired,
    NotYet,
    OfAnother,
    Refresh,
    Id,
}

/// What is known of a failure.
pub struct Evidence {
    kind: FailureKind,
    status: Option<u16>,
    codes: Vec<String>,
    /// Of the answer, or of the system, in lower case.
    text: String,
    reason: String,
    is_html: bool,
    wire: Option<Wire>,
    source: Vec<Source>,
    exchange: &'static str,
}

/// Bytes of an answer in which it says what it has to say.
const MAX_TEXT: usize = 64 * 1024;

/// Seconds by which clocks may differ without that being the cause.
const SAME: u64 = 5;

impl Evidence {
    /// What is known of a failed exchange; `None` for one that has not failed.
    pub fn of(exchange: &Exchange, outcome: &Outcome, now: u64) -> Option<Self> {
        let failure = outcome.result.as_ref().err()?;
        let body = outcome.answer.as_ref().map_or(&[][..], |answer| answer.body.expose());
        let body = body.get(..body.len().min(MAX_TEXT)).unwrap_or_default();
        let text = match &outcome.wire {
            Some(error) => error.to_string(),
            None => String::from_utf8_lossy(body).into_owned(),
        };
        let text = text.to_lowercase();
        let content_type =
            outcome.answer.as_ref().and_then(|answer| answer.headers.get("content-type"));
        let says_html =
            content_type.is_some_and(|value| value.as_bytes().starts_with(b"text/html"));
        let is_html = says_html
            || text.trim_start().starts_with("<!doctype html")
            || text.trim_start().starts_with("<html");
        Some(Self {
            kind: failure.kind,
            status: outcome.answer.as_ref().map(|answer| answer.status.as_u16()),
            codes: failure.codes.iter().map(str::to_owned).collect(),
            text,
            reason: failure.reason.to_lowercase(),
            is_html,
            wire: outcome.wire.as_ref().map(Wire::of),
            source: source(exchange, outcome.source.expose(), now),
            exchange: exchange.kind,
        })
    }

    /// The first cause all the signs of which are there.
    pub fn cause(&self) -> Option<&'static Cause> {
        TABLE.iter().find(|cause| cause.signs.iter().all(|sign| self.has(sign)))
    }

    fn has(&self, sign: &Sign) -> bool {
        match sign {
            Sign::Kind(kind) => self.kind == *kind,
            Sign::Status(status) => self.status == Some(*status),
            Sign::Redirect => self.status.is_some_and(|status| (300..400).contains(&status)),
            Sign::Code(code) => self.codes.iter().any(|known| known == code),
            Sign::Says(words) => self.text.contains(words),
            Sign::SaysAny(all) => all.iter().any(|words| self.text.contains(words)),
            Sign::Reason(words) => self.reason.contains(words),
            Sign::Html => self.is_html,
            Sign::Wire(wire) => self.wire == Some(*wire),
            Sign::Source(source) => self.source.contains(source),
            Sign::Type(kind) => self.exchange == *kind,
        }
    }
}

impl Wire {
    fn of(error: &WireError) -> Self {
        match error {
            WireError::NoAddress(_) => Self::NoAddress,
            WireError::Connect { .. } => Self::Connect,
            WireError::Tls(_) | WireError::File(_) => Self::Tls,
            WireError::Proxy { .. } | WireError::Credentials(_) => Self::Proxy,
            WireError::Lost(_) | WireError::Timeout(_) => Self::Lost,
            WireError::Malformed(_) => Self::Malformed,
            WireError::TooLarge(_) => Self::TooLarge,
        }
    }
}

/// What can be seen of a source that is a JWT.
fn source(exchange: &Exchange, token: &[u8], now: u64) -> Vec<Source> {
    let Some((_, Some(claims))) = jwt::read(token) else { return Vec::new() };
    let time = |name: &str| jwt::time(claims.get(name));
    let client = match &exchange.way {
        Way::Call(call) => call.profile.auth.id().or(call.profile.client_id.as_deref()),
        Way::Mint(_) => None,
    };
    let audience = jwt::texts(claims.get("aud"));
    let kind = claims.get("typ").and_then(|kind| kind.as_str()).unwrap_or_default();
    let is_of_another = client
        .is_some_and(|client| !audience.is_empty() && !audience.iter().any(|it| it == client));
    let signs = [
        (time("exp").is_some_and(|exp| exp <= now), Source::Expired),
        (
            ["nbf", "iat"].iter().any(|it| time(it).is_some_and(|it| it > now + SAME)),
            Source::NotYet,
        ),
        (is_of_another, Source::OfAnother),
        (kind.eq_ignore_ascii_case("refresh"), Source::Refresh),
        (kind.eq_ignore_ascii_case("id"), Source::Id),
    ];
    signs.into_iter().filter_map(|(is, sign)| is.then_some(sign)).collect()
}

#[cfg(test)]
mod tests;
