//! The server that a client calls by a name, as NGINX finds it: for each address by itself.

use super::locate::Server;
use super::pattern::{Found, Pattern};
use super::tree::Node;
use crate::problem::Problem;

/// The port of an address that names none.
const PORT: &str = "80";

/// An address of a server.
#[derive(Debug, PartialEq, Eq)]
struct Listen {
    /// As NGINX compares it.
    address: String,
    /// A client that calls no server by its name gets this one.
    is_default: bool,
}

impl Listen {
    fn of(node: &Node) -> Self {
        let text = node.argument(0);
        let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let has_port = |text: &str| text.rsplit_once(':').is_some_and(|(_, it)| !it.contains(']'));
        let address = if is_number {
            format!("*:{text}")
        } else if text.starts_with("unix:") || has_port(text) {
            text.to_owned()
        } else {
            format!("{text}:{PORT}")
        };
        let address = match address.strip_prefix("0.0.0.0:") {
            Some(port) => format!("*:{port}"),
            None => address,
        };
        let is_default = |word: &str| matches!(word, "default_server" | "default");
        Self { address, is_default: node.arguments.iter().any(|word| is_default(word)) }
    }

    fn all(server: &Server<'_>) -> Vec<Self> {
        let listens: Vec<Self> =
            Node::named(server.node.inside(), "listen").map(Self::of).collect();
        if listens.is_empty() {
            return vec![Self { address: format!("*:{PORT}"), is_default: false }];
        }
        listens
    }

    fn has_port(&self, port: &str) -> bool {
        !self.address.starts_with("unix:")
            && self.address.rsplit_once(':').is_some_and(|(_, own)| own == port)
    }
}

/// How well a name of a server fits that of a request: the least is the best.
type Rank = (usize, usize);

/// How well the names of a server fit that of a request, and what the best of them captures.
fn rank(server: &Server<'_>, asked: &str) -> Result<Option<(Rank, Found)>, Problem> {
    let mut best: Option<(Rank, Found)> = None;
    for name in server.names() {
        let lower = name.to_ascii_lowercase();
        let rank = if lower == asked || lower.strip_prefix('.').is_some_and(|bare| bare == asked) {
            Some(((0, 0), Found::new()))
        } else if let Some(end) =
            lower.strip_prefix('*').or_else(|| lower.starts_with('.').then_some(&lower))
        {
            // The longest one wins.
            asked.ends_with(end).then(|| ((1, usize::MAX - end.len()), Found::new()))
        } else if let Some(start) = lower.strip_suffix('*') {
            asked.starts_with(start).then(|| ((2, usize::MAX - start.len()), Found::new()))
        } else if let Some(text) = name.strip_prefix('~') {
            let is_caseless = text.bytes().any(|byte| byte.is_ascii_uppercase());
            let pattern = Pattern::read(text, is_caseless, &server.node.place)?;
            pattern.find(asked).map(|found| ((3, 0), found))
        } else {
            None
        };
        if let Some(rank) = rank
            && best.as_ref().is_none_or(|best| rank.0 < best.0)
        {
            best = Some(rank);
        }
    }
    Ok(best)
}

/// The port that stands behind a name.
pub fn port(asked: &str) -> Option<&str> {
    let (_, port) = asked.rsplit_once(':')?;
    (!port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit())).then_some(port)
}

