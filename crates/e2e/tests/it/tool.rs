//! `sts-exchange` makes byte for byte the calls that the module makes.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

mod calls;

use std::path::Path;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use devsts::{Answer, Call, Script, When};
use e2e::documents::{Example, documents, examples, with_files, within_prefix};
use e2e::http1::Request;
use e2e::nginx::{Nginx, workspace};
use e2e::scene::{CLIENT_SECRET, Scene};
use serde_json::{Value, json};
use sts_exchange::conf::{Configuration, Node, locate};
use sts_exchange::run::{Streams, run};

use calls::assert_same;

/// A source token that any recipe takes: nothing but its looks is checked.
const SOURCE: &str = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhbGljZSIsImV4cCI6OTk5OTk5OTk5OX0.c2ln";

/// What the STS issues: a later exchange may take it for a client assertion.
const TARGET: &str = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZ2VudCIsImV4cCI6OTk5OTk5OTk5OX0.c2ln";

/// A source token of SAML, as it stands in a header.
fn assertion() -> String {
    let xml = "<saml2:Assertion xmlns:saml2=\"urn:oasis:names:tc:SAML:2.0:assertion\" Version=\"2.0\" \
               ID=\"_a\"><saml2:Issuer>idp</saml2:Issuer></saml2:Assertion>";
    STANDARD.encode(xml)
}

/// The result of the command.
struct Ran {
    code: u8,
    output: String,
    errors: String,
}

/// Runs the command with a token on its standard input.
fn tool(arguments: &[&str], token: &str) -> Ran {
    let (mut input, mut output, mut errors) = (token.as_bytes(), Vec::new(), Vec::new());
    let code = run(
        arguments.iter().map(Into::into),
        &mut Streams {
            input: &mut input,
            is_terminal: false,
            output: &mut output,
            errors: &mut errors,
        },
    );
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
    Ran { code, output: text(output), errors: text(errors) }
}

/// The values that a request of these tests gives to variables of NGINX.
const VALUES: [(&str, &str); 4] = [
    ("remote_addr", "127.0.0.1"),
    ("remote_user", "alice"),
    ("request_method", "GET"),
    ("http_mcp_name", "search"),
];

/// Runs it for a location, with the variables that it asks for.
fn located(nginx: &Nginx, path: &str, source: &str) -> Value {
    let conf = nginx.prefix().join("nginx.conf").display().to_string();
    let token = nginx.prefix().join("given-token");
    std::fs::write(&token, source).expect("a file of the test");
    let mut words = vec!["-c".to_owned(), conf, path.to_owned(), "--json".to_owned()];
    for _ in 0..8 {
        let arguments: Vec<&str> = words.iter().map(String::as_str).collect();
        let ran = tool(&arguments, source);
        let object: Value = serde_json::from_str(&ran.output).expect("an object");
        let reason = object["reason"].as_str().unwrap_or_default();
        let Some(name) = reason.split("--var-file ").nth(1).and_then(|it| it.split('=').next())
        else {
            return object;
        };
        match VALUES.iter().find(|(known, _)| *known == name) {
            Some((_, value)) => words.extend(["--var".to_owned(), format!("{name}={value}")]),
            None => words.extend(["--var-file".to_owned(), format!("{name}={}", token.display())]),
        }
    }
    panic!("{path} needs ever more variables");
}

/// The paths of the locations that have an exchange and serve requests.
fn paths(conf: &Path) -> Vec<String> {
    let configuration = Configuration::read(conf, None).expect("a configuration");
    let servers = locate::servers(&configuration).expect("servers");
    let mut paths = Vec::new();
    for server in &servers {
        for node in Node::named(server.node.inside(), "location") {
            let words: Vec<&str> = node.arguments.iter().map(|word| word.as_str()).collect();
            let path = match words.as_slice() {
                [path] if path.starts_with('/') => *path,
                ["=" | "^~", path] => *path,
                _ => continue,
            };
            let target = sts_exchange::conf::uri::Target::read(path).expect("a path");
            let found = locate::location(server, &target).expect("a location");
            let answers = ["STSStatus", "STSCachePurge", "STSJWKS"];
            let is_served = node.inside().iter().all(|node| !answers.contains(&node.name.as_str()));
            let kind = found.in_force.items.one("STSType").map(|item| item.argument(0).to_owned());
            if is_served && kind.is_some_and(|kind| kind != "disabled") {
                paths.push(path.to_owned());
            }
        }
    }
    paths
}

