//! The examples of the documents.

use std::fs;
use std::path::{Path, PathBuf};

use devsts::pki::Identity;

use crate::nginx::{Builder, workspace};
use crate::php::FASTCGI_PARAMS;

/// A block of a document that is fenced as configuration.
pub struct Example {
    /// The file and the line.
    pub place: String,
    /// The heading that it stands under.
    pub heading: String,
    /// The words behind `nginx` at its fence: which block of NGINX it stands in, and what it needs.
    pub context: String,
    /// The configuration.
    pub text: String,
}

/// The README and all under `docs/`.
///
/// # Panics
/// When there are none.
pub fn documents() -> Vec<PathBuf> {
    let root = workspace();
    let mut files = vec![root.join("README.md")];
    files.extend(under(&root.join("docs")));
    files
}

/// The recipes, in the order of their files.
///
/// # Panics
/// When there are none.
pub fn recipes() -> Vec<Example> {
    let docs = workspace().join("docs");
    let mut files = under(&docs.join("recipes"));
    files.push(docs.join("recipes.md"));
    files.iter().flat_map(|file| examples(file)).collect()
}

/// The documents in a directory and in those below it.
fn under(directory: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(directory).expect("the documents") {
        let path = entry.expect("a document").path();
        if path.is_dir() {
            files.extend(under(&path));
        } else if path.extension().is_some_and(|extension| extension == "md") {
            files.push(path);
        }
    }
    files.sort();
    files
}

/// What an example says with its paths outside of the configuration's directory put inside of it.
pub fn within_prefix(text: &str) -> String {
    [
        ("/var/run/secrets/tokens/", "%%PREFIX%%/tokens/"),
        ("/run/spiffe/", "%%PREFIX%%/tokens/"),
        ("/run/secrets/", "%%PREFIX%%/secrets/"),
        ("/var/log/nginx/", "%%PREFIX%%/logs/"),
    ]
    .iter()
    .fold(text.to_owned(), |text, (outside, inside)| text.replace(outside, inside))
}

/// The files that examples take for granted. What they hold is of no use.
pub fn with_files(builder: Builder) -> Builder {
    let identity = Identity::authority("the document's CA");
    [
        ("fastcgi_params", FASTCGI_PARAMS),
        ("secrets/idp", "idp\n"),
        ("secrets/partner", "partner\n"),
        ("secrets/proxy", "open sesame\n"),
        ("secrets/redis", "s3cret\n"),
        ("secrets/store", "passphrase\n"),
        ("secrets/sts", "2Federate\n"),
        ("secrets/users", "alice:{PLAIN}wonderland\n"),
        ("tokens/sts", "e30.e30.c2ln\n"),
        ("tokens/sts.jwt", "e30.e30.c2ln\n"),
        ("logs/access.log", ""),
        ("users", ""),
    ]
    .into_iter()
    .fold(builder, |builder, (path, content)| builder.file(path, content))
    .file("sts-ca.pem", identity.certificate_pem())
    .file("clients-ca.pem", identity.certificate_pem())
    .file("secrets/gateway.key", identity.key_pem())
    .file("secrets/gateway.pem", identity.certificate_pem())
    .file("secrets/jwt.pem", identity.key_pem())
}

/// The examples of a document.
///
/// # Panics
/// When it cannot be read, or a block has no end.
pub fn examples(file: &Path) -> Vec<Example> {
    let document = fs::read_to_string(file).expect("a document");
    let mut examples = Vec::new();
    let mut heading = "";
    let mut open: Option<Example> = None;
    for (number, line) in document.lines().enumerate() {
        let fence = line.strip_prefix("```");
        match (&mut open, fence) {
            (None, Some(words)) if words.starts_with("nginx") => {
                let place = format!("{}:{}", file.display(), number + 1);
                let context = words.trim_start_matches("nginx").trim().to_owned();
                let heading = heading.to_owned();
                open = Some(Example { place, heading, context, text: String::new() });
            }
            (Some(_), Some(_)) => examples.extend(open.take()),
            (Some(example), None) => {
                example.text.push_str(line);
                example.text.push('\n');
            }
            (None, _) if line.starts_with('#') => heading = line.trim_start_matches('#').trim(),
            (None, _) => {}
        }
    }
    assert!(open.is_none(), "a block of {} has no end", file.display());
    examples
}
