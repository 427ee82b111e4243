//! Real servers, one configuration each: `make interop` fetches them, `interop/README.md` says how one is added.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test that cannot go on has failed, and what came of it is to be read"
)]

mod cxf_sts;
mod hydra;
mod jwt;
mod keycloak;
mod metro_sts;
mod mock_oauth2_server;
mod oidc_provider;
mod report;
mod saml;
mod spring_authorization_server;
mod steps;
mod zitadel_oidc;

use e2e::interop::{Server, post_form};
use e2e::scene::Seen;

use report::Report;

/// A user's source token, and what stands for the user in the target token.
#[derive(Clone)]
struct Source {
    /// What a client sends behind `Bearer`.
    token: String,
    /// What [`Way::user`] reads of the token that comes of it.
    user: String,
}

/// One exchange: how it is written, and how it is looked at.
struct Way {
    /// A few words for the table.
    what: &'static str,
    /// The directives of its location, but for those that every location has: `STSAcceptSourceTokenIn header`
    /// unless this names another one, `STSPassTargetTokenIn header` likewise, and `proxy_pass`. Values of the
    /// ready file stand as `%%ENDPOINT%%`.
    exchange: &'static str,
    /// A source token for the user of this number, from 0 to 199. It is called from many threads.
    source: fn(&Server, usize) -> Source,
    /// The user of the token that the backend got. It panics when the token is not a good one: verify it where
    /// the server has keys to do so.
    user: fn(&Server, &Seen) -> String,
}

/// Something that goes wrong, and what a client gets: the rows of the manual's table of failures.
struct Failure {
    /// A few words for the table.
    what: &'static str,
    /// What is written in place of which part of the exchange of [`Trial::way`].
    instead: &'static [(&'static str, &'static str)],
    /// What the client sends behind `Bearer`.
    source: fn(&Server) -> String,
    /// The status that the client gets.
    status: u16,
    /// The value of `$sts_error`.
    error: &'static str,
}

/// What a client gets: the status, and the value of `$sts_error`, which is empty where nothing failed.
type Outcome = (u16, &'static str);

/// What is tried at one server.
struct Trial {
    /// Its directory of `interop/`.
    server: &'static str,
    /// The words above its table.
    title: &'static str,
    /// Files under NGINX's prefix, as `("secrets/sts", "…")`; values of the ready file stand in them, too.
    files: &'static [(&'static str, &'static str)],
    /// What stands in no line of the log.
    secrets: &'static [&'static str],
    /// What stands in NGINX's `http`.
    http: &'static str,
    /// The exchange of 200 users at once, and of what fails.
    way: Way,
    /// Other exchanges at the same server, for a few users each.
    others: &'static [Way],
    /// What goes wrong while the server runs.
    failures: &'static [Failure],
    /// What is tried at this server alone, while it runs.
    more: Option<fn(&Server, &mut Report)>,
    /// Gives the server new keys and takes the old ones away; nothing where a restart does that, or where there
    /// are none. It tells what has to come of a source token of before.
    rotate: Option<fn(&Server) -> Outcome>,
    /// What comes of a source token of before a restart of the server, which is not in the cache.
    after_restart: Outcome,
}

impl Trial {
    /// All of it, one after the other; the table of what came of it is in `build/interop/results`.
    #[track_caller]
    fn run(&self) {
        steps::run(self);
    }
}

/// The token that the backend got behind `Bearer`.
#[track_caller]
fn bearer(seen: &Seen) -> String {
    let header = seen.header("Authorization").expect("a token");
    header.strip_prefix("Bearer ").expect("a token").to_owned()
}

/// What each server calls the user of this number.
fn name(user: usize) -> String {
    format!("user{user}")
}

/// Where the pages of a server send a user back to. Nothing is there.
const CALLBACK: &str = "http://127.0.0.1/callback";

/// The access token that a user's client gets for a code.
#[track_caller]
fn redeemed(server: &Server, client: &str, code: &str) -> String {
    let fields = [
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", CALLBACK),
        ("client_id", client),
        ("client_secret", &format!("{client}-secret")),
    ];
    access_token(server, &fields)
}

/// The access token that comes of a form.
#[track_caller]
fn access_token(server: &Server, fields: &[(&str, &str)]) -> String {
    let answer = post_form(server.value("ENDPOINT"), fields).expect_status(200).json();
    answer["access_token"].as_str().expect("a token").to_owned()
}
