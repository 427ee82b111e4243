//! Which locations of a server have an exchange.

use super::block;
use super::locate::{self, Server};
use super::tree::Node;
use crate::settings::written::InForce;

/// Names that are told at most.
const MOST: usize = 8;

/// The names of those locations, in words; nothing where there is none.
pub fn of_exchanges(server: &Server<'_>) -> String {
    let mut names = Vec::new();
    within(server.node, &server.in_force, &mut names);
    let rest = names.len().saturating_sub(MOST);
    names.truncate(MOST);
    let more = if rest > 0 { format!(" and {rest} more") } else { String::new() };
    names.join(", ") + &more
}

fn within(block: &Node, outer: &InForce, names: &mut Vec<String>) {
    for node in Node::named(block.inside(), "location") {
        let name = locate::shown(node);
        let named = name.starts_with('@').then_some(name.as_str());
        // What cannot be read is told where it is asked for.
        let Ok(written) = block::written(node.inside()) else { continue };
        let in_force = written.inside(outer, named);
        let kind = in_force.items.one("STSType").map(|item| item.argument(0));
        if kind.is_some_and(|kind| kind != "disabled") {
            names.push(name);
        }
        within(node, &in_force, names);
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::conf::tree::Configuration;

    fn told(server: &str) -> String {
        let text = format!("http {{ server {{ {server} }} }}");
        let configuration = Configuration::of_text(&text, Path::new("/")).unwrap();
        of_exchanges(&locate::servers(&configuration).unwrap()[0])
    }

    #[test]
    fn the_locations_that_have_an_exchange_are_told() {
        let two =
            "location /a/ { STSType otx; location ~ b$ { } location /a/c/ { STSType disabled; } }
            location = /d { } location @e { STSExchange cc http://127.0.0.1/; }";
        assert_eq!(told(two), "/a/, ~ b$, @e");
        assert_eq!(told("location / { }"), "");
        let many: String = (0..10).map(|it| format!("location /{it} {{ STSType cc; }}")).collect();
        assert!(told(&many).ends_with("/7 and 2 more"), "{}", told(&many));
    }
}
