//! `satisfy any`, where an access check that allows a request overrides others, and the exchange is
//! made among them.

use devsts::{Answer, Script, When};
use e2e::nginx::Nginx;
use e2e::scene::{Scene, assert_exchanged};

/// Checks that run behind the exchange and allow each request.
const CHECKS: [&str; 2] = ["allow all;", "auth_request /auth;"];

fn nginx(scene: &Scene, check: &str) -> Nginx {
    let server = format!(
        "location / {{ %%OTX%% STSPhase access; satisfy any; {check} %%PASS%% }}
        location = /auth {{ return 204; }}"
    );
    scene.nginx().server(&server).start()
}

fn status(nginx: &Nginx, token: &str) -> u16 {
    let request = nginx.get("/");
    let request = if token.is_empty() { request } else { request.bearer(token) };
    request.send().status
}

#[test]
fn a_check_that_allows_does_not_override_an_outage() {
    for check in CHECKS {
        let scene = Scene::new();
        scene.sts.script(When::subject("down"), Script::new().answer(Answer::new(500)));
        scene.sts.script(When::subject("busy"), Script::new().answer(Answer::new(503)));
        let nginx = nginx(&scene, check);
        assert_eq!(status(&nginx, "down"), 502, "{check}");
        assert_eq!(status(&nginx, "busy"), 503, "{check}");
        assert!(scene.backend.requests().is_empty(), "{check}");
        assert_exchanged(nginx.get("/").bearer("alice").send(), "alice");
    }
}

#[test]
fn a_check_that_allows_does_not_override_a_refusal() {
    for check in CHECKS {
        let scene = Scene::new();
        let denied = Answer::oauth_error(400, "access_denied", "no");
        scene.sts.script(When::subject("denied"), Script::new().answer(denied));
        let nginx = nginx(&scene, check);
        for (token, expected) in [("refuse", 401), ("", 401), ("denied", 403)] {
            assert_eq!(status(&nginx, token), expected, "{check} {token}");
        }
        assert!(scene.backend.requests().is_empty(), "{check}");
    }
}
