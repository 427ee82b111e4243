//! `STSIssuer`: the token endpoint is where the metadata of the issuer say, and nothing that they may do
//! lets a request through that was not exchanged.
#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "a test that fails panics")]

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use devsts::pki::{Identity, Leaf};
use devsts::{Answer, Call, Client, Gate, Metadata, Script, Sts, Tls, When};
use e2e::dns::Dns;
use e2e::nginx::{Builder, Nginx};
use e2e::parallel::in_parallel;
use e2e::proxy::Proxy;
use e2e::scene::{Scene, assert_exchanged};
use e2e::wait::wait_for;
use openssl::pkey::PKey;
use serde_json::{Value, json};

pub(crate) const OAUTH: &str = "/.well-known/oauth-authorization-server/realms/x";
const OPENID: &str = "/realms/x/.well-known/openid-configuration";

const EXCHANGE: &str = "
    STSType otx;
    STSIssuer %%ISSUER%%;
    STSEndpointAuth client_secret_basic client_id=otxclient&client_secret=2Federate;
    STSVariables $source_token $target_token;
";

pub(crate) const LOCATION: &str = "location / { %%ISSUED%% %%PASS%% }";

pub(crate) fn scene() -> Scene {
    Scene::with(Sts::builder().metadata(Metadata::of("/realms/x")))
}

pub(crate) fn nginx(scene: &Scene) -> Builder {
    scene.nginx().set("ISSUER", scene.sts.issuer()).set("ISSUED", EXCHANGE)
}

/// The calls for metadata.
pub(crate) fn questions(sts: &Sts) -> Vec<Arc<Call>> {
    sts.calls().into_iter().filter(|call| call.method == "GET").collect()
}

pub(crate) fn targets(sts: &Sts) -> Vec<String> {
    sts.calls().iter().map(|call| call.target.clone()).collect()
}

#[track_caller]
pub(crate) fn exchanged(nginx: &Nginx, user: &str) {
    assert_exchanged(nginx.get("/").bearer(user).send(), user);
}

#[test]
fn metadata_are_asked_for_before_the_first_use_and_no_more() {
    let scene = scene();
    let nginx = nginx(&scene).server(LOCATION).start();
    assert_eq!(scene.sts.call_count(), 0, "not at the start");
    for user in ["alice", "bob", "alice"] {
        exchanged(&nginx, user);
    }
    assert_eq!(targets(&scene.sts), [OAUTH, "/token", "/token"]);
    let question = &scene.sts.calls()[0];
    assert_eq!(question.header("accept").as_deref(), Some("application/json"));
    assert_eq!(question.header("authorization"), None);
    assert!(question.body.is_empty());
}

#[test]
fn the_form_of_openid_connect_is_asked_for_where_the_other_one_is_missing() {
    let scene = Scene::with(Sts::builder().metadata(Metadata::of("/realms/x").only_openid()));
    let nginx = nginx(&scene).server(LOCATION).start();
    exchanged(&nginx, "alice");
    assert_eq!(targets(&scene.sts), [OAUTH, OPENID, "/token"]);
}

/// As navikt's mock-oauth2-server does: no GET is allowed at the path.
#[test]
fn the_form_of_openid_connect_is_asked_for_where_there_is_no_get_at_the_other_one() {
    for status in [405, 410] {
        let scene = Scene::with(Sts::builder().metadata(Metadata::of("/realms/x")));
        let refused = Answer::new(status).body("method not allowed");
        scene.sts.script(When::path(OAUTH), Script::new().answer(refused.clone()));
        let nginx = nginx(&scene).server(LOCATION).start();
        exchanged(&nginx, "alice");
        assert_eq!(targets(&scene.sts), [OAUTH, OPENID, "/token"]);
        scene.sts.script(When::path(OPENID), Script::new().answer(refused));
        let nginx = self::nginx(&scene).server(LOCATION).start();
        nginx.get("/").bearer("alice").send().expect_status(502);
        nginx.wait_for_log(&format!(
            "HTTP {status}, and HTTP {status} at \"{}",
            scene.sts.url(OPENID)
        ));
    }
}

