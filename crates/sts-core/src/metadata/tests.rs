use http::HeaderMap;
use http::HeaderValue;
use http::header::{CONTENT_ENCODING, LOCATION, RETRY_AFTER};
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::known::Known;

const ISSUER: &str = "https://as.example/realms/x";

fn issuer(url: &str) -> Endpoint {
    Endpoint::parse_issuer(url).unwrap()
}

fn read(body: &str) -> Result<Metadata, String> {
    Metadata::read(body.as_bytes(), &issuer(ISSUER))
}

fn answered(status: u16, headers: &HeaderMap, body: &str) -> Result<Option<Metadata>, Failure> {
    let status = StatusCode::from_u16(status).unwrap();
    let body = body.as_bytes();
    Metadata::answered(&Incoming { status, headers, body, known: &Known::nothing }, &issuer(ISSUER))
}

#[test]
fn a_client_with_a_certificate_has_an_endpoint_of_its_own_where_there_is_one() {
    let plain = json!({ "issuer": ISSUER, "token_endpoint": "https://as.example/token" });
    let metadata = read(&plain.to_string()).unwrap();
    for shows_certificate in [false, true] {
        let endpoint = metadata.token_endpoint(shows_certificate);
        assert_eq!(endpoint.url(), "https://as.example/token");
    }

    let mut with_alias = plain;
    with_alias["mtls_endpoint_aliases"] =
        json!({ "other": 1, "token_endpoint": "https://mtls.as.example/token" });
    let metadata = read(&with_alias.to_string()).unwrap();
    assert_eq!(metadata.token_endpoint(false).url(), "https://as.example/token");
    assert_eq!(metadata.token_endpoint(true).url(), "https://mtls.as.example/token");
}

