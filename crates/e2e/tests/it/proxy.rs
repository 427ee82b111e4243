//! Calls that go through an HTTP proxy.

use std::time::{Duration, Instant};

use devsts::pki::{Identity, Leaf};
use devsts::{Answer, Script, Sts, Tls, When};
use e2e::nginx::Builder;
use e2e::ports::free_port;
use e2e::proxy::Proxy;
use e2e::scene::{Scene, Seen, assert_exchanged};
use serde_json::json;

/// A name that only the proxy knows.
const NAME: &str = "sts.behind.example";

/// An STS with TLS and this name.
fn secure(ca: &Identity) -> Scene {
    Scene::with(Sts::builder().tls(Tls::new(ca.issue(&Leaf::server().dns(NAME)))))
}

/// An NGINX that trusts the authority, and calls the STS by its name.
fn trusting(scene: &Scene, ca: &Identity, server: &str) -> Builder {
    let nginx = scene.nginx().file("ca.pem", ca.certificate_pem());
    nginx.set("STS", scene.sts.endpoint_at(NAME)).server(server)
}

const THROUGH: &str = "
    STSSSLTrustedCertificate %%PREFIX%%/ca.pem;
    add_header X-STS-Error $sts_error always;
    location / { %%OTX%% STSOutgoingProxy %%PROXY%%; STSHTTPTimeOut 3; %%PASS%% }
";

#[test]
fn an_sts_with_tls_is_reached_through_a_tunnel_that_shows_nothing() {
    let ca = Identity::authority("the CA");
    let scene = secure(&ca);
    let proxy = Proxy::to(scene.sts.port());
    let nginx = trusting(&scene, &ca, THROUGH).set("PROXY", proxy.address()).start();

    for number in 0..5 {
        let user = format!("user-{number}");
        assert_exchanged(nginx.get("/").bearer(&user).send(), &user);
    }

    // One tunnel serves them all.
    let target = format!("{NAME}:{}", scene.sts.port());
    let head = format!("CONNECT {target} HTTP/1.1\r\nhost: {target}\r\n\r\n");
    assert_eq!(proxy.heads(), [head]);
    let calls = scene.sts.calls();
    let call = calls.first().expect("a call");
    assert_eq!((call.target.as_str(), call.header("Host")), ("/token", Some(target)));
    assert_eq!(call.tls.as_ref().and_then(|tls| tls.sni.as_deref()), Some(NAME));
}

#[test]
fn the_proxy_is_an_option_of_an_exchange_in_one_directive() {
    let ca = Identity::authority("the CA");
    let scene = secure(&ca);
    let proxy = Proxy::to(scene.sts.port());
    let server = "
        STSSSLTrustedCertificate %%PREFIX%%/ca.pem;
        STSVariables $source_token $target_token;
        location / {
            STSExchange otx %%STS%% auth=client_secret_basic&client_id=otxclient&client_secret=2Federate&outgoing_proxy=%%PROXY%%;
            %%PASS%%
        }";
    let nginx = trusting(&scene, &ca, server);
    for proxy_as_written in [format!("{}", proxy.address()), format!("http://{}", proxy.address())]
    {
        let nginx = nginx.clone().set("PROXY", proxy_as_written).start();
        assert_exchanged(nginx.get("/").bearer("alice").send(), "alice");
    }
    assert_eq!(proxy.heads().len(), 2);
}

#[test]
fn the_certificate_is_the_stss_and_not_the_proxys() {
    let (ca, other) = (Identity::authority("the CA"), Identity::authority("another"));
    for identity in [other.issue(&Leaf::server().dns(NAME)), ca.issue(&Leaf::server().dns("x"))] {
        let scene = Scene::with(Sts::builder().tls(Tls::new(identity)));
        let proxy = Proxy::to(scene.sts.port());
        let nginx = trusting(&scene, &ca, THROUGH).set("PROXY", proxy.address()).start();
        nginx.get("/").bearer("alice").send().expect_status(502);
        assert_eq!(scene.sts.call_count(), 0);
        assert!(scene.sts.tls_failures().iter().all(|failure| failure.application == 0));
    }
}

#[test]
fn an_sts_without_tls_is_asked_for_by_its_whole_url() {
    let scene = Scene::new();
    let answer = json!({"access_token": "T", "token_type": "Bearer"});
    scene.sts.script(When::any(), Script::new().answer(Answer::json(200, &answer)));
    // It plays the proxy.
    let proxy = format!("127.0.0.1:{}", scene.sts.port());
    let endpoint = format!("http://{NAME}/token?x=1");
    let nginx =
        scene.nginx().server(THROUGH).file("ca.pem", Identity::authority("any").certificate_pem());
    let nginx = nginx.set("STS", &endpoint).set("PROXY", proxy).start();

    let response = nginx.get("/").bearer("alice").send();

    assert_eq!(Seen::by_backend(response).token(), "T");
    let call = scene.only_call();
    assert_eq!((call.target.as_str(), call.header("Host").as_deref()), (&*endpoint, Some(NAME)));
}

