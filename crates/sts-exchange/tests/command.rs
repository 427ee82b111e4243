//! The command itself, with a development STS behind it.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on has failed"
)]

#[path = "command/hidden.rs"]
mod hidden;
#[path = "command/located.rs"]
mod located;

use std::fs;
use std::io::Write;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use devsts::pki::{Identity, Leaf};
use devsts::{Answer, Client, Metadata, Script, Sts, Tls, When};
use serde_json::Value;

/// Runs the command.
fn run(arguments: &[&str], token: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_sts-exchange"))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the command");
    let mut stdin = child.stdin.take().expect("its standard input");
    // A command that needs no token may be over.
    let _ = stdin.write_all(token.as_bytes());
    drop(stdin);
    child.wait_with_output().expect("its end")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn object(arguments: &[&str], token: &str) -> Value {
    let output = run(&[arguments, &["--json"]].concat(), token);
    let object: Value = serde_json::from_slice(&output.stdout).expect("an object");
    assert_eq!(object["exit_code"].as_i64(), output.status.code().map(i64::from), "{object:#}");
    object
}

fn sts() -> Sts {
    Sts::builder().client(Client::new("gateway", "s3cret")).start().expect("an STS")
}

/// A file with a text, in a directory of the test.
fn file(directory: &Path, name: &str, text: &str) -> String {
    let file = directory.join(name);
    fs::write(&file, text).expect("a file of the test");
    file.display().to_string()
}

#[test]
fn help_has_the_table_of_exit_codes() {
    let output = run(&["--help"], "");
    let help = text(&output.stdout);
    for line in ["12  refused", "19  timeout", " 3  bad_input", "(HTTP 504)"] {
        assert!(help.contains(line), "{line}: {help}");
    }
    assert_eq!(run(&["--no-such"], "").status.code(), Some(2));
    assert_eq!(run(&["otx"], "").status.code(), Some(2));
    let output = run(&["oxt", "http://127.0.0.1:1/", "auth=none"], "");
    assert_eq!(output.status.code(), Some(2));
    let errors = text(&output.stderr);
    assert!(errors.contains("no type and no command \"oxt\""), "{errors}");
    assert_eq!(errors.lines().count(), 1, "{errors}");
}

#[test]
fn the_command_starts_at_once() {
    // A machine with other things to do may need several tries.
    let quickest = (0..100).map(|_| {
        let started = Instant::now();
        assert_eq!(run(&["decode"], "alice").status.code(), Some(0));
        started.elapsed()
    });
    let limit = Duration::from_millis(30);
    assert!(quickest.into_iter().any(|took| took < limit), "no start took less than {limit:?}");
}

#[test]
fn a_secret_on_the_command_line_is_refused() {
    let options = "auth=client_secret_basic&client_id=gateway&client_secret=s3cret";
    let output = run(&["otx", "http://127.0.0.1:1/token", options], "alice");
    let errors = text(&output.stderr);
    assert_eq!(output.status.code(), Some(3));
    assert!(errors.contains("client_secret_file=FILE") && !errors.contains("s3cret"), "{errors}");
    assert_eq!(errors.lines().count(), 1, "{errors}");
    let jwt = "x=eyJhbGciOiJub25lIn0.e30.c2ln";
    let output = run(&["otx", "http://127.0.0.1:1/token", "--var", jwt], "alice");
    assert!(text(&output.stderr).contains("--var-file x=FILE"));
    assert_eq!(output.status.code(), Some(3));
}

#[test]
fn a_secret_comes_from_a_file_the_environment_or_a_file_of_options() {
    let sts = sts();
    let directory = tempfile::tempdir().expect("a directory");
    let secret = file(directory.path(), "secret", "s3cret\n");
    let start = "auth=client_secret_post&client_id=gateway&client_secret";
    let endpoint = sts.endpoint();
    let endpoint = endpoint.as_str();
    let all = file(directory.path(), "options", &format!("{start}=s3cret\n"));
    let in_file = format!("{start}_file={secret}");
    let in_environment = format!("{start}_env=STS_EXCHANGE_TEST_SECRET");
    for arguments in [
        vec!["otx", endpoint, in_file.as_str(), "--silent"],
        vec!["otx", endpoint, "--options-file", all.as_str(), "--silent"],
        vec!["otx", endpoint, in_environment.as_str(), "--silent"],
    ] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sts-exchange"));
        command.args(&arguments).env("STS_EXCHANGE_TEST_SECRET", "s3cret");
        let token = file(directory.path(), "token", "alice\n");
        let output =
            command.stdin(fs::File::open(token).expect("it")).output().expect("the command");
        assert!(
            devsts::is_for(text(&output.stdout).trim_end(), "alice"),
            "{arguments:?}: {output:?}"
        );
    }
}

