//! Keycloak: its own exchange, the legacy one, the other grants, and each client authentication.

mod admin;
mod failures;
mod quickstart;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use e2e::interop::{Server, request};
use e2e::scene::Seen;
use e2e::xmlsec::Verifier;
use serde_json::{Value, json};

use super::jwt::{self, verified};
use super::{Source, Trial, Way, access_token, bearer, name};

const TRIAL: Trial = Trial {
    server: "keycloak",
    title: "Keycloak",
    files: &[
        ("secrets/sts", "gateway-secret"),
        ("secrets/wrong", "not-the-secret"),
        ("secrets/post", "gw-post-secret"),
        ("secrets/jwt", "a-secret-of-more-than-32-bytes-for-hs256"),
        ("secrets/v1", "gw-v1-secret"),
    ],
    secrets: &[
        "gateway-secret",
        "not-the-secret",
        "gw-post-secret",
        "a-secret-of-more-than-32-bytes-for-hs256",
        "gw-v1-secret",
    ],
    // The password of each user is its name.
    http: r#"map $http_authorization $username { "~^Bearer (?<name>\w+)$" $name; }"#,
    way: Way {
        what: "standard exchange",
        exchange: "
            STSType otx;
            STSEndpoint %%ENDPOINT%%;
            STSEndpointAuth client_secret_basic client_id=gateway&client_secret_file=secrets/sts;
            STSRequestParameter audience orders;
            STSExpect issued_token_type audience;",
        source,
        user: |server, seen| user(server, seen, "gateway"),
    },
    others: &[
        Way {
            what: "`STSIssuer` in the place of the endpoint",
            exchange: "
                STSType otx;
                STSIssuer %%ISSUER%%;
                STSEndpointAuth client_secret_basic client_id=gateway&client_secret_file=secrets/sts;
                STSRequestParameter audience orders;
                STSExpect issued_token_type audience subject=sub;",
            source,
            user: |server, seen| user(server, seen, "gateway"),
        },
        Way {
            what: "`client_secret_post`",
            exchange: "
                STSType otx;
                STSEndpoint %%ENDPOINT%%;
                STSEndpointAuth client_secret_post client_id=gw-post&client_secret_file=secrets/post;
                STSRequestParameter audience orders;",
            source,
            user: |server, seen| user(server, seen, "gw-post"),
        },
        Way {
            what: "`client_secret_jwt`",
            exchange: "
                STSType otx;
                STSEndpoint %%ENDPOINT%%;
                STSEndpointAuth client_secret_jwt
                    client_id=gw-secret-jwt&client_secret_file=secrets/jwt&aud=%%ISSUER%%&typ=JWT;
                STSRequestParameter audience orders;",
            source,
            user: |server, seen| user(server, seen, "gw-secret-jwt"),
        },
        Way {
            what: "`private_key_jwt`",
            exchange: "
                STSType otx;
                STSEndpoint %%ENDPOINT%%;
                STSEndpointAuth private_key_jwt
                    client_id=gw-jwt&jwk_file=%%KEYS%%/gw-jwt.key&aud=%%ISSUER%%&typ=JWT;
                STSRequestParameter audience orders;",
            source,
            user: |server, seen| user(server, seen, "gw-jwt"),
        },
        Way {
            what: "`private_key_jwt` with the `typ` of rfc7523bis, its endpoint and `aud` by `STSIssuer`",
            exchange: "
                STSType otx;
                STSIssuer %%ISSUER%%;
                STSEndpointAuth private_key_jwt client_id=gw-jwt&jwk_file=%%KEYS%%/gw-jwt.key;
                STSRequestParameter audience orders;",
            source,
            user: |server, seen| user(server, seen, "gw-jwt"),
        },
        Way {
            what: "`client_cert` (`tls_client_auth`), over TLS that is verified",
            exchange: "
                STSType otx;
                STSEndpoint %%ENDPOINT_TLS%%;
                STSSSLTrustedCertificate %%KEYS%%/ca.crt;
                STSEndpointAuth client_cert cert=%%KEYS%%/gw-mtls.crt&key=%%KEYS%%/gw-mtls.key;
                STSClientID gw-mtls;
                STSRequestParameter audience orders;",
            source,
            user: |server, seen| user(server, seen, "gw-mtls"),
        },
        Way {
            what: "legacy exchange",
            exchange: "
                STSType otx;
                STSEndpoint %%ENDPOINT%%;
                STSEndpointAuth client_secret_basic client_id=gw-v1&client_secret_file=secrets/v1;
                STSRequestParameter audience orders;
                STSRequestParameter requested_token_type urn:ietf:params:oauth:token-type:access_token;",
            source,
            user: |server, seen| user(server, seen, "gw-v1"),
        },
        Way {
            what: "legacy exchange of a token of another provider",
            exchange: "
                STSType otx;
                STSEndpoint %%ENDPOINT%%;
                STSEndpointAuth client_secret_basic client_id=gw-v1&client_secret_file=secrets/v1;
                STSRequestParameter subject_issuer partner;
                STSRequestParameter subject_token_type jwt;
                STSRequestParameter requested_token_type access_token;
                STSRequestParameter audience orders;",
            source: |server, user| partner(server, user, "keycloak"),
            user: |server, seen| user(server, seen, "gw-v1"),
        },
        Way {
            what: "legacy exchange for a SAML assertion, whose signature xmlsec1 verifies",
            exchange: "
                STSType otx;
                STSEndpoint %%ENDPOINT%%;
                STSEndpointAuth client_secret_basic client_id=gw-v1&client_secret_file=secrets/v1;
                STSRequestParameter audience samlapp;
                STSRequestParameter requested_token_type urn:ietf:params:oauth:token-type:saml2;",
            source: |server, user| Source { user: name(user), ..source(server, user) },
            user: saml_user,
        },
        Way {
            what: "JWT authorization grant (RFC 7523): `jwt_bearer` with a token of another provider",
            exchange: "
                STSType jwt_bearer;
                STSEndpoint %%ENDPOINT%%;
                STSEndpointAuth client_secret_basic client_id=gateway&client_secret_file=secrets/sts;",
            source: |server, user| partner(server, user, server.value("ISSUER")),
            user: |server, seen| user(server, seen, "gateway"),
        },
        Way {
            what: "`ropc`",
            exchange: "
                STSType ropc;
                STSEndpoint %%ENDPOINT%%;
                STSEndpointAuth client_secret_basic client_id=gateway&client_secret_file=secrets/sts;
                STSROPCUsername $username;
                STSVariables $username $target_token;",
            source: |_, user| Source { token: name(user), user: id(user) },
            user: |server, seen| user(server, seen, "gateway"),
        },
        Way {
            what: "`cc`: the same token for all",
            exchange: "
                STSType cc;
                STSEndpoint %%ENDPOINT%%;
                STSEndpointAuth client_secret_basic client_id=gateway&client_secret_file=secrets/sts;",
            source: |_, _| Source {
                token: "none".to_owned(),
                user: "service-account-gateway".to_owned(),
            },
            user: |server, seen| claim(server, seen, "preferred_username"),
        },
    ],
    failures: failures::FAILURES,
    more: Some(quickstart::follow),
    rotate: Some(admin::rotate),
    after_restart: (200, ""),
};

