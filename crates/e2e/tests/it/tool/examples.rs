//! Each example with an exchange, of the documents, of `examples/` and of `demo/`: NGINX and the command make
//! the same calls of it, and the same tokens where the gateway makes them.

mod holder;
mod places;
mod running;

use std::fs;
use std::path::Path;

use e2e::documents::{Example, documents, examples};
use e2e::nginx::workspace;

use places::places;
use running::Running;

/// What is asked for by NGINX and by the command is the same, in each location that has an exchange.
#[track_caller]
fn compare(example: &Example) {
    let running = Running::new(example);
    let Some(nginx) = running.start() else { return };
    let places = places(&nginx.prefix().join("nginx.conf"));
    assert!(!places.is_empty(), "{}: no location has an exchange", example.place);
    for place in &places {
        running.compare(&nginx, place);
    }
}

/// The examples of a document that have an exchange.
fn of_document(file: &Path) -> Vec<Example> {
    let mut found = examples(file);
    found.retain(|example| ["STSType ", "STSExchange "].iter().any(|it| example.text.contains(it)));
    found
}

/// Compares what all examples of a document do.
#[track_caller]
fn compare_all(name: &str) {
    let found = of_document(&workspace().join(name));
    assert!(!found.is_empty(), "{name}");
    found.iter().for_each(compare);
}

#[test]
fn no_example_of_a_document_is_left_out() {
    let here = workspace().join("crates/e2e/tests/it/tool/examples.rs");
    let here = fs::read_to_string(here).expect("this file");
    let mut seen = 0;
    for file in documents() {
        let name =
            file.strip_prefix(workspace()).expect("a document of ours").display().to_string();
        let count = of_document(&file).len();
        seen += count;
        let is_here = here.contains(&format!("compare_all(\"{name}\")"));
        assert_eq!(is_here, count > 0, "{name} has {count} examples with an exchange");
    }
    assert!(seen > 90, "only {seen} examples were found");
}

#[test]
fn the_readme_and_the_reference() {
    compare_all("README.md");
    compare_all("docs/directives/README.md");
    compare_all("docs/directives/authentication.md");
    compare_all("docs/directives/failure.md");
    compare_all("docs/directives/minting.md");
    compare_all("docs/directives/phases.md");
    compare_all("docs/directives/source-and-target.md");
    compare_all("docs/directives/tls-and-connections.md");
    compare_all("docs/directives/wstrust.md");
}

#[test]
fn the_reference_of_exchanges() {
    compare_all("docs/directives/exchange.md");
}

#[test]
fn the_guides() {
    compare_all("docs/migration.md");
    compare_all("docs/operations.md");
    compare_all("docs/quickstart/adfs.md");
    compare_all("docs/quickstart/entra.md");
    compare_all("docs/quickstart/keycloak.md");
    compare_all("docs/quickstart/pingfederate.md");
}

#[test]
fn the_recipes_for_grants() {
    compare_all("docs/recipes/grants.md");
}

#[test]
fn the_recipes_for_carrying_tokens() {
    compare_all("docs/recipes/carry.md");
}

#[test]
fn the_recipes_for_clients() {
    compare_all("docs/recipes/clients.md");
}

#[test]
fn the_other_recipes() {
    compare_all("docs/recipes.md");
    compare_all("docs/recipes/deploy.md");
    compare_all("docs/recipes/in-front.md");
    compare_all("docs/recipes/mcp.md");
    compare_all("docs/recipes/minting.md");
    compare_all("docs/recipes/nodes.md");
    compare_all("docs/recipes/pitfalls.md");
    compare_all("docs/recipes/workloads.md");
}

#[test]
fn the_examples_for_wstrust() {
    compare_all("docs/wstrust.md");
}

#[test]
fn the_examples_for_servers() {
    compare_all("docs/servers.md");
}

/// The names of the directories in one of the workspace, in order.
fn directories(name: &str) -> Vec<String> {
    let entries = fs::read_dir(workspace().join(name)).expect("a directory of ours");
    let entries = entries.map(|entry| entry.expect("an entry"));
    let entries = entries.filter(|entry| entry.path().is_dir());
    let mut names: Vec<String> =
        entries.map(|entry| entry.file_name().into_string().expect("a name")).collect();
    names.sort();
    names
}

#[test]
fn every_scene_of_the_demo() {
    let scenes = directories("demo");
    assert!(scenes.len() >= 6, "{scenes:?}");
    for scene in scenes {
        let place = format!("demo/{scene}/nginx.conf");
        let text = fs::read_to_string(workspace().join(&place)).expect("a scene");
        let lines = text.lines().map(|line| match line.split_once("@STS@") {
            Some((start, _)) => format!("{start}%%STS%%;"),
            None => line.to_owned(),
        });
        let text = lines
            .collect::<Vec<_>>()
            .join("\n")
            .replace("@PORT@", "%%PORT_8080%%")
            .replace("@BACKEND@", "%%BACKEND%%")
            .replace("@PLACE@/pki/ca.crt", "sts-ca.pem")
            .replace("unix:@PLACE@/", "unix:%%PREFIX%%/")
            .replace("@PLACE@/", "");
        compare(&Example { place, heading: String::new(), context: "http".into(), text });
    }
}

#[test]
fn every_whole_configuration() {
    let names = directories("examples");
    assert!(names.len() >= 9, "{names:?}");
    for name in names {
        let place = format!("examples/{name}/nginx.conf");
        let text = fs::read_to_string(workspace().join(&place)).expect("an example");
        let (_, text) = text.split_once("\nhttp {\n").expect("http");
        let text = text.trim_end().strip_suffix('}').expect("the end of http");
        let text = text.replace("listen 127.0.0.1:8083;", "listen 8083;");
        compare(&Example { place, heading: String::new(), context: "http".into(), text });
    }
}
