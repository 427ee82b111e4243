//! The values that a configuration gives to variables: `map`, `set`, captures, and what a request is.

use std::cell::Cell;

use sts_core::known::Known;
use sts_core::secret::Secret;

use super::locate::Location;
use super::pattern::{Found, Pattern};
use super::tree::{Configuration, Node};
use super::uri::Target;
use crate::problem::Problem;
use crate::values::{self, Given, Variables};

/// How deep values may be made of others.
const DEPTH: usize = 16;

/// How a client sends its token, where nothing else is said.
const SCHEME: &[u8] = b"Bearer ";

/// What a request brings to the variables of a configuration.
pub struct Scope<'s> {
    /// What was given by name, which is before all else, and the results of other exchanges.
    pub given: &'s Given,
    /// The configuration.
    pub configuration: &'s Configuration,
    /// The request.
    pub target: Option<&'s Target>,
    /// Its host.
    pub host: Option<&'s str>,
    /// Where it has come to.
    pub location: &'s Location<'s>,
    /// The token, as a client sends it.
    pub token: &'s Secret,
    /// How deep the value lies that is being made.
    pub depth: Cell<usize>,
}

impl Variables for Scope<'_> {
    fn value(&self, name: &str) -> Result<Option<Secret>, Problem> {
        if let Some(value) = self.given.get(name) {
            return Ok(Some(value.clone()));
        }
        if self.depth.get() >= DEPTH {
            return Err(Problem::new(format!("the value of \"${name}\" is made of itself")));
        }
        self.depth.set(self.depth.get() + 1);
        let value = self.made(name);
        self.depth.set(self.depth.get() - 1);
        value
    }

    fn tell(&self, known: &mut Known) {
        self.given.tell(known);
    }
}

impl Scope<'_> {
    fn made(&self, name: &str) -> Result<Option<Secret>, Problem> {
        let lower = name.to_ascii_lowercase();
        let found =
            self.location.found.iter().rev().find(|(known, _)| known.eq_ignore_ascii_case(name));
        if let Some((_, value)) = found {
            return Ok(Some(Secret::new(value.as_str())));
        }
        if let Some(node) = self.set(&lower) {
            return values::expand(node.argument(1), self).map(Some);
        }
        if self.is_set_around(&lower) {
            return Ok(Some(Secret::default()));
        }
        for http in Node::named(&self.configuration.nodes, "http") {
            let named = |node: &&Node| {
                node.argument(1)
                    .strip_prefix('$')
                    .is_some_and(|known| known.eq_ignore_ascii_case(name))
            };
            if let Some(map) = Node::named(http.inside(), "map").find(named) {
                return self.map(map, name).map(Some);
            }
        }
        Ok(self.of_request(&lower))
    }

    /// The last `set` of a variable that is run: those of the server, then those of the location itself.
    /// Those in `if` are not looked at.
    fn set(&self, name: &str) -> Option<&Node> {
        let way = &self.location.way;
        let last = way.last().filter(|_| way.len() > 1);
        let run = way.first().into_iter().chain(last);
        run.flat_map(|node| sets(node, name)).last()
    }

    /// Only blocks around the location set it: it has no value then, as NGINX warns.
    fn is_set_around(&self, name: &str) -> bool {
        self.location.way.iter().any(|node| sets(node, name).next().is_some())
    }

    fn map(&self, map: &Node, name: &str) -> Result<Secret, Problem> {
        let source = values::expand(map.argument(0), self)?;
        let text = String::from_utf8_lossy(source.expose()).into_owned();
        let lower = text.to_lowercase();
        let mut default = "";
        let mut pattern: Option<(&str, Found)> = None;
        let mut exact = None;
        for node in map.inside() {
            let value = node.argument(0);
            match node.name.as_str() {
                "volatile" if node.arguments.is_empty() => {}
                "hostnames" if node.arguments.is_empty() => {
                    return Err(Problem::new(format!(
                        "the map of \"${name}\" in {} compares host names, which is not done here: give it \
                         with --var {name}=VALUE",
                        map.place
                    )));
                }
                "default" => default = value,
                key => {
                    if let Some(expression) = key.strip_prefix('~') {
                        let (expression, is_caseless) = match expression.strip_prefix('*') {
                            Some(rest) => (rest, true),
                            None => (expression, false),
                        };
                        if pattern.is_none() {
                            let read = Pattern::read(expression, is_caseless, &node.place)?;
                            pattern = read.find(&text).map(|found| (value, found));
                        }
                    } else if key.strip_prefix('\\').unwrap_or(key).to_lowercase() == lower {
                        exact = Some(value);
                    }
                }
            }
        }
        let (value, found) = match (exact, pattern) {
            (Some(value), _) => (value, Found::new()),
            (None, Some((value, found))) => (value, found),
            (None, None) => (default, Found::new()),
        };
        let captured = Captured { found: &found, outer: self };
        values::expand(value, &captured)
    }

    /// What NGINX knows of a request.
    fn of_request(&self, name: &str) -> Option<Secret> {
        let text = |text: &str| Some(Secret::new(text));
        if name == "http_authorization" && !self.token.is_empty() {
            let mut value = Secret::with_capacity(SCHEME.len() + self.token.len());
            value.append(SCHEME);
            value.append(self.token.expose());
            return Some(value);
        }
        if matches!(name, "host" | "http_host" | "server_name") {
            return self.host.and_then(text);
        }
        let target = self.target?;
        match name {
            "uri" | "document_uri" => text(&target.path),
            "request_uri" => text(&target.written),
            "args" | "query_string" => text(&target.query),
            "is_args" => text(if target.query.is_empty() { "" } else { "?" }),
            name => {
                let name = name.strip_prefix("arg_")?;
                let pairs = target.query.split('&').filter_map(|pair| pair.split_once('='));
                let mut values = pairs.filter(|(known, _)| known.eq_ignore_ascii_case(name));
                text(values.next().map_or("", |(_, value)| value))
            }
        }
    }
}