#[test]
fn the_shown_directives_make_the_same_call() {
    let sts = sts();
    let directory = tempfile::tempdir().expect("a directory");
    let secret = file(directory.path(), "secret", "s3cret");
    let options = format!(
        "auth=client_secret_basic&client_id=gateway&client_secret_file={secret}&audience=a%24b&resource=urn:x&\
         params=connector_id%3D%2524%252B%26q%3D$v&request_header=X-A+$v+X-Request-ID+b&host=other.example"
    );
    let first = object(&["otx", &sts.endpoint(), &options, "--var", "v=1 2"], "alice");
    for member in ["directives", "sts_exchange"] {
        let lines = first["exchanges"][0][member].as_str().expect("directives");
        let conf = format!("events {{ }} http {{ server {{ location / {{ {lines} }} }} }}");
        let conf = file(directory.path(), "nginx.conf", &conf);
        let arguments = ["-c", &conf, "/", "--no-nginx-test", "--var", "v=1 2"];
        let second = object(&arguments, "alice");
        assert_eq!(second["result"], "ok", "{lines}: {second:#}");
    }
    let calls = sts.calls();
    assert_eq!(calls.len(), 3);
    for call in &calls[1..] {
        assert_eq!(call.headers, calls[0].headers);
        assert_eq!(text(&call.body), text(&calls[0].body));
    }
    assert_eq!(calls[0].parameter("audience"), Some("a$b"));
    assert_eq!(calls[0].parameter("connector_id"), Some("$+"));
    assert_eq!(calls[0].parameter("q"), Some("1 2"));
}

#[test]
fn what_a_client_would_get_is_what_the_location_says() {
    let sts = sts();
    let directory = tempfile::tempdir().expect("a directory");
    file(directory.path(), "secret", "s3cret");
    let conf = format!(
        "http {{ STSType otx; STSEndpoint {}; STSEndpointAuth client_secret_basic \
         client_id=gateway&client_secret_file=secret; STSAcceptSourceTokenIn header; server {{ \
         location /own/ {{ STSErrorStatus invalid_grant 403; }} location /on/ {{ STSOnError pass; }} \
         location /missing/ {{ STSOnMissing pass; }} }} }}",
        sts.endpoint()
    );
    let conf = file(directory.path(), "nginx.conf", &conf);
    for (path, token, result, status, code) in [
        ("/other", "refuse.alice", "refused", Some(401), 12),
        ("/own/", "refuse.alice", "refused", Some(403), 12),
        ("/on/", "refuse.alice", "refused", None, 12),
        ("/on/", "", "missing_token", None, 10),
        ("/missing/", "", "missing_token", None, 10),
        ("/missing/", "refuse.alice", "refused", Some(401), 12),
    ] {
        let object = object(&["-c", &conf, path, "--no-nginx-test"], token);
        assert_eq!(object["nginx"], "not_asked");
        assert_eq!(object["result"], result, "{path}");
        assert_eq!(object["status"].as_u64(), status, "{path}");
        assert_eq!(object["exit_code"], code, "{path}");
    }
}

/// What the command says is the cause of a failure at an endpoint.
fn cause(endpoint: &str, more: &str) -> (String, Option<i64>) {
    let options = format!("http_timeout=1&http_retries=0{more}");
    let object = object(&["otx", endpoint, &options], "alice");
    let cause = object["exchanges"][0]["cause"]["id"].as_str().unwrap_or("none").to_owned();
    (cause, object["exit_code"].as_i64())
}

#[test]
fn the_cause_is_named_where_there_is_no_answer() {
    let free = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("it");
    let expect = |endpoint: &str, more: &str, expected: &str, code: i64| {
        assert_eq!(cause(endpoint, more), (expected.to_owned(), Some(code)), "{endpoint}");
    };
    expect(&format!("http://{free}/token"), "", "connection_refused", 18);
    expect("http://no-such-host.invalid/token", "", "name_not_found", 18);
    expect("http://unix:/nowhere/sts.sock:/token", "", "socket_missing", 18);
    let sts = sts();
    sts.script(When::any(), Script::new().wait(Duration::from_secs(30)).usual());
    expect(&sts.endpoint(), "", "no_answer", 19);
    let plain = sts.endpoint().replace("http://", "https://");
    expect(&plain, "", "tls_plain_port", 18);
    let reset = self::sts();
    reset.script(When::any(), Script::new().reset());
    expect(&reset.endpoint(), "", "connection_lost", 18);
    let odd = self::sts();
    odd.script(When::any(), Script::new().send(b"220 mail.example ESMTP\r\n".to_vec()).close());
    expect(&odd.endpoint(), "", "no_http", 16);
    let large = self::sts();
    large.script(When::any(), Script::new().answer(Answer::new(200).body("x".repeat(5000))));
    expect(&large.endpoint(), "&max_response=1k", "answer_too_large", 16);
    let redirect = self::sts();
    let answer = Answer::new(302).header("Location", "https://login.example/?secret=x");
    redirect.script(When::any(), Script::new().answer(answer));
    expect(&redirect.endpoint(), "", "redirect", 16);
}

