use std::fs;
use std::path::Path;

use super::*;
use crate::directives;
use crate::settings::build;
use crate::settings::option_string;
use crate::settings::written::{Items, Word};

/// An exchange of a type.
fn exchange(kind: &str) -> Exchange {
    let word = |text: &str| Word::new(text.to_owned());
    let auth = if kind == "wstrust" {
        ""
    } else {
        "auth=client_secret_basic&client_id=gateway&client_secret=s"
    };
    let words = [word(kind), word("http://127.0.0.1:1/token"), word(auth)];
    let items = option_string::of_exchange(&words, &option_string::command_line()).unwrap();
    assert!(items.iter().all(|item| directives::find(item.directive.name).is_some()));
    build::exchange(Items::new(items), Path::new("/")).unwrap().unwrap()
}

/// What is known of an answer, head and body.
fn evidence_of(kind: &str, answer: &[u8], source: &[u8]) -> Evidence {
    use sts_core::known::Known;
    use sts_core::profile::{ANSWER_HEADERS, Incoming};
    use sts_core::secret::Secret;
    use sts_net::http1::answer::{Asked, Limits, Reader};

    let exchange = exchange(kind);
    let mut reader =
        Reader::new(Asked::Answer, &ANSWER_HEADERS, Limits { head: 1 << 16, body: 1 << 20 });
    let answer = match reader.take(answer).unwrap() {
        Some(answer) => answer,
        None => reader.end().unwrap(),
    };
    let Way::Call(call) = &exchange.way else { unreachable!() };
    let incoming = Incoming {
        status: answer.status,
        headers: &answer.headers,
        body: answer.body.expose(),
        known: &Known::nothing,
    };
    let failure = call.profile.response(&incoming, &crate::call::now()).err().expect("a failure");
    let outcome = Outcome {
        source: Secret::new(source),
        parameters: Vec::new(),
        sent: None,
        answer: Some(answer),
        wire: None,
        result: Err(failure),
        took: 0,
        known: Known::nothing(),
    };
    Evidence::of(&exchange, &outcome, 1_000_000).unwrap()
}

fn cause_of(kind: &str, answer: &[u8]) -> &'static str {
    evidence_of(kind, answer, b"opaque").cause().map_or("none", |cause| cause.id)
}

fn answered(status: u16, content_type: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!("HTTP/1.1 {status} X\r\nContent-Type: {content_type}\r\nContent-Length: {length}\r\n\r\n{body}")
        .into_bytes()
}

fn oauth(error: &str, description: &str) -> Vec<u8> {
    let body = format!("{{\"error\":\"{error}\",\"error_description\":\"{description}\"}}");
    answered(400, "application/json", &body)
}

/// The recorded answers, and what is the cause of each.
const RECORDED: &[(&str, &str)] = &[
    ("keycloak/audience-not-available", "keycloak_audience_unavailable"),
    ("keycloak/audience-unknown", "audience_unknown"),
    ("keycloak/cc-public-client", "keycloak_public_client"),
    ("keycloak/cc-scope-unknown", "scope"),
    ("keycloak/cc-wrong-secret", "client_secret"),
    ("keycloak/client-assertion-aud", "assertion_audience"),
    ("keycloak/endpoint-auth-prefix", "keycloak_auth_prefix"),
    ("keycloak/endpoint-issuer", "endpoint_method"),
    ("keycloak/gateway-consent", "keycloak_consent"),
    ("keycloak/gateway-needs-dpop", "keycloak_dpop"),
    ("keycloak/no-client", "client_credentials"),
    ("keycloak/not-before", "source_refused"),
    ("keycloak/not-enabled", "keycloak_exchange_off"),
    ("keycloak/public-client", "keycloak_public_client"),
    ("keycloak/requested-jwt", "requested_token_type"),
    ("keycloak/requested-subject", "keycloak_legacy_parameter"),
    ("keycloak/ropc-wrong-password", "wrong_password"),
    ("keycloak/scope-unknown", "scope"),
    ("keycloak/subject-dpop-bound", "source_bound_elsewhere"),
    ("keycloak/subject-type-id-token", "subject_token_type"),
    ("keycloak/subject-wrong-audience", "keycloak_not_in_audience"),
    ("keycloak/unknown-client", "client_credentials"),
    ("keycloak/wrong-method", "keycloak_wrong_method"),
    ("keycloak/wrong-realm", "keycloak_realm"),
    ("keycloak/wrong-secret-basic", "client_secret"),
    ("keycloak-v1/not-permitted", "exchange_not_allowed"),
    ("keycloak-v1/id-token", "requested_token_type"),
    ("dex/no-connector", "dex_connector"),
    ("dex/endpoint-404", "endpoint_not_found"),
    ("dex/endpoint-issuer", "html"),
    ("dex/requested-jwt", "requested_token_type"),
    ("dex/subject-type-jwt", "subject_token_type"),
    ("dex/subject-garbage", "source_refused"),
    ("dex/ropc-wrong-password", "wrong_password"),
    ("dex/wrong-secret", "client_credentials"),
    ("nav-mock/endpoint-issuer", "endpoint_method"),
    ("nav-mock/subject-garbage", "server_error"),
    ("oidc-provider/cc-invalid-target", "resource_unknown"),
    ("oidc-provider/invalid-scope", "scope"),
    ("oidc-provider/invalid-target", "resource_unknown"),
    ("oidc-provider/no-client", "no_client"),
    ("oidc-provider/ropc-unsupported", "grant_unsupported"),
    ("oidc-provider/subject-expired", "source_refused"),
    ("oidc-provider/subject-type", "subject_token_type"),
    ("oidc-provider/two-resources", "one_resource"),
    ("zitadel-oidc/not-permitted", "exchange_not_allowed"),
    ("zitadel-oidc/otx-jwt", "requested_token_type"),
    ("zitadel-oidc/wrong-secret", "client_credentials"),
];

