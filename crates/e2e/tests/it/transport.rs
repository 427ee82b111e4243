//! How the STS is reached: addresses, TLS, connections.

use std::net::Ipv4Addr;
use std::time::Duration;

use devsts::pki::{Identity, Leaf};
use devsts::{Answer, Gate, Listen, Script, Sts, Tls, When};
use e2e::nginx::{Builder, Nginx};
use e2e::parallel::in_parallel;
use e2e::scene::{Scene, assert_exchanged};
use e2e::wait::DEADLINE;

/// A location with the usual exchange and these directives more.
fn location(more: &str) -> String {
    format!("location / {{ %%OTX%% {more} %%PASS%% }}")
}

/// An NGINX that trusts this authority.
fn trusting(scene: &Scene, ca: &Identity) -> Builder {
    let more = "STSSSLTrustedCertificate %%PREFIX%%/ca.pem;";
    scene.nginx().file("ca.pem", ca.certificate_pem()).server(&location(more))
}

/// The STS's certificate was not to be trusted: the client is told so in general, and nothing of the
/// request has reached the STS.
#[track_caller]
fn assert_not_trusted(scene: &Scene, nginx: &Nginx) {
    let response = nginx.get("/").bearer("alice").send().expect_status(502);
    assert_eq!(response.header("WWW-Authenticate"), None);
    assert_eq!(scene.sts.call_count(), 0);
    assert!(scene.sts.bad_requests().is_empty());
    for failure in scene.sts.tls_failures() {
        assert_eq!(failure.application, 0, "something was sent: {failure:?}");
    }
    assert!(scene.backend.requests().is_empty());
}

#[test]
fn an_sts_at_an_ipv6_address_is_called() {
    let scene = Scene::with(Sts::builder().listen(Listen::ipv6()));
    let nginx = scene.nginx().server(&location("")).start();

    assert_exchanged(nginx.get("/").bearer("alice").send(), "alice");

    let authority = format!("[::1]:{}", scene.sts.port());
    assert_eq!(scene.only_call().header("Host"), Some(authority));
}

#[test]
fn an_sts_at_a_unix_socket_is_called() {
    let directory = tempfile::tempdir().expect("a directory");
    let socket = directory.path().join("sts.sock");
    let scene = Scene::with(Sts::builder().listen(Listen::unix(&socket)));
    let nginx = scene.nginx().server(&location("")).start();

    assert_exchanged(nginx.get("/").bearer("alice").send(), "alice");

    let call = scene.only_call();
    assert_eq!(call.target, "/token");
    assert_eq!(call.header("Host").as_deref(), Some("localhost"));
}

#[test]
fn an_sts_at_a_unix_socket_is_called_without_the_proxy() {
    let directory = tempfile::tempdir().expect("a directory");
    let socket = directory.path().join("sts.sock");
    let scene = Scene::with(Sts::builder().listen(Listen::unix(&socket)));
    let proxy = format!("STSOutgoingProxy 127.0.0.1:{};", e2e::ports::free_port());
    let nginx = scene.nginx().server(&location(&proxy)).start();

    assert_exchanged(nginx.get("/").bearer("alice").send(), "alice");
    assert_eq!(scene.only_call().target, "/token");
}

#[test]
fn an_sts_with_a_name_is_called_at_its_address() {
    let scene = Scene::new();
    let endpoint = scene.sts.endpoint_at("localhost");
    let nginx = scene.nginx().server(&location("")).set("STS", endpoint).start();

    assert_exchanged(nginx.get("/").bearer("alice").send(), "alice");

    let authority = format!("localhost:{}", scene.sts.port());
    assert_eq!(scene.only_call().header("Host"), Some(authority));
}

#[test]
fn the_query_of_the_endpoint_is_kept() {
    let scene = Scene::with(Sts::builder().path("/tenants/a/token"));
    let endpoint = scene.sts.url("/tenants/a/token?version=2&x=%20");
    let nginx = scene.nginx().server(&location("")).set("STS", endpoint).start();

    assert_exchanged(nginx.get("/").bearer("alice").send(), "alice");

    assert_eq!(scene.only_call().target, "/tenants/a/token?version=2&x=%20");
}

