//! An exchange that stands on the command line.

use std::env;
use std::path::Path;

use clap::ArgMatches;
use sts_core::secret::Secret;

use super::{Streams, is_secret, show, token, variables};
use crate::call::{self, Brought, now};
use crate::causes::Evidence;
use crate::exchange::{Exchange, Way};
use crate::files;
use crate::problem::Problem;
use crate::settings::build;
use crate::settings::option_string::{self, command_line};
use crate::settings::written::{Item, Items, Word};
use crate::show::literals;
use crate::show::{Leg, Report};

/// Options that are secrets, and what they are written as on a command line.
const SECRETS: [&str; 3] = ["client_secret", "password", "jwk"];

/// Makes the exchange, and shows how it went.
pub(super) fn shown(
    kind: &str,
    matches: &ArgMatches,
    streams: &mut Streams<'_>,
) -> Result<u8, Problem> {
    let given = variables(matches)?;
    let mut exchange = exchange(kind, matches)?;
    let token = match exchange.way {
        Way::Call(_) if !exchange.source.is_needed => Secret::default(),
        _ => token(streams)?,
    };
    if matches!(exchange.way, Way::Mint(_)) {
        exchange.source.is_needed = !token.is_empty();
    }
    let leg = made(exchange, &Brought { token: &token, assertion: None, variables: &given }, None)?;
    Ok(show(matches, &Report { legs: &[leg], verdict: None, notes: &[] }, streams))
}

/// Makes an exchange, and looks for the cause if it fails.
pub(super) fn made(
    exchange: Exchange,
    brought: &Brought<'_>,
    place: Option<String>,
) -> Result<Leg, Problem> {
    let mut outcome = call::run(&exchange, brought)?;
    brought.variables.tell(&mut outcome.known);
    outcome.known.add(brought.token.expose());
    if let Ok(got) = &outcome.result {
        outcome.known.add(got.token.expose());
    }
    let evidence = Evidence::of(&exchange, &outcome, now().wall.0);
    let cause = evidence.and_then(|evidence| evidence.cause());
    Ok(Leg { place, exchange, outcome, cause })
}

fn exchange(kind: &str, matches: &ArgMatches) -> Result<Exchange, Problem> {
    let text = |name: &str| {
        let text = matches.try_get_one::<String>(name).ok().flatten();
        text.map_or("", String::as_str)
    };
    let endpoint = text("endpoint");
    if kind == "jwt" && !endpoint.is_empty() {
        return Err(Problem::new(
            "a private key on the command line is seen by every process of the machine: write '' in its \
             place, and the option jwt_key_file=FILE",
        ));
    }
    let options = match text("options-file") {
        "" => {
            let query = endpoint.split_once('?').map_or("", |(_, query)| query);
            check_values("the query of the endpoint", query, "configure it in a file (-c FILE)")?;
            of_arguments(text("options"))?
        }
        file => {
            let content = files::trimmed(&files::read(Path::new(file))?);
            let text = std::str::from_utf8(content.expose());
            let text = text.map_err(|_| Problem::new(format!("\"{file}\" is not UTF-8")))?;
            Word::new(text.to_owned())
        }
    };
    let mut words = vec![Word::new(kind.to_owned()), Word::new(endpoint.to_owned()), options];
    let expression = text("expression");
    if !expression.is_empty() {
        words.push(Word::new(expression.to_owned()));
    }
    let items = option_string::of_exchange(&words, &command_line())?;
    if text("options-file").is_empty() {
        items.iter().try_for_each(check)?;
    }
    let base = env::current_dir().map_err(|error| Problem::new(error.to_string()))?;
    build::exchange(Items::new(items), &base)?
        .ok_or_else(|| Problem::new("this type makes no exchange"))
}

/// How a secret gets into the options of an exchange.
const BY_FILE: &str = "write $NAME in its place and --var-file NAME=FILE, or all options into a file \
                       (--options-file FILE)";

/// Nothing that the command does not show is taken from a command line.
fn check(item: &Item) -> Result<(), Problem> {
    let Some(what) = literals::secret(item) else { return Ok(()) };
    Err(Problem::new(format!(
        "{what} may be a secret, and what stands on the command line is seen by every process of the machine: \
         {BY_FILE}"
    )))
}

/// What looks like a token is taken from a file only, whatever it is written for.
fn check_values(of: &str, text: &str, remedy: &str) -> Result<(), Problem> {
    let has_words = |text: &str| is_secret(text) || text.split([' ', '&', '=']).any(is_secret);
    let mut pairs = form_urlencoded::parse(text.as_bytes());
    if !has_words(text) && !pairs.any(|(_, value)| has_words(&value)) {
        return Ok(());
    }
    Err(Problem::new(format!(
        "{of} holds what looks like a token, and what stands on the command line is seen by every process of \
         the machine: {remedy}"
    )))
}

/// The options of a command line: what is a secret comes from a file, or from the environment.
fn of_arguments(text: &str) -> Result<Word, Problem> {
    let mut options = Word::new(String::new());
    for pair in text.split('&').filter(|_| !text.is_empty()) {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        if let Some(secret) = SECRETS.iter().find(|secret| **secret == key) {
            return Err(Problem::new(format!(
                "option \"{secret}\": a secret on the command line is seen by every process of the machine: \
                 write {secret}_file=FILE, {secret}_env=NAME for a variable of the environment, or \
                 --options-file FILE"
            )));
        }
        let decoded = form_urlencoded::parse(pair.as_bytes()).next();
        let decoded = Word::new(decoded.map_or_else(String::new, |(_, value)| value.into_owned()));
        check_values(&format!("option \"{}\"", key.escape_debug()), &decoded, BY_FILE)?;
        if !options.is_empty() {
            options.push('&');
        }
        let of_environment = SECRETS.iter().find(|secret| key.strip_suffix("_env") == Some(secret));
        match of_environment {
            Some(secret) => {
                let found = env::var(value).map(Word::new).map_err(|_| {
                    Problem::new(format!("option \"{key}\": the environment has no such variable"))
                })?;
                options.push_str(secret);
                options.push('=');
                form_urlencoded::byte_serialize(found.as_bytes())
                    .for_each(|piece| options.push_str(piece));
            }
            None => options.push_str(pair),
        }
    }
    Ok(options)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_refused_on_the_command_line() {
        for text in ["auth=basic&password=x", "client_secret=a%26", "jwk={}"] {
            let problem = of_arguments(text).err().map(|problem| problem.to_string());
            assert!(
                problem.is_some_and(|it| it.contains("_file=FILE") && !it.contains("=x")),
                "{text}"
            );
        }
        let kept = of_arguments("auth=basic&username=a&password_file=f&client_id=client_secret");
        assert_eq!(
            kept.unwrap().as_str(),
            "auth=basic&username=a&password_file=f&client_id=client_secret"
        );
        assert!(of_arguments("client_secret_env=STS_NO_SUCH_VARIABLE").is_err());
        let path = of_arguments("client_secret_env=PATH").unwrap();
        assert!(path.starts_with("client_secret=") && path.len() > 15);
    }
}
