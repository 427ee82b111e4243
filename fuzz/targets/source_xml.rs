//! Source tokens that go to an STS of WS-Trust: as they are, or in base64. What a client sends stays
//! in its place.
#![no_main]

use libfuzzer_sys::fuzz_target;
use roxmltree::Document;
use sts_core::client_auth::ClientAuth;
use sts_core::endpoint::Endpoint;
use sts_core::now::{Now, UnixTime};
use sts_core::profile::{Profile, Protocol, Subject};
use sts_core::wstrust::assertion_expiry;
use sts_core::wstrust::settings::{Settings, WsTrust};

const NOW: Now = Now { wall: UnixTime(1_800_000_000), entropy: || Ok([7; 32]) };

fuzz_target!(|data: &[u8]| {
    let _ = assertion_expiry(data);
    for value_type in [None, Some("urn:any".to_owned())] {
        let verbatim = value_type.is_none();
        let settings = Settings { value_type, ..Settings::default() };
        let Ok(exchange) = WsTrust::new(settings) else { panic!("the settings go together") };
        let Ok(endpoint) = Endpoint::parse("https://sts.example/trust") else { return };
        let profile = Profile {
            protocol: Protocol::WsTrust(Box::new(exchange)),
            endpoint,
            auth: ClientAuth::none(),
            client_id: None,
        };
        let subject = Subject { source: data, parameters: &[] };
        match profile.request(&subject, &NOW) {
            Ok(outgoing) => check(outgoing.body.expose(), verbatim),
            Err(failure) => {
                assert!(verbatim || data.is_empty(), "what is encoded is never refused");
                assert!(!failure.reason.chars().any(char::is_control), "{:?}", failure.reason);
            }
        }
    }
});

/// The message is what it would be for any other token.
fn check(message: &[u8], verbatim: bool) {
    let Ok(text) = std::str::from_utf8(message) else { panic!("the message is not UTF-8") };
    let Ok(document) = Document::parse(text) else { panic!("the message is not well-formed") };
    let children = |name: &str| {
        let node = document.descendants().find(|node| node.tag_name().name() == name);
        let children = node.into_iter().flat_map(|node| node.children());
        children.map(|child| child.tag_name().name()).collect::<Vec<_>>()
    };
    assert_eq!(children("Envelope"), ["Header", "Body"]);
    assert_eq!(children("Header"), ["Action", "MessageID", "To", "Security"]);
    let [timestamp, token] = children("Security")[..] else { panic!("there is more than a token") };
    assert_eq!(timestamp, "Timestamp");
    match token {
        "Assertion" | "UsernameToken" => assert!(verbatim),
        "BinarySecurityToken" => assert!(!verbatim),
        other => panic!("{other} is no token"),
    }
}
