//! What no expression may have in it: more than the claims, a way back to itself, an unknown name.
#![expect(clippy::panic, reason = "what fails here is a test")]

use serde_json::{Map, Value, json};
use sts_filter::{Filter, Limits};

fn refusal(expression: &str) -> String {
    match Filter::compile(expression) {
        Ok(_) => panic!("{} is accepted", expression.get(..200).unwrap_or(expression)),
        Err(error) => error.to_string(),
    }
}

#[test]
fn a_filter_sees_nothing_but_the_claims() {
    for expression in [
        "input",
        "[inputs]",
        "first(inputs)",
        "env",
        "env.PATH",
        "$ENV",
        "$ENV.PATH",
        "halt",
        "halt_error",
        "halt_error(1)",
        "debug",
        "debug(\"x\")",
        "stderr",
        "now",
        "localtime",
        "input_filename",
        "input_line_number",
        "$__prog_args",
        "$__loc__",
        "get_search_list",
        "modulemeta",
        "builtins",
        "splits(\"a\")",
        "strftime(\"%Y\")",
        "todate",
        "infinite",
        "nan",
        "@sh",
        "@csv \"\\(.a)\"",
        "getpath::x",
        "a::b",
        "$a::b",
        "_paths",
        "_sort_by(.)",
        "import \"a\" as a; .",
        "include \"a\"; .",
        "module {}; .",
        "import \"a\" as $a; .",
        "range(3)",
        "range(0; 3)",
        "range(0; 3; 1)",
        "repeat(.)",
        "while(. < 3; . + 1)",
        "until(. > 3; . + 1)",
        "recurse",
        "recurse(.[]?)",
        "recurse(.; true)",
        "..",
        "[..]",
        "combinations",
        "tostream",
        "fromstream(.)",
        "limit(3; repeat(.))",
        "def f: input; f",
        "try halt catch .",
        "if true then . else input end",
        "{a: env}",
        "\"\\(env)\"",
        ". as [$a, {b: env}] | .",
        "reduce inputs as $x (0; .)",
        "path(..)",
        "del(..)",
        ". |= env",
        "error(env)?",
        ".[env]",
        "input_debug",
        "$x",
        "ltrimstr",
        "test(.a)",
        "sub(.a; \"\")",
        "test(\"\\(.a)\")",
        "@base32d",
        "getpath",
        "first(",
        "",
    ] {
        refusal(expression);
    }
}

#[test]
fn what_is_refused_says_why_and_where() {
    for (expression, message) in [
        (
            ".a | input",
            "input is not available: a filter sees the claims and nothing else, at character 6 (`input`)",
        ),
        (
            "$ENV.HOME",
            "$ENV is not available: a filter does not see the environment; let the claims hold what it needs, at character 1 (`$ENV.HOME`)",
        ),
        (
            "{a: range(10)}",
            "range is not available: a filter goes over what the claims have, by .[], map or reduce, at character 5 (`range(10)}`)",
        ),
        (
            "[..]",
            ".. is not available: a filter does not recurse; paths and walk go over all values, at character 2 (`..]`)",
        ),
        (
            "\"a..b\" | {a: \"\\([..])\"}",
            ".. is not available: a filter does not recurse; paths and walk go over all values, at character 18 (`..])\"}`)",
        ),
        ("foo(1; 2)", "the filter foo/2 is unknown, at character 1 (`foo(1; 2)`)"),
        ("{é: 1, \"é\": $y}", "closing brace is expected, at character 2 (`é: 1, \"é\": $y}`)"),
        ("{\"é\": $y}", "the variable $y is unknown, at character 7 (`$y}`)"),
        (
            "def f: 1 + f;\nf",
            "f calls itself; a definition must not, at line 1, character 12 (`f;`)",
        ),
        (
            ". |\n  test(.x)",
            "the regular expression of test must be a string without variable parts, at line 2, character 3 (`test(.x)`)",
        ),
        ("{a: 1", "closing brace is expected, at character 6 (the end)"),
        (".a b", "an operator or the end is expected, at character 4 (`b`)"),
        ("if . then 1", "else or end is expected, at character 12 (the end)"),
        (
            "18446744073709551616",
            "the number 18446744073709551616 cannot be kept exactly, at character 1 (`18446744073709551616`)",
        ),
        ("1e999", "the number 1e999 cannot be kept exactly, at character 1 (`1e999`)"),
        (
            "import \"a\" as a; .",
            "import is not available: a filter reads no files, at character 1 (`import \"a\" as a; .`)",
        ),
        ("break $x", "no label $x is around this, at character 7 (`$x`)"),
        (
            "test(\"a\"; \"q\")",
            "a regular expression has the flags g, i and x, in a string, at character 1 (`test(\"a\"; \"q\")`)",
        ),
        (
            "test(\"a{1000}{1000}\")",
            "the regular expression is too large, at character 1 (`test(\"a{1000}{1000}\")`)",
        ),
    ] {
        assert_eq!(refusal(expression), message, "{expression}");
    }
    assert!(refusal("test(\"(\")").starts_with("the regular expression is not valid: "));
    assert_eq!(refusal(&".".repeat(5000)), "the expression has more than 4096 bytes");
}

#[test]
fn a_definition_never_comes_back_to_itself() {
    for expression in [
        "def f: f; f",
        "def f: 1 + f; f",
        "def f: ., f; f",
        "def f: def g: f; g; f",
        "def f: def g: def h: f; h; g; f",
        "def f(g): g; def h: f(h); h",
        "def f(g): f(g); f(.)",
        "def f($x): f($x + 1); f(0)",
        "def f(g): def h: f(h); g; f(.)",
        "def map(f): map(f | f); map(.)",
        "def f: 1; def f: f + 1; f",
        "def f: [.[]? | f]; f",
        "def f: reduce .[] as $x (0; f); f",
        "def f: if . then f else . end; f",
        "def f: try f catch f; f",
        "def f: label $out | f; f",
        "def f: \"\\(f)\"; f",
        "def f: {a: f}; f",
        "def f: .[f]?; f",
        "def f: path(f); f",
    ] {
        let message = refusal(expression);
        assert!(message.contains("calls itself"), "{expression}: {message}");
    }
    // A name that is not known yet is not known.
    assert!(refusal("def f: g; def g: f; f").contains("g/0 is unknown"));
    // The same name for another, and the same definition within its argument, are no recursion.
    for expression in [
        "def f: def f: {a: 1}; f; f",
        "def f: {a: 1}; def f(x): f; f(.)",
        "def f(x): x; f(f(f({a: 1})))",
        "def f(x): x; def g(x): f(x | f(x)); g(g({a: 1}))",
    ] {
        let filter = Filter::compile(expression).unwrap();
        let output = filter.run(&Map::new(), &Limits::default()).map(Value::Object);
        assert_eq!(output, Ok(json!({"a": 1})), "{expression}");
    }
}
