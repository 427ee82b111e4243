//! What work on values costs: as much as it takes, and no more.

use serde_json::json;
use sts_filter::{Filter, Limits, RunError};

/// What compares, copies or searches long texts pays for their bytes, also where they are names and where
/// nothing comes of it.
#[test]
fn long_names_and_texts_are_paid_for() {
    let name = "k".repeat(25_000);
    let many: Vec<_> = (0..100).collect();
    let claims = json!({ "o": { name.clone(): {"x": 1} }, "n": name, "a": many, "s": "short" });
    let claims = claims.as_object().cloned().unwrap();
    for expression in [
        ". as $c | {r: [.a[] | $c.o[$c.n]]}",
        ". as $c | {r: [.a[] | $c.o | has($c.n)]}",
        ". as $c | {r: [.a[] | $c.o | getpath([$c.n])]}",
        ". as $c | {r: [.a[] | $c.o | .[$c.n] = 1 | 1]}",
        ". as $c | {r: [.a[] | $c.o | del(.[$c.n]) | 1]}",
        ". as $c | {r: [.a[] | $c.o + $c.o | 1]}",
        ". as $c | {r: [.a[] | $c.o * $c.o | 1]}",
        ". as $c | {r: [.a[] | $c.o | contains($c.o)]}",
        ". as $c | {r: [.a[] | {($c.n): 1} | 1]}",
        ". as $c | {r: [.a[] | $c.o | {\"\\($c.n)\"} | 1]}",
        ". as $c | {r: [.a[] | [{k: $c.n, v: 1}] | from_entries | 1]}",
        ". as $c | {r: [.a[] | $c.o | map_values(1) | 1]}",
        ". as $c | {r: [.a[] | $c.o | walk(select(. != 1 and . != {})) | 1]}",
        ". as $c | {r: [.a[] | $c.n | ltrimstr($c.n + \"x\")]}",
        ". as $c | {r: [.a[] | $c.n | ltrimstr($c.n[1:] + \"x\")]}",
        ". as $c | {r: [.a[] | $c.n | rtrimstr(\"x\" + $c.n[1:])]}",
        ". as $c | {r: [.a[] | $c.s | split($c.n)]}",
        ". as $c | {r: [.a[] | $c.s | startswith($c.n)]}",
        ". as $c | {r: [.a[] | $c | del(.o[].x, .o[].y, .o[].z) | 1]}",
    ] {
        let filter = Filter::compile(expression).unwrap();
        let report = filter.report(&claims, &Limits::default());
        assert_eq!(report.result, Err(RunError::TooManySteps), "{expression}: {}", report.steps);
    }
}

/// A search that stops at the first of many does not go over the others for nothing.
#[test]
fn a_search_in_an_array_ends_where_it_finds() {
    let claims = json!({ "a": vec![0; 15_000], "one": [0] }).as_object().cloned().unwrap();
    for expression in ["{a: (.a - .a)}", "{a: (.a | contains(.))}"] {
        let started = std::time::Instant::now();
        let filter = Filter::compile(expression).unwrap();
        let report = filter.report(&claims, &Limits::default());
        assert!(report.steps > 10_000, "{expression}: {}", report.steps);
        assert!(started.elapsed().as_secs() < 1, "{expression}: {:?}", started.elapsed());
    }
}

/// A match is paid for to its own end, and not the rest of the text again.
#[test]
fn many_matches_are_not_paid_for_twice_over() {
    let text = "ab-cd_ef.".repeat(45);
    let claims = json!({ "t": text, "camel": "aB".repeat(500) }).as_object().cloned().unwrap();
    let steps = |expression: &str| {
        let filter = Filter::compile(expression).unwrap();
        let report = filter.report(&claims, &Limits::default());
        report.result.map(|_| report.steps)
    };
    for expression in [
        "{t: (.t | gsub(\"[^a-zA-Z0-9]\"; \"_\"))}",
        "{t: (.t | gsub(\"[^a-zA-Z0-9]+\"; \"_\"))}",
        "{t: (.t | gsub(\"-|_|\\\\.\"; \"\"))}",
        "{t: (.t | sub(\"(?<x>[a-z]{2})\"; \"\\(.x | ascii_upcase)\"; \"g\"))}",
        "{t: [.t | scan(\"[a-z]+\")]}",
        "{t: [.t | scan(\"(?:[a-z][a-z]?)+\")]}",
        "{t: (.camel[0:400] | gsub(\"(?<x>[A-Z])\"; \"_\\(.x | ascii_downcase)\"))}",
    ] {
        let steps = steps(expression);
        assert!(steps.is_ok_and(|steps| steps < 12_000), "{expression}: {steps:?}");
    }
    // Twice as much text takes twice as many steps.
    let half = steps("{t: (.t[0:200] | gsub(\"[^a-z]\"; \"_\"))}").unwrap();
    let whole = steps("{t: (.t[0:400] | gsub(\"[^a-z]\"; \"_\"))}").unwrap();
    assert!(whole < half * 5 / 2, "{half} and {whole}");
    // These go on to the end of the text for each match.
    for expression in [
        "{t: (.camel | gsub(\"a.*c|a\"; \"_\"))}",
        "{t: (.camel | gsub(\"a(.*c)?\"; \"_\"))}",
        "{t: (.camel | gsub(\"(?:a|B)+?c|a\"; \"_\"))}",
        "{t: (.camel | gsub(\"[aB]*c|a\"; \"_\"))}",
    ] {
        assert_eq!(steps(expression), Err(RunError::TooManySteps), "{expression}");
    }
}
