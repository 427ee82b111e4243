//! The first users' own configuration: the OAuth 2.0 locations that the module is known by, with
//! nothing changed but host names, ports and a missing brace.
//!
//! The other examples of the same page are run elsewhere: the location for WS-Trust and the source in a
//! cookie by `wstrust.rs`; the source in a query, its removal from cookies, headers and queries, and the
//! target as a FastCGI parameter, header, cookie, query and POST parameter by `recipes/carry.rs`, where
//! `set-misc` and `STSAcceptSourceTokenIn post` stand for a module that no distribution has.

use devsts::pki::{Identity, Leaf};
use devsts::{Client, Sts, Tls};
use e2e::nginx::Nginx;
use e2e::scene::{CLIENT_BASIC, CLIENT_ID, CLIENT_SECRET, Scene, Seen};

const LOCATION: &str = "
        location /sts/otx {
            STSType otx;
            STSSSLValidateServer Off;
            STSOTXEndpoint https://127.0.0.1:%%STS_PORT%%/auth/realms/master/protocol/openid-connect/token;
            STSOTXEndpointAuth client_secret_basic client_id=otxclient&client_secret=2Federate;

            STSVariables $source_token $otx_target_token;
            proxy_set_header Cookie STS_COOKIE=$otx_target_token;
            proxy_pass http://127.0.0.1:%%BACKEND_PORT%%/headers$is_args$args;
        }
";

const PASSWORD_LOCATION: &str = "
        location /sts/ropc {
            STSType ropc;
            STSSSLValidateServer Off;
            STSROPCEndpoint https://127.0.0.1:%%STS_PORT%%/as/token.oauth2;
            STSROPCEndpointAuth client_secret_basic client_id=sts0&client_secret=2Federate;
            STSROPCUsername dummy;
            STSVariables $source_token $ropc_target_token;
            proxy_set_header Cookie STS_COOKIE=$ropc_target_token;
            proxy_pass http://127.0.0.1:%%BACKEND_PORT%%/headers$is_args$args;
        }
";

/// The map from `Authorization`, with a name of its own as the location has it.
const SOURCE: &str = r#"
    map $http_authorization $source_token {
        default "";
        "~*^Bearer\s+(?<token>[\S]+)$" $token;
    }
"#;

const GRANT: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";

fn keycloak() -> devsts::sts::Builder {
    // No CA vouches for it: the location does not validate the server.
    let identity = Identity::self_signed(&Leaf::server().dns("keycloak"));
    Sts::builder().tls(Tls::new(identity)).path("/auth/realms/master/protocol/openid-connect/token")
}

fn start(scene: &Scene) -> Nginx {
    start_with(scene, LOCATION)
}

fn start_with(scene: &Scene, location: &str) -> Nginx {
    Nginx::builder()
        .http(SOURCE)
        .server(location)
        .set("STS_PORT", scene.sts.port())
        .set("BACKEND_PORT", scene.backend.port())
        .forbid_in_log(CLIENT_SECRET)
        .forbid_in_log(CLIENT_BASIC)
        .start()
}

#[test]
fn the_location_exchanges_the_token_and_passes_the_new_one_on() {
    let scene = Scene::with(keycloak());
    let nginx = start(&scene);

    let response = nginx.get("/sts/otx?colour=blue").bearer("the-source-token").send();

    let seen = Seen::by_backend(response);
    assert_eq!(seen.uri(), "/headers?colour=blue");
    let target = scene.sts.issued()[0].target.clone();
    assert_eq!(seen.header("Cookie"), Some(format!("STS_COOKIE={target}")));
    assert_eq!(scene.sts.source_of(&target).as_deref(), Some("the-source-token"));
    nginx.forbid_in_log("the-source-token");
    nginx.forbid_in_log(&target);
}

#[test]
fn the_sts_is_sent_a_token_exchange_request_of_the_client() {
    let scene = Scene::with(keycloak());
    let nginx = start(&scene);

    nginx.get("/sts/otx").bearer("the-source-token").send().expect_status(200);

    let call = scene.only_call();
    assert_eq!(call.method, "POST");
    assert_eq!(call.target, "/auth/realms/master/protocol/openid-connect/token");
    assert_eq!(call.header("Authorization").as_deref(), Some(CLIENT_BASIC));
    let expected = [
        ("grant_type", GRANT),
        ("subject_token", "the-source-token"),
        ("subject_token_type", ACCESS_TOKEN),
    ];
    let mut sent = call.parameters().to_vec();
    sent.sort();
    assert_eq!(sent, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
}

#[test]
fn the_location_turns_a_request_without_token_away() {
    let scene = Scene::with(keycloak());
    let nginx = start(&scene);

    let response = nginx.get("/sts/otx").send().expect_status(401);

    assert_eq!(response.header("WWW-Authenticate"), Some("Bearer"));
    assert_eq!(scene.sts.call_count(), 0);
    assert_eq!(scene.backend.requests().len(), 0);
}

#[test]
fn an_sts_that_does_not_know_the_client_is_the_gateways_trouble() {
    let another = Client::new(CLIENT_ID, "another secret");
    let scene = Scene { sts: keycloak().client(another).start().expect("an STS"), ..Scene::new() };
    let nginx = start(&scene);

    nginx.get("/sts/otx").bearer("the-source-token").send().expect_status(502);

    assert_eq!(scene.backend.requests().len(), 0);
}

fn ping_federate() -> devsts::sts::Builder {
    let identity = Identity::self_signed(&Leaf::server().dns("pingfed"));
    let client = Client::new("sts0", CLIENT_SECRET);
    Sts::builder().tls(Tls::new(identity)).path("/as/token.oauth2").client(client)
}

#[test]
fn the_password_location_sends_the_token_as_a_password_and_passes_the_new_one_on() {
    let scene = Scene::with(ping_federate());
    let nginx = start_with(&scene, PASSWORD_LOCATION);

    let response = nginx.get("/sts/ropc?colour=blue").bearer("the-source-token").send();

    let seen = Seen::by_backend(response);
    assert_eq!(seen.uri(), "/headers?colour=blue");
    let target = scene.sts.issued()[0].target.clone();
    assert_eq!(seen.header("Cookie"), Some(format!("STS_COOKIE={target}")));
    assert_eq!(scene.sts.source_of(&target).as_deref(), Some("the-source-token"));
    let call = scene.only_call();
    // sts0:2Federate
    assert_eq!(call.header("Authorization").as_deref(), Some("Basic c3RzMDoyRmVkZXJhdGU="));
    let sent: Vec<_> = call.parameters().iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    assert_eq!(
        sent,
        [("grant_type", "password"), ("username", "dummy"), ("password", "the-source-token")]
    );
    nginx.get("/sts/ropc").send().expect_status(401);
    nginx.forbid_in_log("the-source-token");
    nginx.forbid_in_log(&target);
}
