//! Exchanges to test with, and answers to them.

use http::{HeaderMap, StatusCode};
use sts_core::client_auth::ClientAuth;
use sts_core::endpoint::Endpoint;
use sts_core::error::Failure;
use sts_core::issued::Issued;
use sts_core::known::Known;
use sts_core::now::{Now, UnixTime};
use sts_core::profile::{Incoming, Outgoing, Profile, Protocol, Subject};
use sts_core::wstrust::endpoint_auth;
use sts_core::wstrust::settings::{Settings, WsTrust};

pub(crate) const WST: &str = "http://docs.oasis-open.org/ws-sx/ws-trust/200512";
pub(crate) const WST_2005: &str = "http://schemas.xmlsoap.org/ws/2005/02/trust";
pub(crate) const WSSE: &str =
    "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd";
pub(crate) const WSU: &str =
    "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd";
pub(crate) const SAML_2: &str = "urn:oasis:names:tc:SAML:2.0:assertion";
pub(crate) const SAML_2_TOKEN: &str =
    "http://docs.oasis-open.org/wss/oasis-wss-saml-token-profile-1.1#SAMLV2.0";

/// 2026-11-24T12:00:00Z.
pub(crate) const NOW: Now =
    Now { wall: UnixTime(1_795_521_600), entropy: || Ok(std::array::from_fn(|i| i as u8)) };

/// Settings that differ from the defaults.
pub(crate) fn settings(change: impl FnOnce(&mut Settings)) -> Settings {
    let mut settings = Settings::default();
    change(&mut settings);
    settings
}

/// An exchange with checked settings.
pub(crate) fn exchange(change: impl FnOnce(&mut Settings)) -> WsTrust {
    WsTrust::new(settings(change)).unwrap_or_else(|error| panic!("{error}"))
}

pub(crate) fn profile(exchange: WsTrust, auth: ClientAuth) -> Profile {
    Profile {
        protocol: Protocol::WsTrust(Box::new(exchange)),
        endpoint: Endpoint::parse("https://sts.example:9031/pf/sts.wst").unwrap(),
        auth,
        client_id: None,
    }
}

pub(crate) fn username_token(options: &str) -> ClientAuth {
    let auth = endpoint_auth::parse("username_token", Some(options));
    auth.unwrap_or_else(|error| panic!("{error}"))
}

/// What is sent for a source token.
pub(crate) fn send(profile: &Profile, source: impl AsRef<[u8]>) -> Result<Outgoing, Failure> {
    send_at(profile, source, &NOW)
}

pub(crate) fn send_at(
    profile: &Profile,
    source: impl AsRef<[u8]>,
    now: &Now,
) -> Result<Outgoing, Failure> {
    profile.request(&Subject { source: source.as_ref(), parameters: &[] }, now)
}

/// What comes of an answer.
pub(crate) fn receive(
    exchange: WsTrust,
    status: u16,
    headers: &[(&'static str, &str)],
    body: &[u8],
) -> Result<Issued, Failure> {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.insert(*name, value.parse().unwrap());
    }
    let status = StatusCode::from_u16(status).unwrap();
    let profile = profile(exchange, ClientAuth::none());
    profile.response(&Incoming { status, headers: &map, body, known: &Known::nothing }, &NOW)
}

/// The token of an answer with status 200 to an exchange with the default settings.
pub(crate) fn token_of(body: &str) -> String {
    let issued = receive(exchange(|_| {}), 200, &[], body.as_bytes());
    let issued = issued.unwrap_or_else(|failure| panic!("{failure}\n{body}"));
    String::from_utf8(issued.token.expose().to_vec()).unwrap()
}

pub(crate) fn envelope(body: &str) -> String {
    format!(
        "<s:Envelope xmlns:s=\"http://www.w3.org/2003/05/soap-envelope\"><s:Header/>\
         <s:Body>{body}</s:Body></s:Envelope>"
    )
}

/// A collection with responses in it.
pub(crate) fn collection(responses: &str) -> String {
    envelope(&format!(
        "<wst:RequestSecurityTokenResponseCollection xmlns:wst=\"{WST}\">{responses}\
         </wst:RequestSecurityTokenResponseCollection>"
    ))
}

/// A response in a collection.
pub(crate) fn response(token_type: &str, rest: &str, token: &str) -> String {
    format!(
        "<wst:RequestSecurityTokenResponse><wst:TokenType>{token_type}</wst:TokenType>{rest}\
         <wst:RequestedSecurityToken>{token}</wst:RequestedSecurityToken>\
         </wst:RequestSecurityTokenResponse>"
    )
}

/// A small assertion that stands alone.
pub(crate) fn assertion(id: &str) -> String {
    format!(
        "<saml2:Assertion xmlns:saml2=\"{SAML_2}\" ID=\"{id}\" Version=\"2.0\">\
         <saml2:Subject><saml2:NameID>joe</saml2:NameID></saml2:Subject></saml2:Assertion>"
    )
}

/// A binary token.
pub(crate) fn binary(value_type: &str, content: &str) -> String {
    format!(
        "<wsse:BinarySecurityToken xmlns:wsse=\"{WSSE}\" ValueType=\"{value_type}\">{content}\
         </wsse:BinarySecurityToken>"
    )
}
