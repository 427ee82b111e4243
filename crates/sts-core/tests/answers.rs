//! What each answer of an STS means to the client of the gateway.
#![expect(clippy::panic, clippy::unwrap_used, reason = "what fails here is a test")]

use http::{HeaderMap, StatusCode};
use proptest::prelude::*;
use sts_core::client_auth::ClientAuth;
use sts_core::endpoint::Endpoint;
use sts_core::error::{Failure, FailureKind};
use sts_core::issued::Issued;
use sts_core::now::{Now, UnixTime};
use sts_core::profile::{Incoming, Profile, Protocol};

use FailureKind::{BadAnswer, Busy, Denied, GatewayRefused, Refused, Unreachable};

#[test]
fn every_error_code_has_its_kind_whatever_the_status() {
    for (code, kind) in [
        ("invalid_grant", Refused),
        ("invalid_token", Refused),
        ("invalid_request", Refused),
        ("access_denied", Denied),
        ("invalid_target", Denied),
        ("interaction_required", Denied),
        ("consent_required", Denied),
        ("login_required", Denied),
        ("invalid_client", GatewayRefused),
        ("unauthorized_client", GatewayRefused),
        ("unsupported_grant_type", GatewayRefused),
        ("invalid_scope", GatewayRefused),
        ("Invalid_Grant", GatewayRefused),
        ("something_else", GatewayRefused),
        ("", GatewayRefused),
        ("slow_down", Busy),
        ("temporarily_unavailable", Busy),
        ("server_error", Unreachable),
    ] {
        let body = format!(r#"{{"error":"{code}","access_token":"t","error_description":"why"}}"#);
        for status in [200, 201, 400, 401, 403, 404, 422, 499] {
            let failure = refused(status, &[], &body);
            assert_eq!(failure.kind, kind, "{status} {code}");
            assert_eq!(
                failure.reason,
                format!("HTTP {status}, error \"{code}\", error_description \"why\"")
            );
        }
    }
}

#[test]
fn a_status_without_an_oauth_error_has_its_kind() {
    for (status, kind) in [
        (100, BadAnswer),
        (204, BadAnswer),
        (300, BadAnswer),
        (301, BadAnswer),
        (302, BadAnswer),
        (304, BadAnswer),
        (307, BadAnswer),
        (308, BadAnswer),
        (400, GatewayRefused),
        (401, GatewayRefused),
        (403, GatewayRefused),
        (404, GatewayRefused),
        (405, GatewayRefused),
        (408, GatewayRefused),
        (413, GatewayRefused),
        (415, GatewayRefused),
        (429, Busy),
        (500, Unreachable),
        (501, Unreachable),
        (502, Unreachable),
        (503, Busy),
        (504, Unreachable),
        (599, Unreachable),
        (600, BadAnswer),
    ] {
        for body in ["", "<html>no</html>", "{}", "null", r#"{"message":"no"}"#, r#"{"error":{}}"#]
        {
            let failure = refused(status, &[], body);
            assert_eq!(failure.kind, kind, "{status} {body}");
        }
    }
}

#[test]
fn an_sts_that_fails_has_not_judged_the_token() {
    let body = r#"{"error":"invalid_grant"}"#;
    for (status, kind) in [(500, Unreachable), (502, Unreachable), (503, Busy), (429, Busy)] {
        let failure = refused(status, &[], body);
        assert_eq!(failure.kind, kind, "{status}");
        assert_eq!(failure.reason, format!("HTTP {status}, error \"invalid_grant\""));
    }
}

#[test]
fn a_redirect_is_no_answer_whatever_its_body_says() {
    for body in [r#"{"access_token":"t","token_type":"Bearer"}"#, r#"{"error":"invalid_grant"}"#] {
        let failure = refused(302, &[("location", "http://elsewhere/?secret")], body);
        assert_eq!(failure.kind, BadAnswer);
        assert_eq!(failure.reason, "HTTP 302, a redirect, which is not followed");
    }
}

#[test]
fn a_token_is_found_with_any_status_of_success_and_any_content_type() {
    let body = r#"{"access_token":"t","token_type":"Bearer"}"#;
    for status in [200, 201, 202, 206] {
        for headers in [
            &[][..],
            &[("content-type", "application/json;charset=UTF-8")],
            &[("content-type", "text/html")],
            &[("content-type", "application/token-exchange+json")],
        ] {
            let issued = answer(status, headers, body.as_bytes());
            assert!(issued.is_ok_and(|issued| issued.token.expose() == b"t"), "{status}");
        }
    }
    for status in [400, 401, 404, 500, 503] {
        assert!(answer(status, &[], body.as_bytes()).is_err(), "{status} with a token");
    }
}

#[test]
fn successes_that_cannot_be_used() {
    for (body, reason) in [
        ("", "HTTP 200: the body is no JSON object"),
        ("[]", "HTTP 200: the body is no JSON object"),
        ("{}", "HTTP 200: there is no access_token"),
        (r#"{"access_token":""}"#, "HTTP 200: the access_token is empty"),
        (r#"{"access_token":7}"#, "HTTP 200: the access_token is not a string"),
        (r#"{"access_token":"s3cret\r\n"}"#, "HTTP 200: the access_token holds CR, LF or NUL"),
        (
            r#"{"access_token":"s3cret","token_type":"s3cret"}"#,
            "HTTP 200: the token_type is the token itself",
        ),
        (
            r#"{"access_token":"s3cret","token_type":["s3cret"]}"#,
            "HTTP 200: the token_type is not a string",
        ),
        (r#"{"access_token":" "}"#, "HTTP 200: the access_token is blank"),
        (
            r#"{"access_token":"s3cret","access_token":"s3cret"}"#,
            "HTTP 200: a member of the JSON object is given twice",
        ),
        (r#"{"access_token":"s3cret""#, "HTTP 200: the body is no well-formed JSON object"),
        (
            r#"{"access_token":"s3cret","error":{"s3cret":1}}"#,
            "HTTP 200, an error that is not a string",
        ),
    ] {
        let failure = refused(200, &[], body);
        assert_eq!((failure.kind, failure.reason.as_str()), (BadAnswer, reason));
        assert!(!format!("{failure:?}").contains("s3cret"));
    }
}

#[test]
fn what_is_no_json_is_named_by_its_content_type() {
    let failure =
        refused(200, &[("content-type", "text/html; charset=utf-8")], "<html>login</html>");
    assert_eq!(
        failure.reason,
        "HTTP 200: the body is no JSON object (content type \"text/html; charset=utf-8\")"
    );
    assert_eq!(refused(404, &[], "").reason, "HTTP 404: the body is no JSON object");
    assert_eq!(refused(404, &[], "{}").reason, "HTTP 404 without an OAuth error");
}

#[test]
fn what_the_sts_says_is_made_fit_for_the_log() {
    let jwt = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ1c2VyIiwiYXVkIjoic3RzIn0.c2lnbmF0dXJl";
    let long = "many words ".repeat(1000);
    let body = format!(r#"{{"error":"a\nb","error_description":"{jwt} \u001b[2J \"{long}"}}"#);
    let reason = refused(400, &[], &body).reason;
    assert!(
        reason.starts_with(
            r#"HTTP 400, error "a\nb", error_description "eyJhbGciOiJS... \u{1b}[2J \"many words many "#
        ),
        "{reason}"
    );
    assert!(reason.ends_with("...\"") && reason.len() < 400, "{reason}");
}

#[test]
fn retry_after_is_carried_over_only_by_what_is_busy() {
    let unavailable = r#"{"error":"temporarily_unavailable"}"#;
    for (status, body, sent, carried) in [
        (503, "", "120", Some("120")),
        (429, "", "Sun, 06 Nov 1994 08:49:37 GMT", Some("Sun, 06 Nov 1994 08:49:37 GMT")),
        (400, unavailable, "5", Some("5")),
        (503, "", "soon", None),
        (500, "", "120", None),
        (401, "", "120", None),
        (400, r#"{"error":"invalid_grant"}"#, "120", None),
    ] {
        let failure = refused(status, &[("retry-after", sent)], body);
        assert_eq!(failure.retry_after.as_deref(), carried, "{status} {sent}");
    }
}

proptest! {
    #[test]
    fn no_answer_panics_and_no_failure_holds_the_token(
        status in 100_u16..700,
        before in r#"(\{"[a-z_]{0,8}":[0-9"]{0,3},?)?.{0,20}"#,
        after in r#"("|",|"\}|\}|,|"error":|[\x00-\x20]|.){0,20}"#,
    ) {
        const TOKEN: &str = "S3CRETS3CRETS3CRETS3CRETS3CRETS3CRETS3CRETS3CRETS3CRET";
        let body = format!("{before}\"access_token\":\"{TOKEN}{after}");
        for body in [body.as_bytes(), format!("{{\"access_token\":\"{TOKEN}{after}").as_bytes()] {
            if let Err(failure) = answer(status, &[], body) {
                let shown = format!("{failure:?}");
                prop_assert!(!shown.contains("S3CRETS3CRETS3CRET"), "{}", shown);
            }
        }
    }
}

fn answer(status: u16, headers: &[(&'static str, &str)], body: &[u8]) -> Result<Issued, Failure> {
    let profile = Profile {
        protocol: Protocol::TokenExchange,
        endpoint: Endpoint::parse("https://as.example.com/token").unwrap(),
        auth: ClientAuth::none(),
        client_id: None,
    };
    let headers: HeaderMap = headers
        .iter()
        .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
        .collect();
    let status = StatusCode::from_u16(status).unwrap();
    let now = Now { wall: UnixTime(0), entropy: || Ok([0; 32]) };
    profile.response(&Incoming { status, headers: &headers, body }, &now)
}

fn refused(status: u16, headers: &[(&'static str, &str)], body: &str) -> Failure {
    match answer(status, headers, body.as_bytes()) {
        Ok(_) => panic!("{status} {body} is a success"),
        Err(failure) => failure,
    }
}

#[test]
fn a_coding_that_was_not_asked_for_is_named() {
    let named = "the body has the Content-Encoding \"gzip\", which was not asked for";
    for (status, kind) in [
        (200, BadAnswer),
        (400, GatewayRefused),
        (401, GatewayRefused),
        (500, Unreachable),
        (503, Busy),
    ] {
        let headers = [("content-encoding", "gzip"), ("content-type", "application/json")];
        let failure = refused(status, &headers, "{\"access_token\":\"t\"}");
        assert_eq!(failure.kind, kind, "{status}");
        let reason = format!("HTTP {status}: {named} (content type \"application/json\")");
        assert_eq!(failure.reason, reason);
    }
}
