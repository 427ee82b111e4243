//! What is done with each server.

use std::collections::HashSet;
use std::time::Instant;

use devsts::Backend;
use e2e::interop::Server;
use e2e::nginx::Nginx;
use e2e::parallel::in_parallel;
use e2e::response::Response;
use e2e::scene::Seen;

use super::report::Report;
use super::{Source, Trial, Way};

/// So many users, each with a token of its own.
const USERS: usize = 200;

/// So many requests at once.
const AT_ONCE: usize = 50;

/// Users of the other ways.
const FEW: usize = 5;

/// What the exchange may take when the server is frozen.
const TIME_OUT: &str = "STSHTTPTimeOut 2;";

pub(super) fn run(trial: &Trial) {
    let began = Instant::now();
    let mut server = Server::start(trial.server);
    println!("{}: started in {} s", trial.server, began.elapsed().as_secs());
    let backend = Backend::start().expect("a backend");
    let nginx = nginx(trial, &server, &backend);
    let mut report = Report::new(trial.server, trial.title, server.value("VERSION"));

    let what =
        format!("{}: {USERS} users with a token each, {AT_ONCE} at once, twice", trial.way.what);
    report.step(&what, || users(&nginx, &server, &trial.way, "/way/", USERS));
    for (number, way) in trial.others.iter().enumerate() {
        report.step(way.what, || users(&nginx, &server, way, &format!("/other/{number}/"), FEW));
    }
    report.step("a request without a token", || {
        told(nginx.get("/way/").send(), 401, "missing_token")
    });
    for (number, failure) in trial.failures.iter().enumerate() {
        report.step(failure.what, || {
            let token = (failure.source)(&server);
            let answer = ask(&nginx, &format!("/failure/{number}/"), &token);
            told(answer, failure.status, failure.error)
        });
    }
    if let Some(more) = trial.more {
        more(&server, &mut report);
    }
    let source = |server: &Server, user| (trial.way.source)(server, user);
    if let Some(rotate) = trial.rotate {
        report.step("its keys are replaced", || {
            let before = source(&server, 0);
            let (status, error) = rotate(&server);
            let old = told(ask(&nginx, "/way/", &before.token), status, error);
            let new = users(&nginx, &server, &trial.way, "/way/", FEW);
            format!("a token of before: {old}; new ones: {new}")
        });
    }
    // A server may write with a delay, and is killed after the next step.
    let before = source(&server, 0);
    report.step("the server hangs", || {
        let Source { token, .. } = source(&server, 0);
        server.freeze();
        let answer = ask(&nginx, "/patience/", &token);
        server.thaw();
        told(answer, 504, "timeout")
    });
    report.step("the server is down", || {
        let kept = source(&server, 1);
        ask(&nginx, "/way/", &kept.token).expect_status(200);
        server.stop();
        let answer = told(ask(&nginx, "/way/", &before.token), 502, "unreachable");
        let hit = ask(&nginx, "/way/", &kept.token).expect_status(200);
        assert_eq!(hit.header("STS-Status"), Some("HIT"));
        format!("{answer}; what is in the cache goes on")
    });
    report.step("it is started again", || {
        server.start_again();
        let (status, error) = trial.after_restart;
        let old = told(ask(&nginx, "/way/", &before.token), status, error);
        let new = users(&nginx, &server, &trial.way, "/way/", FEW);
        format!("a token of before: {old}; new ones: {new}")
    });
    println!("{}: {} s", trial.server, began.elapsed().as_secs());
    report.finish();
}