#[test]
fn an_sts_that_is_not_there_is_a_bad_gateway() {
    let scene = Scene::new();
    let unused = format!("http://127.0.0.1:{}/token", e2e::ports::free_port());
    let nginx = scene.nginx().server(&location("")).set("STS", unused).start();

    nginx.get("/").bearer("alice").send().expect_status(502);

    assert!(scene.backend.requests().is_empty());
}

#[test]
fn an_sts_with_a_name_that_does_not_resolve_is_a_bad_gateway() {
    let scene = Scene::new();
    let nginx = scene.nginx().server(&location("STSHTTPTimeOut 10;"));
    let nginx = nginx.set("STS", "http://sts.invalid/token").start();

    let status = nginx.get("/").bearer("alice").send().status;

    // Without any name server it is known only when time is up that there is no answer.
    assert!(matches!(status, 502 | 504), "{status}");
    assert!(scene.backend.requests().is_empty());
}

#[test]
fn a_certificate_of_a_trusted_authority_and_for_the_address_is_accepted() {
    let ca = Identity::authority("a good CA");
    let leaf = Leaf::server().ip(Ipv4Addr::LOCALHOST);
    let scene = Scene::with(Sts::builder().tls(Tls::new(ca.issue(&leaf))));
    let nginx = trusting(&scene, &ca).start();

    assert_exchanged(nginx.get("/").bearer("alice").send(), "alice");

    let call = scene.only_call();
    let tls = call.tls.as_ref().expect("TLS");
    // RFC 6066, section 3: an address is no server name.
    assert_eq!(tls.sni, None);
}

#[test]
fn a_certificate_for_the_host_name_is_accepted_and_the_name_is_indicated() {
    let ca = Identity::authority("a good CA");
    let leaf = Leaf::server().dns("localhost");
    let scene = Scene::with(Sts::builder().tls(Tls::new(ca.issue(&leaf))));
    let endpoint = scene.sts.endpoint_at("localhost");
    let nginx = trusting(&scene, &ca).set("STS", endpoint).start();

    assert_exchanged(nginx.get("/").bearer("alice").send(), "alice");

    let call = scene.only_call();
    assert_eq!(call.tls.as_ref().and_then(|tls| tls.sni.as_deref()), Some("localhost"));
}

#[test]
fn a_certificate_by_an_intermediate_authority_is_accepted() {
    let ca = Identity::authority("a good CA");
    let leaf = Leaf::server().ip(Ipv4Addr::LOCALHOST);
    let identity = ca.intermediate("between").issue(&leaf);
    let scene = Scene::with(Sts::builder().tls(Tls::new(identity)));
    let nginx = trusting(&scene, &ca).start();

    assert_exchanged(nginx.get("/").bearer("alice").send(), "alice");
}

#[test]
fn no_certificate_but_the_right_one_is_trusted() {
    let ca = Identity::authority("a good CA");
    let address = || Leaf::server().ip(Ipv4Addr::LOCALHOST);
    let wrong_address = Leaf::server().ip([127, 0, 0, 2]);
    let bad = [
        ("another authority", Identity::authority("a bad CA").issue(&address())),
        ("self-signed", Identity::self_signed(&address())),
        ("another address", ca.issue(&wrong_address)),
        ("a name only", ca.issue(&Leaf::server().dns("localhost"))),
        ("the address as common name only", ca.issue(&Leaf::server().common_name("127.0.0.1"))),
        ("expired", ca.issue(&address().expired())),
        ("not yet valid", ca.issue(&address().not_yet_valid())),
        ("a client's", ca.issue(&Leaf::client("127.0.0.1").ip(Ipv4Addr::LOCALHOST))),
        ("no chain", ca.intermediate("between").issue(&address()).without_chain()),
    ];
    for (what, identity) in bad {
        eprintln!("{what}");
        let scene = Scene::with(Sts::builder().tls(Tls::new(identity)));
        let nginx = trusting(&scene, &ca).start();
        assert_not_trusted(&scene, &nginx);
    }
}

