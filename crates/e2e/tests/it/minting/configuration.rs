//! What `nginx -t` says of exchanges that mint.

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
fn a_long_key_of_rsa_is_warned_of() {
    let scene = Scene::new();
    let key = openssl::rsa::Rsa::generate(3072).unwrap().private_key_to_pem().unwrap();
    let server = format!("location / {{ {KEY} STSVariables $target; proxy_pass %%BACKEND%%; }}");
    let checked = nginx(&scene, "").file("key.jwk", key).server(&server).check();
    assert!(checked.ok && checked.output.contains("3072 bits"), "{}", checked.output);
}
