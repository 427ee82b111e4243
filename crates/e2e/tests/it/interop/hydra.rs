//! Ory Hydra, which has no token exchange: users' tokens of an issuer that it trusts are grants.

use std::fs;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock};

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use e2e::interop::{Server, percent, request};
use e2e::scene::Seen;
use openssl::rsa::Rsa;
use serde_json::{Value, json};

use super::jwt::{now, signed_with, verified_by};
use super::{Failure, Source, Trial, Way, name};

/// The issuer of the users' tokens, which Hydra trusts.
const SHOP: &str = "https://shop.example.com";

/// The gateway's own token, for an audience that its client does not have.
const AS_GATEWAY: &[(&str, &str)] = &[
    ("STSType jwt_bearer", "STSType cc"),
    ("STSRequestParameter audience orders", "STSRequestParameter audience billing"),
];

const TRIAL: Trial = Trial {
    server: "hydra",
    title: "Ory Hydra",
    files: &[("secrets/sts", "gateway-secret"), ("secrets/wrong", "another-secret")],
    secrets: &["gateway-secret"],
    http: "",
    way: Way {
        what: "a JWT as a grant (RFC 7523)",
        exchange: "
            STSType jwt_bearer;
            STSEndpoint %%ENDPOINT%%;
            STSEndpointAuth client_secret_basic client_id=gateway&client_secret_file=secrets/sts;
            STSRequestParameter scope orders.read;
            STSRequestParameter audience orders;
            STSExpect audience subject=sub;",
        source,
        user,
    },
    others: &[
        Way {
        what: "the endpoint from the metadata of the issuer",
        exchange: "
            STSType jwt_bearer;
            STSIssuer %%ISSUER%%;
            STSEndpointAuth client_secret_basic client_id=gateway&client_secret_file=secrets/sts;
            STSRequestParameter scope orders.read;
            STSRequestParameter audience orders;",
        source,
        user,
    },
        Way {
            what: "`cc`: one token for all",
            exchange: "
                STSType cc;
                STSEndpoint %%ENDPOINT%%;
                STSEndpointAuth client_secret_basic client_id=gateway&client_secret_file=secrets/sts;
                STSRequestParameter scope orders.read;
                STSRequestParameter audience orders;
                STSExpect audience;",
            source: |_, _| Source { token: "none".to_owned(), user: "gateway".to_owned() },
            user,
        },
    ],
    failures: &[
        Failure {
            what: "the source token has expired",
            instead: &[],
            source: |server| assertion(server, &[("exp", json!(now() - 60))]),
            status: 401,
            error: "refused",
        },
        Failure {
            what: "the source token is for another audience",
            instead: &[],
            source: |server| assertion(server, &[("aud", json!("https://other.example.com"))]),
            status: 401,
            error: "refused",
        },
        Failure {
            what: "the source token is of an issuer that is not trusted",
            instead: &[],
            source: |server| assertion(server, &[("iss", json!("https://other.example.com"))]),
            status: 401,
            error: "refused",
        },
        Failure {
            what: "the source token is none",
            instead: &[],
            source: |_| "abc".to_owned(),
            status: 401,
            error: "refused",
        },
        Failure {
            what: "the source token was used before",
            instead: &[],
            source: used,
            status: 502,
            error: "gateway_refused",
        },
        Failure {
            what: "the same with `STSErrorStatus jti_known 401`",
            instead: &[("STSType jwt_bearer;", "STSType jwt_bearer; STSErrorStatus jti_known 401;")],
            source: used,
            status: 401,
            error: "gateway_refused",
        },
        Failure {
            what: "the audience is none of the client, which is ignored here and found by `STSExpect audience`",
            instead: &[("audience orders", "audience billing")],
            source: |server| source(server, 6).token,
            status: 502,
            error: "bad_answer",
        },
        Failure {
            what: "the scope is none that the issuer is trusted with",
            instead: &[("scope orders.read", "scope orders.write")],
            source: |server| source(server, 6).token,
            status: 502,
            error: "gateway_refused",
        },
        Failure {
            what: "with `cc`: the audience is none of the client",
            instead: AS_GATEWAY,
            source: |_| String::new(),
            status: 502,
            error: "gateway_refused",
        },
        Failure {
            what: "the client is unknown",
            instead: &[("client_id=gateway", "client_id=unknown")],
            source: |server| source(server, 6).token,
            status: 502,
            error: "gateway_refused",
        },
        Failure {
            what: "the client's secret is wrong",
            instead: &[("secrets/sts", "secrets/wrong")],
            source: |server| source(server, 6).token,
            status: 502,
            error: "gateway_refused",
        },
        Failure {
            what: "the client may not use this grant",
            instead: &[("client_id=gateway", "client_id=machine")],
            source: |server| source(server, 6).token,
            status: 502,
            error: "gateway_refused",
        },
    ],
    more: None,
    rotate: Some(rotate),
    after_restart: (200, ""),
};

