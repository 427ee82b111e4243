//! What the directives of the rewrite module leave in variables before an exchange is made.
//!
//! `ngx_http_rewrite_handler` runs those of the server, and then those of the location that was found, one
//! after the other. What hangs on a condition, or on another module, is not worked out: such a variable
//! has no value here, and a reason.

use std::collections::BTreeMap;

use sts_core::secret::Secret;

use super::pattern::Pattern;
use super::tree::Node;
use crate::problem::Problem;

/// What is known of a variable.
#[derive(Clone)]
pub enum Known {
    /// Its value.
    Value(Secret),
    /// It has one that cannot be told, for this reason.
    Unknown(String),
    /// It cannot be made, as another one has none.
    Missing(Problem),
}

/// Variables by their names in lower case, as they are at one point.
#[derive(Default)]
pub struct Rewritten {
    known: BTreeMap<String, Known>,
    /// Why the request may not be what it was.
    changed: Option<String>,
    /// Why its path may lead to another location.
    led: Option<String>,
}

impl Rewritten {
    /// What is known of a variable; `None` where nothing here has set it.
    pub fn get(&self, name: &str) -> Option<&Known> {
        self.known.get(name)
    }

    /// Why the path and the arguments may not be those that were sent.
    pub fn changed(&self) -> Option<&str> {
        self.changed.as_deref()
    }

    /// Why the path may lead to another location than it did.
    pub fn led(&self) -> Option<&str> {
        self.led.as_deref()
    }

    /// A `rewrite` may have changed the request, for this reason.
    fn lead(&mut self, why: &str) {
        self.changed = Some(why.to_owned());
        self.led = Some(why.to_owned());
        self.forget_captures(why);
    }

    /// What an expression has captured.
    pub fn capture(&mut self, found: &[(String, String)]) {
        for (name, value) in found {
            self.put(name, Known::Value(Secret::new(value.as_str())));
        }
    }

    fn put(&mut self, name: &str, known: Known) {
        self.known.insert(name.to_ascii_lowercase(), known);
    }

    fn forget_captures(&mut self, why: &str) {
        for digit in 1..=9 {
            self.put(&digit.to_string(), Known::Unknown(why.to_owned()));
        }
    }
}

/// What values are made of while the directives of a block run.
pub trait Evaluate {
    /// The value of a text at this point.
    ///
    /// # Errors
    /// A variable has none.
    fn evaluate(&self, text: &str) -> Result<Secret, Problem>;

    /// `$uri` at this point.
    fn path(&self) -> Option<&str>;

    /// Changes what is known.
    fn change(&self, change: &mut dyn FnMut(&mut Rewritten));
}

/// Runs the directives of a block.
pub fn run(block: &Node, with: &dyn Evaluate) {
    // Why it is not known whether NGINX comes to the directives that follow.
    let mut doubt: Option<String> = None;
    for node in block.inside() {
        let here = |what: &str| format!("it is set {what} in {}", node.place);
        match node.name.as_str() {
            "set" => {
                let known = match &doubt {
                    Some(why) => Known::Unknown(format!("{}, {why}", here("by \"set\""))),
                    None => match with.evaluate(node.argument(1)) {
                        Ok(value) => Known::Value(value),
                        Err(problem) => Known::Missing(problem),
                    },
                };
                put(with, node, &known);
            }
            "break" | "return" => return,
            "if" => {
                within(node, with);
                doubt = doubt.or_else(|| left_by(node));
            }
            "rewrite" => match rewritten(node, with) {
                Fits::No => {}
                // `break` and `last` end the directives; the others answer the request.
                Fits::Yes if is_last(node) => return,
                Fits::Yes => {}
                Fits::Unknown => {
                    let why = format!("and \"rewrite\" in {} may end it before", node.place);
                    doubt = doubt.or(Some(why));
                }
            },
            name if name.starts_with("set_") => {
                put(with, node, &Known::Unknown(here(&format!("by \"{name}\""))));
            }
            _ => {}
        }
    }
}

/// Sets the variable that is the first argument of a directive.
fn put(with: &dyn Evaluate, node: &Node, known: &Known) {
    let Some(name) = node.argument(0).strip_prefix('$').map(str::to_ascii_lowercase) else {
        return;
    };
    with.change(&mut |rewritten| {
        if matches!(name.as_str(), "args" | "query_string" | "uri" | "document_uri") {
            rewritten.changed = Some(format!("\"set\" in {} changes the request", node.place));
        }
        rewritten.put(&name, known.clone());
    });
}

