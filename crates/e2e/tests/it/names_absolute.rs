//! Names with a dot at their end: absolute where they are looked up, and without it everywhere else.

use std::net::{IpAddr, Ipv4Addr};

use devsts::pki::{Identity, Leaf};
use devsts::{Sts, Tls};
use e2e::dns::Dns;
use e2e::proxy::Proxy;
use e2e::scene::{CLIENT_ID, CLIENT_SECRET, Scene, assert_exchanged};

const NAME: &str = "sts.ns.svc.cluster.local";
const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

fn secure(ca: &Identity) -> Scene {
    Scene::with(Sts::builder().tls(Tls::new(ca.issue(&Leaf::server().dns(NAME)))))
}

/// What the only call of the STS said of its name.
fn assert_named(scene: &Scene, name: &str) {
    let call = scene.only_call();
    assert_eq!(call.header("Host"), Some(format!("{name}:{}", scene.sts.port())));
    let sni = call.tls.as_ref().and_then(|tls| tls.sni.as_deref());
    assert!(sni.is_none_or(|sni| sni == name), "{sni:?}");
}

#[test]
fn host_field_server_name_and_certificate_have_no_dot() {
    let ca = Identity::authority("the CA");
    let scene = secure(&ca);
    let dns = Dns::new();
    dns.set(NAME, 300, &[HERE]);
    let server = "
        resolver %%DNS%%;
        STSSSLTrustedCertificate %%PREFIX%%/ca.pem;
        location / { %%OTX%% %%PASS%% }";
    let nginx = scene.nginx().file("ca.pem", ca.certificate_pem()).server(server);
    let nginx = nginx.set("DNS", dns.address());
    let nginx = nginx.set("STS", scene.sts.endpoint_at(&format!("{NAME}."))).start();

    assert_exchanged(nginx.get("/").bearer("alice").send(), "alice");

    assert_named(&scene, NAME);
    let sni = scene.only_call().tls.as_ref().and_then(|tls| tls.sni.clone());
    assert_eq!(sni.as_deref(), Some(NAME));
}

#[test]
fn a_client_assertion_is_for_the_sts_and_not_for_the_look_up() {
    let scene = Scene::new();
    let dns = Dns::new();
    dns.set(NAME, 300, &[HERE]);
    let server = format!(
        "location / {{
            resolver %%DNS%%;
            STSExchange otx %%STS%% auth=client_secret_jwt&client_id={CLIENT_ID}&client_secret={CLIENT_SECRET};
            STSVariables $source_token $target_token;
            %%PASS%%
        }}"
    );
    let nginx = scene.nginx().server(&server).set("DNS", dns.address());
    let nginx = nginx.set("STS", scene.sts.endpoint_at(&format!("{NAME}."))).start();

    // The STS takes only an assertion for the name that the call says.
    assert_exchanged(nginx.get("/").bearer("alice").send(), "alice");
    assert_named(&scene, NAME);
}

#[test]
fn a_proxy_is_asked_for_the_absolute_name_and_its_own_is_looked_up() {
    let ca = Identity::authority("the CA");
    let scene = secure(&ca);
    let dns = Dns::new();
    dns.set("proxy.corp.example", 300, &[HERE]);
    let proxy = Proxy::to(scene.sts.port());
    let server = "
        resolver %%DNS%%;
        STSSSLTrustedCertificate %%PREFIX%%/ca.pem;
        location / { %%OTX%% STSOutgoingProxy proxy.corp.example.:%%PROXY%%; %%PASS%% }";
    let nginx = scene.nginx().file("ca.pem", ca.certificate_pem()).server(server);
    let nginx = nginx.set("DNS", dns.address()).set("PROXY", proxy.address().port());
    let nginx = nginx.set("STS", scene.sts.endpoint_at(&format!("{NAME}."))).start();

    assert_exchanged(nginx.get("/").bearer("alice").send(), "alice");

    let target = format!("{NAME}.:{}", scene.sts.port());
    let head = format!("CONNECT {target} HTTP/1.1\r\nhost: {target}\r\n\r\n");
    assert_eq!(proxy.heads(), [head]);
    assert_named(&scene, NAME);
}

#[test]
fn this_machine_knows_its_own_names_with_the_dot_and_without() {
    let scene = Scene::new();
    let nginx = scene.nginx().server("location / { %%OTX%% %%PASS%% }");
    let nginx = nginx.set("STS", scene.sts.endpoint_at("LocalHost.")).start();

    assert_exchanged(nginx.get("/").bearer("alice").send(), "alice");
    assert_named(&scene, "localhost");
}
