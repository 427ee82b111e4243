//! The server and the location of a request, as NGINX finds them.

use super::block;
use super::pattern::{Found, Pattern};
use super::tree::{Configuration, Node};
use super::uri::Target;
use crate::problem::Problem;
use crate::settings::written::InForce;

/// A server with what holds in it.
#[derive(Clone)]
pub struct Server<'c> {
    /// Its block.
    pub node: &'c Node,
    /// What holds in `http`, and is inherited.
    pub in_force: InForce,
    /// What its name captured.
    pub found: Found,
}

/// A location that was found.
#[derive(Clone)]
pub struct Location<'c> {
    /// The blocks around it and itself, from the server on.
    pub way: Vec<&'c Node>,
    /// What holds in it.
    pub in_force: InForce,
    /// What the expressions of its server and of its own captured.
    pub found: Found,
    /// How many of them are of its server.
    pub of_server: usize,
}

/// How a location is written.
#[derive(Debug, PartialEq, Eq)]
enum Matching<'n> {
    Exact(&'n str),
    Prefix { name: &'n str, before_regex: bool },
    Regex { text: &'n str, is_caseless: bool },
    Named(&'n str),
}

impl<'n> Matching<'n> {
    fn of(node: &'n Node) -> Result<Self, Problem> {
        let (modifier, name) = match node.arguments.as_slice() {
            [name] => {
                let name = name.as_str();
                // Both may stand in one word.
                let split =
                    |start: &'static str| name.strip_prefix(start).map(|rest| (start, rest));
                ["=", "^~", "~*", "~"].into_iter().find_map(split).unwrap_or(("", name))
            }
            [modifier, name] => (modifier.as_str(), name.as_str()),
            _ => {
                return Err(Problem::new("invalid number of arguments")
                    .of_directive("location", &node.place));
            }
        };
        Ok(match modifier {
            "=" => Self::Exact(name),
            "^~" => Self::Prefix { name, before_regex: true },
            "~" => Self::Regex { text: name, is_caseless: false },
            "~*" => Self::Regex { text: name, is_caseless: true },
            "" if name.starts_with('@') => Self::Named(name),
            "" => Self::Prefix { name, before_regex: false },
            other => {
                let what = format!("invalid location modifier \"{}\"", other.escape_debug());
                return Err(Problem::new(what).of_directive("location", &node.place));
            }
        })
    }
}

/// The name of a location as it is shown.
pub fn shown(node: &Node) -> String {
    let words: Vec<&str> = node.arguments.iter().map(|word| word.as_str()).collect();
    words.join(" ")
}

/// All servers of a configuration.
///
/// # Errors
/// The module would refuse what is written around them.
pub fn servers(configuration: &Configuration) -> Result<Vec<Server<'_>>, Problem> {
    let mut servers = Vec::new();
    for http in Node::named(&configuration.nodes, "http") {
        let outer = block::written(http.inside())?.inside(&InForce::default(), None);
        for node in Node::named(http.inside(), "server") {
            let in_force = block::written(node.inside())?.inside(&outer, None);
            servers.push(Server { node, in_force, found: Found::new() });
        }
    }
    Ok(servers)
}

impl Server<'_> {
    /// Its names.
    pub fn names(&self) -> Vec<&str> {
        let nodes = Node::named(self.node.inside(), "server_name");
        nodes.flat_map(|node| node.arguments.iter().map(|word| word.as_str())).collect()
    }

    /// Its first name, where a client can write it as it is.
    pub fn plain_name(&self) -> Option<&str> {
        let name = self.names().into_iter().next()?;
        let is_host = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.');
        (!name.is_empty() && !name.starts_with('.') && name.bytes().all(is_host)).then_some(name)
    }

    /// What it is called.
    pub fn shown(&self) -> String {
        let name = self.names().first().map(|name| format!(" \"{name}\"")).unwrap_or_default();
        format!("server{name} in {}", self.node.place)
    }

    fn listens_on(&self, port: &str) -> bool {
        let mut listens = Node::named(self.node.inside(), "listen").peekable();
        if listens.peek().is_none() {
            return port == "80";
        }
        listens.any(|node| {
            let address = node.argument(0);
            let is_number = !address.is_empty() && address.bytes().all(|it| it.is_ascii_digit());
            let own =
                if is_number { address } else { address.rsplit_once(':').map_or("80", |it| it.1) };
            own == port || (own.contains(']') && port == "80")
        })
    }

    fn is_default(&self) -> bool {
        let mut listens = Node::named(self.node.inside(), "listen");
        listens.any(|node| {
            node.arguments
                .iter()
                .any(|word| word.as_str() == "default_server" || word.as_str() == "default")
        })
    }
}

/// How well a name of a server fits that of a request: the least number is the best.
fn rank(
    names: &[&str],
    asked: &str,
    node: &Node,
) -> Result<Option<(usize, usize, Found)>, Problem> {
    let mut best: Option<(usize, usize, Found)> = None;
    for name in names {
        let lower = name.to_ascii_lowercase();
        let rank = if lower == asked || lower.strip_prefix('.').is_some_and(|bare| bare == asked) {
            Some((0, 0, Found::new()))
        } else if let Some(end) =
            lower.strip_prefix('*').or_else(|| lower.starts_with('.').then_some(&lower))
        {
            // The longest one wins.
            asked.ends_with(end).then(|| (1, usize::MAX - end.len(), Found::new()))
        } else if let Some(start) = lower.strip_suffix('*') {
            asked.starts_with(start).then(|| (2, usize::MAX - start.len(), Found::new()))
        } else if let Some(text) = name.strip_prefix('~') {
            let is_caseless = text.bytes().any(|byte| byte.is_ascii_uppercase());
            Pattern::read(text, is_caseless, &node.place)?.find(asked).map(|found| (3, 0, found))
        } else {
            None
        };
        if let Some(rank) = rank
            && best.as_ref().is_none_or(|best| (rank.0, rank.1) < (best.0, best.1))
        {
            best = Some(rank);
        }
    }
    Ok(best)
}

/// The server that a client reaches by a name, with a port or without one.
///
/// # Errors
/// There is none.
pub fn server<'s, 'c>(
    servers: &'s mut [Server<'c>],
    asked: &str,
) -> Result<&'s mut Server<'c>, Problem> {
    let (name, port) = match asked.rsplit_once(':') {
        Some((name, port)) if !port.is_empty() && port.bytes().all(|it| it.is_ascii_digit()) => {
            (name, Some(port))
        }
        _ => (asked, None),
    };
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    let mut candidates: Vec<&mut Server<'c>> = servers
        .iter_mut()
        .filter(|server| port.is_none_or(|port| server.listens_on(port)))
        .collect();
    if candidates.is_empty() {
        return Err(Problem::new(format!("no server listens for \"{asked}\"")));
    }
    let mut best: Option<(usize, usize, usize, Found)> = None;
    for (index, candidate) in candidates.iter().enumerate() {
        let rank = rank(&candidate.names(), &name, candidate.node)?;
        if let Some((kind, length, found)) = rank
            && best.as_ref().is_none_or(|best| (kind, length) < (best.0, best.1))
        {
            best = Some((kind, length, index, found));
        }
    }
    let (index, found) = match best {
        Some((_, _, index, found)) => (index, found),
        // With a port, NGINX has a default; without one, a wrong name would go unnoticed.
        None if port.is_some() => {
            (candidates.iter().position(|server| server.is_default()).unwrap_or(0), Found::new())
        }
        None => {
            let names: Vec<String> = candidates.iter().map(|server| server.shown()).collect();
            return Err(Problem::new(format!(
                "no server has the name \"{asked}\"; those that there are: {}",
                names.join(", ")
            )));
        }
    };
    let server = candidates.swap_remove(index);
    server.found = found;
    Ok(server)
}

