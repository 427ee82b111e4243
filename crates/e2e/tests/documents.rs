//! Every block of configuration in the documents is one that NGINX accepts.

use std::fs;

use devsts::pki::Identity;
use e2e::documents::{Example, documents, examples};
use e2e::nginx::{Nginx, debian_modules, module, workspace};
use e2e::parallel::in_parallel;
use e2e::php::FASTCGI_PARAMS;

/// What documents take for granted where they do not show it.
const SOURCE: &str = "map $http_authorization $source_token { default ''; }
    map $host $claims { default ''; }";

/// What is wrong with an example.
fn problem(example: &Example) -> Option<String> {
    let Example { place, context, text, .. } = example;
    let ca = Identity::authority("the document's CA").certificate_pem();
    let builder = Nginx::builder().file("sts-ca.pem", ca).file("logs/access.log", "");
    let builder = builder.file("fastcgi_params", FASTCGI_PARAMS).file("secrets/sts", "2Federate\n");
    let builder = builder.file("secrets/proxy", "open sesame\n");
    let key = Identity::authority("a key").key_pem();
    let builder = builder.file("secrets/jwt.pem", key).file("users", "");
    let builder = match context.as_str() {
        "main" => {
            let module = module().display().to_string();
            let text = text.replace("modules/ngx_http_sts_module.so", &module);
            builder.without_module().main(&text)
        }
        "http" if text.contains("$source_token {") => builder.http(text),
        "http" => builder.http(SOURCE).http(text),
        "server" => builder.http(SOURCE).server(text),
        "server set-misc" => match debian_modules() {
            Some(modules) => builder.main(&modules).server(text),
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