#[test]
fn what_is_in_doubt_is_refused() {
    for (body, problem) in [
        ("", "no JSON object"),
        ("[]", "no JSON object"),
        ("<html>", "no JSON object"),
        (r#"{"issuer":"I"} x"#, "no well-formed"),
        (r#"{"issuer":"I""#, "no well-formed"),
        ("{\"issuer\":\"I\",\"token_endpoint\":\"https://a/é\"}", "cannot be used"),
        ("{}", "no issuer"),
        (r#"{"issuer":null,"token_endpoint":"https://a/"}"#, "no issuer"),
        (r#"{"issuer":1,"token_endpoint":"https://a/"}"#, "issuer of the metadata is no string"),
        (r#"{"issuer":["I"],"token_endpoint":"https://a/"}"#, "is no string"),
        (r#"{"issuer":"I/","token_endpoint":"https://a/"}"#, "byte for byte"),
        (r#"{"issuer":"HTTPS://as.example/realms/x","token_endpoint":"https://a/"}"#, "byte for"),
        (r#"{"issuer":"https://as.example:443/realms/x"}"#, "byte for byte"),
        (r#"{"issuer":"I"}"#, "no token_endpoint"),
        (r#"{"issuer":"I","token_endpoint":{}}"#, "token_endpoint of the metadata is no string"),
        (r#"{"issuer":"I","token_endpoint":""}"#, "must start with http"),
        (r#"{"issuer":"I","token_endpoint":"/token"}"#, "must start with http"),
        (r#"{"issuer":"I","token_endpoint":"https://u:p@a/"}"#, "credentials"),
        (r#"{"issuer":"I","token_endpoint":"https://a/ b"}"#, "spaces"),
        (r#"{"issuer":"I","token_endpoint":"https://a/\r\nb: c"}"#, "spaces and control"),
        (r#"{"issuer":"I","token_endpoint":"http://a/"}"#, "is http://"),
        (r#"{"issuer":"I","token_endpoint":"http://127.0.0.1/"}"#, "is http://"),
        (r#"{"issuer":"I","token_endpoint":"https://unix:/s:/"}"#, "local socket"),
        (r#"{"issuer":"I","issuer":"I","token_endpoint":"https://a/"}"#, "given twice"),
        (r#"{"issuer":"I","token_endpoint":"https://a/","token_endpoint":"https://b/"}"#, "twice"),
        (
            r#"{"issuer":"I","token_endpoint":"https://a/","token\u005fendpoint":"https://b/"}"#,
            "given twice",
        ),
        (
            r#"{"issuer":"I","token_endpoint":"https://a/","mtls_endpoint_aliases":["https://b/"]}"#,
            "no object",
        ),
        (
            r#"{"issuer":"I","token_endpoint":"https://a/","mtls_endpoint_aliases":
                {"token_endpoint":"http://b/"}}"#,
            "mtls_endpoint_aliases.token_endpoint is http://",
        ),
        (
            r#"{"issuer":"I","token_endpoint":"https://a/","mtls_endpoint_aliases":
                {"token_endpoint":"https://b/","token_endpoint":"https://c/"}}"#,
            "given twice",
        ),
        (
            r#"{"issuer":"I","token_endpoint":"https://a/","mtls_endpoint_aliases":
                {"token_endpoint":7}}"#,
            "is no string",
        ),
    ] {
        let error = read(&body.replace("\"I", &format!("\"{ISSUER}"))).unwrap_err();
        assert!(error.contains(problem), "{body}: {error}");
    }
    let large = format!("{{{}}}", " ".repeat(MAX_BYTES));
    assert!(read(&large).unwrap_err().contains("larger than"));
    let deep = format!(r#"{{"x":{}"#, "[".repeat(10_000));
    assert!(read(&deep).unwrap_err().contains("no well-formed"));
}

#[test]
fn an_issuer_of_this_machine_may_have_an_endpoint_in_clear_there() {
    let read = |endpoint: &str| {
        let url = "http://127.0.0.1:8080";
        let body = json!({ "issuer": url, "token_endpoint": endpoint }).to_string();
        Metadata::read(body.as_bytes(), &issuer(url))
    };
    assert!(read("http://127.0.0.1:8080/token").is_ok());
    assert!(read("http://localhost/token").is_ok());
    assert!(read("https://as.example/token").is_ok());
    assert!(read("http://as.example/token").unwrap_err().contains("not on this machine"));
    assert!(read("http://unix:/run/s.sock:/").unwrap_err().contains("local socket"));
}

#[test]
fn a_status_has_its_row() {
    let mut headers = HeaderMap::new();
    headers.insert(RETRY_AFTER, HeaderValue::from_static("7"));
    headers.insert(LOCATION, HeaderValue::from_static("https://evil.example/x?secret"));
    for status in [404, 405, 410] {
        assert_eq!(answered(status, &headers, ""), Ok(None), "{status}");
    }
    for (status, kind, retry_after, words) in [
        (302, FailureKind::BadAnswer, None, "https://evil.example/x\", which is not followed"),
        (204, FailureKind::BadAnswer, None, "HTTP 204"),
        (400, FailureKind::BadAnswer, None, "HTTP 400"),
        (403, FailureKind::BadAnswer, None, "HTTP 403"),
        (407, FailureKind::Unreachable, None, "proxy"),
        (429, FailureKind::Busy, Some("7"), "HTTP 429"),
        (500, FailureKind::Unreachable, None, "HTTP 500"),
        (503, FailureKind::Busy, Some("7"), "HTTP 503"),
        (200, FailureKind::BadAnswer, None, "HTTP 200: the metadata are no JSON object"),
    ] {
        let failure = answered(status, &headers, "").unwrap_err();
        assert_eq!((failure.kind, failure.retry_after.as_deref()), (kind, retry_after), "{status}");
        assert!(failure.reason.contains(words), "{}", failure.reason);
        assert!(!failure.reason.contains("secret"), "{}", failure.reason);
    }
    let body = json!({ "issuer": ISSUER, "token_endpoint": "https://a/" }).to_string();
    assert!(matches!(answered(200, &HeaderMap::new(), &body), Ok(Some(_))));
    assert_eq!(answered(201, &HeaderMap::new(), &body).unwrap_err().kind, FailureKind::BadAnswer);
    headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    assert!(answered(200, &headers, &body).unwrap_err().reason.contains("gzip"));
}

proptest! {
    #[test]
    fn what_is_kept_is_read_as_the_same(
        path in "/[a-z?=&%.~]{0,20}",
        alias in proptest::option::of("/[a-z]{0,9}"),
    ) {
        let issuer = issuer(ISSUER);
        let url = |path: &str| Endpoint::parse(&format!("https://as.example{path}")).unwrap();
        let metadata = Metadata {
            token_endpoint: url(&path),
            mtls_token_endpoint: alias.as_deref().map(url),
        };
        let document = metadata.to_document(&issuer);
        prop_assert_eq!(Metadata::read(document.as_bytes(), &issuer), Ok(metadata));
    }

    #[test]
    fn whatever_is_read_leads_to_no_place_in_clear(body in "\\PC{0,200}", path in "\\PC{0,40}") {
        let body = body.into_bytes();
        if let Ok(metadata) = Metadata::read(&body, &issuer(ISSUER)) {
            prop_assert_eq!(metadata.token_endpoint(true).scheme(), Scheme::Https);
        }
        let body = json!({ "issuer": ISSUER, "token_endpoint": path }).to_string();
        match Metadata::read(body.as_bytes(), &issuer(ISSUER)) {
            Ok(metadata) => {
                prop_assert_eq!(metadata.token_endpoint(false).scheme(), Scheme::Https)
            }
            Err(problem) => prop_assert!(!problem.chars().any(char::is_control)),
        }
    }
}