/// What a condition may change: it is not worked out.
fn within(node: &Node, with: &dyn Evaluate) {
    let why = |node: &Node| {
        format!(
            "it is set by \"{}\" inside \"if\" in {}, which is not worked out",
            node.name, node.place
        )
    };
    let is_regex =
        node.arguments.iter().any(|word| matches!(word.as_str(), "~" | "~*" | "!~" | "!~*"));
    if is_regex {
        let what = format!("\"if\" in {} captures anew", node.place);
        with.change(&mut |rewritten| rewritten.forget_captures(&what));
        for name in node.arguments.iter().flat_map(|word| group_names(word)) {
            let what = format!("it is captured by \"if\" in {}", node.place);
            with.change(&mut |rewritten| rewritten.put(name, Known::Unknown(what.clone())));
        }
    }
    for inner in node.inside() {
        match inner.name.as_str() {
            name if name == "set" || name.starts_with("set_") => {
                put(with, inner, &Known::Unknown(why(inner)));
            }
            "rewrite" => {
                let what =
                    format!("\"rewrite\" inside \"if\" in {} may change the request", inner.place);
                with.change(&mut |rewritten| rewritten.lead(&what));
            }
            _ => {}
        }
    }
}

/// Why the directives behind a condition may not be run. `return` inside of it answers the request, for
/// which no exchange is made then.
fn left_by(node: &Node) -> Option<String> {
    let leaves = |inner: &&Node| matches!(inner.name.as_str(), "break" | "rewrite");
    let inner = node.inside().iter().find(leaves)?;
    Some(format!("and \"{}\" inside \"if\" in {} may end it before", inner.name, inner.place))
}

/// No directive is run behind a `rewrite` that fits: it has a flag, or leads to another server.
fn is_last(node: &Node) -> bool {
    let is_of_server = ["http://", "https://", "$scheme"];
    !node.argument(2).is_empty() || is_of_server.iter().any(|it| node.argument(1).starts_with(it))
}

/// Whether the expression of a `rewrite` fits.
enum Fits {
    Yes,
    No,
    Unknown,
}

fn rewritten(node: &Node, with: &dyn Evaluate) -> Fits {
    let pattern = Pattern::read(node.argument(0), false, &node.place).ok();
    let fits = match (pattern, with.path()) {
        (Some(pattern), Some(path)) => match pattern.find(path) {
            None => return Fits::No,
            Some(_) => Fits::Yes,
        },
        _ => Fits::Unknown,
    };
    let what = format!("\"rewrite\" in {} changes the request", node.place);
    with.change(&mut |rewritten| rewritten.lead(&what));
    fits
}

/// The names of the groups of an expression: `(?<name>`, `(?P<name>`, `(?'name'`.
fn group_names(text: &str) -> impl Iterator<Item = &str> {
    text.split("(?").skip(1).filter_map(|rest| {
        let rest = rest.strip_prefix('P').unwrap_or(rest);
        let rest = rest.strip_prefix(['<', '\''])?;
        let end = rest.find(['>', '\''])?;
        rest.get(..end).filter(|name| !name.is_empty() && !name.starts_with(['=', '!']))
    })
}

/// The directives outside of the rewrite module, by which variables are made, and which argument names the
/// variable: from its front, or the last one.
const MAKERS: [(&str, Option<usize>); 9] = [
    ("auth_jwt_claim_set", Some(0)),
    ("auth_jwt_header_set", Some(0)),
    ("auth_request_set", Some(0)),
    ("geo", None),
    ("js_set", Some(0)),
    ("js_var", Some(0)),
    ("keyval", Some(1)),
    ("perl_set", Some(0)),
    ("split_clients", Some(1)),
];

