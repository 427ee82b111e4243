//! The subcommands that make no exchange.

use std::env;
use std::fs;
use std::io;
use std::path::Path;

use clap::ArgMatches;
use clap_complete::Shell;
use clap_complete::generate_to;
use sts_core::endpoint::Endpoint;
use sts_core::known::Known;

use super::{Streams, flag, token, written};
use crate::call::{self, now};
use crate::cli;
use crate::decode;
use crate::discover::Discovered;
use crate::exchange::Contact;
use crate::exit;
use crate::problem::Problem;
use crate::redact;
use crate::settings::contact;
use crate::settings::option_string::command_line;
use crate::settings::written::{Item, Items, Word};
use crate::show;
use crate::wire::Deadline;

/// Shows what a token says.
pub(super) fn decode(matches: &ArgMatches, streams: &mut Streams<'_>) -> Result<u8, Problem> {
    let token = token(streams)?;
    let decoded = decode::decode(token.expose(), now().wall.0);
    let done = if flag(matches, "json") {
        writeln!(streams.output, "{}", redact::printed(&decoded.json(token.len())))
    } else {
        write!(streams.output, "{}", decoded.text(token.len()))
    };
    Ok(written(done, exit::OK))
}

/// Shows what an issuer says.
pub(super) fn discover(matches: &ArgMatches, streams: &mut Streams<'_>) -> Result<u8, Problem> {
    let text = |name: &str| matches.get_one::<String>(name).map_or("", String::as_str);
    let issuer = text("issuer");
    // What is found at the end of it is added here.
    let issuer = issuer.split("/.well-known/").next().unwrap_or_default();
    let issuer = Endpoint::parse_issuer(issuer)?;
    let contact = contact(&issuer, text("trusted"))?;
    let seconds = matches.get_one::<u64>("timeout").copied().unwrap_or(20);
    let mut wire = None;
    let found = call::discover(&issuer, &contact, &Deadline::new(seconds * 1000), &mut wire);
    let is_json = flag(matches, "json");
    let (metadata, document, at) = match found {
        Ok(found) => found,
        Err(failure) => {
            let code = exit::of(failure.kind);
            let done = if is_json {
                let object = show::json::problem(&failure.reason, code);
                writeln!(streams.output, "{}", redact::printed(&object))
            } else {
                writeln!(
                    streams.errors,
                    "{}: {}: {}",
                    cli::NAME,
                    failure.kind.name(),
                    redact::line(&failure.reason, &Known::nothing())
                )
            };
            return Ok(written(done, code));
        }
    };
    let discovered = Discovered::new(issuer, metadata, document.expose(), &at);
    let done = if is_json {
        writeln!(streams.output, "{}", redact::printed(&discovered.json()))
    } else {
        write!(streams.output, "{}", discovered.text())
    };
    Ok(written(done, exit::OK))
}

/// How an issuer is reached where nothing is said of that but its authority.
fn contact(issuer: &Endpoint, trusted: &str) -> Result<Contact, Problem> {
    let directive = crate::directives::find("STSSSLTrustedCertificate");
    let items = directive.filter(|_| !trusted.is_empty()).map(|directive| Item {
        directive,
        arguments: vec![Word::new(trusted.to_owned())],
        place: command_line(),
    });
    let base = env::current_dir().map_err(|error| Problem::new(error.to_string()))?;
    contact::contact(&Items::new(items.into_iter().collect()), issuer, &base)
}

/// Writes the man page and the completions of shells.
pub(super) fn generate(matches: &ArgMatches, streams: &mut Streams<'_>) -> Result<u8, Problem> {
    let directory = matches.get_one::<String>("directory").map_or("", String::as_str);
    let directory = Path::new(directory);
    let failed = |error: io::Error| {
        Problem::new(format!("\"{}\" cannot be written: {error}", directory.display()))
    };
    fs::create_dir_all(directory).map_err(failed)?;
    clap_mangen::generate_to(cli::command(), directory).map_err(failed)?;
    for shell in [Shell::Bash, Shell::Fish, Shell::Zsh] {
        generate_to(shell, &mut cli::command(), cli::NAME, directory).map_err(failed)?;
    }
    let done = writeln!(streams.output, "{}", directory.display());
    Ok(written(done, exit::OK))
}
