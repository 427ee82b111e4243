//! Work that can be counted in instructions: the same, so many times.

use std::hint::black_box;
use std::sync::atomic::AtomicU64;

use http::{HeaderMap, StatusCode};
use sts_core::cache_key::ExchangeKey;
use sts_core::client_auth::ClientAuth;
use sts_core::endpoint::Endpoint;
use sts_core::expiry::Expiry;
use sts_core::issued::{Issued, TokenType, Told};
use sts_core::known::Known;
use sts_core::life::{LifePolicy, good_for};
use sts_core::mint;
use sts_core::now::{Now, UnixTime};
use sts_core::oauth::token_exchange;
use sts_core::profile::{
    ANSWER_HEADERS, Incoming, Outgoing, Parameter, Profile, Protocol, Subject,
};
use sts_core::secret::Secret;
use sts_core::source;
use sts_core::wstrust::settings::{Settings, WsTrust};
use sts_filter::Filter;
use sts_net::http1::answer::{Asked, Limits, Reader};
use sts_net::http1::request;
use sts_zone::zone::{Capacity, Claim, Digest, Found, Tags, Value, Zone};

use crate::Result;
use crate::token::Tokens;

/// All names that [`run`] knows, with what each of them is.
pub(crate) const WORK: &[(&str, &str)] = &[
    ("nothing", "an empty turn"),
    ("key", "the key of a token of 250 B with two parameters"),
    ("source", "a look at a source token, a JWT of 250 B"),
    ("life", "how long its target token is kept"),
    ("otx-request", "a request of RFC 8693"),
    ("otx-answer", "its answer"),
    ("wstrust-request", "a request of WS-Trust"),
    ("wstrust-answer", "its answer, of 4 KiB"),
    ("http-request", "a request on the wire"),
    ("http-answer", "its answer"),
    ("filter", "a filter that rewrites five claims"),
    ("filter-most", "one that takes all the steps that it may"),
    ("zone-hit", "a value of 250 B from a zone with 10,000"),
    ("zone-miss", "a call noted in a full zone, and its value kept in place of another"),
];

const WSTRUST_ANSWER: &[u8] = include_bytes!("../../sts-core/tests/vectors/wstrust/adfs-13.xml");

/// Does some work so many times.
pub(crate) fn run(name: &str, times: u64) -> Result<()> {
    let token = Tokens::source(250).numbered(1);
    let source = token.as_slice();
    match name {
        "nothing" => repeat(times, |number| number),
        "key" => {
            let parameters = [parameter("audience", "https://backend"), parameter("scope", "read")];
            let key = ExchangeKey::new(
                &profile(Protocol::OAuth(&token_exchange::GRANT))?,
                &[0; 32],
                &[0; 32],
            );
            repeat(times, |_| key.of(&Subject { source, parameters: &parameters }));
        }
        "source" => repeat(times, |_| source::claims(black_box(source))),
        "life" => {
            let issued = Issued {
                token: Secret::new(Tokens::target(250).numbered(1)),
                token_type: TokenType::Bearer,
                expires_in: Some(300),
                expiry: Expiry::Unsaid,
                doubt: None,
                issued_token_type: Told::Nothing,
                scope: Told::Nothing,
            };
            let policy = LifePolicy { cap: 300, leeway: 15_000 };
            repeat(times, |_| {
                policy.life(
                    good_for(black_box(&issued), Expiry::Unsaid, Expiry::Unsaid, NOW.wall).seconds,
                )
            });
        }
        "otx-request" => write(times, &profile(Protocol::OAuth(&token_exchange::GRANT))?, source),
        "otx-answer" => {
            let profile = profile(Protocol::OAuth(&token_exchange::GRANT))?;
            read(times, &profile, otx_answer().as_bytes(), "application/json")?;
        }
        "wstrust-request" => write(times, &profile(wstrust()?)?, source),
        "wstrust-answer" => {
            read(times, &profile(wstrust()?)?, WSTRUST_ANSWER, "application/soap+xml")?;
        }
        "http-request" => {
            let parameters = [parameter("audience", "https://backend"), parameter("scope", "read")];
            let subject = Subject { source, parameters: &parameters };
            let request = profile(Protocol::OAuth(&token_exchange::GRANT))?.request(&subject, &NOW);
            let Outgoing { headers, body } = request.map_err(|failure| failure.reason)?;
            let start = request::start("/token", "127.0.0.1", "nginx-sts");
            repeat(times, |_| request::post(black_box(&start), &headers, body.expose()));
        }
        "http-answer" => {
            let body = otx_answer();
            let head = format!(
                "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nCache-Control: no-store\r\n\
                 Date: Thu, 26 Nov 2026 12:00:00 GMT\r\nContent-Length: {}\r\n\r\n",
                body.len()
            );
            let text = [head, body].concat();
            let limits = Limits { head: 65_536, body: 65_536 };
            let is_read = || {
                let mut reader = Reader::new(Asked::Answer, &ANSWER_HEADERS, limits);
                reader.take(black_box(text.as_bytes())).is_ok_and(|answer| answer.is_some())
            };
            if !is_read() {
                return Err("the answer to be read is refused".into());
            }
            repeat(times, |_| is_read());
        }
        "filter" => rewrite(times, REWRITES)?,
        "filter-most" => rewrite(times, NEVER_ENDS)?,
        "zone-hit" => {
            let zone = FilledZone::new(8 << 20, 10_000)?;
            repeat(times, |number| zone.hit(number.wrapping_mul(7919) % 10_000));
        }
        "zone-miss" => {
            let zone = FilledZone::new(1 << 20, 4_000)?;
            repeat(times, |number| zone.put(10_000 + number));
        }
        other => return Err(format!("no work is called \"{other}\"").into()),
    }
    Ok(())
}

