//! The answers that a token comes of.

use sts_core::client_auth::ClientAuth;
use sts_core::expect::Expect;
use sts_core::expiry::Expiry;
use sts_core::issued::TokenType;
use sts_core::life::{Life, good_for};
use sts_core::profile::{Names, Parameter, Profile, Subject};
use sts_core::wstrust::words::TokenAs;

use crate::recorded::vector::{NOW, Vector, all, grant, profile, wstrust};

/// Name, and seconds that the token is good for.
const OAUTH: [(&str, Option<u64>); 49] = [
    ("dex/cc", Some(299)),
    ("dex/no-scope", Some(299)),
    ("dex/otx-audience-scope", Some(299)),
    ("dex/otx-ok", Some(299)),
    ("dex/public-client", Some(299)),
    ("dex/requested-id-token", Some(299)),
    ("dex/ropc-ok", Some(299)),
    ("dex/subject-is-access-token", Some(299)),
    ("dex/unknown-scope-ok", Some(299)),
    ("keycloak/actor-token", Some(300)),
    ("keycloak/cc-ok", Some(300)),
    ("keycloak/gateway-needs-cert-ignored-ok", Some(300)),
    ("keycloak/jwt-bearer-ok", Some(300)),
    ("keycloak/otx-audience-ok", Some(300)),
    ("keycloak/otx-id-token", Some(300)),
    ("keycloak/otx-lightweight", Some(300)),
    ("keycloak/otx-ok", Some(299)),
    ("keycloak/requested-id-token", Some(300)),
    ("keycloak/resource", Some(300)),
    ("keycloak/ropc-ok", Some(300)),
    ("keycloak-v1/issuer-ok", Some(300)),
    ("keycloak-v1/issuer-subject", Some(299)),
    ("keycloak-v1/no-audience-ok", Some(300)),
    ("keycloak-v1/ok", Some(300)),
    ("keycloak-v1/refresh-token", Some(300)),
    ("keycloak-v1/saml", Some(60)),
    ("nav-mock/cc-ok", Some(3599)),
    ("nav-mock/client-secret-ok", Some(3599)),
    ("nav-mock/otx-ok", Some(3598)),
    ("nav-mock/ropc-ok", Some(3599)),
    ("oidc-provider/basic-client-by-post-ok", Some(300)),
    ("oidc-provider/cc-opaque", Some(300)),
    ("oidc-provider/cc-resource", Some(300)),
    ("oidc-provider/otx-opaque", Some(300)),
    ("oidc-provider/otx-resource", Some(300)),
    ("oidc-provider/public-client-ok", Some(300)),
    ("zitadel-oidc/cc-ok", Some(299)),
    ("zitadel-oidc/otx-access-token", Some(299)),
    ("zitadel-oidc/otx-default-is-refresh-token", Some(299)),
    ("zitadel-oidc/otx-id-token-source", Some(299)),
    ("zitadel-oidc/otx-requested-id-token", None),
    ("zitadel-oidc/otx-scope-openid", Some(299)),
    ("hydra/cc-ok", Some(3599)),
    ("hydra/jwt-bearer-audience-ignored-ok", Some(3599)),
    ("hydra/jwt-bearer-ok", Some(3599)),
    ("spring/cc-ok", Some(299)),
    ("spring/no-scope-ok", Some(299)),
    ("spring/otx-ok", Some(299)),
    ("spring/otx-opaque-source-ok", Some(299)),
];

#[test]
fn every_answer_of_an_oauth_server_with_a_token_is_taken() {
    for (name, seconds) in OAUTH {
        let name = format!("oauth/{name}");
        let issued = Vector::load(&name).read(grant(&name));
        let issued = issued.unwrap_or_else(|failure| panic!("{name}: {failure}"));
        let life = good_for(&issued, Expiry::Unsaid, Expiry::Unsaid, NOW);
        let ends_with_source = false;
        assert_eq!(life, Life { seconds, doubt: None, ends_with_source }, "{name}");
        let token_type = match name.contains("id-token") && !name.contains("source") {
            // dex says "bearer" of an ID token, too.
            true if !name.contains("dex") => TokenType::NotApplicable,
            _ => TokenType::Bearer,
        };
        assert_eq!(issued.token_type, token_type, "{name}");
    }
}

/// The type that a question asked for, where it named one.
const REQUESTED: [(&str, &str); 8] = [
    ("dex/requested-id-token", "id_token"),
    ("keycloak/otx-id-token", "id_token"),
    ("keycloak/requested-id-token", "id_token"),
    ("keycloak-v1/refresh-token", "refresh_token"),
    ("keycloak-v1/saml", "saml2"),
    ("zitadel-oidc/otx-access-token", "access_token"),
    ("zitadel-oidc/otx-id-token-source", "access_token"),
    ("zitadel-oidc/otx-requested-id-token", "id_token"),
];

/// Servers that issue a refresh token, or say so, where none is named.
const REFRESH_UNASKED: [&str; 4] = [
    "keycloak-v1/no-audience-ok",
    "keycloak-v1/ok",
    "zitadel-oidc/otx-default-is-refresh-token",
    "zitadel-oidc/otx-scope-openid",
];

