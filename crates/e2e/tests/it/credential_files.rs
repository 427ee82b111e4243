//! Credentials in files: read again when they change, without a reload.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use devsts::pki::{Identity, Leaf};
use devsts::{Client, Sts, Tls};
use e2e::nginx::{Builder, Nginx};
use e2e::scene::Scene;
use e2e::wait::wait_for;
use openssl::pkey::{PKey, Private};

/// A location with an exchange that has these options, and no cache.
fn location(path: &str, options: &str) -> String {
    format!(
        "location {path} {{
            STSExchange otx %%STS%% {options}&cache.expiry=0;
            STSVariables $source_token $target_token;
            %%PASS%%
        }}"
    )
}

/// Replaces a file as Kubernetes and careful programs do: at once.
fn replace(nginx: &Nginx, name: &str, content: impl AsRef<[u8]>) {
    let new = nginx.prefix().join(format!("{name}.new"));
    fs::write(&new, content).unwrap();
    fs::rename(new, nginx.prefix().join(name)).unwrap();
}

fn status(nginx: &Nginx) -> u16 {
    nginx.get("/").bearer("alice").send().status
}

/// A key of a client, in the forms in which each side has it.
fn key() -> (PKey<Private>, String, String) {
    let key = PKey::generate_ed25519().unwrap();
    let private = String::from_utf8(key.private_key_to_pem_pkcs8().unwrap()).unwrap();
    let public = String::from_utf8(key.public_key_to_pem().unwrap()).unwrap();
    (key, private, public)
}

#[test]
fn a_secret_that_changes_is_used_without_a_reload() {
    let scene = Scene::with(
        Sts::builder().client(Client::new("old", "first")).client(Client::new("new", "second")),
    );
    for (method, id) in [
        ("client_secret_basic", "client_id"),
        ("client_secret_post", "client_id"),
        ("client_secret_jwt", "client_id"),
        ("basic", "username"),
    ] {
        let file = if method == "basic" { "password_file" } else { "client_secret_file" };
        let options = format!("auth={method}&{id}=new&{file}=secret");
        let builder = scene.nginx().file("secret", "first").server(&location("/", &options));
        let nginx = builder.forbid_in_log("first").start();

        assert_eq!(status(&nginx), 502, "{method}: the STS knows another secret");
        replace(&nginx, "secret", "second\n");
        wait_for("the new secret", || status(&nginx) == 200);
        nginx.wait_for_log("was read again");
        nginx.forbid_in_log("second");
    }
}

#[test]
fn a_key_that_changes_is_used_without_a_reload() {
    let ((_, old, _), (_, new, public)) = (key(), key());
    let scene = Scene::with(Sts::builder().client(Client::with_key("signer", &public).unwrap()));
    let options = "auth=private_key_jwt&client_id=signer&jwk_file=key.pem";
    let nginx = scene.nginx().file("key.pem", old).server(&location("/", options)).start();

    assert_eq!(status(&nginx), 502);
    replace(&nginx, "key.pem", new);
    wait_for("the new key", || status(&nginx) == 200);
}

