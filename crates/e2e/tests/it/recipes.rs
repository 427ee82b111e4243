//! The recipes of `docs/recipes.md` and of the pages that it lists, as they stand there.
#![expect(clippy::expect_used, reason = "what fails here is a test")]

mod carry;
mod clients;
mod deploy;
mod grants;
mod in_front;
mod mcp;
mod minting;
mod nodes;
mod pitfalls;
mod run;
mod workloads;

use std::fs;

use e2e::documents::{Example, recipes};
use e2e::nginx::workspace;

#[test]
fn no_recipe_is_without_a_test() {
    let mut tests = String::new();
    for file in fs::read_dir(workspace().join("crates/e2e/tests/it/recipes")).expect("the tests") {
        tests.push_str(&fs::read_to_string(file.expect("a file").path()).expect("a test"));
    }
    let recipes = recipes();
    assert!(recipes.len() > 25);
    for Example { heading, place, .. } in recipes {
        assert!(tests.contains(&format!("\"{heading}\"")), "{place}: {heading}");
    }
}

/// What no recipe shows: a secret in the configuration, a server that is not verified, a capture that
/// is a variable of the whole request.
const UNSAFE: [&str; 6] =
    ["client_secret=", "password=", "jwk=", "ssl_verify=", "STSSSLValidateServer", "(?<"];

#[test]
fn every_recipe_is_the_safe_form() {
    let mut endpoints = 0;
    for Example { place, text, .. } in recipes() {
        for line in text.lines() {
            let bad = UNSAFE.iter().find(|bad| line.contains(**bad));
            assert_eq!(bad, None, "{place}: {line}");
            if line.trim_start().starts_with("STS") && line.contains("Endpoint ") {
                endpoints += 1;
                assert!(line.contains("Endpoint https://"), "{place}: {line}");
            }
        }
    }
    assert!(endpoints > 25, "only {endpoints} endpoints were found");
}
