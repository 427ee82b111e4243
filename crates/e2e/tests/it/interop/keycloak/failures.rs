//! What goes wrong at Keycloak.

use e2e::interop::{Server, post_form};
use e2e::wait::wait_for;

use super::{admin, token};
use crate::interop::Failure;
use crate::interop::jwt::claims;

/// A good token.
fn good(server: &Server) -> String {
    token(server, "shop", 7)
}

pub(super) const FAILURES: &[Failure] = &[
    Failure {
        what: "the source token is over",
        instead: &[],
        source: |server| {
            let token = token(server, "hasty", 7);
            let end = claims(&token)["exp"].as_i64().expect("an end");
            wait_for("the end of the token", || jiff::Timestamp::now().as_second() > end);
            token
        },
        status: 401,
        error: "refused",
    },
    Failure {
        what: "the source token is for another audience",
        instead: &[],
        source: |server| token(server, "stranger", 7),
        status: 403,
        error: "denied",
    },
    Failure {
        what: "the source is no token",
        instead: &[],
        source: |_| "abc".to_owned(),
        status: 401,
        error: "refused",
    },
    Failure {
        what: "the signature of the source is wrong",
        instead: &[],
        source: |server| {
            let (token, other) = (good(server), good(server));
            let (signed, _) = token.rsplit_once('.').expect("a JWT");
            let (_, signature) = other.rsplit_once('.').expect("a JWT");
            format!("{signed}.{signature}")
        },
        status: 401,
        error: "refused",
    },
    Failure {
        what: "the source is the user's refresh token",
        instead: &[],
        source: |server| {
            let fields = [
                ("grant_type", "password"),
                ("client_id", "shop"),
                ("username", "user7"),
                ("password", "user7"),
            ];
            let answer = post_form(server.value("ENDPOINT"), &fields).json();
            answer["refresh_token"].as_str().expect("a token").to_owned()
        },
        status: 401,
        error: "refused",
    },
    Failure {
        what: "the user has signed out everywhere",
        instead: &[],
        source: |server| {
            let token = token(server, "shop", 8);
            admin::call(server, "POST", &format!("/users/{}/logout", super::id(8)), None);
            token
        },
        status: 401,
        error: "refused",
    },
    Failure {
        what: "the user is disabled",
        instead: &[],
        source: |server| {
            let token = token(server, "shop", 9);
            let off = serde_json::json!({"enabled": false});
            admin::call(server, "PUT", &format!("/users/{}", super::id(9)), Some(&off));
            token
        },
        status: 401,
        error: "refused",
    },
    Failure {
        what: "the target audience is none of the gateway's",
        instead: &[("audience orders;", "audience shop;")],
        source: good,
        status: 401,
        error: "refused",
    },
    Failure {
        what: "the target audience is unknown",
        instead: &[("audience orders;", "audience nothing;")],
        source: good,
        status: 502,
        error: "gateway_refused",
    },
    Failure {
        what: "the scope is none of the gateway's",
        instead: &[("audience orders;", "audience orders; STSRequestParameter scope no-such;")],
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
        what: "the client has to authenticate in another way",
        instead: &[("client_secret_basic", "client_secret_post")],
        source: good,
        status: 502,
        error: "gateway_refused",
    },
    Failure {
        what: "the realm is unknown",
        instead: &[("%%ENDPOINT%%", "%%BASE%%/realms/nothing/protocol/openid-connect/token")],
        source: good,
        status: 502,
        error: "gateway_refused",
    },
    Failure {
        what: "the endpoint is the issuer",
        instead: &[("%%ENDPOINT%%", "%%ISSUER%%")],
        source: good,
        status: 502,
        error: "gateway_refused",
    },
    Failure {
        what: "a SAML assertion is asked for, which the standard exchange has not",
        instead: &[(
            "audience orders;",
            "audience orders; STSRequestParameter requested_token_type saml2;",
        )],
        source: good,
        status: 401,
        error: "refused",
    },
    Failure {
        what: "the certificate of the server is not trusted",
        instead: &[("%%ENDPOINT%%", "%%ENDPOINT_TLS%%")],
        source: good,
        status: 502,
        error: "unreachable",
    },
];