/// The location for a path in a server; the server itself where no location is for it.
///
/// # Errors
/// A regular expression cannot be read here, or the module would refuse what is written.
pub fn location<'c>(server: &Server<'c>, target: &Target) -> Result<Location<'c>, Problem> {
    let mut location = Location {
        way: vec![server.node],
        in_force: server.in_force.clone(),
        found: server.found.clone(),
        of_server: server.found.len(),
    };
    find(server.node.inside(), &mut location, &target.path)?;
    Ok(location)
}

/// What `ngx_http_core_find_location` does: the exact location, else the one with the longest prefix and
/// those within it, else the first expression that fits. Tells whether that is the end of it; a prefix
/// alone is not, since an expression around it may fit.
fn find<'c>(nodes: &'c [Node], location: &mut Location<'c>, path: &str) -> Result<bool, Problem> {
    let around = location.clone();
    let mut is_closed = false;
    if let Some((node, is_exact)) = longest(nodes, path)? {
        location.enter(node)?;
        is_closed = matches!(Matching::of(node)?, Matching::Prefix { before_regex: true, .. });
        if is_exact || find(node.inside(), location, path)? {
            return Ok(true);
        }
    }
    if is_closed {
        return Ok(false);
    }
    let Some((node, captures)) = regex(nodes, path)? else { return Ok(false) };
    *location = around;
    location.enter(node)?;
    location.found.extend(captures);
    find(node.inside(), location, path)?;
    Ok(true)
}

/// The location with a name.
///
/// # Errors
/// There is none, or the module would refuse what is written.
pub fn named<'c>(server: &Server<'c>, name: &str) -> Result<Location<'c>, Problem> {
    for node in Node::named(server.node.inside(), "location") {
        if Matching::of(node)? == Matching::Named(name) {
            let mut location = Location {
                way: vec![server.node],
                in_force: server.in_force.clone(),
                found: server.found.clone(),
                of_server: server.found.len(),
            };
            location.enter_as(node, Some(name))?;
            return Ok(location);
        }
    }
    Err(Problem::new(format!(
        "there is no location \"{}\" in {}",
        name.escape_debug(),
        server.shown()
    )))
}

impl<'c> Location<'c> {
    fn enter(&mut self, node: &'c Node) -> Result<(), Problem> {
        self.enter_as(node, None)
    }

