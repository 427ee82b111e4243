//! Spring Authorization Server.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use e2e::interop::{Server, percent, request};
use e2e::scene::Seen;

use super::jwt::verified;
use super::{CALLBACK, Failure, Source, Trial, Way, access_token, name, redeemed};

const TRIAL: Trial = Trial {
    server: "spring-authorization-server",
    title: "Spring Authorization Server",
    files: &[
        ("secrets/sts", "gateway-secret"),
        ("secrets/machine", "machine-secret"),
        ("secrets/wrong", "another-secret"),
    ],
    secrets: &["gateway-secret"],
    http: "",
    way: Way {
        what: "token exchange",
        exchange: "
            STSType otx;
            STSEndpoint %%ENDPOINT%%;
            STSEndpointAuth client_secret_basic client_id=gateway&client_secret_file=secrets/sts;
            STSRequestParameter audience orders;
            STSRequestParameter scope orders.read;
            STSExpect issued_token_type audience scope subject=sub;",
        source: |server, user| signed_in(server, "shop", user),
        user: |server, seen| subject(server, seen, "orders"),
    },
    others: &[
        Way {
            what: "the client's secret in the form, the endpoint from the metadata of the issuer",
            exchange: "
                STSType otx;
                STSIssuer %%ISSUER%%;
                STSEndpointAuth client_secret_post client_id=gateway&client_secret_file=secrets/sts;
                STSRequestParameter scope orders.read;",
            source: |server, user| signed_in(server, "shop", user),
            user: |server, seen| subject(server, seen, "gateway"),
        },
        Way {
            what: "opaque source tokens",
            exchange: "
                STSType otx;
                STSEndpoint %%ENDPOINT%%;
                STSEndpointAuth client_secret_basic client_id=gateway&client_secret_file=secrets/sts;
                STSRequestParameter audience orders;",
            source: |server, user| signed_in(server, "opaque-shop", user),
            user: |server, seen| subject(server, seen, "orders"),
        },
        Way {
            what: "`cc`: one token for all",
            exchange: "
                STSType cc;
                STSEndpoint %%ENDPOINT%%;
                STSEndpointAuth client_secret_basic client_id=gateway&client_secret_file=secrets/sts;
                STSRequestParameter scope orders.read;",
            source: |_, _| Source { token: "none".to_owned(), user: "gateway".to_owned() },
            user: |server, seen| subject(server, seen, "gateway"),
        },
    ],
    failures: &[
        Failure {
            what: "the source token has expired",
            instead: &[],
            source: |server| signed_in(server, "late", 3).token,
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
            what: "the source token is of a client, and of no user",
            instead: &[],
            source: own,
            status: 401,
            error: "refused",
        },
        Failure {
            what: "the source token names another client in `may_act`",
            instead: &[],
            source: |server| signed_in(server, "bound", 4).token,
            status: 401,
            error: "refused",
        },
        Failure {
            what: "the scope is none of the client",
            instead: &[("scope orders.read", "scope orders.write")],
            source: |server| signed_in(server, "shop", 5).token,
            status: 502,
            error: "gateway_refused",
        },
        Failure {
            what: "the type of token is none that the server issues",
            instead: &[(
                "STSRequestParameter audience orders;",
                "STSRequestParameter requested_token_type urn:ietf:params:oauth:token-type:saml2;",
            )],
            source: |server| signed_in(server, "shop", 5).token,
            status: 502,
            error: "gateway_refused",
        },
        Failure {
            what: "the resource is no absolute URI",
            instead: &[("audience orders", "resource orders")],
            source: |server| signed_in(server, "shop", 5).token,
            status: 401,
            error: "refused",
        },
        Failure {
            what: "the client may not exchange tokens",
            instead: &[
                ("client_id=gateway", "client_id=machine"),
                ("secrets/sts", "secrets/machine"),
            ],
            source: |server| signed_in(server, "shop", 6).token,
            status: 502,
            error: "gateway_refused",
        },
        Failure {
            what: "the client is unknown",
            instead: &[("client_id=gateway", "client_id=unknown")],
            source: |server| signed_in(server, "shop", 6).token,
            status: 502,
            error: "gateway_refused",
        },
        Failure {
            what: "the client's secret is wrong",
            instead: &[("secrets/sts", "secrets/wrong")],
            source: |server| signed_in(server, "shop", 6).token,
            status: 502,
            error: "gateway_refused",
        },
        Failure {
            what: "the endpoint is not there",
            instead: &[("%%ENDPOINT%%", "%%BASE%%/token")],
            source: |server| signed_in(server, "shop", 6).token,
            status: 502,
            error: "gateway_refused",
        },
    ],
    more: None,
    // It makes a key when it starts, and forgets which tokens it has issued.
    rotate: None,
    after_restart: (401, "refused"),
};

#[test]
#[ignore = "make interop has the server"]
fn exchanges_and_failures() {
    TRIAL.run();
}

/// The access token of a user that has signed in with this client.
fn signed_in(server: &Server, client: &str, user: usize) -> Source {
    let user = name(user);
    let asked = format!(
        "{}/oauth2/authorize?client_id={client}&response_type=code&scope=orders.read&redirect_uri={}",
        server.value("BASE"),
        percent(CALLBACK)
    );
    let proof = format!("Basic {}", STANDARD.encode(format!("{user}:{user}")));
    let answer = request("GET", &asked).header("Authorization", proof).send().expect_status(302);
    let callback = answer.header("Location").expect("a redirect");
    let code = callback.split_once("code=").unwrap_or_else(|| panic!("no code in {callback}")).1;
    Source { token: redeemed(server, client, code), user }
}

/// The client's own token.
fn own(server: &Server) -> String {
    let fields = [
        ("grant_type", "client_credentials"),
        ("scope", "orders.read"),
        ("client_id", "shop"),
        ("client_secret", "shop-secret"),
    ];
    access_token(server, &fields)
}

fn subject(server: &Server, seen: &Seen, audience: &str) -> String {
    let header = seen.header("Authorization").expect("a token");
    let token = header.strip_prefix("Bearer ").expect("a token");
    let claims = verified(server.value("JWKS"), token);
    assert_eq!(claims["iss"], server.value("ISSUER"));
    assert_eq!(claims["aud"], audience);
    claims["sub"].as_str().expect("a subject").to_owned()
}
