//! The STS's name at run time, with a name server of our own.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::{Duration, Instant};

use devsts::pki::{Identity, Leaf};
use devsts::{Gate, Listen, Script, Sts, Tls, When};
use e2e::dns::Dns;
use e2e::nginx::Builder;
use e2e::parallel::in_parallel;
use e2e::ports::{FullPort, free_port};
use e2e::scene::{Scene, assert_exchanged};
use e2e::wait::{DEADLINE, wait_for};

const NAME: &str = "sts.corp.example";

/// The addresses of this machine, at which the STS of a scene listens, and others.
const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const HERE_6: IpAddr = IpAddr::V6(Ipv6Addr::LOCALHOST);
const UNUSED: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));
const HANGING: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 3));
const ELSEWHERE: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 4));

/// A scene with an STS at this address, at a port that no other test uses at any address: at a port
/// that the kernel gives away something else may listen at another address.
fn alone_at(address: IpAddr) -> Scene {
    Scene::with(Sts::builder().listen(Listen::tcp(address, free_port())))
}

/// An NGINX that asks the server for [`NAME`], whenever it connects, and keeps no token.
fn asking(scene: &Scene, dns: &Dns, more: &str) -> Builder {
    let server = format!(
        "resolver {};
        STSKeepalive 0;
        STSCacheExpiresIn 0;
        location / {{
            %%OTX%% {more} %%PASS%%
            add_header X-STS-Error $sts_error always;
        }}",
        dns.address()
    );
    scene.nginx().server(&server).set("STS", scene.sts.endpoint_at(NAME))
}

#[test]
fn a_name_that_is_not_known_at_the_start_is_found_later() {
    let scene = Scene::new();
    let dns = Dns::new();
    let nginx = asking(&scene, &dns, "").start();
    let warning = nginx.read("stderr.log") + &nginx.error_log();
    assert!(warning.contains("has no address now"), "{warning}");

    let response = nginx.get("/").bearer("alice").send().expect_status(502);
    assert_eq!(response.header("X-STS-Error"), Some("unreachable"));
    nginx.wait_for_log("Host not found");
    dns.set(NAME, 300, &[HERE]);
    assert_exchanged(nginx.get("/").bearer("bob").send(), "bob");

    let host = format!("{NAME}:{}", scene.sts.port());
    assert_eq!(scene.only_call().header("Host"), Some(host));
    let questions = dns.questions(NAME);
    for number in 0..5 {
        let user = format!("user-{number}");
        assert_exchanged(nginx.get("/").bearer(&user).send(), &user);
    }
    assert_eq!(dns.questions(NAME), questions, "what is known is not asked for");
}

#[test]
fn a_name_that_comes_to_be_known_during_the_call_is_found_by_its_second_try() {
    let scene = Scene::new();
    let dns = Dns::new();
    let nginx = asking(&scene, &dns, "").start();
    let mut client = nginx.get("/").bearer("alice").start();
    wait_for("the first question", || dns.questions(NAME) > 0);
    // The answer that there is no such name is on its way, or has been.
    dns.set(NAME, 300, &[HERE]);

    assert_exchanged(client.read_response(), "alice");
}

#[test]
fn all_addresses_are_tried_until_one_answers() {
    for addresses in [vec![UNUSED, HERE], vec![HERE_6, HERE], vec![HERE, HERE_6, UNUSED, ELSEWHERE]]
    {
        let scene = alone_at(HERE);
        let dns = Dns::new();
        dns.set(NAME, 300, &addresses);
        let nginx = asking(&scene, &dns, "").start();
        let start = Instant::now();
        // NGINX's resolver begins anywhere in the list.
        for number in 0..16 {
            let user = format!("user-{number}");
            assert_exchanged(nginx.get("/").bearer(&user).send(), &user);
        }
        assert!(start.elapsed() < Duration::from_secs(4), "{:?}", start.elapsed());
        assert_eq!(scene.sts.call_count(), 16);
    }
}

#[test]
fn an_address_of_the_other_family_is_enough() {
    let scene = alone_at(HERE_6);
    let dns = Dns::new();
    dns.set(NAME, 300, &[HERE_6, HERE]);
    let nginx = asking(&scene, &dns, "").start();
    for number in 0..6 {
        let user = format!("user-{number}");
        assert_exchanged(nginx.get("/").bearer(&user).send(), &user);
    }
}

