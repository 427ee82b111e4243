//! node oidc-provider, with a handler of token exchange (`interop/oidc-provider/server.mjs`).

use e2e::interop::{Server, request};
use e2e::scene::Seen;
use e2e::wait::holds_within;
use std::time::Duration;

use super::jwt::verified;
use super::{Failure, Source, Trial, Way, bearer, name};

const TRIAL: Trial = Trial {
    server: "oidc-provider",
    title: "node oidc-provider",
    files: &[
        ("secrets/sts", "gateway-secret"),
        ("secrets/wrong", "not-the-secret"),
        ("secrets/post", "gw-post-secret"),
        ("secrets/jwt", "a-secret-of-more-than-32-bytes-for-hs256"),
    ],
    secrets: &[
        "gateway-secret",
        "not-the-secret",
        "gw-post-secret",
        "a-secret-of-more-than-32-bytes-for-hs256",
    ],
    http: "",
    way: Way {
        what: "token exchange for a resource",
        exchange: "
            STSType otx;
            STSEndpoint %%ENDPOINT%%;
            STSEndpointAuth client_secret_basic client_id=gateway&client_secret_file=secrets/sts;
            STSRequestParameter resource https://orders.example.com/;",
        source,
        user: |server, seen| user(server, seen, "gateway"),
    },
    others: &[
        Way {
            what: "an opaque token, whose user the server tells by introspection",
            exchange: "
                STSType otx;
                STSEndpoint %%ENDPOINT%%;
                STSEndpointAuth client_secret_basic client_id=gateway&client_secret_file=secrets/sts;",
            source,
            user: introspected,
        },
        Way {
            what: "`STSIssuer` in the place of the endpoint",
            exchange: "
                STSType otx;
                STSIssuer %%ISSUER%%;
                STSEndpointAuth client_secret_basic client_id=gateway&client_secret_file=secrets/sts;
                STSRequestParameter resource https://orders.example.com/;",
            source,
            user: |server, seen| user(server, seen, "gateway"),
        },
        Way {
            what: "`client_secret_post`",
            exchange: "
                STSType otx;
                STSEndpoint %%ENDPOINT%%;
                STSEndpointAuth client_secret_post client_id=gw-post&client_secret_file=secrets/post;
                STSRequestParameter resource https://orders.example.com/;",
            source,
            user: |server, seen| user(server, seen, "gw-post"),
        },
        Way {
            what: "`client_secret_jwt`",
            exchange: "
                STSType otx;
                STSEndpoint %%ENDPOINT%%;
                STSEndpointAuth client_secret_jwt
                    client_id=gw-secret-jwt&client_secret_file=secrets/jwt&aud=%%ISSUER%%;
                STSRequestParameter resource https://orders.example.com/;",
            source,
            user: |server, seen| user(server, seen, "gw-secret-jwt"),
        },
        Way {
            what: "`private_key_jwt` by RS256, with the endpoint as `aud`",
            exchange: "
                STSType otx;
                STSEndpoint %%ENDPOINT%%;
                STSEndpointAuth private_key_jwt client_id=gw-jwt&jwk_file=%%KEYS%%/gw-jwt.key&typ=JWT;
                STSRequestParameter resource https://orders.example.com/;",
            source,
            user: |server, seen| user(server, seen, "gw-jwt"),
        },
        Way {
            what: "`private_key_jwt` by ES256, with the issuer as `aud` and the `typ` of rfc7523bis",
            exchange: "
                STSType otx;
                STSIssuer %%ISSUER%%;
                STSEndpointAuth private_key_jwt client_id=gw-ec&jwk_file=%%KEYS%%/gw-ec.key;
                STSRequestParameter resource https://orders.example.com/;",
            source,
            user: |server, seen| user(server, seen, "gw-ec"),
        },
        Way {
            what: "`client_cert` (`tls_client_auth`), over TLS that is verified",
            exchange: "
                STSType otx;
                STSEndpoint %%ENDPOINT_TLS%%;
                STSSSLTrustedCertificate %%KEYS%%/ca.crt;
                STSEndpointAuth client_cert cert=%%KEYS%%/gw-mtls.crt&key=%%KEYS%%/gw-mtls.key;
                STSClientID gw-mtls;
                STSRequestParameter resource https://orders.example.com/;",
            source,
            user: |server, seen| user(server, seen, "gw-mtls"),
        },
        Way {
            what: "a public client: `STSClientID` alone",
            exchange: "
                STSType otx;
                STSEndpoint %%ENDPOINT%%;
                STSClientID gw-public;
                STSRequestParameter resource https://orders.example.com/;",
            source,
            user: |server, seen| user(server, seen, "gw-public"),
        },
        Way {
            what: "`cc`: the same token for all",
            exchange: "
                STSType cc;
                STSEndpoint %%ENDPOINT%%;
                STSEndpointAuth client_secret_basic client_id=gateway&client_secret_file=secrets/sts;
                STSRequestParameter resource https://orders.example.com/;
                STSRequestParameter scope orders.read;",
            source: |_, _| Source { token: "none".to_owned(), user: "gateway".to_owned() },
            user: |server, seen| user(server, seen, "gateway"),
        },
    ],
    failures: FAILURES,
    more: None,
    rotate: Some(|server| {
        trial(server, "rotate");
        // A provider with other keys is another one, and knows no token of before.
        (401, "refused")
    }),
    // It remembers nothing.
    after_restart: (401, "refused"),
};

