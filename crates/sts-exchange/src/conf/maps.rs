//! The values that a configuration gives to variables: `map`, `set`, captures, and what a request is.

use std::cell::{Cell, RefCell};

use sts_core::known;
use sts_core::secret::Secret;

use super::locate::Location;
use super::pattern::{Found, Pattern};
use super::rewrite::{self, Evaluate, Known, Rewritten};
use super::tree::{Configuration, Node};
use super::uri::Target;
use crate::problem::Problem;
use crate::values::{self, Given, Variables};

/// How deep values may be made of others.
const DEPTH: usize = 16;

/// How a client sends its token, where nothing else is said.
const SCHEME: &[u8] = b"Bearer ";

/// What a request brings to the variables of a configuration.
pub struct Request<'s> {
    /// What was given by name, which is before all else.
    pub given: &'s Given,
    /// The results of other exchanges, which are made after the rewrite phase.
    pub results: &'s Given,
    /// The configuration.
    pub configuration: &'s Configuration,
    /// The request.
    pub target: Option<&'s Target>,
    /// The server, as its client calls it, with a port or without one.
    pub host: Option<&'s str>,
    /// Its first name, `$server_name`.
    pub server_name: Option<&'s str>,
    /// Where it has come to.
    pub location: &'s Location<'s>,
    /// The token, as a client sends it.
    pub token: &'s Secret,
}

/// The variables of a request.
pub struct Scope<'s> {
    request: Request<'s>,
    /// How deep the value lies that is being made.
    depth: Cell<usize>,
    rewritten: RefCell<Rewritten>,
    /// The rewrite phase is over.
    is_rewritten: bool,
    /// The map whose expression has captured last.
    captured_by: RefCell<Option<String>>,
}

impl Variables for Scope<'_> {
    fn value(&self, name: &str) -> Result<Option<Secret>, Problem> {
        if let Some(value) = self.request.given.get(name) {
            return Ok(Some(value.clone()));
        }
        if let Some(value) = self.request.results.get(name) {
            return match self.is_rewritten {
                true => Ok(Some(value.clone())),
                false => Err(values::unknown(name, "it is made after it is asked for by \"set\"")),
            };
        }
        if self.depth.get() >= DEPTH {
            return Err(Problem::new(format!("the value of \"${name}\" is made of itself")));
        }
        self.depth.set(self.depth.get() + 1);
        let value = self.made(name);
        self.depth.set(self.depth.get() - 1);
        value
    }

    fn tell(&self, known: &mut known::Known) {
        self.request.given.tell(known);
        self.request.results.tell(known);
    }
}

impl Evaluate for Scope<'_> {
    fn evaluate(&self, text: &str) -> Result<Secret, Problem> {
        values::expand(text, self)
    }

    fn path(&self) -> Option<&str> {
        let is_changed = self.rewritten.borrow().changed().is_some();
        self.request.target.filter(|_| !is_changed).map(|target| target.path.as_str())
    }

    fn change(&self, change: &mut dyn FnMut(&mut Rewritten)) {
        change(&mut self.rewritten.borrow_mut());
    }
}

impl<'s> Scope<'s> {
    /// The variables as they are when the rewrite phase is over.
    pub fn new(request: Request<'s>) -> Self {
        let mut scope = Self {
            request,
            depth: Cell::new(0),
            rewritten: RefCell::default(),
            is_rewritten: false,
            captured_by: RefCell::default(),
        };
        let location = scope.request.location;
        let (of_server, own) =
            location.found.split_at_checked(location.of_server).unwrap_or_default();
        scope.rewritten.get_mut().capture(of_server);
        if let Some(server) = location.way.first() {
            rewrite::run(server, &scope);
        }
        if !own.is_empty() {
            scope.rewritten.get_mut().capture(own);
            scope.captured_by.take();
        }
        if let Some(node) = location.way.last().filter(|_| location.way.len() > 1) {
            rewrite::run(node, &scope);
        }
        scope.is_rewritten = true;
        scope
    }

    /// Why the request may come to another location than the one that its path leads to.
    pub fn led(&self) -> Option<String> {
        let rewritten = self.rewritten.borrow();
        rewritten.led().map(|why| format!("{why}: NGINX may come to another location"))
    }

