//! The answer of a token endpoint: the first two bytes are its status, the third its grant, the rest
//! its body.
#![no_main]

use http::header::{CONTENT_ENCODING, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, HeaderValue, StatusCode};
use libfuzzer_sys::fuzz_target;
use sts_core::client_auth::ClientAuth;
use sts_core::endpoint::Endpoint;
use sts_core::expiry::Expiry;
use sts_core::issued::TokenTypes;
use sts_core::known::Known;
use sts_core::life::{LifePolicy, good_for};
use sts_core::now::{Now, UnixTime};
use sts_core::oauth::ALL;
use sts_core::profile::{Incoming, Profile, Protocol};
use sts_core::source::claims;

const NOW: Now = Now { wall: UnixTime(1_800_000_000), entropy: || Ok([7; 32]) };

fuzz_target!(|data: &[u8]| {
    let [high, low, grant, body @ ..] = data else { return };
    let status = 100 + u16::from_be_bytes([*high, *low]) % 500;
    let Ok(status) = StatusCode::from_u16(status) else { return };
    let Some(known) = ALL.get(usize::from(*grant) % ALL.len()) else { return };
    let protocol = Protocol::OAuth(known);
    let Ok(endpoint) = Endpoint::parse("https://sts.example/token") else { return };
    let profile = Profile { protocol, endpoint, auth: ClientAuth::none(), client_id: None };
    let mut headers = HeaderMap::new();
    // Few answers come in a coding.
    let coding = (*grant > 200).then_some(CONTENT_ENCODING);
    for name in [CONTENT_TYPE, RETRY_AFTER].into_iter().chain(coding) {
        let text = body.get(..body.len().min(20)).unwrap_or_default();
        if let Ok(value) = HeaderValue::from_bytes(text) {
            headers.insert(name, value);
        }
    }
    match profile
        .response(&Incoming { status, headers: &headers, body, known: &Known::nothing }, &NOW)
    {
        Ok(issued) => {
            assert!(status.is_success());
            let token = issued.token.expose();
            assert!(!token.trim_ascii().is_empty());
            assert!(!token.iter().any(|byte| matches!(byte, b'\r' | b'\n' | 0)));
            let policy = LifePolicy { cap: 300, leeway: 15_000 };
            let life = good_for(&issued, claims(body).expiry(body), Expiry::Unsaid, NOW.wall);
            assert!(policy.life(life.seconds) <= 300_000);
            // What cannot be read is no long life.
            assert!(life.doubt.is_none() || life.seconds == Some(0));
            let _ = TokenTypes::default().check(&issued.token_type);
        }
        Err(failure) => {
            assert!((400..600).contains(&failure.kind.status()));
            // It goes into a line of a log.
            assert!(!failure.reason.chars().any(char::is_control), "{:?}", failure.reason);
            assert!(failure.reason.len() < 4096, "{:?}", failure.reason);
        }
    }
});