#[test]
fn one_question_serves_all_workers_and_all_that_wait() {
    let scene = scene();
    let gate = Gate::new();
    scene.sts.script(When::path(OAUTH), Script::new().hold(&gate).usual());
    let http = "server {
        listen 127.0.0.1:%%PORT_ALL%% reuseport;
        location / { %%ISSUED%% %%PASS%% }
    }";
    let nginx = nginx(&scene).http(http).workers(2).start();
    let address = nginx.address_of("PORT_ALL");
    std::thread::scope(|scope| {
        let requests = scope.spawn(|| {
            in_parallel(40, 40, |number| {
                let user = format!("user-{number}");
                let request = e2e::http1::Request::new(address, "GET", "/").bearer(&user);
                assert_exchanged(request.send(), &user);
            });
        });
        wait_for("the question", || questions(&scene.sts).len() == 1);
        gate.open();
        requests.join().expect("each request to be exchanged");
    });
    assert_eq!(questions(&scene.sts).len(), 1);
}

#[test]
fn a_reload_and_a_purge_leave_the_metadata() {
    let scene = scene();
    let server = format!("{LOCATION} location = /purge {{ STSCachePurge; }}");
    let nginx = nginx(&scene).server(&server).start();
    exchanged(&nginx, "alice");
    nginx.request("POST", "/purge").send().expect_status(200);
    nginx.reload();
    exchanged(&nginx, "alice");
    assert_eq!(targets(&scene.sts), [OAUTH, "/token", "/token"]);
}

#[test]
fn without_a_cache_each_worker_asks_for_itself() {
    let scene = scene();
    let exchange = format!("{EXCHANGE} STSCacheExpiresIn 0;");
    let nginx = nginx(&scene).set("ISSUED", exchange).server(LOCATION).start();
    for user in ["alice", "bob", "alice"] {
        exchanged(&nginx, user);
    }
    assert_eq!(targets(&scene.sts), [OAUTH, "/token", "/token", "/token"]);
}

#[test]
fn a_new_endpoint_is_taken_when_the_metadata_are_asked_for_anew() {
    let scene =
        Scene::with(Sts::builder().path("/token").path("/new").metadata(Metadata::of("/i")));
    let path = "/.well-known/oauth-authorization-server/i";
    let moved = json!({ "issuer": scene.sts.issuer(), "token_endpoint": scene.sts.url("/new") });
    scene.sts.script(When::path(path).skip(1), Script::new().answer(Answer::json(200, &moved)));
    let nginx = nginx(&scene).server(&format!("STSIssuerRefresh 1s; {LOCATION}")).start();
    let mut user = 0;
    wait_for("the new endpoint", || {
        user += 1;
        exchanged(&nginx, &format!("user-{user}"));
        targets(&scene.sts).last().is_some_and(|target| target == "/new")
    });
}

/// What metadata may come to, and how a request is answered then.
fn bad_metadata(sts: &Sts) -> Vec<(&'static str, Script, u16, &'static str, &'static str)> {
    let json = |value: Value| Script::new().answer(Answer::json(200, &value));
    let endpoint = sts.endpoint();
    let large = " ".repeat(1024 * 1024);
    let large = Answer::new(200).header("Content-Type", "application/json").body(large);
    vec![
        (
            "redirect",
            Script::new().answer(Answer::redirect(302, &endpoint)),
            502,
            "bad_answer",
            "not followed",
        ),
        ("1 MiB", Script::new().answer(large), 502, "bad_answer", "larger than 65536 bytes"),
        (
            "HTML",
            Script::new().answer(Answer::new(200).body("<html>")),
            502,
            "bad_answer",
            "no JSON",
        ),
        (
            "another issuer",
            json(json!({ "issuer": sts.url("/"), "token_endpoint": endpoint })),
            502,
            "bad_answer",
            "byte for byte",
        ),
        (
            "an endpoint elsewhere in clear",
            json(json!({ "issuer": sts.issuer(), "token_endpoint": "http://sts.example/t" })),
            502,
            "bad_answer",
            "not on this machine",
        ),
        (
            "a local socket",
            json(json!({ "issuer": sts.issuer(), "token_endpoint": "http://unix:/s:/t" })),
            502,
            "bad_answer",
            "local socket",
        ),
        (
            "no endpoint",
            json(json!({ "issuer": sts.issuer() })),
            502,
            "bad_answer",
            "no token_endpoint",
        ),
        ("403", Script::new().answer(Answer::new(403)), 502, "bad_answer", "HTTP 403"),
        ("500", Script::new().answer(Answer::new(500)), 502, "unreachable", "HTTP 500"),
        ("503", Script::new().answer(Answer::new(503)), 503, "busy", "HTTP 503"),
        ("reset", Script::new().reset(), 502, "unreachable", "lost"),
        ("hang", Script::new().hang(), 504, "timeout", "no answer within"),
        (
            "drip",
            Script::new().drip(1, Duration::from_millis(200)).usual(),
            504,
            "timeout",
            "no answer within",
        ),
    ]
}

