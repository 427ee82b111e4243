//! The `Host` of a call, for an STS that makes its issuer of it, and the `aud` of client assertions
//! there.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use devsts::pki::{Identity, Leaf};
use devsts::{Client, Listen, Sts, Tls};
use e2e::nginx::{Builder, Nginx};
use e2e::proxy::Proxy;
use e2e::scene::{Scene, assert_exchanged};
use openssl::pkey::PKey;

/// The name that the STS is known by to others.
const PUBLIC: &str = "sts.example.com";

const INTERNAL: &str = "localhost";

fn secure(ca: &Identity) -> Scene {
    Scene::with(Sts::builder().tls(Tls::new(ca.issue(&Leaf::server().dns(INTERNAL)))))
}

fn trusting(scene: &Scene, ca: &Identity, server: &str) -> Builder {
    let builder = scene.nginx().file("ca.pem", ca.certificate_pem());
    let builder = builder.set("STS", scene.sts.endpoint_at(INTERNAL));
    builder.server("STSSSLTrustedCertificate %%PREFIX%%/ca.pem;").server(server)
}

const BOTH: &str = "
    location /directive { %%OTX%% STSHost sts.example.com; %%PASS%% }
    location /option {
        STSExchange otx %%STS%% auth=client_secret_basic&client_id=otxclient&client_secret=2Federate&host=sts.example.com;
        STSVariables $source_token $target_token;
        %%PASS%%
    }";

#[test]
fn the_call_has_it_and_tls_goes_by_the_endpoint() {
    let ca = Identity::authority("the CA");
    let scene = secure(&ca);
    let nginx = trusting(&scene, &ca, BOTH).start();
    for (path, user) in [("/directive", "alice"), ("/option", "bob")] {
        assert_exchanged(nginx.get(path).bearer(user).send(), user);
    }
    let calls = scene.sts.calls();
    assert_eq!(calls.len(), 2);
    for call in calls {
        assert_eq!(call.header("Host").as_deref(), Some(PUBLIC));
        assert_eq!(call.tls.as_ref().and_then(|tls| tls.sni.as_deref()), Some(INTERNAL));
    }
}

#[test]
fn a_certificate_of_that_name_does_not_stand_for_the_endpoint() {
    let ca = Identity::authority("the CA");
    let tls = Tls::new(ca.issue(&Leaf::server().dns(PUBLIC)));
    let scene = Scene::with(Sts::builder().tls(tls));
    let nginx = trusting(&scene, &ca, BOTH).start();
    nginx.get("/directive").bearer("alice").send().expect_status(502);
    assert_eq!(scene.sts.call_count(), 0);
}

#[test]
fn a_proxy_is_asked_for_the_endpoint() {
    let ca = Identity::authority("the CA");
    let scene = secure(&ca);
    let proxy = Proxy::to(scene.sts.port());
    let server = "STSOutgoingProxy %%PROXY%%;";
    let nginx = trusting(&scene, &ca, BOTH).server(server).set("PROXY", proxy.address()).start();
    assert_exchanged(nginx.get("/directive").bearer("alice").send(), "alice");
    let target = format!("{INTERNAL}:{}", scene.sts.port());
    let head = format!("CONNECT {target} HTTP/1.1\r\nhost: {target}\r\n\r\n");
    assert_eq!(proxy.heads(), [head]);
    assert_eq!(scene.only_call().header("Host").as_deref(), Some(PUBLIC));
}

#[test]
fn a_proxy_that_makes_the_header_itself_is_refused() {
    for host in
        ["STSHost a;\nSTSOutgoingProxy 127.0.0.1:9;", "STSOutgoingProxy 127.0.0.1:9;\nSTSHost a;"]
    {
        let server = format!(
            "location / {{
                STSType otx;
                STSOTXEndpoint http://127.0.0.1:9/t;
                STSVariables $http_x $target;
                {host}
            }}"
        );
        let checked = Nginx::builder().server(&server).check();
        assert!(!checked.ok);
        for part in ["\"STSHost\"", "\"STSOutgoingProxy\"", "https:// endpoint"] {
            assert!(checked.output.contains(part), "no {part:?} in {}", checked.output);
        }
    }
    let server = "location / {
        STSType otx;
        STSOTXEndpoint http://unix:/run/sts.sock:/t;
        STSVariables $http_x $target;
        STSOutgoingProxy 127.0.0.1:9;
        STSHost a;
    }";
    let checked = Nginx::builder().server(server).check();
    assert!(checked.ok, "a local socket is reached without a proxy: {}", checked.output);
}