/// What servers say that were not recorded, by their documentation, and what is told of a status alone.
fn documented() -> Vec<(&'static str, Vec<u8>, &'static str)> {
    let entra =
        |code: &str| oauth("invalid_grant", &format!("{code}: Words of Entra. Trace ID: x"));
    let soap = |status: u16, code: &str, reason: &str| {
        let body = format!(
            "<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\"><s:Body><s:Fault>\
             <faultcode xmlns:a=\"http://docs.oasis-open.org/ws-sx/ws-trust/200512\">{code}</faultcode>\
             <faultstring>{reason}</faultstring></s:Fault></s:Body></s:Envelope>"
        );
        answered(status, "text/xml", &body)
    };
    let redirect =
        b"HTTP/1.1 302 Found\r\nLocation: https://login.example/\r\nContent-Length: 0\r\n\r\n";
    vec![
        ("jwt_bearer", entra("AADSTS500131"), "entra_audience"),
        ("jwt_bearer", entra("AADSTS500133"), "entra_lifetime"),
        ("jwt_bearer", entra("AADSTS50013"), "entra_assertion_signature"),
        ("jwt_bearer", entra("AADSTS65001"), "entra_consent"),
        ("jwt_bearer", oauth("interaction_required", "AADSTS50076: MFA"), "entra_second_factor"),
        ("otx", oauth("unsupported_grant_type", "AADSTS70003: x"), "entra_grant"),
        ("jwt_bearer", oauth("invalid_client", "AADSTS7000218: x"), "entra_no_secret"),
        ("jwt_bearer", oauth("invalid_client", "AADSTS7000215: x"), "entra_secret"),
        ("jwt_bearer", oauth("invalid_client", "AADSTS7000222: x"), "entra_secret_expired"),
        ("jwt_bearer", oauth("invalid_client", "AADSTS700027: x"), "entra_client_assertion"),
        ("jwt_bearer", oauth("unauthorized_client", "AADSTS700016: x"), "entra_unknown_client"),
        ("jwt_bearer", oauth("invalid_request", "AADSTS90002: x"), "entra_tenant"),
        ("jwt_bearer", oauth("invalid_scope", "AADSTS70011: x"), "entra_scope"),
        ("jwt_bearer", oauth("jti_known", "x"), "hydra_replayed"),
        ("otx", oauth("unauthorized_client", "no"), "grant_not_allowed"),
        ("otx", oauth("insufficient_user_authentication", "x"), "step_up"),
        ("otx", oauth("consent_required", "x"), "consent"),
        ("otx", oauth("access_denied", "policy"), "denied"),
        ("otx", redirect.to_vec(), "redirect"),
        ("otx", answered(407, "text/plain", "x"), "proxy_on_the_way"),
        ("otx", answered(429, "application/json", "{}"), "too_many_requests"),
        ("otx", answered(503, "text/plain", "x"), "sts_unavailable"),
        ("otx", answered(502, "text/html", "<html>502 Bad Gateway"), "gateway_before_sts"),
        (
            "otx",
            answered(400, "text/html", "The plain HTTP request was sent to HTTPS port"),
            "tls_port_plain",
        ),
        ("otx", answered(200, "application/json", "{}"), "no_token"),
        ("otx", answered(200, "text/plain", "hello"), "no_json"),
        ("wstrust", soap(500, "a:FailedAuthentication", "ID3242: x"), "wstrust_credentials"),
        ("wstrust", soap(500, "a:InvalidScope", "ID3082: x"), "wstrust_applies_to"),
        ("wstrust", soap(500, "wsse:MessageExpired", "x"), "wstrust_clock"),
        ("wstrust", soap(500, "s:VersionMismatch", "x"), "wstrust_soap_version"),
        ("wstrust", answered(415, "text/plain", "x"), "wstrust_content_type"),
        ("wstrust", soap(500, "a:BadRequest", "not understood"), "wstrust_action"),
        ("wstrust", soap(200, "a:InvalidSecurityToken", "x"), "wstrust_token"),
        ("wstrust", soap(500, "a:InvalidRequest", "x"), "wstrust_request"),
        ("wstrust", soap(500, "a:RequestFailed", "x"), "wstrust_failed"),
        ("wstrust", soap(500, "wsse:SecurityError", "x"), "wstrust_security"),
    ]
}

