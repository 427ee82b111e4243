//! What the worst expressions take that were found: the time of a run that reaches its limit, or that
//! nearly does. docs/adr/0019-jq.md has the figures. `cargo run --release --example worst`
#![expect(clippy::print_stdout, reason = "this is what it is for")]

use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};
use sts_filter::{Filter, Limits};

/// Expressions for claims of which `items` are many small values, `text` is a long string, `words`
/// are strings, `object` has many fields and `long` has long names.
const WORST: &[&str] = &[
    // What a gateway does.
    r#"{sub: .text[0:20], groups: (.words[0:20] | map(select(test("^w[0-9]*5$")) | ascii_upcase)), n: 1}"#,
    // Generators.
    "first((1, 2) | (1, 2) | (1, 2) | (1, 2) | (1, 2) | (1, 2) | (1, 2) | (1, 2) | (1, 2) | (1, 2) | (1, 2) | (1, 2) | (1, 2) | (1, 2) | (1, 2) | empty)",
    "reduce (.items[], .items[], .items[]) as $n (0; . + $n)",
    "[.items[] as $a | .items[] | $a + .]",
    "[.items[] as $a | .items[] as $b | {a: $a, b: [$b]}]",
    "[.items[] as $a | .items[] | {\"a\\($a)\": .}]",
    "def f(g): def h(i): g | i | g; h(.); [.items[] | f(f(f(.)))]",
    "1 as $a | 2 as $b | 3 as $c | 4 as $d | 5 as $e | 6 as $f | 7 as $g | 8 as $h | 9 as $i | 10 as $j | 11 as $k | 12 as $l | 13 as $m | 14 as $n | [.items[] as $x | .items[] | $a + $b + $x]",
    "[.items[] | try error(\"x\") catch . // 1]",
    // Copies.
    "reduce .items[] as $n (.; .items += [$n])",
    "reduce .items[] as $n (.; .object += {\"x\\($n)\": $n})",
    "reduce .items[] as $n (.; .object[\"x\"] = $n)",
    "[.items[] as $n | .object + {a: $n} | length]",
    "[.items[] as $n | .object | del(.x1)] | length",
    "[.items[] as $n | .object | to_entries | length]",
    "[.items[] as $n | .object | keys | length]",
    "[.items[] as $n | .object | map_values(1) | length]",
    "[.items[] as $n | .words | sort | length]",
    "[.items[] as $n | .words | unique_by(length) | length]",
    "[.items[] as $n | .words == (.words | reverse)]",
    "[.items[] as $n | .words | contains([\"x\"])]",
    "[.items[] as $n | .words - [\"x\"] | length]",
    "[.items[] as $n | .words | index(\"x\")]",
    "[.items[] as $n | [paths] | length]",
    "[.items[] as $n | walk(1) | length]",
    "[.items[] as $n | .items[] |= 1 | length]",
    "[.items[] as $n | del(.items[3], .items[4], .items[5]) | length]",
    // Strings.
    "[.items[] as $n | .text + .text | length]",
    "[.items[] as $n | .text | ascii_downcase | length]",
    "[.items[] as $n | .text | length]",
    "[.items[] as $n | .text[1:]]",
    "[.items[] as $n | .text | index(\"aaaaaaaaaaaaaaaab\")]",
    "[.items[] as $n | .text | contains(\"aaaaaaaaaaaaaaaab\")]",
    "[.items[] as $n | .text | split(\"\") | length]",
    "[.items[] as $n | .text | split(\"a\") | length]",
    "[.items[] as $n | .text | @base64 | @base64d | length]",
    "[.items[] as $n | .text | @uri | length]",
    "[.items[] as $n | .object | tojson | length]",
    "[.items[] as $n | .object | tojson | fromjson | length]",
    "[.items[] as $n | .words | join(\" \") | length]",
    "[.items[] as $n | \"\\(.text)\\(.text)\" | length]",
    "[.items[] as $n | .text | contains(\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab\")]",
    ".text as $t | [.items[] as $n | \"b\" | split($t)]",
    ".text as $t | [.items[] as $n | $t | split($t[1:] + \"b\") | length]",
    ".text as $t | [.items[] as $n | $t | ltrimstr($t[1:] + \"b\") | length]",
    ".text as $t | [.items[] as $n | $t | rtrimstr(\"b\" + $t[1:]) | length]",
    "(.text | gsub(\"a\"; \" \")) as $t | [.items[] as $n | $t | trim | length]",
    "(\"1\" * 10000 + \".5\") as $t | [.items[] as $n | try ($t | tonumber) catch 1]",
    // Long names.
    ". as $c | .long | keys[0] as $k | [$c.items[] as $n | $c.long[$k]] | length",
    ". as $c | .long | keys[-1] as $k | [$c.items[] as $n | $c.long | has($k)] | length",
    ". as $c | .long | keys[-1] as $k | [$c.items[] as $n | $c.long | .[$k] = 1 | length]",
    "[.items[] as $n | .long | del(.[]) | length]",
    "[.items[] as $n | [.long, .long, .long] | del(.[][]) | length]",
    "[.items[] as $n | .long + .long | length]",
    "[.items[] as $n | .long | contains(.)]",
    "[.items[] as $n | .long == .long]",
    "[.items[] as $n | .long | to_entries | from_entries | length]",
    // Searches in arrays.
    "[.items[] | 0] as $a | [$a + $a + $a + $a + $a + $a + $a + $a | . - . | length]",
    "[.items[] | 0] as $a | [$a + $a + $a + $a + $a + $a + $a + $a | contains(.)]",
    "[.items[] as $n | [.items[] | {k: 1}] | from_entries | length]",
    // Regular expressions.
    "[.items[] as $n | .text | gsub(\"a\"; \"b\") | length]",
    "[.items[] as $n | .text | gsub(\"\"; \"b\") | length]",
    "[.items[] as $n | .text[0:400] | [scan(\"a\")] | length]",
    "[.items[] as $n | .text[0:400] | [scan(\"(a)(a)?(b)?\")] | length]",
    "[.items[] as $n | .text[0:400] | gsub(\"[^b-zA-Z0-9]\"; \"_\") | length]",
    "[.items[] as $n | .text[0:400] | gsub(\"a{1,40}b|a\"; \"_\") | length]",
    "[.items[] as $n | .text[0:400] | gsub(\"a.*b|a\"; \"_\") | length]",
    "[.items[] as $n | .text | test(\"a*a*a*a*a*b\")]",
    "[.items[] as $n | .text[0:100] | test(\"(a|aa|aaa)*b\")]",
    "[.items[] as $n | .text[0:200] | test(\"(x+x+)+y\")]",
    "[.items[] as $n | .text[0:1000] | gsub(\"(?<x>a)\"; \"\\(.x)b\") | length]",
    "[.items[] as $n | .text[0:100] | test(\"[a-z]{1,100}[^a]\"; \"i\")]",
    "[.items[] as $n | .text[0:50] | capture(\"(?<a>a*)(?<b>a*)(?<c>a*)(?<d>a*)(?<e>b|$)\")]",
];

