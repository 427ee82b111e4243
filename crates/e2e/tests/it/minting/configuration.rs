//! What `nginx -t` says of exchanges that mint.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use e2e::scene::Scene;

use super::keys::{elliptic, named, rsa, secret, with};
use super::nginx;

/// Checks a location with these directives.
#[track_caller]
fn refused(key: &str, directives: &str, parts: &[&str]) {
    let scene = Scene::new();
    let server = format!("location / {{ {directives} proxy_pass %%BACKEND%%; }}");
    let checked = nginx(&scene, key).server(&server).check();
    assert!(!checked.ok, "{directives}");
    for part in parts {
        assert!(checked.output.contains(part), "{part:?} is not in: {}", checked.output);
    }
    assert!(!checked.output.contains("s3cr3t"), "{}", checked.output);
    // Each says in which line of which file.
    let fault = checked.output.lines().find(|line| line.contains("[emerg]")).unwrap();
    let place = fault.split_once("nginx.conf:").map(|(_, line)| line.trim());
    let is_placed = place.is_some_and(|line| line.starts_with(|c: char| c.is_ascii_digit()));
    assert!(is_placed, "{fault}");
}

#[track_caller]
fn accepted(key: &str, directives: &str) {
    let scene = Scene::new();
    let server = format!("location / {{ {directives} proxy_pass %%BACKEND%%; }}");
    let checked = nginx(&scene, key).server(&server).check();
    assert!(checked.ok, "{directives}: {}", checked.output);
}

const KEY: &str = "STSType jwt; STSJWTKeyFile key.jwk; STSJWTSubject a;";

#[test]
fn the_source_is_one_variable_that_no_client_sets() {
    let key = named("a");
    for (rest, part) in [
        ("STSAcceptSourceTokenIn header; STSVariables '' $target;", "\"header\" is no place"),
        ("STSAcceptSourceTokenIn query; STSVariables '' $target;", "\"query\" is no place"),
        ("STSAcceptSourceTokenIn post; STSVariables '' $target;", "\"post\" is no place"),
        ("STSAcceptSourceTokenIn cookie; STSVariables '' $target;", "\"cookie\" is no place"),
        ("STSAcceptSourceTokenIn environment name=http_x; STSVariables '' $target;", "http_x"),
        ("STSVariables $http_x_claims $target;", "$http_x_claims"),
        ("STSVariables $HTTP_x_claims $target;", "$HTTP_x_claims"),
        ("STSVariables ${arg_claims} $target;", "$arg_claims"),
        ("STSVariables $content_type $target;", "$content_type"),
        ("STSVariables $1 $target;", "$1"),
        ("STSVariables $cookie_claims $target;", "$cookie_claims"),
        ("STSVariables $request_body $target;", "$request_body"),
        ("STSVariables $args $target;", "$args"),
        ("STSVariables $request_method $target;", "$request_method"),
        ("STSVariables $sts_source_token $target;", "$sts_source_token"),
        ("STSAcceptSourceTokenIn environment name=uri; STSVariables '' $target;", "uri"),
        ("STSVariables '{\"sub\":\"$remote_user\"}' $target;", "one variable"),
        ("STSVariables $claims$remote_user $target;", "one variable"),
        ("STSVariables '{}' $target;", "literal"),
    ] {
        refused(&key, &format!("{KEY} {rest}"), &[part]);
    }
    accepted(&key, &format!("{KEY} STSVariables $claims $target;"));
    accepted(&key, &format!("{KEY} STSVariables ${{claims}} $target;"));
    accepted(&key, &format!("{KEY} STSVariables $target;"));
    accepted(&key, &format!("{KEY} STSJWTClaim a $http_a; STSVariables $target;"));
}

#[test]
fn what_a_client_sets_is_a_claim_only_where_it_is_named() {
    let key = named("a");
    for (rest, variable) in [
        ("STSJWTIssuer $http_host;", "$http_host"),
        ("STSJWTAudience a-$arg_a;", "$arg_a"),
        ("STSJWTIssuer https://$host;", "$host"),
        ("STSClientID $cookie_a;", "$cookie_a"),
    ] {
        let directives = format!("{KEY} {rest} STSVariables $target;");
        refused(&key, &directives, &[variable, "STSJWTClaim"]);
    }
    let directives =
        "STSType jwt; STSJWTKeyFile key.jwk; STSJWTSubject $arg_a; STSVariables $target;";
    refused(&key, directives, &["$arg_a", "STSJWTClaim"]);
    let inline = format!("STSExchange jwt '{key}' 'client_id=$arg_a'; STSVariables $target;");
    refused("", &inline, &["$arg_a"]);
}

