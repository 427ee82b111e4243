//! What no expression can do: go on for ever, grow without end, or overflow the stack.
#![expect(clippy::panic, clippy::unwrap_used, reason = "what fails here is a test")]

use serde_json::{Map, Value, json};
use sts_filter::{Filter, Limits, RunError};

fn claims() -> Map<String, Value> {
    let items: Vec<_> = (0..300).collect();
    let claims = json!({ "text": "0123456789abcdef", "items": items, "deep": [[[[1]]]] });
    claims.as_object().cloned().unwrap()
}

/// On half of the stack that a worker usually has.
fn on_half_a_stack(test: impl FnOnce() + Send + 'static) {
    std::thread::Builder::new().stack_size(4 << 20).spawn(test).unwrap().join().unwrap();
}

fn run(expression: &str) -> Result<Map<String, Value>, RunError> {
    let filter =
        Filter::compile(expression).unwrap_or_else(|error| panic!("{expression}: {error}"));
    let limits = Limits::default();
    let report = filter.report(&claims(), &limits);
    assert!(report.steps <= limits.steps);
    report.result
}

#[test]
fn a_run_ends_after_so_many_steps() {
    let twice = "(1, 2) | ".repeat(40);
    let product = (0..20).map(|n| format!("(1, 2) as $x{n} | ")).collect::<String>();
    let doubled =
        (1..30).map(|n| format!("def f{n}: f{}, f{}; ", n - 1, n - 1)).collect::<String>();
    for expression in [
        format!("first({twice} empty)"),
        format!("{twice} empty"),
        format!("[{product} 1]"),
        format!("def f0: empty; {doubled} f29"),
        format!("def f0: .x?; {doubled} [f29]"),
        "{a: [.items[] as $a | .items[] as $b | $a * $b]}".to_owned(),
        "reduce .items[] as $a (0; reduce ([1, 2] | .[]) as $b (.; . + $a) | reduce (1, 2, 3, 4, 5, 6) as $c (.; reduce (1, 2, 3, 4, 5, 6) as $d (.; . + 1)))".to_owned(),
        "[.items[] as $a | .items | index($a)]".to_owned(),
        "[.items | map(. as $a | [1, 2, 3, 4] | map(. + $a)) | add | combine?, .[] as $a | .[] as $b | 1]".replace("combine?, ", ""),
        "any(.items[] as $a | .items[] as $b | $a < 0; .)".to_owned(),
        "{a: {b: (1, 2, 3, 4, 5, 6), c: (1, 2, 3, 4, 5, 6), d: (1, 2, 3, 4, 5, 6), e: (1, 2, 3, 4, 5, 6), f: (1, 2, 3, 4, 5, 6), g: empty}}, \"\\((1, 2, 3, 4, 5, 6)) \\((1, 2, 3, 4, 5, 6)) \\((1, 2, 3, 4, 5, 6)) \\((1, 2, 3, 4, 5, 6)) \\((1, 2, 3, 4, 5, 6)) \\((1, 2, 3, 4, 5, 6))\" | empty".to_owned(),
        ".items as $i | [$i[] | $i - [.]]".to_owned(),
        "[.items[] as $a | .items[] |= $a]".to_owned(),
        "[.items[] as $a | (.items | contains([$a]))]".to_owned(),
        "[.items[] as $a | .items | sort]".to_owned(),
        "[.items[] as $a | .items | map(tostring) | join(\"\")]".to_owned(),
        "[.items[] as $a | (.text * 500 | test(\"(a|b|ab)*c$\"))]".to_owned(),
        ".text * 3000 | test(\"x*x*x*x*x*x*x*y\")".to_owned(),
        "[limit(100000; .items[] as $a | .items[] as $b | $b)]".to_owned(),
        "[.items[] as $a | walk(.)]".to_owned(),
        "[.items[] as $a | [paths]]".to_owned(),
        "[.items[] as $a | del(.items[$a, 0, 1, 2, 3, 4, 5])]".to_owned(),
        "[.items[] as $a | tojson | fromjson]".to_owned(),
        "[foreach .items[] as $a (0; . + 1; [foreach (1, 2, 3, 4, 5, 6, 7) as $b (0; . + 1; [(1, 2, 3, 4) | . * 2])])]".to_owned(),
        "[label $f | .items[] as $a | .items[] | if . < 0 then break $f else . end]".to_owned(),
        "[.items[] as $a | .items[] | try error(\"x\") catch .]".to_owned(),
        "[.items[] as $a | .items[] | .x?]".to_owned(),
    ] {
        assert_eq!(run(&expression).map(drop), Err(RunError::TooManySteps), "{expression}");
        // Neither `try` nor `//` makes anything of it.
        for around in [
            format!("try ({expression}) catch {{}}"),
            format!("(({expression})?), {{}}"),
            format!("(({expression}) // {{}}) // {{}}"),
            format!("first(({expression}), {{}})"),
            format!("label $out | ({expression}), {{}}"),
        ] {
            assert_eq!(run(&around), Err(RunError::TooManySteps), "{around}");
        }
    }
}