#[test]
fn no_metadata_open_anything_and_each_failure_has_its_row() {
    let cases = bad_metadata(&scene().sts).len();
    in_parallel(4, cases, |number| {
        let scene = scene();
        let (what, script, status, kind, words) =
            bad_metadata(&scene.sts).into_iter().nth(number).expect("a case");
        scene.sts.script(When::path(OAUTH), script);
        let nginx = nginx(&scene).server(&format!("STSHTTPTimeOut 1; {LOCATION}")).start();
        let start = Instant::now();
        assert_eq!(nginx.get("/").bearer("alice").send().status, status, "{what}");
        assert!(start.elapsed() < Duration::from_secs(5), "{what}");
        let line = nginx.wait_for_log(words);
        let url = format!("the metadata at \"{}{OAUTH}\"", scene.sts.url(""));
        assert!(line.contains(&url) && line.contains(&format!("failed: {kind}")), "{what}: {line}");
        assert!(scene.backend.requests().is_empty(), "{what}");
        assert!(scene.sts.calls().iter().all(|call| call.target == OAUTH), "{what}");
    });
}

#[test]
fn the_issuer_is_in_the_key_in_the_place_of_the_endpoint() {
    let scene = scene();
    for issuer in ["/a", "/b"] {
        let path = format!("/.well-known/oauth-authorization-server{issuer}");
        let metadata =
            json!({ "issuer": scene.sts.url(issuer), "token_endpoint": scene.sts.endpoint() });
        scene.sts.script(When::path(path), Script::new().answer(Answer::json(200, &metadata)));
    }
    let location = |path: &str, issuer: &str| {
        let exchange = EXCHANGE.replace("%%ISSUER%%", &scene.sts.url(issuer));
        format!("location {path} {{ {exchange} %%PASS%% }}")
    };
    let server = location("/a", "/a") + &location("/b", "/b") + &location("/c", "/a");
    let nginx = nginx(&scene).server(&server).start();
    for path in ["/a", "/b", "/c"] {
        assert_exchanged(nginx.get(path).bearer("alice").send(), "alice");
    }
    let calls = targets(&scene.sts).iter().filter(|target| *target == "/token").count();
    assert_eq!(calls, 2, "locations with one issuer share, those with two do not");
}

#[test]
fn an_assertion_is_for_the_issuer() {
    let scene = scene();
    let issued = json!({ "access_token": "t", "token_type": "Bearer", "expires_in": 60,
        "issued_token_type": "urn:ietf:params:oauth:token-type:access_token" });
    scene.sts.script(When::path("/token"), Script::new().answer(Answer::json(200, &issued)));
    let key = PKey::generate_ed25519().and_then(|key| key.private_key_to_pem_pkcs8());
    let exchange = "STSType otx; STSIssuer %%ISSUER%%; STSVariables $source_token $target_token;
        STSEndpointAuth private_key_jwt client_id=a&jwk_file=%%PREFIX%%/key.pem;";
    let nginx = nginx(&scene)
        .file("key.pem", key.expect("a key"))
        .set("ISSUED", exchange)
        .server(LOCATION)
        .start();
    nginx.get("/").bearer("alice").send().expect_status(200);
    let calls = scene.sts.calls();
    let call = calls.last().expect("a call");
    let assertion = call.parameter("client_assertion").expect("an assertion");
    let part = |number| -> Value {
        let part = assertion.split('.').nth(number).expect("a part");
        let part = URL_SAFE_NO_PAD.decode(part).expect("base64url");
        serde_json::from_slice(&part).expect("JSON")
    };
    assert_eq!(part(1)["aud"], scene.sts.issuer());
    assert_eq!(part(0)["typ"], "client-authentication+jwt");
}

