//! OAuth 2.0 Token Exchange, RFC 8693: what goes out and what comes back.
#![expect(clippy::panic, clippy::unwrap_used, reason = "what fails here is a test")]

use http::{HeaderMap, StatusCode};
use sts_core::client_auth::ClientAuth;
use sts_core::endpoint::Endpoint;
use sts_core::error::FailureKind;
use sts_core::issued::TokenType;
use sts_core::known::Known;
use sts_core::now::{Now, UnixTime};
use sts_core::oauth::token_exchange;
use sts_core::profile::{Incoming, Outgoing, Parameter, Profile, Protocol, Subject};

/// With characters that must be encoded.
const TOKEN: &str = "s.u+b/j=";

const NOW: Now = Now { wall: UnixTime(1_441_917_533), entropy: || Ok([7; 32]) };

#[test]
fn rfc_8693_section_2_3_request() {
    let profile =
        profile("client_secret_basic", "client_id=rs08&client_secret=long-secure-random-secret");
    let outgoing = exchange(
        &profile,
        "accVkjcJyb4BWCxGsndESCJQbdFMogUC5PbRDqceLTC",
        &[("resource", "https://backend.example.com/api")],
    );
    assert_eq!(
        outgoing.headers.get("authorization").unwrap(),
        "Basic cnMwODpsb25nLXNlY3VyZS1yYW5kb20tc2VjcmV0"
    );
    assert_eq!(outgoing.headers.get("content-type").unwrap(), "application/x-www-form-urlencoded");
    // The order of the parameters has no meaning.
    let mut sent: Vec<_> = text(&outgoing).split('&').collect();
    sent.sort_unstable();
    assert_eq!(
        sent,
        [
            "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Atoken-exchange",
            "resource=https%3A%2F%2Fbackend.example.com%2Fapi",
            "subject_token=accVkjcJyb4BWCxGsndESCJQbdFMogUC5PbRDqceLTC",
            "subject_token_type=urn%3Aietf%3Aparams%3Aoauth%3Atoken-type%3Aaccess_token",
        ]
    );
}

#[test]
fn rfc_8693_section_2_3_answer() {
    let token = "eyJhbGciOiJFUzI1NiIsImtpZCI6IjllciJ9.eyJhdWQiOiJodHRwczovL2JhY2tlbmQuZXhhbXBsZS5jb\
                 20iLCJpc3MiOiJodHRwczovL2FzLmV4YW1wbGUuY29tIiwiZXhwIjoxNDQxOTE3NTkzLCJpYXQiOjE0NDE\
                 5MTc1MzMsInN1YiI6ImJkY0BleGFtcGxlLmNvbSIsInNjb3BlIjoiYXBpIn0.40y3ZgQedw6rxf59WlwHD\
                 D9jryFOr0_Wh3CGozQBihNBhnXEQgU85AI9x3KmsPottVMLPIWvmDCMy5-kdXjwhw";
    let body = format!(
        r#"{{
         "access_token":"{token}",
         "issued_token_type":
             "urn:ietf:params:oauth:token-type:access_token",
         "token_type":"Bearer",
         "expires_in":60
        }}"#
    );
    let answer = Incoming {
        status: StatusCode::OK,
        headers: &HeaderMap::new(),
        body: body.as_bytes(),
        known: &Known::nothing,
    };
    let issued = profile("none", "").response(&answer, &NOW).unwrap_or_else(|e| panic!("{e}"));
    assert!(issued.token.expose() == token.as_bytes());
    assert_eq!(issued.token_type, TokenType::Bearer);
    assert_eq!(issued.expires_in, Some(60));
}

#[test]
fn requests_with_each_client_authentication() {
    const SECRET: &str = "client_id=otx%20client&client_secret=2Federate%26%3D%2B";
    const PASSWORD: &str = "username=otx%20client&password=2Federate%26%3D%2B";
    let mut shown = String::new();
    for (method, options, client_id) in [
        ("none", "", None),
        ("none", "", Some("otx client")),
        ("basic", PASSWORD, None),
        ("client_secret_basic", SECRET, None),
        ("client_secret_basic", SECRET, Some("not sent: the method carries one")),
        ("client_secret_post", SECRET, None),
        ("client_secret_post", SECRET, Some("not sent: the method carries one")),
    ] {
        let title = format!("{method} with options {options:?} and client id {client_id:?}");
        let client_id = client_id.map(str::to_owned);
        let profile = Profile { client_id, ..profile(method, options) };
        let outgoing = exchange(&profile, TOKEN, &[("audience", "a")]);
        shown += &format!("# {title}\n{}\n\n", show(&outgoing));
    }
    insta::assert_snapshot!(shown);
}