/// A location that mints for this subject, with what is beside it.
fn for_subject(subject: &str, beside: &str) -> String {
    format!(
        "location / {{
            STSType jwt; STSJWTKeyFile key.jwk; STSJWTSubject {subject}; STSVariables $target;
            proxy_pass %%BACKEND%%;
        }} {beside}"
    )
}

#[test]
fn only_what_is_known_not_to_be_a_clients_is_a_claim_by_itself() {
    let key = named("a");
    for subject in [
        "$request_method",
        "$uri",
        "$URI",
        "$document_uri",
        "$request_uri",
        "$request_filename",
        "$is_args",
        "$args",
        "$query_string",
        "$host",
        "$request",
        "$request_body",
        "$content_length",
        "$server_protocol",
        "$proxy_add_x_forwarded_for",
        "$proxy_protocol_addr",
        "$ssl_server_name",
        "$ssl_session_id",
        "$limit_rate",
        "$uid_got",
        "$http_x",
        "$HTTP_X",
        "${http_x}",
        "$arg_x",
        "$cookie_x",
        "$sent_http_x",
        "$trailer_x",
        "$upstream_http_x",
        "$sts_source_token",
        "a-$uri",
    ] {
        let checked = nginx(&Scene::new(), &key).server(&for_subject(subject, "")).check();
        assert!(!checked.ok, "{subject}");
        let name = subject.trim_start_matches("a-").replace(['{', '}'], "");
        let is_unknown = checked.output.contains("unknown \"");
        let says = ["STSJWTSubject", &name, "STSJWTClaim", "nginx.conf:"];
        let said = says.iter().all(|part| checked.output.contains(part));
        assert!(said || is_unknown, "{subject}: {}", checked.output);
    }
    for (subject, beside) in [
        ("$remote_user", ""),
        ("$remote_addr", ""),
        ("$request_id", ""),
        ("$ssl_client_s_dn", ""),
        ("$ssl_client_fingerprint-$server_name", ""),
        // What a directive sets, wherever it stands.
        ("$of_set", "location /b { set $of_set a; proxy_pass %%BACKEND%%; }"),
        (
            "$of_auth",
            "location /b { auth_request /c; auth_request_set $of_auth $upstream_http_x; proxy_pass %%BACKEND%%; }",
        ),
        ("$of_map", ""),
        ("$of_geo", ""),
    ] {
        let checked = nginx(&Scene::new(), &key)
            .http("map $ssl_client_s_dn $of_map { ~CN=(?<of_regex>[^,]+) $of_regex; }")
            .http("geo $of_geo { default a; }")
            .server(&for_subject(subject, beside))
            .check();
        assert!(checked.ok, "{subject}: {}", checked.output);
    }
}

#[test]
fn a_named_capture_is_what_a_client_sends() {
    let key = named("a");
    for beside in [
        "location ~ ^/b/(?<user>[a-z]+) { proxy_pass %%BACKEND%%; }",
        "location /b { if ($http_x ~ (?<user>.+)) { return 204; } }",
        "location /b { rewrite (?<user>.+) /c; }",
        // What else sets it cannot be told apart.
        "location ~ ^/b/(?<user>[a-z]+) { set $user a; proxy_pass %%BACKEND%%; }",
    ] {
        let checked = nginx(&Scene::new(), &key).server(&for_subject("$user", beside)).check();
        assert!(!checked.ok, "{beside}");
        for part in ["STSJWTSubject", "\"$user\"", "captured", "STSJWTClaim", "nginx.conf:"] {
            assert!(checked.output.contains(part), "{part}: {}", checked.output);
        }
    }
}

#[test]
fn key_and_algorithm_are_checked_against_each_other() {
    let settings = |algorithm: &str| format!("{KEY} STSJWTAlgorithm {algorithm}; STSVariables $t;");
    for (key, algorithm, parts) in [
        (rsa().to_string(), "ES256", &["ES256", "RS256"][..]),
        (elliptic("P-256").to_string(), "RS256", &["RS256", "ES256"]),
        (elliptic("P-384").to_string(), "ES256", &["ES256", "ES384"]),
        (with(rsa(), "alg", "PS256"), "RS256", &["PS256", "RS256"]),
        (secret(32).to_string(), "HS512", &["HS512", "HS256"]),
        (secret(16).to_string(), "HS256", &["32 bytes"]),
        (named("a"), "none", &["\"none\"", "ES256"]),
        ("s3cr3t".to_owned(), "RS256", &["neither a JWK"]),
    ] {
        refused(&key, &settings(algorithm), parts);
        let inline = format!("STSExchange jwt '{key}' 'alg={algorithm}&sub=a'; STSVariables $t;");
        refused("", &inline, parts);
    }
}