#[test]
fn another_host_is_reached_with_the_same_settings_of_tls() {
    let (ca, other) = (Identity::authority("the CA"), Identity::authority("another CA"));
    let named = |ca: &Identity| Tls::new(ca.issue(&Leaf::server().dns("localhost")));
    let here = Tls::new(ca.issue(&Leaf::server().ip(Ipv4Addr::LOCALHOST)));
    let at = Scene::with(Sts::builder().tls(here).metadata(Metadata::of("/realms/x")));
    let good = Scene::with(Sts::builder().tls(named(&ca)));
    let bad = Scene::with(Sts::builder().tls(named(&other)));
    let clear = Scene::new();
    for (issuer, endpoint) in [
        ("/good", good.sts.endpoint_at("localhost")),
        ("/bad", bad.sts.endpoint_at("localhost")),
        ("/name", good.sts.endpoint()),
        ("/clear", clear.sts.endpoint()),
    ] {
        let path = format!("/.well-known/oauth-authorization-server{issuer}");
        let metadata = json!({ "issuer": at.sts.url(issuer), "token_endpoint": endpoint });
        at.sts.script(When::path(path), Script::new().answer(Answer::json(200, &metadata)));
    }
    let location = |path: &str| {
        let exchange = EXCHANGE.replace("%%ISSUER%%", &at.sts.url(path));
        format!("location {path} {{ {exchange} %%PASS%% }}")
    };
    let server: String = ["/good", "/bad", "/name", "/clear"].map(location).concat();
    let nginx = nginx(&at)
        .file("ca.pem", ca.certificate_pem())
        .server(&format!("STSSSLTrustedCertificate %%PREFIX%%/ca.pem; {server}"))
        .start();
    assert_exchanged(nginx.get("/good").bearer("alice").send(), "alice");
    for (path, words) in
        [("/bad", "certificate"), ("/name", "certificate"), ("/clear", "is http://")]
    {
        nginx.get(path).bearer("bob").send().expect_status(502);
        nginx.wait_for_log(words);
    }
    let line = nginx.wait_for_log("its token endpoint is");
    assert!(line.contains(&format!(":{}/token", bad.sts.port())), "{line}");
    assert_eq!((good.sts.call_count(), bad.sts.call_count(), clear.sts.call_count()), (1, 0, 0));
    assert_eq!(at.backend.requests().len(), 1);
}

#[test]
fn a_name_that_only_metadata_tell_is_looked_up_at_run_time() {
    const NAME: &str = "sts.corp.example";
    let ca = Identity::authority("the CA");
    let named = Scene::with(Sts::builder().tls(Tls::new(ca.issue(&Leaf::server().dns(NAME)))));
    let scene = scene();
    let endpoint = named.sts.endpoint_at(NAME);
    let metadata = json!({ "issuer": scene.sts.issuer(), "token_endpoint": endpoint });
    scene.sts.script(When::path(OAUTH), Script::new().answer(Answer::json(200, &metadata)));
    let dns = Dns::new();
    let nginx = nginx(&scene)
        .set("DNS", dns.address())
        .file("ca.pem", ca.certificate_pem())
        .server(&format!(
            "resolver %%DNS%%; STSSSLTrustedCertificate %%PREFIX%%/ca.pem; {LOCATION}"
        ))
        .start();
    nginx.get("/").bearer("alice").send().expect_status(502);
    let line = nginx.wait_for_log(NAME);
    assert!(line.contains("unreachable"), "{line}");
    dns.set(NAME, 3600, &[Ipv4Addr::LOCALHOST.into()]);
    wait_for("the name to be found", || nginx.get("/").bearer("alice").send().status == 200);
    assert_eq!((named.sts.call_count(), questions(&scene.sts).len()), (1, 1));
    assert!(dns.questions(NAME) > 1);
}

#[test]
fn a_client_with_a_certificate_goes_to_the_alias() {
    let ca = Identity::authority("the CA");
    let here = || Tls::new(ca.issue(&Leaf::server().ip(Ipv4Addr::LOCALHOST)));
    let gateway = ca.issue(&Leaf::client("gateway"));
    let client = Client::with_certificate("gateway", "gateway");
    let mtls = Scene::with(Sts::builder().tls(here().require_client(&ca)).client(client));
    let metadata = Metadata::of("/realms/x").mtls_token_endpoint(&mtls.sts.endpoint());
    let scene = Scene::with(Sts::builder().tls(here()).metadata(metadata));
    let exchange = "STSType otx; STSIssuer %%ISSUER%%; STSVariables $source_token $target_token;
        STSSSLTrustedCertificate %%PREFIX%%/ca.pem; STSClientID gateway;
        STSEndpointAuth client_cert cert=%%PREFIX%%/gateway.pem&key=%%PREFIX%%/gateway.pem;";
    let pem = format!("{}{}", gateway.certificate_pem(), gateway.key_pem());
    let nginx = nginx(&scene)
        .file("ca.pem", ca.certificate_pem())
        .file("gateway.pem", pem)
        .set("ISSUED", exchange)
        .server(LOCATION)
        .start();
    exchanged(&nginx, "alice");
    exchanged(&nginx, "bob");
    assert_eq!(targets(&scene.sts), [OAUTH]);
    assert_eq!(mtls.sts.call_count(), 2);
    let shown = scene.sts.calls()[0].tls.as_ref().and_then(|tls| tls.client_subject.clone());
    assert_eq!(shown, None, "metadata are for all");
}