fn vector(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../sts-core/tests/vectors").join(name);
    fs::read(path).unwrap_or_else(|error| panic!("{name}: {error}"))
}

#[test]
fn the_cause_of_each_recorded_answer_is_named() {
    for (name, expected) in RECORDED {
        let kind = match name.split('/').nth(1).unwrap() {
            scenario if scenario.starts_with("cc") => "cc",
            scenario if scenario.starts_with("ropc") => "ropc",
            _ => "otx",
        };
        let answer = vector(&format!("oauth/{name}.http"));
        assert_eq!(cause_of(kind, &answer), *expected, "{name}");
    }
    for (name, expected) in
        [("cxf/fault-default", "wstrust_security"), ("cxf/publickey", "wstrust_request")]
    {
        assert_eq!(
            cause_of("wstrust", &vector(&format!("wstrust/{name}.http"))),
            expected,
            "{name}"
        );
    }
}

#[test]
fn the_cause_of_what_others_say_is_named() {
    for (kind, answer, expected) in documented() {
        assert_eq!(cause_of(kind, &answer), expected, "{}", String::from_utf8_lossy(&answer));
    }
}

/// An unsigned JWT.
fn jwt(claims: &str) -> Vec<u8> {
    use base64::Engine;
    let encode = |text: &str| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(text);
    format!("{}.{}.s", encode("{\"alg\":\"none\"}"), encode(claims)).into_bytes()
}