const RESOURCE: &str = "https://orders.example.com/;";

const FAILURES: &[Failure] = &[
    Failure {
        what: "the source token is over",
        instead: &[],
        source: |server| {
            let token = trial(server, "token?user=user7&life=1");
            let over = holds_within(Duration::from_secs(30), || !is_active(server, &token));
            assert!(over, "the token does not end");
            token
        },
        status: 401,
        error: "refused",
    },
    Failure {
        what: "the source token was revoked",
        instead: &[],
        source: |server| {
            let token = good(server);
            trial(server, &format!("revoke?token={token}"));
            token
        },
        status: 401,
        error: "refused",
    },
    Failure {
        what: "the source is no token of the server",
        instead: &[],
        source: |_| "abc".to_owned(),
        status: 401,
        error: "refused",
    },
    Failure {
        what: "the `subject_token_type` is another one",
        instead: &[(
            RESOURCE,
            "https://orders.example.com/; STSRequestParameter subject_token_type jwt;",
        )],
        source: good,
        status: 401,
        error: "refused",
    },
    Failure {
        what: "the resource is unknown",
        instead: &[("orders.example.com", "nothing.example.com")],
        source: good,
        status: 403,
        error: "denied",
    },
    Failure {
        what: "the scope is none of the resource's",
        instead: &[(RESOURCE, "https://orders.example.com/; STSRequestParameter scope nothing;")],
        source: good,
        status: 502,
        error: "gateway_refused",
    },
    Failure {
        what: "the client is unknown",
        instead: &[("client_id=gateway", "client_id=nothing")],
        source: good,
        status: 502,
        error: "gateway_refused",
    },
    Failure {
        what: "the secret is wrong",
        instead: &[("secrets/sts", "secrets/wrong")],
        source: good,
        status: 502,
        error: "gateway_refused",
    },
    Failure {
        what: "the client may not exchange: `invalid_request`, as if the token were at fault",
        instead: &[("client_id=gateway", "client_id=gw-off")],
        source: good,
        status: 401,
        error: "refused",
    },
    Failure {
        what: "the path of the endpoint is wrong",
        instead: &[("%%ENDPOINT%%", "%%BASE%%/oauth/token")],
        source: good,
        status: 502,
        error: "gateway_refused",
    },
    Failure {
        what: "the certificate of the server is not trusted",
        instead: &[("%%ENDPOINT%%", "%%ENDPOINT_TLS%%")],
        source: good,
        status: 502,
        error: "unreachable",
    },
];

#[test]
#[ignore = "make interop has the server"]
fn exchanges_and_failures() {
    TRIAL.run();
}

/// What the server does for the trial alone.
#[track_caller]
fn trial(server: &Server, what: &str) -> String {
    let url = format!("{}/trial/{what}", server.value("BASE"));
    request("POST", &url).send().expect_status(200).text()
}

fn source(server: &Server, user: usize) -> Source {
    let user = name(user);
    Source { token: trial(server, &format!("token?user={user}")), user }
}

fn good(server: &Server) -> String {
    trial(server, "token?user=user7")
}

fn user(server: &Server, seen: &Seen, gateway: &str) -> String {
    let claims = verified(server.value("JWKS"), &bearer(seen));
    assert_eq!(claims["iss"], server.value("ISSUER"));
    assert_eq!(claims["aud"], "orders");
    assert_eq!(claims["client_id"], gateway);
    claims["sub"].as_str().expect("a subject").to_owned()
}

/// What the server says of a token.
fn introspection(server: &Server, token: &str) -> serde_json::Value {
    let request = request("POST", &format!("{}/token/introspection", server.value("BASE")));
    let request = request.header("Content-Type", "application/x-www-form-urlencoded");
    // gw-post, for which nothing has to be encoded.
    let form = format!("token={token}&client_id=gw-post&client_secret=gw-post-secret");
    request.body(form).send().expect_status(200).json()
}

fn is_active(server: &Server, token: &str) -> bool {
    introspection(server, token)["active"] == true
}

fn introspected(server: &Server, seen: &Seen) -> String {
    let told = introspection(server, &bearer(seen));
    assert_eq!(told["active"], true, "{told}");
    told["sub"].as_str().expect("a subject").to_owned()
}
