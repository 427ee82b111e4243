//! Every block of configuration in the documents is one that NGINX accepts.
#![expect(clippy::expect_used, reason = "what fails here is a test")]

use std::fs;
use std::path::PathBuf;

use devsts::pki::Identity;
use e2e::nginx::{Nginx, module, workspace};
use e2e::parallel::in_parallel;

/// What documents take for granted where they do not show it.
const SOURCE: &str = "map $http_authorization $source_token { default ''; }";

/// A block of a document: what follows its fence, and its text.
struct Example {
    place: String,
    context: String,
    text: String,
}

/// The README and all under `docs/`.
fn documents() -> Vec<PathBuf> {
    let root = workspace();
    let mut files = vec![root.join("README.md")];
    let directory = fs::read_dir(root.join("docs")).expect("the documents");
    files.extend(directory.map(|entry| entry.expect("a document").path()));
    files.retain(|file| file.extension().is_some_and(|extension| extension == "md"));
    files
}

/// The blocks that are fenced as configuration.
fn examples() -> Vec<Example> {
    let mut examples = Vec::new();
    for file in documents() {
        let document = fs::read_to_string(&file).expect("a document");
        let mut open: Option<Example> = None;
        for (number, line) in document.lines().enumerate() {
            let fence = line.strip_prefix("```");
            match (&mut open, fence) {
                (None, Some(words)) if words.starts_with("nginx") => {
                    let place = format!("{}:{}", file.display(), number + 1);
                    let context = words.trim_start_matches("nginx").trim().to_owned();
                    open = Some(Example { place, context, text: String::new() });
                }
                (Some(_), Some(_)) => examples.extend(open.take()),
                (Some(example), None) => {
                    example.text.push_str(line);
                    example.text.push('\n');
                }
                (None, _) => {}
            }
        }
        assert!(open.is_none(), "a block of {} has no end", file.display());
    }
    examples
}

/// What is wrong with an example.
fn problem(example: &Example) -> Option<String> {
    let Example { place, context, text } = example;
    let ca = Identity::authority("the document's CA").certificate_pem();
    let builder = Nginx::builder().file("sts-ca.pem", ca).file("logs/access.log", "");
    let builder = match context.as_str() {
        "main" => {
            let module = module().display().to_string();
            let text = text.replace("modules/ngx_http_sts_module.so", &module);
            builder.without_module().main(&text)
        }
        "http" if text.contains("$source_token {") => builder.http(text),
        "http" => builder.http(SOURCE).http(text),
        "server" => builder.http(SOURCE).server(text),
        _ => return Some(format!("{place}: \"nginx {context}\" is no place in a configuration")),
    };
    let checked = builder.check();
    (!checked.ok).then(|| format!("{place}: {}", checked.output))
}

#[test]
fn every_example_is_a_valid_configuration() {
    let examples = examples();
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
