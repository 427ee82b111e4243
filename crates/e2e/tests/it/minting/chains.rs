//! A minted token as what another exchange is made of, and another way round.

use std::collections::BTreeSet;

use devsts::{Answer, Script, When};
use e2e::scene::{Scene, Seen};
use serde_json::json;

use super::keys::named;
use super::nginx;
use super::token::{Token, decode};

const ACCOUNT: &str = "
    location @assertion {
        STSType jwt;
        STSJWTKeyFile key.jwk;
        STSJWTIssuer service@project;
        STSJWTSubject service@project;
        STSJWTAudience %%STS%%;
        STSJWTLifetime 5m;
        STSJWTClaim scope 'read write';
        STSVariables $assertion;
    }
    location / {
        STSType jwt_bearer;
        STSEndpoint %%STS%%;
        STSDependsOn @assertion;
        STSVariables $assertion $target_token;
        add_header Status $sts_status always;
        add_header Error $sts_error always;
        %%PASS%%
    }
";

#[test]
fn a_service_account_shows_what_the_gateway_signed() {
    let scene = Scene::with(devsts::Sts::builder().anonymous());
    let nginx = nginx(&scene, &named("a")).server(ACCOUNT).start();
    let response = nginx.get("/").send();
    assert_eq!(response.header("Status"), Some("MISS"));
    let token = Seen::by_backend(response).token();
    let call = scene.only_call();
    let assertion = call.parameter("assertion").unwrap();
    assert!(devsts::is_for(&token, assertion));
    let assertion = Token::parse(assertion.to_owned());
    let expected = json!({
        "iss": "service@project", "sub": "service@project", "aud": scene.sts.endpoint(), "scope": "read write",
    });
    assert_eq!(assertion.stable_claims(), expected);
    let response = nginx.get("/").send();
    assert_eq!(response.header("Status"), Some("HIT"));
    assert_eq!(Seen::by_backend(response).token(), token);
    assert_eq!(scene.sts.calls().len(), 1);
}

#[test]
fn a_failure_to_mint_is_that_of_the_exchange_and_no_call_is_made() {
    let scene = Scene::new();
    let server = ACCOUNT
        .replace("STSJWTLifetime 5m;", "STSJWTLifetime 5m; STSJWTClaim level $arg_level number;");
    let nginx = nginx(&scene, &named("a")).server(&server).start();
    let response = nginx.get("/?level=s3cr3t").send().expect_status(401);
    assert_eq!(response.header("Error"), Some("bad_token"));
    let line = nginx.wait_for_log("bad_token");
    assert!(line.contains("the exchange of \"@assertion\" failed"), "{line}");
    assert!(scene.sts.calls().is_empty());
}

#[test]
fn a_result_of_an_exchange_becomes_a_claim() {
    let scene = Scene::new();
    let server = "
        location @inner {
            %%OTX_INNER%%
            STSVariables $source_token $inner;
        }
        location / {
            STSType jwt;
            STSDependsOn @inner;
            STSJWTKeyFile key.jwk;
            STSJWTClaim inner $inner;
            STSVariables $target_token;
            %%PASS%%
        }";
    let nginx = nginx(&scene, &named("a")).set("OTX_INNER", "%%EXCHANGE%%").server(server).start();
    let token = Token::seen(nginx.get("/").bearer("alice").send());
    assert!(devsts::is_for(token.claims["inner"].as_str().unwrap(), "alice"));
    let other = Token::seen(nginx.get("/").bearer("bob").send());
    assert!(devsts::is_for(other.claims["inner"].as_str().unwrap(), "bob"));
    assert_eq!(Token::seen(nginx.get("/").bearer("alice").send()).text, token.text);
}

#[test]
fn a_token_that_holds_the_result_of_an_exchange_ends_with_it() {
    let scene = Scene::new();
    let server = "
        location @inner { %%EXCHANGE%% STSVariables $source_token $inner; }
        location / {
            STSType jwt;
            STSDependsOn @inner;
            STSJWTKeyFile key.jwk;
            STSJWTLifetime 10m;
            STSJWTClaim inner $inner;
            STSVariables $target_token;
            add_header Status $sts_status always;
            add_header Left $sts_expires_in always;
            %%PASS%%
        }";
    let nginx = nginx(&scene, &named("a")).server(server).start();
    let get = |source: &str| {
        let response = nginx.get("/").bearer(source).send();
        let text = |name| response.header(name).unwrap().to_owned();
        let (status, left) = (text("Status"), text("Left").parse::<u64>().unwrap());
        let token = Token::seen(response);
        let time = |name: &str| token.claims[name].as_u64().unwrap();
        (time("exp") - time("iat"), status, left)
    };
    let (lives, status, left) = get("life-100.alice");
    assert!((95..=100).contains(&lives) && left <= 100 && status == "MISS", "{lives} {left}");
    assert_eq!(get("life-100.alice").1, "HIT");
    // What serves one request makes a token that does as well.
    for _ in 0..2 {
        assert_eq!(get("life-0.alice"), (1, "MISS".to_owned(), 0));
    }
    // A longer life than its own it does not get.
    assert_eq!(get("life-3000.alice").0, 600);
}

