//! The answer of an STS of WS-Trust: the first two bytes are its status, the third what was asked for and
//! whether the answer has several parts, the rest its body.
#![no_main]

use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, StatusCode};
use libfuzzer_sys::fuzz_target;
use roxmltree::{Document, Node};
use sts_core::client_auth::ClientAuth;
use sts_core::endpoint::Endpoint;
use sts_core::known::Known;
use sts_core::now::{Now, UnixTime};
use sts_core::profile::{Incoming, Profile, Protocol};
use sts_core::wstrust::settings::{Settings, WsTrust};
use sts_core::wstrust::words::{TokenAs, Version};

const NOW: Now = Now { wall: UnixTime(1_800_000_000), entropy: || Ok([7; 32]) };

/// What is asked for; the first two are of SAML.
const TOKEN_TYPES: [&str; 3] = [
    "http://docs.oasis-open.org/wss/oasis-wss-saml-token-profile-1.1#SAMLV2.0",
    "urn:oasis:names:tc:SAML:1.0:assertion",
    "urn:any",
];

fuzz_target!(|data: &[u8]| {
    let [high, low, asked, body @ ..] = data else { return };
    let status = 100 + u16::from_be_bytes([*high, *low]) % 500;
    let Ok(status) = StatusCode::from_u16(status) else { return };
    let asked = usize::from(*asked);
    let settings = Settings {
        version: Version::Trust14,
        token_type: Some(TOKEN_TYPES[asked % 3].to_owned()),
        token_as: [TokenAs::Security, TokenAs::OnBehalfOf, TokenAs::ActAs][asked / 3 % 3],
        ..Settings::default()
    };
    let Ok(exchange) = WsTrust::new(settings) else { panic!("the settings go together") };
    let Ok(endpoint) = Endpoint::parse("https://sts.example/trust") else { return };
    let profile = Profile {
        protocol: Protocol::WsTrust(Box::new(exchange)),
        endpoint,
        auth: ClientAuth::none(),
        client_id: None,
    };
    let has_parts = asked / 9 % 2 == 1;
    let mut headers = HeaderMap::new();
    if has_parts {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("multipart/related; boundary=b"));
    }
    let answer = Incoming { status, headers: &headers, body, known: &Known::nothing };
    match profile.response(&answer, &NOW) {
        Ok(issued) => {
            assert!(status.is_success() && !issued.token.expose().trim_ascii().is_empty());
            // Anything may be in a binary token.
            if asked % 3 < 2 && !has_parts {
                check_taken_out(body, issued.token.expose());
            }
        }
        Err(failure) => {
            assert!(!failure.reason.chars().any(char::is_control), "{:?}", failure.reason);
        }
    }
});

/// What was taken out stands alone, and means what it meant where it stood.
fn check_taken_out(body: &[u8], token: &[u8]) {
    let (Ok(body), Ok(token)) = (std::str::from_utf8(body), std::str::from_utf8(token)) else {
        panic!("text became something else");
    };
    let body = body.strip_prefix('\u{feff}').unwrap_or(body);
    let Ok(alone) = Document::parse(token) else { panic!("it does not stand alone: {token}") };
    let Ok(whole) = Document::parse(body) else { panic!("more is read than the parser reads") };
    let meaning = meaning(alone.root_element());
    let mut elements = whole.descendants().filter(Node::is_element);
    assert!(
        elements.any(|node| self::meaning(node) == meaning),
        "it means something else: {token}"
    );
}

/// Names, attributes and text, in their order.
fn meaning(node: Node<'_, '_>) -> Vec<String> {
    let mut all = Vec::new();
    for node in node.descendants() {
        if node.is_element() {
            all.push(format!("{:?}", node.tag_name()));
            for attribute in node.attributes() {
                let (space, name) = (attribute.namespace(), attribute.name());
                all.push(format!("{space:?} {name} {}", attribute.value()));
            }
        } else if let Some(text) = node.text().filter(|_| node.is_text()) {
            all.push(text.to_owned());
        }
    }
    all
}
