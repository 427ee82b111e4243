//! The examples of the documents.

use std::fs;
use std::path::{Path, PathBuf};

use crate::nginx::workspace;

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
    let directory = fs::read_dir(root.join("docs")).expect("the documents");
    files.extend(directory.map(|entry| entry.expect("a document").path()));
    files.retain(|file| file.extension().is_some_and(|extension| extension == "md"));
    files
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