#[test]
fn no_value_grows_beyond_its_limit() {
    let double = |by: &str| format!("reduce (.items | .[0:40] | .[]) as $n (.; {by})");
    for expression in [
        double(".text += .text"),
        double(".text |= . + ."),
        double(".text |= . * 2"),
        double(".items += .items"),
        double(".x |= [., .]"),
        double(".x |= {a: ., b: .}"),
        double(".x |= \"\\(.)\\(.)ab\""),
        double(".x |= ({a: .} | .b = .a)"),
        double(". = {a: ., b: .}"),
        double(".text |= ([., .] | join(\"x\"))"),
        double(".text |= ([., .] | add)"),
        double(".text |= gsub(\"(?<x>.)\"; \"\\(.x)\\(.x)\\(.x)\\(.x)\")").replace("0:40", "0:5"),
        double(".text |= @base64").replace("0:40", "0:39"),
        double(".text |= @uri | .text |= . + \"%\"")
            .replace("@uri | .text |= ", "(@uri * 2) | .text |= "),
        double(".text |= (tojson | . + .)"),
        ".text * 1000000".to_owned(),
        ".text * 1e300".to_owned(),
        "1000000000000000 * .text".to_owned(),
        ".text * 18446744073709551615".to_owned(),
        ".x[1000000] = 1".to_owned(),
        ".x[1e300] = 1".to_owned(),
        "setpath([\"x\", 9223372036854775807]; 1)".to_owned(),
    ] {
        let expression = format!("{expression} | try . catch {{}} | {{a: .}}");
        let outcome = run(&expression);
        assert!(
            matches!(outcome, Err(RunError::TooLarge | RunError::TooDeep | RunError::TooManySteps)),
            "{expression}: {outcome:?}"
        );
    }
    // Each of these is one: the size of what is shared counts as often as it stands there.
    for expression in [".text * 1000000", "[.text * 4000, .text * 4000]", ".x[1000000] = 1"] {
        assert_eq!(run(expression), Err(RunError::TooLarge), "{expression}");
    }
}

#[test]
fn no_value_is_deeper_than_its_limit() {
    let nest = |by: &str| format!(".items as $i | {{deep}} | reduce $i[] as $n (.; {by})");
    let path = "\"a\", ".repeat(80);
    for expression in [
        nest("[.]"),
        nest("{a: .}"),
        nest(".deep |= [.]"),
        nest(".deep |= {a: .}"),
        nest("{} + {a: .}"),
        nest("{a: {}} * {a: .}"),
        nest("setpath([\"x\"]; .)"),
        nest("{x: to_entries}"),
        nest("[.] | group_by(0)"),
        format!("setpath([{path} 1]; 1)"),
        format!("delpaths([[{path} 1]]) | setpath([{path} \"b\"]; 1)"),
        "\"[\" * 1000 | fromjson".to_owned(),
        format!("path(getpath([{path} 1]))"),
        format!("getpath([{path} 1]) |= 1"),
    ] {
        assert_eq!(run(&expression), Err(RunError::TooDeep), "{expression}");
        let around = format!("try ({expression}) catch {{}}");
        assert_eq!(run(&around), Err(RunError::TooDeep), "{around}");
    }
}

#[test]
fn calls_are_not_nested_without_end() {
    on_half_a_stack(nest_calls);
}

