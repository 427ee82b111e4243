//! NGINX itself judges the configuration that the command takes an exchange from.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use e2e::nginx::{Nginx, binary_path};
use e2e::scene::Scene;
use nix::unistd::geteuid;
use serde_json::Value;

use super::{Ran, tool};

/// What stands for a mistake in the configuration of these tests.
const HERE: &str = "# here";

/// An NGINX with an exchange.
fn start(scene: &Scene) -> Nginx {
    let server = format!("location /a/ {{ %%OTX%% %%PASS%%\n{HERE}\n }}");
    scene.nginx().server(&server).start()
}

/// The configuration of an NGINX, with something else in it.
fn changed(nginx: &Nginx, text: &str) -> PathBuf {
    let conf = nginx.read("nginx.conf");
    assert!(conf.contains(HERE));
    let file = nginx.prefix().join("changed.conf");
    fs::write(&file, conf.replace(HERE, text)).expect("a file of the test");
    file
}

fn ask(conf: &Path, more: &[&str]) -> Ran {
    let conf = conf.display().to_string();
    tool(&[&["-c", conf.as_str(), "/a/b"], more].concat(), "alice")
}

#[test]
fn what_nginx_refuses_is_refused_in_one_line_and_no_call_is_made() {
    let scene = Scene::new();
    let nginx = start(&scene);
    let program = binary_path().display().to_string();
    // What only NGINX can know is a good configuration without it.
    for (text, expected, is_foreign) in [
        ("no_such_directive on;", "unknown directive \"no_such_directive\" in ", true),
        ("} location /a/ {", "duplicate location \"/a/\" in ", true),
        (
            "proxy_read_timeout nonsense;",
            "\"proxy_read_timeout\" directive invalid value in ",
            true,
        ),
        ("proxy_http_version 1.1; proxy_http_version 1.1;", "directive is duplicate in ", true),
        ("if ($no_such_variable) { }", "unknown \"no_such_variable\" variable", true),
        (
            "include nowhere.conf;",
            "nowhere.conf\" failed (2: No such file or directory) in ",
            false,
        ),
        ("STSTyp otx;", "unknown directive \"STSTyp\" in ", false),
        ("STSHTTPTimeOut nonsense;", "\"STSHTTPTimeOut\"", false),
        ("location /a/b {", "unexpected end of file, expecting \"}\" in ", false),
    ] {
        let conf = changed(&nginx, text);
        let before = scene.sts.call_count();
        for more in [&[][..], &["--silent"]] {
            let ran = ask(&conf, &[&["--nginx", &program], more].concat());
            assert_eq!((ran.code, ran.output.as_str()), (3, ""), "{text}: {}", ran.errors);
            let start = "sts-exchange: NGINX refuses the configuration: ";
            assert!(ran.errors.starts_with(start), "{text}: {}", ran.errors);
            assert!(ran.errors.contains(expected), "{text}: {}", ran.errors);
            assert_eq!(ran.errors.lines().count(), 1, "{text}: {}", ran.errors);
        }
        let ran = ask(&conf, &["--nginx", &program, "--json"]);
        let object: Value = serde_json::from_str(&ran.output).expect("an object");
        assert_eq!((ran.code, object["result"].as_str()), (3, Some("bad_input")), "{text}");
        assert!(object["reason"].as_str().expect("a reason").contains(expected), "{object:#}");
        assert_eq!(scene.sts.call_count(), before, "{text}");
        let own = ask(&conf, &["--no-nginx-test", "--silent"]);
        assert_eq!(own.code, if is_foreign { 0 } else { 3 }, "{text}: {}", own.errors);
        assert!(!own.errors.contains("NGINX refuses"), "{text}: {}", own.errors);
    }
    // Not all of it is told on a terminal alone: the log of NGINX has nothing of the questions.
    assert!(!nginx.error_log().contains("[emerg]"), "{}", nginx.error_log());
}

#[test]
fn a_configuration_that_nginx_takes_is_not_spoken_of() {
    let scene = Scene::new();
    let nginx = start(&scene);
    let program = binary_path().display().to_string();
    let conf = nginx.prefix().join("nginx.conf");
    let ran = ask(&conf, &["--nginx", &program, "--json"]);
    let object: Value = serde_json::from_str(&ran.output).expect("an object");
    assert_eq!((ran.code, object["nginx"].as_str()), (0, Some("accepts")), "{object:#}");
    assert_eq!(object["notes"].as_array().map(Vec::len), Some(0), "{object:#}");
    let ran = ask(&conf, &["--nginx", &program]);
    assert!(ran.code == 0 && ran.output.starts_with("otx at "), "{}", ran.output);
    // A relative name is within the prefix, for NGINX as well.
    let prefix = nginx.prefix().display().to_string();
    let words = ["-p", &prefix, "-c", "nginx.conf", "/a/b", "--nginx", &program, "--json"];
    let object: Value = serde_json::from_str(&tool(&words, "alice").output).expect("an object");
    assert_eq!(object["nginx"], "accepts", "{object:#}");
    // One that is not there is no reason to go on: it was asked for.
    let ran = ask(&conf, &["--nginx", "/nowhere/nginx"]);
    assert_eq!((ran.code, ran.output.as_str()), (3, ""));
    assert!(ran.errors.contains("\"/nowhere/nginx\" cannot be run"), "{}", ran.errors);
}

#[test]
fn an_nginx_that_may_not_read_a_key_is_no_judge() {
    if !geteuid().is_root() {
        eprintln!("left out: only root can let NGINX run as another user");
        return;
    }
    let scene = Scene::new();
    let nginx = start(&scene);
    let key = nginx.prefix().join("other.key");
    fs::write(&key, "secret").expect("a file of the test");
    let set = |path: &Path, mode| {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("it is ours");
    };
    set(&key, 0o600);
    set(nginx.prefix(), 0o755);
    // Another location has it: the exchange that is asked for does not need it.
    let text = format!(
        "}} location /b/ {{ STSExchange otx %STS% \
         'auth=client_secret_basic&client_id=a&client_secret_file={}'; STSVariables $arg_a $b;",
        key.display()
    );
    let conf = changed(&nginx, &text.replace("%STS%", &scene.sts.endpoint()));
    let program = nginx.prefix().join("as-another-user");
    let script = format!(
        "#!/bin/sh\nexec setpriv --reuid=65534 --regid=65534 --clear-groups {} \"$@\"\n",
        binary_path().display()
    );
    fs::write(&program, script).expect("a file of the test");
    set(&program, 0o755);
    let program = program.display().to_string();
    let ran = ask(&conf, &["--nginx", &program, "--json"]);
    let object: Value = serde_json::from_str(&ran.output).expect("an object");
    assert_eq!((ran.code, object["nginx"].as_str()), (0, Some("unknown")), "{object:#}");
    let note = object["notes"][0].as_str().expect("a note");
    assert!(note.starts_with("NGINX could not judge the configuration: "), "{note}");
    assert!(note.to_lowercase().contains("permission denied"), "{note}");
    let ran = ask(&conf, &["--nginx", &program]);
    assert!(ran.code == 0 && ran.output.starts_with("Note: NGINX could not"), "{}", ran.output);
    let ran = ask(&conf, &["--nginx", &program, "--silent"]);
    assert_eq!((ran.code, ran.errors.as_str()), (0, ""));
    // Root may read it, and what is wrong is found.
    let refused = changed(&nginx, "no_such_directive on;");
    assert_eq!(ask(&refused, &["--nginx", &program]).code, 3);
}