#[test]
fn what_has_no_meaning_or_is_missing_is_refused() {
    let key = named("a");
    let target = "STSVariables $target;";
    for (directives, part) in [
        ("STSType jwt; STSVariables $target;".to_owned(), "STSJWTKeyFile"),
        (format!("STSExchange jwt '' 'sub=a'; {target}"), "private key is missing"),
        (format!("STSExchange jwt '{key}' 'jwt_key_file=key.jwk'; {target}"), "jwt_key_file"),
        (
            format!("STSExchange jwt '{key}' 'auth=basic&username=a&password=s3cr3t'; {target}"),
            "auth",
        ),
        (format!("STSExchange jwt '{key}' 'issuer=https%3A%2F%2Fa'; {target}"), "issuer"),
        (format!("STSExchange jwt '{key}' 'scope=a'; {target}"), "scope"),
        (format!("STSExchange jwt '{key}' 'iss=$host'; {target}"), "%24"),
        (format!("STSExchange otx %%STS%% 'a=b' '.'; {target}"), "jq"),
        (format!("{KEY} STSActorToken $a; {target}"), "STSActorToken"),
        (format!("{KEY} STSRequestParameter a b; {target}"), "STSRequestParameter"),
        (format!("{KEY} STSJWTClaim a b; STSJWTClaim a c; {target}"), "given twice"),
        (format!("{KEY} STSJWTClaim a s3cr3t number; {target}"), "number"),
        (format!("{KEY} STSJWTClaim a s3cr3t bool; {target}"), "boolean"),
        (format!("{KEY} STSJWTClaim a '{{' json; {target}"), "JSON"),
        (format!("{KEY} STSJWTLifetime 0; {target}"), "1000ms"),
        (format!("{KEY} STSJWTLifetime 1500ms; {target}"), "whole seconds"),
        (format!("{KEY} STSJWTLifetime 60 exp; {target}"), "nbf"),
        (format!("{KEY} STSJWTType jwt; {target}"), "at+jwt"),
        (format!("{KEY} STSJWTAudience a; STSJWTAudience a; {target}"), "twice"),
        (format!("STSType jwt; STSJWTKeyFile none.jwk; {target}"), "none.jwk"),
        (format!("STSType jwt; STSJWTKeyFile key.jwk key.jwk; {target}"), "another file"),
    ] {
        refused(&key, &directives, &[part]);
    }
}