fn nest_calls() {
    // Each definition calls the one before it twice in a row, so the last one is 2^20 calls deep.
    let twice =
        (1..20).map(|n| format!("def f{n}(g): f{}(f{}(g)); ", n - 1, n - 1)).collect::<String>();
    let expression = format!("def f0(g): g | g; {twice} f19(.)");
    assert_eq!(run(&expression), Err(RunError::TooDeep));
    assert_eq!(run(&format!("try ({expression}) catch .")), Err(RunError::TooDeep));
    // In all ways to nest a call in another.
    let twice =
        "def b(g): a(a(g)); def c(g): b(b(g)); def d(g): c(c(g)); def e(g): d(d(g)); e(e(.))";
    for one in [
        "def a(g): . as [$x] | g | [$x, g];",
        "def a(g): {a: g, b: (g | [g])};",
        "def a(g): (g // g) | try g catch g;",
        "def f($x; g): reduce $x as $y (.; g | g); def a(g): f(.; g);",
        "def a(g): first(g) | [limit(2; g, g)];",
        "def a(g): .x? |= g | g;",
        "def a(g): if g then g | g else g end;",
        "def a(g): \"\\(g | g)\";",
        "def a(g): walk(g | g);",
        "def a(g): label $x | g | g, break $x;",
        "def a(g): foreach g as {a: [$x]} (g; g; g | g);",
        "def a(g): [g | g] | map(g) | sort_by(g);",
    ] {
        let filter = Filter::compile(&format!("{one} {twice}")).unwrap();
        let report = filter.report(&claims(), &Limits { steps: 200_000, ..Limits::default() });
        assert!(report.result.is_err(), "{one}");
    }
}

/// A call that binds many arguments, in a chain of calls, each in what comes after the one before.
#[test]
fn wide_definitions_take_steps_and_levels() {
    on_half_a_stack(|| {
        for parameter in ["a", "$a"] {
            let parameters = vec![parameter; 16].join(";");
            let arguments = vec!["."; 16].join(";");
            for calls in [1, 5, 20, 90] {
                let chain = vec!["g"; calls].join("|");
                let text = format!("def f({parameters}): .; def g: f({arguments}); {chain}");
                let filter = Filter::compile(&text).unwrap();
                let report = filter.report(&claims(), &Limits::default());
                assert!(report.steps >= 16, "{parameter}: {}", report.steps);
                match report.result {
                    Ok(_) => assert!(calls <= 5, "{parameter}: {calls} calls"),
                    Err(error) => assert_eq!(error, RunError::TooDeep, "{parameter}: {calls}"),
                }
            }
        }
    });
}

#[test]
fn a_definition_has_sixteen_parameters_at_most() {
    for (parameters, calls) in [(17, 1), (600, 90), (900, 1)] {
        let expression = format!(
            "def f({}): .; def g: f({}); {}",
            vec!["a"; parameters].join(";"),
            vec!["."; parameters].join(";"),
            vec!["g"; calls].join("|")
        );
        let Err(error) = Filter::compile(&expression) else {
            panic!("{parameters} parameters are accepted");
        };
        assert_eq!(
            error.to_string(),
            "a definition has 16 parameters at most, at character 5 (`f(a;a;a;a;a;a;a;a;a;a;a;`)"
        );
    }
}

#[test]
fn the_deepest_expressions_fit_the_stack() {
    on_half_a_stack(nest_expressions);
}

fn nest_expressions() {
    let brackets = |levels: usize, open: &str, close: &str| {
        format!("{}.{}", open.repeat(levels), close.repeat(levels))
    };
    for (open, close) in [
        ("(", ")"),
        ("[", "]"),
        ("{a: ", "}"),
        ("\"\\(", ")\""),
        (".[", "]"),
        ("first(", ")"),
        ("try (", ")"),
        ("-", ""),
        ("try ", ""),
        ("if . then ", " end"),
        (". as $x | ", ""),
        ("def f: .; ", ""),
        ("label $x | ", ""),
        (". | ", ""),
        (". // ", ""),
        (". + ", ""),
        ("., ", ""),
        ("reduce . as $x (0; ", ")"),
        ("if ", " then . end"),
        (". |= ", ""),
        (". and ", ""),
        ("if . then . elif ", " then . end"),
        ("path(", ")"),
        (". as [$x, ", "] | ."),
        ("map(", ")"),
        ("def f: ", "; ."),
        ("{(\"\\(", ")\"): 1}"),
        ("[[{a: ", "}]]"),
        ("any(", "; .)"),
        ("foreach . as $x (0; ", "; .)"),
        ("limit(1; ", ")"),
        ("walk(", ")"),
        ("with_entries(", ")"),
        ("test(\"a\") | ", ""),
        ("del(", ")"),
        (".a[", "]?"),
        ("error(", ")"),
        ("(", ") | (.)"),
        (".//", ""),
        ("1?,", ""),
        ("def f(a; $b): ", "; f(.; .)"),
        ("def f(a): a | a; f(", ")"),
        ("{\"\\(", ")\"}"),
        (". as {(", "): $x} | ."),
    ] {
        for levels in [20, 40, 48, 49, 100, 150, 160, 161, 199, 201, 400] {
            let expression = brackets(levels, open, close);
            if let Ok(filter) = Filter::compile(&expression) {
                let report = filter.report(&claims(), &Limits::default());
                assert!(report.steps <= 20_000);
            }
        }
        let most = 4000 / (open.len() + close.len());
        if most <= 200 {
            continue;
        }
        let expression = brackets(most, open, close);
        let Err(error) = Filter::compile(&expression) else {
            panic!("{open}{close} is accepted");
        };
        let message = error.to_string();
        assert!(message.contains("too deeply"), "{open}{close}: {message}");
    }
}