#[test]
fn an_address_that_hangs_leaves_time_for_the_next() {
    let scene = Scene::new();
    let _full = FullPort::at(SocketAddr::new(HANGING, scene.sts.port()));
    let dns = Dns::new();
    dns.set(NAME, 300, &[HANGING, HERE]);
    let nginx = asking(&scene, &dns, "STSHTTPTimeOut 3;").start();

    let took = in_parallel(12, 12, |number| {
        let start = Instant::now();
        let user = format!("user-{number}");
        assert_exchanged(nginx.get("/").bearer(&user).send(), &user);
        start.elapsed()
    });

    // Those that began with the one that hangs waited for a third of the time.
    assert!(took.iter().all(|took| *took < Duration::from_millis(2700)), "{took:?}");
    let waited = |took: &&Duration| **took >= Duration::from_millis(900);
    assert!(took.iter().filter(waited).count() > 0, "{took:?}");
}

#[test]
fn an_address_that_hangs_is_left_out_for_a_while() {
    let scene = Scene::new();
    let full = FullPort::at(SocketAddr::new(HANGING, scene.sts.port()));
    let dns = Dns::new();
    dns.set(NAME, 1, &[HANGING, HERE]);
    let nginx = asking(&scene, &dns, "").start();
    let hangs = || {
        let start = Instant::now();
        assert_exchanged(nginx.get("/").bearer("alice").send(), "alice");
        start.elapsed() >= Duration::from_millis(1500)
    };
    // NGINX's resolver begins anywhere in the list.
    wait_for("a call that begins with the one that hangs", hangs);

    let start = Instant::now();
    let slow = (0..20).filter(|_| hangs()).count();
    assert_eq!(slow, 0, "{:?}", start.elapsed());

    // It is not written off: without another one it is tried at once.
    drop(full);
    let there = Scene::with(Sts::builder().listen(Listen::tcp(HANGING, scene.sts.port())));
    dns.set(NAME, 1, &[HANGING]);
    wait_for("the address to be tried", || {
        assert_exchanged(nginx.get("/").bearer("bob").send(), "bob");
        there.sts.call_count() > 0
    });
}

#[test]
fn addresses_that_all_hang_take_no_longer_than_the_call_may() {
    let scene = Scene::new();
    let _full = FullPort::at(SocketAddr::new(HANGING, scene.sts.port()));
    let dns = Dns::new();
    dns.set(NAME, 300, &[HANGING]);
    let nginx = asking(&scene, &dns, "STSHTTPTimeOut 1;").start();

    let start = Instant::now();
    nginx.get("/").bearer("alice").send().expect_status(504);

    assert!(start.elapsed() < Duration::from_secs(3), "{:?}", start.elapsed());
}

#[test]
fn a_name_that_moves_is_followed_when_its_time_is_over() {
    let old = Scene::new();
    let new = Scene::with(Sts::builder().listen(Listen::tcp(ELSEWHERE, old.sts.port())));
    let dns = Dns::new();
    dns.set(NAME, 1, &[HERE]);
    let nginx = asking(&old, &dns, "").start();
    assert_exchanged(nginx.get("/").bearer("alice").send(), "alice");
    assert_eq!(old.sts.call_count(), 1);

    dns.set(NAME, 300, &[ELSEWHERE]);
    wait_for("the new address to be used", || {
        assert_exchanged(nginx.get("/").bearer("bob").send(), "bob");
        new.sts.call_count() > 0
    });

    let calls = old.sts.call_count();
    for number in 0..5 {
        let user = format!("user-{number}");
        assert_exchanged(nginx.get("/").bearer(&user).send(), &user);
    }
    assert_eq!(old.sts.call_count(), calls);
}

#[test]
fn an_answer_that_may_be_kept_for_long_is() {
    let scene = Scene::new();
    let dns = Dns::new();
    dns.set(NAME, 3600, &[HERE]);
    let nginx = asking(&scene, &dns, "").start();
    in_parallel(8, 64, |number| {
        let user = format!("user-{number}");
        assert_exchanged(nginx.get("/").bearer(&user).send(), &user);
    });
    // One for each family of addresses.
    assert_eq!(dns.questions(NAME), 2);
}

