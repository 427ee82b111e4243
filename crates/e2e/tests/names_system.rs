//! The STS's name without a `resolver`: by the name servers of `/etc/resolv.conf`. The tests have a file
//! of their own there, for which one has to be root.
#![allow(clippy::expect_used, reason = "a test reports by panicking")]

use std::fs;
use std::net::{IpAddr, Ipv4Addr};

use e2e::dns::{Dns, Trouble};
use e2e::nginx::{Builder, Nginx};
use e2e::scene::{Scene, assert_exchanged};
use e2e::wait::wait_for;
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use tempfile::NamedTempFile;

const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// A name server that this thread, and what it starts, finds in `/etc/resolv.conf`.
struct OwnDns {
    dns: Dns,
    _resolv_conf: NamedTempFile,
}

impl OwnDns {
    /// Nothing where that is not allowed.
    fn new(options: &str) -> Option<Self> {
        const NOTHING: Option<&str> = None;
        if unshare(CloneFlags::CLONE_NEWNS).is_err() {
            eprintln!("skipped: only root has a resolv.conf of its own");
            return None;
        }
        // An address for each process: the port is always 53.
        let [.., a, b, c] = std::process::id().to_be_bytes();
        let address = IpAddr::V4(Ipv4Addr::new(127, 64 + a % 64, b, c.max(1)));
        let dns = Dns::at((address, 53).into());
        let file = NamedTempFile::new().expect("a file");
        fs::write(file.path(), format!("nameserver {address}\n{options}\n")).expect("it is ours");
        mount(NOTHING, "/", NOTHING, MsFlags::MS_REC | MsFlags::MS_PRIVATE, NOTHING)
            .expect("mounts of our own");
        mount(Some(file.path()), "/etc/resolv.conf", NOTHING, MsFlags::MS_BIND, NOTHING)
            .expect("a file in the place of another");
        Some(Self { dns, _resolv_conf: file })
    }
}

fn asking(scene: &Scene, name: &str) -> Builder {
    let server = "
        STSCacheExpiresIn 0;
        location / { %%OTX%% STSHTTPTimeOut 4; %%PASS%% }";
    scene.nginx().server(server).set("STS", scene.sts.endpoint_at(name))
}

fn status(nginx: &Nginx) -> u16 {
    nginx.get("/").bearer("alice").send().status
}

#[test]
fn a_name_that_is_withdrawn_gets_no_tokens_from_the_first_call_on() {
    let Some(own) = OwnDns::new("") else { return };
    let scene = Scene::new();
    own.dns.set("sts.corp.example", 1, &[HERE]);
    let nginx = asking(&scene, "sts.corp.example").start();
    assert!(!nginx.error_log().contains("has no address now"), "{}", nginx.error_log());
    own.dns.remove("sts.corp.example");

    assert_eq!(status(&nginx), 502);

    assert_eq!(scene.sts.call_count(), 0);
    let line = nginx.wait_for_log("Host not found");
    assert!(line.contains("/etc/hosts"), "{line}");
    own.dns.set("sts.corp.example", 1, &[HERE]);
    wait_for("the name to be found", || status(&nginx) == 200);
    own.dns.set("sts.corp.example", 1, &[]);
    wait_for("the name to be gone", || status(&nginx) == 502);
}

fn keeps_the_addresses(trouble: Option<Trouble>) {
    let Some(own) = OwnDns::new("options timeout:1") else { return };
    let scene = Scene::new();
    own.dns.set("sts.corp.example", 1, &[HERE]);
    let nginx = asking(&scene, "sts.corp.example").start();
    let questions = own.dns.questions("sts.corp.example");
    own.dns.set_trouble(trouble);
    own.dns.set_silent(trouble.is_none());

    for user in ["alice", "bob", "carol"] {
        assert_exchanged(nginx.get("/").bearer(user).send(), user);
    }

    assert!(own.dns.questions("sts.corp.example") > questions);
}

#[test]
fn silence_leaves_the_addresses_of_the_configuration() {
    keeps_the_addresses(None);
}

#[test]
fn failure_leaves_the_addresses_of_the_configuration() {
    keeps_the_addresses(Some(Trouble::Failure));
}

#[test]
fn a_short_name_is_gone_when_no_domain_of_the_search_list_has_it() {
    let Some(own) = OwnDns::new("search corp.example lab.example\noptions ndots:1") else { return };
    let scene = Scene::new();
    own.dns.set("sts.lab.example", 1, &[HERE]);
    let nginx = asking(&scene, "sts").start();
    assert_exchanged(nginx.get("/").bearer("alice").send(), "alice");

    own.dns.remove("sts.lab.example");
    wait_for("the name to be gone", || status(&nginx) == 502);

    own.dns.set("sts.corp.example", 1, &[HERE]);
    wait_for("the name to be found", || status(&nginx) == 200);
}

#[test]
fn a_name_with_a_dot_at_its_end_is_looked_for_in_no_domain_of_the_search_list() {
    let Some(own) = OwnDns::new("search corp.example\noptions ndots:5") else { return };
    let scene = Scene::new();
    own.dns.set("sts.ns.svc", 1, &[HERE]);
    let nginx = asking(&scene, "sts.ns.svc.").start();

    assert_exchanged(nginx.get("/").bearer("alice").send(), "alice");

    assert!(own.dns.questions("sts.ns.svc") > 0);
    assert_eq!(own.dns.questions("sts.ns.svc.corp.example"), 0);
    let host = format!("sts.ns.svc:{}", scene.sts.port());
    assert_eq!(scene.only_call().header("Host"), Some(host));
}
