//! The table of what came of a trial.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};

use e2e::interop::installed;
use e2e::nginx::about;

/// What was tried so far.
pub(super) struct Report {
    server: &'static str,
    head: String,
    rows: Vec<(String, String)>,
    failed: Vec<String>,
}

impl Report {
    /// Of a server that runs.
    pub(super) fn new(server: &'static str, title: &str, version: &str) -> Self {
        let about = about().version;
        let nginx = format!("{}.{}.{}", about.0, about.1, about.2);
        let day = jiff::Timestamp::now().strftime("%-d %B %Y");
        let head = format!(
            "## {title}\n\n`SERVER={server} make interop`, {day}: {version}, NGINX {nginx}."
        );
        Self { server, head, rows: Vec::new(), failed: Vec::new() }
    }

    /// Does something and writes down what came of it. What fails does not keep the rest from being tried.
    pub(super) fn step(&mut self, what: &str, work: impl FnOnce() -> String) {
        // Nothing is used again that a panic could leave half done.
        match catch_unwind(AssertUnwindSafe(work)) {
            Ok(result) => {
                println!("{}: {what}: {result}", self.server);
                self.rows.push((what.to_owned(), result));
            }
            Err(_) => {
                println!("{}: {what}: FAILED", self.server);
                self.failed.push(what.to_owned());
            }
        }
    }

    /// Writes the table, if all of it succeeded.
    #[track_caller]
    pub(super) fn finish(self) {
        assert!(self.failed.is_empty(), "{}: failed: {}", self.server, self.failed.join("; "));
        let rows = self.rows.iter().map(|(what, result)| format!("| {what} | {result} |\n"));
        let table =
            format!("{}\n\n| what | result |\n|---|---|\n{}", self.head, rows.collect::<String>());
        let directory = installed().join("results");
        fs::create_dir_all(&directory).expect("the directory of the build is ours");
        fs::write(directory.join(format!("{}.md", self.server)), table).expect("it can be written");
    }
}
