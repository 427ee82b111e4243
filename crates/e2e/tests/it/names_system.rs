//! The STS's name without a `resolver`: by the name servers of `/etc/resolv.conf`. The tests have a file
//! of their own there, for which one has to be root.
#![allow(clippy::expect_used, reason = "a test reports by panicking")]

use std::fs;
use std::net::{IpAddr, Ipv4Addr};

use devsts::pki::{Identity, Leaf};
use devsts::{Answer, Metadata, Script, Sts, Tls, When};
use e2e::dns::{Dns, Trouble};
use e2e::nginx::{Builder, Nginx};
use e2e::scene::{Scene, assert_exchanged};
use e2e::wait::wait_for;
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use serde_json::json;
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

/// An issuer whose token endpoint is at another port of its host, or at another host.
struct Issuer {
    issuer: Scene,
    endpoint: Scene,
    ca: Identity,
}

impl Issuer {
    fn new(host: &str, other: &str) -> Self {
        let ca = Identity::authority("the CA");
        let tls = || Tls::new(ca.issue(&Leaf::server().dns(host).dns(other)));
        let issuer = Scene::with(Sts::builder().tls(tls()).metadata(Metadata::of("/")));
        let endpoint = Scene::with(Sts::builder().tls(tls()));
        let metadata = json!({
            "issuer": issuer.sts.url_at(host, "/x"),
            "token_endpoint": endpoint.sts.endpoint_at(other),
        });
        let path = When::path("/.well-known/oauth-authorization-server/x");
        issuer.sts.script(path, Script::new().answer(Answer::json(200, &metadata)));
        Self { issuer, endpoint, ca }
    }

    fn nginx(&self, host: &str) -> Nginx {
        let server = "
            STSSSLTrustedCertificate %%PREFIX%%/ca.pem;
            STSCacheExpiresIn 0;
            location / {
                STSType otx;
                STSIssuer %%ISSUER%%;
                STSEndpointAuth client_secret_basic client_id=otxclient&client_secret=2Federate;
                STSVariables $source_token $target_token;
                %%PASS%%
            }";
        let builder = self.issuer.nginx().set("ISSUER", self.issuer.sts.url_at(host, "/x"));
        builder.file("ca.pem", self.ca.certificate_pem()).server(server).start()
    }
}

#[test]
fn an_endpoint_at_another_port_of_the_issuer_is_where_the_issuer_is() {
    let Some(own) = OwnDns::new("options timeout:1") else { return };
    const NAME: &str = "sts.corp.example";
    own.dns.set(NAME, 1, &[HERE]);
    let world = Issuer::new(NAME, NAME);
    let nginx = world.nginx(NAME);
    // What was known when the configuration was read holds, for the other port as well.
    own.dns.set_silent(true);
    for user in ["alice", "bob"] {
        assert_exchanged(nginx.get("/").bearer(user).send(), user);
    }
    assert_eq!(world.endpoint.sts.call_count(), 2);
    // And what is gone is gone for both.
    own.dns.set_silent(false);
    own.dns.remove(NAME);
    wait_for("the name to be gone", || status(&nginx) == 502);
    nginx.wait_for_log("Host not found");
    own.dns.set(NAME, 1, &[HERE]);
    wait_for("the name to be found", || status(&nginx) == 200);
}

#[test]
fn a_host_that_only_metadata_name_and_no_name_server_knows_fails_with_what_to_do() {
    let Some(own) = OwnDns::new("options timeout:1") else { return };
    own.dns.set("sts.corp.example", 1, &[HERE]);
    let world = Issuer::new("sts.corp.example", "printer.local");
    let nginx = world.nginx("sts.corp.example");
    assert_eq!(status(&nginx), 502);
    let line = nginx.wait_for_log("Host not found");
    assert!(line.contains("unreachable") && line.contains("write it into /etc/hosts"), "{line}");
    assert!(line.contains("https://printer.local:"), "{line}");
    assert_eq!(world.endpoint.sts.call_count(), 0);
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
