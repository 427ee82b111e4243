//! A request whose token the backend does not take is sent once more with another one (`STSRetryOn`).
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test that cannot go on has failed"
)]

use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use devsts::{Answer, Gate, Script, When};
use e2e::nginx::{Builder, Nginx};
use e2e::parallel::in_parallel;
use e2e::response::Response;
use e2e::scene::{Scene, assert_exchanged};
use e2e::wait::{DEADLINE, holds_within, wait_for};
use serde_json::{Value, json};

/// What each location shows of its requests.
const SHOW: &str = r#"
    add_header Status "$sts_status" always;
    add_header Upstream "$upstream_status" always;
"#;

const LOG: &str = "log_format seen '$status|$upstream_status|$sts_status|$uri';";

/// The backend refuses each token that these users get.
const NEVER: [&str; 3] = ["never", "never-kept", "never-page"];

/// A backend that does not take some tokens, and an STS.
pub(crate) struct Scenery {
    pub(crate) scene: Scene,
    revoked: Arc<Mutex<HashSet<String>>>,
    last: Instant,
}

impl Scenery {
    /// The backend takes no token at all of some users.
    pub(crate) fn new() -> Self {
        let scene = Scene::new();
        let revoked = Arc::new(Mutex::new(HashSet::<String>::new()));
        let known = revoked.clone();
        let is_refused = move |call: &devsts::Call| {
            let cookie = call.header("Cookie").unwrap_or_default();
            let token = cookie.strip_prefix("STS_COOKIE=").unwrap_or_default();
            known.lock().expect("the revoked ones").contains(token)
                || NEVER.iter().any(|user| devsts::is_for(token, user))
        };
        let answer = Answer::new(401).header("Set-Cookie", "first=1").header("X-First", "yes");
        let answer = answer.header("X-Accel-Limit-Rate", "4096").body("not this one");
        scene.backend.script(When::matching(is_refused), Script::new().answer(answer));
        Self { scene, revoked, last: Instant::now() }
    }

    pub(crate) fn nginx(&self, locations: &str) -> Builder {
        let server = format!(
            "%%OTX%% STSRetryOn 401 @again; access_log %%PREFIX%%/seen.log seen; {SHOW}
             location = /sts {{ allow 127.0.0.1; deny all; STSStatus; }}
             location @again {{ %%PASS%% }}
             {locations}"
        );
        self.scene.nginx().http(LOG).server(&server)
    }

    /// Has tokens for these users, and lets them become old enough to be forgotten.
    pub(crate) fn warm(&mut self, nginx: &Nginx, path: &str, users: &[&str]) {
        for user in users {
            nginx.get(path).bearer(user).send();
        }
        self.last = Instant::now();
    }

    pub(crate) fn age(&self) {
        wait_for("the tokens are old enough", || {
            self.last.elapsed() > Duration::from_millis(10_100)
        });
    }

    /// From now on the backend takes none of the tokens that were issued.
    pub(crate) fn revoke_all(&self) {
        let issued = self.scene.sts.issued().into_iter().map(|issued| issued.target);
        self.revoked.lock().expect("the revoked ones").extend(issued);
    }
}

/// What was counted of the exchange: tokens by what became of them, and requests that were sent again.
fn counted(nginx: &Nginx) -> (Value, Value) {
    let status: Value = nginx.get("/sts?format=json").send().expect_status(200).json();
    let exchange = status.pointer("/exchanges/0").expect("an exchange");
    let at = |name: &str| exchange.get(name).cloned().unwrap_or_default();
    (at("suspect_tokens"), at("retries"))
}

/// Waits until that was counted: the last request may not be over when its answer is here.
#[track_caller]
fn assert_counted(nginx: &Nginx, [forgotten, replaced, kept]: [u64; 3], retries: u64) {
    let suspects = json!({"forgotten": forgotten, "replaced": replaced, "kept": kept});
    let expected = (suspects, json!(retries));
    holds_within(DEADLINE, || counted(nginx) == expected);
    assert_eq!(counted(nginx), expected);
}

