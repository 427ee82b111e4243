//! Calls that show a certificate are the same, and show the same one.

use devsts::pki::{Identity, Leaf};
use devsts::{Client, Sts, Tls};
use e2e::scene::Scene;

use super::calls::assert_same;
use super::{SOURCE, located};

#[test]
fn the_calls_with_a_certificate_are_the_same() {
    let ca = Identity::authority("the CA of this test");
    let gateway = ca.issue(&Leaf::client("gateway"));
    let server = ca.issue(&Leaf::server().ip(std::net::Ipv4Addr::LOCALHOST));
    let tls = Tls::new(server).require_client(&ca);
    let client = Client::with_certificate("gateway", "gateway");
    let scene = Scene::with(Sts::builder().client(client).tls(tls));
    let conf = "
        STSSSLTrustedCertificate ca.pem;
        STSVariables $source_token $target_token;
        location /otx/ {
            STSType otx;
            STSEndpoint %%STS%%;
            STSEndpointAuth client_cert cert=gateway.crt&key=gateway.key;
            STSClientID gateway;
            STSRequestParameter audience orders;
            %%PASS%%
        }
        location /cc/ {
            STSExchange cc %%STS%% auth=client_cert&cert=gateway.crt&key=gateway.key&client_id=gateway;
            %%PASS%%
        }";
    let nginx = scene
        .nginx()
        .server(conf)
        .file("ca.pem", ca.certificate_pem())
        .file("gateway.crt", gateway.certificate_pem())
        .file("gateway.key", gateway.key_pem())
        .start();
    for path in ["/otx/", "/cc/"] {
        let before = scene.sts.calls().len();
        nginx.get(path).bearer(SOURCE).send().expect_status(200);
        let (object, _) = located(&nginx, &[path], &[], SOURCE);
        assert_eq!(object["result"], "ok", "{path}: {object:#}");
        let calls = scene.sts.calls().split_off(before);
        let [by_nginx, by_tool] = calls.as_slice() else { panic!("{path}: {} calls", calls.len()) };
        assert_same(by_nginx, by_tool, path);
        for call in [by_nginx, by_tool] {
            let tls = call.tls.as_ref().expect("TLS");
            assert_eq!(tls.client_subject.as_deref(), Some("gateway"), "{path}");
        }
        let both = [by_nginx, by_tool]
            .map(|call| call.tls.as_ref().map(|tls| (tls.version.clone(), tls.sni.clone())));
        assert_eq!(both[0], both[1], "{path}");
    }
}
