//! The metadata of an issuer cannot be had: its server is asked seldom, and requests do not wait for it.
#![allow(clippy::indexing_slicing, reason = "a test that fails panics")]

use std::time::{Duration, Instant};

use devsts::{Answer, Script, Sts, When};
use e2e::wait::wait_for;

use crate::issuer::{LOCATION, OAUTH, exchanged, nginx, questions, scene, targets};

#[test]
fn a_server_that_fails_is_not_asked_for_each_request_and_serves_when_it_is_back() {
    let scene = scene();
    let away = When::path(OAUTH).times(1);
    scene.sts.script(away, Script::new().answer(Answer::new(500)));
    let nginx = nginx(&scene).server(LOCATION).start();
    for user in ["alice", "bob", "carol"] {
        nginx.get("/").bearer(user).send().expect_status(502);
    }
    assert_eq!(targets(&scene.sts), [OAUTH], "within a second");
    wait_for("the server to be back", || nginx.get("/").bearer("alice").send().status == 200);
    assert_eq!(targets(&scene.sts), [OAUTH, OAUTH, "/token"]);
}

/// Between questions, by the clock of the server: a client may notice late.
fn pauses(sts: &Sts) -> Vec<Duration> {
    let times: Vec<_> = questions(sts).iter().map(|question| question.at).collect();
    times.windows(2).map(|pair| pair[1] - pair[0]).collect()
}

#[test]
fn a_server_that_fails_again_and_again_is_asked_once_a_second() {
    let scene = scene();
    scene.sts.script(When::path(OAUTH).times(4), Script::new().reset());
    let nginx = nginx(&scene).server(LOCATION).start();
    let start = Instant::now();
    let (mut asked, mut last) = (0, 0);
    wait_for("the fourth failure", || {
        asked += 1;
        nginx.get("/").bearer(format!("user-{asked}")).send().expect_status(502);
        let now = questions(&scene.sts).len();
        if now != last {
            assert_eq!(now, last + 1, "two questions at once");
            last = now;
        }
        now == 4
    });
    let pauses = pauses(&scene.sts);
    assert!(pauses.iter().all(|pause| *pause >= Duration::from_millis(900)), "{pauses:?}");
    assert!(asked > 40, "only {asked} requests in {:?}", start.elapsed());
    assert!(scene.backend.requests().is_empty());
    wait_for("the server to be back", || nginx.get("/").bearer("alice").send().status == 200);
    assert_eq!(questions(&scene.sts).len(), 5);
}

#[test]
fn a_server_that_hangs_costs_its_time_out_once_and_serves_when_it_is_back() {
    const TIME_OUT: Duration = Duration::from_secs(4);
    let scene = scene();
    let hung = When::path(OAUTH).times(2);
    scene.sts.script(hung, Script::new().hang());
    let nginx = nginx(&scene).server(&format!("STSHTTPTimeOut 4; {LOCATION}")).start();
    let mut user = 0;
    let mut ask = || {
        user += 1;
        let start = Instant::now();
        let status = nginx.get("/").bearer(format!("user-{user}")).send().status;
        (status, start.elapsed())
    };
    let (status, took) = ask();
    assert!(status == 504 && took >= TIME_OUT - Duration::from_millis(200), "{status} {took:?}");
    let mut asked = 0;
    wait_for("the server to be back", || {
        let (status, took) = ask();
        asked += 1;
        assert!(status == 504 || status == 200, "{status}");
        assert!(took < TIME_OUT / 2, "a request has waited for {took:?}");
        status == 200
    });
    assert!(asked > 20, "only {asked} requests");
    assert_eq!(questions(&scene.sts).len(), 3);
    assert_eq!(scene.backend.requests().len(), 1);
}

#[test]
fn what_gets_old_is_asked_for_in_the_background_and_serves_while_the_issuer_is_away() {
    let scene = scene();
    let nginx = nginx(&scene).server(&format!("STSIssuerRefresh 1s; {LOCATION}")).start();
    exchanged(&nginx, "alice");
    // Old, and there is no answer.
    let away = When::matching(|call| call.method == "GET").times(1);
    scene.sts.script(away, Script::new().reset());
    let hung = When::matching(|call| call.method == "GET").times(1);
    scene.sts.script(hung, Script::new().hang());
    let mut user = 0;
    let mut next = || {
        user += 1;
        let start = Instant::now();
        exchanged(&nginx, &format!("user-{user}"));
        assert!(start.elapsed() < Duration::from_secs(2), "a request has waited");
    };
    wait_for("the second question", || {
        next();
        questions(&scene.sts).len() == 2
    });
    let line = nginx.wait_for_log("what was told before serves on");
    assert!(line.contains(OAUTH) && line.contains("unreachable"), "{line}");
    let failed = Instant::now();
    wait_for("the third question", || {
        next();
        questions(&scene.sts).len() == 3
    });
    assert!(failed.elapsed() >= Duration::from_millis(800), "{:?}", failed.elapsed());
    // It hangs, and requests go on.
    (0..20).for_each(|_| next());
    assert_eq!(questions(&scene.sts).len(), 3);
}

#[test]
fn newer_metadata_are_asked_for_more_seldom_with_each_failure() {
    let scene = scene();
    let nginx = nginx(&scene).server(&format!("STSIssuerRefresh 1s; {LOCATION}")).start();
    exchanged(&nginx, "alice");
    let away = When::matching(|call| call.method == "GET").times(4);
    scene.sts.script(away, Script::new().reset());
    let mut last = questions(&scene.sts).len();
    let mut asked = 0;
    wait_for("the fourth failure", || {
        // A token of the cache needs no endpoint.
        asked += 1;
        let sent = Instant::now();
        exchanged(&nginx, &format!("user-{asked}"));
        assert!(sent.elapsed() < Duration::from_secs(1), "a request has waited");
        let now = questions(&scene.sts).len();
        if now != last {
            assert_eq!(now, last + 1, "two questions at once");
            last = now;
        }
        now == 5
    });
    let pauses = pauses(&scene.sts);
    // Before the first failure there is what was told while all was well.
    for (pause, least) in pauses.iter().skip(1).zip([900, 1_900, 3_900]) {
        assert!(*pause >= Duration::from_millis(least), "{pauses:?}");
    }
}
