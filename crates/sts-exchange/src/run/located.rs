//! The exchange of a location of a configuration.

use std::path::Path;

use clap::ArgMatches;
use sts_core::carry::variable;
use sts_core::encoding::Encoding;
use sts_core::secret::Secret;

use super::one::made;
use super::{Streams, flag, show, token, variables};
use crate::call::Brought;
use crate::chain::{self, Step};
use crate::conf::called;
use crate::conf::locate::{self, Server};
use crate::conf::maps::{Request, Scope};
use crate::conf::uri::Target;
use crate::conf::{Configuration, Node};
use crate::exchange::{Exchange, Way};
use crate::nginx::{Test, Verdict};
use crate::problem::Problem;
use crate::show::{Leg, Report};
use crate::values::{self, Given};

/// An exchange of a configuration, with those that it depends on.
struct Prepared<'c> {
    configuration: &'c Configuration,
    target: Option<Target>,
    server: Server<'c>,
    /// Why it is this one, where there are others.
    note: Option<String>,
    steps: Vec<Step<'c>>,
    input: Option<Input>,
}

impl<'c> Prepared<'c> {
    fn new(
        configuration: &'c Configuration,
        matches: &ArgMatches,
        given: &Given,
    ) -> Result<Self, Problem> {
        let asked = text(matches, "location").unwrap_or_default();
        let target = (!asked.starts_with('@')).then(|| Target::read(asked)).transpose()?;
        let servers = locate::servers(configuration)?;
        let (server, note) = match text(matches, "server") {
            Some(name) => called(called::servers(&servers, name)?, name, asked, target.as_ref())?,
            None => (only(&servers, asked, target.as_ref(), configuration)?.clone(), None),
        };
        let location = location(&server, asked, target.as_ref())?;
        let steps = chain::steps(&server, location, &configuration.directory)?;
        let input = source_of_input(&steps, given)?;
        Ok(Self { configuration, target, server, note, steps, input })
    }
}

fn text<'m>(matches: &'m ArgMatches, name: &str) -> Option<&'m str> {
    matches.get_one::<String>(name).map(String::as_str)
}

/// Asks NGINX what it thinks of the file.
fn test(matches: &ArgMatches, file: &Path, prefix: Option<&Path>) -> Test {
    if flag(matches, "no-nginx-test") {
        return Test::left_out();
    }
    Test::start(text(matches, "nginx").map(Path::new), file, prefix)
}

/// Makes it, and those that it depends on, and shows how they went.
pub(super) fn shown(matches: &ArgMatches, streams: &mut Streams<'_>) -> Result<u8, Problem> {
    let mut given = variables(matches)?;
    let prefix = text(matches, "prefix").map(Path::new);
    let file = Configuration::path(Path::new(text(matches, "conf").unwrap_or_default()), prefix);
    let test = test(matches, &file, prefix);
    let configuration = Configuration::read(&file, None);
    let prepared = match &configuration {
        Ok(configuration) => Prepared::new(configuration, matches, &given),
        Err(problem) => Err(problem.clone()),
    };
    // What NGINX refuses it says best.
    let verdict = test.verdict()?;
    let Prepared { configuration, target, server, note, steps, input } = prepared?;
    let token = if input.is_some() { token(streams)? } else { Secret::default() };
    let mut legs = Vec::new();
    let mut notes = notes(&verdict);
    notes.extend(note);
    let mut targets = Given::default();
    let mut results: Vec<(String, Secret)> = Vec::new();
    for Step { name, location, mut exchange } in steps {
        if let Some(variable) =
            values::alone(&exchange.source.text).filter(|_| is_of_input(&exchange, &input))
        {
            given.add(variable, token.clone());
        }
        let scope = Scope::new(Request {
            given: &given,
            results: &targets,
            configuration,
            target: target.as_ref(),
            host: text(matches, "server"),
            server_name: server.plain_name(),
            location: &location,
            token: &token,
        });
        for note in conditions(&location.way).into_iter().chain(scope.led()) {
            if !notes.contains(&note) {
                notes.push(note);
            }
        }
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
        let place = place(&location.way, &server);
        let leg = made(
            exchange,
            &Brought { token: &source, assertion: assertion.as_ref(), variables: &scope },
            Some(place),
        )?;
        let got = leg.outcome.result.as_ref().ok().map(|got| got.token.clone());
        let encoded = got.as_ref().map(|got| encoded(&leg, got)).transpose()?;
        let names = leg.exchange.targets.clone();
        legs.push(leg);
        let (Some(got), Some(encoded)) = (got, encoded) else { break };
        names.iter().for_each(|name| targets.add(name, encoded.clone()));
        results.extend(name.map(|name| (name, got)));
    }
    let report = Report { legs: &legs, verdict: Some(&verdict), notes: &notes };
    Ok(show(matches, &report, streams))
}

