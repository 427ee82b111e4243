//! The metadata of an issuer: the first byte says which issuer asks, the second two are the status.
#![no_main]

use http::header::{CONTENT_ENCODING, LOCATION, RETRY_AFTER};
use http::{HeaderMap, HeaderValue, StatusCode};
use libfuzzer_sys::fuzz_target;
use sts_core::endpoint::{Endpoint, Host, Scheme};
use sts_core::known::Known;
use sts_core::metadata::{MAX_BYTES, Metadata};
use sts_core::profile::Incoming;

const ISSUERS: [&str; 3] = ["https://as.example", "https://as.example/x", "http://127.0.0.1:8080/"];

fuzz_target!(|data: &[u8]| {
    let [which, high, low, body @ ..] = data else { return };
    let Some(issuer) = ISSUERS.get(usize::from(*which) % ISSUERS.len()) else { return };
    let Ok(issuer) = Endpoint::parse_issuer(issuer) else { return };
    let Ok(status) = StatusCode::from_u16(100 + u16::from_be_bytes([*high, *low]) % 500) else {
        return;
    };
    let mut headers = HeaderMap::new();
    let coding = (*which > 200).then_some(CONTENT_ENCODING);
    for name in [LOCATION, RETRY_AFTER].into_iter().chain(coding) {
        let text = body.get(..body.len().min(40)).unwrap_or_default();
        if let Ok(value) = HeaderValue::from_bytes(text) {
            headers.insert(name, value);
        }
    }
    let answer = Incoming { status, headers: &headers, body, known: &Known::nothing };
    match Metadata::answered(&answer, &issuer) {
        Ok(Some(metadata)) => {
            assert_eq!(status, StatusCode::OK);
            assert!(body.len() <= MAX_BYTES);
            for shows_certificate in [false, true] {
                let endpoint = metadata.token_endpoint(shows_certificate);
                assert!(!matches!(endpoint.host(), Host::Unix(_)));
                assert!(!endpoint.is_issuer());
                if endpoint.scheme() == Scheme::Http {
                    assert!(issuer.scheme() == Scheme::Http && endpoint.is_loopback());
                }
            }
            // What is kept means the same.
            let kept = metadata.to_document(&issuer);
            assert_eq!(Metadata::read(kept.as_bytes(), &issuer), Ok(metadata));
        }
        Ok(None) => assert_eq!(status, StatusCode::NOT_FOUND),
        Err(failure) => {
            assert!(matches!(failure.kind.status(), 502 | 503));
            // It goes into a line of a log.
            assert!(!failure.reason.chars().any(char::is_control), "{:?}", failure.reason);
            assert!(failure.reason.len() < 4096, "{:?}", failure.reason);
        }
    }
});
