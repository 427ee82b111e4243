//! Every block of configuration in the documents is one that NGINX accepts.
#![expect(clippy::expect_used, reason = "what fails here is a test")]

use std::fs;
use std::path::Path;

use e2e::documents::{Example, documents, examples, with_files, within_prefix};
use e2e::nginx::{Nginx, debian_modules, module, workspace};
use e2e::parallel::in_parallel;

/// What documents take for granted where they do not show it.
const SOURCE: &str = "map $http_authorization $source_token { default ''; }
    map $host $claims { default ''; }";

/// What is wrong with an example.
fn problem(example: &Example) -> Option<String> {
    let Example { place, context, text, .. } = example;
    let (builder, text) = (with_files(Nginx::builder()), within_prefix(text));
    let builder = match context.as_str() {
        "main" => {
            let module = module().display().to_string();
            let text = text.replace("modules/ngx_http_sts_module.so", &module);
            builder.without_module().main(&text)
        }
        "http" if text.contains("$source_token {") => builder.http(&text),
        "http" => builder.http(SOURCE).http(&text),
        "server" => builder.http(SOURCE).server(&text),
        "server set-misc" => match debian_modules() {
            Some(modules) => builder.main(&modules).server(&text),
            None => return None,
        },
        _ => return Some(format!("{place}: \"nginx {context}\" is no place in a configuration")),
    };
    let checked = builder.check();
    (!checked.ok).then(|| format!("{place}: {}", checked.output))
}

#[test]
fn every_example_is_a_valid_configuration() {
    let examples: Vec<_> = documents().iter().flat_map(|file| examples(file)).collect();
    assert!(examples.len() > 10, "only {} examples were found", examples.len());
    let problems = in_parallel(4, examples.len(), |number| problem(&examples[number]));
    let problems: Vec<String> = problems.into_iter().flatten().collect();
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn the_manual_has_every_directive_and_no_other() {
    let source = workspace().join("crates/ngx-http-sts/src/conf/directives.rs");
    let source = fs::read_to_string(source).expect("the table of directives");
    let names = source.split("c\"STS").skip(1).filter_map(|rest| rest.split('"').next());
    let mut known: Vec<String> = names.map(|name| format!("STS{name}")).collect();
    let manual = fs::read_to_string(workspace().join("docs/directives.md")).expect("the manual");
    let headings = manual.lines().filter_map(|line| line.strip_prefix("### "));
    let mut described: Vec<String> = headings.map(str::to_owned).collect();
    known.sort();
    described.sort();
    assert_eq!(described, known);
}

/// What a client sets as it likes.
const SET_BY_CLIENTS: [&str; 6] = ["$host", "$http_", "$arg_", "$cookie_", "$request_uri", "$uri"];

#[test]
fn no_example_lets_a_client_choose_what_a_token_is_for() {
    let mut seen = 0;
    for example in documents().iter().flat_map(|file| examples(file)) {
        for line in example.text.lines() {
            let names = ["STSRequestParameter", "params=", "AppliesTo", "applies_to"];
            if !names.iter().any(|name| line.contains(name)) {
                continue;
            }
            seen += 1;
            let by_client = SET_BY_CLIENTS.iter().find(|name| line.contains(**name));
            assert_eq!(by_client, None, "{}: {line}", example.place);
        }
    }
    assert!(seen > 5, "only {seen} lines say what a token is for");
}

/// The anchor that a heading gets: letters, digits, `-` and `_` stay, in lower case.
fn anchor(heading: &str) -> String {
    let kept = heading.chars().filter_map(|letter| match letter {
        ' ' => Some('-'),
        '-' | '_' => Some(letter),
        letter => letter.is_alphanumeric().then_some(letter),
    });
    kept.flat_map(char::to_lowercase).collect()
}

/// The anchors of a document.
fn anchors(file: &Path) -> Vec<String> {
    let text = fs::read_to_string(file).expect("a document");
    let mut is_code = false;
    let mut found = Vec::new();
    for line in text.lines() {
        is_code ^= line.starts_with("```");
        if !is_code && line.starts_with('#') {
            found.push(anchor(line.trim_start_matches('#').trim()));
        }
    }
    found
}

/// What is wrong with where a link of a document leads.
fn dead_link(file: &Path, target: &str) -> Option<String> {
    if target.contains("://") {
        return None;
    }
    let (path, heading) = target.split_once('#').unwrap_or((target, ""));
    let directory = file.parent().expect("a document is in a directory");
    let leads_to = if path.is_empty() { file.to_owned() } else { directory.join(path) };
    let is_there = leads_to.exists()
        && (heading.is_empty() || anchors(&leads_to).iter().any(|known| known == heading));
    (!is_there).then(|| format!("{}: {target}", file.display()))
}

#[test]
fn every_link_of_a_document_leads_to_a_file_and_a_heading_that_are_there() {
    let mut dead = Vec::new();
    let mut seen = 0;
    let others = ["ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md"];
    let others = others.iter().map(|name| workspace().join(name));
    for file in documents().into_iter().chain(others) {
        let text = fs::read_to_string(&file).expect("a document");
        for rest in text.split("](").skip(1) {
            let target = rest.split(')').next().unwrap_or_default();
            seen += 1;
            dead.extend(dead_link(&file, target));
        }
    }
    assert!(seen > 100, "only {seen} links were found");
    assert!(dead.is_empty(), "{}", dead.join("\n"));
}