/// The directives in a block that set a variable.
fn sets<'n>(node: &'n Node, name: &str) -> impl Iterator<Item = &'n Node> {
    Node::named(node.inside(), "set").filter(move |node| {
        node.argument(0).strip_prefix('$').is_some_and(|known| known.eq_ignore_ascii_case(name))
    })
}

/// What an expression captured, before all else.
struct Captured<'c> {
    found: &'c Found,
    outer: &'c dyn Variables,
}

impl Variables for Captured<'_> {
    fn value(&self, name: &str) -> Result<Option<Secret>, Problem> {
        match self.found.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)) {
            Some((_, value)) => Ok(Some(Secret::new(value.as_str()))),
            None => self.outer.value(name),
        }
    }

    fn tell(&self, known: &mut Known) {
        self.outer.tell(known);
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::conf::locate;

    const TEXT: &str = r#"http {
        map $arg_kind $audience { default other; Stock stock-api; "~^o(?<rest>.*)$" "o:$rest"; "~*^X(.)" $1; \default d; "" none; }
        map $http_authorization $bare { default ""; "~*^Bearer\s+(\S+)$" $1; }
        map $host $by_host { hostnames; *.example.com a; }
        map $loop $loop { default $loop; }
        map $pcre $pcre_only { "~(?=a)" b; }
        server { server_name a; set $tenant acme; set $full "$tenant-$arg_id";
            location ~ ^/(?<area>[a-z]+)/(\d+) { set $tenant inner; }
            location /B/ { set $outer o; location /B/c { } } } }"#;

    fn value(path: &str, name: &str) -> Result<Option<String>, String> {
        let configuration = Configuration::of_text(TEXT, Path::new("/")).unwrap();
        let servers = locate::servers(&configuration).unwrap();
        let target = Target::read(path).unwrap();
        let location = locate::location(&servers[0], &target).unwrap();
        let mut given = Given::default();
        given.add("pcre", Secret::new("a"));
        let scope = Scope {
            given: &given,
            configuration: &configuration,
            target: Some(&target),
            host: Some("a"),
            location: &location,
            token: &Secret::new("t0ken"),
            depth: Cell::new(0),
        };
        let value = scope.value(name).map_err(|problem| problem.to_string())?;
        Ok(value.map(|value| String::from_utf8_lossy(value.expose()).into_owned()))
    }

    #[test]
    fn variables_have_the_values_that_nginx_gives_them() {
        for (path, name, expected) in [
            ("/a/1?kind=stock", "audience", "stock-api"),
            ("/a/1?kind=orders", "audience", "o:rders"),
            ("/a/1?kind=xy", "audience", "y"),
            ("/a/1?kind=default", "audience", "d"),
            ("/a/1?kind=zzz", "audience", "other"),
            ("/a/1", "audience", "none"),
            ("/a/1", "bare", "t0ken"),
            ("/a/1", "area", "a"),
            ("/a/17", "2", "17"),
            ("/a/1?id=7", "full", "inner-7"),
            ("/A/1?id=7", "full", "acme-7"),
            ("/B/x", "outer", "o"),
            ("/B/c", "outer", ""),
            ("/a/1?id=7", "request_uri", "/a/1?id=7"),
            ("/a//1?x", "uri", "/a/1"),
            ("/a/1?x", "is_args", "?"),
        ] {
            assert_eq!(value(path, name), Ok(Some(expected.to_owned())), "{path} {name}");
        }
        assert_eq!(value("/a/1", "remote_addr"), Ok(None));
        for name in ["by_host", "loop", "pcre_only"] {
            assert!(value("/a/1", name).is_err(), "{name}");
        }
    }
}
