//! For how long a token is used: each location by its own policy, and never longer than the token and
//! what it came of are good.

use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use devsts::{Answer, Gate, Script, When};
use e2e::nginx::{Builder, Nginx};
use e2e::scene::Scene;
use e2e::wait::wait_for;

/// An answer without a backend, with all that is known of the exchange.
const TOLD: &str = r#"
    STSPhase rewrite;
    add_header Status "$sts_status" always;
    add_header Expires-In "$sts_expires_in" always;
    return 200 "$target_token";
"#;

const LOCATION: &str = "location / { %%OTX%% %%TOLD%% }";

const DEADLINE: Duration = Duration::from_secs(10);

fn told(scene: &Scene) -> Builder {
    scene.nginx().set("TOLD", TOLD)
}

/// How a request got its token, and for how many seconds that may be used by others.
#[track_caller]
fn get(nginx: &Nginx, path: &str, source: &str) -> (String, u64) {
    let response = nginx.get(path).bearer(source).send().expect_status(200);
    let header = |name| response.header(name).unwrap_or_default().to_owned();
    (header("Status"), header("Expires-In").parse().unwrap_or(u64::MAX))
}

/// Lets the STS answer with this token, and what stands beside it.
fn answer(scene: &Scene, token: &str, rest: &str) {
    let body = format!("{{\"access_token\":\"{token}\",\"token_type\":\"Bearer\"{rest}}}");
    scene.sts.script(When::any(), Script::new().answer(Answer::new(200).body(body)));
}

fn seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs())
}

fn jwt(claims: &str) -> String {
    format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(claims))
}

fn assertion(conditions: &str) -> String {
    let assertion = format!(
        "<a:Assertion xmlns:a=\"urn:oasis:names:tc:SAML:2.0:assertion\"><a:Conditions{conditions}\
         </a:Assertion>"
    );
    URL_SAFE_NO_PAD.encode(assertion)
}

fn lines(nginx: &Nginx, text: &str) -> usize {
    nginx.error_log().lines().filter(|line| line.contains(text)).count()
}

#[test]
fn a_short_policy_of_one_location_takes_nothing_from_its_neighbours() {
    let scene = Scene::new();
    let server = "
        location /long { %%OTX%% %%TOLD%% }
        location /short { %%OTX%% STSCacheExpiresIn 1; %%TOLD%% }
        location /careful { %%OTX%% STSCacheExpiresIn 1; STSExpiryLeeway 1d; %%TOLD%% }";
    let nginx = told(&scene).server(server).start();
    let start = Instant::now();
    let (status, left) = get(&nginx, "/short", "alice");
    assert_eq!((status.as_str(), left <= 1), ("MISS", true));
    wait_for("the token to be too old there", || start.elapsed() > Duration::from_millis(1100));
    let (status, left) = get(&nginx, "/long", "alice");
    assert_eq!(status, "HIT");
    assert!((270..=300).contains(&left), "{left}");
    // An outage is felt only where fresher tokens are wanted.
    scene.sts.script(When::any(), Script::new().reset());
    nginx.get("/short").bearer("alice").send().expect_status(502);
    assert_eq!(get(&nginx, "/long", "alice").0, "HIT");
    assert_eq!(get(&nginx, "/long", "alice").0, "HIT");
}

#[test]
fn what_no_location_would_use_any_more_is_forgotten() {
    let scene = Scene::new();
    let server = "location / { %%OTX%% STSCacheExpiresIn 1; %%TOLD%% }";
    let nginx = told(&scene).server(server).start();
    assert_eq!(get(&nginx, "/", "alice").0, "MISS");
    let longer = "location / { %%OTX%% %%TOLD%% }";
    let start = Instant::now();
    wait_for("the token to be over", || start.elapsed() > Duration::from_millis(1100));
    nginx.reload_with(&told(&scene).server(longer));
    assert_eq!(get(&nginx, "/", "alice").0, "MISS");
}

#[test]
fn a_token_that_came_too_late_for_its_own_location_is_kept_for_others() {
    let scene = Scene::new();
    let server = "
        location /long { %%OTX%% %%TOLD%% }
        location /short { %%OTX%% STSCacheExpiresIn 1; %%TOLD%% }";
    let nginx = told(&scene).server(server).start();
    assert_eq!(get(&nginx, "/short", "wait-1200.alice").0, "MISS");
    assert_eq!(get(&nginx, "/long", "wait-1200.alice").0, "HIT");
    assert_eq!(scene.sts.call_count(), 1);
}

