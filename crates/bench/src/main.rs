//! The benchmark: five ways to exchange tokens in NGINX side by side, and instruction counts as a
//! guard. `make bench` and `make bench-check` run it.

mod chart;
mod contestant;
mod count;
mod cpu;
mod figures;
mod gateway;
mod guard;
mod load;
mod machine;
mod message;
mod race;
mod report;
mod scenario;
mod server;
mod stage;
mod token;

use std::path::PathBuf;
use std::process::ExitCode;

/// What stops the benchmark. It is a tool: all errors are handled alike.
pub(crate) type Error = Box<dyn std::error::Error + Send + Sync>;
pub(crate) type Result<T> = std::result::Result<T, Error>;

/// Where things are, and how much is measured.
pub(crate) struct Options {
    pub(crate) nginx: PathBuf,
    pub(crate) module: PathBuf,
    /// The directory `bench` of the project.
    pub(crate) place: PathBuf,
    pub(crate) quick: bool,
    /// Only scenarios whose name holds this.
    pub(crate) only: String,
    /// Where callgrind's own files go, for `callgrind_annotate`.
    pub(crate) keep: Option<PathBuf>,
    /// Accept the instruction counts as they are now.
    pub(crate) update: bool,
}

const USAGE: &str = "usage: sts-bench run|check --nginx FILE --module FILE --place DIRECTORY \
     [--quick] [--only NAME] [--update] [--keep DIRECTORY]\n       sts-bench count NAME TIMES";

fn main() -> ExitCode {
    match run() {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<ExitCode> {
    use lexopt::prelude::{Long, Value};

    let mut options = Options {
        nginx: PathBuf::new(),
        module: PathBuf::new(),
        place: PathBuf::new(),
        quick: false,
        only: String::new(),
        keep: None,
        update: false,
    };
    let mut words = Vec::new();
    let mut parser = lexopt::Parser::from_env();
    while let Some(argument) = parser.next()? {
        match argument {
            Long("nginx") => options.nginx = parser.value()?.into(),
            Long("module") => options.module = parser.value()?.into(),
            Long("place") => options.place = parser.value()?.into(),
            Long("keep") => options.keep = Some(parser.value()?.into()),
            Long("quick") => options.quick = true,
            Long("update") => options.update = true,
            Long("only") => options.only = parser.value()?.to_string_lossy().into_owned(),
            Value(word) => words.push(word.to_string_lossy().into_owned()),
            other => return Err(format!("{}\n{USAGE}", other.unexpected()).into()),
        }
    }
    let words: Vec<_> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["run"] => race::run(&options).map(|()| ExitCode::SUCCESS),
        ["check"] => guard::run(&options),
        ["count", name, times] => count::run(name, times.parse()?).map(|()| ExitCode::SUCCESS),
        _ => Err(USAGE.into()),
    }
}