/// The servers that a client can reach by a name, with a port or without one: the best for each address, the
/// one whose name fits best before the others.
///
/// # Errors
/// There is none.
pub fn servers<'c>(servers: &[Server<'c>], asked: &str) -> Result<Vec<Server<'c>>, Problem> {
    let port = port(asked);
    let name = match port {
        Some(port) => asked.get(..asked.len() - port.len() - 1).unwrap_or_default(),
        None => asked,
    };
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    let mut addresses: Vec<String> = Vec::new();
    for listen in servers.iter().flat_map(Listen::all) {
        if port.is_none_or(|port| listen.has_port(port)) && !addresses.contains(&listen.address) {
            addresses.push(listen.address);
        }
    }
    if addresses.is_empty() {
        return Err(Problem::new(format!("no server listens for \"{asked}\"")));
    }
    let mut found: Vec<(Rank, Server<'c>)> = Vec::new();
    let mut defaults: Vec<(Rank, Server<'c>)> = Vec::new();
    for address in &addresses {
        let listens = |server: &Server<'_>| {
            Listen::all(server).into_iter().find(|listen| listen.address == *address)
        };
        let mut best: Option<(Rank, Server<'c>)> = None;
        let mut default: Option<(Rank, Server<'c>)> = None;
        for server in servers {
            let Some(listen) = listens(server) else { continue };
            if listen.is_default || default.is_none() {
                default = Some(((0, 0), server.clone()));
            }
            if let Some((rank, found)) = rank(server, &name)?
                && best.as_ref().is_none_or(|(known, _)| rank < *known)
            {
                best = Some((rank, Server { found, ..server.clone() }));
            }
        }
        add(&mut found, best);
        add(&mut defaults, default);
    }
    // With a port, NGINX has a default; without one, a wrong name would go unnoticed.
    if found.is_empty() && port.is_some() {
        found = defaults;
    }
    if found.is_empty() {
        let names: Vec<String> = servers.iter().map(Server::shown).collect();
        return Err(Problem::new(format!(
            "no server has the name \"{asked}\"; those that there are: {}",
            names.join(", ")
        )));
    }
    found.sort_by_key(|(rank, _)| *rank);
    Ok(found.into_iter().map(|(_, server)| server).collect())
}

fn add<'c>(found: &mut Vec<(Rank, Server<'c>)>, one: Option<(Rank, Server<'c>)>) {
    let is_new = |one: &(Rank, Server<'c>)| {
        !found.iter().any(|(_, known)| std::ptr::eq(known.node, one.1.node))
    };
    if let Some(one) = one.filter(is_new) {
        found.push(one);
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::locate;
    use super::super::tree::Configuration;
    use super::*;

    const TEXT: &str = "http {
        server { listen 80; server_name a.example *.b.example; }
        server { listen 8080 default_server; server_name www.c.*; }
        server { listen 80; server_name ~^(?<name>[a-z]+)\\.d\\.example$ .e.example; }
        server { listen 80; server_name shop.example; return 301 https://$host$request_uri; }
        server { listen 443 ssl; listen [::]:443 ssl; server_name *.example; }
        server { listen 0.0.0.0:80; server_name shop.example; }
        server { listen 127.0.0.1:8080; server_name inner; }
    }";

    fn all(asked: &str) -> Result<(Vec<usize>, Found), String> {
        let configuration = Configuration::of_text(TEXT, Path::new("/")).unwrap();
        let all = locate::servers(&configuration).map_err(|problem| problem.to_string())?;
        let found = servers(&all, asked).map_err(|problem| problem.to_string())?;
        let lines: Vec<usize> = found.iter().map(|server| server.node.place.line - 2).collect();
        Ok((lines, found[0].found.clone()))
    }

    #[test]
    fn a_server_is_the_one_that_nginx_finds_at_each_address() {
        for (asked, expected) in [
            ("a.example", &[0, 4][..]),
            ("A.example.", &[0, 4]),
            ("a.example:80", &[0]),
            ("x.y.b.example", &[0, 4]),
            ("www.c.org", &[1]),
            ("bob.d.example:80", &[2]),
            ("e.example:80", &[2]),
            ("x.e.example:80", &[2]),
            // The default of each address.
            ("nowhere:8080", &[1, 6]),
            ("nowhere:80", &[0]),
            // The second server of a name at one address is never reached.
            ("shop.example", &[3, 4]),
            ("shop.example:80", &[3]),
            ("shop.example:443", &[4]),
            ("inner:8080", &[6]),
        ] {
            assert_eq!(all(asked).unwrap().0, expected, "{asked}");
        }
        assert!(all("b.org").unwrap_err().contains("no server has the name"));
        assert!(all("a.example:444").unwrap_err().contains("no server listens"));
        let captures = all("bob.d.example:80").unwrap().1;
        assert!(captures.contains(&("name".to_owned(), "bob".to_owned())));
    }

    #[test]
    fn an_address_is_compared_as_nginx_does() {
        for (text, expected) in [
            ("80", "*:80"),
            ("*:80", "*:80"),
            ("0.0.0.0:80", "*:80"),
            ("127.0.0.1", "127.0.0.1:80"),
            ("[::]:8080", "[::]:8080"),
            ("[::1]", "[::1]:80"),
            ("localhost", "localhost:80"),
            ("unix:/run/a.sock", "unix:/run/a.sock"),
        ] {
            let text = format!("http {{ server {{ listen {text}; }} }}");
            let configuration = Configuration::of_text(&text, Path::new("/")).unwrap();
            let servers = locate::servers(&configuration).ok().unwrap();
            assert_eq!(Listen::all(&servers[0])[0].address, expected, "{text}");
        }
    }
}