#[test]
fn each_directive_is_named_with_what_is_wrong_and_what_to_write() {
    let key = named("a");
    let other = "STSType jwt; STSVariables $target;";
    for (directives, parts) in [
        // The key.
        (other, &["\"jwt\"", "needs a key", "\"STSJWTKeyFile\""][..]),
        (
            "STSType jwt; STSJWTKeyFile ''; STSVariables $t;",
            &["STSJWTKeyFile", "must not be empty"],
        ),
        ("STSType jwt; STSJWTKeyFile none.jwk; STSVariables $t;", &["STSJWTKeyFile", "none.jwk"]),
        // A directory is no file.
        ("STSType jwt; STSJWTKeyFile .; STSVariables $t;", &["STSJWTKeyFile"]),
        ("STSType jwt; STSJWTKeyFile bad.jwk; STSVariables $t;", &["STSJWTKeyFile", "bad.jwk"]),
        (
            "STSType jwt; STSJWTKeyFile key.jwk bad.jwk; STSVariables $t;",
            &["STSJWTKeyFile", "bad.jwk"],
        ),
        ("STSType jwt; STSJWTKeyFile a b c; STSVariables $t;", &["STSJWTKeyFile", "arguments"]),
        ("STSType jwt; STSJWTKeyFile a; STSJWTKeyFile b;", &["STSJWTKeyFile", "duplicate"]),
        // The others.
        ("STSJWTAlgorithm RS1;", &["STSJWTAlgorithm", "\"RS1\"", "\"RS256\"", "\"EdDSA\""]),
        ("STSJWTAlgorithm es256;", &["STSJWTAlgorithm", "\"ES256\""]),
        ("STSJWTIssuer '';", &["STSJWTIssuer", "must not be empty"]),
        ("STSJWTIssuer a; STSJWTIssuer b;", &["STSJWTIssuer", "duplicate"]),
        ("STSJWTSubject '';", &["STSJWTSubject", "must not be empty"]),
        ("STSJWTAudience '';", &["STSJWTAudience", "must not be empty"]),
        ("STSJWTLifetime never;", &["STSJWTLifetime"]),
        ("STSJWTLifetime 25h;", &["STSJWTLifetime", "86400000ms"]),
        ("STSJWTClaim a b text;", &["STSJWTClaim", "\"text\"", "\"json\""]),
        ("STSJWTClaim '' b;", &["STSJWTClaim", "name of a claim"]),
        ("STSJWTClaim a;", &["STSJWTClaim", "arguments"]),
        ("STSJWTType at;", &["STSJWTType", "\"at\"", "\"at+jwt\""]),
        ("STSJWTFilter '.a |';", &["STSJWTFilter"]),
        ("STSJWTFilter 'range(9)';", &["STSJWTFilter", "range"]),
        ("STSJWTFilter 'def f: f; f';", &["STSJWTFilter", "f"]),
        ("STSJWTFilter 'input';", &["STSJWTFilter", "input"]),
    ] {
        let directives = match directives.contains("STSType") {
            true => directives.to_owned(),
            false => format!("STSType jwt; STSJWTKeyFile key.jwk; {directives} STSVariables $t;"),
        };
        let scene = Scene::new();
        let server = format!("location / {{ {directives} proxy_pass %%BACKEND%%; }}");
        let checked = nginx(&scene, &key).file("bad.jwk", "s3cr3t").server(&server).check();
        assert!(!checked.ok, "{directives}");
        let fault = checked.output.lines().find(|line| line.contains("[emerg]")).unwrap();
        for part in parts.iter().chain(&["nginx.conf:"]) {
            assert!(fault.contains(part), "{part:?} is not in: {fault}");
        }
        assert!(!checked.output.contains("s3cr3t"), "{fault}");
    }
}

#[test]
fn a_long_key_of_rsa_is_warned_of() {
    let scene = Scene::new();
    let key = openssl::rsa::Rsa::generate(3072).unwrap().private_key_to_pem().unwrap();
    let server = format!("location / {{ {KEY} STSVariables $target; proxy_pass %%BACKEND%%; }}");
    let checked = nginx(&scene, "").file("key.jwk", key).server(&server).check();
    assert!(checked.ok && checked.output.contains("3072 bits"), "{}", checked.output);
}

#[test]
fn a_key_that_the_workers_cannot_read_is_warned_of() {
    if !nix::unistd::geteuid().is_root() {
        // Then the workers run as the user that reads the configuration.
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    let set = |path: &Path, mode| {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    };
    fs::write(path("key.jwk"), named("a")).unwrap();
    let text = format!(
        "daemon off; pid %%PREFIX%%/nginx.pid; error_log %%PREFIX%%/error.log; user daemon daemon;
        %%LOAD_MODULE%% events {{}}
        http {{ access_log off; server {{ listen 127.0.0.1:%%PORT%%; location / {{
            STSType jwt; STSJWTKeyFile {0}/key.jwk {0}/next.jwk; STSVariables $target;
        }} }} }}",
        directory.path().display()
    );
    let warned = || {
        let checked = e2e::nginx::Nginx::builder().whole(&text).check();
        assert!(checked.ok, "{}", checked.output);
        ["key.jwk", "next.jwk"].map(|name| {
            let mut lines = checked.output.lines();
            lines.any(|line| line.contains("not readable") && line.contains(name))
        })
    };
    set(directory.path(), 0o755);
    set(&path("key.jwk"), 0o644);
    // The next key may be missing, and workers see when it comes.
    assert_eq!(warned(), [false, false]);
    set(directory.path(), 0o700);
    assert_eq!(warned(), [true, true]);
    set(directory.path(), 0o755);
    fs::write(path("next.jwk"), named("b")).unwrap();
    set(&path("next.jwk"), 0o600);
    assert_eq!(warned(), [false, true]);
    set(&path("next.jwk"), 0o644);
    assert_eq!(warned(), [false, false]);
}