#[test]
fn a_certificate_for_another_host_name_is_not_trusted() {
    let ca = Identity::authority("a good CA");
    let names = ["other.example", "*.localhost", "localhost.example"];
    for name in names {
        eprintln!("{name}");
        let identity = ca.issue(&Leaf::server().dns(name).ip(Ipv4Addr::LOCALHOST));
        let scene = Scene::with(Sts::builder().tls(Tls::new(identity)));
        let endpoint = scene.sts.endpoint_at("localhost");
        let nginx = trusting(&scene, &ca).set("STS", endpoint).start();
        assert_not_trusted(&scene, &nginx);
    }
}

#[test]
fn a_certificate_of_no_public_authority_is_not_trusted_by_default() {
    let ca = Identity::authority("a private CA");
    let leaf = Leaf::server().ip(Ipv4Addr::LOCALHOST);
    for more in ["", "STSSSLValidateServer On;"] {
        let scene = Scene::with(Sts::builder().tls(Tls::new(ca.issue(&leaf))));
        let nginx = scene.nginx().server(&location(more)).start();
        assert_not_trusted(&scene, &nginx);
    }
}

#[test]
fn nothing_is_verified_when_that_is_asked_for() {
    let identity = Identity::self_signed(&Leaf::server().dns("other.example").expired());
    let scene = Scene::with(Sts::builder().tls(Tls::new(identity)));
    let nginx = scene.nginx().server(&location("STSSSLValidateServer Off;")).start();

    assert_exchanged(nginx.get("/").bearer("alice").send(), "alice");
}

#[test]
fn a_connection_that_was_not_verified_serves_no_location_that_verifies() {
    let identity = Identity::self_signed(&Leaf::server().ip(Ipv4Addr::LOCALHOST));
    let scene = Scene::with(Sts::builder().tls(Tls::new(identity)));
    let server = "
        location /lax { %%OTX%% STSSSLValidateServer Off; %%PASS%% }
        location /strict { %%OTX%% %%PASS%% }";
    let nginx = scene.nginx().server(server).start();

    assert_exchanged(nginx.get("/lax").bearer("alice").send(), "alice");
    nginx.get("/strict").bearer("bob").send().expect_status(502);
    assert_exchanged(nginx.get("/lax").bearer("carol").send(), "carol");

    assert_eq!(scene.sts.call_count(), 2);
}

#[test]
fn an_sts_that_speaks_no_tls_where_it_should_is_a_bad_gateway() {
    let scene = Scene::new();
    let endpoint = format!("https://127.0.0.1:{}/token", scene.sts.port());
    let nginx = scene.nginx().server(&location("")).set("STS", endpoint).start();

    nginx.get("/").bearer("alice").send().expect_status(502);

    assert_eq!(scene.sts.call_count(), 0);
}

#[test]
fn redirects_are_never_followed() {
    for status in [301, 302, 303, 307, 308] {
        let scene = Scene::with(Sts::builder().path("/token").path("/elsewhere"));
        let elsewhere = Answer::redirect(status, &scene.sts.url("/elsewhere"));
        scene.sts.script(When::path("/token"), Script::new().answer(elsewhere));
        let nginx = scene.nginx().server(&location("")).start();

        nginx.get("/").bearer("alice").send().expect_status(502);

        assert_eq!(scene.sts.call_count(), 1, "{status}");
    }
}

