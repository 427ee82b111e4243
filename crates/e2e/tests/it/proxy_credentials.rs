//! Credentials for the proxy on the way to the STS.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;

use devsts::pki::{Identity, Leaf};
use devsts::{Answer, Script, Sts, Tls, When};
use e2e::nginx::{Builder, Nginx};
use e2e::proxy::Proxy;
use e2e::scene::{Scene, assert_exchanged};
use e2e::wait::wait_for;
use openssl::base64::encode_block;
use serde_json::json;

/// A name that only the proxy knows.
const NAME: &str = "sts.behind.example";

const PASSWORD: &str = "open:s3sam3";

/// What the proxy wants (RFC 7617).
fn basic(password: &str) -> String {
    format!("Basic {}", encode_block(format!("gate way:{password}").as_bytes()))
}

struct World {
    ca: Identity,
    scene: Scene,
}

impl World {
    /// An STS with TLS.
    fn new() -> Self {
        let ca = Identity::authority("the CA");
        let tls = Tls::new(ca.issue(&Leaf::server().dns(NAME)));
        Self { scene: Scene::with(Sts::builder().tls(tls)), ca }
    }

    fn nginx(&self, proxy: &Proxy, server: &str) -> Builder {
        let builder = self.scene.nginx().file("ca.pem", self.ca.certificate_pem());
        let builder = builder.file("password", format!("{PASSWORD}\n"));
        let builder = builder.set("STS", self.scene.sts.endpoint_at(NAME));
        let builder = builder.set("PROXY", proxy.address()).forbid_in_log(PASSWORD);
        let builder = builder.forbid_in_log(basic(PASSWORD).trim_start_matches("Basic "));
        builder.server("STSSSLTrustedCertificate %%PREFIX%%/ca.pem;").server(server)
    }
}

const DIRECTIVE: &str = "
    add_header X-STS-Error $sts_error always;
    location / {
        %%OTX%%
        STSKeepalive 0;
        STSOutgoingProxy %%PROXY%% 'username=gate+way&password_file=password';
        %%PASS%%
    }";

const OPTION: &str = "
    location / {
        STSExchange otx %%STS%% auth=client_secret_basic&client_id=otxclient&client_secret=2Federate&outgoing_proxy=%%PROXY%%&outgoing_proxy_username=gate+way&outgoing_proxy_password_file=password&keepalive=0;
        STSVariables $source_token $target_token;
        %%PASS%%
    }";

fn status(nginx: &Nginx) -> u16 {
    nginx.get("/").bearer("alice").send().status
}

#[test]
fn the_proxy_is_shown_them_and_the_sts_is_not() {
    for server in [DIRECTIVE, OPTION] {
        let world = World::new();
        let proxy = Proxy::wanting(&basic(PASSWORD), world.scene.sts.port());
        let nginx = world.nginx(&proxy, server).start();

        assert_exchanged(nginx.get("/").bearer("alice").send(), "alice");

        let target = format!("{NAME}:{}", world.scene.sts.port());
        let authorization = basic(PASSWORD);
        let head = format!(
            "CONNECT {target} HTTP/1.1\r\nhost: {target}\r\n\
             proxy-authorization: {authorization}\r\n\r\n"
        );
        assert_eq!(proxy.heads(), [head]);
        assert_eq!(world.scene.only_call().header("Proxy-Authorization"), None);
    }
}

#[test]
fn an_sts_without_tls_is_asked_with_them_in_the_request() {
    // It plays the proxy.
    let scene = Scene::new();
    let server = "location / {
        %%OTX%% STSOutgoingProxy %%PROXY%% 'username=gate+way&password_file=password'; %%PASS%%
    }";
    let nginx = scene.nginx().server(server).file("password", PASSWORD);
    let nginx = nginx.set("STS", format!("http://{NAME}/token"));
    let nginx = nginx.set("PROXY", format!("127.0.0.1:{}", scene.sts.port()));
    let nginx = nginx.forbid_in_log(PASSWORD);
    let nginx = nginx.forbid_in_log(basic(PASSWORD).trim_start_matches("Basic ")).start();
    // It repeats what it was sent, which does not come into the log.
    let encoded = basic(PASSWORD);
    let error =
        json!({"error": "invalid_request", "error_description": format!("{encoded} {PASSWORD}")});
    scene.sts.script(When::any(), Script::new().answer(Answer::json(400, &error)));

    nginx.get("/").bearer("alice").send().expect_status(401);

    assert_eq!(scene.only_call().header("Proxy-Authorization"), Some(encoded));
    let line = nginx.wait_for_log("[secret]");
    assert!(line.contains("invalid_request"), "{line}");
}