#[test]
#[ignore = "make interop has the server"]
fn exchanges_and_failures() {
    TRIAL.run();
}

fn source(server: &Server, user: usize) -> Source {
    let user = name(user);
    Source { token: assertion(server, &[("sub", json!(user))]), user }
}

/// A token of the trusted issuer for Hydra, with some claims instead of the usual ones.
fn assertion(server: &Server, instead: &[(&str, Value)]) -> String {
    static NUMBER: AtomicUsize = AtomicUsize::new(0);
    let mut claims = json!({
        "iss": SHOP,
        "sub": "user0",
        "aud": server.value("ENDPOINT"),
        "iat": now() - 1,
        "exp": now() + 300,
        "jti": NUMBER.fetch_add(1, Ordering::Relaxed).to_string(),
    });
    for (name, value) in instead {
        claims[*name] = value.clone();
    }
    signed_with(&key(server), &json!({"alg": "RS256", "kid": "shop"}), &claims)
}

/// A token that Hydra has taken already.
fn used(server: &Server) -> String {
    let token = assertion(server, &[]);
    let fields = [
        ("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"),
        ("assertion", &token),
        ("scope", "orders.read"),
    ];
    let pairs = fields.iter().map(|(name, value)| format!("{name}={}", percent(value)));
    let request = request("POST", server.value("ENDPOINT"))
        .header("Content-Type", "application/x-www-form-urlencoded")
        .header("Authorization", format!("Basic {}", STANDARD.encode("gateway:gateway-secret")));
    request.body(pairs.collect::<Vec<_>>().join("&")).send().expect_status(200);
    token
}

/// The file with the key of the trusted issuer; the first call makes it, and lets Hydra trust it.
fn key(server: &Server) -> String {
    static MADE: Mutex<()> = Mutex::new(());
    let one_at_a_time = MADE.lock().expect("nothing panics here that is called again");
    let path = server.state().join("shop.pem");
    let file = path.to_str().expect("a name of text").to_owned();
    if path.exists() {
        return file;
    }
    let rsa = Rsa::generate(2048).expect("a key");
    let number = |bytes: Vec<u8>| URL_SAFE_NO_PAD.encode(bytes);
    let trusted = json!({
        "issuer": SHOP,
        "allow_any_subject": true,
        "scope": ["orders.read"],
        "expires_at": "2099-01-01T00:00:00Z",
        "jwk": {
            "kty": "RSA", "use": "sig", "alg": "RS256", "kid": "shop",
            "n": number(rsa.n().to_vec()), "e": number(rsa.e().to_vec()),
        },
    });
    let request =
        request("POST", &trusted_issuers(server)).header("Content-Type", "application/json");
    request.body(trusted.to_string()).send().expect_status(201);
    fs::write(&path, rsa.private_key_to_pem().expect("PEM")).expect("the directory is ours");
    drop(one_at_a_time);
    file
}

fn trusted_issuers(server: &Server) -> String {
    format!("{}/trust/grants/jwt-bearer/issuers", server.value("ADMIN"))
}

/// The issuer gets another key, and Hydra trusts that one alone.
fn rotate(server: &Server) -> (u16, &'static str) {
    let list = request("GET", &trusted_issuers(server)).send().expect_status(200).json();
    for trusted in list.as_array().expect("trusted issuers") {
        let id = trusted["id"].as_str().expect("an id");
        request("DELETE", &format!("{}/{id}", trusted_issuers(server))).send().expect_status(204);
    }
    fs::remove_file(server.state().join("shop.pem")).expect("the key of before");
    key(server);
    (401, "refused")
}

fn user(server: &Server, seen: &Seen) -> String {
    let header = seen.header("Authorization").expect("a token");
    let token = header.strip_prefix("Bearer ").expect("a token");
    // Each look at its keys takes Hydra a tenth of a second.
    static KEYS: OnceLock<Value> = OnceLock::new();
    let keys = || request("GET", server.value("JWKS")).send().expect_status(200).json();
    let claims = verified_by(KEYS.get_or_init(keys), token);
    assert_eq!(claims["iss"], server.value("ISSUER"));
    assert_eq!(claims["client_id"], "gateway");
    let audiences = claims["aud"].as_array().expect("audiences");
    assert!(audiences.contains(&json!("orders")), "{audiences:?}");
    claims["sub"].as_str().expect("a subject").to_owned()
}