/// An example, with the STS of a test in the place of its servers.
fn text_of(example: &Example) -> String {
    let lines = within_prefix(&example.text);
    let lines = lines.lines().map(|line| {
        let words: Vec<&str> = line.split(' ').collect();
        let is_exchange = line.trim_start().starts_with("STS") && line.contains("://");
        let words = words.iter().map(|word| {
            let is_url = word.starts_with("https://") || word.starts_with("http://");
            let is_place = line.contains("Endpoint ") || line.contains("STSExchange ");
            match word.strip_suffix(';') {
                Some(_) if is_exchange && is_url && is_place => "%%STS%%;".to_owned(),
                None if is_exchange && is_url && is_place => "%%STS%%".to_owned(),
                _ => (*word).to_owned(),
            }
        });
        words.collect::<Vec<_>>().join(" ")
    });
    lines
        .collect::<Vec<_>>()
        .join("\n")
        .replace("http://127.0.0.1:8081", "%%BACKEND%%")
        .replace("listen 127.0.0.1:8080", "listen 127.0.0.1:%%PORT_RECIPE%%")
}

/// What is asked for by NGINX and by the tool is the same.
#[track_caller]
fn compare(example: &Example) -> usize {
    let scene = Scene::new();
    let issued = json!({ "access_token": TARGET, "token_type": "Bearer", "expires_in": 60 });
    scene.sts.script(When::any(), Script::new().answer(Answer::json(200, &issued)));
    let has = |words: &str| example.text.contains(words);
    let credentials = STANDARD.encode("alice:wonderland");
    let is_encoded =
        ["saml_bearer", "ncoding base64", "&encoding=base64", "source_encoding=base64"];
    let source = match is_encoded.into_iter().any(has) {
        _ if has("type=Basic") => credentials.clone(),
        true => assertion(),
        false => SOURCE.to_owned(),
    };
    let text = text_of(example);
    let is_http = example.context.starts_with("http");
    let mut builder = with_files(scene.nginx());
    for harmless in ["[warn]", "[error]", "[notice]", "[crit]"] {
        builder = builder.allow_in_log(harmless);
    }
    let nginx = if is_http { builder.http(&text) } else { builder.server(&text) }.start();
    let address = if is_http { nginx.address_of("PORT_RECIPE") } else { nginx.address() };
    let mut compared = 0;
    for path in paths(&nginx.prefix().join("nginx.conf")) {
        let before = scene.sts.calls().len();
        let target = format!("{path}?token={source}&source_token={source}");
        let has_form = has("STSAcceptSourceTokenIn post");
        let mut request = Request::new(address, if has_form { "POST" } else { "GET" }, &target);
        let authorization = match has("auth_basic ") || has("type=Basic") {
            true => format!("Basic {credentials}"),
            false => format!("Bearer {source}"),
        };
        request = request
            .header("Authorization", &authorization)
            .header(
                "Cookie",
                format!("source_token={source}; MyCookieName={source}; assertion={source}"),
            )
            .header("X-Token", &source)
            .header("X-Assertion", &source)
            .header("X-Forwarded-Access-Token", &source)
            .header("Mcp-Name", "search")
            .header("MCP-Protocol-Version", "2026-07-28");
        if has_form {
            request = request
                .header("Content-Type", "application/x-www-form-urlencoded")
                .body(format!("access_token={source}&source_token={source}").as_str());
        }
        let status = request.send().status;
        let by_nginx: Vec<Arc<Call>> = scene.sts.calls().split_off(before);
        let object = located(&nginx, &target, &source);
        let by_tool: Vec<Arc<Call>> = scene.sts.calls().split_off(before + by_nginx.len());
        let about = format!("{} {path}: {status}, {object:#}", example.place);
        assert!(example.text.contains("STSType jwt;") || !by_nginx.is_empty(), "{about}");
        assert_eq!(by_nginx.len(), by_tool.len(), "{about}");
        for (nginx, tool) in by_nginx.iter().zip(&by_tool) {
            assert_same(nginx, tool, &about);
            compared += 1;
        }
    }
    compared
}