#[test]
fn a_proxy_that_makes_no_tunnel_is_a_bad_gateway() {
    let ca = Identity::authority("the CA");
    let scene = secure(&ca);
    let answers = [
        "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 2\r\n\r\nno",
        "HTTP/1.1 502 Bad Gateway\r\nConnection: close\r\n\r\nno such name",
        "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1/\r\nContent-Length: 0\r\n\r\n",
        "SSH-2.0-proxy\r\n",
        "HTTP/1.1 2",
        "",
        // A tunnel to nowhere.
        "HTTP/1.1 200 OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
    ];
    for answer in answers {
        let proxy = Proxy::answering(answer);
        let nginx = trusting(&scene, &ca, THROUGH).set("PROXY", proxy.address()).start();
        let response = nginx.get("/").bearer("alice").send().expect_status(502);
        assert_eq!(response.header("X-STS-Error"), Some("unreachable"), "{answer}");
        // The first time, and once more.
        assert_eq!(proxy.heads().len(), 2, "{answer}");
        assert!(proxy.heads().iter().all(|head| head.starts_with("CONNECT ")), "{answer}");
    }
    let answer = format!("HTTP/1.1 200 OK\r\nX-One: {}\r\n\r\n", "1".repeat(1 << 20));
    let proxy = Proxy::answering(answer);
    let nginx = trusting(&scene, &ca, THROUGH).set("PROXY", proxy.address()).start();
    nginx.get("/").bearer("alice").send().expect_status(502);
    assert_eq!(scene.sts.connections().accepted, 0);
}

#[test]
fn a_proxy_that_is_not_there_or_says_nothing_is_given_up_in_time() {
    let ca = Identity::authority("the CA");
    let scene = secure(&ca);
    let silent = Scene::new();
    silent.sts.on_accept(None, Script::new().hang());
    for (port, status) in [(free_port(), 502), (silent.sts.port(), 504)] {
        let proxy = format!("127.0.0.1:{port}");
        let nginx = trusting(&scene, &ca, THROUGH).set("PROXY", proxy).start();
        let start = Instant::now();
        nginx.get("/").bearer("alice").send().expect_status(status);
        assert!(start.elapsed() < Duration::from_secs(8), "{:?}", start.elapsed());
    }
}

#[test]
fn a_location_switches_an_inherited_proxy_off() {
    let scene = Scene::new();
    let server = "
        STSOutgoingProxy %%UNUSED%%;
        location /inherits { %%OTX%% %%PASS%% }
        location /directive { %%OTX%% STSOutgoingProxy off; %%PASS%% }
        location /option {
            STSExchange otx %%STS%% auth=client_secret_basic&client_id=otxclient&client_secret=2Federate&outgoing_proxy=off;
            STSVariables $source_token $target_token;
            %%PASS%%
        }";
    let unused = format!("127.0.0.1:{}", free_port());
    let nginx = scene.nginx().server(server).set("UNUSED", unused).start();
    nginx.get("/inherits").bearer("alice").send().expect_status(502);
    assert_exchanged(nginx.get("/directive").bearer("bob").send(), "bob");
    assert_exchanged(nginx.get("/option").bearer("carol").send(), "carol");
}

#[test]
fn tokens_that_came_through_one_proxy_are_not_used_for_another() {
    let (one, two) = (Scene::new(), Scene::new());
    for (scene, token) in [(&one, "one"), (&two, "two")] {
        let answer = json!({"access_token": token, "token_type": "Bearer", "expires_in": 300});
        scene.sts.script(When::any(), Script::new().answer(Answer::json(200, &answer)));
    }
    // Each plays a proxy, which decides where the STS is.
    let proxy = |scene: &Scene| format!("127.0.0.1:{}", scene.sts.port());
    let server = "
        %%OTX%%
        location /one { STSOutgoingProxy %%ONE%%; %%PASS%% }
        location /two { STSOutgoingProxy %%TWO%%; %%PASS%% }";
    let nginx = one.nginx().server(server).set("STS", format!("http://{NAME}/token"));
    let nginx = nginx.set("ONE", proxy(&one)).set("TWO", proxy(&two)).start();
    for token in ["one", "two"] {
        let response = nginx.get(&format!("/{token}")).bearer("alice").send();
        assert_eq!(Seen::by_backend(response).token(), token);
    }
}

#[test]
fn a_connection_through_a_proxy_serves_no_call_that_goes_another_way() {
    let ca = Identity::authority("the CA");
    let leaf = Leaf::server().dns("localhost");
    let scene = Scene::with(Sts::builder().tls(Tls::new(ca.issue(&leaf))));
    let (one, two) = (Proxy::to(scene.sts.port()), Proxy::to(scene.sts.port()));
    let server = "
        STSSSLTrustedCertificate %%PREFIX%%/ca.pem;
        %%OTX%%
        location /direct { %%PASS%% }
        location /one { STSOutgoingProxy %%ONE%%; %%PASS%% }
        location /two { STSOutgoingProxy %%TWO%%; %%PASS%% }";
    let nginx = trusting(&scene, &ca, server).set("STS", scene.sts.endpoint_at("localhost"));
    let nginx = nginx.set("ONE", one.address()).set("TWO", two.address()).start();
    for round in 0..3 {
        for path in ["/direct", "/one", "/two"] {
            let user = format!("{round}-{}", path.trim_start_matches('/'));
            assert_exchanged(nginx.get(path).bearer(&user).send(), &user);
        }
    }
    assert_eq!((one.heads().len(), two.heads().len()), (1, 1));
    assert_eq!(scene.sts.connections().accepted, 3);
}
