//! The example server of zitadel/oidc.

use std::sync::atomic::{AtomicUsize, Ordering};

use e2e::interop::{Server, percent, post_form, request};
use e2e::response::Response;
use e2e::scene::Seen;
use serde_json::json;

use super::jwt::{now, signed_with, verified};
use super::{CALLBACK, Failure, Source, Trial, Way, name, redeemed};

const TRIAL: Trial = Trial {
    server: "zitadel-oidc",
    title: "zitadel/oidc, the example server",
    files: &[("secrets/sts", "gateway-secret"), ("secrets/opaque", "opaque-gateway-secret")],
    secrets: &["gateway-secret"],
    http: "",
    way: Way {
        what: "token exchange",
        exchange: "
            STSType otx;
            STSEndpoint %%ENDPOINT%%;
            STSEndpointAuth client_secret_basic client_id=gateway&client_secret_file=secrets/sts;
            STSRequestParameter requested_token_type urn:ietf:params:oauth:token-type:access_token;
            STSRequestParameter audience orders;
            STSRequestParameter scope openid;
            STSExpect issued_token_type audience scope subject=sub;",
        source: |server, user| signed_in(server, "shop", &name(user)),
        user: jwt_user,
    },
    others: &[
        Way {
            what: "the endpoint from the metadata of the issuer",
            exchange: "
                STSType otx;
                STSIssuer %%ISSUER%%;
                STSEndpointAuth client_secret_basic client_id=gateway&client_secret_file=secrets/sts;
                STSRequestParameter requested_token_type urn:ietf:params:oauth:token-type:access_token;
                STSRequestParameter audience orders;
                STSRequestParameter scope openid;",
            source: |server, user| signed_in(server, "shop", &name(user)),
            user: jwt_user,
        },
        Way {
            what: "opaque tokens",
            exchange: "
                STSType otx;
                STSEndpoint %%ENDPOINT%%;
                STSEndpointAuth client_secret_basic client_id=opaque-gateway&client_secret_file=secrets/opaque;
                STSRequestParameter requested_token_type urn:ietf:params:oauth:token-type:access_token;
                STSRequestParameter scope openid;",
            source: |server, user| signed_in(server, "opaque-shop", &name(user)),
            user: opaque_user,
        },
        Way {
            what: "a JWT as a grant (RFC 7523)",
            exchange: "
                STSType jwt_bearer;
                STSEndpoint %%ENDPOINT%%;
                STSRequestParameter scope openid;",
            source: |server, _| assertion(server, server.value("ISSUER"), 60),
            user: opaque_user,
        },
    ],
    failures: &[
        Failure {
            what: "the source token has expired",
            instead: &[],
            source: |server| signed_in(server, "late", "user3").token,
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
            what: "the source token is signed with another key",
            instead: &[],
            source: |server| {
                let token = signed_in(server, "shop", "user4").token;
                let other = signed_in(server, "shop", "user5").token;
                let (claims, signature) = (token.rsplit_once('.'), other.rsplit_once('.'));
                format!("{}.{}", claims.expect("a JWT").0, signature.expect("a JWT").1)
            },
            status: 401,
            error: "refused",
        },
        Failure {
            what: "a JWT as a grant is for another audience",
            instead: &[("STSType otx", "STSType jwt_bearer")],
            source: |server| assertion(server, "https://other.example.com", 60).token,
            status: 401,
            error: "refused",
        },
        Failure {
            what: "a JWT as a grant has expired",
            instead: &[("STSType otx", "STSType jwt_bearer")],
            source: |server| assertion(server, server.value("ISSUER"), -60).token,
            status: 401,
            error: "refused",
        },
        Failure {
            what: "the user may not be exchanged, which is `server_error` here",
            instead: &[],
            source: |server| signed_in(server, "shop", "guest").token,
            status: 502,
            error: "unreachable",
        },
        Failure {
            what: "the same with `STSErrorStatus server_error 403`",
            instead: &[("STSType otx;", "STSType otx; STSErrorStatus server_error 403;")],
            source: |server| signed_in(server, "shop", "guest").token,
            status: 403,
            error: "unreachable",
        },
        Failure {
            what: "the client is unknown",
            instead: &[("client_id=gateway", "client_id=unknown")],
            source: |server| signed_in(server, "shop", "user6").token,
            status: 502,
            error: "gateway_refused",
        },
        Failure {
            what: "the client's secret is wrong",
            instead: &[("secrets/sts", "secrets/opaque")],
            source: |server| signed_in(server, "shop", "user6").token,
            status: 502,
            error: "gateway_refused",
        },
        Failure {
            what: "the client's secret is in the form, where the server does not look in an exchange",
            instead: &[("client_secret_basic", "client_secret_post")],
            source: |server| signed_in(server, "shop", "user6").token,
            status: 502,
            error: "gateway_refused",
        },
        Failure {
            what: "no type is asked for, and a refresh token comes",
            instead: &[(
                "STSRequestParameter requested_token_type urn:ietf:params:oauth:token-type:access_token;",
                "",
            )],
            source: |server| signed_in(server, "shop", "user6").token,
            status: 502,
            error: "bad_answer",
        },
        Failure {
            what: "the endpoint is not there",
            instead: &[("%%ENDPOINT%%", "%%BASE%%/token")],
            source: |server| signed_in(server, "shop", "user6").token,
            status: 502,
            error: "gateway_refused",
        },
    ],
    more: None,
    // It makes a key when it starts.
    rotate: None,
    after_restart: (401, "refused"),
};

