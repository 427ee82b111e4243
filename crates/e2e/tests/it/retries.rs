//! Calls that are tried again, because the STS can have seen nothing of them.

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use devsts::pki::{Identity, Leaf};
use devsts::{Listen, Script, Sts, Tls, When};
use e2e::nginx::Builder;
use e2e::ports::free_port;
use e2e::scene::{CLIENT_ID, CLIENT_SECRET, Scene, assert_exchanged};
use e2e::wait::DEADLINE;

fn secure(ca: &Identity) -> Scene {
    let leaf = Leaf::server().ip(Ipv4Addr::LOCALHOST);
    Scene::with(Sts::builder().tls(Tls::new(ca.issue(&leaf))))
}

fn nginx(scene: &Scene, ca: &Identity, more: &str) -> Builder {
    let server = format!(
        "STSSSLTrustedCertificate %%PREFIX%%/ca.pem;
        add_header X-STS-Error $sts_error always;
        location / {{ %%OTX%% {more} %%PASS%% }}"
    );
    scene.nginx().file("ca.pem", ca.certificate_pem()).server(&server)
}

#[test]
fn a_handshake_that_fails_is_tried_again_as_often_as_the_location_says() {
    let ca = Identity::authority("the CA");
    let rows = [
        ("", 2),
        ("STSHTTPRetries 0;", 1),
        ("STSHTTPRetries 3; STSHTTPRetryInterval 5;", 4),
        ("STSHTTPRetries 10; STSHTTPRetryInterval 0;", 11),
    ];
    for (more, attempts) in rows {
        let scene = secure(&ca);
        scene.sts.on_accept(None, Script::new().read(1).reset());
        let nginx = nginx(&scene, &ca, more).start();
        let response = nginx.get("/").bearer("alice").send().expect_status(502);
        assert_eq!(response.header("X-STS-Error"), Some("unreachable"));
        assert_eq!(scene.sts.connections().accepted, attempts, "{more}");
        assert_eq!(scene.sts.call_count(), 0);
    }
}

#[test]
fn an_attempt_that_works_ends_them() {
    let ca = Identity::authority("the CA");
    let scene = secure(&ca);
    for connection in 1..=2 {
        scene.sts.on_accept(Some(connection), Script::new().read(1).reset());
    }
    let more = "STSHTTPRetries 5; STSHTTPRetryInterval 5;";
    let nginx = nginx(&scene, &ca, more).start();

    assert_exchanged(nginx.get("/").bearer("alice").send(), "alice");

    assert_eq!((scene.sts.connections().accepted, scene.sts.call_count()), (3, 1));
}

#[test]
fn an_sts_that_comes_up_meanwhile_is_found() {
    let scene = Scene::new();
    let port = free_port();
    let server = "location / {
        %%OTX%% STSHTTPRetries 10; STSHTTPRetryInterval 500; STSHTTPTimeOut 30; %%PASS%%
    }";
    let endpoint = format!("http://127.0.0.1:{port}/token");
    let nginx = scene.nginx().server(server).set("STS", endpoint).start();
    let mut client = nginx.get("/").bearer("alice").start();
    // By then the first attempt has failed, or it will find the STS: it does not matter.
    std::thread::sleep(Duration::from_millis(100));

    let sts = Sts::builder().client(devsts::Client::new(CLIENT_ID, CLIENT_SECRET));
    let sts = sts.listen(Listen::tcp(Ipv4Addr::LOCALHOST, port)).start().expect("an STS");

    assert_exchanged(client.read_response(), "alice");
    assert_eq!(sts.call_count(), 1);
}

#[test]
fn the_number_and_the_pause_are_options_of_an_exchange_in_one_directive() {
    let ca = Identity::authority("the CA");
    let scene = secure(&ca);
    scene.sts.on_accept(None, Script::new().read(1).reset());
    let server = "location / {
        STSExchange otx %%STS%% ssl_verify=off&auth=client_secret_basic&client_id=otxclient&client_secret=2Federate&http_retries=3&http_retry_interval=5;
        STSVariables $source_token $target_token;
        %%PASS%%
    }";
    let nginx = scene.nginx().server(server).start();
    nginx.get("/").bearer("alice").send().expect_status(502);
    assert_eq!(scene.sts.connections().accepted, 4);
}

#[test]
fn all_attempts_share_the_time_of_the_call() {
    let ca = Identity::authority("the CA");
    let scene = secure(&ca);
    scene.sts.on_accept(None, Script::new().read(1).reset());
    let more = "STSHTTPRetries 10; STSHTTPRetryInterval 400; STSHTTPTimeOut 1;";
    let nginx = nginx(&scene, &ca, more).start();

    let start = Instant::now();
    let response = nginx.get("/").bearer("alice").send().expect_status(502);

    // A pause for which there is no time is not begun, and the failure is told as what it is.
    assert_eq!(response.header("X-STS-Error"), Some("unreachable"));
    assert!(start.elapsed() < Duration::from_secs(4), "{:?}", start.elapsed());
    assert!(scene.sts.connections().accepted <= 3, "{:?}", scene.sts.connections());
}

#[test]
fn what_the_sts_may_have_seen_is_never_sent_again() {
    let scene = Scene::new();
    let nginx = nginx(
        &scene,
        &Identity::authority("any"),
        "STSHTTPRetries 10; STSHTTPRetryInterval 5; STSHTTPTimeOut 2;",
    )
    .start();
    let scripts = [
        Script::new().reset(),
        Script::new().close(),
        Script::new().limit(20).usual().close(),
        Script::new().limit(20).usual().reset(),
        Script::new().hang(),
    ];
    for (number, script) in scripts.into_iter().enumerate() {
        // On a fresh connection, and on one that has served a call.
        for warm in [false, true] {
            let user = format!("user-{number}-{warm}");
            scene.sts.script(When::subject(&user), script.clone());
            if warm {
                assert_exchanged(nginx.get("/").bearer("before").send(), "before");
            }
            let before = scene.sts.call_count();
            let status = nginx.get("/").bearer(&user).send().status;
            assert!(matches!(status, 502 | 504), "{user}: {status}");
            assert_eq!(scene.sts.call_count(), before + 1, "{user}");
            assert!(scene.sts.wait_for_connections(DEADLINE, |c| c.open == 0));
        }
    }
}
