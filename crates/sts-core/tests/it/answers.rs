//! What each answer of an STS means to the client of the gateway.
#![expect(clippy::panic, clippy::unwrap_used, reason = "what fails here is a test")]

use http::{HeaderMap, StatusCode};
use proptest::prelude::*;
use sts_core::client_auth::ClientAuth;
use sts_core::endpoint::Endpoint;
use sts_core::error::{Failure, FailureKind};
use sts_core::issued::Issued;
use sts_core::known::Known;
use sts_core::now::{Now, UnixTime};
use sts_core::oauth::token_exchange;
use sts_core::profile::{Incoming, Parameter, Profile, Protocol, Subject};
use sts_core::step_up::StepUp;

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
            let kind = if (status, code) == (401, "access_denied") { Refused } else { kind };
            assert_eq!(failure.kind, kind, "{status} {code}");
            let question = match kind {
                Refused | Denied => "",
                _ if status == 404 => "; is this the token endpoint?",
                _ => "",
            };
            assert_eq!(
                failure.reason,
                format!("HTTP {status}, error \"{code}\", error_description \"why\"{question}")
            );
            let codes: &[&str] = if code.is_empty() { &[] } else { &[code] };
            assert!(failure.codes.iter().eq(codes.iter().copied()), "{failure:?}");
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
        for (location, to) in [
            ("http://elsewhere/?secret", " to \"http://elsewhere/\""),
            ("https://u:secret@sts:8443/a/b?c=secret#d", " to \"https://sts:8443/a/b\""),
            ("/login?secret", " to \"/login\""),
            ("//elsewhere/a", " to \"//elsewhere/a\""),
            ("not a url?secret", ""),
            ("", ""),
        ] {
            let failure = refused(302, &[("location", location)], body);
            assert_eq!(failure.kind, BadAnswer);
            let reason =
                "HTTP 302, a redirect%, which is not followed; is this the token endpoint?";
            assert_eq!(failure.reason, reason.replace('%', to));
        }
    }
}