    fn made(&self, name: &str) -> Result<Option<Secret>, Problem> {
        let lower = name.to_ascii_lowercase();
        let way = &self.request.location.way;
        let by = |node: &Node| format!("it is made by \"{}\" in {}", node.name, node.place);
        if let Some(node) = rewrite::maker(way.iter().flat_map(|node| node.inside()), name) {
            return Err(values::unknown(name, &by(node)));
        }
        if let Some(by) = self.captured_by.borrow().as_ref().filter(|_| is_capture(name)) {
            return Err(values::unknown(name, &format!("{by} captures anew")));
        }
        match self.rewritten.borrow().get(&lower) {
            Some(Known::Value(value)) => return Ok(Some(value.clone())),
            Some(Known::Unknown(why)) => return Err(values::unknown(name, why)),
            Some(Known::Missing(problem)) => return Err(problem.clone()),
            None => {}
        }
        if self.is_set_around(&lower) {
            return Ok(Some(Secret::default()));
        }
        for http in Node::named(&self.request.configuration.nodes, "http") {
            if let Some(node) = rewrite::maker(http.inside(), name) {
                return Err(values::unknown(name, &by(node)));
            }
            let named = |node: &&Node| {
                node.argument(1)
                    .strip_prefix('$')
                    .is_some_and(|known| known.eq_ignore_ascii_case(name))
            };
            if let Some(map) = Node::named(http.inside(), "map").find(named) {
                return self.map(map, name).map(Some);
            }
        }
        self.of_request(&lower)
    }

    /// Only blocks around the location set it, or directives that are not run: it has no value then, as
    /// NGINX warns.
    fn is_set_around(&self, name: &str) -> bool {
        self.request.location.way.iter().any(|node| sets(node, name).next().is_some())
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
                    let why = format!("the map in {} compares host names", map.place);
                    return Err(values::unknown(name, &why));
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
            (None, Some((value, found))) => {
                let by = format!("the map of \"${name}\" in {}", map.place);
                self.captured_by.replace(Some(by));
                (value, found)
            }
            (None, None) => (default, Found::new()),
        };
        let captured = Captured { found: &found, outer: self };
        values::expand(value, &captured)
    }

    /// What NGINX knows of a request.
    fn of_request(&self, name: &str) -> Result<Option<Secret>, Problem> {
        let Request { token, host, server_name, target, .. } = &self.request;
        let secret = |text: &str| Secret::new(text);
        if name == "http_authorization" && !token.is_empty() {
            let mut value = Secret::with_capacity(SCHEME.len() + token.len());
            value.append(SCHEME);
            value.append(token.expose());
            return Ok(Some(value));
        }
        match name {
            "http_host" => return Ok(host.map(secret)),
            "host" => {
                let host = host.map(|host| host.rsplit_once(':').map_or(host, |(name, _)| name));
                let host = host.map(|host| host.trim_end_matches('.').to_ascii_lowercase());
                // What a client that says nothing else calls the server.
                let host = host.or_else(|| server_name.map(str::to_owned));
                return Ok(host.as_deref().map(secret));
            }
            "server_name" => return Ok(server_name.map(secret)),
            _ => {}
        }
        let Some(target) = target else { return Ok(None) };
        let of_target = Self::of_target(name, target);
        match self.rewritten.borrow().changed() {
            Some(why) if of_target.is_some() && name != "request_uri" => {
                Err(values::unknown(name, why))
            }
            _ => Ok(of_target),
        }
    }

    fn of_target(name: &str, target: &Target) -> Option<Secret> {
        let text = |text: &str| Some(Secret::new(text));
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

/// Whether a variable is what the last expression has captured.
fn is_capture(name: &str) -> bool {
    matches!(name.as_bytes(), [b'1'..=b'9'])
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

    fn tell(&self, known: &mut known::Known) {
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
        let mut results = Given::default();
        results.add("result", Secret::new("r"));
        let token = Secret::new("t0ken");
        let scope = Scope::new(Request {
            given: &given,
            results: &results,
            configuration: &configuration,
            target: Some(&target),
            host: None,
            server_name: servers[0].plain_name(),
            location: &location,
            token: &token,
        });
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
            ("/a/1?id=7", "full", "acme-7"),
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
