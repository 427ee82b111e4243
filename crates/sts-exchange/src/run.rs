//! What the command does with its arguments.

mod located;
mod one;
mod others;

use std::ffi::OsString;
use std::io::{Read, Write};

use clap::ArgMatches;
use serde_json::Value;
use sts_core::secret::Secret;

use crate::call::now;
use crate::cli;
use crate::exit;
use crate::files;
use crate::problem::Problem;
use crate::redact;
use crate::show::{self, Report};
use crate::values::Given;

/// What the command is connected to.
pub struct Streams<'s> {
    /// The token.
    pub input: &'s mut dyn Read,
    /// A person types there, and so there is no token.
    pub is_terminal: bool,
    /// What was asked for.
    pub output: &'s mut dyn Write,
    /// What went wrong.
    pub errors: &'s mut dyn Write,
}

/// Runs the command with the arguments behind its name. The result is what it exits with.
pub fn run(arguments: impl IntoIterator<Item = OsString>, streams: &mut Streams<'_>) -> u8 {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    if let Some(word) = arguments.first().and_then(|first| first.to_str()).and_then(unknown_command)
    {
        let line = format!(
            "{}: there is no type and no command \"{}\": those that there are stand in --help",
            cli::NAME,
            word.escape_debug()
        );
        return written(writeln!(streams.errors, "{line}"), exit::USAGE);
    }
    let name = OsString::from(cli::NAME);
    let arguments = [name].into_iter().chain(arguments);
    let matches = match cli::command().try_get_matches_from(arguments) {
        Ok(matches) => matches,
        Err(error) => {
            let text = error.render().to_string();
            let (to, code) = if error.use_stderr() {
                (&mut *streams.errors, exit::USAGE)
            } else {
                (&mut *streams.output, exit::OK)
            };
            return written(to.write_all(text.as_bytes()), code);
        }
    };
    let asked = matches.subcommand().map_or(&matches, |(_, matches)| matches);
    let is_json = flag(asked, "json");
    let done = match matches.subcommand() {
        Some(("decode", matches)) => others::decode(matches, streams),
        Some(("discover", matches)) => others::discover(matches, streams),
        Some(("generate", matches)) => others::generate(matches, streams),
        Some((kind, matches)) => one::shown(kind, matches, streams),
        None => located::shown(&matches, streams),
    };
    match done {
        Ok(code) => code,
        Err(problem) => {
            if is_json {
                let object = show::json::problem(&problem.to_string(), exit::BAD_INPUT);
                return written(
                    writeln!(streams.output, "{}", redact::printed(&object)),
                    exit::BAD_INPUT,
                );
            }
            written(writeln!(streams.errors, "{}: {problem}", cli::NAME), exit::BAD_INPUT)
        }
    }
}

/// A first word that is no command, and no location, for which clap would miss other arguments.
fn unknown_command(word: &str) -> Option<&str> {
    let is_known = |word: &str| cli::command().get_subcommands().any(|it| it.get_name() == word);
    (!word.starts_with(['-', '/', '@']) && !is_known(word)).then_some(word)
}

fn flag(matches: &ArgMatches, name: &str) -> bool {
    matches.try_get_one::<bool>(name).ok().flatten().copied().unwrap_or(false)
}

fn written(result: std::io::Result<()>, code: u8) -> u8 {
    result.map_or(exit::NO_OUTPUT, |()| code)
}

/// The values of variables that were given.
fn variables(matches: &ArgMatches) -> Result<Given, Problem> {
    let mut given = Given::default();
    let pairs = |name: &str| -> Vec<(String, String)> {
        let texts = matches.get_many::<String>(name).into_iter().flatten();
        texts
            .map(|text| text.split_once('=').unwrap_or((text, "\0")))
            .map(|(name, value)| (name.trim_start_matches('$').to_owned(), value.to_owned()))
            .collect()
    };
    for (name, value) in pairs("var") {
        if value == "\0" || name.is_empty() {
            return Err(Problem::new("--var is written --var NAME=VALUE"));
        }
        if is_secret(&value) {
            return Err(Problem::new(format!(
                "--var {name}: the value looks like a token, and what stands on the command line is seen by \
                 every process of the machine: write --var-file {name}=FILE"
            )));
        }
        given.add_shown(&name, Secret::new(value));
    }
    for (name, file) in pairs("var-file") {
        if file == "\0" || name.is_empty() {
            return Err(Problem::new("--var-file is written --var-file NAME=FILE"));
        }
        let content = files::read(std::path::Path::new(&file))?;
        given.add(&name, files::trimmed(&content));
    }
    Ok(given)
}

/// Whether a text looks like a token: a JWT, or XML, or what is longer than values of variables are.
fn is_secret(text: &str) -> bool {
    let is_jwt = text.starts_with("ey") && text.matches('.').count() >= 2;
    let has_scheme = ["bearer ", "basic ", "dpop "].iter().any(|scheme| {
        text.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme))
    });
    is_jwt || has_scheme || text.starts_with('<') || text.len() > 512
}

/// The token on standard input; nothing where a person types.
fn token(streams: &mut Streams<'_>) -> Result<Secret, Problem> {
    if streams.is_terminal {
        return Ok(Secret::default());
    }
    files::token(&mut *streams.input)
}

/// Shows how exchanges went, the last of which is the one that was asked for.
fn show(matches: &ArgMatches, report: &Report<'_>, streams: &mut Streams<'_>) -> u8 {
    let at = now().wall.0;
    let Some(last) = report.legs.last() else { return exit::OK };
    let code =
        last.outcome.result.as_ref().err().map_or(exit::OK, |failure| exit::of(failure.kind));
    if flag(matches, "json") {
        let object: Value = show::json::object(report, at);
        return written(writeln!(streams.output, "{}", redact::printed(&object)), code);
    }
    if !flag(matches, "silent") {
        let text = show::text::report(report, at);
        return written(streams.output.write_all(text.as_bytes()), code);
    }
    match &last.outcome.result {
        Ok(got) => {
            let token = got.token.expose();
            let done =
                streams.output.write_all(token).and_then(|()| streams.output.write_all(b"\n"));
            written(done, code)
        }
        Err(failure) => {
            let cause = last.cause.map(|cause| format!(": {}", cause.cause)).unwrap_or_default();
            let reason = redact::line(&failure.reason, &last.outcome.known);
            let line = format!("{}: {}{cause} ({reason})", cli::NAME, failure.kind.name());
            written(writeln!(streams.errors, "{line}"), code)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_looks_like_a_token_is_none_for_the_command_line() {
        for secret in ["eyJh.eyJz.x", "Bearer abc", "basic abc", "<Assertion/>", &"x".repeat(513)] {
            assert!(is_secret(secret), "{secret}");
        }
        for text in ["orders", "10.0.0.1", "https://api.example.com/", "", "eyes", "a.b.c"] {
            assert!(!is_secret(text), "{text}");
        }
    }

    #[test]
    fn the_definition_is_one_that_clap_takes() {
        cli::command().debug_assert();
    }
}