#[test]
fn what_is_no_token_endpoint_is_asked_for() {
    const QUESTION: &str = "; is this the token endpoint?";
    let html = [("content-type", "text/html")];
    for (status, headers, body, asks) in [
        (404, &[][..], "", true),
        (404, &[], r#"{"error":"Realm does not exist"}"#, true),
        (405, &[], "method not allowed", true),
        (303, &[], "", true),
        (200, &html, "<p>Sign in</p>", true),
        (200, &[], " <!DOCTYPE html><html></html>", true),
        (403, &html, "<p>Sign in</p>", true),
        (400, &[("content-type", "application/xhtml+xml;charset=utf-8")], "<html/>", true),
        (400, &[], r#"{"error":"invalid_client"}"#, false),
        (404, &[], r#"{"error":"invalid_grant"}"#, false),
        (502, &html, "<h1>Bad Gateway</h1>", false),
        (503, &html, "<h1>Try later</h1>", false),
        (429, &html, "<h1>Slow down</h1>", false),
        (407, &html, "<h1>Sign in</h1>", false),
        (401, &[], "", false),
        (200, &html, r#"{"access_token":7}"#, false),
    ] {
        let failure = refused(status, headers, body);
        assert_eq!(failure.reason.ends_with(QUESTION), asks, "{failure}");
    }
}

#[test]
fn an_answer_of_a_proxy_is_not_the_stss() {
    for body in ["", r#"{"error":"invalid_client"}"#, "<html/>"] {
        let failure = refused(407, &[], body);
        assert_eq!(failure.kind, Unreachable);
        assert_eq!(failure.reason, "HTTP 407, a proxy on the way to the STS wants credentials");
    }
}

#[test]
fn plain_http_at_a_port_for_tls_is_told() {
    let go = "Client sent an HTTP request to an HTTPS server.\n";
    let nginx =
        "<html><head><title>400 The plain HTTP request was sent to HTTPS port</title></head>";
    let apache = "<p>Reason: You're speaking plain HTTP to an SSL-enabled server port.<br />";
    for body in [go, nginx, apache] {
        let failure = heard("http://sts.example/token", 400, &[], body);
        assert!(failure.reason.ends_with("Write https:// in the endpoint"), "{failure}");
        assert_eq!(failure.kind, GatewayRefused);
        let failure = heard("https://sts.example/token", 400, &[], body);
        assert!(!failure.reason.contains("TLS"), "{failure}");
    }
    let error =
        r#"{"error":"invalid_request","error_description":"HTTPS required: http over TLS"}"#;
    let failure = heard("http://sts.example/token", 400, &[], error);
    assert!(!failure.reason.contains("Write"), "{failure}");
}

#[test]
fn secrets_that_the_sts_repeats_are_not_told() {
    let auth = |method, options| ClientAuth::parse(method, Some(options)).unwrap();
    let basic = auth("client_secret_basic", "client_id=gw&client_secret=top%2Bsecret%26");
    let header = "Z3c6dG9wJTJCc2VjcmV0JTI2";
    for (auth, said, told) in [
        (basic.clone(), "bad secret top+secret&", "bad secret [secret]"),
        (basic.clone(), "bad header Basic Z3c6dG9wJTJCc2VjcmV0JTI2", "bad header Basic [secret]"),
        (basic, "bad form top%2Bsecret%26!", "bad form [secret]!"),
        (auth("client_secret_post", "client_id=gw&client_secret=abc"), "no: abc", "no: [secret]"),
        (auth("basic", "username=gw&password=p%C3%A4ss"), "no: päss", "no: [secret]"),
        (ClientAuth::none(), "no: the-source-token", "no: [source token]"),
        (ClientAuth::none(), "no: the-actor-token", "no: [secret]"),
        (ClientAuth::none(), "no: urn:an-audience", "no: urn:an-audience"),
    ] {
        let profile = profile("https://sts.example/token", auth);
        let parameter = |name, value: &'static [u8]| Parameter { name, value };
        let subject = Subject {
            source: b"the-source-token",
            parameters: &[
                parameter("actor_token", b"the-actor-token"),
                parameter("audience", b"urn:an-audience"),
            ],
        };
        let body = format!(r#"{{"error":"invalid_grant","error_description":"{said}"}}"#);
        let failure = profile.response(
            &Incoming {
                status: StatusCode::BAD_REQUEST,
                headers: &HeaderMap::new(),
                body: body.as_bytes(),
                known: &|| profile.known(&subject),
            },
            &Now { wall: UnixTime(0), entropy: || Ok([0; 32]) },
        );
        let reason = failure.err().unwrap().reason;
        let expected = format!("HTTP 400, error \"invalid_grant\", error_description \"{told}\"");
        assert_eq!(reason, expected);
        assert!(!reason.contains(header));
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
        "HTTP 200: the body is no JSON object (content type \"text/html; charset=utf-8\"); is this the \
         token endpoint?"
    );
    assert_eq!(refused(400, &[], "").reason, "HTTP 400: the body is no JSON object");
    assert_eq!(refused(400, &[], "{}").reason, "HTTP 400 without an OAuth error");
}

#[test]
fn what_the_sts_says_is_made_fit_for_the_log() {
    let jwt = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ1c2VyIiwiYXVkIjoic3RzIn0.c2lnbmF0dXJl";
    let long = "many words ".repeat(1000);
    let body = format!(r#"{{"error":"a\nb","error_description":"{jwt} \u001b[2J \"{long}end"}}"#);
    let reason = refused(400, &[], &body).reason;
    assert!(
        reason.starts_with(
            r#"HTTP 400, error "a\nb", error_description "eyJhbGciOiJS... \u{1b}[2J \"many words many "#
        ),
        "{reason}"
    );
    assert!(reason.ends_with("many words end\"") && reason.len() < 560, "{reason}");
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
    answer_at("https://as.example.com/token", status, headers, body)
}

fn profile(endpoint: &str, auth: ClientAuth) -> Profile {
    let endpoint = Endpoint::parse(endpoint).unwrap();
    Profile { protocol: Protocol::OAuth(&token_exchange::GRANT), endpoint, auth, client_id: None }
}

fn answer_at(
    endpoint: &str,
    status: u16,
    headers: &[(&'static str, &str)],
    body: &[u8],
) -> Result<Issued, Failure> {
    let headers: HeaderMap = headers
        .iter()
        .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
        .collect();
    let status = StatusCode::from_u16(status).unwrap();
    let now = Now { wall: UnixTime(0), entropy: || Ok([0; 32]) };
    let answer = Incoming { status, headers: &headers, body, known: &Known::nothing };
    profile(endpoint, ClientAuth::none()).response(&answer, &now)
}

fn refused(status: u16, headers: &[(&'static str, &str)], body: &str) -> Failure {
    heard("https://as.example.com/token", status, headers, body)
}

fn heard(endpoint: &str, status: u16, headers: &[(&'static str, &str)], body: &str) -> Failure {
    match answer_at(endpoint, status, headers, body.as_bytes()) {
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

/// What the client is told of a refusal with these members.
fn step_up(members: &str) -> Option<String> {
    let failure = refused(400, &[], &format!("{{{members}}}"));
    assert!(failure.kind == FailureKind::StepUp || failure.step_up.is_none());
    let needed = failure.step_up.as_deref();
    (failure.kind == FailureKind::StepUp).then(|| StepUp::challenge(needed))
}

#[test]
fn an_sts_that_wants_another_authentication_says_which() {
    let plain = "error=\"insufficient_user_authentication\"";
    for (more, parameters) in [
        ("", ""),
        (r#","acr_values":"urn:a b""#, ", acr_values=\"urn:a b\""),
        (r#","max_age":300"#, ", max_age=\"300\""),
        (r#","max_age":"300""#, ", max_age=\"300\""),
        (r#","acr_values":"a","max_age":0"#, ", acr_values=\"a\", max_age=\"0\""),
        (r#","acr_values":null,"max_age":null"#, ""),
        // In doubt: not even what is beside it.
        (r#","acr_values":"a\"","max_age":5"#, ""),
        (r#","acr_values":"a\r\nSet-Cookie: b""#, ""),
        (r#","acr_values":["a"]"#, ""),
        (r#","acr_values":1"#, ""),
        (r#","acr_values":"a","max_age":-1"#, ""),
        (r#","acr_values":"a","max_age":1.5"#, ""),
        (r#","acr_values":"a","max_age":"soon""#, ""),
        (r#","acr_values":"a","max_age":true"#, ""),
    ] {
        let members = format!(r#""error":"insufficient_user_authentication"{more}"#);
        assert_eq!(step_up(&members), Some(format!("{plain}{parameters}")), "{more}");
    }
}

#[test]
fn a_refusal_with_claims_is_a_claims_challenge() {
    let claims = r#"{\"access_token\":{\"polids\":{\"essential\":true,\"values\":[\"5\"]}}}"#;
    let plain = "error=\"insufficient_user_authentication\"";
    for code in ["interaction_required", "invalid_grant", "login_required", "consent_required"] {
        let members = format!(r#""error":"{code}","suberror":"basic_action","claims":"{claims}""#);
        let encoded = "eyJhY2Nlc3NfdG9rZW4iOnsicG9saWRzIjp7ImVzc2VudGlhbCI6dHJ1ZSwidmFsdWVzIjpbIjUi\
                       XX19fQ==";
        let expected = format!("error=\"insufficient_claims\", claims=\"{encoded}\"");
        assert_eq!(step_up(&members), Some(expected), "{code}");
        for doubtful in [r#""no""#, r#""{""#, "{}", "[]", "1"] {
            let members = format!(r#""error":"{code}","claims":{doubtful}"#);
            assert_eq!(step_up(&members).as_deref(), Some(plain), "{code} {doubtful}");
        }
        for nothing in ["null", r#""""#] {
            let members = format!(r#""error":"{code}","claims":{nothing}"#);
            assert_eq!(step_up(&members), None, "{code} {nothing}");
        }
    }
    for code in ["invalid_client", "invalid_scope", "server_error", "slow_down"] {
        let members = format!(r#""error":"{code}","claims":"{claims}""#);
        assert_eq!(step_up(&members), None, "{code} is not about the user");
    }
}

#[test]
fn a_token_that_the_sts_repeats_is_no_part_of_a_challenge() {
    let profile = profile("https://as.example.com/token", ClientAuth::none());
    let known = || profile.known(&Subject { source: b"s3cr3t-source", parameters: &[] });
    for body in [
        r#"{"error":"insufficient_user_authentication","acr_values":"a s3cr3t-source"}"#,
        r#"{"error":"invalid_grant","claims":"{\"a\":\"s3cr3t-source\"}"}"#,
    ] {
        let (headers, body) = (&HeaderMap::new(), body.as_bytes());
        let answer = Incoming { status: StatusCode::BAD_REQUEST, headers, body, known: &known };
        let now = Now { wall: UnixTime(0), entropy: || Ok([0; 32]) };
        let Err(failure) = profile.response(&answer, &now) else { panic!("a success") };
        assert_eq!((failure.kind, failure.step_up), (FailureKind::StepUp, None));
    }
}
