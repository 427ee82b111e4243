//! The grants of passwords and of client credentials, written in directives.

use devsts::{Client, Sts};
use e2e::nginx::Nginx;
use e2e::scene::{Scene, Seen, assert_exchanged};

/// The user `alice` with the password `wonderland` at NGINX.
const USERS: &str = "alice:{PLAIN}wonderland\n";

/// `alice:wonderland`, and `mallory:guess`.
const ALICE: &str = "Basic YWxpY2U6d29uZGVybGFuZA==";
const MALLORY: &str = "Basic bWFsbG9yeTpndWVzcw==";

const ROPC: &str = "
    STSType ropc;
    STSROPCEndpoint %%STS%%;
    STSROPCClientID public;
    STSROPCUsername *;
    STSVariables $http_x_token $target_token;
";

fn scene() -> Scene {
    Scene::with(Sts::builder().client(Client::public("public")))
}

fn behind_auth_basic(scene: &Scene) -> Nginx {
    let server = format!(
        "location / {{
            auth_basic gateway;
            auth_basic_user_file %%PREFIX%%/users;
            {ROPC}
            %%PASS%%
        }}
        location /open {{ {ROPC} %%PASS%% }}"
    );
    scene.nginx().file("users", USERS).server(&server).start()
}

#[test]
fn the_star_is_the_user_that_nginx_has_authenticated() {
    let scene = scene();
    let nginx = behind_auth_basic(&scene);

    let request = nginx.get("/").header("Authorization", ALICE).header("X-Token", "alices-token");
    assert_exchanged(request.send(), "alices-token");

    let call = scene.only_call();
    assert_eq!(call.parameter("username"), Some("alice"));
    assert_eq!(call.parameter("password"), Some("alices-token"));
    assert_eq!(call.parameter("client_id"), Some("public"));
}

#[test]
fn a_client_that_nginx_does_not_authenticate_gets_no_exchange() {
    let scene = scene();
    let nginx = behind_auth_basic(&scene);

    let mallory = nginx.get("/").header("Authorization", MALLORY).header("X-Token", "stolen");
    mallory.send().expect_status(401);
    // A location without authentication has no user.
    let response = nginx.get("/open").header("X-Token", "a-token").send().expect_status(401);
    assert_eq!(response.header("WWW-Authenticate"), Some("Bearer"));

    assert_eq!(scene.sts.call_count(), 0);
    assert_eq!(scene.backend.requests().len(), 0);
}

#[test]
fn a_refused_password_is_the_clients_fault() {
    let scene = scene();
    let server = "location / {
        STSType ropc;
        STSROPCEndpoint %%STS%%;
        STSROPCEndpointAuth client_secret_post client_id=otxclient&client_secret=2Federate;
        STSROPCUsername dummy;
        STSVariables $source_token $target_token;
        %%PASS%%
    }";
    let nginx = scene.nginx().server(server).start();

    let response = nginx.get("/").bearer("refuse").send().expect_status(401);
    assert_eq!(response.header("WWW-Authenticate"), Some("Bearer error=\"invalid_token\""));
    nginx.get("/").bearer("error-access_denied").send().expect_status(403);
    nginx.get("/").bearer("error-invalid_client").send().expect_status(502);
}

#[test]
fn a_refusal_of_client_credentials_is_the_gateways_trouble() {
    let scene = scene();
    let server = "location / {
        STSType cc;
        STSCCEndpoint %%STS%%;
        STSCCEndpointAuth client_secret_basic client_id=otxclient&client_secret=2Federate;
        STSRequestParameter scope $arg_scope;
        STSVariables $source_token $target_token;
        %%PASS%%
    }
    location /public {
        STSType cc;
        STSCCEndpoint %%STS%%;
        STSCCClientID public;
        STSVariables $source_token $target_token;
        %%PASS%%
    }";
    let nginx = scene.nginx().server(server).start();

    let token = Seen::by_backend(nginx.get("/?scope=read").send()).token();
    assert!(devsts::is_for(&token, "otxclient"), "{token}");
    // A scope that is refused, and a client that cannot authenticate.
    nginx.get("/?scope=a\"b").send().expect_status(502);
    nginx.get("/public").bearer("alice").send().expect_status(502);
}