fn claims() -> Map<String, Value> {
    let object: Map<_, _> = (0..500).map(|n| (format!("x{n}"), json!(n))).collect();
    let claims = json!({
        "items": (0..400).collect::<Vec<_>>(),
        "text": "a".repeat(10_000),
        "words": (0..400).map(|n| format!("w{}", n * 7919 % 1000)).collect::<Vec<_>>(),
        "object": object,
        "long": { "x".repeat(2_000): 1, "x".repeat(4_000): 2, "x".repeat(8_000): 3 },
    });
    claims.as_object().cloned().unwrap_or_default()
}

/// Calls that are nested as deeply as they may be, in each of several ways.
const DEEPEST: &[&str] = &[
    "def a(g): g | g; def b(g): a(a(g)); def c(g): b(b(g)); def d(g): c(c(g)); def e(g): d(d(g)); e(e(.))",
    "def a(g): . as [$x] | g | [$x, g]; def b(g): a(a(g)); def c(g): b(b(g)); def d(g): c(c(g)); d(d([1]))",
    "def a(g): {a: g, b: (g | [g])}; def b(g): a(a(g)); def c(g): b(b(g)); c(c(c(c(1))))",
    "def a(g): (g // g) | try g catch g; def b(g): a(a(g)); def c(g): b(b(g)); def d(g): c(c(g)); d(d(.))",
    "def a($x; g): reduce $x as $y (.; g | g); def b(g): a(.; a(.; g)); def c(g): b(b(g)); def d(g): c(c(g)); d(d(.))",
    "def a(g): first(g) | [limit(2; g, g)]; def b(g): a(a(g)); def c(g): b(b(g)); def d(g): c(c(g)); d(d(.))",
    "def a(g): .x? |= g | g; def b(g): a(a(g)); def c(g): b(b(g)); def d(g): c(c(g)); d(d({x: {x: 1}}))",
    "def a(a; b; c; d; e; f; g; h; i; j; k; l; m; n; o; p): a | a; def b: a(.; .; .; .; .; .; .; .; .; .; .; .; .; .; .; .); b | b | b | b | b | b | b | b | b | b | b | b | b | b | b | b | b | b | b | b | b",
    "def a($a; $b; $c; $d; $e; $f; $g; $h; $i; $j; $k; $l; $m; $n; $o; $p): .; def b: a(.; .; .; .; .; .; .; .; .; .; .; .; .; .; .; .); b | b | b | b | b | b | b | b | b | b | b | b | b | b | b | b | b | b | b | b | b",
    "def a(g): if g then g | g else g end; def b(g): a(a(g)); def c(g): b(b(g)); def d(g): c(c(g)); d(d(1))",
];

fn nest(claims: Map<String, Value>) -> std::thread::Result<()> {
    let limits = Limits { steps: u32::MAX / 1000, ..Limits::default() };
    let run = move || {
        for expression in DEEPEST {
            match Filter::compile(expression) {
                Ok(filter) => println!("{:?}: {expression}", filter.run(&claims, &limits).err()),
                Err(error) => println!("{error}: {expression}"),
            }
        }
    };
    println!("on a stack of 1 MiB:");
    match std::thread::Builder::new().stack_size(1 << 20).spawn(run) {
        Ok(thread) => thread.join(),
        Err(error) => Err(Box::new(error)),
    }
}

fn main() {
    let (claims, limits) = (claims(), Limits::default());
    println!("{:>9} {:>7} {:>6}  expression and outcome", "time", "steps", "ns");
    for expression in WORST {
        let filter = match Filter::compile(expression) {
            Ok(filter) => filter,
            Err(error) => {
                println!("{error}: {expression}");
                continue;
            }
        };
        let mut best = Duration::MAX;
        let mut report = filter.report(&claims, &limits);
        for _ in 0..20 {
            let start = Instant::now();
            report = filter.report(&claims, &limits);
            best = best.min(start.elapsed());
        }
        let outcome = match report.result {
            Ok(_) => "done".to_owned(),
            Err(error) => error.to_string(),
        };
        let each = best.as_nanos() / u128::from(report.steps.max(1));
        println!("{best:>9.2?} {:>7} {each:>6}  {expression} ({outcome})", report.steps);
    }
    if nest(claims).is_err() {
        println!("the thread has panicked");
    }
}
