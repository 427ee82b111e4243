//! Expressions that rewrite claims before they are signed.

use e2e::scene::Scene;
use serde_json::json;

use super::keys::named;
use super::token::minted;
use super::{location, nginx};

#[test]
fn a_filter_comes_before_what_the_configuration_says() {
    let scene = Scene::new();
    let filter =
        "{sub: .email, groups: [.groups[] | ascii_downcase], iss: \"filter\", exp: 99999999999}";
    let settings = format!(
        "STSJWTKeyFile key.jwk; STSJWTIssuer gateway; STSJWTClaim email a@example.com; STSJWTFilter '{filter}';"
    );
    let nginx = nginx(&scene, &named("a")).server(&location("/", &settings)).start();
    let token = minted(&nginx, "/", r#"{"groups":["Staff","ADMIN"],"secret":"s3cr3t","sub":"x"}"#);
    let expected =
        json!({ "iss": "gateway", "sub": "a@example.com", "groups": ["staff", "admin"] });
    assert_eq!(token.stable_claims(), expected);
    let lives = token.claims["exp"].as_u64().unwrap() - token.claims["iat"].as_u64().unwrap();
    assert_eq!(lives, 60);
}

#[test]
fn the_fourth_argument_of_an_exchange_is_a_filter() {
    let scene = Scene::new();
    let key = named("a");
    let server = format!(
        "location / {{
            STSExchange jwt '{key}' 'iss=gateway&jq.cache.name=x' '. + {{role: \"user\"}}, {{}}';
            STSVariables $claims $target_token;
            %%PASS%%
        }}"
    );
    let nginx = nginx(&scene, "").server(&server).start();
    let token = minted(&nginx, "/", r#"{"sub":"alice","role":"admin"}"#);
    // The first output counts.
    let expected = json!({ "iss": "gateway", "sub": "alice", "role": "user" });
    assert_eq!(token.stable_claims(), expected);
}

#[test]
fn a_filter_that_fails_gives_no_token_and_tells_no_claim() {
    let scene = Scene::new();
    let filters = [
        (".a + .b", r#"{"a":"s3cr3t","b":1}"#),
        ("error(.a)", r#"{"a":"s3cr3t"}"#),
        (".a", r#"{"a":"s3cr3t"}"#),
        ("empty", r#"{"a":"s3cr3t"}"#),
        ("[.a]", r#"{"a":"s3cr3t"}"#),
        (
            "[.a[] as $x | .a[] as $y | .a[] as $z | .a[] as $w | .a[] as $v | 1] | {n: length}",
            r#"{"s":"s3cr3t","a":[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]}"#,
        ),
        (
            "reduce (.a[], .a[], .a[], .a[]) as $x (.s; . + .) | {s: .}",
            r#"{"s":"s3cr3t","a":[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]}"#,
        ),
    ];
    let mut server = location("/well", "STSJWTKeyFile key.jwk;");
    for (number, (filter, _)) in filters.iter().enumerate() {
        let settings = format!("STSJWTKeyFile key.jwk; STSJWTFilter '{filter}';");
        server.push_str(&location(&format!("/{number}"), &settings));
    }
    let nginx = nginx(&scene, &named("a")).server(&server).start();
    let worker = nginx.worker();
    for (number, (filter, claims)) in filters.iter().enumerate() {
        let request = nginx.get(&format!("/{number}")).header("X-Claims", *claims);
        let response = request.send();
        assert_eq!(response.expect_status(502).header("Error"), Some("bad_answer"), "{filter}");
        let line = nginx.wait_for_log("bad_answer");
        assert!(line.contains("jwt exchange failed: bad_answer"), "{line}");
    }
    // The worker is the same, and other requests go on.
    minted(&nginx, "/well", "{}");
    assert_eq!(nginx.worker(), worker);
}
