//! What a run gives: the first output, or a failure that says nothing of the claims.
#![expect(clippy::panic, clippy::unwrap_used, reason = "what fails here is a test")]

use serde_json::{Map, Value, json};
use sts_filter::{Filter, Limits, RunError, read_claims};

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

#[test]
fn claims_are_read_strictly() {
    let limits = Limits::default();
    let read = |text: &str| read_claims(text.as_bytes(), &limits).map(Value::Object);
    use sts_filter::ClaimsError::{NotAnObject, NotJson, Number, TooDeep, TooLarge, Twice};
    let id = json!({"id": 18_446_744_073_709_551_615_u64, "n": -9_223_372_036_854_775_808_i64});
    assert_eq!(read(r#" {"id":18446744073709551615,"n":-9223372036854775808} "#), Ok(id));
    for (text, error) in [
        ("", NotJson),
        ("eyJhbGciOiJub25lIn0.e30.", NotJson),
        ("{\"a\":1} {}", NotJson),
        ("{\"a\":NaN}", NotJson),
        ("{\"a\":01}", NotJson),
        ("[]", NotAnObject),
        ("\"x\"", NotAnObject),
        (r#"{"sub":"a","sub":"b"}"#, Twice),
        (r#"{"sub":"a","s\u0075b":"b"}"#, Twice),
        (r#"{"a":[{"b":1,"b":1}]}"#, Twice),
        (r#"{"id":18446744073709551616}"#, Number),
        (r#"{"a":[-9223372036854775809]}"#, Number),
        (r#"{"a":1e999}"#, NotJson),
    ] {
        assert_eq!(read(text), Err(error), "{text}");
    }
    assert!(read(r#"{"a":"18446744073709551616","b":"\\\"18446744073709551616"}"#).is_ok());
    let nested = |levels: usize| format!("{{\"a\":{}{}}}", "[".repeat(levels), "]".repeat(levels));
    assert!(read(&nested(63)).is_ok());
    assert_eq!(read(&nested(64)), Err(TooDeep));
    assert_eq!(read(&format!("{{\"a\":{}", "[".repeat(10_000))), Err(TooDeep));
    let long = |bytes: usize| format!("{{\"a\":\"{}\"}}", "x".repeat(bytes));
    assert!(read(&long(65_536 - 8)).is_ok());
    assert_eq!(read(&long(65_536 - 7)), Err(TooLarge));
}