#[test]
fn requests_with_parameters() {
    const ID_TOKEN: &str = "urn:ietf:params:oauth:token-type:id_token";
    let mut shown = String::new();
    let mut add = |title: &str, parameters: &[(&str, &str)]| {
        let secret = "client_id=a&client_secret=b";
        let outgoing = exchange(&profile("client_secret_post", secret), TOKEN, parameters);
        shown += &format!("# {title}\n{}\n\n", show(&outgoing));
    };
    let (a, b) = (("audience", "a"), ("audience", "b"));
    add("order and repetition are kept", &[b, ("scope", "x y"), a, ("resource", "urn:r"), b]);
    let of_subject = ("subject_token_type", ID_TOKEN);
    add("a parameter sets the type of the subject token", &[("scope", "x"), of_subject, a]);
    add("that type may be empty", &[("subject_token_type", "")]);
    let of_actor = ("actor_token_type", ID_TOKEN);
    add("delegation", &[("actor_token", "a.b.c"), of_actor, ("requested_token_type", ID_TOKEN)]);
    add("everything is encoded", &[("nämé&=", "\r\n\0 %+/?é&=")]);
    insta::assert_snapshot!(shown);
}

#[test]
fn tokens_of_any_size_go_in_both_directions() {
    let profile = profile("none", "");
    for size in [1, 1024, 64 * 1024, 1024 * 1024] {
        let token = "%".repeat(size);
        let outgoing = exchange(&profile, &token, &[]);
        assert!(text(&outgoing).contains(&format!("&subject_token={}&", "%25".repeat(size))));

        let body = format!(r#"{{"access_token":"{token}","token_type":"bearer"}}"#);
        let answer = Incoming {
            status: StatusCode::OK,
            headers: &HeaderMap::new(),
            body: body.as_bytes(),
            known: &Known::nothing,
        };
        let issued = profile.response(&answer, &NOW).unwrap_or_else(|e| panic!("{e}"));
        assert!(issued.token.expose() == token.as_bytes());
    }
}

#[test]
fn bytes_that_are_no_text_reach_the_sts_unchanged() {
    let parameters = [Parameter { name: "p", value: b"\xfe" }];
    let subject = Subject { source: b"\xff\0\x80", parameters: &parameters };
    let outgoing = profile("none", "").request(&subject, &NOW).unwrap_or_else(|e| panic!("{e}"));
    assert!(text(&outgoing).contains("&subject_token=%FF%00%80&"));
    assert!(text(&outgoing).ends_with("&p=%FE"));
}

#[test]
fn without_a_source_token_nothing_is_sent() {
    let subject = Subject { source: b"", parameters: &[] };
    let failure = profile("none", "").request(&subject, &NOW).err().unwrap();
    assert_eq!(failure.kind, FailureKind::MissingToken);
}

fn profile(method: &str, options: &str) -> Profile {
    Profile {
        protocol: Protocol::OAuth(&token_exchange::GRANT),
        endpoint: Endpoint::parse("https://as.example.com/as/token.oauth2").unwrap(),
        auth: ClientAuth::parse(method, Some(options)).unwrap_or_else(|e| panic!("{method}: {e}")),
        client_id: None,
    }
}

fn exchange(profile: &Profile, source: &str, parameters: &[(&str, &str)]) -> Outgoing {
    let parameters: Vec<_> = parameters
        .iter()
        .map(|(name, value)| Parameter { name, value: value.as_bytes() })
        .collect();
    let subject = Subject { source: source.as_bytes(), parameters: &parameters };
    profile.request(&subject, &NOW).unwrap_or_else(|e| panic!("{e}"))
}

fn text(outgoing: &Outgoing) -> &str {
    std::str::from_utf8(outgoing.body.expose()).unwrap()
}

/// The whole request as the core knows it; one parameter a line.
fn show(outgoing: &Outgoing) -> String {
    let mut headers: Vec<_> = outgoing
        .headers
        .iter()
        .map(|(name, value)| {
            let sensitive = if value.is_sensitive() { " (sensitive)" } else { "" };
            format!("{name}: {}{sensitive}", value.to_str().unwrap())
        })
        .collect();
    headers.sort_unstable();
    format!("{}\n\n{}", headers.join("\n"), text(outgoing).replace('&', "\n&"))
}