#[test]
fn one_connection_serves_one_exchange_after_the_other() {
    let ca = Identity::authority("a good CA");
    let leaf = Leaf::server().ip(Ipv4Addr::LOCALHOST);
    let tls = Tls::new(ca.issue(&leaf));
    for scene in [Scene::new(), Scene::with(Sts::builder().tls(tls))] {
        let nginx = trusting(&scene, &ca).start();
        for number in 0..20 {
            let user = format!("user-{number}");
            assert_exchanged(nginx.get("/").bearer(&user).send(), &user);
        }
        assert_eq!(scene.sts.connections().accepted, 1);
        assert_eq!(scene.sts.call_count(), 20);
    }
}

#[test]
fn a_connection_that_the_sts_has_closed_is_not_used_again() {
    let scene = Scene::new();
    let nginx = trusting(&scene, &Identity::authority("any")).start();
    for number in 0..10_u64 {
        let user = format!("user-{number}");
        assert_exchanged(nginx.get("/").bearer(&user).send(), &user);
        assert!(scene.sts.wait_for_connections(DEADLINE, |c| c.idle == 1));
        if number % 2 == 0 {
            scene.sts.close_idle();
        } else {
            scene.sts.reset_idle();
        }
        assert!(scene.sts.wait_for_connections(DEADLINE, |c| c.open == 0));
    }
    assert_eq!(scene.sts.connections().accepted, 10);
    assert_eq!(scene.sts.call_count(), 10);
}

#[test]
fn a_connection_stays_idle_for_as_long_as_the_location_says_that_used_it_last() {
    let scene = Scene::new();
    let server = "
        location /long { %%OTX%% STSKeepalive 8 1d; %%PASS%% }
        location /short { %%OTX%% STSKeepalive 8 300ms; %%PASS%% }";
    let nginx = scene.nginx().server(server).start();

    assert_exchanged(nginx.get("/long").bearer("alice").send(), "alice");
    assert_exchanged(nginx.get("/short").bearer("bob").send(), "bob");
    assert_eq!(scene.sts.connections().accepted, 1);
    assert!(scene.sts.wait_for_connections(DEADLINE, |c| c.open == 0));

    assert_exchanged(nginx.get("/short").bearer("carol").send(), "carol");
    assert_exchanged(nginx.get("/long").bearer("dave").send(), "dave");
    // What is kept for long is still there when what is kept for a short time would be closed.
    std::thread::sleep(Duration::from_millis(600));
    assert_exchanged(nginx.get("/long").bearer("erin").send(), "erin");
    assert!(scene.sts.connections().accepted <= 3, "{:?}", scene.sts.connections());
}

#[test]
fn a_connection_serves_a_thousand_calls_and_no_more() {
    let scene = Scene::new();
    let server = format!("keepalive_requests 2000; {}", location(""));
    let nginx = scene.nginx().server(&server).start();
    let mut client = nginx.connect();
    for number in 0..1001 {
        let user = format!("user-{number}");
        assert_exchanged(nginx.get("/").bearer(&user).send_on(&mut client), &user);
        let expected = if number < 1000 { 1 } else { 2 };
        assert_eq!(scene.sts.connections().accepted, expected, "{user}");
    }
}

#[test]
fn idle_connections_make_room_for_clients() {
    let scene = Scene::new();
    let gate = Gate::new();
    scene.sts.script(When::subject_prefix("user-"), Script::new().hold(&gate).usual());
    let server = "%%OTX%% add_header X-Token $target_token; location / { }";
    let nginx = scene.nginx().server(server).worker_connections(24).start();
    let mut first: Vec<_> =
        (0..8).map(|number| nginx.get("/").bearer(format!("user-{number}")).start()).collect();
    assert!(scene.sts.wait_for_calls(8, DEADLINE));
    gate.open();
    first.iter_mut().for_each(|client| drop(client.read_response().expect_status(200)));
    drop(first);
    assert!(scene.sts.wait_for_connections(DEADLINE, |c| c.idle == 8));

    // NGINX has 24, needs two for itself, and would have 14 left.
    let mut clients: Vec<_> = (0..18).map(|_| nginx.connect()).collect();
    clients.iter_mut().for_each(|client| client.send("GET / HTTP/1.1\r\n"));

    assert!(scene.sts.wait_for_connections(DEADLINE, |c| c.open < 8));
    drop(clients);
    let response = nginx.get("/").bearer("afterwards").send().expect_status(200);
    assert!(devsts::is_for(response.header("X-Token").expect("a token"), "afterwards"));
}