#[test]
fn without_an_answer_from_dns_the_addresses_of_the_configuration_are_used() {
    let scene = Scene::new();
    let dns = Dns::new();
    dns.set_silent(true);
    // In /etc/hosts, so that it has an address when the configuration is read.
    let endpoint = scene.sts.endpoint_at("localhost");
    let nginx = asking(&scene, &dns, "STSHTTPTimeOut 4;").set("STS", endpoint).start();

    let start = Instant::now();
    assert_exchanged(nginx.get("/").bearer("alice").send(), "alice");
    assert!(start.elapsed() < Duration::from_millis(3500), "{:?}", start.elapsed());
    assert!(dns.questions("localhost") > 0);

    // It is not asked again so soon.
    let start = Instant::now();
    for number in 0..5 {
        let user = format!("user-{number}");
        assert_exchanged(nginx.get("/").bearer(&user).send(), &user);
    }
    assert!(start.elapsed() < Duration::from_millis(900), "{:?}", start.elapsed());
}

#[test]
fn a_name_server_that_falls_silent_does_not_hide_the_addresses_that_it_gave() {
    let scene = Scene::new();
    let dns = Dns::new();
    dns.set(NAME, 1, &[HERE]);
    let nginx = asking(&scene, &dns, "STSHTTPTimeOut 20;").start();
    assert_exchanged(nginx.get("/").bearer("alice").send(), "alice");
    let before = dns.questions(NAME);
    dns.set_silent(true);

    let mut slowest = Duration::ZERO;
    wait_for("another question", || {
        let start = Instant::now();
        assert_exchanged(nginx.get("/").bearer("bob").send(), "bob");
        slowest = slowest.max(start.elapsed());
        dns.questions(NAME) > before
    });

    // One call waits a while for the answer, and not for half of what it may take.
    assert!(slowest < Duration::from_secs(5), "{slowest:?}");
    let start = Instant::now();
    for number in 0..5 {
        let user = format!("user-{number}");
        assert_exchanged(nginx.get("/").bearer(&user).send(), &user);
    }
    assert!(start.elapsed() < Duration::from_millis(900), "{:?}", start.elapsed());
}

#[test]
fn without_an_answer_from_dns_and_without_an_address_the_call_ends_in_time() {
    let scene = Scene::new();
    let dns = Dns::new();
    dns.set_silent(true);
    let nginx = asking(&scene, &dns, "STSHTTPTimeOut 1;").start();

    let start = Instant::now();
    let status = nginx.get("/").bearer("alice").send().status;

    assert!(matches!(status, 502 | 504), "{status}");
    assert!(start.elapsed() < Duration::from_secs(3), "{:?}", start.elapsed());
    dns.set(NAME, 300, &[HERE]);
    dns.set_silent(false);
    wait_for("DNS to be of use again", || nginx.get("/").bearer("bob").send().status == 200);
}

#[test]
fn clients_that_leave_while_the_name_is_looked_up_leave_nothing_behind() {
    let scene = Scene::new();
    let dns = Dns::new();
    dns.set_silent(true);
    let nginx = asking(&scene, &dns, "STSHTTPTimeOut 10;").start();
    let clients: Vec<_> =
        (0..40).map(|number| nginx.get("/").bearer(format!("user-{number}")).start()).collect();
    wait_for("the question", || dns.questions(NAME) > 0);

    clients.into_iter().for_each(e2e::http1::Connection::reset);
    wait_for("NGINX to notice", || nginx.error_log().matches("prematurely closed").count() == 40);
    dns.set(NAME, 300, &[HERE]);
    dns.set_silent(false);

    assert_exchanged(nginx.get("/").bearer("bob").send(), "bob");
    assert_eq!(scene.sts.call_count(), 1);
}

#[test]
fn a_worker_that_quits_waits_for_a_request_that_waits_for_a_slow_name_server() {
    let scene = Scene::new();
    let dns = Dns::new();
    dns.set_silent(true);
    let nginx = asking(&scene, &dns, "STSHTTPTimeOut 10;").start();
    let mut client = nginx.get("/").bearer("alice").start();
    wait_for("the question", || dns.questions(NAME) > 0);

    nginx.quit();
    wait_for("NGINX to quit", || nginx.retiring_workers().len() == 1);
    dns.set(NAME, 300, &[HERE]);
    dns.set_silent(false);

    assert_exchanged(client.read_response(), "alice");
    nginx.wait_until_gone();
}