/// An assertion that another program has signed, as Kubernetes and SPIFFE put it into a file.
fn assertion(key: &PKey<Private>, id: &str, audience: &str) -> String {
    let encode = |text: String| openssl::base64::encode_block(text.as_bytes());
    let encode = |text| encode(text).replace('+', "-").replace('/', "_").replace(['=', '\n'], "");
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let claims = serde_json::json!({
        "iss": id, "sub": id, "aud": audience,
        "exp": now.as_secs() + 60, "jti": format!("{}", now.as_nanos()),
    });
    let signed = format!("{}.{}", encode(r#"{"alg":"EdDSA"}"#.into()), encode(claims.to_string()));
    let mut signer = openssl::sign::Signer::new_without_digest(key).unwrap();
    let signature = signer.sign_oneshot_to_vec(signed.as_bytes()).unwrap();
    let signature = openssl::base64::encode_block(&signature);
    let signature = signature.replace('+', "-").replace('/', "_").replace(['=', '\n'], "");
    format!("{signed}.{signature}")
}

#[test]
fn an_assertion_that_another_program_renews_is_used_as_it_is() {
    let (key, _, public) = key();
    let scene = Scene::with(Sts::builder().client(Client::with_key("pod", &public).unwrap()));
    let make = || assertion(&key, "pod", &scene.sts.endpoint());
    let first = make();
    let options = "auth=private_key_jwt&client_assertion_file=token";
    let builder = scene.nginx().file("token", first.clone()).server(&location("/", options));
    let nginx = builder.start();

    assert_eq!(status(&nginx), 200);
    assert_eq!(scene.only_call().parameter("client_assertion"), Some(first.as_str()));
    assert_eq!(scene.only_call().parameter("client_id"), None);
    assert_eq!(status(&nginx), 502, "this STS takes each assertion once");
    let second = make();
    replace(&nginx, "token", &second);
    wait_for("the new assertion", || status(&nginx) == 200);
    nginx.forbid_in_log(&first);
    nginx.forbid_in_log(&second);
}

#[test]
fn what_cannot_be_used_leaves_the_old_credential_in_use_and_is_logged_once() {
    let (_, good, public) = key();
    let scene = Scene::with(Sts::builder().client(Client::with_key("signer", &public).unwrap()));
    let options = "auth=private_key_jwt&client_id=signer&jwk_file=key.pem";
    let server = location("/", options);
    let nginx = scene.nginx().file("key.pem", good.clone()).server(&server).start();
    let lines = |text: &str| nginx.error_log().matches(text).count();

    assert_eq!(status(&nginx), 200);
    replace(&nginx, "key.pem", "s3cr3t, but no key");
    let told = "stays in use";
    wait_for("a line in the log", || {
        assert_eq!(status(&nginx), 200);
        lines(told) == 1
    });
    fs::remove_file(nginx.prefix().join("key.pem")).unwrap();
    // Another reason is told, and again once.
    wait_for("another line in the log", || {
        assert_eq!(status(&nginx), 200);
        lines(told) == 2
    });
    replace(&nginx, "key.pem", good);
    wait_for("the end of the trouble", || {
        assert_eq!(status(&nginx), 200);
        lines("was read again") == 1
    });
    assert_eq!(lines(told), 2, "{}", nginx.error_log());
    nginx.forbid_in_log("s3cr3t");
}

#[test]
fn what_is_no_file_keeps_no_request_waiting() {
    let scene = Scene::with(Sts::builder());
    let options = "auth=client_secret_post&client_id=otxclient&client_secret_file=secret";
    let builder = scene.nginx().file("secret", "2Federate").server(&location("/", options));
    let nginx = builder.start();
    assert_eq!(status(&nginx), 200);

    let path = nginx.prefix().join("secret");
    fs::remove_file(&path).unwrap();
    nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).unwrap();
    wait_for("a line in the log", || {
        assert_eq!(status(&nginx), 200);
        nginx.error_log().contains("stays in use")
    });
}

#[test]
fn a_certificate_that_changes_is_shown_on_new_connections_only_from_then_on() {
    let ca = Identity::authority("the CA");
    let tls = Tls::new(ca.issue(&Leaf::server().ip([127, 0, 0, 1]))).require_client(&ca);
    let (old, new) = (ca.issue(&Leaf::client("old")), ca.issue(&Leaf::client("new")));
    let scene = Scene::with(Sts::builder().tls(tls).client(Client::with_certificate("it", "new")));
    let options = "auth=client_cert&cert=client.crt&key=client.key&client_id=it";
    let server = format!("STSSSLTrustedCertificate ca.pem; {}", location("/", options));
    let nginx = scene
        .nginx()
        .file("ca.pem", ca.certificate_pem())
        .file("client.crt", old.certificate_pem())
        .file("client.key", old.key_pem())
        .server(&server)
        .start();

    assert_eq!(status(&nginx), 502);
    // Between the two the files do not fit, and the old pair stays in use.
    replace(&nginx, "client.crt", new.certificate_pem());
    wait_for("half of a rotation to be noticed", || {
        assert_eq!(status(&nginx), 502);
        nginx.error_log().contains("stays in use")
    });
    let shown = |call: &devsts::Call| call.tls.clone().and_then(|tls| tls.client_subject);
    assert!(scene.sts.calls().iter().all(|call| shown(call).as_deref() == Some("old")));

    replace(&nginx, "client.key", new.key_pem());
    wait_for("the new certificate", || status(&nginx) == 200);
    let last = scene.sts.calls().last().cloned().unwrap();
    assert_eq!(shown(&last).as_deref(), Some("new"));
    assert!(!last.tls.as_ref().unwrap().resumed, "a session of the old certificate");
}

/// A server with this in it.
fn check(builder: Builder, server: &str) -> e2e::nginx::Checked {
    builder
        .server(server)
        .set("STS", "http://127.0.0.1:9/token")
        .http("map $http_x $source_token { default ''; }")
        .set("PASS", "return 200;")
        .check()
}

#[test]
fn a_file_that_cannot_be_used_is_refused() {
    let secret = "auth=client_secret_post&client_id=a&client_secret_file=secret";
    let certificate = "auth=client_cert&client_id=a&cert=secret&key=secret";
    for options in [secret, certificate] {
        let exchange = format!(
            "STSExchange otx https://127.0.0.1:9/token {options};
            STSVariables $source_token $target_token;"
        );
        // In a server it is looked at for the server itself first.
        let servers = [
            format!("location / {{ {exchange} }}"),
            format!("{exchange} location / {{ return 200; }}"),
            format!("{exchange} location /a {{ return 200; }} location /b {{ return 200; }}"),
        ];
        for server in servers {
            for (content, part) in [(None, "there is no such file"), (Some(""), "empty")] {
                let builder = Nginx::builder();
                let builder = match content {
                    Some(content) => builder.file("secret", content),
                    None => builder,
                };
                let checked = check(builder, &server);
                assert!(!checked.ok, "{server}: {}", checked.output);
                for part in [part, "secret\"", "[emerg]"] {
                    assert!(checked.output.contains(part), "no {part:?} in {}", checked.output);
                }
            }
        }
    }
    let http = "STSExchange otx http://127.0.0.1:9/t auth=client_cert&cert=c.crt&key=c.key&client_id=a; \
                STSVariables $arg_a $target;";
    let client = Identity::authority("the CA").issue(&Leaf::client("a"));
    let checked = Nginx::builder()
        .file("c.crt", client.certificate_pem())
        .file("c.key", client.key_pem())
        .server(&format!("location / {{ {http} }}"))
        .check();
    assert!(!checked.ok && checked.output.contains("https://"), "{}", checked.output);
}

#[test]
fn a_file_that_the_workers_cannot_read_is_warned_of() {
    if !nix::unistd::geteuid().is_root() {
        // Then the workers run as the user that reads the configuration.
        return;
    }
    let whole = |user: &str| {
        format!(
            "daemon off; pid %%PREFIX%%/nginx.pid; error_log %%PREFIX%%/error.log; user {user};
            %%LOAD_MODULE%% events {{}}
            http {{ access_log off; server {{ listen 127.0.0.1:%%PORT%%; location / {{
                STSExchange otx http://127.0.0.1:9/t auth=client_secret_post&client_id=a&client_secret_file=%%PREFIX%%/open/secret;
                STSVariables $arg_a $target;
            }} }} }}"
        )
    };
    let directory = tempfile::tempdir().unwrap();
    let secret = directory.path().join("secret");
    fs::write(&secret, "s3cr3t").unwrap();
    let set =
        |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    for (user, directory_mode, mode, warned) in [
        ("daemon daemon", 0o755, 0o644, false),
        ("daemon daemon", 0o755, 0o600, true),
        ("daemon daemon", 0o700, 0o644, true),
        ("root", 0o700, 0o600, false),
    ] {
        set(directory.path(), directory_mode);
        set(&secret, mode);
        let text = whole(user).replace("%%PREFIX%%/open", &directory.path().display().to_string());
        let checked = Nginx::builder().whole(&text).check();
        assert!(checked.ok, "{}", checked.output);
        let says = checked.output.contains("[warn]") && checked.output.contains("not readable");
        assert_eq!(says, warned, "{user} {directory_mode:o} {mode:o}: {}", checked.output);
    }
}

#[test]
fn what_may_be_a_mistake_in_the_file_of_a_secret_is_warned_of() {
    let options = "auth=client_secret_post&client_id=a&client_secret_file=secret";
    for (content, words) in [
        ("s3cr3t\n", None),
        ("\u{feff}s3cr3t\n", Some("byte order mark")),
        ("s3cr3t \n", Some("blank")),
        ("s3cr3t\ns3cr3t\n", Some("lines")),
    ] {
        let scene = Scene::new();
        let builder = scene.nginx().file("secret", content).server(&location("/", options));
        let checked = builder.check();
        assert!(checked.ok, "{}", checked.output);
        assert_eq!(checked.output.contains("[warn]"), words.is_some(), "{}", checked.output);
        let said = words.is_none_or(|words| checked.output.contains(words));
        assert!(said && !checked.output.contains("s3cr3t"), "{}", checked.output);
    }
}