#[test]
fn a_password_that_changes_is_used_without_a_reload() {
    let world = World::new();
    let proxy = Proxy::wanting(&basic("n3w-s3cret"), world.scene.sts.port());
    let nginx = world.nginx(&proxy, DIRECTIVE).forbid_in_log("n3w-s3cret").start();

    let response = nginx.get("/").bearer("alice").send().expect_status(502);
    assert_eq!(response.header("X-STS-Error"), Some("unreachable"));
    let line = nginx.wait_for_log("it answered 407");
    assert!(line.contains("refuses the credentials of \"STSOutgoingProxy\""), "{line}");

    let new = nginx.prefix().join("password.new");
    fs::write(&new, "n3w-s3cret\n").unwrap();
    fs::rename(new, nginx.prefix().join("password")).unwrap();
    wait_for("the new password", || status(&nginx) == 200);
    nginx.wait_for_log("was read again");
}

#[test]
fn a_proxy_that_wants_some_and_gets_none_is_named_with_the_remedy() {
    let world = World::new();
    let proxy = Proxy::wanting(&basic(PASSWORD), world.scene.sts.port());
    let server = "location / { %%OTX%% STSOutgoingProxy %%PROXY%%; %%PASS%% }";
    let nginx = world.nginx(&proxy, server).start();

    assert_eq!(status(&nginx), 502);

    let line = nginx.wait_for_log("it answered 407");
    assert!(line.contains("username=name&password_file=file"), "{line}");
    assert_eq!(world.scene.sts.call_count(), 0);
}

#[test]
fn a_proxy_of_an_inner_block_gets_none_of_the_credentials_of_the_outer_one() {
    let world = World::new();
    let outer = Proxy::wanting(&basic(PASSWORD), world.scene.sts.port());
    let inner = Proxy::to(world.scene.sts.port());
    let server = "
        %%OTX%%
        STSOutgoingProxy %%PROXY%% 'username=gate+way&password_file=password';
        location /outer { %%PASS%% }
        location /inner { STSOutgoingProxy %%INNER%%; %%PASS%% }";
    let nginx = world.nginx(&outer, server).set("INNER", inner.address()).start();

    assert_exchanged(nginx.get("/outer").bearer("alice").send(), "alice");
    assert_exchanged(nginx.get("/inner").bearer("bob").send(), "bob");

    assert!(outer.heads().iter().all(|head| head.contains("proxy-authorization")));
    let heads = inner.heads();
    assert!(!heads.is_empty() && heads.iter().all(|head| !head.contains("authorization")));
}

#[test]
fn a_file_that_cannot_be_read_fails_with_the_line_of_its_directive() {
    let server = "location / {
        STSType otx;
        STSOTXEndpoint https://127.0.0.1:9/t;
        STSVariables $http_x $target;
        STSOutgoingProxy 127.0.0.1:9 username=a&password_file=nowhere;
    }";
    let checked = Nginx::builder().server(server).check();
    assert!(!checked.ok);
    for part in ["\"STSOutgoingProxy\"", "nowhere", "cannot be read", "nginx.conf:"] {
        assert!(checked.output.contains(part), "no {part:?} in {}", checked.output);
    }
}

#[test]
fn options_of_credentials_want_a_proxy_and_a_file() {
    let both = "outgoing_proxy_username=a&outgoing_proxy_password_file=password";
    for (options, parts) in [
        (both.to_owned(), ["outgoing_proxy_username", "\"outgoing_proxy\" is missing"]),
        (format!("outgoing_proxy=off&{both}"), ["outgoing_proxy", "without a proxy"]),
        (
            "outgoing_proxy=127.0.0.1:9&outgoing_proxy_username=a".to_owned(),
            ["outgoing_proxy_username", "\"outgoing_proxy_password_file\" is missing"],
        ),
        (
            "outgoing_proxy=127.0.0.1:9&outgoing_proxy_username=a&outgoing_proxy_password=s3cr3t"
                .to_owned(),
            ["outgoing_proxy_username", "\"outgoing_proxy_password_file\" is missing"],
        ),
    ] {
        let server = format!(
            "location / {{
                STSExchange otx https://127.0.0.1:9/t {options};
                STSVariables $http_x $target;
            }}"
        );
        let checked = Nginx::builder().file("password", PASSWORD).server(&server).check();
        assert!(!checked.ok && !checked.output.contains("s3cr3t"), "{}", checked.output);
        for part in parts {
            assert!(checked.output.contains(part), "no {part:?} in {}", checked.output);
        }
    }
}
