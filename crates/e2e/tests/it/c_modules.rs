//! Configurations as the C modules for NGINX and Apache have them, in the forms of all their versions.
#![allow(clippy::expect_used, reason = "a test that cannot go on has failed")]

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use devsts::pki::{Identity, Leaf};
use devsts::{Client, Sts, Tls};
use e2e::nginx::{Checked, Nginx};
use e2e::scene::{CLIENT_BASIC, Scene, Seen, assert_exchanged};

/// Stands in credentials, and in no message.
const SECRET: &str = "s3cr3t";

fn scene() -> Scene {
    Scene::with(Sts::builder().client(Client::public("public")).anonymous())
}

/// A location as version 3.1 has it: the one grant that was written in one directive then.
fn ropc(path: &str, options: &str, rest: &str) -> String {
    format!(
        "location {path} {{
            STSType ropc;
            STSROPC url=%%STS%%{options};
            {rest}
            STSVariables $source_token $target_token;
            %%PASS%%
        }}"
    )
}

#[test]
fn the_password_grant_of_version_3_1_is_one_directive() {
    let scene = scene();
    let auth = "&auth=client_secret_basic&client_id=otxclient&client_secret=2Federate";
    let server = ropc(
        "/",
        &format!("{auth}&username=dummy&ssl_verify=off"),
        "STSRequestParameter scope read;",
    );
    let nginx = scene.nginx().server(&server).start();

    assert_exchanged(nginx.get("/").bearer("alice").send(), "alice");
    nginx.get("/").send().expect_status(401);

    let call = scene.only_call();
    assert_eq!(call.header("Authorization").as_deref(), Some(CLIENT_BASIC));
    let sent = ["grant_type", "username", "password", "scope"].map(|name| call.parameter(name));
    assert_eq!(sent, [Some("password"), Some("dummy"), Some("alice"), Some("read")]);
}

#[test]
fn the_forms_of_all_versions_are_one_exchange_with_one_token() {
    let scene = scene();
    let auth = "client_id=otxclient&client_secret=2Federate";
    let server = format!(
        "{}
        location /3.0 {{
            STSType ropc;
            STSROPCEndpoint %%STS%%;
            STSROPCEndpointAuth client_secret_basic {auth};
            STSROPCUsername dummy;
            STSVariables $source_token $target_token;
            %%PASS%%
        }}
        location /3.2 {{
            STSExchange ropc %%STS%% auth=client_secret_basic&{auth}&username=dummy;
            STSVariables $source_token $target_token;
            %%PASS%%
        }}",
        ropc("/3.1", &format!("&auth=client_secret_basic&{auth}&username=dummy"), "")
    );
    let nginx = scene.nginx().server(&server).start();

    let get = |path: &str| Seen::by_backend(nginx.get(path).bearer("alice").send()).token();
    let token = get("/3.1");
    assert_eq!([get("/3.0"), get("/3.2")], [token.clone(), token]);
    scene.only_call();
}

#[test]
fn an_inner_password_grant_has_nothing_of_the_outer_one() {
    let scene = scene();
    let inner = "location /in { STSROPC url=%%STS%%&username=inner; %%PASS%% }
        location /in/part { STSROPCUsername part; %%PASS%% }";
    let server = format!(
        "STSType ropc;
        STSROPC url=%%STS%%&auth=client_secret_basic&client_id=otxclient&client_secret=2Federate;
        STSVariables $source_token $target_token;
        {inner}"
    );
    let nginx = scene.nginx().server(&server).start();

    assert_exchanged(nginx.get("/in").bearer("alice").send(), "alice");
    assert_exchanged(nginx.get("/in/part").bearer("bob").send(), "bob");

    let calls = scene.sts.calls();
    assert_eq!(calls[0].header("Authorization"), None, "no secret goes where it was not written");
    assert_eq!(calls[0].parameter("username"), Some("inner"));
    assert_eq!(calls[0].parameter("client_id"), None);
    assert_eq!(calls[1].header("Authorization").as_deref(), Some(CLIENT_BASIC));
    assert_eq!(calls[1].parameter("username"), Some("part"));
}