#[test]
#[ignore = "make interop has the server"]
fn exchanges_and_failures() {
    TRIAL.run();
}

/// The access token of a user that has signed in with this client, by the pages of the server.
fn signed_in(server: &Server, client: &str, user: &str) -> Source {
    let base = server.value("BASE");
    let asked = format!(
        "{base}/auth?client_id={client}&response_type=code&scope=openid&redirect_uri={}",
        percent(CALLBACK)
    );
    let page = location(&request("GET", &asked).send());
    let (_, id) = page.split_once("authRequestID=").expect("a page to sign in at");
    let fields = [("id", id), ("username", user), ("password", user)];
    let back = location(&post_form(&format!("{base}/login/username"), &fields));
    let callback = location(&request("GET", &back).send());
    let code = callback.split_once("code=").expect("a code").1;
    let code = code.split('&').next().unwrap_or_default();
    Source { token: redeemed(server, client, code), user: user.to_owned() }
}

#[track_caller]
fn location(response: &Response) -> String {
    assert_eq!(response.status, 302, "{}", response.text());
    response.header("Location").expect("a redirect").to_owned()
}

/// An assertion of the service account, which signs what it says of itself.
fn assertion(server: &Server, audience: &str, life: i64) -> Source {
    static NUMBER: AtomicUsize = AtomicUsize::new(0);
    let claims = json!({
        "iss": "service",
        "sub": "service",
        "aud": audience,
        "iat": now() - 1,
        "exp": now() + life,
        "jti": NUMBER.fetch_add(1, Ordering::Relaxed).to_string(),
    });
    Source {
        token: signed_with(server.value("KEY"), &json!({"alg": "RS256", "kid": "key1"}), &claims),
        user: "service".to_owned(),
    }
}

#[track_caller]
fn bearer(seen: &Seen) -> String {
    let header = seen.header("Authorization").expect("a token");
    header.strip_prefix("Bearer ").expect("a token").to_owned()
}

fn jwt_user(server: &Server, seen: &Seen) -> String {
    let claims = verified(server.value("JWKS"), &bearer(seen));
    assert_eq!(claims["iss"], server.value("ISSUER"));
    assert_eq!(claims["aud"][0], "orders");
    assert_eq!(claims["client_id"], "gateway");
    claims["sub"].as_str().expect("a subject").to_owned()
}

/// The user of a token that only the server can read.
fn opaque_user(server: &Server, seen: &Seen) -> String {
    let url = format!("{}/userinfo", server.value("BASE"));
    let answer = request("GET", &url).bearer(bearer(seen)).send().expect_status(200).json();
    answer["sub"].as_str().expect("a subject").to_owned()
}