/// Each user twice: first each token is issued, then each is in the cache, and the backend always has the user's.
fn users(nginx: &Nginx, server: &Server, way: &Way, path: &str, number: usize) -> String {
    let sources = in_parallel(8, number, |user| (way.source)(server, user));
    let different = |of: fn(&Source) -> &str| sources.iter().map(of).collect::<HashSet<_>>().len();
    let (tokens, users) = (different(|source| &source.token), different(|source| &source.user));
    // A server may know one user only for a way beside the first.
    let is_of_one = users == 1 && number == FEW;
    if !is_gateways(way) {
        assert_eq!(tokens, number, "tokens that differ");
        assert!(is_of_one || users == number, "{users} users that differ");
    }
    for outcome in ["MISS", "HIT"] {
        in_parallel(AT_ONCE, number, |user| {
            let Source { token, user } = &sources[user];
            let answer = ask(nginx, path, token).expect_status(200);
            // One token of the gateway is for all, whichever request is the first.
            if !is_gateways(way) {
                assert_eq!(answer.header("STS-Status"), Some(outcome), "{user}");
            }
            assert_eq!((way.user)(server, &Seen::by_backend(answer)), *user, "{}", way.what);
        });
    }
    if is_gateways(way) {
        return format!("{} requests, each the gateway's token", 2 * number);
    }
    let what = if is_of_one {
        format!("{number} tokens of one user, each exchanged by itself")
    } else {
        "each backend request its own user's token".to_owned()
    };
    format!("{what}: {number} `MISS`, then {number} `HIT`")
}

/// Whether the token is the gateway's own.
fn is_gateways(way: &Way) -> bool {
    way.exchange.contains("STSType cc")
}

fn ask(nginx: &Nginx, path: &str, token: &str) -> Response {
    nginx.get(path).bearer(token).send()
}

/// Fails unless the client got this status for this error; nothing is no error.
#[track_caller]
fn told(answer: Response, status: u16, error: &str) -> String {
    let answer = answer.expect_status(status);
    assert_eq!(answer.header("STS-Error").unwrap_or_default(), error);
    if error.is_empty() { status.to_string() } else { format!("{status} (`{error}`)") }
}

fn nginx(trial: &Trial, server: &Server, backend: &Backend) -> Nginx {
    let mut locations = location("/way/", trial.way.exchange, "");
    locations.push_str(&location("/patience/", trial.way.exchange, TIME_OUT));
    for (number, way) in trial.others.iter().enumerate() {
        locations.push_str(&location(&format!("/other/{number}/"), way.exchange, ""));
    }
    for (number, failure) in trial.failures.iter().enumerate() {
        let mut exchange = trial.way.exchange.to_owned();
        for (from, to) in failure.instead {
            assert!(exchange.contains(from), "{}: no {from:?} in the exchange", failure.what);
            exchange = exchange.replace(from, to);
        }
        locations.push_str(&location(&format!("/failure/{number}/"), &exchange, ""));
    }
    let filled = |text: &str| {
        let fill =
            |text: String, (key, value): (&str, &str)| text.replace(&format!("%%{key}%%"), value);
        server.values().fold(text.to_owned(), fill)
    };
    let mut builder = Nginx::builder().http(&filled(trial.http)).server(&filled(&locations));
    builder = builder.set("BACKEND", backend.url("")).workers(2);
    for (path, content) in trial.files {
        builder = builder.file(path, filled(content));
    }
    for secret in trial.secrets {
        builder = builder.forbid_in_log(secret);
    }
    builder.start()
}

/// A location with an exchange, which tells how it went.
fn location(path: &str, exchange: &str, more: &str) -> String {
    let unless = |word: &str, directive: &'static str| {
        if exchange.contains(word) { "" } else { directive }
    };
    let accept = unless("STSAcceptSourceTokenIn", "STSAcceptSourceTokenIn header;");
    let has_own = exchange.contains("STSType cc") || exchange.contains("STSVariables");
    let accept = if has_own { "" } else { accept };
    let pass = unless("STSPassTargetTokenIn", "STSPassTargetTokenIn header;");
    format!(
        "location {path} {{
            {exchange} {accept} {pass} {more}
            add_header STS-Status $sts_status always;
            add_header STS-Error $sts_error always;
            proxy_pass %%BACKEND%%;
        }}"
    )
}
