//! Every block of configuration in the documents is one that NGINX accepts.
#![expect(clippy::expect_used, reason = "what fails here is a test")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

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
    // A recipe is whole.
    let source = if place.contains("/docs/recipes") { "" } else { SOURCE };
    let builder = match context.as_str() {
        "main" => {
            let module = module().display().to_string();
            let text = text.replace("modules/ngx_http_sts_module.so", &module);
            builder.without_module().main(&text)
        }
        "http" if text.contains("$source_token {") => builder.http(&text),
        "http" => builder.http(source).http(&text),
        "server" => builder.http(source).server(&text),
        "server set-misc" => match debian_modules() {
            Some(modules) => builder.main(&modules).http(source).server(&text),
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

/// The configurations in a directory and in those below it.
fn configurations(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).expect("a directory of examples");
    let paths = entries.map(|entry| entry.expect("an example").path());
    let (directories, files): (Vec<_>, Vec<_>) = paths.partition(|path| path.is_dir());
    let inner = directories.iter().flat_map(|path| configurations(path));
    let is_configuration = |path: &PathBuf| path.extension().is_some_and(|it| it == "conf");
    inner.chain(files.into_iter().filter(is_configuration)).collect()
}

#[test]
fn logs_and_the_file_of_the_process_are_where_packages_have_them() {
    let mut texts: Vec<(String, String)> = Vec::new();
    for Example { place, text, .. } in documents().iter().flat_map(|file| examples(file)) {
        texts.push((place, text));
    }
    for path in configurations(&workspace().join("examples")) {
        let text = fs::read_to_string(&path).expect("an example");
        texts.push((path.display().to_string(), text));
    }
    let mut found = 0;
    for (place, text) in texts {
        for line in text.lines() {
            let mut words = line.split_whitespace();
            let allowed = match words.next() {
                Some("access_log" | "error_log") => {
                    ["/var/log/nginx/", "/dev/std", "syslog:", "off;"]
                }
                Some("pid") => ["/run/", "/run/", "/run/", "off;"],
                _ => continue,
            };
            let value = words.next().unwrap_or_default();
            found += 1;
            assert!(allowed.iter().any(|start| value.starts_with(start)), "{place}: {line}");
        }
    }
    assert!(found > 15, "only {found} such lines were found");
}

#[test]
fn the_manual_has_every_directive_and_no_other() {
    let source = workspace().join("crates/ngx-http-sts/src/conf/directives.rs");
    let source = fs::read_to_string(source).expect("the table of directives");
    let names = source.split("c\"STS").skip(1).filter_map(|rest| rest.split('"').next());
    let mut known: Vec<String> = names.map(|name| format!("STS{name}")).collect();
    let mut described: Vec<String> = reference().into_keys().collect();
    known.sort();
    described.sort();
    assert_eq!(described, known);
}

/// The page and the section of each directive.
fn reference() -> BTreeMap<String, (String, String)> {
    let mut sections = BTreeMap::new();
    for entry in fs::read_dir(workspace().join("docs/directives")).expect("the reference") {
        let entry = entry.expect("a page of the reference");
        let page = entry.file_name().into_string().expect("a name");
        let text = fs::read_to_string(entry.path()).expect("a page of the reference");
        for section in text.split("\n## STS").skip(1) {
            let section = section.split("\n## ").next().unwrap_or_default();
            let (name, section) = section.split_once('\n').expect("a section");
            let told = (page.clone(), section.to_owned());
            let known = sections.insert(format!("STS{name}"), told);
            assert!(known.is_none(), "STS{name} is described twice");
        }
    }
    sections
}

/// What stands behind one of the four words at the start of a section.
fn fact<'s>(section: &'s str, word: &str) -> &'s str {
    let start = format!("**{word}:** ");
    let line = section.lines().find_map(|line| line.strip_prefix(&start));
    line.unwrap_or_default().trim_end_matches("<br>")
}

#[test]
fn each_directive_has_the_form_of_nginx_and_stands_in_the_index_as_in_its_section() {
    let index =
        fs::read_to_string(workspace().join("docs/directives/README.md")).expect("an index");
    let rows: Vec<&str> = index.lines().filter(|line| line.starts_with("| [STS")).collect();
    let reference = reference();
    assert_eq!(rows.len(), reference.len(), "rows of the index");
    for (name, (page, section)) in &reference {
        let words = section.lines().filter_map(|line| line.strip_prefix("**")?.split(":**").next());
        let words: Vec<&str> = words.take(4).collect();
        assert_eq!(words, ["Syntax", "Default", "Context", "Since"], "{name}");
        assert!(fact(section, "Syntax").starts_with(&format!("`{name}")), "{name}");
        let link = format!("| [{name}]({page}#{}) | ", anchor(name));
        let row = rows.iter().find_map(|row| row.strip_prefix(link.as_str()));
        let row = row.unwrap_or_else(|| panic!("no row begins with {link}"));
        let default =
            fact(section, "Default").replace(&format!("`{name} "), "`").replace(";`", "`");
        let context = fact(section, "Context");
        let context = if context.starts_with("http,") { "any" } else { context };
        let default = default.replace('|', "\\|");
        let text = |text: &str| {
            text.split("](")
                .map(|part| part.split_once(')').map_or(part, |it| it.1))
                .collect::<String>()
        };
        let expected = format!("{default} | {context} | {} |", fact(section, "Since"));
        assert_eq!(text(row), text(&expected), "{name}");
    }
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

/// What differs from line to line.
const ANYTHING: &str = "…";

/// Puts [`ANYTHING`] where a number, or a value between braces, stands.
fn fixed(text: &str) -> String {
    let mut fixed = String::new();
    let mut rest = text;
    while let Some(character) = rest.chars().next() {
        let length = match character {
            '{' => rest.find('}').map_or(rest.len(), |end| end + 1),
            '0'..='9' => rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len()),
            other => other.len_utf8(),
        };
        let (part, behind) = rest.split_at(length);
        let is_value = character == '{' || character.is_ascii_digit();
        fixed.push_str(if is_value { ANYTHING } else { part });
        rest = behind;
    }
    fixed
}