/// What an operator may write to have claims as a backend wants them.
const REWRITES: &str = r#"{
    sub,
    name: "\(.given_name) \(.family_name)",
    roles: (.groups | map(select(startswith("app-")) | ltrimstr("app-")) | unique),
    email: (.email | ascii_downcase),
    tenant: (.tenant // "none")
}"#;

/// A product of outputs that is too large.
const NEVER_ENDS: &str = "[.groups[] as $a | .groups[] as $b | .groups[] as $c | .groups[] as $d \
    | .groups[] as $e | .groups[] | {a: ($a + $b + $c), d: [$d, $e, .]}]";

fn rewrite(times: u64, expression: &str) -> Result<()> {
    let filter = Filter::compile(expression)?;
    let claims = br#"{"sub": "248289761001", "given_name": "Jane", "family_name": "Doe",
        "email": "Jane.Doe@Example.com", "groups": ["app-read", "app-write", "staff", "app-read",
        "all", "app-admin", "vpn", "printers"], "exp": 1700000300, "verified": true}"#;
    let limits = sts_filter::Limits::default();
    let claims = mint::claims(Some(claims), &[]).map_err(|failure| failure.reason)?;
    repeat(times, |_| filter.run(black_box(&claims), &limits));
    Ok(())
}

/// Milliseconds since 1970.
const NOW_IN_MS: u64 = NOW.wall.0 * 1000;

const NOW: Now = Now { wall: UnixTime(1_795_521_600), entropy: || Ok([7; 32]) };

fn repeat<R>(times: u64, mut work: impl FnMut(u64) -> R) {
    for number in 0..times {
        black_box(work(black_box(number)));
    }
}

fn parameter<'p>(name: &'p str, value: &'p str) -> Parameter<'p> {
    Parameter { name, value: value.as_bytes() }
}

fn otx_answer() -> String {
    format!(
        r#"{{"access_token":"{}","issued_token_type":"urn:ietf:params:oauth:token-type:access_token","token_type":"Bearer","expires_in":300}}"#,
        String::from_utf8_lossy(&Tokens::target(250).numbered(1))
    )
}

fn wstrust() -> Result<Protocol> {
    let settings = Settings {
        applies_to: Some("urn:backend".into()),
        value_type: Some("urn:ietf:params:oauth:token-type:jwt".into()),
        ..Settings::default()
    };
    Ok(Protocol::WsTrust(Box::new(WsTrust::new(settings)?)))
}

fn profile(protocol: Protocol) -> Result<Profile> {
    let auth = match protocol {
        Protocol::WsTrust(_) => ClientAuth::parse("none", None)?,
        _ => ClientAuth::parse("client_secret_basic", Some("client_id=a&client_secret=b"))?,
    };
    let endpoint = Endpoint::parse("http://127.0.0.1/token")?;
    Ok(Profile { protocol, endpoint, auth, client_id: None })
}

fn write(times: u64, profile: &Profile, source: &[u8]) {
    let parameters = [parameter("audience", "https://backend"), parameter("scope", "read")];
    let parameters: &[_] =
        if matches!(profile.protocol, Protocol::WsTrust(_)) { &[] } else { &parameters };
    repeat(times, |_| profile.request(&Subject { source, parameters }, &NOW).is_ok());
}

fn read(times: u64, profile: &Profile, body: &[u8], content_type: &str) -> Result<()> {
    let mut headers = HeaderMap::new();
    headers.insert(http::header::CONTENT_TYPE, content_type.parse()?);
    let answer =
        Incoming { status: StatusCode::OK, headers: &headers, body, known: &Known::nothing };
    // What is refused is read only up to where it is wrong.
    if profile.response(&answer, &NOW).is_err() {
        return Err("the answer to be read is refused".into());
    }
    repeat(times, |_| profile.response(&answer, &NOW).is_ok());
    Ok(())
}

/// A zone in memory of our own.
struct FilledZone {
    words: Vec<AtomicU64>,
    value: Vec<u8>,
}

impl FilledZone {
    fn new(bytes: usize, entries: u64) -> Result<Self> {
        let words = (0..bytes / size_of::<u64>()).map(|_| AtomicU64::new(0)).collect();
        let zone = Self { words, value: Tokens::target(250).numbered(1) };
        if !(0..entries).all(|number| zone.put(number)) || !zone.hit(entries - 1) {
            return Err("the zone to be read keeps nothing".into());
        }
        Ok(zone)
    }

    fn with<R>(&self, number: u64, work: impl FnOnce(&mut Zone<'_>, &Digest) -> R) -> Option<R> {
        let mut zone = Zone::open(&self.words, NOW_IN_MS, || Some([7; 32]))?;
        let mut key = [0; 32];
        let (chunks, _) = key.as_chunks_mut();
        for (chunk, turn) in chunks.iter_mut().zip(1..) {
            *chunk = number.wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(turn * 7).to_ne_bytes();
        }
        Some(work(&mut zone, &key))
    }

    fn find(&self, number: u64) -> Option<Found> {
        let claim = Claim { process: 1, awaits: None };
        self.with(number, |zone, key| zone.find(key, claim, |_| true, |_| true))
    }

    fn hit(&self, number: u64) -> bool {
        matches!(self.find(number), Some(Found::Hit(_)))
    }

    fn put(&self, number: u64) -> bool {
        let Some(Found::Lead(call)) = self.find(number) else { return false };
        let value = Value {
            tags: Tags { exchange: 1, source: number },
            note: 0,
            bytes: &self.value,
            sent: NOW_IN_MS,
            life: 300_000 + number,
        };
        let capacity = Capacity { entries: usize::MAX, value: usize::MAX };
        self.with(number, |zone, key| zone.complete(key, call, &value, capacity)) == Some(true)
    }
}
