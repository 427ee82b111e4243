//! How long a token is kept, for which requests, and what makes it forgotten.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use devsts::{Answer, Client, Script, Sts, When};
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

fn told(scene: &Scene) -> Builder {
    scene.nginx().set("TOLD", TOLD)
}

/// What a request gets: its token, and whether it was in the cache.
struct Got {
    token: String,
    status: String,
    expires_in: Option<u64>,
}

#[track_caller]
fn get(nginx: &Nginx, path: &str, user: &str) -> Got {
    let response = nginx.get(path).bearer(user).send().expect_status(200);
    let header = |name| response.header(name).unwrap_or_default().to_owned();
    Got {
        token: response.text(),
        status: header("Status"),
        expires_in: header("Expires-In").parse().ok(),
    }
}

#[track_caller]
fn assert_hit(nginx: &Nginx, path: &str, user: &str, token: &str) {
    let got = get(nginx, path, user);
    assert_eq!((got.status.as_str(), got.token.as_str()), ("HIT", token), "{path} {user}");
}

#[track_caller]
fn assert_miss(nginx: &Nginx, path: &str, user: &str) -> String {
    let got = get(nginx, path, user);
    assert_eq!(got.status, "MISS", "{path} {user}");
    got.token
}

#[test]
fn a_token_is_exchanged_once_for_all_workers() {
    let scene = Scene::new();
    let http = "
        log_format worker '$pid';
        server {
            listen 127.0.0.1:%%PORT_ALL%% reuseport;
            access_log %%PREFIX%%/workers.log worker;
            location / { %%OTX%% %%TOLD%% }
        }";
    let nginx = told(&scene).http(http).workers(2).start();
    let token = assert_hit_everywhere(&nginx);
    assert_eq!(token, devsts::target_for("alice", 1));
    assert_eq!(scene.sts.call_count(), 1);
}

/// Asks until each worker has answered several times; returns the token that all had.
fn assert_hit_everywhere(nginx: &Nginx) -> String {
    let mut tokens = std::collections::BTreeSet::new();
    wait_for("each worker to answer", || {
        let request = e2e::http1::Request::new(nginx.address_of("PORT_ALL"), "GET", "/");
        tokens.insert(request.bearer("alice").send().expect_status(200).text());
        let log = nginx.read("workers.log");
        let of = |pid: &i32| log.lines().filter(|line| *line == pid.to_string()).count();
        nginx.workers().iter().all(|pid| of(pid) >= 3)
    });
    assert_eq!(tokens.len(), 1, "{tokens:?}");
    tokens.pop_first().unwrap_or_default()
}

#[test]
fn a_token_is_forgotten_when_its_life_is_over() {
    let scene = Scene::with(Sts::builder().expires_in(1));
    let still = "STSExpiryLeeway 0; STSRefreshAhead off;";
    let nginx = told(&scene).server(&format!("{still} {LOCATION}")).start();
    let start = Instant::now();
    let first = assert_miss(&nginx, "/", "alice");
    let mut got = get(&nginx, "/", "alice");
    wait_for("the token to be forgotten", || {
        got = get(&nginx, "/", "alice");
        got.status != "HIT"
    });
    // NGINX's clock has whole milliseconds.
    assert!(start.elapsed() >= Duration::from_millis(990), "{:?}", start.elapsed());
    assert_ne!(got.token, first);
}

#[test]
fn what_is_left_of_a_life_is_told() {
    // The least of what is said, less the leeway of at most a tenth.
    for (user, directives, life) in [
        ("alice", "", 300),
        ("life-200.alice", "", 185),
        ("life-100.alice", "", 90),
        ("life-1000.alice", "STSCacheExpiresIn 2000; STSExpiryLeeway 0;", 1000),
        ("life-1000.alice", "STSCacheExpiresIn 2000; STSExpiryLeeway 100s;", 900),
        ("life-100.alice", "STSCacheExpiresIn 50;", 50),
        ("life-none.alice", "STSCacheExpiresIn 70;", 70),
        ("life-0.alice", "", 0),
        ("alice", "STSCacheExpiresIn 0;", 0),
    ] {
        let scene = Scene::new();
        let server = format!("location / {{ %%OTX%% {directives} %%TOLD%% }}");
        let nginx = told(&scene).server(&server).start();
        for status in ["MISS", if life > 0 { "HIT" } else { "MISS" }] {
            let got = get(&nginx, "/", user);
            assert_eq!(got.status, status, "{user} {directives}");
            let left = got.expires_in.unwrap_or(u64::MAX);
            // The machine may be slow, but not by as much as the usual leeway of 15 seconds.
            assert!(left <= life && left + 10 >= life, "{user} {directives}: {left}");
        }
    }
}

#[test]
fn the_expiry_that_a_token_has_in_itself_holds() {
    let scene = Scene::new();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs());
    let claims = URL_SAFE_NO_PAD.encode(format!("{{\"exp\":{}}}", now + 100));
    let answer = format!("{{\"access_token\":\"e30.{claims}.s\",\"token_type\":\"Bearer\"}}");
    scene.sts.script(When::any(), Script::new().answer(Answer::new(200).body(answer)));
    let nginx = told(&scene).server(LOCATION).start();
    let left = get(&nginx, "/", "alice").expires_in;
    assert!(left.is_some_and(|left| (75..=90).contains(&left)), "{left:?}");
}