/// The examples of some documents that have an exchange; `others` need another server.
fn with_exchange(name: &str, others: &[&str]) -> Vec<Example> {
    let files = documents().into_iter().filter(|file| file.ends_with(name));
    let mut found: Vec<Example> = files.flat_map(|file| examples(&file)).collect();
    found.retain(|example| {
        let is_whole = ["STSType ", "STSExchange "].iter().any(|word| example.text.contains(word));
        let is_main = example.context.starts_with("main");
        is_whole && !is_main && !others.contains(&example.heading.as_str())
    });
    assert!(!found.is_empty(), "{name}");
    found
}

/// Compares the calls of all examples of a document; at least so many were made.
#[track_caller]
fn compare_all(name: &str, others: &[&str], least: usize) {
    let compared: usize = with_exchange(name, others).iter().map(compare).sum();
    assert!(compared >= least, "{name}: only {compared} calls");
}

#[test]
fn the_calls_of_the_recipes_for_grants_are_the_same() {
    compare_all("recipes/grants.md", &[], 10);
}

#[test]
fn the_calls_of_the_recipes_for_carrying_tokens_are_the_same() {
    compare_all("recipes/carry.md", &["Source from another module"], 10);
}

#[test]
fn the_calls_of_the_recipes_for_clients_are_the_same() {
    compare_all("recipes/clients.md", &[], 4);
}

#[test]
fn the_calls_of_the_other_recipes_are_the_same() {
    // What these exchange comes from another server than an STS.
    compare_all(
        "recipes/in-front.md",
        &["oauth2-proxy by auth_request", "A check of the token before the exchange"],
        1,
    );
    compare_all("recipes/mcp.md", &[], 1);
    compare_all("recipes/minting.md", &["What auth_request found, as a JWT for the backend"], 1);
    compare_all("recipes/pitfalls.md", &[], 3);
    compare_all("recipes/workloads.md", &[], 2);
}

#[test]
fn the_calls_of_the_examples_for_wstrust_are_the_same() {
    compare_all("docs/wstrust.md", &[], 1);
}

#[test]
fn the_calls_of_the_examples_for_servers_are_the_same() {
    compare_all("docs/servers.md", &[], 10);
}

#[test]
fn the_calls_of_the_scenes_of_the_demo_are_the_same() {
    for scene in ["mcp", "obo", "otx", "wstrust"] {
        let place = format!("demo/{scene}/nginx.conf");
        let text = std::fs::read_to_string(workspace().join(&place)).expect("a scene");
        let lines = text.lines().map(|line| match line.split_once("@STS@") {
            Some((start, _)) => format!("{start}%%STS%%;"),
            None => line.to_owned(),
        });
        let text = lines
            .collect::<Vec<_>>()
            .join("\n")
            .replace("@PORT@", "%%PORT_RECIPE%%")
            .replace("@BACKEND@", "%%BACKEND%%")
            .replace("@PLACE@/pki/ca.crt", "sts-ca.pem")
            .replace("@PLACE@/", "")
            // The frame of these tests has one of this name.
            .replace("$source_token", "$demo_source");
        let example = Example { place, heading: String::new(), context: "http".into(), text };
        assert_eq!(compare(&example), 1, "{scene}");
    }
}