#[test]
fn a_proxy_leads_to_the_metadata_and_to_what_they_tell() {
    let ca = Identity::authority("the CA");
    let leaf = Leaf::server().dns("as.example").dns("sts.example");
    let scene = Scene::with(Sts::builder().tls(Tls::new(ca.issue(&leaf))));
    let issuer = scene.sts.url_at("as.example", "/realms/x");
    let metadata =
        json!({ "issuer": issuer, "token_endpoint": scene.sts.endpoint_at("sts.example") });
    scene.sts.script(When::path(OAUTH), Script::new().answer(Answer::json(200, &metadata)));
    let proxy = Proxy::to(scene.sts.port());
    let nginx = nginx(&scene)
        .set("ISSUER", issuer)
        .set("PROXY", proxy.address())
        .file("ca.pem", ca.certificate_pem())
        .server(&format!(
            "STSOutgoingProxy %%PROXY%%; STSSSLTrustedCertificate %%PREFIX%%/ca.pem; {LOCATION}"
        ))
        .start();
    exchanged(&nginx, "alice");
    let asked: Vec<_> =
        proxy.heads().iter().filter_map(|head| head.lines().next().map(str::to_owned)).collect();
    let connect = |host| format!("CONNECT {host}:{} HTTP/1.1", scene.sts.port());
    assert_eq!(asked, [connect("as.example"), connect("sts.example")]);
}

#[test]
fn a_worker_that_waits_for_an_issuer_that_hangs_still_quits() {
    let scene = scene();
    let nginx = nginx(&scene).server(&format!("STSIssuerRefresh 1s; {LOCATION}")).start();
    exchanged(&nginx, "alice");
    let get = When::matching(|call| call.method == "GET");
    scene.sts.script(get, Script::new().hang());
    let mut user = 0;
    wait_for("the question", || {
        user += 1;
        exchanged(&nginx, &format!("user-{user}"));
        questions(&scene.sts).len() == 2
    });
    let start = Instant::now();
    nginx.quit();
    nginx.wait_until_gone();
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
}

#[test]
fn an_exchange_in_one_directive_has_the_issuer_as_an_option() {
    let scene = scene();
    let exchange =
        "STSExchange otx '' 'issuer=%%ISSUER%%&issuer_refresh=10s&auth=client_secret_basic\
        &client_id=otxclient&client_secret=2Federate';
        STSVariables $source_token $target_token;";
    let nginx = nginx(&scene).set("ISSUED", exchange).server(LOCATION).start();
    exchanged(&nginx, "alice");
    assert_eq!(targets(&scene.sts), [OAUTH, "/token"]);
}

#[test]
fn what_cannot_be_meant_fails_the_check_of_the_configuration() {
    let scene = scene();
    for (server, words) in [
        ("STSType otx; STSIssuer http://as.example; STSVariables $http_x $t;", "https://"),
        ("STSType otx; STSIssuer https://as.example?a; STSVariables $http_x $t;", "query"),
        (
            "STSType otx; STSIssuer https://127.0.0.1; STSEndpoint https://127.0.0.1/t;",
            "cannot be mixed with \"STSIssuer\"",
        ),
        (
            "STSType otx; STSOTXEndpoint https://127.0.0.1/t; STSIssuer https://127.0.0.1;",
            "cannot be mixed with \"STSOTXEndpoint\"",
        ),
        ("STSType wstrust; STSIssuer https://127.0.0.1; STSVariables $http_x $t;", "WS-Trust"),
        (
            "STSExchange otx https://127.0.0.1/t 'issuer=https%3A%2F%2F127.0.0.1';",
            "write '' in the place",
        ),
        (
            "STSType otx; STSIssuer https://127.0.0.1; STSHost a; STSVariables $http_x $t;",
            "\"STSHost\" (option \"host\") cannot be set",
        ),
        ("STSExchange otx '' 'auth=none';", "must start with http"),
        ("STSExchange wstrust '' 'issuer=https%3A%2F%2F127.0.0.1';", "WS-Trust"),
    ] {
        let checked = nginx(&scene).server(&format!("location / {{ {server} }}")).check();
        assert!(!checked.ok && checked.output.contains(words), "{server}: {}", checked.output);
    }
}