/// The ids of the assertions in the calls.
fn ids(scene: &Scene, name: &str) -> Vec<String> {
    let calls = scene.sts.calls();
    let assertions = calls.iter().map(|call| call.parameter(name).unwrap().to_owned());
    let ids = assertions.map(|it| Token::parse(it).claims["jti"].as_str().unwrap().to_owned());
    ids.collect()
}

/// None is there twice.
#[track_caller]
fn assert_distinct(ids: &[String]) {
    let distinct: BTreeSet<_> = ids.iter().collect();
    assert_eq!(distinct.len(), ids.len(), "{ids:?}");
}

#[test]
fn an_assertion_that_is_minted_is_shown_to_an_sts_once() {
    let scene = Scene::with(devsts::Sts::builder().anonymous());
    let server = ACCOUNT.replace("%%PASS%%", "STSRequestParameter scope $arg_scope; %%PASS%%");
    let nginx = nginx(&scene, &named("a")).workers(2).server(&server).start();
    for scope in ["a", "b", "c", "d"] {
        for status in ["MISS", "HIT"] {
            let response = nginx.get(&format!("/?scope={scope}")).send();
            assert_eq!(response.header("Status"), Some(status), "{scope}");
        }
    }
    let ids = ids(&scene, "assertion");
    assert_eq!(ids.len(), 4);
    assert_distinct(&ids);
    // Each token was issued for what was shown for it.
    let calls = scene.sts.calls();
    let token = Seen::by_backend(nginx.get("/?scope=c").send()).token();
    assert!(devsts::is_for(&token, calls[2].parameter("assertion").unwrap()));
}

#[test]
fn a_call_that_is_made_again_shows_another_assertion() {
    let scene = Scene::with(devsts::Sts::builder().anonymous());
    scene.sts.script(When::any().times(2), Script::new().answer(Answer::new(500)));
    let nginx = nginx(&scene, &named("a")).server(ACCOUNT).start();
    for _ in 0..2 {
        nginx.get("/").send().expect_status(502);
    }
    assert_eq!(nginx.get("/").send().header("Status"), Some("MISS"));
    let ids = ids(&scene, "assertion");
    assert_eq!(ids.len(), 3);
    assert_distinct(&ids);
}

#[test]
fn a_minted_token_is_another_one_in_each_call_wherever_it_stands() {
    let scene = Scene::new();
    let issued = json!({ "access_token": "issued", "token_type": "Bearer", "expires_in": 300 });
    scene.sts.script(When::any(), Script::new().answer(Answer::json(200, &issued)));
    let server = "
        location @assertion {
            STSType jwt; STSJWTKeyFile key.jwk; STSJWTSubject gateway; STSVariables $assertion;
        }
        location /parameter {
            STSType cc; STSEndpoint %%STS%%; STSDependsOn @assertion;
            STSRequestParameter assertion_of_gateway $assertion;
            STSRequestParameter scope $arg_scope;
            STSVariables $target_token; %%PASS%%
        }
        location /text {
            STSType cc; STSEndpoint %%STS%%; STSDependsOn @assertion;
            STSRequestParameter assertion_of_gateway \"$assertion\";
            STSRequestParameter note \"of $assertion\";
            STSRequestParameter scope $arg_scope;
            STSVariables $target_token; %%PASS%%
        }
        location /header {
            STSType cc; STSEndpoint %%STS%%; STSDependsOn @assertion;
            STSRequestHeader X-Assertion $assertion;
            STSRequestParameter scope $arg_scope;
            STSVariables $target_token; %%PASS%%
        }
        location /client {
            STSType cc; STSEndpoint %%STS%%; STSDependsOn @assertion;
            STSEndpointAuth private_key_jwt client_id=gateway&client_assertion=@assertion;
            STSRequestParameter scope $arg_scope;
            STSVariables $target_token; %%PASS%%
        }
        location @encoded {
            STSType jwt; STSJWTKeyFile key.jwk; STSJWTSubject gateway; STSVariables $encoded;
            STSTargetEncoding base64url;
        }
        location /encoded {
            STSType cc; STSEndpoint %%STS%%; STSDependsOn @encoded;
            STSRequestParameter assertion_of_gateway $encoded;
            STSRequestParameter scope $arg_scope;
            STSVariables $target_token; %%PASS%%
        }";
    let nginx = nginx(&scene, &named("a")).server(server).start();
    let mut shown = Vec::new();
    for path in ["/parameter", "/text", "/header", "/client", "/encoded"] {
        for scope in ["a", "b"] {
            nginx.get(&format!("{path}?scope={scope}")).send().expect_status(200);
            let calls = scene.sts.calls();
            let call = calls.last().unwrap();
            let token = match path {
                "/header" => call.header("X-Assertion").unwrap(),
                "/client" => call.parameter("client_assertion").unwrap().to_owned(),
                _ => call.parameter("assertion_of_gateway").expect(path).to_owned(),
            };
            if path == "/text" {
                assert_eq!(call.parameter("note"), Some(format!("of {token}").as_str()));
            }
            let token = match path {
                "/encoded" => String::from_utf8(decode(&token)).unwrap(),
                _ => token,
            };
            shown.push(Token::parse(token).claims["jti"].as_str().unwrap().to_owned());
        }
    }
    assert_eq!(shown.len(), 10);
    assert_distinct(&shown);
}
