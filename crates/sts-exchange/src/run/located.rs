//! The exchange of a location of a configuration.

use std::cell::Cell;
use std::path::Path;

use clap::ArgMatches;
use sts_core::carry::variable;
use sts_core::encoding::Encoding;
use sts_core::secret::Secret;

use super::one::{check_values, made};
use super::{Streams, show, token, variables};
use crate::call::Brought;
use crate::chain::{self, Step};
use crate::conf::locate::{self, Server};
use crate::conf::maps::Scope;
use crate::conf::uri::Target;
use crate::conf::{Configuration, Node};
use crate::exchange::{Exchange, Way};
use crate::problem::Problem;
use crate::show::Leg;
use crate::values::{self, Given};

/// Makes it, and those that it depends on, and shows how they went.
pub(super) fn shown(matches: &ArgMatches, streams: &mut Streams<'_>) -> Result<u8, Problem> {
    let text = |name: &str| matches.get_one::<String>(name).map(String::as_str);
    let mut given = variables(matches)?;
    let prefix = text("prefix").map(Path::new);
    let file = Path::new(text("conf").unwrap_or_default());
    let configuration = Configuration::read(file, prefix)?;
    let asked = text("location").unwrap_or_default();
    let target = (!asked.starts_with('@')).then(|| Target::read(asked)).transpose()?;
    if let Some(target) = &target {
        let remedy = "leave it out of the path and give --var-file arg_NAME=FILE";
        check_values("the query of the location", &target.query, remedy)?;
    }
    let mut servers = locate::servers(&configuration)?;
    let server = match text("server") {
        Some(name) => &*locate::server(&mut servers, name)?,
        None => only(&servers, asked, target.as_ref(), &configuration)?,
    };
    let steps =
        chain::steps(server, location(server, asked, target.as_ref())?, &configuration.directory)?;
    let host = text("server").map(|name| name.split(':').next().unwrap_or_default());
    let host = host.or_else(|| server.names().into_iter().next());
    let input = source_of_input(&steps, &given)?;
    let needs_token = input.is_some();
    let token = if needs_token { token(streams)? } else { Secret::default() };
    let mut legs = Vec::new();
    let mut results: Vec<(String, Secret)> = Vec::new();
    for Step { name, location, mut exchange } in steps {
        if let Some(variable) =
            alone(&exchange.source.text).filter(|_| is_of_input(&exchange, &input))
        {
            given.add(variable, token.clone());
        }
        let scope = Scope {
            given: &given,
            configuration: &configuration,
            target: target.as_ref(),
            host,
            location: &location,
            token: &token,
            depth: Cell::new(0),
        };
        let source = if is_of_input(&exchange, &input) {
            token.clone()
        } else if exchange.source.is_needed {
            values::expand(&exchange.source.text, &scope)?
        } else {
            Secret::default()
        };
        if !exchange.source.accept.is_empty() && !is_of_input(&exchange, &input) {
            exchange.source.accept.clear();
        }
        let assertion = match &exchange.way {
            Way::Call(call) => call.profile.auth.needs_result_of(),
            Way::Mint(_) => None,
        };
        let found = results.iter().find(|(known, _)| Some(known.as_str()) == assertion);
        let assertion = found.map(|(_, token)| token.clone());
        let place = place(&location.way, server);
        let leg = made(
            exchange,
            &Brought { token: &source, assertion: assertion.as_ref(), variables: &scope },
            Some(place),
        )?;
        let got = leg.outcome.result.as_ref().ok().map(|got| got.token.clone());
        let encoded = got.as_ref().map(|got| encoded(&leg, got)).transpose()?;
        let targets = leg.exchange.targets.clone();
        legs.push(leg);
        let (Some(got), Some(encoded)) = (got, encoded) else { break };
        for target in targets {
            given.add(&target, encoded.clone());
        }
        results.extend(name.map(|name| (name, got)));
    }
    Ok(show(matches, &legs, streams))
}

fn location<'c>(
    server: &Server<'c>,
    asked: &str,
    target: Option<&Target>,
) -> Result<locate::Location<'c>, Problem> {
    match target {
        Some(target) => locate::location(server, target),
        None => locate::named(server, asked),
    }
}