/// Source tokens of which a refusal without words is explained.
const SOURCES: [(&str, &str); 5] = [
    (r#"{"exp":999000}"#, "source_expired"),
    (r#"{"exp":2000000,"nbf":1000060}"#, "source_not_yet"),
    (r#"{"exp":2000000,"typ":"Refresh"}"#, "source_is_refresh_token"),
    (r#"{"exp":2000000,"typ":"ID"}"#, "source_is_id_token"),
    (r#"{"exp":2000000,"aud":"other"}"#, "source_for_another"),
];

#[test]
fn a_source_token_tells_what_the_sts_does_not() {
    let answer = oauth("invalid_request", "Invalid token");
    for (claims, expected) in SOURCES {
        let evidence = evidence_of("otx", &answer, &jwt(claims));
        assert_eq!(evidence.cause().map(|cause| cause.id), Some(expected), "{claims}");
    }
    let good = jwt(r#"{"exp":2000000,"iat":999990,"aud":["a","gateway"]}"#);
    let evidence = evidence_of("otx", &answer, &good);
    assert_eq!(evidence.cause().map(|cause| cause.id), Some("source_refused"));
}

fn refused(why: &str) -> WireError {
    WireError::Connect {
        address: "127.0.0.1:1".to_owned(),
        why: why.to_owned(),
        kind: std::io::ErrorKind::Other,
    }
}

/// Why there was no answer, and the cause of that.
fn without_answer() -> Vec<(WireError, &'static str)> {
    let tls = |text: &str| WireError::Tls(text.to_owned());
    let tunnel = |why: &str| WireError::Proxy { target: "sts:443".to_owned(), why: why.to_owned() };
    let socket = WireError::Connect {
        address: "unix:/run/sts".to_owned(),
        why: "No such file or directory (os error 2)".to_owned(),
        kind: std::io::ErrorKind::NotFound,
    };
    vec![
        (WireError::NoAddress("Name or service not known".to_owned()), "name_not_found"),
        (socket, "socket_missing"),
        (refused("Connection refused (os error 111)"), "connection_refused"),
        (refused("Network is unreachable (os error 101)"), "network_unreachable"),
        (refused("connection timed out"), "connect_timeout"),
        (tls("certificate verify error 62: hostname mismatch"), "tls_name_mismatch"),
        (tls("certificate verify error 10: certificate has expired"), "tls_certificate_expired"),
        (
            tls("certificate verify error 9: certificate is not yet valid"),
            "tls_certificate_not_yet",
        ),
        (
            tls("certificate verify error 19: self-signed certificate in certificate chain"),
            "tls_self_signed",
        ),
        (
            tls("certificate verify error 20: unable to get local issuer certificate"),
            "tls_untrusted",
        ),
        (tls("certificate verify error 23: certificate revoked"), "tls_revoked"),
        (tls("error:0A00010B:SSL routines:ssl3_get_record:wrong version number"), "tls_plain_port"),
        (tls("sslv3 alert handshake failure"), "tls_client_certificate"),
        (tls("tlsv1 alert protocol version"), "tls_protocol"),
        (tunnel("it answered 407 Proxy Authentication Required"), "proxy_credentials"),
        (tunnel("it answered 403 Forbidden"), "proxy_no_tunnel"),
        (WireError::Timeout(20), "no_answer"),
        (WireError::Lost("Connection reset by peer".to_owned()), "connection_lost"),
        (WireError::Malformed("invalid HTTP version".to_owned()), "no_http"),
        (WireError::TooLarge(10), "answer_too_large"),
    ]
}

fn evidence_without_answer(error: WireError) -> Evidence {
    evidence_of_failure("otx", error.failure(), Some(error))
}

fn evidence_of_failure(
    kind: &str,
    failure: sts_core::error::Failure,
    wire: Option<WireError>,
) -> Evidence {
    let outcome = Outcome {
        source: sts_core::secret::Secret::default(),
        parameters: Vec::new(),
        sent: None,
        answer: None,
        wire,
        result: Err(failure),
        took: 0,
        known: sts_core::known::Known::nothing(),
    };
    Evidence::of(&exchange(kind), &outcome, 1_000_000).unwrap()
}

#[test]
fn the_cause_of_no_answer_is_named() {
    for (error, expected) in without_answer() {
        let text = error.to_string();
        let evidence = evidence_without_answer(error);
        assert_eq!(evidence.cause().map(|cause| cause.id), Some(expected), "{text}");
    }
}

/// What is found before anything is sent, or in what was issued.
const HERE: [(FailureKind, &str, &str); 5] = [
    (FailureKind::BadToken, "the token is bound to a key of its client", "source_bound"),
    (FailureKind::BadToken, "the token is not base64", "source_unusable"),
    (FailureKind::MissingToken, "no source token", "source_missing"),
    (FailureKind::BadAnswer, "the token does not have the scope (STSExpect)", "not_as_asked"),
    (
        FailureKind::BadAnswer,
        "token_type \"x\", which \"STSAcceptTokenType\" does not name",
        "token_type",
    ),
];

#[test]
fn the_cause_of_what_is_found_here_is_named() {
    for (kind, reason, expected) in HERE {
        let failure = sts_core::error::Failure::new(kind, reason);
        let evidence = evidence_of_failure("otx", failure, None);
        assert_eq!(evidence.cause().map(|cause| cause.id), Some(expected), "{reason}");
    }
}

#[test]
fn each_row_of_the_table_has_a_test_and_a_name_of_its_own() {
    let documented = documented();
    let without_answer = without_answer();
    let tested: Vec<&str> = RECORDED
        .iter()
        .map(|(_, id)| *id)
        .chain(documented.iter().map(|(_, _, id)| *id))
        .chain(SOURCES.iter().map(|(_, id)| *id))
        .chain(without_answer.iter().map(|(_, id)| *id))
        .chain(HERE.iter().map(|(_, _, id)| *id))
        .collect();
    for (index, cause) in TABLE.iter().enumerate() {
        assert!(tested.contains(&cause.id), "{} is not tested", cause.id);
        assert!(TABLE.iter().skip(index + 1).all(|other| other.id != cause.id), "{}", cause.id);
        for text in [cause.cause, cause.remedy] {
            assert!(!text.is_empty() && !text.ends_with('.'), "{}", cause.id);
        }
    }
    assert!(TABLE.len() > 30);
}