#[test]
fn only_its_own_option_switches_the_verification_of_a_password_grant_off() {
    let other = Identity::authority("another CA");
    let tls = Tls::new(other.issue(&Leaf::server().ip(std::net::Ipv4Addr::LOCALHOST)));
    let scene = Scene::with(Sts::builder().anonymous().tls(tls));
    let server = format!(
        "STSSSLValidateServer off;
        {} {}",
        ropc("/verified", "&username=a", ""),
        ropc("/open", "&username=a&ssl_verify=off", "")
    );
    let builder = scene.nginx().server(&server);
    let checked = builder.check();
    assert!(checked.ok, "{}", checked.output);
    assert_eq!(checked.output.matches("has no effect on \"STSROPC\"").count(), 1);
    assert_eq!(checked.output.matches("is not verified").count(), 1);

    let nginx = builder.start();
    nginx.get("/verified").bearer("alice").send().expect_status(502);
    assert_exchanged(nginx.get("/open").bearer("alice").send(), "alice");
}

#[test]
fn a_password_grant_is_not_written_twice_in_one_block() {
    let grant = "STSROPC url=http://127.0.0.1:9/t&auth=basic&username=a&password=s3cr3t;";
    let exchange = "STSExchange ropc http://127.0.0.1:9/t username=a;";
    for (other, names) in [
        ("STSROPCEndpoint http://127.0.0.1:9/t;", ["STSROPC\"", "STSROPCEndpoint\""]),
        ("STSROPCEndpointAuth none;", ["STSROPC\"", "STSROPCEndpointAuth\""]),
        ("STSROPCClientID a;", ["STSROPC\"", "STSROPCClientID\""]),
        ("STSROPCUsername a;", ["STSROPC\"", "STSROPCUsername\""]),
        (exchange, ["STSROPC\"", "STSExchange\""]),
        (grant, ["STSROPC\"", "duplicate"]),
    ] {
        for text in [format!("{grant} {other}"), format!("{other} {grant}")] {
            let text = format!("location / {{ STSVariables $http_x $target; {text} }}");
            let Checked { ok, output, .. } = Nginx::builder().server(&text).check();
            assert!(!ok && !output.contains(SECRET), "{text}\n{output}");
            let missing = names.iter().find(|name| !output.contains(**name));
            assert_eq!(missing, None, "{text}\n{output}");
        }
    }
}

#[test]
fn a_password_grant_without_a_type_is_found() {
    let grant = "STSROPC url=http://127.0.0.1:9/t&username=a; STSVariables $http_x $target;";
    let Checked { ok, output, .. } =
        Nginx::builder().server(&format!("location / {{ {grant} }}")).check();
    assert!(!ok && output.contains("\"STSType ropc\""), "{output}");
}

#[test]
fn an_exchange_that_is_disabled_makes_none_whatever_is_written_behind_it() {
    let scene = scene();
    let server = "STSExchange otx %%STS%%;
        STSVariables $source_token $target_token;
        location / { %%PASS%% }
        location /off {
            STSExchange disabled x y;
            %%PASS%%
            location /off/on { STSExchange otx %%STS%%; %%PASS%% }
        }
        location /refused {
            error_page 401 = /off;
            proxy_pass %%BACKEND%%;
        }";
    let nginx = scene.nginx().server(server).start();

    assert_eq!(Seen::by_backend(nginx.get("/off").bearer("alice").send()).token(), "");
    assert_eq!(Seen::by_backend(nginx.get("/refused").send()).token(), "", "as STSType disabled");
    assert_eq!(scene.sts.call_count(), 0);
    assert_exchanged(nginx.get("/").bearer("alice").send(), "alice");
    assert_exchanged(nginx.get("/off/on").bearer("bob").send(), "bob");
}

