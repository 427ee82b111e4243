//! An NGINX with an OpenSSL that makes no random bytes.

use e2e::nginx::{Builder, Nginx};
use e2e::scene::{Scene, Seen};

/// OpenSSL looks for a generator that it does not have, whenever it is asked for random bytes.
const NO_GENERATOR: &str = "
openssl_conf = all
[all]
random = random
[random]
random = NO-SUCH-GENERATOR
";

/// Whether this NGINX starts without random bytes at all: one with QUIC makes a key at its start
/// (ngx_http_v3_merge_srv_conf), and then there is nothing to test.
fn nginx_needs_none() -> bool {
    Nginx::builder().without_module().file("openssl.cnf", NO_GENERATOR).check().ok
}

fn without_random_bytes(scene: &Scene, server: &str) -> Builder {
    scene.nginx().file("openssl.cnf", NO_GENERATOR).server(server)
}

#[test]
fn without_random_bytes_a_call_that_needs_them_fails_before_anything_is_sent() {
    if !nginx_needs_none() {
        return;
    }
    let scene = Scene::new();
    let server = "
        add_header X-STS-Error $sts_error always;
        location /jwt {
            STSType otx;
            STSOTXEndpoint %%STS%%;
            STSOTXEndpointAuth client_secret_jwt client_id=otxclient&client_secret=2Federate;
            STSVariables $source_token $target_token;
            %%PASS%%
        }
        location /soap {
            STSType wstrust;
            STSWSTrustEndpoint %%STS%%;
            STSWSTrustValueType urn:a;
            STSVariables $source_token $target_token;
            %%PASS%%
        }";
    let nginx = without_random_bytes(&scene, server).start();
    for path in ["/jwt", "/soap"] {
        let response = nginx.get(path).bearer("alice").send().expect_status(502);
        assert_eq!(response.header("X-STS-Error"), Some("bad_answer"), "{path}");
        nginx.wait_for_log("the gateway has no random bytes");
    }
    assert_eq!(scene.sts.call_count(), 0);
    assert!(scene.backend.requests().is_empty());
}

#[test]
fn without_random_bytes_nothing_is_kept() {
    if !nginx_needs_none() {
        return;
    }
    for cache in ["shm", "shm encrypt=true", "shm encrypt=true&passphrase=secret"] {
        let scene = Scene::new();
        let server = format!("STSCache {cache}; location / {{ %%OTX%% %%PASS%% }}");
        let nginx = without_random_bytes(&scene, &server).start();
        let tokens =
            [(); 3].map(|()| Seen::by_backend(nginx.get("/").bearer("alice").send()).token());
        // A call that needs none is made for each.
        assert!(tokens.iter().all(|token| devsts::is_for(token, "alice")), "{cache}: {tokens:?}");
        assert_eq!(scene.sts.call_count(), 3, "{cache}");
        assert_eq!(nginx.error_log().matches("makes no random bytes").count(), 1, "{cache}");
    }
}
