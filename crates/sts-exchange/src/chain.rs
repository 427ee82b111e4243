//! The exchanges that another one depends on (`STSDependsOn`), each after those that it needs itself.

use std::path::Path;

use crate::conf::locate::{self, Location, Server};
use crate::conf::overview;
use crate::exchange::Exchange;
use crate::problem::Problem;
use crate::settings::build;

/// Exchanges that may follow one another before the last.
const LONGEST: usize = 4;

/// An exchange with its location.
pub struct Step<'c> {
    /// The name of the location, where it is a named one.
    pub name: Option<String>,
    /// Its location.
    pub location: Location<'c>,
    /// Its exchange.
    pub exchange: Exchange,
}

/// All that have to be made for a location, that of the location at the end.
///
/// # Errors
/// A name leads nowhere, they need each other in a circle, or too many follow one another.
pub fn steps<'c>(
    server: &Server<'c>,
    location: Location<'c>,
    base: &Path,
) -> Result<Vec<Step<'c>>, Problem> {
    let exchange = made(&location, base)?;
    let exchange = exchange.ok_or_else(|| {
        let node = location.node();
        let place = node.map(|node| format!(" in {}", node.place)).unwrap_or_default();
        let name = node.map_or_else(String::new, shown);
        let others = match overview::of_exchanges(server) {
            names if names.is_empty() => names,
            names => format!("; these have one: {names}"),
        };
        Problem::new(format!("{name}{place} has no exchange{others}"))
    })?;
    let mut steps = Vec::new();
    follow(server, &exchange.depends_on, base, &mut Vec::new(), &mut steps)?;
    let is_named = location.node().map(locate::shown).filter(|name| name.starts_with('@'));
    steps.push(Step { name: is_named, location, exchange });
    Ok(steps)
}

/// The exchange of a location, which says where its source is.
fn made(location: &Location<'_>, base: &Path) -> Result<Option<Exchange>, Problem> {
    let exchange = build::exchange(location.in_force.items.clone(), base)?;
    let has_none = |exchange: &Exchange| {
        let source = &exchange.source;
        source.is_needed && source.accept.is_empty() && source.text.is_empty()
    };
    match exchange {
        Some(exchange) if has_none(&exchange) => Err(Problem::new(format!(
            "an exchange of type \"{}\" needs \"STSVariables\" or \"STSAcceptSourceTokenIn\"",
            exchange.kind
        ))),
        exchange => Ok(exchange),
    }
}

fn shown(node: &crate::conf::Node) -> String {
    match node.name.as_str() {
        "location" => format!("the location \"{}\"", locate::shown(node)),
        _ => "no location is for this path, and the server".to_owned(),
    }
}

fn follow<'c>(
    server: &Server<'c>,
    names: &[String],
    base: &Path,
    way: &mut Vec<String>,
    steps: &mut Vec<Step<'c>>,
) -> Result<(), Problem> {
    for name in names {
        let failed =
            |problem: &str| Problem::new(format!("\"STSDependsOn\": \"{name}\" {problem}"));
        if way.contains(name) {
            return Err(failed("needs a result of itself"));
        }
        if way.len() >= LONGEST {
            return Err(failed("is one exchange too many"));
        }
        if steps.iter().any(|step| step.name.as_ref() == Some(name)) {
            continue;
        }
        let location = locate::named(server, name)?;
        let exchange =
            made(&location, base)?.ok_or_else(|| failed("is a location without an exchange"))?;
        way.push(name.clone());
        follow(server, &exchange.depends_on, base, way, steps)?;
        way.pop();
        steps.push(Step { name: Some(name.clone()), location, exchange });
    }
    Ok(())
}