/// The request was sent twice, and nothing of the first answer came.
#[track_caller]
pub(crate) fn assert_sent_again(response: Response, user: &str) {
    assert_eq!(response.header("Upstream"), Some("401 : 200"), "{user}: {response:?}");
    assert_eq!(response.header("Status"), Some("MISS"), "{user}");
    assert_eq!(response.header("Set-Cookie"), None, "{user}");
    assert_eq!(response.header("X-First"), None, "{user}");
    assert_exchanged(response, user);
}

/// The first answer was passed on as it is.
#[track_caller]
fn assert_passed_on(response: &Response) {
    assert_eq!(response.status, 401, "{response:?}");
    assert_eq!(response.header("Upstream"), Some("401"), "{response:?}");
    assert_eq!(response.header("Set-Cookie"), Some("first=1"), "{response:?}");
}

#[test]
fn a_request_whose_token_is_revoked_is_answered_with_the_second_one() {
    let mut scenery = Scenery::new();
    let locations = "
        %%LISTEN_H2%%
        location / { %%PASS%% }
        location /file { client_body_in_file_only on; %%PASS%% }
        location /cache { proxy_cache kept; proxy_cache_valid 200 1m; %%PASS%% }
        location /unbuffered { proxy_buffering off; %%PASS%% }";
    let nginx = scenery.nginx(locations);
    let cache = "proxy_cache_path %%PREFIX%%/kept keys_zone=kept:1m;";
    let nginx = nginx.http(cache).start();
    let users = [
        "get",
        "head",
        "small",
        "large",
        "file",
        "empty",
        "h2",
        "h2post",
        "cache",
        "herd",
        "other",
        "unbuffered",
        "chunked",
    ];
    scenery.warm(&nginx, "/", &users);
    scenery.age();
    scenery.revoke_all();
    let calls = scenery.scene.sts.call_count();

    assert_sent_again(nginx.get("/a?b=c").bearer("get").send(), "get");
    // The second token is there for what follows, which is fast.
    let again = nginx.get("/").bearer("get").send();
    assert_eq!(again.header("Upstream"), Some("200"));
    assert_eq!(again.header("Status"), Some("HIT"));
    let head = nginx.request("HEAD", "/").bearer("head").send().expect_status(200);
    assert_eq!(head.header("Upstream"), Some("401 : 200"));

    let body = "in memory";
    let small = nginx.post("/", body).bearer("small").send();
    assert!(small.text().contains(body), "{}", small.text());
    assert_sent_again(small, "small");
    // More than NGINX keeps in memory.
    let large = "large ".repeat(20_000);
    let sent = nginx.post("/", large.clone()).bearer("large").send();
    assert!(sent.text().contains(&large), "the body came whole");
    assert_sent_again(sent, "large");
    let file = nginx.request("PUT", "/file").body("in a file").bearer("file").send();
    assert!(file.text().contains("in a file"), "{}", file.text());
    assert!(file.text().contains("PUT"), "{}", file.text());
    assert_sent_again(file, "file");
    assert_sent_again(nginx.post("/", "").bearer("empty").send(), "empty");
    let mut connection = nginx.connect();
    connection.send(
        "POST / HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer chunked\r\nTransfer-Encoding: chunked\r\n\r\n\
         5\r\npiece\r\n0\r\n\r\n",
    );
    let chunked = connection.read_response();
    assert!(chunked.text().contains("piece"), "{}", chunked.text());
    assert_sent_again(chunked, "chunked");
    // The connection of the client goes on.
    connection.send("GET / HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer chunked\r\n\r\n");
    assert_exchanged(connection.read_response(), "chunked");

    let mut http2 = nginx.connect_http2();
    let get = http2.get("/", &[("authorization", "Bearer h2")]);
    assert_sent_again(get.response(), "h2");
    let mut post = http2.post("/", &[("authorization", "Bearer h2post")]);
    post.send_body("by streams");
    let post = post.response();
    assert!(post.text().contains("by streams"), "{}", post.text());
    assert_sent_again(post, "h2post");

    assert_sent_again(nginx.get("/cache").bearer("cache").send(), "cache");
    assert_sent_again(nginx.get("/unbuffered").bearer("unbuffered").send(), "unbuffered");

    // Each of them had one call, and all of a herd one together.
    assert_eq!(scenery.scene.sts.call_count(), calls + 11);
    assert_counted(&nginx, [11, 0, 0], 11);
    in_parallel(8, 24, |_| {
        let response = nginx.get("/").bearer("herd").send();
        assert_exchanged(response, "herd");
    });
    assert_eq!(scenery.scene.sts.call_count(), calls + 12);
    // The token of another user lies where it was.
    let off = nginx.get("/").bearer("other").send();
    assert_sent_again(off, "other");
    // In the herd one request has forgotten the token, and others have found that gone.
    let (suspects, retries) = counted(&nginx);
    assert_eq!((&suspects["forgotten"], &suspects["kept"]), (&json!(13), &json!(0)));
    let replaced = suspects["replaced"].as_u64().unwrap_or_default();
    assert_eq!(retries, json!(13 + replaced), "{suspects}");
    let log = nginx.read("seen.log");
    assert!(log.contains("200|401 : 200|MISS|/a"), "{log}");
    nginx.wait_for_log("the request is sent once more by way of \"@again\"");
}

