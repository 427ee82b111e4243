//! What a run gives: the first output, or a failure that says nothing of the claims.
#![expect(clippy::panic, clippy::unwrap_used, reason = "what fails here is a test")]

use serde_json::{Map, Value, json};
use sts_filter::{Filter, Limits, RunError};

fn claims() -> Map<String, Value> {
    let claims = json!({
        "sub": "248289761001",
        "email": "Jane.Doe@Example.com",
        "groups": ["app-read", "staff"],
        "exp": 1_700_000_300,
        "verified": true,
        "address": { "country": "NL" },
        "entitlements": [{ "name": "billing" }, { "name": "admin" }],
    });
    claims.as_object().cloned().unwrap()
}

fn run(expression: &str, claims: &Map<String, Value>) -> Result<Map<String, Value>, RunError> {
    let filter =
        Filter::compile(expression).unwrap_or_else(|error| panic!("{expression}: {error}"));
    filter.run(claims, &Limits::default())
}

/// A configuration is read by one thread, and tests run in many.
#[test]
fn a_filter_may_go_to_another_thread() {
    fn may<T: Send + Sync>(_: &T) {}
    may(&Filter::compile("sub(\"a\"; \"\\(.)\") | {a: 1}")
        .unwrap_or_else(|error| panic!("{error}")));
}

#[test]
fn the_first_output_counts_and_it_is_an_object() {
    let claims = claims();
    assert_eq!(run("{a: 1}, {a: 2}", &claims).map(Value::Object), Ok(json!({"a": 1})));
    assert_eq!(run("{a: 1}, error(\"late\")", &claims).map(Value::Object), Ok(json!({"a": 1})));
    assert_eq!(run("empty", &claims), Err(RunError::NoOutput));
    assert_eq!(run(".groups[] | select(. == \"x\")", &claims), Err(RunError::NoOutput));
    for (expression, kind) in [
        (".sub", "string"),
        (".groups", "array"),
        (".exp", "number"),
        ("null, {}", "null"),
        (".verified", "boolean"),
    ] {
        assert_eq!(run(expression, &claims), Err(RunError::NotAnObject(kind)), "{expression}");
    }
}

#[test]
fn a_failure_says_nothing_of_the_claims() {
    let claims = claims();
    for expression in [
        ".sub.x",
        ".groups.a",
        ".address[0]",
        ".sub | error",
        "error(.email)",
        ".sub + .exp",
        ".email | tonumber",
        ".sub | keys",
        ".email | fromjson",
        ".groups | join(1)",
        "{(.exp): 1}",
        ".exp / 0",
        ".email | @base64d",
        "try error(.email) catch error(.)",
        ".sub as [$a] | {$a}",
        ".entitlements | from_entries | error",
    ] {
        let filter = Filter::compile(expression).unwrap_or_else(|error| panic!("{error}"));
        let error = filter.run(&claims, &Limits::default()).unwrap_err();
        assert!(matches!(error, RunError::Failed(_)), "{expression}: {error:?}");
        let said = format!("{error} {error:?}");
        for claim in ["248289761001", "Jane", "Doe", "app-", "1700000", "billing", "admin"] {
            assert!(!said.contains(claim), "{expression}: {said}");
        }
    }
}

#[test]
fn an_error_of_what_comes_later_is_not_caught() {
    let claims = claims();
    for expression in [
        "(try .sub) | error(\"x\")",
        "(.sub?) | error(\"x\")",
        "(.sub // 1) | error(\"x\")",
        "first(.sub) | error(\"x\")",
        "(.address.country? // \"y\") as $x | error($x)",
    ] {
        let failed = RunError::Failed("the expression calls error");
        assert_eq!(run(expression, &claims), Err(failed), "{expression}");
    }
}