/// What a reader has to know of a configuration that NGINX has not judged.
fn notes(verdict: &Verdict) -> Vec<String> {
    match verdict {
        Verdict::Unknown(reason) => {
            vec![format!("NGINX could not judge the configuration: {reason}")]
        }
        Verdict::Accepted | Verdict::LeftOut => Vec::new(),
    }
}

/// What conditions may make of an exchange: they are not worked out.
fn conditions(way: &[&Node]) -> Vec<String> {
    let last = way.last().filter(|_| way.len() > 1);
    let run = way.first().into_iter().chain(last);
    run.flat_map(|node| Node::named(node.inside(), "if"))

        .filter(|node| node.inside().iter().any(|inner| inner.name.starts_with("STS")))
        .map(|node| {
            format!(
                "\"if\" in {} has directives of the module, which hold for the requests that it is true for: \
                 they are left out here",
                node.place
            )
        })
        .collect()
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

fn has_exchange(server: &Server<'_>, asked: &str, target: Option<&Target>) -> bool {
    location(server, asked, target).is_ok_and(|location| {
        let kind = location.in_force.items.one("STSType");
        kind.is_some_and(|item| item.argument(0) != "disabled")
    })
}

fn first_problem(servers: &[Server<'_>], asked: &str, target: Option<&Target>) -> Option<Problem> {
    // A name that is in no server is told in one line for all of them.
    target?;
    servers.iter().find_map(|server| location(server, asked, target).err())
}

/// Of the servers that a client can reach by a name, the one whose location has an exchange; with a note
/// where another one fits as well.
fn called<'c>(
    servers: Vec<Server<'c>>,
    name: &str,
    asked: &str,
    target: Option<&Target>,
) -> Result<(Server<'c>, Option<String>), Problem> {
    let (with, without): (Vec<_>, Vec<_>) =
        servers.into_iter().partition(|server| has_exchange(server, asked, target));
    let shown =
        |servers: &[Server<'c>]| servers.iter().map(Server::shown).collect::<Vec<_>>().join(", ");
    let asked = asked.escape_debug();
    if with.len() > 1 && called::port(name).is_none() {
        return Err(Problem::new(format!(
            "several servers that are called \"{name}\" have an exchange for \"{asked}\": say which one with \
             --server {name}:PORT: {}",
            shown(&with)
        )));
    }
    let mut all = with.into_iter();
    match all.next() {
        Some(server) => {
            let others: Vec<_> = all.chain(without).collect();
            let note = (!others.is_empty()).then(|| {
                format!(
                    "several servers are called \"{name}\": {} has an exchange for \"{asked}\" and is taken, \
                     not {}",
                    server.shown(),
                    shown(&others)
                )
            });
            Ok((server, note))
        }
        // What it lacks is told where it is looked at.
        None => {
            let first = without.into_iter().next();
            first.map(|server| (server, None)).ok_or_else(|| Problem::new("there is no server"))
        }
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
    let found: Vec<&Server<'c>> =
        servers.iter().filter(|server| has_exchange(server, asked, target)).collect();
    match found.as_slice() {
        [server] => Ok(server),
        // Where one could not be looked at, or answers by itself, that is the reason.
        [] => Err(first_problem(servers, asked, target).unwrap_or_else(|| {
            Problem::new(format!(
                "no server in \"{}\" has a location with an exchange for \"{}\"",
                configuration.directory.display(),
                asked.escape_debug()
            ))
        })),
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
