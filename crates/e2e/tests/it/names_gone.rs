//! What becomes of calls when the name of the STS is withdrawn, moves, or is not told any more.

use std::net::{IpAddr, Ipv4Addr};
use std::thread::sleep;
use std::time::{Duration, Instant};

use devsts::{Listen, Sts};
use e2e::dns::{Dns, Trouble};
use e2e::nginx::{Builder, Nginx};
use e2e::scene::{Scene, assert_exchanged};
use e2e::wait::wait_for;

const NAME: &str = "sts.corp.example";
const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const ELSEWHERE: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 5));

/// Between two looks: a connection that has served a thousand calls is closed for that reason.
const LOOK: Duration = Duration::from_millis(20);

/// Connections are opened for each call, or kept.
const KEEPING: [&str; 2] = ["STSKeepalive 0;", "STSKeepalive 8;"];

/// An NGINX that asks the server for [`NAME`], and keeps no token.
fn asking(scene: &Scene, dns: &Dns, more: &str) -> Builder {
    let server = format!(
        "resolver {};
        STSCacheExpiresIn 0;
        location / {{
            %%OTX%% {more} %%PASS%%
            add_header X-STS-Error $sts_error always;
        }}",
        dns.address()
    );
    scene.nginx().server(&server).set("STS", scene.sts.endpoint_at(NAME))
}

#[track_caller]
fn assert_works(nginx: &Nginx) {
    for user in ["alice", "bob", "carol"] {
        assert_exchanged(nginx.get("/").bearer(user).send(), user);
    }
}

/// Waits until no call is made any more, and sees that it stays so.
#[track_caller]
fn wait_until_gone(scene: &Scene, nginx: &Nginx) {
    wait_for("the name to be gone", || nginx.get("/").bearer("alice").send().status == 502);
    let calls = scene.sts.call_count();
    for number in 0..4 {
        let user = format!("user-{number}");
        let response = nginx.get("/").bearer(&user).send().expect_status(502);
        assert_eq!(response.header("X-STS-Error"), Some("unreachable"));
    }
    assert_eq!(scene.sts.call_count(), calls, "a name that is gone was called");
}

#[test]
fn a_name_that_does_not_exist_any_more_gets_no_tokens() {
    for keeping in KEEPING {
        let scene = Scene::new();
        let dns = Dns::new();
        dns.set(NAME, 1, &[HERE]);
        let nginx = asking(&scene, &dns, keeping).start();
        assert_works(&nginx);

        dns.remove(NAME);
        wait_until_gone(&scene, &nginx);
        nginx.wait_for_log("Host not found");

        dns.set(NAME, 1, &[HERE]);
        wait_for("the name to be found", || nginx.get("/").bearer("bob").send().status == 200);
        assert_works(&nginx);
    }
}

#[test]
fn a_name_without_an_address_gets_no_tokens() {
    for keeping in KEEPING {
        let scene = Scene::new();
        let dns = Dns::new();
        dns.set(NAME, 1, &[HERE]);
        let nginx = asking(&scene, &dns, keeping).start();
        assert_works(&nginx);

        dns.set(NAME, 1, &[]);
        wait_until_gone(&scene, &nginx);
    }
}

#[test]
fn a_name_that_is_gone_does_not_come_back_because_the_name_server_falls_silent() {
    for trouble in [None, Some(Trouble::Failure)] {
        let scene = Scene::new();
        let dns = Dns::new();
        dns.set(NAME, 1, &[HERE]);
        let nginx = asking(&scene, &dns, "STSHTTPTimeOut 2;").start();
        assert_works(&nginx);
        dns.remove(NAME);
        wait_until_gone(&scene, &nginx);

        dns.set_trouble(trouble);
        dns.set_silent(trouble.is_none());

        let calls = scene.sts.call_count();
        let status = nginx.get("/").bearer("alice").send().status;
        assert!(matches!(status, 502 | 504), "{status}");
        assert_eq!(scene.sts.call_count(), calls);
    }
}

#[test]
fn a_name_server_that_fails_does_not_hide_the_addresses_that_it_gave() {
    for keeping in KEEPING {
        let scene = Scene::new();
        let dns = Dns::new();
        dns.set(NAME, 1, &[HERE]);
        let nginx = asking(&scene, &dns, keeping).start();
        assert_works(&nginx);
        let before = dns.questions(NAME);

        dns.set_trouble(Some(Trouble::Failure));
        wait_for("another question", || {
            assert_works(&nginx);
            dns.questions(NAME) > before
        });
        assert_works(&nginx);
    }
}

#[test]
fn a_name_server_that_refuses_to_answer_is_no_silent_one() {
    let scene = Scene::new();
    let dns = Dns::new();
    dns.set(NAME, 1, &[HERE]);
    let nginx = asking(&scene, &dns, "").start();
    assert_works(&nginx);

    dns.set_trouble(Some(Trouble::Refusal));

    wait_until_gone(&scene, &nginx);
    nginx.wait_for_log("Operation refused");
}

#[test]
fn connections_to_an_address_that_the_name_has_no_more_are_not_used() {
    let old = Scene::new();
    let new = Scene::with(Sts::builder().listen(Listen::tcp(ELSEWHERE, old.sts.port())));
    let dns = Dns::new();
    dns.set(NAME, 1, &[HERE]);
    let nginx = asking(&old, &dns, "STSKeepalive 8 1d;").start();
    assert_works(&nginx);
    assert_eq!(old.sts.connections().accepted, 1);

    dns.set(NAME, 300, &[ELSEWHERE]);
    wait_for("the new address to be used", || {
        sleep(LOOK);
        assert_exchanged(nginx.get("/").bearer("bob").send(), "bob");
        new.sts.call_count() > 0
    });

    let calls = old.sts.call_count();
    assert!(calls < 1000, "the connection was worn out: {calls}");
    assert_works(&nginx);
    assert_eq!(old.sts.call_count(), calls);
    assert_eq!(new.sts.connections().accepted, 1);
}

#[test]
fn connections_are_used_while_the_name_server_is_silent() {
    let scene = Scene::new();
    let dns = Dns::new();
    dns.set(NAME, 1, &[HERE]);
    let nginx = asking(&scene, &dns, "").start();
    assert_works(&nginx);
    let before = dns.questions(NAME);
    dns.set_silent(true);
    let mut slowest = Duration::ZERO;
    wait_for("another question", || {
        sleep(LOOK);
        let start = Instant::now();
        assert_exchanged(nginx.get("/").bearer("bob").send(), "bob");
        slowest = slowest.max(start.elapsed());
        dns.questions(NAME) > before
    });

    // One call waits a while for the answer, and the others do not.
    assert!(slowest < Duration::from_secs(5), "{slowest:?}");
    let start = Instant::now();
    assert_works(&nginx);
    assert!(start.elapsed() < Duration::from_millis(900), "{:?}", start.elapsed());
    assert_eq!(scene.sts.connections().accepted, 1);
}

#[test]
fn a_name_of_this_machine_is_not_gone_because_a_name_server_does_not_know_it() {
    let scene = Scene::new();
    let dns = Dns::new();
    let endpoint = scene.sts.endpoint_at("localhost");
    let nginx = asking(&scene, &dns, "").set("STS", endpoint).start();

    assert_works(&nginx);

    assert!(dns.questions("localhost") > 0);
}
