//! Takes a recipe out of its document and runs it.

use std::net::SocketAddr;

use devsts::is_for;
use e2e::documents::{Example, recipes, with_files, within_prefix};
use e2e::http1::Request;
use e2e::nginx::{Builder, Nginx, debian_modules};
use e2e::php::Php;
use e2e::scene::{Scene, Seen};

/// A token as it comes, with all that RFC 6750, section 2.1 allows.
pub(crate) const SOURCE: &str = "the-source.token_1~+/==";

/// What every recipe has that cannot be run: addresses, and the client's id.
const ADDRESSES: [(&str, &str); 4] = [
    ("https://sts.example.com/token;", "%%STS%%;"),
    ("client_id=gateway&", "client_id=otxclient&"),
    ("http://127.0.0.1:8081", "%%BACKEND%%"),
    ("listen 127.0.0.1:8080", "listen 127.0.0.1:%%PORT_RECIPE%%"),
];

/// A recipe that runs.
pub(crate) struct Recipe {
    pub(crate) nginx: Nginx,
    address: SocketAddr,
}

impl Recipe {
    pub(crate) fn get(&self, target: &str) -> Request {
        self.request("GET", target)
    }

    pub(crate) fn request(&self, method: &str, target: &str) -> Request {
        Request::new(self.address, method, target)
    }

    pub(crate) fn post(&self, target: &str, body: &str) -> Request {
        let form = "application/x-www-form-urlencoded";
        self.request("POST", target).header("Content-Type", form).body(body)
    }
}

/// A recipe before it runs: what differs from the document are addresses, and names that the STS of
/// the test has.
pub(crate) struct Written {
    text: String,
    builder: Builder,
    is_http: bool,
}

/// The recipe under a heading.
#[track_caller]
pub(crate) fn written(scene: &Scene, heading: &str) -> Written {
    let mut found = recipes();
    found.retain(|example| example.heading == heading);
    assert_eq!(found.len(), 1, "recipes under {heading:?}");
    let Example { context, text, .. } = found.remove(0);
    let text =
        ADDRESSES.iter().fold(within_prefix(&text), |text, (from, to)| text.replace(from, to));
    // NGINX warns of a variable that is used before `set` has given it a value.
    let mut builder =
        with_files(scene.bare_nginx()).forbid_in_log(SOURCE).forbid_in_log("uninitialized");
    if context.contains("set-misc") {
        builder = builder.main(&debian_modules().expect("this NGINX is Debian's"));
    }
    Written { text, builder, is_http: context.starts_with("http") }
}

impl Written {
    /// Puts a value of the test in the place of one that stands there.
    #[track_caller]
    pub(crate) fn with(mut self, from: &str, to: &str) -> Self {
        assert!(self.text.contains(from), "{from} is not in the recipe");
        self.text = self.text.replace(from, to);
        self
    }

    pub(crate) fn file(mut self, path: &str, content: impl Into<Vec<u8>>) -> Self {
        self.builder = self.builder.file(path, content);
        self
    }

    /// Adds what is beside the recipe.
    pub(crate) fn http(mut self, text: &str) -> Self {
        self.builder = self.builder.http(text);
        self
    }

    pub(crate) fn run(self) -> Recipe {
        let Self { text, builder, is_http } = self;
        let nginx = if is_http { builder.http(&text) } else { builder.server(&text) }.start();
        let address = if is_http { nginx.address_of("PORT_RECIPE") } else { nginx.address() };
        Recipe { nginx, address }
    }
}

/// Runs the recipe under a heading.
#[track_caller]
pub(crate) fn recipe(scene: &Scene, heading: &str) -> Recipe {
    written(scene, heading).run()
}

/// Runs a recipe with PHP as the backend.
#[track_caller]
pub(crate) fn php_recipe(scene: &Scene, php: &Php, heading: &str) -> Recipe {
    written(scene, heading)
        .with("/run/php/php-fpm.sock", &php.socket().display().to_string())
        .with("/srv/shop", &php.root().display().to_string())
        .run()
}

/// The token after `Bearer` that the backend got was issued for the source.
#[track_caller]
pub(crate) fn assert_bearer(seen: &Seen, source: &str) {
    let header = seen.header("Authorization").expect("an Authorization");
    let token = header.strip_prefix("Bearer ").expect("a bearer token");
    assert!(is_for(token, source), "the backend got {token:?}");
}

/// The names and values of the only form that the STS received.
#[track_caller]
pub(crate) fn asked(scene: &Scene) -> Vec<(String, String)> {
    scene.only_call().parameters().to_vec()
}

/// Fails unless the form has these parameters, in this order.
#[track_caller]
pub(crate) fn assert_asked(asked: &[(String, String)], expected: &[(&str, &str)]) {
    let asked: Vec<_> = asked.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert_eq!(asked, expected);
}
