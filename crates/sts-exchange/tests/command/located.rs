//! Which server and which location the command takes.

use super::*;

/// What the command says of a path in a configuration, with the note or the reason that it gives.
fn asked(conf: &str, arguments: &[&str]) -> (Value, String) {
    let arguments = [&["-c", conf, "--no-nginx-test"], arguments].concat();
    let object = object(&arguments, "alice");
    let said = match object["reason"].as_str() {
        Some(reason) => reason.to_owned(),
        None => object["notes"][0].as_str().unwrap_or_default().to_owned(),
    };
    (object, said)
}

#[test]
fn a_server_that_only_redirects_is_not_taken() {
    let sts = sts();
    let directory = tempfile::tempdir().expect("a directory");
    file(directory.path(), "secret", "s3cret");
    let exchange = format!(
        "STSType otx; STSEndpoint {}; STSEndpointAuth client_secret_basic \
         client_id=gateway&client_secret_file=secret; STSAcceptSourceTokenIn header;",
        sts.endpoint()
    );
    let conf = format!(
        "http {{
        server {{ listen 80; server_name shop.example two.example; return 301 https://$host$request_uri; }}
        server {{ listen 443 ssl; server_name shop.example; location /orders/ {{ {exchange} }} }}
        server {{ listen 443 ssl; server_name two.example; location / {{ {exchange} }} }}
        server {{ listen 8443 ssl; server_name two.example; location / {{ {exchange} }} }}
        }}"
    );
    let conf = file(directory.path(), "nginx.conf", &conf);
    let (object, note) = asked(&conf, &["/orders/", "--server", "shop.example"]);
    assert_eq!(object["result"], "ok", "{object:#}");
    let place = object["exchanges"][0]["location"].as_str().expect("a place");
    assert!(place.contains("nginx.conf:3,"), "{place}");
    assert!(note.contains("nginx.conf:3") && note.contains("nginx.conf:2"), "{note}");

    // With a port there is no doubt, and nothing to say.
    let (object, note) = asked(&conf, &["/orders/", "--server", "shop.example:443"]);
    assert_eq!((object["result"].as_str(), note.as_str()), (Some("ok"), ""), "{object:#}");
    let (object, reason) = asked(&conf, &["/orders/", "--server", "shop.example:80"]);
    assert_eq!(object["result"], "bad_input", "{object:#}");
    assert!(reason.contains("has no exchange"), "{reason}");

    // Which one a client means is not known.
    let (object, reason) = asked(&conf, &["/", "--server", "two.example"]);
    assert_eq!(object["result"], "bad_input", "{object:#}");
    assert!(reason.contains("--server two.example:PORT"), "{reason}");
    assert!(reason.contains("nginx.conf:4") && reason.contains("nginx.conf:5"), "{reason}");
    let (object, _) = asked(&conf, &["/", "--server", "two.example:8443"]);
    assert_eq!(object["result"], "ok", "{object:#}");
}

#[test]
fn a_path_that_nginx_redirects_is_told() {
    let sts = sts();
    let directory = tempfile::tempdir().expect("a directory");
    let conf = format!(
        "http {{ STSType otx; STSEndpoint {}; STSAcceptSourceTokenIn header;
        server {{ listen 80; server_name a; location / {{ }} location /o/ {{ proxy_pass http://b; }}
        location /static/ {{ }} }}
        server {{ listen 80; server_name b; location /q {{ }} location /q/ {{ proxy_pass http://b; }} }}
        }}",
        sts.endpoint()
    );
    let conf = file(directory.path(), "nginx.conf", &conf);
    for arguments in [&["/o", "--server", "a"][..], &["/o?x=y", "--server", "a"]] {
        let (object, reason) = asked(&conf, arguments);
        assert_eq!(object["result"], "bad_input", "{object:#}");
        assert!(reason.contains("redirects \"/o\" to \"/o/\""), "{reason}");
        assert!(reason.contains("nginx.conf:2"), "{reason}");
    }
    for (path, server) in [("/o/", "a"), ("/o/1", "a"), ("/static", "a"), ("/q", "b")] {
        let (object, _) = asked(&conf, &[path, "--server", server]);
        let code = object["exit_code"].as_i64();
        assert!(code != Some(3), "{path}: {object:#}");
    }
    assert_eq!(sts.calls().len(), 4);
}
