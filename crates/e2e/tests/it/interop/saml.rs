//! SAML assertions of servers that speak WS-Trust, and how a user gets one for its password.

use std::fs;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use e2e::interop::Server;
use e2e::scene::Seen;
use e2e::wait::wait_for;
use e2e::xmlsec::Verifier;
use jiff::{Timestamp, ToSpan};

const WSS: &str = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity";
const TRUST: &str = "http://docs.oasis-open.org/ws-sx/ws-trust/200512";
const PASSWORD: &str = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-username-token-profile-1.0#PasswordText";
const SAML_2: &str = "http://docs.oasis-open.org/wss/oasis-wss-saml-token-profile-1.1#SAMLV2.0";
const ADDRESSING: &str = "http://www.w3.org/2005/08/addressing";

/// The name and the password of a user, in base64.
pub(super) fn credentials(user: &str) -> String {
    STANDARD.encode(format!("{user}:{user}"))
}

/// A request for an assertion by a user whose password is its name, at this endpoint.
pub(super) fn asking(user: &str, url: &str) -> String {
    let text = |time: Timestamp| time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let (from, to) = (text(Timestamp::now()), text(Timestamp::now() + 60.seconds()));
    format!(
        r#"<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"
        xmlns:a="{ADDRESSING}"><s:Header>
        <a:Action>{TRUST}/RST/Issue</a:Action>
        <a:MessageID>urn:of-the-trial:{user}</a:MessageID>
        <a:To>{url}</a:To>
        <o:Security xmlns:o="{WSS}-secext-1.0.xsd" xmlns:u="{WSS}-utility-1.0.xsd" s:mustUnderstand="1">
        <u:Timestamp><u:Created>{from}</u:Created><u:Expires>{to}</u:Expires></u:Timestamp>
        <o:UsernameToken><o:Username>{user}</o:Username>
        <o:Password Type="{PASSWORD}">{user}</o:Password></o:UsernameToken></o:Security></s:Header>
        <s:Body><t:RequestSecurityToken xmlns:t="{TRUST}"><t:RequestType>{TRUST}/Issue</t:RequestType>
        <t:TokenType>{SAML_2}</t:TokenType><t:KeyType>{TRUST}/Bearer</t:KeyType>
        <p:AppliesTo xmlns:p="http://schemas.xmlsoap.org/ws/2004/09/policy">
        <a:EndpointReference><a:Address>https://app.example.com/</a:Address>
        </a:EndpointReference></p:AppliesTo></t:RequestSecurityToken></s:Body></s:Envelope>"#
    )
}

/// The assertion in an answer.
#[track_caller]
pub(super) fn assertion_in(answer: &str) -> String {
    const END: &str = "</saml2:Assertion>";
    let begin = answer.find("<saml2:Assertion").unwrap_or_else(|| panic!("no assertion: {answer}"));
    let end = answer.find(END).expect("its end") + END.len();
    answer.get(begin..end).expect("an assertion").to_owned()
}

/// An assertion in which stands another user than the one that it was issued for.
#[track_caller]
pub(super) fn with_another_user(assertion: &str, user: &str, other: &str) -> String {
    let (user, other) = (format!(">{user}<"), format!(">{other}<"));
    assert!(assertion.contains(&user), "{assertion}");
    assertion.replace(&user, &other)
}

/// Waits until an assertion of the endpoint that gives them for a second is over.
pub(super) fn outlive() {
    let end = Timestamp::now() + 2.seconds();
    wait_for("the end of the assertion", || Timestamp::now() > end);
}

/// The user of the assertion that the backend got, which the server has signed.
pub(super) fn user(server: &Server, seen: &Seen) -> String {
    let passed = seen.header("X-Assertion").expect("a token");
    let assertion = String::from_utf8(STANDARD.decode(passed).expect("base64")).expect("text");
    let certificate = fs::read_to_string(server.value("CERTIFICATE")).expect("a certificate");
    let der: String = certificate.lines().filter(|line| !line.starts_with("-----")).collect();
    assert!(Verifier::of_certificate(&der).verifies(&assertion), "{assertion}");
    assert!(assertion.contains(">https://app.example.com/</saml2:Audience>"), "{assertion}");
    let (_, rest) = assertion.split_once("<saml2:NameID ").expect("a subject");
    let (_, rest) = rest.split_once('>').expect("the end of a tag");
    rest.split('<').next().expect("a name").to_owned()
}