#[test]
fn other_hash_algorithms_are_accepted_without_effect() {
    let of = |options: &str| {
        let cache = format!("STSCache shm name=a&{options};");
        Nginx::builder().http(&cache).check()
    };
    for (options, key) in [
        ("key_hash_algo=none", "key_hash_algo"),
        ("key_hash_algo=sha1", "key_hash_algo"),
        ("key_hash_algo=sha512&passphrase=s3cr3t", "key_hash_algo"),
        ("passphrase_hash_algo=sha384&passphrase=s3cr3t", "passphrase_hash_algo"),
    ] {
        let Checked { ok, output, .. } = of(options);
        assert!(ok && !output.contains(SECRET), "{options}: {output}");
        assert!(output.contains("[warn]") && output.contains("has no effect"), "{output}");
        assert!(output.contains(&format!("\"{key}\"")), "{output}");
    }
    for options in ["key_hash_algo=sha256", "passphrase_hash_algo=sha256&encrypt=true"] {
        let Checked { ok, output, .. } = of(options);
        assert!(ok && !output.contains("[warn]"), "{options}: {output}");
    }
}

#[test]
fn the_token_is_the_password_of_http_basic() {
    let scene = scene();
    let server = "STSExchange otx %%STS%%;
        location / {
            STSAcceptSourceTokenIn basic;
            STSPassTargetTokenIn basic;
            proxy_pass %%BACKEND%%;
        }
        location /kept {
            STSAcceptSourceTokenIn basic strip=false;
            STSPassTargetTokenIn header name=X-Token&type=;
            proxy_pass %%BACKEND%%;
        }
        location /either {
            STSAcceptSourceTokenIn header;
            STSAcceptSourceTokenIn basic;
            STSPassTargetTokenIn header;
            proxy_pass %%BACKEND%%;
        }";
    let nginx = scene.nginx().server(server).start();
    let basic = |pair: &str| format!("Basic {}", STANDARD.encode(pair));
    let get = |path: &str, field: &str| nginx.get(path).header("Authorization", field).send();
    let authorization = |path: &str, field: &str| {
        let seen = Seen::by_backend(get(path, field));
        let values = seen.headers("Authorization");
        assert_eq!(values.len(), 1, "{values:?}");
        values[0].clone()
    };

    let sent = authorization("/", &basic("one:alice"));
    let pair = sent.strip_prefix("Basic ").expect("the scheme of what is passed on");
    let pair = String::from_utf8(STANDARD.decode(pair).expect("base64")).expect("text");
    let target = pair.strip_prefix(':').expect("an empty user name");
    assert!(devsts::is_for(target, "alice"), "{pair}");
    assert_eq!(authorization("/", &basic("another:alice")), sent, "the user name does not count");
    let of =
        |call: &std::sync::Arc<devsts::Call>| call.parameter("subject_token").map(str::to_owned);
    assert_eq!(of(&scene.only_call()).as_deref(), Some("alice"));

    let kept = basic("a:b:c");
    assert_eq!(authorization("/kept", &kept), kept);
    assert_eq!(scene.sts.calls().last().and_then(of).as_deref(), Some("b:c"));
    assert!(authorization("/either", &basic("a:carol")).starts_with("Bearer "));
    assert!(authorization("/either", "Bearer carol").starts_with("Bearer "));

    let calls = scene.sts.call_count();
    for field in ["Basic", "Bearer alice", "Digest x=y"] {
        get("/", field).expect_status(401);
    }
    for field in ["Basic alice", &format!("Basic {}", STANDARD.encode("alice")), &basic("alice:")] {
        get("/", field).expect_status(401);
    }
    let twice = nginx.get("/").header("Authorization", basic("a:b"));
    twice.header("Authorization", basic("a:c")).send().expect_status(400);
    assert_eq!(scene.sts.call_count(), calls);
}
