//! What a token holds.

use e2e::scene::Scene;
use serde_json::{Value, json};

use super::keys::{elliptic, named, rsa, with};
use super::token::{Token, minted};
use super::{location, nginx};

#[test]
fn the_c_modules_form_of_an_exchange_is_read() {
    let scene = Scene::new();
    let key = with(rsa(), "kid", "inline");
    let server = format!(
        "location / {{
            STSExchange jwt '{key}' 'alg=RS256&iss=gateway&sub=service&client_id=shop&aud=https%3A%2F%2Fapi&jq.cache.name=x';
            STSVariables $claims $target_token;
            %%PASS%%
        }}"
    );
    let nginx = nginx(&scene, "").server(&server).start();
    let d = rsa()["d"].as_str().unwrap().to_owned();
    nginx.forbid_in_log(&d);
    let token = minted(&nginx, "/", r#"{"sub":"alice","iss":"x","aud":["x"],"role":"admin"}"#);
    assert_eq!(token.header, json!({ "alg": "RS256", "kid": "inline", "typ": "JWT" }));
    let expected = json!({
        "iss": "gateway", "sub": "service", "client_id": "shop", "aud": "https://api", "role": "admin",
    });
    assert_eq!(token.stable_claims(), expected);
    let time = |name: &str| token.claims[name].as_u64().unwrap();
    assert_eq!(time("exp") - time("iat"), 60);
    assert_eq!(token.claims["jti"].as_str().unwrap().len(), 22);
}

#[test]
fn claims_are_written_one_by_one_and_keep_their_types() {
    let scene = Scene::new();
    let server = "location / {
            STSType jwt;
            STSJWTKeyFile key.jwk;
            STSJWTIssuer https://gateway;
            STSJWTSubject $arg_of_map;
            STSJWTAudience a;
            STSJWTAudience b;
            STSJWTLifetime 600 nbf;
            STSJWTType at+jwt;
            STSJWTClaim device $http_x_device;
            STSJWTClaim level $arg_level number;
            STSJWTClaim strong $arg_strong boolean;
            STSJWTClaim groups $http_x_groups list;
            STSJWTClaim context $http_x_context json;
            STSJWTClaim fixed 'a \"b\"';
            STSJWTClaim nothing $http_x_nothing;
            STSJWTClaim empty '';
            STSVariables $target_token;
            %%PASS%%
        }"
    .replace("$arg_of_map", "$subject");
    let nginx = nginx(&scene, &named("a"))
        .http("map $http_x_subject $subject { default $http_x_subject; }")
        .server(&server)
        .start();
    let response = nginx
        .get("/?level=-1.5&strong=true")
        .header("X-Subject", "alice")
        .header("X-Device", r#"d","admin":true,"x":"\u0000"#)
        .header("X-Groups", r#"staff, "a","admin":true,"b":" , Domain Users"#)
        .header("X-Context", r#"{"tenant":{"id":7}}"#)
        .send();
    let token = Token::seen(response);
    assert_eq!(token.header, json!({ "alg": "ES256", "kid": "a", "typ": "at+jwt" }));
    let mut claims = token.stable_claims();
    let nbf = claims.as_object_mut().unwrap().remove("nbf").unwrap();
    assert_eq!(nbf, token.claims["iat"]);
    let lives = token.claims["exp"].as_u64().unwrap() - token.claims["iat"].as_u64().unwrap();
    assert_eq!(lives, 600);
    let expected = json!({
        "iss": "https://gateway", "sub": "alice", "aud": ["a", "b"],
        "device": r#"d","admin":true,"x":"\u0000"#, "level": -1.5, "strong": true,
        "groups": ["staff", "\"a\"", "\"admin\":true", "\"b\":\"", "Domain Users"],
        "context": { "tenant": { "id": 7 } }, "fixed": "a \"b\"", "empty": "",
    });
    assert_eq!(claims, expected);
}

#[test]
fn written_claims_win_over_those_of_the_source() {
    let scene = Scene::new();
    let settings = "STSJWTKeyFile key.jwk; STSJWTClaim role guest; STSJWTSubject service;";
    let nginx = nginx(&scene, &named("a")).server(&location("/", settings)).start();
    let token = minted(&nginx, "/", r#"{"role":"admin","sub":"alice","kept":[1]}"#);
    let expected = json!({ "role": "guest", "sub": "service", "kept": [1] });
    assert_eq!(token.stable_claims(), expected);
}

#[test]
fn an_earlier_end_of_the_claims_is_kept_and_a_later_one_is_not() {
    let scene = Scene::new();
    let settings = "STSJWTKeyFile key.jwk; STSJWTLifetime 2m;";
    let nginx = nginx(&scene, &named("a")).server(&location("/", settings)).start();
    let token = minted(&nginx, "/", r#"{"exp":99999999999}"#);
    let time = |token: &Token, name: &str| token.claims[name].as_u64().unwrap();
    assert_eq!(time(&token, "exp") - time(&token, "iat"), 120);
    let soon = time(&token, "iat") + 60;
    let token = minted(&nginx, "/", &format!(r#"{{"exp":{soon}}}"#));
    assert_eq!(time(&token, "exp"), soon);
}

#[test]
fn claims_come_from_an_environment_too_and_in_an_encoding() {
    let scene = Scene::new();
    let server = "location / {
            STSType jwt;
            STSJWTKeyFile key.jwk;
            STSAcceptSourceTokenIn environment name=claims&encoding=base64url;
            STSVariables '' $target_token;
            %%PASS%%
        }";
    let nginx = nginx(&scene, &named("a")).server(server).start();
    let token = minted(&nginx, "/", &super::keys::encode(r#"{"sub":"alice"}"#));
    assert_eq!(token.stable_claims(), json!({ "sub": "alice" }));
}

#[test]
fn a_token_goes_where_other_targets_go() {
    let scene = Scene::new();
    let server = "location / {
            STSType jwt;
            STSJWTKeyFile key.jwk;
            STSJWTSubject service;
            STSPassTargetTokenIn header;
            proxy_pass %%BACKEND%%;
        }";
    let nginx = nginx(&scene, &named("a")).server(server).start();
    let response = nginx.get("/").bearer("of-the-client").send();
    let seen = e2e::scene::Seen::by_backend(response);
    let header = seen.header("Authorization").unwrap();
    let token = Token::parse(header.strip_prefix("Bearer ").unwrap().to_owned());
    assert_eq!(token.stable_claims(), json!({ "sub": "service" }));
}

#[test]
fn the_key_of_another_type_decides_on_the_default_of_the_algorithm() {
    let scene = Scene::new();
    let key = elliptic("P-256");
    let server = format!(
        "location / {{
            STSExchange jwt '{key}' 'sub=service';
            STSVariables $target_token;
            %%PASS%%
        }}"
    );
    let nginx = nginx(&scene, "").server(&server).start();
    let token = Token::seen(nginx.get("/").send());
    assert_eq!(token.header["alg"], "ES256");
    assert!(matches!(&token.header["kid"], Value::String(_)));
}
