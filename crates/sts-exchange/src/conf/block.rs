//! What a block of a configuration says of exchanges.

use super::tree::Node;
use crate::directives::{Directive, find};
use crate::problem::Problem;
use crate::settings::option_string;
use crate::settings::written::{Item, Written};

/// The parts of an `STSROPC`.
const OF_ROPC: [&str; 4] =
    ["STSROPCEndpoint", "STSROPCEndpointAuth", "STSROPCClientID", "STSROPCUsername"];

/// What is written in a block itself.
///
/// # Errors
/// The module would refuse it.
pub fn written(nodes: &[Node]) -> Result<Written, Problem> {
    let mut written = Written::default();
    let mut names: Vec<&'static str> = Vec::new();
    for node in nodes.iter().filter(|node| node.name.starts_with("STS")) {
        let failed = |problem: Problem| problem.of_directive(&node.name, &node.place);
        let directive =
            find(&node.name).ok_or_else(|| failed(Problem::new("there is no such directive")))?;
        check(directive, node, &names, &written).map_err(failed)?;
        names.push(directive.name);
        match directive.name {
            "STSExchange" => {
                let items = option_string::of_exchange(&node.arguments, &node.place);
                let items = items.map_err(failed)?;
                let own = |item: &&Item| names.contains(&item.directive.name);
                if let Some(item) = items.iter().find(own).filter(|_| names.len() > 1)
                    && item.directive.key.is_some()
                {
                    let name = item.directive.name;
                    return Err(failed(Problem::new(format!("\"{name}\" says it already"))));
                }
                written.whole = Some(items);
            }
            "STSROPC" => {
                let items = option_string::of_ropc(node.argument(0), &node.place);
                written.items.extend(items.map_err(failed)?);
            }
            _ => written.items.push(Item {
                directive,
                arguments: node.arguments.clone(),
                place: node.place.clone(),
            }),
        }
    }
    Ok(written)
}

/// Whether a directive may stand beside those before it.
fn check(
    directive: &Directive,
    node: &Node,
    names: &[&'static str],
    written: &Written,
) -> Result<(), Problem> {
    let (least, most) = directive.arguments;
    if node.block.is_some() || !(least..=most).contains(&node.arguments.len()) {
        return Err(Problem::new("invalid number of arguments"));
    }
    if names.contains(&directive.name) && !directive.may_repeat() {
        return Err(Problem::new("is duplicate"));
    }
    let of_exchange = |name: &&str| find(name).is_some_and(|known| known.is_of_exchange);
    if directive.name == "STSExchange"
        && let Some(name) = names.iter().find(|name| of_exchange(name))
    {
        return Err(Problem::new(format!("it cannot be mixed with \"{name}\" in one block")));
    }
    if let Some(whole) = &written.whole {
        if directive.is_of_exchange {
            return Err(Problem::new("it cannot be mixed with \"STSExchange\" in one block"));
        }
        let is_it = |item: &Item| item.directive.name == directive.name && directive.key.is_some();
        if whole.iter().any(is_it) {
            return Err(Problem::new("\"STSExchange\" has it as an option already"));
        }
    }
    let clash = |one: fn(&str) -> bool, other: fn(&str) -> bool| {
        let found = |name: &&&'static str| {
            (one(directive.name) && other(name)) || (other(directive.name) && one(name))
        };
        names.iter().find(found).copied()
    };
    let is_issuer: fn(&str) -> bool = |name| name == "STSIssuer";
    let is_endpoint: fn(&str) -> bool = |name| name.ends_with("Endpoint") || name == "STSROPC";
    let is_ropc: fn(&str) -> bool = |name| name == "STSROPC";
    let is_part: fn(&str) -> bool = |name| OF_ROPC.contains(&name);
    match clash(is_issuer, is_endpoint).or_else(|| clash(is_ropc, is_part)) {
        Some(name) => Err(Problem::new(format!("it cannot be mixed with \"{name}\" in one block"))),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::conf::tree::Configuration;

    fn problem(text: &str) -> Option<String> {
        let configuration = Configuration::of_text(text, Path::new("/")).unwrap();
        written(&configuration.nodes).err().map(|problem| problem.to_string())
    }

    #[test]
    fn what_the_module_refuses_is_refused() {
        for (text, expected) in [
            ("STSTyp otx;", "there is no such directive"),
            ("STSType;", "invalid number of arguments"),
            ("STSType otx;\nSTSType cc;", "is duplicate, in nginx.conf:2"),
            ("STSType otx; STSExchange cc http://a/;", "mixed with \"STSType\""),
            ("STSExchange cc http://a/; STSType otx;", "mixed with \"STSExchange\""),
            ("STSExchange cc http://a/ host=b; STSHost c;", "has it as an option already"),
            ("STSHost c; STSExchange cc http://a/ host=b;", "\"STSHost\" says it already"),
            ("STSIssuer http://127.0.0.1/; STSOTXEndpoint http://a/;", "mixed with \"STSIssuer\""),
            ("STSROPC url=http://a/; STSROPCUsername b;", "mixed with \"STSROPC\""),
            ("STSExchange otx http://a/ auth=no;", "unknown client authentication method"),
            ("STSExchange otx http://a/ nosuch=1;", "unknown option \"nosuch\""),
        ] {
            let found = problem(text).unwrap_or_else(|| panic!("{text} is taken"));
            assert!(found.contains(expected), "{text}: {found}");
        }
        for text in [
            "STSRequestParameter a b; STSRequestParameter c d; proxy_pass x;",
            "STSExchange otx http://a/ audience=b; STSVariables $a $b;",
        ] {
            assert_eq!(problem(text), None, "{text}");
        }
    }
}