#[test]
fn it_is_inherited_also_by_an_exchange_in_one_directive_and_replaced() {
    let scene = Scene::new();
    let server = "
        %%OTX%%
        STSHost outer.example.com;
        location /outer { %%PASS%% }
        location /inner { STSHost inner.example.com:8443; %%PASS%% }
        location /whole {
            STSExchange otx %%STS%% auth=client_secret_basic&client_id=otxclient&client_secret=2Federate;
            %%PASS%%
        }
        location /option {
            STSExchange otx %%STS%% auth=client_secret_basic&client_id=otxclient&client_secret=2Federate&host=option.example.com;
            %%PASS%%
        }";
    let nginx = scene.nginx().server(server).start();
    for (path, host) in [
        ("/outer", "outer.example.com"),
        ("/inner", "inner.example.com:8443"),
        ("/whole", "outer.example.com"),
        ("/option", "option.example.com"),
    ] {
        assert_exchanged(nginx.get(path).bearer(path).send(), path);
        let calls = scene.sts.calls();
        assert_eq!(calls.last().unwrap().header("Host").as_deref(), Some(host), "{path}");
    }
}

#[test]
fn an_sts_at_a_local_socket_gets_it_too() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("sts.sock");
    let scene = Scene::with(Sts::builder().listen(Listen::Unix(socket)));
    let nginx = scene.nginx().server("location / { %%OTX%% STSHost sts.example.com; %%PASS%% }");
    let nginx = nginx.start();
    assert_exchanged(nginx.get("/").bearer("alice").send(), "alice");
    assert_eq!(scene.only_call().header("Host").as_deref(), Some(PUBLIC));
}

/// The STS takes an assertion only for the URL that it makes of the call's `Host`.
#[test]
fn an_assertion_is_for_the_url_of_the_endpoint_unless_aud_names_another() {
    let key = PKey::generate_ed25519().unwrap();
    let public = String::from_utf8(key.public_key_to_pem().unwrap()).unwrap();
    let signer = Client::with_key("signer", &public).unwrap();
    let sharer = Client::new("sharer", "a-secret-of-32-bytes-for-the-mac!");
    let scene = Scene::with(Sts::builder().client(signer).client(sharer));
    let other = format!("http://{PUBLIC}/token");
    let methods = [
        ("private_key_jwt", "client_id=signer&jwk_file=key.pem"),
        ("client_secret_jwt", "client_id=sharer&client_secret_file=secret"),
    ];
    let mut server = String::new();
    let mut expected = Vec::new();
    for (method, options) in methods {
        for (host, aud, status) in [
            ("", String::new(), 200),
            ("", format!("&aud={other}&typ=JWT"), 502),
            (PUBLIC, String::new(), 502),
            (PUBLIC, format!("&aud={other}&typ=JWT"), 200),
        ] {
            let number = expected.len();
            let (directive, option) = match host {
                "" => (String::new(), String::new()),
                host => (format!("STSHost {host};"), format!("&host={host}")),
            };
            server.push_str(&format!(
                "location /directive/{number} {{
                    STSType otx;
                    STSOTXEndpoint %%STS%%;
                    STSOTXEndpointAuth {method} {options}{aud};
                    {directive}
                    STSVariables $source_token $target_token;
                    %%PASS%%
                }}
                location /option/{number} {{
                    STSExchange otx %%STS%% auth={method}&{options}{aud}{option};
                    STSVariables $source_token $target_token;
                    %%PASS%%
                }}\n"
            ));
            expected.push((format!("{method} host {host:?}{aud}"), status));
        }
    }
    let private = key.private_key_to_pem_pkcs8().unwrap();
    let nginx = scene.nginx().file("key.pem", private);
    let nginx = nginx.file("secret", "a-secret-of-32-bytes-for-the-mac!").server(&server).start();
    for (number, (what, status)) in expected.iter().enumerate() {
        for syntax in ["directive", "option"] {
            let user = format!("{syntax}-{number}");
            let response = nginx.get(&format!("/{syntax}/{number}")).bearer(&user).send();
            assert_eq!(response.status, *status, "{syntax}: {what}");
        }
    }
}
