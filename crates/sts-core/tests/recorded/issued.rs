//! The answers that a token comes of.

use crate::vector::{Vector, all, grant, wstrust};

/// Name, and seconds that the server says the token lives.
const OAUTH: [(&str, Option<u64>); 38] = [
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
    ("keycloak/otx-audience-ok", Some(300)),
    ("keycloak/otx-id-token", Some(300)),
    ("keycloak/otx-lightweight", Some(300)),
    ("keycloak/otx-ok", Some(299)),
    ("keycloak/requested-id-token", Some(300)),
    ("keycloak/resource", Some(300)),
    ("keycloak/ropc-ok", Some(300)),
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
    ("zitadel-oidc/cc-ok", Some(299)),
    ("zitadel-oidc/otx-access-token", Some(299)),
    ("zitadel-oidc/otx-default-is-refresh-token", Some(299)),
    ("zitadel-oidc/otx-id-token-source", Some(299)),
    ("zitadel-oidc/otx-requested-id-token", None),
    ("zitadel-oidc/otx-scope-openid", Some(299)),
];

#[test]
fn every_answer_of_an_oauth_server_with_a_token_is_taken() {
    for (name, seconds) in OAUTH {
        let name = format!("oauth/{name}");
        let issued = Vector::load(&name).read(grant(&name));
        let issued = issued.unwrap_or_else(|failure| panic!("{name}: {failure}"));
        assert_eq!(issued.expires_in, seconds, "{name}");
    }
    assert_eq!(all("oauth").len(), 127);
}

const SAML_1: &str = "http://docs.oasis-open.org/wss/oasis-wss-saml-token-profile-1.1#SAMLV1.1";
const SAML_2: &str = "http://docs.oasis-open.org/wss/oasis-wss-saml-token-profile-1.1#SAMLV2.0";

/// Name, the type that was asked for, seconds that the server says the token lives, and with what the
/// token begins.
const WSTRUST: [(&str, &str, u64, &str); 7] = [
    ("cxf/enc", SAML_2, 1799, "<xenc:EncryptedData "),
    ("cxf/saml1", SAML_1, 1797, "<saml1:Assertion "),
    ("cxf/saml2", SAML_2, 1797, "<saml2:Assertion "),
    ("cxf/saml2-1.1", SAML_2, 1800, "<saml2:Assertion "),
    ("cxf/single", SAML_2, 1799, "<saml2:Assertion "),
    ("metro/ut12", SAML_2, 600, "<saml2:Assertion "),
    ("metro/v10", SAML_2, 600, "<saml2:Assertion "),
];

#[test]
fn every_answer_of_a_wstrust_server_with_a_token_is_taken() {
    for (name, token_type, seconds, start) in WSTRUST {
        let name = format!("wstrust/{name}");
        let protocol = wstrust(|settings| settings.token_type = token_type.to_owned());
        let issued = Vector::load(&name).read(protocol);
        let issued = issued.unwrap_or_else(|failure| panic!("{name}: {failure}"));
        assert!(issued.token.expose().starts_with(start.as_bytes()), "{name}");
        assert_eq!(issued.expires_in, Some(seconds), "{name}");
    }
    assert_eq!(all("wstrust").len(), 13);
}