/// The directive of another module that makes a variable, among those of some blocks.
pub fn maker<'n>(nodes: impl IntoIterator<Item = &'n Node>, name: &str) -> Option<&'n Node> {
    nodes.into_iter().find(|node| {
        let Some((_, index)) = MAKERS.iter().find(|(maker, _)| *maker == node.name) else {
            return false;
        };
        let index = index.unwrap_or_else(|| node.arguments.len().saturating_sub(1));
        let made = node.argument(index).strip_prefix('$');
        made.is_some_and(|made| made.eq_ignore_ascii_case(name))
    })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::conf::locate;
    use crate::conf::maps::{Request, Scope};
    use crate::conf::tree::Configuration;
    use crate::conf::uri::Target;
    use crate::values::{Given, Variables};

    /// The value of a variable in the one location of a server, or why there is none.
    fn value(http: &str, server: &str, location: &str, name: &str) -> Result<String, String> {
        let text = format!(
            "http {{ {http} server {{ server_name shop.example.com; {server}\n\
             location ~ ^/(?<area>[a-z]+)/(.*) {{ {location} }} }} }}"
        );
        let configuration = Configuration::of_text(&text, Path::new("/")).unwrap();
        let servers = locate::servers(&configuration).unwrap();
        let target = Target::read("/orders/17?kind=oil").unwrap();
        let location = locate::location(&servers[0], &target).unwrap();
        let mut results = Given::default();
        results.add("result", Secret::new("r"));
        let (given, token) = (Given::default(), Secret::default());
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
        let value = value.ok_or_else(|| "nothing is known of it".to_owned())?;
        Ok(String::from_utf8(value.expose().to_vec()).unwrap())
    }

    #[test]
    fn directives_are_run_one_after_the_other() {
        for (server, location, name, expected) in [
            ("", "set $a x; set $a \"$a-y\";", "a", "x-y"),
            ("", "set $a $b; set $b x;", "a", ""),
            ("set $a s;", "", "a", "s"),
            ("set $a s;", "set $a \"$a-l\";", "a", "s-l"),
            ("", "set $area x;", "area", "x"),
            ("set $area s;", "", "area", "orders"),
            ("", "set $a x; break; set $a y;", "a", "x"),
            ("set $a x; break; set $a y;", "set $b \"$a-l\";", "b", "x-l"),
            ("", "set $a x; return 204; set $a y;", "a", "x"),
            ("", "if ($arg_kind) { return 403; } set $a x;", "a", "x"),
            ("", "if ($arg_kind) { set $b x; } set $a $arg_kind;", "a", "oil"),
            ("", "rewrite ^/other /x; set $a $arg_kind;", "a", "oil"),
            ("", "rewrite ^/orders/ /x/ break; set $a y;", "a", ""),
            ("", "rewrite ^/orders/ /x/ last; set $a y;", "a", ""),
            ("", "rewrite ^/orders/ https://x/; set $a y;", "a", ""),
            ("", "rewrite ^/orders/ /x/; set $a y;", "a", "y"),
            ("", "set $a $2;", "a", "17"),
            ("", "", "result", "r"),
        ] {
            let found = value("", server, location, name);
            assert_eq!(found.as_deref(), Ok(expected), "{server} | {location}");
        }
    }

    #[test]
    fn what_cannot_be_told_is_named_with_the_reason() {
        for (http, server, location, name, why) in [
            ("geo $zone { default a; }", "", "", "zone", "\"geo\" in nginx.conf:1"),
            ("geo $remote_addr $zone { default a; }", "", "", "zone", "\"geo\" in nginx.conf:1"),
            (
                "split_clients $arg_kind $half { 50% a; * b; }",
                "",
                "",
                "half",
                "\"split_clients\" in",
            ),
            ("js_set $area2 main.area;", "", "", "area2", "\"js_set\" in nginx.conf:1"),
            ("map $host $m { hostnames; default a; }", "", "", "m", "compares host names"),
            (
                "",
                "set $a x;",
                "if ($arg_kind) { set $a y; }",
                "a",
                "by \"set\" inside \"if\" in nginx.conf:2",
            ),
            ("", "if ($arg_kind) { set $a y; }", "", "a", "inside \"if\" in nginx.conf:1"),
            (
                "",
                "",
                "if ($arg_kind) { break; } set $a y;",
                "a",
                "\"break\" inside \"if\" in nginx.conf:2",
            ),
            (
                "",
                "",
                "set $a x; set_unescape_uri $a $arg_kind;",
                "a",
                "\"set_unescape_uri\" in nginx.conf:2",
            ),
            (
                "",
                "",
                "set $a x; auth_request_set $a $upstream_http_a;",
                "a",
                "\"auth_request_set\" in",
            ),
            ("", "auth_request_set $a $upstream_http_a;", "", "a", "\"auth_request_set\" in"),
            (
                "",
                "",
                "if ($arg_kind ~ ^(.)) { return 403; }",
                "1",
                "\"if\" in nginx.conf:2 captures anew",
            ),
            (
                "",
                "",
                "if ($arg_kind ~ ^(?<first>.)) { return 403; }",
                "first",
                "captured by \"if\" in",
            ),
            ("", "", "rewrite ^/orders/(.*) /x/$1;", "uri", "\"rewrite\" in nginx.conf:2 changes"),
            (
                "",
                "",
                "rewrite ^/orders/(.*) /x/?kind=gas;",
                "arg_kind",
                "\"rewrite\" in nginx.conf:2",
            ),
            ("", "", "rewrite (?=x) /x; set $a y;", "a", "\"rewrite\" in nginx.conf:2 may end it"),
            ("", "set $args kind=gas;", "", "arg_kind", "\"set\" in nginx.conf:1 changes"),
            ("", "", "set $a $result;", "a", "made after it is asked for"),
            (
                "map $arg_kind $m { ~^(.) $1; }",
                "",
                "set $a $m;",
                "1",
                "the map of \"$m\" in nginx.conf:1",
            ),
        ] {
            let found = value(http, server, location, name).expect_err(location);
            assert!(found.contains(why), "{http} | {server} | {location}: {found}");
            assert!(found.contains("=VALUE, or with --var-file "), "{found}");
        }
        let found = value("", "", "set $a $http_x;", "a").unwrap_err();
        assert!(found.contains("--var http_x=VALUE"), "{found}");
        let map = "map $arg_kind $m { ~^(.) $1; }";
        assert_eq!(value(map, "", "set $b $1; set $a \"$b-$m\";", "a").as_deref(), Ok("orders-o"));
        assert_eq!(value(map, "set $a $m;", "set $b $1;", "b").as_deref(), Ok("orders"));
    }
}