/// The only server in which a location for this has an exchange.
fn only<'s, 'c>(
    servers: &'s [Server<'c>],
    asked: &str,
    target: Option<&Target>,
    configuration: &Configuration,
) -> Result<&'s Server<'c>, Problem> {
    if let [server] = servers {
        return Ok(server);
    }
    let has_exchange = |server: &&Server<'c>| {
        let found = location(server, asked, target);
        found.is_ok_and(|location| {
            let kind =
                location.in_force.items.one("STSType").map(|item| item.argument(0).to_owned());
            kind.is_some_and(|kind| kind != "disabled")
        })
    };
    let found: Vec<&Server<'c>> = servers.iter().filter(has_exchange).collect();
    match found.as_slice() {
        [server] => Ok(server),
        [] => Err(Problem::new(format!(
            "no server in \"{}\" has a location with an exchange for \"{}\"",
            configuration.directory.display(),
            asked.escape_debug()
        ))),
        several => {
            let names: Vec<String> = several.iter().map(|server| server.shown()).collect();
            Err(Problem::new(format!(
                "several servers have an exchange for \"{}\": say which one with --server NAME[:PORT]: {}",
                asked.escape_debug(),
                names.join(", ")
            )))
        }
    }
}

/// Where it stands, in words.
fn place(way: &[&Node], server: &Server<'_>) -> String {
    let location = way.last().filter(|node| node.name == "location");
    match location {
        Some(node) => {
            format!("location {} in {}, {}", locate::shown(node), node.place, server.shown())
        }
        None => server.shown(),
    }
}

/// The source that standard input is for.
#[derive(Debug, PartialEq, Eq)]
enum Input {
    /// What a client sends.
    Accepted,
    /// A text with variables of which some have no value.
    Text(String),
}

/// The one variable that a text is.
fn alone(text: &str) -> Option<&str> {
    let name = variable::names(text).next()?;
    (text == format!("${name}") || text == format!("${{{name}}}")).then_some(name)
}

fn is_of_input(exchange: &Exchange, input: &Option<Input>) -> bool {
    exchange.source.is_needed
        && match input {
            None => false,
            Some(Input::Accepted) => !exchange.source.accept.is_empty(),
            Some(Input::Text(text)) => {
                exchange.source.accept.is_empty() && exchange.source.text == *text
            }
        }
}

/// Which source standard input is for: of exchanges that depend on each other, those that are made of no
/// result and of no value that was given.
fn source_of_input(steps: &[Step<'_>], given: &Given) -> Result<Option<Input>, Problem> {
    let targets: Vec<&String> = steps.iter().flat_map(|step| &step.exchange.targets).collect();
    let mut inputs: Vec<Input> = Vec::new();
    for exchange in steps.iter().map(|step| &step.exchange).filter(|it| it.source.is_needed) {
        let text = &exchange.source.text;
        let is_known = |name: &str| {
            given.has(name) || targets.iter().any(|target| target.eq_ignore_ascii_case(name))
        };
        let input = if !exchange.source.accept.is_empty() {
            Input::Accepted
        } else if variable::names(text).all(is_known) {
            continue;
        } else {
            Input::Text(text.clone())
        };
        if !inputs.contains(&input) {
            inputs.push(input);
        }
    }
    match inputs.len() {
        0 | 1 => Ok(inputs.pop()),
        _ => {
            let names: Vec<String> = inputs
                .iter()
                .map(|input| match input {
                    Input::Accepted => "\"STSAcceptSourceTokenIn\"".to_owned(),
                    Input::Text(text) => format!("\"{}\"", text.escape_debug()),
                })
                .collect();
            Err(Problem::new(format!(
                "the exchanges that depend on each other have several sources ({}): give all but one of the \
                 variables with --var-file NAME=FILE",
                names.join(", ")
            )))
        }
    }
}

/// The token as it stands in the target variable.
fn encoded(leg: &Leg, token: &Secret) -> Result<Secret, Problem> {
    let item = leg.exchange.items.one("STSTargetEncoding");
    let word = item.map_or("none", |item| item.argument(0));
    let found = Encoding::WORDS.iter().find(|(known, _)| *known == word);
    match found.and_then(|(_, encoding)| *encoding) {
        None => Ok(token.clone()),
        Some(encoding) => encoding
            .encode(token.expose())
            .ok_or_else(|| Problem::new("the token cannot be encoded")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_of_one_variable_is_known() {
        for (text, expected) in [
            ("$source_token", Some("source_token")),
            ("${a}", Some("a")),
            ("x$a", None),
            ("$a$b", None),
            ("", None),
        ] {
            assert_eq!(alone(text), expected, "{text}");
        }
    }
}
