//! A minted token as what another exchange is made of, and another way round.

use e2e::scene::{Scene, Seen};
use serde_json::json;

use super::keys::named;
use super::nginx;
use super::token::Token;

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