#[test]
fn an_assertion_for_one_use_is_neither_kept_nor_shared() {
    let once = assertion("><a:OneTimeUse/></a:Conditions>");
    let saml_1 = URL_SAFE_NO_PAD.encode(
        "<Assertion xmlns=\"urn:oasis:names:tc:SAML:1.0:assertion\"><Conditions>\
         <DoNotCacheCondition/></Conditions></Assertion>",
    );
    for (target, source) in [(&*once, "alice"), ("t", &*once), (&*saml_1, "alice"), ("t", &*saml_1)]
    {
        let scene = Scene::new();
        let gate = Gate::new();
        let body = format!(
            "{{\"access_token\":\"{target}\",\"token_type\":\"Bearer\",\"expires_in\":300}}"
        );
        let held = Script::new().hold(&gate).answer(Answer::new(200).body(body));
        scene.sts.script(When::any(), held);
        let nginx = told(&scene).server(LOCATION).start();
        let waiting: Vec<_> = (0..3).map(|_| nginx.get("/").bearer(source).start()).collect();
        assert!(scene.sts.wait_for_calls(1, DEADLINE));
        gate.open();
        for mut client in waiting {
            let response = client.read_response().expect_status(200);
            assert_eq!(response.header("Status"), Some("MISS"));
            assert_eq!(response.header("Expires-In"), Some("0"));
        }
        assert_eq!(get(&nginx, "/", source), ("MISS".to_owned(), 0));
        assert_eq!(scene.sts.call_count(), 4);
    }
}

#[test]
fn never_is_far_away() {
    for never in ["9999-12-31T23:59:59Z", "9999-12-31T23:59:59.9999999Z", "12026-01-01T00:00:00Z"] {
        let scene = Scene::new();
        answer(&scene, &assertion(&format!(" NotOnOrAfter=\"{never}\"/>")), "");
        let nginx = told(&scene).server(LOCATION).start();
        let (status, left) = get(&nginx, "/", "alice");
        assert!(status == "MISS" && left > 250, "{never}: {status} {left}");
        assert_eq!(get(&nginx, "/", "alice").0, "HIT", "{never}");
    }
}

#[test]
fn the_advice_of_an_assertion_says_nothing_of_its_own_end() {
    let scene = Scene::new();
    let advice = "<a:Advice><a:Assertion><a:Conditions NotOnOrAfter=\"2001-01-01T00:00:00Z\"/>\
                  </a:Assertion></a:Advice>";
    let outer = assertion(&format!(" NotOnOrAfter=\"2999-01-01T00:00:00Z\"/>{advice}"));
    answer(&scene, &outer, "");
    let nginx = told(&scene).server(LOCATION).start();
    assert!(get(&nginx, "/", "alice").1 > 250);
    assert_eq!(get(&nginx, "/", "alice").0, "HIT");
}

#[test]
fn an_expiry_in_a_string_is_read() {
    let scene = Scene::new();
    answer(&scene, &jwt(&format!("{{\"exp\":\"{}\"}}", seconds() + 3)), ",\"expires_in\":300");
    let nginx = told(&scene).server(LOCATION).start();
    let start = Instant::now();
    assert!(get(&nginx, "/", "alice").1 <= 3);
    assert_eq!(get(&nginx, "/", "alice").0, "HIT");
    while start.elapsed() < Duration::from_millis(3100) {
        thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(get(&nginx, "/", "alice").0, "MISS");
}

#[test]
fn an_expiry_that_cannot_be_read_is_no_life_and_one_line() {
    let later = seconds() + 3000;
    let twice = jwt(&format!("{{\"exp\":{later},\"exp\":{later}}}"));
    let word = jwt("{\"exp\":\"tomorrow\"}");
    let soon = assertion(" NotOnOrAfter=\"soon\"/>");
    let issued = "the expiry of the issued token cannot be read, so the token serves one request";
    let sourced = "the expiry of the source token cannot be read, so the token serves one request";
    for (target, rest, source, line) in [
        ("t", ",\"expires_in\":\"soon\"", "alice", "the expires_in of the answer cannot be read"),
        ("t", ",\"expires_in\":[300]", "alice", "the expires_in of the answer cannot be read"),
        (&*twice, ",\"expires_in\":300", "alice", issued),
        (&*word, ",\"expires_in\":300", "alice", issued),
        (&*soon, ",\"expires_in\":300", "alice", issued),
        ("t", ",\"expires_in\":300", &*twice, sourced),
        ("t", ",\"expires_in\":300", &*soon, sourced),
    ] {
        let scene = Scene::new();
        answer(&scene, target, rest);
        let nginx = told(&scene).server(LOCATION).start();
        assert_eq!(get(&nginx, "/", source), ("MISS".to_owned(), 0), "{target} {source}");
        nginx.wait_for_log(line);
        assert_eq!(lines(&nginx, line), 1, "{target} {source}");
        assert_eq!(get(&nginx, "/", source).0, "MISS", "{target} {source}");
    }
}

#[test]
fn a_token_that_is_too_large_is_told_once_and_has_no_time_left() {
    let scene = Scene::new();
    let server = "location / { %%OTX%% STSCache shm name=small&max_val_size=4096; %%TOLD%% }";
    let nginx = told(&scene).server(server).start();
    for _ in 0..3 {
        assert_eq!(get(&nginx, "/", "size-4097.alice"), ("MISS".to_owned(), 0));
    }
    let line = "a token of 4097 bytes is too large for its cache (\"STSCache\", max_val_size=4096)";
    assert_eq!(lines(&nginx, line), 1, "{}", nginx.error_log());
    assert!(get(&nginx, "/", "size-4096.alice").1 > 250);
}