#[test]
fn the_name_is_what_the_certificate_is_compared_with() {
    let ca = Identity::authority("the CA");
    for (subject, status) in
        [(NAME, 200), ("*.corp.example", 200), ("*.example", 502), ("*.sts.corp.example", 502)]
    {
        let leaf = Leaf::server().dns(subject).ip(HERE);
        let scene = Scene::with(Sts::builder().tls(Tls::new(ca.issue(&leaf))));
        let dns = Dns::new();
        dns.set(NAME, 300, &[HERE]);
        let nginx = asking(&scene, &dns, "STSSSLTrustedCertificate %%PREFIX%%/ca.pem;");
        let nginx = nginx.file("ca.pem", ca.certificate_pem()).start();
        let response = nginx.get("/").bearer("alice").send();
        assert_eq!(response.status, status, "{subject}");
        assert!(scene.sts.handshakes().iter().all(|tls| tls.sni.as_deref() == Some(NAME)));
    }
}

#[test]
fn a_certificate_that_is_refused_is_told_of_also_where_another_address_has_no_server() {
    let (ca, other) = (Identity::authority("the CA"), Identity::authority("another CA"));
    let tls = Tls::new(other.issue(&Leaf::server().dns(NAME)));
    let listen = Listen::tcp(HERE, free_port());
    let scene = Scene::with(Sts::builder().listen(listen).tls(tls));
    let dns = Dns::new();
    let trust = "STSSSLTrustedCertificate %%PREFIX%%/ca.pem;";
    for addresses in [[HERE, UNUSED], [UNUSED, HERE]] {
        dns.set(NAME, 300, &addresses);
        let nginx = asking(&scene, &dns, trust).file("ca.pem", ca.certificate_pem()).start();
        nginx.get("/").bearer("alice").send().expect_status(502);
        let line = nginx.wait_for_log("failed: unreachable");
        assert!(line.contains("TLS handshake failed"), "{line}");
    }
    assert_eq!(scene.sts.call_count(), 0);
}

#[test]
fn of_several_addresses_one_with_another_certificate_is_skipped() {
    let (good, bad) = (Identity::authority("good"), Identity::authority("bad"));
    let leaf = Leaf::server().dns(NAME);
    let right = Scene::with(Sts::builder().tls(Tls::new(good.issue(&leaf))));
    let listen = Listen::tcp(ELSEWHERE, right.sts.port());
    let wrong = Scene::with(Sts::builder().listen(listen).tls(Tls::new(bad.issue(&leaf))));
    let dns = Dns::new();
    dns.set(NAME, 300, &[ELSEWHERE, HERE]);
    let nginx = asking(&right, &dns, "STSSSLTrustedCertificate %%PREFIX%%/ca.pem;");
    let nginx = nginx.file("ca.pem", good.certificate_pem()).start();
    for number in 0..12 {
        let user = format!("user-{number}");
        assert_exchanged(nginx.get("/").bearer(&user).send(), &user);
    }
    assert_eq!(wrong.sts.call_count(), 0);
    assert!(wrong.sts.connections().accepted > 0);
}

#[test]
fn a_reload_with_questions_and_calls_under_way_is_survived() {
    let scene = Scene::new();
    let gate = Gate::new();
    scene.sts.script(When::subject_prefix("slow-"), Script::new().hold(&gate).usual());
    let dns = Dns::new();
    dns.set(NAME, 1, &[UNUSED, HERE]);
    let nginx = asking(&scene, &dns, "").start();
    let clients: Vec<_> =
        (0..20).map(|number| nginx.get("/").bearer(format!("slow-{number}")).start()).collect();
    assert!(scene.sts.wait_for_calls(20, DEADLINE));

    nginx.reload();
    assert_exchanged(nginx.get("/").bearer("newcomer").send(), "newcomer");
    gate.open();

    for (number, mut client) in clients.into_iter().enumerate() {
        assert_exchanged(client.read_response(), &format!("slow-{number}"));
    }
}