#[test]
fn what_cannot_be_sent_again_is_passed_on_as_it_is() {
    let mut scenery = Scenery::new();
    let locations = "
        location / { %%PASS%% }
        location /stream { proxy_request_buffering off; %%PASS%% }
        location /off { STSRetryOn off; %%PASS%% }
        location /checked { auth_request /auth; return 204; }
        location = /auth { %%PASS%% }
        location /guarded { STSType disabled; auth_request /auth; %%PASS%% }
        location /kept {
            proxy_cache kept; proxy_cache_valid any 1m; proxy_ignore_headers Set-Cookie; %%PASS%%
        }
        location /page { proxy_intercept_errors on; error_page 401 /sorry; %%PASS%% }
        location = /sorry { STSType disabled; return 200 sorry; }";
    let cache = "proxy_cache_path %%PREFIX%%/kept keys_zone=kept:1m;";
    let nginx = scenery.nginx(locations).http(cache).start();
    // In the cache of NGINX lies an answer to a token that was too new to be forgotten.
    assert_passed_on(&nginx.get("/kept").bearer("never-kept").send());
    scenery.warm(
        &nginx,
        "/",
        &["stream", "chunk", "upgrade", "off", "sub", "page", "never", "late"],
    );
    scenery.age();
    scenery.revoke_all();
    let calls = scenery.scene.sts.call_count();

    // More than comes with the header.
    let stream = nginx.post("/stream", "gone ".repeat(20_000)).bearer("stream").send();
    assert_passed_on(&stream);
    assert_passed_on(&nginx.get("/off").bearer("off").send());
    let upgrade = nginx.get("/").bearer("upgrade");
    assert_passed_on(
        &upgrade.header("Upgrade", "websocket").header("Connection", "upgrade").send(),
    );
    assert_eq!(nginx.get("/guarded").bearer("sub").send().status, 401);
    let kept = nginx.get("/kept").bearer("never-kept").send();
    assert_eq!((kept.status, kept.header("Upstream")), (401, None), "{kept:?}");
    let page = nginx.get("/page").bearer("page").send();
    assert_eq!((page.status, page.text()), (401, "sorry".into()));
    assert_eq!(scenery.scene.sts.call_count(), calls);

    // What has been forgotten meanwhile is asked for by the next request.
    let next = nginx.get("/").bearer("stream").send();
    assert_eq!(next.header("Upstream"), Some("200"), "{next:?}");
    assert_eq!(next.header("Status"), Some("MISS"), "{next:?}");

    // A request is sent twice at most, and what is new is not forgotten.
    let asked = scenery.scene.backend.requests().len();
    let twice = nginx.get("/").bearer("never").send();
    assert_eq!((twice.status, twice.header("Upstream")), (401, Some("401 : 401")));
    assert_eq!(twice.header("Status"), Some("MISS"));
    let once = nginx.get("/").bearer("never").send();
    assert_eq!((once.status, once.header("Upstream")), (401, Some("401")));
    assert_eq!(once.header("Status"), Some("HIT"));
    assert_eq!(scenery.scene.backend.requests().len(), asked + 3);
    assert_eq!(scenery.scene.sts.call_count(), calls + 2);
    // A GET without a body is the same where bodies are streamed.
    assert_sent_again(nginx.get("/stream").bearer("late").send(), "late");
    // Forgotten: those of the stream, the upgrade, the page, and the two that were sent again. Kept: the first
    // answers to both that are never taken, and twice what had just come.
    assert_counted(&nginx, [5, 0, 4], 2);
}