#[test]
#[ignore = "make interop has the server"]
fn exchanges_and_failures() {
    TRIAL.run();
}

/// The `sub` of a user.
fn id(user: usize) -> String {
    format!("00000000-0000-4000-8000-{user:012}")
}

/// A token that a user got at a client.
fn token(server: &Server, client: &str, user: usize) -> String {
    let name = name(user);
    let fields = [
        ("grant_type", "password"),
        ("client_id", client),
        ("username", &name),
        ("password", &name),
    ];
    access_token(server, &fields)
}

fn source(server: &Server, user: usize) -> Source {
    Source { token: token(server, "shop", user), user: id(user) }
}

/// A token of the provider that the realm knows as "partner".
fn partner(server: &Server, user: usize, audience: &str) -> Source {
    let now = jiff::Timestamp::now().as_second();
    let claims = json!({
        "iss": "https://partner.example.com",
        "sub": format!("partner-{user}"),
        "aud": audience,
        "iat": now,
        "exp": now + 200,
        "jti": format!("{audience}-{user}-{}", jiff::Timestamp::now().as_nanosecond()),
        // Without it the legacy exchange says "token type not supported".
        "typ": "Bearer",
    });
    let token = jwt::signed(&format!("{}/partner.key", server.value("KEYS")), &claims);
    Source { token, user: id(user) }
}

fn claim(server: &Server, seen: &Seen, name: &str) -> String {
    let claims = verified(server.value("JWKS"), &bearer(seen));
    assert_eq!(claims["iss"], server.value("ISSUER"));
    let audience = &claims["aud"];
    // A service account of the default roles is also for the account console.
    let is_one_of = |all: &Vec<Value>| all.contains(&"orders".into());
    assert!(audience == "orders" || audience.as_array().is_some_and(is_one_of), "{audience}");
    claims[name].as_str().expect("a claim").to_owned()
}

fn user(server: &Server, seen: &Seen, gateway: &str) -> String {
    assert_eq!(claim(server, seen, "azp"), gateway);
    claim(server, seen, "sub")
}

fn saml_user(server: &Server, seen: &Seen) -> String {
    let assertion = URL_SAFE_NO_PAD.decode(bearer(seen)).expect("base64url");
    let assertion = String::from_utf8(assertion).expect("text");
    let keys = request("GET", server.value("JWKS")).send().json();
    let keys = keys["keys"].as_array().expect("keys");
    let key = keys.iter().find(|key| key["use"] == "sig").expect("a key");
    let certificate = key["x5c"][0].as_str().expect("a certificate");
    assert!(Verifier::of_certificate(certificate).verifies(&assertion), "{assertion}");
    let (_, rest) = assertion.split_once("<saml:NameID ").expect("a subject");
    let (_, rest) = rest.split_once('>').expect("an element");
    rest.split('<').next().expect("a name").to_owned()
}