/// What has no value in an object takes it from the input; its name is not read twice, and each of its
/// values is one object, as in jq.
#[test]
fn names_within_names_take_no_time_to_read() {
    let nested =
        |levels: usize| format!("{}{}{}", "{\"\\(".repeat(levels), "\"a\"", ")\"}".repeat(levels));
    assert!(Filter::compile(&nested(15)).is_ok());
    assert_eq!(
        run("{\"a1\": 1, \"a2\": 2} | {all: [{\"a\\(1, 2)\", b: (3, 4)}]}").map(Value::Object),
        Ok(json!({"all": [
            {"a1": 1, "b": 3}, {"a1": 1, "b": 4}, {"a2": 2, "b": 3}, {"a2": 2, "b": 4},
        ]}))
    );
}

#[test]
fn the_claims_have_limits_too() {
    let filter = Filter::compile(".").unwrap();
    let mut deep = json!(1);
    for _ in 0..63 {
        deep = json!([deep]);
    }
    let of = |value: Value| Map::from_iter([("a".to_owned(), value)]);
    assert!(filter.run(&of(deep.clone()), &Limits::default()).is_ok());
    assert_eq!(filter.run(&of(json!([deep])), &Limits::default()), Err(RunError::TooDeep));
    let large = of("x".repeat(65_536).into());
    assert_eq!(filter.run(&large, &Limits::default()), Err(RunError::TooLarge));
    let shallow = Limits { depth: 1, ..Limits::default() };
    assert!(filter.run(&of(json!(1)), &shallow).is_ok());
    assert_eq!(filter.run(&of(json!([])), &shallow), Err(RunError::TooDeep));
    // No limit goes beyond what the stack takes.
    let mut deepest = json!(1);
    for _ in 0..200 {
        deepest = json!([deepest]);
    }
    let endless = Limits { steps: u32::MAX, bytes: usize::MAX, depth: usize::MAX };
    assert_eq!(filter.run(&of(deepest), &endless), Err(RunError::TooDeep));
}

#[test]
fn numbers_stay_finite_and_text_stays_text() {
    for expression in [
        "{a: (1e308 * 10)}",
        "{a: (1e308 + 1e308)}",
        "{a: (-1e308 - 1e308)}",
        "{a: (1 / 0)}",
        "{a: (0 / 0)}",
        "{a: (1 % 0)}",
        "{a: (1e308 / 1e-308)}",
        "{a: (\"nan\" | tonumber)}",
        "{a: (\"NaN\" | tonumber)}",
        "{a: (\"Infinity\" | tonumber)}",
        "{a: (\"1e999\" | tonumber)}",
        "{a: (\"+1\" | tonumber)}",
        "{a: (\" 1\" | tonumber)}",
        "{a: (\"0x1\" | tonumber)}",
        "{a: (\"nan\" | fromjson)}",
        "{a: (\"[NaN]\" | fromjson)}",
        "{a: (\"/w==\" | @base64d)}",
        "{a: (\"18446744073709551616\" | tonumber)}",
        "{a: (\"{\\\"a\\\":1,\\\"a\\\":2}\" | fromjson)}",
    ] {
        assert!(matches!(run(expression), Err(RunError::Failed(_))), "{expression}");
    }
}