#[test]
fn without_a_token_nothing_is_told_of_its_life() {
    let scene = Scene::new();
    let nginx = told(&scene).server(LOCATION).start();
    let refused = nginx.get("/").bearer("refuse.alice").send().expect_status(401);
    assert_eq!(refused.header("Expires-In"), None);
    let plain =
        told(&scene).server(&format!("location / {{ {TOLD} }}").replace("$target_token", ""));
    let plain = plain.start();
    assert_eq!(plain.get("/").send().expect_status(200).header("Expires-In"), None);
}

#[test]
fn a_location_that_wants_fresher_tokens_does_not_take_older_ones() {
    let scene = Scene::new();
    let server = "
        location /long { %%OTX%% %%TOLD%% }
        location /short { %%OTX%% STSCacheExpiresIn 1; %%TOLD%% }
        location /careful { %%OTX%% STSExpiryLeeway 1d; %%TOLD%% }";
    let nginx = told(&scene).server(server).start();
    let old = assert_miss(&nginx, "/long", "life-20.alice");
    assert_hit(&nginx, "/careful", "life-20.alice", &old);
    let stored = Instant::now();
    wait_for("it to be older than a second", || stored.elapsed() > Duration::from_millis(1100));
    assert_hit(&nginx, "/long", "life-20.alice", &old);
    let new = assert_miss(&nginx, "/short", "life-20.alice");
    assert_ne!(new, old);
    assert_hit(&nginx, "/long", "life-20.alice", &new);
}

#[test]
fn a_reload_keeps_what_did_not_change_and_forgets_what_did() {
    let scene = Scene::with(
        Sts::builder().client(Client::new("other", "2Federate")).path("/token").path("/other"),
    );
    let server = |exchange: &str| format!("location / {{ {exchange} %%TOLD%% }}");
    let usual = "
        STSType otx;
        STSOTXEndpoint %%STS%%;
        STSOTXEndpointAuth client_secret_basic client_id=otxclient&client_secret=2Federate;
        STSVariables $source_token $target_token;";
    let nginx = told(&scene).server(&server(usual)).workers(2).start();
    let token = assert_miss(&nginx, "/", "alice");
    nginx.reload();
    assert_hit(&nginx, "/", "alice", &token);
    // What is said about how, for how long and how often is no part of what is asked for.
    let same =
        format!("{usual} STSHTTPTimeOut 5; STSCacheExpiresIn 200; STSOnError pass; STSMaxCalls 7;");
    nginx.reload_with(&told(&scene).server(&server(&same)).workers(2));
    assert_hit(&nginx, "/", "alice", &token);
    for changed in [
        usual.replace("%%STS%%", &scene.sts.url("/other")),
        usual.replace("client_id=otxclient", "client_id=other"),
        usual.replace("client_secret_basic", "client_secret_post"),
        format!("{usual} STSRequestParameter audience b;"),
        format!("{usual} STSRequestParameter audience $arg_none$pid;"),
        format!("{usual} STSSSLValidateServer Off;"),
    ] {
        nginx.reload_with(&told(&scene).server(&server(&changed)).workers(2));
        assert_miss(&nginx, "/", "alice");
    }
    // Nothing was lost by it.
    nginx.reload_with(&told(&scene).server(&server(usual)).workers(2));
    assert_hit(&nginx, "/", "alice", &token);
    // A zone of another size is another zone.
    let resized = format!("STSCache shm size=2m; {}", server(usual));
    nginx.reload_with(&told(&scene).server(&resized).workers(2));
    assert_miss(&nginx, "/", "alice");
}

#[test]
fn each_exchange_takes_the_cache_that_it_names() {
    let scene = Scene::new();
    let server = "
        location /a { %%OTX%% STSCache shm name=one; %%TOLD%% }
        location /b { %%OTX%% STSCache shm name=two&max_entries=5; %%TOLD%% }
        location /c { %%OTX%% STSCache shm name=one; %%TOLD%% }
        location /d { %%OTX%% %%TOLD%% }";
    let nginx = told(&scene).server(server).start();
    let one = assert_miss(&nginx, "/a", "alice");
    assert_hit(&nginx, "/c", "alice", &one);
    let two = assert_miss(&nginx, "/b", "alice");
    let unnamed = assert_miss(&nginx, "/d", "alice");
    for (path, token) in [("/a", one), ("/b", two), ("/d", unnamed)] {
        assert_hit(&nginx, path, "alice", &token);
    }
}

