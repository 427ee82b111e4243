//! Reloads in front of a store, and passphrases that are changed: `make test-stores`.

use std::time::Duration;

use devsts::{Answer, Gate, Script, Sts, When};
use e2e::scene::Scene;
use e2e::stores;
use e2e::wait::{DEADLINE, holds_within, wait_for};

use crate::stores::{BOTH, LOCATION, PASSPHRASE, get, node, node_with, share};

#[test]
#[ignore = "make test-stores has the servers"]
fn workers_of_two_configurations_do_not_take_each_others_purges_for_their_own() {
    let installed = stores::installed();
    type Change = fn(&str) -> String;
    let changes: [(&str, Change); 3] = [
        ("prefix", |written| format!("{written}&prefix=other:")),
        ("passphrase", |written| written.replace(PASSPHRASE, "another-one")),
        ("rotation", |written| {
            format!("{}&passphrase_old={PASSPHRASE}", written.replace(PASSPHRASE, "next"))
        }),
    ];
    for kind in BOTH {
        for (name, change) in changes {
            let scene = Scene::new();
            let store = kind.start(&installed);
            let written = kind.written(&store);
            let next = change(&written);
            let gate = Gate::new();
            scene.sts.script(When::subject("held"), Script::new().hold(&gate).usual());
            let nginx = node(&scene, &written).start();
            get(&nginx, "alice");
            let mut held = nginx.get("/").bearer("held").start();
            assert!(scene.sts.wait_for_calls(2, DEADLINE));
            nginx.reload_with(&node(&scene, &next));
            assert_eq!(nginx.retiring_workers().len(), 1, "the old worker waits for its call");
            let (_, token) = get(&nginx, "bob");
            // Both look for purges about once a second.
            let purged =
                holds_within(Duration::from_secs(5), || nginx.error_log().contains("gone back"));
            assert!(!purged, "{name}: {}", nginx.error_log());
            assert_eq!(get(&nginx, "bob"), ("HIT".into(), token), "{name}");
            gate.open();
            held.read_response().expect_status(200);
        }
    }
}

#[test]
#[ignore = "make test-stores has the servers"]
fn a_token_that_is_refused_goes_from_under_older_passphrases_too() {
    let installed = stores::installed();
    for kind in BOTH {
        let scene = Scene::with(Sts::builder().expires_in(60));
        let store = kind.start(&installed);
        let written = kind.written(&store);
        let rotated =
            format!("{}&passphrase_old={PASSPHRASE}", written.replace(PASSPHRASE, "another-one"));
        let fresh =
            "location /fresh { %%OTX%% STSPhase rewrite; STSCacheExpiresIn 1; return 200; }";
        let server = format!("STSExpiryLeeway 0; STSNegativeTTL 0; {LOCATION} {fresh}");
        let start = |written: &str| node_with(&scene, written, &server).start();
        let here = start(&written);
        let there = start(&rotated);
        share(&here, &there, "alice");
        // Under the new passphrase there is one, too.
        let moved = start(&written.replace(PASSPHRASE, "another-one"));
        wait_for("a token there", || get(&moved, "alice").0 == "HIT");
        let refusal = Answer::oauth_error(400, "invalid_grant", "the session is over");
        scene.sts.script(When::subject("alice"), Script::new().answer(refusal));
        wait_for("the STS to be asked again", || {
            there.get("/fresh").bearer("alice").send().status == 401
        });
        // Neither the next node finds the token, nor does one that only reads under the old passphrase.
        for written in [&rotated, &written] {
            let next = start(written);
            let is_gone = || next.get("/").bearer("alice").send().status == 401;
            assert!(is_gone(), "{written}");
        }
    }
}