/// The text of a literal of Rust, whose end is in what is given. A line that goes on is one.
fn literal(code: &str) -> String {
    let mut text = String::new();
    let mut rest = code;
    while let Some(at) = rest.find(['"', '\\']) {
        let (before, behind) = rest.split_at(at);
        text.push_str(before);
        let Some(escaped) = behind.strip_prefix('\\') else { return text };
        rest = match escaped.strip_prefix('\n') {
            Some(next) => next.trim_start(),
            None => escaped.strip_prefix('"').map_or(escaped, |next| {
                text.push('"');
                next
            }),
        };
    }
    text
}

/// The lines that the files of a directory write to the log.
fn lines_of_the_log(directory: &Path) -> Vec<String> {
    let mut lines = Vec::new();
    for entry in fs::read_dir(directory).expect("a directory of the code") {
        let path = entry.expect("a file of the code").path();
        if path.is_dir() {
            lines.extend(lines_of_the_log(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let code = fs::read_to_string(&path).expect("a file of the code");
            let literals = code.split("\"sts: ").skip(1).map(literal);
            lines.extend(literals.map(|line| fixed(&line)));
        }
    }
    lines
}

/// Whether a line has the fixed parts of a text, one after the other.
fn has(line: &str, text: &str) -> bool {
    let mut parts = text.split(ANYTHING).filter(|part| !part.trim().is_empty());
    parts.try_fold(line, |rest, part| rest.split_once(part).map(|(_, behind)| behind)).is_some()
}

/// What stands between backquotes in the first column of a table.
fn told(table: &str) -> Vec<String> {
    let cells = table.lines().filter_map(|line| line.strip_prefix("| ")?.split(" | ").next());
    cells.flat_map(|cell| cell.split('`').skip(1).step_by(2)).map(fixed).collect()
}

#[test]
fn each_line_of_the_log_is_in_the_manual_and_no_other() {
    let document = |name: &str| fs::read_to_string(workspace().join(name)).expect("a manual");
    let manual = document("docs/troubleshooting.md");
    let section = manual.split("\n## Failures").nth(1).expect("the section");
    let (failures, others) = section.split_once("\n## Other lines").expect("both tables");
    // Stores and counters have their lines beside what they are about.
    let elsewhere = document("docs/operations.md") + &document("docs/monitoring.md");
    let (failures, others, all) =
        (told(failures), told(others), told(&(manual.clone() + &elsewhere)));
    let mut lines = lines_of_the_log(&workspace().join("crates/ngx-http-sts/src"));
    lines.extend(lines_of_the_log(&workspace().join("crates/sts-nginx/src")));
    // A failure is a line of its own making; its words are in the table of failures.
    lines.retain(|line| line.chars().filter(|c| c.is_alphabetic()).count() > 4);
    assert!(lines.len() > 15, "only {} lines were found", lines.len());

    // A word alone stands in many lines.
    let texts: Vec<_> = all.iter().filter(|text| text.contains(' ')).collect();
    let is_told = |line: &&String| texts.iter().any(|text| has(line, text));
    let untold: Vec<_> = lines.iter().filter(|line| !is_told(line)).collect();
    assert!(untold.is_empty(), "not in docs/troubleshooting.md: {untold:#?}");
    let gone: Vec<_> =
        others.iter().filter(|text| !lines.iter().any(|line| has(line, text))).collect();
    assert!(gone.is_empty(), "no line says so any more: {gone:#?}");

    let reference = document("docs/directives/failure.md");
    let words = reference.split("\n## Failures").nth(1).expect("the failures");
    let words = told(words.split("\n## ").next().expect("its end"));
    let words: Vec<_> = words.iter().filter(|word| !word.contains('$')).collect();
    assert!(words.len() > 10, "only {} words were found", words.len());
    let untold: Vec<_> =
        words.iter().filter(|word| !failures.iter().any(|text| text.starts_with(**word))).collect();
    assert!(untold.is_empty(), "not in docs/troubleshooting.md: {untold:#?}");
}