/// What is inherited, included, mapped and captured.
const NESTED: &str = r#"
    STSSSLValidateServer Off;
    STSHTTPTimeOut 5;
    STSRequestHeader X-Outer outer;
    map $arg_kind $audience { default "aud of others"; "~^o(.*)$" "o-$1"; stock stock; }
    server {
        listen 127.0.0.1:%%PORT_RECIPE%%;
        STSType otx;
        STSOTXEndpoint %%STS%%;
        STSOTXEndpointAuth client_secret_post client_id=otxclient&client_secret_file=secrets/sts;
        STSRequestParameter audience "$audience";
        STSRequestParameter scope "read write%24";
        STSVariables $source_token $target_token;
        include shared/*.conf;
        location /a/ {
            set $tenant "t-$arg_kind";
            location ~ ^/a/(?<area>\w+)/\d+$ {
                STSRequestParameter audience $area;
                STSRequestParameter audience two;
                STSRequestHeader X-Tenant "$tenant";
                proxy_pass %%BACKEND%%;
            }
            location /a/whole/ {
                STSExchange otx %%STS%%?x=y 'auth=basic&username=u%26&password=p%20w&params=a%3D%2524%26b%3D$arg_kind&resource=urn:x&resource=urn:y&subject_token_type=jwt&host=other.example:8';
                proxy_pass %%BACKEND%%;
            }
            proxy_pass %%BACKEND%%;
        }
        location = /client { STSClientID "c-$arg_kind"; STSOTXEndpointAuth none; proxy_pass %%BACKEND%%; }
        location /ropc/ {
            STSROPC url=%%STS%%&auth=client_secret_basic&client_id=otxclient&client_secret=2Federate&username=u-$arg_kind;
            STSType ropc;
            proxy_pass %%BACKEND%%;
        }
        location /actor/ { STSActorToken $arg_token jwt; proxy_pass %%BACKEND%%; }
    }
"#;

#[test]
fn the_calls_of_nested_blocks_are_the_same() {
    let scene = Scene::new();
    let issued = json!({ "access_token": TARGET, "token_type": "Bearer", "expires_in": 60 });
    scene.sts.script(When::any(), Script::new().answer(Answer::json(200, &issued)));
    let nginx = with_files(scene.nginx()).http(NESTED).allow_in_log("[warn]");
    let endpoint = scene.sts.endpoint();
    let own = format!(
        "location ^~ /b/ {{ STSType cc; STSCCEndpoint {endpoint}; STSCCEndpointAuth private_key_jwt \
         client_id=otxclient&jwk_file=secrets/jwt.pem&aud=urn:as; proxy_pass {}; }}",
        scene.backend.url("")
    );
    let nginx = nginx.file("shared/b.conf", own).start();
    let address = nginx.address_of("PORT_RECIPE");
    for target in [
        "/a/orders/17?kind=oil",
        "/a/whole/x?kind=a%20b",
        "/a/x?kind=stock",
        "/a/x?kind=OTHER",
        "/client?kind=1",
        "/ropc/?kind=2",
        &format!("/actor/?token={SOURCE}"),
        "/b/17.gif",
    ] {
        let before = scene.sts.calls().len();
        let status = Request::new(address, "GET", target)
            .header("Authorization", format!("Bearer {SOURCE}"))
            .send()
            .status;
        let by_nginx = scene.sts.calls().split_off(before);
        assert_eq!(by_nginx.len(), 1, "{target}: {status}");
        let object = located(&nginx, target, SOURCE);
        let by_tool = scene.sts.calls().split_off(before + 1);
        let about = format!("{target}: {object:#}");
        assert_eq!(by_tool.len(), 1, "{about}");
        assert_same(&by_nginx[0], &by_tool[0], &about);
    }
}

#[test]
fn a_token_is_written_alone_and_a_failure_has_its_number() {
    let scene = Scene::new();
    let nginx = scene.nginx().server("location /a/ { %%OTX%% %%PASS%% }").start();
    let conf = nginx.prefix().join("nginx.conf").display().to_string();
    let ran = tool(&["-c", &conf, "/a/b", "--silent"], "alice\n");
    assert_eq!((ran.code, ran.errors.as_str()), (0, ""));
    assert!(devsts::is_for(ran.output.trim_end(), "alice"), "{}", ran.output);
    let ran = tool(&["-c", &conf, "/a/b", "--silent"], "refuse.alice");
    assert_eq!((ran.code, ran.output.as_str()), (12, ""));
    assert!(ran.errors.starts_with("sts-exchange: refused: "), "{}", ran.errors);
    let ran = tool(&["-c", &conf, "/a/b"], "alice");
    assert!(ran.output.contains("of location /a/ in ") && ran.code == 0, "{}", ran.output);
    assert!(
        !ran.output.contains("2Federate") && !ran.output.contains("b3R4Y2xpZW50"),
        "{}",
        ran.output
    );
    for (arguments, expected) in [
        (vec!["-c", conf.as_str(), "/b"], "has no exchange"),
        (vec!["-c", conf.as_str(), "@no"], "there is no location \"@no\""),
        (vec!["-c", "/nowhere/nginx.conf", "/a"], "cannot be read"),
    ] {
        let ran = tool(&arguments, "alice");
        assert_eq!((ran.code, ran.output.as_str()), (3, ""), "{arguments:?}");
        assert!(ran.errors.contains(expected), "{}", ran.errors);
        assert_eq!(ran.errors.lines().count(), 1);
    }
    assert_ne!(CLIENT_SECRET, "");
}
