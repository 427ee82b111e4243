//! Where an example has exchanges.

use std::net::SocketAddr;
use std::path::Path;

use sts_exchange::conf::locate::Server;
use sts_exchange::conf::uri::Target;
use sts_exchange::conf::{Configuration, Node, locate};
use sts_exchange::settings::written::Items;

/// Paths for the locations that are written as expressions.
const OF_EXPRESSIONS: [(&str, &str); 0] = [];

/// A location with an exchange, which serves requests.
pub(super) struct Place {
    pub(super) path: String,
    /// Where its server listens.
    pub(super) address: SocketAddr,
    /// Its type.
    pub(super) kind: String,
    /// A message of WS-Trust has a JWT in it.
    pub(super) is_of_jwt: bool,
    /// How its source is encoded.
    pub(super) encoding: Option<String>,
    /// The locations whose results it needs.
    pub(super) needs: Vec<String>,
}

/// All of them: each has to be compared.
pub(super) fn places(conf: &Path) -> Vec<Place> {
    let configuration = Configuration::read(conf, None).expect("a configuration");
    let servers = locate::servers(&configuration).expect("servers");
    let (mut places, mut named) = (Vec::new(), Vec::new());
    for server in &servers {
        within(server, server.node, &mut places, &mut named);
    }
    // A location that others need has its call in theirs.
    let is_needed = |name: &&String| places.iter().any(|place| place.needs.contains(name));
    let alone = named.iter().find(|name| !is_needed(name));
    assert_eq!(alone, None, "no exchange needs it");
    places
}

fn within(server: &Server<'_>, block: &Node, places: &mut Vec<Place>, named: &mut Vec<String>) {
    for node in Node::named(block.inside(), "location") {
        within(server, node, places, named);
        let words: Vec<&str> = node.arguments.iter().map(|word| word.as_str()).collect();
        let has_own =
            node.inside().iter().any(|it| matches!(it.name.as_str(), "STSType" | "STSExchange"));
        let path = match words.as_slice() {
            [name] if name.starts_with('@') => {
                if has_own && !is_off(node) {
                    named.push((*name).to_owned());
                }
                continue;
            }
            [path] | ["=" | "^~", path] => *path,
            [_, text] => {
                let known = OF_EXPRESSIONS.iter().find(|(known, _)| known == text);
                known.expect("a path for each expression").1
            }
            _ => panic!("a location without a name"),
        };
        let target = Target::read(path).expect("a path");
        let found = locate::location(server, &target).expect("a location");
        assert!(found.node().is_some_and(|found| std::ptr::eq(found, node)), "{path} is another's");
        let items = &found.in_force.items;
        let has = |names: &[&str]| node.inside().iter().any(|it| names.contains(&it.name.as_str()));
        // A `return` is run before the exchange, but for one in its own phase.
        let is_early = items.one("STSPhase").is_some_and(|item| item.argument(0) == "rewrite");
        let is_served =
            !has(&["STSStatus", "STSCachePurge", "STSJWKS"]) && (is_early || !has(&["return"]));
        let kind = items.one("STSType").map(|item| item.argument(0).to_owned());
        let Some(kind) = kind.filter(|kind| is_served && kind != "disabled") else {
            assert!(!has_own || is_off(node), "{path} is not compared");
            continue;
        };
        let needs = items
            .one("STSDependsOn")
            .map(|item| item.words().into_iter().map(str::to_owned).collect::<Vec<_>>());
        places.push(Place {
            path: path.to_owned(),
            address: address(server),
            is_of_jwt: items.one("STSWSTrustValueType").is_some(),
            encoding: encoding(items),
            kind,
            needs: needs.unwrap_or_default(),
        });
    }
}

/// Where a server listens.
fn address(server: &Server<'_>) -> SocketAddr {
    let listen = Node::named(server.node.inside(), "listen").next().expect("an address");
    listen.argument(0).parse().expect("an address of this machine")
}

/// The encoding of a source.
fn encoding(items: &Items) -> Option<String> {
    let own = items.one("STSAcceptSourceTokenIn").and_then(|item| {
        let options = item.words().into_iter().skip(1).flat_map(|word| word.split('&'));
        options.filter_map(|option| option.strip_prefix("encoding=")).next_back().map(str::to_owned)
    });
    own.or_else(|| items.one("STSSourceEncoding").map(|item| item.argument(0).to_owned()))
}

/// An exchange is switched off here.
fn is_off(node: &Node) -> bool {
    let mut kinds =
        Node::named(node.inside(), "STSType").chain(Node::named(node.inside(), "STSExchange"));
    kinds.all(|kind| kind.argument(0) == "disabled")
}
