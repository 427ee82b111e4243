//! Whatever the expression and the claims: a run does not panic, keeps to its limits, and says nothing
//! of the claims when it fails.
#![expect(clippy::unwrap_used, reason = "what fails here is a test")]

use proptest::prelude::*;
use serde_json::{Map, Value};
use sts_filter::{Filter, Limits, RunError};

/// A text that stands in all claims, and in no expression.
const MARK: &str = "marked-claim";

fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        (-3_i64..5).prop_map(Value::from),
        any::<f64>()
            .prop_filter("a whole one becomes an integer", |number| number.fract() != 0.0)
            .prop_map(Value::from),
        "[a-c ,@.]{0,6}".prop_map(Value::from),
        "\\PC{0,6}".prop_map(Value::from),
        Just(Value::from(MARK)),
    ];
    leaf.prop_recursive(5, 60, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map("[a-d]{1,2}", inner, 0..6)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

fn claims() -> impl Strategy<Value = Map<String, Value>> {
    prop::collection::btree_map("[a-d]{1,2}", json(), 0..8)
        .prop_map(|claims| claims.into_iter().collect())
}

/// Expressions that are mostly valid: every name that stands in one is defined around it.
fn expression() -> impl Strategy<Value = String> {
    let around = prop::sample::select(vec![("(", ")"), ("{a: [", "]}"), ("{b: first(", ")}")]);
    (around, part()).prop_map(|((open, close), part)| {
        format!("1 as $x | 2 as $y | def f: .; def g: .a?; label $x | {open}{part}{close}")
    })
}

fn part() -> impl Strategy<Value = String> {
    let leaf = prop::sample::select(vec![
        ".",
        ".a",
        ".b",
        ".c.d",
        ".[]",
        ".a[]",
        ".[0]",
        ".[-1]",
        ".[1:]",
        ".a[:2]?",
        ".[]?",
        "1",
        "0",
        "-1",
        "1.5",
        "1e308",
        "18446744073709551615",
        "\"\"",
        "\"a\"",
        "\"a,b\"",
        "null",
        "true",
        "false",
        "[]",
        "{}",
        "empty",
        "error",
        "$x",
        "f",
        "g",
        "break $x",
        "not",
        "length",
        "keys",
        "to_entries",
        "from_entries",
        "add",
        "sort",
        "unique",
        "reverse",
        "flatten",
        "min",
        "max",
        "paths",
        "tostring",
        "tonumber",
        "tojson",
        "fromjson",
        "@base64",
        "@base64d",
        "@uri",
        "ascii_downcase",
        "trim",
        "floor",
        "abs",
        "type",
        "first",
        "last",
        "any",
        "all",
        "values",
        "strings",
        "test(\"a|b\")",
        "capture(\"(?<a>.)\")",
        "scan(\"[a-c]\")",
        "utf8bytelength",
    ])
    .prop_map(str::to_owned);
    leaf.prop_recursive(6, 48, 4, |inner| {
        let (one, two, three) =
            (inner.clone(), (inner.clone(), inner.clone()), (inner.clone(), inner.clone(), inner));
        let wrap = prop::sample::select(vec![
            ("[", "]"),
            ("(", ")"),
            ("{a: ", "}"),
            ("{(", "): 1}"),
            ("map(", ")"),
            ("select(", ")"),
            ("first(", ")"),
            ("last(", ")"),
            ("path(", ")"),
            ("del(", ")"),
            ("walk(", ")"),
            ("with_entries(", ")"),
            ("map_values(", ")"),
            ("-", ""),
            ("(", ")?"),
            ("try ", ""),
            ("\"x\\(", ")y\""),
            ("@json \"\\(", ")\""),
            ("sort_by(", ")"),
            ("group_by(", ")"),
            ("unique_by(", ")"),
            ("limit(2; ", ")"),
            ("any(", "; .)"),
            ("all(.[]?; ", ")"),
            ("has(", ")"),
            ("contains(", ")"),
            ("split(", ")"),
            ("join(", ")"),
            ("index(", ")"),
            ("getpath([", "])"),
            ("delpaths([[", "]])"),
            ("setpath([", "]; 1)"),
            ("error(", ")"),
            (".[", "]"),
            (".[", ":]"),
            ("def f: ", "; f | f"),
            ("def g(f): f | f; g(", ")"),
            ("def f(f; $x; g; $y): f | g | f; f(", "; 1, 2; .a?; .[]?)"),
            ("label $x | ", ""),
            ("gsub(\"(?<a>[ab])\"; ", ")"),
            ("isempty(", ")"),
            ("add(", ")"),
            ("IN(", ")"),
            ("inside(", ")"),
            ("ltrimstr(", ")"),
            ("flatten(", ")"),
            ("pick(", ")"),
            ("indices(", ")"),
            ("paths(", ")"),
            ("nth(", "; .[]?)"),
            ("min_by(", ")"),
        ]);
        let infix = prop::sample::select(vec![
            " | ",
            ", ",
            " + ",
            " - ",
            " * ",
            " / ",
            " % ",
            " // ",
            " and ",
            " or ",
            " == ",
            " < ",
            " = ",
            " |= ",
            " += ",
            " *= ",
            " //= ",
            " as $x | ",
            " as [$x, $y] | ",
            " as {a: $x} | ",
        ]);
        let outfix = prop::sample::select(vec![
            ("reduce ", " as $x (", "; ", ")"),
            ("foreach ", " as $x (", "; ", ")"),
            ("if ", " then ", " else ", " end"),
            ("{a: ", ", b: ", ", c: ", "}"),
            ("\"\\(", ")\\(", ")\\(", ")\""),
            ("[", ", ", ", ", "]"),
            ("def f($x): ", "; f(", ") | (", ")"),
            ("try (", ") catch (", ") | (", ")"),
        ]);
        prop_oneof![
            (wrap, one).prop_map(|((open, close), term)| format!("{open}{term}{close}")),
            (two, infix).prop_map(|((left, right), infix)| format!("({left}){infix}({right})")),
            (three, outfix).prop_map(|((first, second, third), (a, b, c, d))| {
                format!("{a}({first}){b}({second}){c}({third}){d}")
            }),
        ]
    })
}

fn size(value: &Value) -> usize {
    match value {
        Value::Null | Value::Bool(_) => 5,
        Value::Number(number) => number.to_string().len(),
        Value::String(text) => text.len() + 2,
        Value::Array(items) => 2 + items.iter().map(|item| size(item) + 1).sum::<usize>(),
        Value::Object(fields) => {
            fields.iter().map(|(n, v)| n.len() + 4 + size(v)).sum::<usize>() + 2
        }
    }
}

fn depth(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Value::Object(fields) => 1 + fields.values().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

fn check(expression: &str, claims: &Map<String, Value>, limits: &Limits) {
    let filter = match Filter::compile(expression) {
        Ok(filter) => filter,
        Err(error) => return assert!(!error.to_string().chars().any(char::is_control)),
    };
    let report = filter.report(claims, limits);
    assert!(report.steps <= limits.steps);
    match &report.result {
        Ok(output) => {
            let output = Value::Object(output.clone());
            assert!(size(&output) <= limits.bytes, "too large: {expression}");
            assert!(depth(&output) <= limits.depth, "too deep: {expression}");
            // It is JSON, which reads as the same.
            let text = output.to_string();
            assert_eq!(
                sts_json::read(text.as_bytes(), limits.depth).map(|read| read.to_string()),
                Ok(text)
            );
        }
        Err(error) => assert!(!format!("{error}{error:?}").contains(MARK)),
    }
    // The same again takes the same.
    assert_eq!(filter.report(claims, limits), report);
}

/// On half of the stack that a worker usually has.
fn on_half_a_stack(test: impl FnOnce() + Send + 'static) {
    std::thread::Builder::new().stack_size(4 << 20).spawn(test).unwrap().join().unwrap();
}

fn check_many<S: Strategy>(cases: u32, of: S, check: impl Fn(S::Value)) {
    let config = ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() };
    proptest::test_runner::TestRunner::new(config)
        .run(&of, |value| {
            check(value);
            Ok(())
        })
        .unwrap();
}

#[test]
fn expressions_keep_to_their_limits() {
    on_half_a_stack(|| {
        let good = std::cell::Cell::new(0);
        check_many(256, (expression(), claims()), |(expression, claims)| {
            check(&expression, &claims, &Limits::default());
            let filter = Filter::compile(&expression);
            let result = filter.map(|filter| filter.run(&claims, &Limits::default()));
            good.set(good.get() + u32::from(matches!(result, Ok(Ok(_)))));
        });
        assert!(good.get() > 4, "only {} expressions gave an object", good.get());
    });
}

/// Definitions with many parameters, by name and by value, that call each other in chains.
fn wide() -> impl Strategy<Value = String> {
    let parameters = prop::collection::vec(any::<bool>(), 1..20);
    let bodies =
        prop::sample::select(vec![".", "p0 | p0", "[p0, p0]", ". as [$x] | p0", ".a |= p0"]);
    let arguments = prop::sample::select(vec![".", "1, 2", ".a?", "[.]", "first(.)", "empty"]);
    (parameters, bodies, arguments, 1_usize..5, 1_usize..40).prop_map(
        |(values, body, argument, definitions, calls)| {
            let name = |(number, by_value): (usize, &bool)| match (number, by_value) {
                (1.., true) => format!("$p{number}"),
                _ => format!("p{number}"),
            };
            let names: Vec<_> = values.iter().enumerate().map(name).collect();
            let names = names.join("; ");
            let mut text = format!("def f0({names}): {body}; ");
            for number in 1..=definitions {
                let before = number - 1;
                let first = if number == 1 { argument } else { "p0" };
                let rest = format!("; {argument}").repeat(values.len() - 1);
                text += &format!("def f{number}({names}): f{before}({first}{rest}) | p0; ");
            }
            let rest = "; .".repeat(values.len() - 1);
            text + &vec![format!("f{definitions}(.{rest})"); calls].join(" | ")
        },
    )
}

#[test]
fn wide_definitions_keep_to_their_limits() {
    on_half_a_stack(|| {
        check_many(256, (wide(), claims()), |(expression, claims)| {
            check(&expression, &claims, &Limits::default());
        });
    });
}

#[test]
fn expressions_keep_to_tight_limits() {
    on_half_a_stack(|| {
        let limits = (1_u32..2000, 2_usize..400, 1_usize..6)
            .prop_map(|(steps, bytes, depth)| Limits { steps, bytes, depth });
        check_many(256, (expression(), claims(), limits), |(expression, claims, limits)| {
            check(&expression, &claims, &limits);
        });
    });
}

#[test]
fn any_text_is_an_expression_or_is_not() {
    on_half_a_stack(|| {
        let words = prop::collection::vec(
            "[a-z]{1,8}|[-+*/|=<>.,;:?@$#\\\\\"'(){}\\[\\]0-9 \n]{1,3}",
            0..40,
        );
        check_many(256, words.prop_map(|words| words.concat()), |text| {
            check(&text, &Map::new(), &Limits::default());
        });
        check_many(256, "\\PC{0,60}", |text| check(&text, &Map::new(), &Limits::default()));
    });
}

/// The last step counts, and none after it.
#[test]
fn limits_do_not_change_what_is_within_them() {
    on_half_a_stack(|| {
        check_many(256, (expression(), claims()), |(expression, claims)| {
            let Ok(filter) = Filter::compile(&expression) else { return };
            let report = filter.report(&claims, &Limits::default());
            let exact = Limits { steps: report.steps, ..Limits::default() };
            if report.result != Err(RunError::TooManySteps) {
                assert_eq!(filter.report(&claims, &exact), report, "{expression}");
            }
            let Some(steps) = report.steps.checked_sub(1) else { return };
            let fewer = Limits { steps, ..Limits::default() };
            assert_eq!(filter.run(&claims, &fewer), Err(RunError::TooManySteps), "{expression}");
        });
    });
}

#[test]
fn claims_that_are_not_touched_stay_as_they_are() {
    let filter = Filter::compile("map_values(.) | to_entries | from_entries").unwrap();
    check_many(256, claims(), |claims| {
        let text = Value::Object(claims).to_string();
        let Ok(Value::Object(claims)) = sts_json::read(text.as_bytes(), 64) else { return };
        let output = filter.run(&claims, &Limits::default());
        assert_eq!(output, Ok(claims));
    });
}