    fn enter_as(&mut self, node: &'c Node, name: Option<&str>) -> Result<(), Problem> {
        self.in_force = block::written(node.inside())?.inside(&self.in_force, name);
        self.way.push(node);
        Ok(())
    }

    /// The innermost block.
    pub fn node(&self) -> Option<&'c Node> {
        self.way.last().copied()
    }
}

/// The exact location for a path, else the one with the longest prefix.
fn longest<'n>(nodes: &'n [Node], path: &str) -> Result<Option<(&'n Node, bool)>, Problem> {
    let mut best: Option<(&'n Node, usize)> = None;
    for node in Node::named(nodes, "location") {
        match Matching::of(node)? {
            Matching::Exact(name) if name == path => return Ok(Some((node, true))),
            Matching::Prefix { name, .. }
                if path.starts_with(name) && best.is_none_or(|(_, length)| name.len() > length) =>
            {
                best = Some((node, name.len()));
            }
            _ => {}
        }
    }
    Ok(best.map(|(node, _)| (node, false)))
}

/// The first location whose expression fits.
fn regex<'n>(nodes: &'n [Node], path: &str) -> Result<Option<(&'n Node, Found)>, Problem> {
    for node in Node::named(nodes, "location") {
        if let Matching::Regex { text, is_caseless } = Matching::of(node)?
            && let Some(found) = Pattern::read(text, is_caseless, &node.place)?.find(path)
        {
            return Ok(Some((node, found)));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    const TEXT: &str = "http {
        server { listen 80; server_name a.example *.b.example; location / { } }
        server { listen 8080 default_server; server_name www.c.*; location / { } }
        server { listen 80; server_name ~^(?<name>[a-z]+)\\.d\\.example$ .e.example;
            location / { location /x/ { location ~ y$ { } } }
            location = /exact { }
            location /images/ { }
            location ^~ /plain/ { location ~ inner { } }
            location ~ \\.(gif|jpg)$ { location ~ big { } }
            location ~* \\.GIF$ { }
            location =/joined { }
            location @named { STSHost h; }
        }
    }";

    fn configuration() -> Configuration {
        Configuration::of_text(TEXT, Path::new("/")).unwrap()
    }

    fn found(path: &str) -> String {
        let configuration = configuration();
        let servers = servers(&configuration).unwrap();
        let location = location(&servers[2], &Target::read(path).unwrap()).unwrap();
        location.way.iter().skip(1).map(|node| shown(node)).collect::<Vec<_>>().join(" > ")
    }

    #[test]
    fn a_location_is_the_one_that_nginx_finds() {
        for (path, expected) in [
            ("/", "/"),
            ("/other", "/"),
            ("/exact", "= /exact"),
            ("/exact/", "/"),
            ("/joined", "=/joined"),
            ("/images/a.png", "/images/"),
            ("/images/a.gif", r"~ \.(gif|jpg)$"),
            ("/images/a.GIF", r"~* \.GIF$"),
            ("/big/a.jpg", r"~ \.(gif|jpg)$ > ~ big"),
            ("/plain/a.gif", "^~ /plain/"),
            ("/plain/inner.gif", "^~ /plain/ > ~ inner"),
            ("/x/y", "/ > /x/ > ~ y$"),
            ("/x/a.gif", r"~ \.(gif|jpg)$"),
        ] {
            assert_eq!(found(path), expected, "{path}");
        }
    }

    fn of(asked: &str) -> Result<(usize, Found), String> {
        let configuration = configuration();
        let mut servers = servers(&configuration).map_err(|problem| problem.to_string())?;
        let places: Vec<usize> = servers.iter().map(|server| server.node.place.line).collect();
        let server = server(&mut servers, asked).map_err(|problem| problem.to_string())?;
        let index = places.iter().position(|line| *line == server.node.place.line).unwrap();
        Ok((index, server.found.clone()))
    }

    #[test]
    fn a_server_is_the_one_that_nginx_finds() {
        for (asked, expected) in [
            ("a.example", 0),
            ("A.example.", 0),
            ("x.y.b.example", 0),
            ("www.c.org", 1),
            ("bob.d.example", 2),
            ("e.example", 2),
            ("x.e.example", 2),
            ("nowhere:8080", 1),
            ("nowhere:80", 0),
        ] {
            assert_eq!(of(asked).unwrap().0, expected, "{asked}");
        }
        assert!(of("b.example").unwrap_err().contains("no server has the name"));
        assert!(of("a.example:443").unwrap_err().contains("no server listens"));
        let captures = of("bob.d.example").unwrap().1;
        assert!(captures.contains(&("name".to_owned(), "bob".to_owned())));
    }

    #[test]
    fn a_named_location_is_found_by_its_name() {
        let configuration = configuration();
        let servers = servers(&configuration).unwrap();
        let location = named(&servers[2], "@named").ok().unwrap();
        assert!(location.in_force.items.one("STSHost").is_some());
        assert!(named(&servers[0], "@named").is_err());
    }
}
