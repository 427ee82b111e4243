//! How a store is reached: users, local sockets, TLS: `make test-stores`.

use devsts::pki::{Identity, Leaf};
use e2e::scene::Scene;
use e2e::stores::{self, Server};

use crate::stores::{PASSPHRASE, get, node, redis, share, values};

#[test]
#[ignore = "make test-stores has the servers"]
fn an_acl_of_six_commands_and_a_prefix_suffices() {
    let installed = stores::installed();
    let scene = Scene::new();
    let store = Server::redis(&installed, &[]);
    let rules: [&[u8]; 11] = [
        b"ACL",
        b"SETUSER",
        b"nginx",
        b"on",
        b">s3cret",
        b"~sts:*",
        b"-@all",
        b"+get",
        b"+set",
        b"+pttl",
        b"+pexpire",
    ];
    store.ask(&rules);
    let written = redis(&store, "&username=nginx&password=s3cret");
    let here = node(&scene, &written).start();
    let there = node(&scene, &written).start();
    share(&here, &there, "alice");
    here.get("/").bearer("error-invalid_grant.bob").send().expect_status(401);
    here.post("/purge", "").send().expect_status(200);
    assert!(!here.error_log().contains("of no use"), "{}", here.error_log());
}

#[test]
#[ignore = "make test-stores has the servers"]
fn a_local_socket_is_one_way_to_redis() {
    let installed = stores::installed();
    let scene = Scene::new();
    let store = Server::redis(&installed, &[]);
    let written =
        format!("redis host=unix:{}&passphrase={PASSPHRASE}&timeout=2s", store.socket().display());
    let here = node(&scene, &written).start();
    let there = node(&scene, &written).start();
    share(&here, &there, "alice");
}

#[test]
#[ignore = "make test-stores has the servers"]
fn a_redis_with_tls_is_verified() {
    let installed = stores::installed();
    let scene = Scene::new();
    let authority = Identity::authority("the stores' CA");
    let files = tempfile::tempdir().unwrap();
    let (certificate, key) =
        authority.issue(&Leaf::server().dns("localhost")).write(files.path(), "server");
    let (ca, _) = authority.write(files.path(), "ca");
    let (other, _) = Identity::authority("another CA").write(files.path(), "other");
    let port = e2e::ports::free_port();
    let shown = |path: &std::path::Path| path.display().to_string();
    let (tls_port, certificate, key) = (port.to_string(), shown(&certificate), shown(&key));
    let settings = [
        "--tls-port",
        &tls_port,
        "--tls-cert-file",
        &certificate,
        "--tls-key-file",
        &key,
        "--tls-ca-cert-file",
        &shown(&ca),
        "--tls-auth-clients",
        "no",
    ];
    let store = Server::redis(&installed, &settings);
    let of = |host: &str, more: &str| {
        let written = format!(
            "redis host={host}&port={port}&passphrase={PASSPHRASE}&timeout=500ms&tls=true{more}"
        );
        node(&scene, &written).start()
    };
    let trusted = format!("&ssl_trusted_certificate={}", shown(&ca));
    let here = of("localhost", &trusted);
    let there = of("localhost", &trusted);
    share(&here, &there, "alice");
    let keys = values(&store);
    for (host, more) in [
        ("localhost", String::new()),
        ("localhost", format!("&ssl_trusted_certificate={}", shown(&other))),
        ("127.0.0.1", trusted),
    ] {
        let nginx = of(host, &more);
        assert_eq!(get(&nginx, "alice").0, "MISS", "{host} {more}");
        nginx.wait_for_log("is of no use");
    }
    let unverified = of("127.0.0.1", "&ssl_verify=off");
    assert_eq!(get(&unverified, "alice").0, "HIT");
    assert_eq!(values(&store), keys);
}
