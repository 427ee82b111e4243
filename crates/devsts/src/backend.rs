//! A backend that answers with the request as it received it.
//!
//! | request | answer |
//! |---|---|
//! | any | 200, JSON: `number`, `connection`, `method`, `uri`, `version`, `headers` (pairs in order), `body` |
//! | `/status/404` | this status, the same JSON |
//! | `/bytes/1000` | a body of this size; ranges are honoured (for `slice`) |
//!
//! Parameters of the query, their values percent-encoded, that change any of them:
//!
//! | parameter | effect |
//! |---|---|
//! | `_delay=150` | takes so many milliseconds |
//! | `_status=500` | the status |
//! | `_accel=/path` | `X-Accel-Redirect` to there |
//! | `_header=Name:value` | adds a header; repeatable |
//! | `_body=text` | this body |
//! | `_type=text/html` | the body's type |

use std::io;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use crate::http::answer::Answer;
use crate::http::form::decode_value;
use crate::script::Script;
use crate::server::call::Call;
use crate::server::listen::Listen;
use crate::server::tls::Tls;
use crate::server::{Options, Server, Service};

/// A running backend; it stops when it is dropped. What it noted, and its scripts, are at the
/// [`Server`] that it derefs to.
#[derive(Debug)]
pub struct Backend(Server);

impl Backend {
    /// Starts one on a free port of 127.0.0.1.
    pub fn start() -> io::Result<Self> {
        Self::builder().start()
    }

    /// A backend on a free port of 127.0.0.1.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// The requests received so far.
    pub fn requests(&self) -> Vec<Arc<Call>> {
        self.0.calls()
    }
}

impl Deref for Backend {
    type Target = Server;

    fn deref(&self) -> &Server {
        &self.0
    }
}

type OnRequest = Arc<dyn Fn(&Call) + Send + Sync>;

/// How a backend is started.
#[derive(Default)]
pub struct Builder {
    options: Options,
    delay: Duration,
    on_request: Option<OnRequest>,
}

impl Builder {
    /// Listens there.
    #[must_use]
    pub fn listen(mut self, listen: impl Into<Listen>) -> Self {
        self.options.listen = listen.into();
        self
    }

    /// Speaks TLS.
    #[must_use]
    pub fn tls(mut self, tls: Tls) -> Self {
        self.options.tls = Some(tls);
        self
    }

    /// Takes so long for each answer.
    #[must_use]
    pub fn delay(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// Remembers only the first `count` requests, for long runs.
    #[must_use]
    pub fn remember(mut self, count: usize) -> Self {
        self.options.remember = count;
        self
    }

    /// Tells of each request.
    #[must_use]
    pub fn on_request(mut self, tell: impl Fn(&Call) + Send + Sync + 'static) -> Self {
        self.on_request = Some(Arc::new(tell));
        self
    }

    /// Starts it.
    pub fn start(self) -> io::Result<Backend> {
        let echo = Echo { delay: self.delay, on_request: self.on_request };
        Server::start(&self.options, echo).map(Backend)
    }
}

struct Echo {
    delay: Duration,
    on_request: Option<OnRequest>,
}

/// The largest body that can be asked for, in bytes.
const MAX_BYTES: usize = 64 << 20;

impl Service for Echo {
    fn answer(&self, call: &Call) -> Script {
        if let Some(tell) = &self.on_request {
            tell(call);
        }
        let mut delay = self.delay;
        let mut answer = by_path(call);
        for (name, value) in parameters(call) {
            answer = match name {
                "_delay" => {
                    delay += Duration::from_millis(value.parse().unwrap_or(0));
                    answer
                }
                "_status" => match status(&value) {
                    Some(status) => answer.status(status),
                    None => answer,
                },
                "_accel" => answer.header("X-Accel-Redirect", value),
                "_header" => match value.split_once(':') {
                    Some((name, value)) => answer.header(name, value.trim_start()),
                    None => answer,
                },
                "_body" => answer.body(value),
                "_type" => answer.without_header("Content-Type").header("Content-Type", value),
                _ => answer,
            };
        }
        let script = Script::new();
        let script = if delay.is_zero() { script } else { script.wait(delay) };
        script.answer(answer)
    }
}

fn by_path(call: &Call) -> Answer {
    let mut parts = call.path().split('/').skip(1);
    match (parts.next(), parts.next()) {
        (Some("status"), Some(number)) => match status(number) {
            Some(status) => Answer::json(status, &echo(call)),
            None => Answer::new(400),
        },
        (Some("bytes"), Some(number)) => match number.parse() {
            Ok(size) if size <= MAX_BYTES => bytes(call, size),
            _ => Answer::new(400),
        },
        _ => Answer::json(200, &echo(call)),
    }
}

fn status(text: &str) -> Option<u16> {
    text.parse().ok().filter(|status| (200..=599).contains(status))
}

fn echo(call: &Call) -> Value {
    let headers: Vec<_> = call
        .headers
        .iter()
        .map(|(name, value)| json!([name, String::from_utf8_lossy(value)]))
        .collect();
    json!({
        "number": call.number,
        "connection": call.connection,
        "method": call.method,
        "uri": call.target,
        "version": format!("HTTP/1.{}", call.minor_version),
        "headers": headers,
        "body": String::from_utf8_lossy(&call.body),
    })
}

/// A body of digits, or the part of it that a single range (RFC 9110 section 14.2) asks for.
fn bytes(call: &Call, size: usize) -> Answer {
    let digits = |from: usize, count: usize| -> Vec<u8> {
        b"0123456789".iter().copied().cycle().skip(from % 10).take(count).collect()
    };
    let answer = Answer::new(200)
        .header("Content-Type", "application/octet-stream")
        .header("Accept-Ranges", "bytes")
        .header("ETag", format!("\"{size}\""));
    let Some(range) = call.header("range") else { return answer.body(digits(0, size)) };
    match single_range(&range, size) {
        Some((first, last)) => answer
            .status(206)
            .header("Content-Range", format!("bytes {first}-{last}/{size}"))
            .body(digits(first, last - first + 1)),
        None => answer.status(416).header("Content-Range", format!("bytes */{size}")),
    }
}

/// First and last byte, if there are any.
fn single_range(range: &str, size: usize) -> Option<(usize, usize)> {
    let (first, last) = range.strip_prefix("bytes=")?.split_once('-')?;
    let end = size.checked_sub(1)?;
    let (first, last) = match (first, last) {
        ("", suffix) => (size.saturating_sub(suffix.parse().ok()?), end),
        (first, "") => (first.parse().ok()?, end),
        (first, last) => (first.parse().ok()?, last.parse::<usize>().ok()?.min(end)),
    };
    (first <= last).then_some((first, last))
}

/// The parameters of the query that can be decoded.
fn parameters(call: &Call) -> impl Iterator<Item = (&str, String)> {
    call.query().unwrap_or_default().split('&').filter_map(|pair| {
        let (name, value) = pair.split_once('=')?;
        name.starts_with('_').then_some(())?;
        Some((name, decode_value(value.as_bytes()).ok()?))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_cut_to_the_body() {
        assert_eq!(single_range("bytes=0-9", 100), Some((0, 9)));
        assert_eq!(single_range("bytes=90-199", 100), Some((90, 99)));
        assert_eq!(single_range("bytes=-10", 100), Some((90, 99)));
        assert_eq!(single_range("bytes=95-", 100), Some((95, 99)));
        for none in ["bytes=100-", "bytes=5-4", "bytes=a-b", "lines=0-1", "bytes=0-1,3-4"] {
            assert_eq!(single_range(none, 100), None, "{none}");
        }
    }
}
