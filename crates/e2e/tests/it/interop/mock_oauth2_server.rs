//! navikt mock-oauth2-server, which trusts everything: it is for tests alone.

use e2e::interop::Server;
use e2e::scene::Seen;
use serde_json::json;

use super::jwt::{now, signed, verified};
use super::{Failure, Source, Trial, Way, access_token, bearer, name};

const TRIAL: Trial = Trial {
    server: "mock-oauth2-server",
    title: "navikt mock-oauth2-server",
    files: &[("secrets/sts", "gateway-secret")],
    secrets: &["gateway-secret"],
    // The password of each user is its name.
    http: r#"map $http_authorization $username { "~^Bearer (?<name>\w+)$" $name; }"#,
    way: Way {
        what: "token exchange",
        exchange: "
            STSType otx;
            STSEndpoint %%ENDPOINT%%;
            STSEndpointAuth client_secret_basic client_id=gateway&client_secret_file=secrets/sts;
            STSRequestParameter audience orders;
            STSRequestParameter subject_token_type urn:ietf:params:oauth:token-type:jwt;
            STSExpect issued_token_type audience subject=sub;",
        source,
        user,
    },
    others: &[
        Way {
            what: "`private_key_jwt`",
            exchange: "
                STSType otx;
                STSEndpoint %%ENDPOINT%%;
                STSEndpointAuth private_key_jwt client_id=gateway&jwk_file=%%KEYS%%/gateway.key&typ=JWT;
                STSRequestParameter audience orders;
                STSRequestParameter subject_token_type urn:ietf:params:oauth:token-type:jwt;",
            source,
            user,
        },
        Way {
            what: "the endpoint from the metadata of the issuer",
            exchange: "
                STSType otx;
                STSIssuer %%ISSUER%%;
                STSEndpointAuth client_secret_post client_id=gateway&client_secret_file=secrets/sts;
                STSRequestParameter audience orders;
                STSRequestParameter subject_token_type urn:ietf:params:oauth:token-type:jwt;",
            source,
            user,
        },
        Way {
            what: "a JWT as a grant (RFC 7523)",
            exchange: "
                STSType jwt_bearer;
                STSEndpoint %%ENDPOINT%%;
                STSEndpointAuth client_secret_basic client_id=gateway&client_secret_file=secrets/sts;
                STSRequestParameter scope orders;",
            source,
            user,
        },
        Way {
            what: "`ropc`: the source token is the user's password",
            exchange: "
                STSType ropc;
                STSEndpoint %%ENDPOINT%%;
                STSEndpointAuth client_secret_basic client_id=gateway&client_secret_file=secrets/sts;
                STSROPCUsername $username;
                STSRequestParameter scope \"openid orders\";
                STSVariables $username $target_token;",
            source: |_, user| Source { token: name(user), user: name(user) },
            user,
        },
        Way {
            what: "`cc`: one token for all",
            exchange: "
                STSType cc;
                STSEndpoint %%ENDPOINT%%;
                STSEndpointAuth client_secret_basic client_id=gateway&client_secret_file=secrets/sts;
                STSRequestParameter scope orders;",
            source: |_, _| Source { token: "none".to_owned(), user: "gateway".to_owned() },
            user,
        },
    ],
    failures: &[
        Failure {
            what: "the source token is none",
            instead: &[],
            source: |_| "abc".to_owned(),
            status: 502,
            error: "unreachable",
        },
        Failure {
            what: "the same with `STSErrorStatus server_error 401`",
            instead: &[("STSType otx;", "STSType otx; STSErrorStatus server_error 401;")],
            source: |_| "abc".to_owned(),
            status: 401,
            error: "unreachable",
        },
        Failure {
            what: "the source token has expired and is signed with the key of another, which the server does not look at",
            instead: &[],
            source: |server| {
                let key = format!("{}/gateway.key", server.value("KEYS"));
                signed(&key, &json!({"iss": "other", "sub": "user3", "exp": now() - 60}))
            },
            status: 200,
            error: "",
        },
        Failure {
            what: "a JWT as a grant is none",
            instead: &[("STSType otx", "STSType jwt_bearer"), WITHOUT_TYPE],
            source: |_| "abc".to_owned(),
            status: 401,
            error: "refused",
        },
        Failure {
            what: "there is no client",
            instead: &[(
                "STSEndpointAuth client_secret_basic client_id=gateway&client_secret_file=secrets/sts;",
                "",
            )],
            source: |server| source(server, 6).token,
            status: 401,
            error: "refused",
        },
        Failure {
            what: "the client's assertion is for another server",
            instead: &[(
                "client_secret_basic client_id=gateway&client_secret_file=secrets/sts",
                "private_key_jwt client_id=gateway&jwk_file=%%KEYS%%/gateway.key&aud=https://other.example.com",
            )],
            source: |server| source(server, 6).token,
            status: 401,
            error: "refused",
        },
        Failure {
            what: "the endpoint is the issuer",
            instead: &[("%%ENDPOINT%%", "%%ISSUER%%")],
            source: |server| source(server, 6).token,
            status: 502,
            error: "gateway_refused",
        },
        Failure {
            what: "the endpoint is of another issuer, whose tokens the server does not tell apart",
            instead: &[("%%ENDPOINT%%", "%%BASE%%/other/token")],
            source: |server| source(server, 6).token,
            status: 200,
            error: "",
        },
    ],
    more: None,
    // Its keys are files of its own, and it has a way to replace none of them.
    rotate: None,
    after_restart: (200, ""),
};

const WITHOUT_TYPE: (&str, &str) =
    ("STSRequestParameter subject_token_type urn:ietf:params:oauth:token-type:jwt;", "");

#[test]
#[ignore = "make interop has the server"]
fn exchanges_and_failures() {
    TRIAL.run();
}

fn source(server: &Server, user: usize) -> Source {
    let user = name(user);
    let fields = [
        ("grant_type", "password"),
        ("client_id", "shop"),
        ("client_secret", "shop-secret"),
        ("username", &user),
        ("password", &user),
    ];
    Source { token: access_token(server, &fields), user }
}

fn user(server: &Server, seen: &Seen) -> String {
    let claims = verified(server.value("JWKS"), &bearer(seen));
    assert_eq!(claims["iss"], server.value("ISSUER"));
    assert_eq!(claims["aud"], "orders");
    claims["sub"].as_str().expect("a subject").to_owned()
}