#[test]
fn tls_is_verified_and_the_cause_is_named() {
    let directory = tempfile::tempdir().expect("a directory");
    let authority = Identity::authority("the test's CA");
    let ca = file(directory.path(), "ca.pem", &authority.certificate_pem());
    let start = |leaf: Leaf| {
        let client = Client::new("gateway", "s3cret");
        let tls = Tls::new(authority.issue(&leaf));
        Sts::builder().client(client).tls(tls).start().expect("an STS")
    };
    let loopback = std::net::Ipv4Addr::LOCALHOST;
    let good = start(Leaf::server().ip(loopback));
    assert_eq!(cause(&good.endpoint(), ""), ("tls_untrusted".to_owned(), Some(18)));
    let other = start(Leaf::server().dns("other.example"));
    let trusted = format!("&ssl_trusted_certificate={ca}");
    assert_eq!(cause(&other.endpoint(), &trusted), ("tls_name_mismatch".to_owned(), Some(18)));
    assert!(good.calls().is_empty() && other.calls().is_empty());
    let old = start(Leaf::server().ip(loopback).expired());
    assert_eq!(cause(&old.endpoint(), &trusted), ("tls_certificate_expired".to_owned(), Some(18)));
    let secret = file(directory.path(), "secret", "s3cret");
    let auth =
        format!("auth=client_secret_basic&client_id=gateway&client_secret_file={secret}{trusted}");
    let output = run(&["otx", &good.endpoint(), &auth, "--silent"], "alice");
    assert!(devsts::is_for(text(&output.stdout).trim_end(), "alice"), "{output:?}");
}

#[test]
fn an_issuer_is_discovered() {
    let sts = Sts::builder()
        .client(Client::new("gateway", "s3cret"))
        .metadata(Metadata::of("/realms/shop"))
        .start()
        .expect("an STS");
    let issuer = sts.issuer();
    let output = run(&["discover", &issuer], "");
    let shown = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(shown.contains(&format!("token_endpoint: {}", sts.endpoint())), "{shown}");
    assert!(shown.contains(&format!("STSIssuer {issuer};")), "{shown}");
    let other = issuer.replace("shop", "none");
    let output = run(&["discover", &other], "");
    assert_eq!(output.status.code(), Some(16), "{output:?}");
    assert!(text(&output.stderr).contains("bad_answer"));

    let directory = tempfile::tempdir().expect("a directory");
    let secret = file(directory.path(), "secret", "s3cret");
    let options = format!(
        "issuer={issuer}&auth=client_secret_basic&client_id=gateway&client_secret_file={secret}"
    );
    let output = run(&["otx", "", &options, "--silent"], "alice");
    assert!(devsts::is_for(text(&output.stdout).trim_end(), "alice"), "{output:?}");
}

#[test]
fn a_token_is_decoded_without_its_signature() {
    let token = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhbGljZSIsImV4cCI6MTAwMDAwMDAwMH0.c2lnbmF0dXJl";
    let shown = text(&run(&["decode"], token).stdout);
    assert!(shown.contains("\"sub\": \"alice\"") && shown.contains("it has expired"), "{shown}");
    assert!(!shown.contains("c2lnbmF0dXJl"), "{shown}");
}

#[test]
fn the_gateways_own_token_is_made() {
    let directory = tempfile::tempdir().expect("a directory");
    let key = Identity::authority("a key");
    let key = file(directory.path(), "key.pem", &key.key_pem());
    let options = format!("jwt_key_file={key}&iss=gateway&sub=service&aud=orders&jwt_lifetime=30");
    let output = run(&["jwt", "", &options, "--silent"], "{\"role\":\"reader\"}");
    let shown = text(&run(&["decode"], &text(&output.stdout)).stdout);
    for expected in ["\"iss\": \"gateway\"", "\"aud\": \"orders\"", "\"role\": \"reader\""] {
        assert!(shown.contains(expected), "{shown} {output:?}");
    }
    let object = object(&["jwt", "", &options], "{}");
    let exchange = &object["exchanges"][0];
    assert_eq!(exchange["compared"][0]["verdict"], "good", "{exchange:#}");
    let directives = exchange["directives"].as_str().expect("directives");
    assert!(directives.ends_with("STSVariables $claims $target_token;"), "{directives}");
    let output = run(&["jwt", "", &options, "--silent"], "no json");
    assert_eq!(output.status.code(), Some(11), "{output:?}");
}

#[test]
fn man_page_and_completions_are_made_of_the_definition() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().display().to_string();
    assert_eq!(run(&["generate", &path], "").status.code(), Some(0));
    let read = |name: &str| fs::read_to_string(directory.path().join(name)).expect(name);
    let page = read("sts-exchange.1");
    assert!(page.contains("Exit status") && page.contains("discover"), "{page}");
    for name in ["sts-exchange.bash", "sts-exchange.fish", "_sts-exchange"] {
        assert!(read(name).contains("jwt_bearer"), "{name}");
    }
}