#[test]
fn a_connection_that_the_sts_wants_closed_is_closed() {
    let scene = Scene::new();
    scene.sts.script(When::any(), Script::new().usual_as(Answer::closing));
    let nginx = trusting(&scene, &Identity::authority("any")).start();
    for number in 0..5 {
        let user = format!("user-{number}");
        assert_exchanged(nginx.get("/").bearer(&user).send(), &user);
    }
    assert_eq!(scene.sts.connections().accepted, 5);
}

#[test]
fn a_connection_on_which_more_came_than_an_answer_is_not_used_again() {
    let scene = Scene::new();
    let smuggled = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\
                    Content-Length: 25\r\n\r\n{\"access_token\":\"smuggled\"}";
    scene.sts.script(When::call(1), Script::new().usual().send(smuggled));
    let nginx = trusting(&scene, &Identity::authority("any")).start();

    assert_exchanged(nginx.get("/").bearer("alice").send(), "alice");
    // What comes after the next request was sent is its answer, as far as can be told.
    assert!(scene.sts.wait_for_connections(DEADLINE, |c| c.idle == 1 || c.open == 0));
    for number in 0..5 {
        let user = format!("user-{number}");
        assert_exchanged(nginx.get("/").bearer(&user).send(), &user);
    }
}

#[test]
fn connections_to_different_stss_are_not_mixed_up() {
    let one = Scene::new();
    let two = Scene::new();
    let server = "
        location /one { %%OTX%% %%PASS%% }
        location /two { %%OTX%% STSOTXEndpoint_ %%PASS%% }";
    let server = server.replace("%%OTX%% STSOTXEndpoint_", &otx_at("%%TWO%%"));
    let nginx = one.nginx().server(&server).set("TWO", two.sts.endpoint()).start();

    in_parallel(8, 80, |number| {
        let user = format!("user-{number}");
        let path = if number % 2 == 0 { "/one" } else { "/two" };
        assert_exchanged(nginx.get(path).bearer(&user).send(), &user);
    });

    assert_eq!(one.sts.call_count(), 40);
    assert_eq!(two.sts.call_count(), 40);
    let even = |call: &devsts::Call| {
        let subject = call.subject().unwrap_or_default().to_owned();
        subject
            .strip_prefix("user-")
            .and_then(|n| n.parse::<u32>().ok())
            .is_some_and(|n| n % 2 == 0)
    };
    assert!(one.sts.calls().iter().all(|call| even(call)));
    assert!(!two.sts.calls().iter().any(|call| even(call)));
}

#[test]
fn a_slow_handshake_counts_against_the_time_of_the_call() {
    let ca = Identity::authority("a good CA");
    let leaf = Leaf::server().ip(Ipv4Addr::LOCALHOST);
    let scene = Scene::with(Sts::builder().tls(Tls::new(ca.issue(&leaf))));
    scene.sts.on_accept(None, Script::new().hang());
    let more = "STSHTTPTimeOut 1; STSSSLTrustedCertificate %%PREFIX%%/ca.pem;";
    let nginx = scene.nginx().file("ca.pem", ca.certificate_pem()).server(&location(more)).start();

    let start = std::time::Instant::now();
    nginx.get("/").bearer("alice").send().expect_status(504);

    let took = start.elapsed();
    assert!(took >= Duration::from_millis(900) && took < Duration::from_secs(5), "{took:?}");
}

fn otx_at(endpoint: &str) -> String {
    format!(
        "STSType otx;
        STSOTXEndpoint {endpoint};
        STSOTXEndpointAuth client_secret_basic client_id=otxclient&client_secret=2Federate;
        STSVariables $source_token $target_token;"
    )
}