#[test]
fn a_call_of_grpc_is_passed_on_as_it_is() {
    let mut scenery = Scenery::new();
    let backend = "
        server {
            %%LISTEN_H2%%
            location / { add_header Set-Cookie first=1 always; return 401; }
        }";
    let locations = "
        location / { %%PASS%% }
        location /grpc { grpc_set_header X-Token $target_token; grpc_pass grpc://127.0.0.1:%%PORT_H2%%; }
        location /read { STSAfterBody on; grpc_set_header X-Token $target_token;
                         grpc_pass grpc://127.0.0.1:%%PORT_H2%%; }";
    let nginx = scenery.nginx(locations).http(backend).start();
    scenery.warm(&nginx, "/", &["grpc", "read", "empty"]);
    scenery.age();
    scenery.revoke_all();
    let calls = scenery.scene.sts.call_count();
    assert_passed_on(&nginx.post("/grpc", "a call").bearer("grpc").send());
    assert_passed_on(&nginx.post("/read", "a call").bearer("read").send());
    assert_passed_on(&nginx.get("/grpc").bearer("empty").send());
    assert_eq!(scenery.scene.sts.call_count(), calls);
    assert_counted(&nginx, [3, 0, 0], 0);
}

#[test]
fn an_exchange_that_fails_in_the_retry_is_answered_as_any_other() {
    let mut scenery = Scenery::new();
    let locations = "
        location / { %%PASS%% }
        location /page { STSRetryOn 401 @page; %%PASS%% }
        location @page { proxy_intercept_errors on; error_page 401 /sorry; %%PASS%% }
        location /pass { STSRetryOn 401 @pass; STSOnError pass; %%PASS%% }
        location @pass { STSOnError pass; %%PASS%% }
        location = /sorry { STSType disabled; return 200 sorry; }";
    let nginx = scenery.nginx(locations).start();
    let users = ["refused", "down", "pass", "left", "never-page"];
    scenery.warm(&nginx, "/", &users);
    scenery.age();
    scenery.revoke_all();
    let sts = &scenery.scene.sts;
    let refuses = Answer::oauth_error(400, "invalid_grant", "it was revoked");
    sts.script(When::subject("refused"), Script::new().answer(refuses));
    sts.script(When::subject("down"), Script::new().answer(Answer::new(500)));
    sts.script(When::subject("pass"), Script::new().answer(Answer::new(500)));
    let gate = Gate::new();
    sts.script(When::subject("left"), Script::new().hold(&gate).usual());

    // `$sts_status` and `$sts_error` are those of the exchange that was made last.
    let refused = nginx.get("/").bearer("refused").send();
    assert_eq!(refused.header("Status"), Some("FAILED"), "{refused:?}");
    assert_eq!((refused.status, refused.header("Set-Cookie")), (401, None), "{refused:?}");
    let challenge = refused.header("WWW-Authenticate").unwrap_or_default().to_owned();
    assert!(challenge.contains("invalid_token"), "{challenge}");
    let down = nginx.get("/").bearer("down").send();
    assert_eq!((down.status, down.header("Set-Cookie")), (502, None), "{down:?}");
    // Without a token, as its location says, and never with the first one.
    let passed = nginx.get("/pass").bearer("pass").send().expect_status(200);
    assert_eq!(passed.header("Status"), Some("PASSED"), "{passed:?}");
    assert_eq!(e2e::scene::Seen::by_backend(passed).token(), "");

    let page = nginx.get("/page").bearer("never-page").send();
    assert_eq!((page.status, page.text()), (401, "sorry".into()));

    // A client that leaves while it waits for the second token.
    let calls = sts.call_count();
    let client = nginx.get("/").bearer("left").start();
    assert!(sts.wait_for_calls(calls + 1, DEADLINE));
    client.reset();
    nginx.wait_for_log("prematurely closed");
    gate.open();
    let next = nginx.get("/").bearer("left").send();
    assert_eq!(next.header("Upstream"), Some("200"), "{next:?}");
    assert_eq!(sts.call_count(), calls + 1);
    assert_counted(&nginx, [5, 0, 2], 5);
}

#[test]
fn a_location_that_cannot_be_the_one_fails_the_check() {
    let scene = Scene::new();
    let check = |server: &str, means: &[&str]| {
        let checked = scene.nginx().server(server).check();
        assert!(!checked.ok, "{server}");
        for text in means.iter().chain(&["STSRetryOn", "nginx.conf:"]) {
            assert!(checked.output.contains(text), "{text:?} in {}", checked.output);
        }
    };
    check(
        "location / { %%OTX%% STSRetryOn 401 @again; %%PASS%% }",
        &["no location \"@again\"", "with the same exchange"],
    );
    check(
        "location / { %%OTX%% STSRetryOn 401 @again; %%PASS%% }
         location @again { %%PASS%% }",
        &["no location \"@again\" with an exchange"],
    );
    check(
        "location / { %%OTX%% STSRetryOn 401 @again; %%PASS%% }
         location @again { %%OTX%% STSRequestParameter scope more; %%PASS%% }",
        &["another exchange", "write the exchange in the \"server\" block"],
    );
    check(
        "%%OTX%% location / { STSRetryOn 401 @again; %%PASS%% }
         location @again { STSCacheExpiresIn 0; %%PASS%% }",
        &["another cache"],
    );
    check(
        "%%OTX%% location / { STSRetryOn 401 @again; %%PASS%% }
         location /b { STSVariables $source_token $second; STSDependsOn @again; %%PASS%% }
         location @again { %%PASS%% }",
        &["a part of another exchange"],
    );
    let good =
        "%%OTX%% STSRetryOn 401 403 @again; location / { %%PASS%% } location @again { %%PASS%% }
                location /b { STSType disabled; %%PASS%% }";
    let checked = scene.nginx().server(good).check();
    assert!(checked.ok, "{}", checked.output);
}

#[test]
fn a_worker_that_starts_after_a_refused_reload_sends_requests_again() {
    let mut scenery = Scenery::new();
    let nginx = scenery.nginx("location / { %%PASS%% }").start();
    // What is wrong with this shows when all has been read.
    let refused = scenery.nginx("location / { %%PASS%% STSRetryOn 401 @nowhere; }");
    nginx.reload_refused(&refused, "there is no location \"@nowhere\"");
    nginx.kill_worker(nginx.worker());
    scenery.warm(&nginx, "/", &["alice"]);
    scenery.age();
    scenery.revoke_all();
    assert_sent_again(nginx.get("/").bearer("alice").send(), "alice");
}