#[test]
fn by_default_an_answer_of_another_type_is_refused() {
    for (name, _) in OAUTH {
        let file = format!("oauth/{name}");
        let protocol = grant(&file);
        let issued = Vector::load(&file).read(protocol.clone());
        let issued = issued.unwrap_or_else(|failure| panic!("{name}: {failure}"));
        let requested = REQUESTED.iter().find(|(known, _)| *known == name);
        let parameters: Vec<_> = requested
            .iter()
            .map(|(_, value)| Parameter { name: "requested_token_type", value: value.as_bytes() })
            .collect();
        let subject = Subject { source: b"s", parameters: &parameters };
        let expect = Expect::default_of(&protocol);
        let look = expect.look(&profile(protocol), &issued, &subject, &Names::default());
        assert_eq!(look.is_expected, !REFRESH_UNASKED.contains(&name), "{name}");
        // Of these an answer is what it says when that is asked for.
        let parameters = [Parameter { name: "requested_token_type", value: b"refresh_token" }];
        let subject = Subject { parameters: &parameters, ..subject };
        if REFRESH_UNASKED.contains(&name) {
            let profile = profile(grant(&file));
            assert!(expect.look(&profile, &issued, &subject, &Names::default()).is_expected);
        }
    }
}

#[test]
fn no_other_answer_of_an_oauth_server_has_a_token() {
    for name in all("oauth") {
        let is_known = OAUTH.iter().any(|(known, _)| name.ends_with(&format!("oauth/{known}")));
        assert_eq!(Vector::load(&name).read(grant(&name)).is_ok(), is_known, "{name}");
    }
}

const SAML_1: &str = "http://docs.oasis-open.org/wss/oasis-wss-saml-token-profile-1.1#SAMLV1.1";
const SAML_2: &str = "http://docs.oasis-open.org/wss/oasis-wss-saml-token-profile-1.1#SAMLV2.0";
const JWT: &str = "urn:ietf:params:oauth:token-type:jwt";

/// Name, the type that was asked for, seconds that the token is good for, and with what the
/// token begins.
const WSTRUST: [(&str, &str, u64, &str); 11] = [
    ("cxf/enc", SAML_2, 1799, "<xenc:EncryptedData "),
    ("cxf/jwt", JWT, 1798, "eyJhbGciOiJSUzI1NiJ9.eyJzdWIi"),
    ("cxf/mtom", SAML_2, 1799, "<saml2:Assertion "),
    ("cxf/saml1", SAML_1, 1797, "<saml1:Assertion "),
    ("cxf/saml2", SAML_2, 1797, "<saml2:Assertion "),
    ("cxf/saml2-1.1", SAML_2, 1800, "<saml2:Assertion "),
    ("cxf/single", SAML_2, 1799, "<saml2:Assertion "),
    ("metro/on-behalf-of", SAML_2, 300, "<saml2:Assertion "),
    ("metro/saml", SAML_2, 300, "<saml2:Assertion "),
    ("metro/ut12", SAML_2, 600, "<saml2:Assertion "),
    ("metro/v10", SAML_2, 600, "<saml2:Assertion "),
];

#[test]
fn every_answer_of_a_wstrust_server_with_a_token_is_taken() {
    for (name, token_type, seconds, start) in WSTRUST {
        let name = format!("wstrust/{name}");
        let protocol = wstrust(|settings| settings.token_type = Some(token_type.to_owned()));
        let issued = Vector::load(&name).read(protocol);
        let issued = issued.unwrap_or_else(|failure| panic!("{name}: {failure}"));
        assert!(issued.token.expose().starts_with(start.as_bytes()), "{name}");
        // The clock of some answers is an hour later: the token lives for as long as it was made for.
        let life = good_for(&issued, Expiry::Unsaid, Expiry::Unsaid, NOW);
        assert_eq!((life.seconds, life.doubt), (Some(seconds), None), "{name}");
        assert_eq!(issued.token_type, TokenType::Unsaid, "{name}");
    }
}

#[test]
fn no_other_answer_of_a_wstrust_server_has_a_token() {
    for name in all("wstrust") {
        let known = WSTRUST.iter().find(|(known, ..)| name == format!("wstrust/{known}"));
        let token_type = known.map_or(SAML_2, |(_, token_type, ..)| token_type);
        let protocol = wstrust(|settings| settings.token_type = Some(token_type.to_owned()));
        assert_eq!(Vector::load(&name).read(protocol).is_ok(), known.is_some(), "{name}");
    }
}

#[test]
fn a_token_for_the_gateway_that_asked_for_another_is_found() {
    // The gateway has asked for the user of an assertion, which Metro does not look at.
    let protocol = wstrust(|settings| settings.token_as = TokenAs::OnBehalfOf);
    let expect = Expect::default_of(&protocol);
    let issued = Vector::load("wstrust/metro/on-behalf-of").read(protocol.clone()).unwrap();
    let subject = Subject { source: b"<a/>", parameters: &[] };
    for (username, is_another) in [("gateway", false), ("user7", true)] {
        let options = format!("username={username}&password=secret");
        let auth = ClientAuth::parse("basic", Some(&options)).unwrap();
        let profile = Profile { auth, ..profile(protocol.clone()) };
        let checked =
            expect.check_subject(&profile, issued.token.expose(), &subject, &Names::default());
        assert_eq!(checked.is_ok(), is_another, "{username}");
    }
}
