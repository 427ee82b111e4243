//! No side door: over generated configurations and requests, the backend of a location with an
//! exchange, or of any location after a refusal, is reached only with that exchange's token of this
//! request's source, or where a policy written there says pass or disabled, or without a refusal a
//! bypass does. Each request is answered,
//! no worker dies, nothing alarms, and none is left in the end.
//!
//! The short form is one of the tests, and the same each time. `make test-doors` runs the long one, each
//! time another; it prints the seed that repeats it.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test reports by panicking, and its figures are to be read"
)]

mod configuration;
mod generate;
mod oracle;
mod request;
mod rules;
mod text;

use std::cell::RefCell;
use std::env;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use devsts::sts::Tokens;
use devsts::{Answer, Client, Script, Sts, When};
use e2e::nginx::Nginx;
use e2e::scene::{CLIENT_ID, CLIENT_SECRET, Scene};
use e2e::wait::{DEADLINE, holds_within};
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};

use self::generate::Case;
use self::oracle::{Oracle, Tally};
use self::request::{Asked, send_all};
use self::rules::Exchange;

/// How many configurations the short form has; `STS_DOORS` in the environment says another number.
const SHORT: u32 = 40;

/// Where the choices of the short form begin.
const SEED: u64 = 13;

/// How long a configuration that fails is made smaller.
const SHRINKING: Duration = Duration::from_secs(40);

/// An STS that refuses one of its exchanges to some sources and fails for others, and another one.
struct Stage {
    scene: Scene,
    second: Sts,
}

impl Stage {
    fn new() -> Self {
        let scene = Scene::new();
        let refuses = |call: &devsts::Call| {
            let is_a = call.parameter("audience") == Some(Exchange::A.audience());
            is_a && call.subject().is_some_and(|source| source.starts_with("half."))
        };
        let refusal = Answer::oauth_error(400, "invalid_grant", "not for this audience");
        scene.sts.script(When::subject_prefix("down."), Script::new().answer(Answer::new(500)));
        scene.sts.script(When::matching(refuses), Script::new().answer(refusal));
        // Its tokens look like none of the first one's.
        let second = Sts::builder().client(Client::new(CLIENT_ID, CLIENT_SECRET));
        let second = second.tokens(Tokens::Source).start().expect("an STS");
        Self { scene, second }
    }

    fn start(&self, case: &Case) -> Nginx {
        let builder = self.scene.nginx().set("SECOND", self.second.endpoint());
        text::put_into(builder, &case.configuration).start()
    }
}

/// Sends the requests of a configuration, and says what was wrong.
fn run(case: &Case) -> Result<Tally, String> {
    let stage = Stage::new();
    let nginx = stage.start(case);
    let asks = case.asks.iter().enumerate();
    let all: Vec<Asked<'_>> =
        asks.map(|(number, ask)| Asked::new(number, *ask, &case.configuration)).collect();
    send_all(&nginx, &all);
    let figures = || nginx.get("/stub").send().text();
    // Mirrored requests may come to an end later, and clients that have left are noticed later.
    if !holds_within(DEADLINE, || figures().starts_with("Active connections: 1 \n")) {
        return Err(format!("requests are left: {}", figures()));
    }
    let oracle = Oracle {
        configuration: &case.configuration,
        all: &all,
        first: &stage.scene.sts,
        second: &stage.second,
    };
    let requests = stage.scene.backend.requests();
    let (tally, wrong) = oracle.judge(&requests, &nginx.prefix().join("written"));
    if wrong.is_empty() { Ok(tally) } else { Err(wrong.join("\n")) }
}

fn number(name: &str) -> Option<u64> {
    Some(env::var(name).ok()?.parse().expect("a number"))
}

/// The same number each time, unless a number of configurations is asked for.
fn seed(is_short: bool) -> u64 {
    let by_clock = || {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock that is right");
        now.as_secs()
    };
    number("STS_DOORS_SEED").unwrap_or_else(|| if is_short { SEED } else { by_clock() })
}

#[test]
fn no_request_reaches_a_backend_by_a_side_door() {
    let cases = number("STS_DOORS");
    let seed = seed(cases.is_none());
    let cases = cases.map_or(SHORT, |cases| u32::try_from(cases).expect("not that many"));
    println!("{cases} configurations, STS_DOORS_SEED={seed}");
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let config = Config {
        cases,
        failure_persistence: None,
        max_shrink_time: u32::try_from(SHRINKING.as_millis()).expect("it is short"),
        max_shrink_iters: u32::MAX,
        ..Config::default()
    };
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let mut runner = TestRunner::new_with_rng(config, rng);
    let (tally, start) = (RefCell::new(Tally::default()), Instant::now());

    let result = runner.run(&generate::case(), |case| {
        let seen = run(&case).map_err(TestCaseError::fail)?;
        tally.borrow_mut().add(&seen);
        Ok(())
    });

    let tally = tally.into_inner();
    println!("in {:?}: {tally:?}", start.elapsed());
    match result {
        Ok(()) => {}
        Err(TestError::Fail(reason, case)) => panic!(
            "STS_DOORS_SEED={seed}: {reason}\nwith this configuration:\n{}\nand these \
             requests:\n{:#?}",
            text::server(&case.configuration),
            case.asks,
        ),
        Err(TestError::Abort(reason)) => panic!("STS_DOORS_SEED={seed}: {reason}"),
    }
    // What was never seen was not tested. A few configurations need not come to all.
    let expected = if cases < SHORT { Vec::new() } else { tally.seen().to_vec() };
    for (what, count) in expected {
        assert!(count > 0, "{what}: none of {cases} configurations came to it");
    }
}