#[test]
fn an_exchange_in_one_directive_names_its_cache_and_its_cap() {
    let scene = Scene::new();
    let exchange = |options: &str| {
        format!(
            "STSExchange otx %%STS%%
                auth=client_secret_basic&client_id=otxclient&client_secret=2Federate{options};
            STSVariables $source_token $target_token;
            %%TOLD%%"
        )
    };
    let server = format!(
        "location /a {{ {} }} location /b {{ {} }} location /c {{ {} }} location /d {{ {} }}
        STSCache shm name=one;
        location = /two {{ STSCache shm name=two; return 204; }}",
        exchange("&cache.name=two"),
        exchange("&cache.name=one"),
        exchange(""),
        exchange("&cache.name=two&cache.expiry=0"),
    );
    let nginx = told(&scene).server(&server).start();
    let two = assert_miss(&nginx, "/a", "alice");
    let one = assert_miss(&nginx, "/b", "alice");
    assert_hit(&nginx, "/a", "alice", &two);
    // The block around names it where the string does not.
    assert_hit(&nginx, "/c", "alice", &one);
    assert_miss(&nginx, "/d", "alice");
    // It shares what the seed's directives ask for, too.
    let same = format!("STSCache shm name=one; {LOCATION}");
    nginx.reload_with(&told(&scene).server(&same));
    assert_hit(&nginx, "/", "alice", &one);
}

#[test]
fn a_cache_holds_as_many_tokens_as_it_may_and_keeps_those_that_are_used() {
    let scene = Scene::new();
    let server = format!("STSCache shm max_entries=3; {LOCATION}");
    let nginx = told(&scene).server(&server).start();
    let alice = assert_miss(&nginx, "/", "alice");
    assert_miss(&nginx, "/", "bob");
    assert_miss(&nginx, "/", "carol");
    // A use is noted once a second.
    let start = Instant::now();
    wait_for("the next second", || start.elapsed() > Duration::from_millis(1100));
    assert_hit(&nginx, "/", "alice", &alice);
    assert_miss(&nginx, "/", "dave");
    assert_hit(&nginx, "/", "alice", &alice);
    assert_miss(&nginx, "/", "bob");
}

#[test]
fn a_token_that_is_larger_than_allowed_is_not_kept() {
    let scene = Scene::new();
    let server = "
        location /small { %%OTX%% STSCache shm name=small&max_val_size=4096; %%TOLD%% }
        location / { %%OTX%% %%TOLD%% }";
    let nginx = told(&scene).server(server).start();
    let fits = assert_miss(&nginx, "/small", "size-4096.alice");
    assert_hit(&nginx, "/small", "size-4096.alice", &fits);
    assert_miss(&nginx, "/small", "size-4097.alice");
    assert_miss(&nginx, "/small", "size-4097.alice");
    let large = assert_miss(&nginx, "/", "size-65536.alice");
    assert_eq!(large.len(), 65_536);
    assert_hit(&nginx, "/", "size-65536.alice", &large);
}

#[test]
fn what_is_wrong_about_a_cache_is_told() {
    let scene = Scene::new();
    for (directives, words) in [
        ("STSCache memory;", &["STSCache", "shm"][..]),
        ("STSCache shm size=1k;", &["STSCache", "size"]),
        ("STSCache shm size=many;", &["STSCache", "size"]),
        ("STSCache shm max_entries=0;", &["STSCache", "max_entries"]),
        ("STSCache shm max_val_size=x;", &["STSCache", "max_val_size"]),
        ("STSCache shm encrypt=maybe;", &["STSCache", "encrypt"]),
        ("STSCache shm key_hash_algo=bogus;", &["STSCache", "key_hash_algo", "sha256"]),
        ("STSCache shm passphrase_hash_algo=bogus;", &["STSCache", "passphrase_hash_algo"]),
        ("STSCache shm nonsense=1;", &["STSCache", "nonsense", "max_entries"]),
        ("STSCache shm name=a&name=b;", &["STSCache", "name"]),
        ("STSCache shm; STSCache shm name=b;", &["STSCache"]),
        ("STSCacheExpiresIn -1;", &["STSCacheExpiresIn"]),
        ("STSCacheExpiresIn soon;", &["STSCacheExpiresIn"]),
        ("STSExpiryLeeway 2d;", &["STSExpiryLeeway"]),
        (
            "location /b {
                STSExchange otx http://127.0.0.1:9/t cache.name=unknown&cache.expiry=0;
                STSVariables $source_token $target_token;
            }",
            &["cache.name", "unknown"],
        ),
        // Another block has it otherwise.
        (
            "STSCache shm name=a; location /b { STSCache shm name=a&size=2m; }",
            &["STSCache", "\"a\""],
        ),
        (
            "STSCache shm name=a&passphrase=s3cr3t1;
            location /b { STSCache shm name=a&passphrase=s3cr3t2; }",
            &["STSCache", "\"a\""],
        ),
    ] {
        let checked = told(&scene).server(directives).check();
        assert!(!checked.ok, "{directives}");
        for word in words {
            assert!(checked.output.contains(word), "{directives}: {}", checked.output);
        }
        assert!(!checked.output.contains("s3cr3t"), "{}", checked.output);
    }
    let same = "STSCache shm name=a&size=2m; location /b { STSCache shm size=2m&name=a; }";
    assert!(told(&scene).server(same).check().ok, "the same in another order");
}
