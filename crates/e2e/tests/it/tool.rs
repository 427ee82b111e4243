//! `sts-exchange` makes byte for byte the calls that the module makes.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

mod calls;
mod certificate;
mod examples;
mod judged;
mod tokens;
mod variables;

use devsts::{Answer, Script, When};
use e2e::documents::with_files;
use e2e::http1::Request;
use e2e::nginx::{Nginx, binary_path};
use e2e::scene::{CLIENT_SECRET, Scene};
use serde_json::{Value, json};
use sts_exchange::run::{Streams, run};

use calls::assert_same;

/// A source token that any recipe takes: nothing but its looks is checked.
const SOURCE: &str = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhbGljZSIsImV4cCI6OTk5OTk5OTk5OX0.c2ln";

/// What the STS issues: a later exchange may take it for a client assertion.
const TARGET: &str =
    "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZ2VudCIsImF1ZCI6Im9yZGVycyIsImV4cCI6OTk5OTk5OTk5OX0.c2ln";

/// The STS of a scene issues [`TARGET`], whatever it is asked for.
fn issues_one_token(scene: &Scene) {
    let issued = json!({ "access_token": TARGET, "token_type": "Bearer", "expires_in": 60 });
    scene.sts.script(When::any(), Script::new().answer(Answer::json(200, &issued)));
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

/// The arguments for a location of an NGINX, which judges its configuration.
fn of(nginx: &Nginx, location: &str) -> Vec<String> {
    let prefix = nginx.prefix().display().to_string();
    let program = binary_path().display().to_string();
    let words = ["-p", &prefix, "-c", "nginx.conf", location, "--nginx", &program];
    words.map(str::to_owned).to_vec()
}

/// The values that a request of these tests gives to variables of NGINX.
const VALUES: [(&str, &str); 4] = [
    ("remote_addr", "127.0.0.1"),
    ("remote_user", "alice"),
    ("request_method", "GET"),
    ("http_mcp_name", "search"),
];

/// What the command says of a location, and the arguments that it took: with the variables that it asks for,
/// which are the token where `values` has no other value for them.
fn located(
    nginx: &Nginx,
    more: &[&str],
    values: &[(&str, &str)],
    source: &str,
) -> (Value, Vec<String>) {
    let token = nginx.prefix().join("given-token");
    std::fs::write(&token, source).expect("a file of the test");
    let mut words = of(nginx, more[0]);
    words.extend(more[1..].iter().map(|word| (*word).to_owned()));
    for _ in 0..8 {
        let arguments: Vec<&str> = words.iter().map(String::as_str).chain(["--json"]).collect();
        let ran = tool(&arguments, source);
        let object: Value = serde_json::from_str(&ran.output).expect("an object");
        let reason = object["reason"].as_str().unwrap_or_default();
        let Some(name) = reason.split("--var-file ").nth(1).and_then(|it| it.split('=').next())
        else {
            return (object, words);
        };
        match values.iter().chain(&VALUES).find(|(known, _)| *known == name) {
            Some((_, value)) => words.extend(["--var".to_owned(), format!("{name}={value}")]),
            None => words.extend(["--var-file".to_owned(), format!("{name}={}", token.display())]),
        }
    }
    panic!("{more:?} needs ever more variables");
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
    issues_one_token(&scene);
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
        &format!("/actor/?token={}", SOURCE.replace("c2ln", "c2lm").replace('.', "%2E")),
        "/b/17.gif",
    ] {
        let before = scene.sts.calls().len();
        let status = Request::new(address, "GET", target)
            .header("Authorization", format!("Bearer {SOURCE}"))
            .send()
            .status;
        let by_nginx = scene.sts.calls().split_off(before);
        assert_eq!(by_nginx.len(), 1, "{target}: {status}");
        let (object, _) = located(&nginx, &[target], &[], SOURCE);
        let by_tool = scene.sts.calls().split_off(before + 1);
        let about = format!("{target}: {object:#}");
        assert_eq!(by_tool.len(), 1, "{about}");
        assert_same(&by_nginx[0], &by_tool[0], &about);
    }
}

#[test]
fn an_actor_token_that_is_bound_is_refused_by_both() {
    let scene = Scene::new();
    let location = "location /actor/ { %%OTX%% STSActorToken $arg_token jwt; %%PASS%% }";
    let nginx = scene.nginx().server(location).start();
    let bound = "eyJhbGciOiJub25lIn0.eyJjbmYiOnsiamt0IjoiYSJ9fQ.c2ln";
    let target = format!("/actor/?token={bound}");
    nginx.get(&target).bearer(SOURCE).send().expect_status(401);
    let (object, _) = located(&nginx, &[&target], &[], SOURCE);
    assert_eq!((&object["result"], &object["status"]), (&"bad_token".into(), &401.into()));
    assert_eq!(scene.sts.call_count(), 0);
}

#[test]
fn a_token_is_written_alone_and_a_failure_has_its_number() {
    let scene = Scene::new();
    let nginx = scene.nginx().server("location /a/ { %%OTX%% %%PASS%% }").start();
    let ask = |more: &[&str], token: &str| {
        let words = of(&nginx, more[0]);
        let words = words.iter().map(String::as_str).chain(more[1..].iter().copied());
        tool(&words.collect::<Vec<_>>(), token)
    };
    let ran = ask(&["/a/b", "--silent"], "alice\n");
    assert_eq!((ran.code, ran.errors.as_str()), (0, ""));
    assert!(devsts::is_for(ran.output.trim_end(), "alice"), "{}", ran.output);
    let ran = ask(&["/a/b", "--silent"], "refuse.alice");
    assert_eq!((ran.code, ran.output.as_str()), (12, ""));
    assert!(ran.errors.starts_with("sts-exchange: refused: "), "{}", ran.errors);
    let ran = ask(&["/a/b"], "alice");
    assert!(ran.output.contains("of location /a/ in ") && ran.code == 0, "{}", ran.output);
    assert!(
        !ran.output.contains("2Federate") && !ran.output.contains("b3R4Y2xpZW50"),
        "{}",
        ran.output
    );
    for (ran, expected) in [
        (ask(&["/b"], "alice"), "has no exchange"),
        (ask(&["@no"], "alice"), "there is no location \"@no\""),
        (ask(&["/a", "--server", "no"], "alice"), "no server has the name \"no\""),
        (tool(&["-c", "/nowhere/nginx.conf", "/a", "--no-nginx-test"], ""), "cannot be read"),
    ] {
        assert_eq!((ran.code, ran.output.as_str()), (3, ""), "{expected}");
        assert!(ran.errors.contains(expected), "{}", ran.errors);
        assert_eq!(ran.errors.lines().count(), 1);
    }
    assert_ne!(CLIENT_SECRET, "");
}
