//! Where a fault lies, and what the operator reads of it: levels, hints, and how often.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use devsts::pki::{Identity, Leaf};
use devsts::script::Gate;
use devsts::sts::manners::Manners;
use devsts::{Answer, Script, Sts, Tls, When, WsTrust};
use e2e::nginx::{LogMark, Nginx};
use e2e::proxy::Proxy;
use e2e::scene::{Scene, Seen, assert_exchanged};
use e2e::wait::wait_for;

const NOT_ENABLED: &str = "Standard token exchange is not enabled for the requested client";

/// The lines of the module since then, but for those about calls.
fn own_lines(nginx: &Nginx, mark: LogMark) -> Vec<String> {
    nginx.log_since(mark).into_iter().filter(is_of_a_failure).collect()
}

/// Each call is a line as well.
#[expect(clippy::ptr_arg, reason = "a test of an iterator over lines")]
fn is_of_a_failure(line: &String) -> bool {
    line.contains("sts: ") && !line.contains("\": call ")
}

#[track_caller]
fn only_line(nginx: &Nginx, mark: LogMark) -> String {
    let mut lines = own_lines(nginx, mark);
    assert_eq!(lines.len(), 1, "{lines:?}");
    lines.remove(0)
}

fn start(scene: &Scene, more: &str) -> Nginx {
    let server = format!(
        "location / {{
            %%OTX%% STSHTTPTimeOut 2; {more}
            add_header X-Sts-Error $sts_error always;
            %%PASS%%
        }}"
    );
    scene.nginx().server(&server).start()
}

fn refuse(scene: &Scene, when: When, code: &str, description: &str) {
    let answer = Answer::oauth_error(400, code, description);
    scene.sts.script(when, Script::new().answer(answer));
}

#[test]
fn a_refusal_is_an_error_with_a_hint_until_the_exchange_has_succeeded() {
    let scene = Scene::new();
    refuse(&scene, When::subject("first"), "invalid_request", NOT_ENABLED);
    refuse(&scene, When::subject("later"), "invalid_request", "Invalid token");
    let nginx = start(&scene, "");

    let mark = nginx.mark_log();
    nginx.get("/").bearer("first").send().expect_status(401);
    let line = only_line(&nginx, mark);
    for part in ["[error]", "refused", NOT_ENABLED, "has not succeeded since it was configured"] {
        assert!(line.contains(part), "no {part:?} in {line}");
    }

    assert_exchanged(nginx.get("/").bearer("alice").send(), "alice");
    let mark = nginx.mark_log();
    nginx.get("/").bearer("later").send().expect_status(401);
    let line = only_line(&nginx, mark);
    assert!(line.contains("[warn]") && !line.contains("has not succeeded"), "{line}");

    // What is configured as before is not new, in other workers neither.
    nginx.reload();
    let mark = nginx.mark_log();
    nginx.get("/").bearer("later").send().expect_status(401);
    let line = only_line(&nginx, mark);
    assert!(line.contains("[warn]") && !line.contains("has not succeeded"), "{line}");
}

#[test]
fn exchanges_with_other_parameters_have_each_to_succeed() {
    let scene = Scene::new();
    refuse(&scene, When::subject("bob"), "invalid_request", "Requested audience not available");
    // A refusal that is remembered is no new one.
    let server = "
        %%OTX%% STSNegativeTTL 0;
        location /orders { STSRequestParameter audience orders; %%PASS%% }
        location /stock { STSRequestParameter audience stock; %%PASS%% }
        location /stock/too { STSRequestParameter audience stock; STSHTTPTimeOut 3; %%PASS%% }";
    let nginx = scene.nginx().server(server).start();
    assert_exchanged(nginx.get("/orders").bearer("alice").send(), "alice");
    let level = |path: &str| {
        let mark = nginx.mark_log();
        nginx.get(path).bearer("bob").send().expect_status(401);
        let line = only_line(&nginx, mark);
        if line.contains("[error]") { "error" } else { "warn" }
    };
    assert_eq!((level("/orders"), level("/stock")), ("warn", "error"));
    assert_exchanged(nginx.get("/stock/too").bearer("alice").send(), "alice");
    wait_for("another second", || level("/stock") == "warn");
}

#[test]
fn the_same_refusal_of_several_source_tokens_in_a_row_is_an_error() {
    let scene = Scene::new();
    refuse(&scene, When::subject_prefix("bad-"), "invalid_request", NOT_ENABLED);
    let nginx = start(&scene, "STSOnError pass;");
    assert_exchanged(nginx.get("/").bearer("alice").send(), "alice");
    let mark = nginx.mark_log();
    for user in ["bad-1", "bad-1", "bad-2"] {
        nginx.get("/").bearer(user).send().expect_status(200);
    }
    assert!(!own_lines(&nginx, mark).iter().any(|line| line.contains("[error]")));
    nginx.get("/").bearer("bad-3").send().expect_status(200);
    let errors = own_lines(&nginx, mark).into_iter().filter(|line| line.contains("[error]"));
    let errors: Vec<_> = errors.collect();
    assert_eq!(errors.len(), 1, "{errors:?}");
    assert!(
        errors.iter().all(|line| line.contains("several source tokens in a row")),
        "{errors:?}"
    );
}

#[test]
fn a_status_of_an_error_is_the_locations_own_also_where_the_call_is_shared() {
    let scene = Scene::new();
    let gate = Gate::new();
    let answer = Answer::oauth_error(400, "invalid_target", "no");
    scene.sts.script(When::any(), Script::new().hold(&gate).answer(answer));
    let server = "
        %%OTX%%
        add_header X-Sts-Error $sts_error always;
        STSErrorStatus invalid_target 401;
        STSErrorStatus invalid_grant 403;
        location /inherits { %%PASS%% }
        location /other { STSErrorStatus invalid_grant 400; %%PASS%% }
        location /own { STSErrorStatus invalid_target 418; %%PASS%% }
        location /option {
            STSExchange otx %%STS%% auth=client_secret_basic&client_id=otxclient&client_secret=2Federate&error_status=invalid_scope+400+invalid_target+451;
            STSVariables $source_token $target_token;
            %%PASS%%
        }
        location = /status { STSType disabled; stub_status; }";
    let nginx = scene.nginx().workers(2).server(server).start();
    let rows = [("/inherits", 401), ("/other", 403), ("/own", 418), ("/option", 451)];
    // Several connections each, so that both workers have some.
    let connections: Vec<_> = (0..8)
        .flat_map(|_| rows)
        .map(|(path, status)| (path, status, nginx.get(path).bearer("alice").start()))
        .collect();
    nginx.wait_until_waiting("/status", connections.len());
    gate.open();
    for (path, status, mut connection) in connections {
        let response = connection.read_response().expect_status(status);
        assert_eq!(response.header("X-Sts-Error"), Some("denied"), "{path}");
        let challenge = response.header("WWW-Authenticate");
        let expected = (status == 401).then_some("Bearer error=\"invalid_token\"");
        assert_eq!(challenge, expected, "{path}");
    }
    assert_eq!(scene.sts.call_count(), 1, "calls are shared");
}

#[test]
fn a_status_of_a_fault_code_and_one_that_takes_the_challenge_away() {
    let scene = Scene::with(Sts::builder().wstrust(WsTrust::at("/trust")));
    let wst = "http://docs.oasis-open.org/ws-sx/ws-trust/200512";
    let fault = format!(
        "<s:Envelope xmlns:s=\"http://www.w3.org/2003/05/soap-envelope\"><s:Body>\
         <s:Fault xmlns:c=\"{wst}\"><s:Code><s:Value>s:Sender</s:Value><s:Subcode>\
         <s:Value>c:RequestFailed</s:Value></s:Subcode></s:Code><s:Reason>\
         <s:Text xml:lang=\"en\">no</s:Text><s:Text xml:lang=\"de\">nein</s:Text></s:Reason>\
         </s:Fault></s:Body></s:Envelope>"
    );
    let answer = Answer::new(500).header("Content-Type", "application/soap+xml").body(fault);
    scene.sts.script(When::any(), Script::new().answer(answer));
    let server = "
        STSType wstrust;
        STSWSTrustEndpoint %%STS%%;
        STSWSTrustTokenType urn:any;
        STSWSTrustValueType urn:any;
        STSVariables $source_token $target_token;
        location / { %%PASS%% }
        location /mapped { STSErrorStatus RequestFailed 403; STSErrorStatus Sender 404; %%PASS%% }
        location /outer { STSErrorStatus Sender 404; %%PASS%% }";
    let nginx = scene.nginx().server(server).start();
    let mark = nginx.mark_log();
    let refused = nginx.get("/").bearer("alice").send().expect_status(401);
    assert!(refused.header("WWW-Authenticate").is_some());
    let line = only_line(&nginx, mark);
    assert!(line.contains("fault \"Sender/RequestFailed\", reason \"no / nein\""), "{line}");
    let refused = nginx.get("/mapped").bearer("alice").send().expect_status(403);
    assert_eq!(refused.header("WWW-Authenticate"), None);
    nginx.get("/outer").bearer("alice").send().expect_status(401);
}

#[test]
fn an_outage_is_a_line_a_second_with_a_count_of_the_others() {
    let scene = Scene::new();
    scene.sts.script(When::any(), Script::new().answer(Answer::new(500)));
    let nginx = start(&scene, "STSHTTPRetries 0;");
    let mark = nginx.mark_log();
    let total = 60;
    for number in 0..total {
        nginx.get("/").bearer(format!("user-{number}")).send().expect_status(502);
    }
    let count = |line: &String| {
        let (before, _) = line.split_once(" more like it were left out")?;
        before.rsplit(' ').next()?.parse::<usize>().ok()
    };
    let told = || {
        let lines = own_lines(&nginx, mark);
        let failures = lines.iter().filter(|line| line.contains("unreachable: HTTP 500")).count();
        failures + lines.iter().filter_map(count).sum::<usize>()
    };
    // The last ones are told although nothing fails any more.
    wait_for("all failures", || told() == total);
    let lines = own_lines(&nginx, mark);
    assert!(lines.len() < total / 2, "{lines:?}");
    assert!(lines.iter().all(|line| line.contains("[error]")), "{lines:?}");
    assert!(lines.first().is_some_and(|line| line.contains("request: \"GET /\"")), "{lines:?}");
}

#[test]
fn what_was_left_out_is_told_when_the_worker_ends() {
    let scene = Scene::new();
    scene.sts.script(When::any(), Script::new().answer(Answer::new(500)));
    let nginx = start(&scene, "STSHTTPRetries 0;");
    let mark = nginx.mark_log();
    let mut connection = nginx.connect();
    for user in ["alice", "bob", "carol"] {
        nginx.get("/").bearer(user).send_on(&mut connection).expect_status(502);
    }
    drop(connection);
    nginx.quit();
    nginx.wait_until_gone();
    let lines = own_lines(&nginx, mark);
    let counted: usize = lines
        .iter()
        .map(|line| match line.split_once(" more like it were left out") {
            Some((before, _)) if !line.contains("HTTP 500") => {
                before.rsplit(' ').next().and_then(|count| count.parse().ok()).unwrap_or(0)
            }
            _ => 1,
        })
        .sum();
    assert_eq!(counted, 3, "{lines:?}");
}

#[test]
fn the_endpoint_is_named_with_its_path_and_asked_for() {
    let scene = Scene::new();
    let redirect = Answer::redirect(302, "https://u:pw@login.example/sign/in?secret=1#x");
    let html = Answer::new(200).header("Content-Type", "text/html").body("<p>Sign in</p>");
    for (user, answer) in [
        ("missing", Answer::new(404)),
        ("method", Answer::new(405)),
        ("redirect", redirect),
        ("page", html),
        ("secret", Answer::oauth_error(401, "invalid_client", "no")),
    ] {
        scene.sts.script(When::subject(user), Script::new().answer(answer));
    }
    let nginx = start(&scene, "");
    nginx.forbid_in_log("secret=1");
    nginx.forbid_in_log("u:pw");
    let endpoint = format!("otx exchange at \"http://127.0.0.1:{}/token\"", scene.sts.port());
    for (user, part) in [
        ("missing", "HTTP 404"),
        ("method", "HTTP 405"),
        ("redirect", "a redirect to \"https://login.example/sign/in\""),
        ("page", "text/html"),
    ] {
        let mark = nginx.mark_log();
        nginx.get("/").bearer(user).send().expect_status(502);
        let line = only_line(&nginx, mark);
        for part in [&endpoint, part, "is this the token endpoint?"] {
            assert!(line.contains(part), "no {part:?} in {line}");
        }
    }
    let mark = nginx.mark_log();
    nginx.get("/").bearer("secret").send().expect_status(502);
    assert!(!only_line(&nginx, mark).contains("is this the token endpoint?"));
}

#[test]
fn a_description_keeps_its_end() {
    let scene = Scene::new();
    let long = format!("Hydra says {}: the token has expired", "so and so ".repeat(100));
    refuse(&scene, When::any(), "invalid_grant", &long);
    let nginx = start(&scene, "");
    let mark = nginx.mark_log();
    nginx.get("/").bearer("alice").send().expect_status(401);
    let line = only_line(&nginx, mark);
    for part in ["\"Hydra says so", ": the token has expired\""] {
        assert!(line.contains(part), "no {part:?} in {line}");
    }
}

#[test]
fn plain_http_at_a_port_for_tls_and_the_other_way_round_is_told() {
    let secure = Scene::with(
        Sts::builder().tls(Tls::new(Identity::self_signed(&Leaf::server().dns("localhost")))),
    );
    let plain = Scene::new();
    for (scene, scheme, part) in [
        (&secure, "http", "is this a port for TLS?"),
        (&plain, "https", "is this a port without TLS?"),
    ] {
        let sts = format!("{scheme}://127.0.0.1:{}/token", scene.sts.port());
        let server = "location / { %%OTX%% STSHTTPTimeOut 2; STSHTTPRetries 0; %%PASS%% }";
        let nginx = plain.nginx().server(server).set("STS", sts).start();
        let mark = nginx.mark_log();
        nginx.get("/").bearer("alice").send().expect_status(502);
        let line = only_line(&nginx, mark);
        assert!(line.contains(part), "no {part:?} in {line}");
    }
}

#[test]
fn an_alert_of_tls_in_answer_to_plain_http_is_told() {
    let scene = Scene::new();
    let alert = *b"\x15\x03\x01\x00\x02\x02\x46";
    scene.sts.script(When::any(), Script::new().send(alert).close());
    let nginx = start(&scene, "STSHTTPRetries 0;");
    let mark = nginx.mark_log();
    nginx.get("/").bearer("alice").send().expect_status(502);
    let line = only_line(&nginx, mark);
    assert!(line.contains("it is TLS, as an https:// URL has it"), "{line}");
}

#[test]
fn what_a_proxy_says_is_not_blamed_on_the_sts() {
    let ca = Identity::authority("the CA");
    let leaf = Leaf::server().dns("localhost");
    let scene = Scene::with(Sts::builder().tls(Tls::new(ca.issue(&leaf))));
    for (status, words) in [(407, "it wants credentials"), (403, "403"), (503, "503")] {
        let answer = format!("HTTP/1.1 {status} No\r\nContent-Length: 0\r\n\r\n");
        let proxy = Proxy::answering(answer);
        let server = "location / {
            STSSSLTrustedCertificate %%PREFIX%%/ca.pem;
            %%OTX%% STSOutgoingProxy %%PROXY%%; STSHTTPTimeOut 2; STSHTTPRetries 0;
            add_header X-Sts-Error $sts_error always;
            %%PASS%%
        }";
        for scheme in ["https", "http"] {
            // Without a tunnel, only a 407 is told from an answer of the STS.
            if scheme == "http" && status != 407 {
                continue;
            }
            let sts = format!("{scheme}://localhost:{}/token", scene.sts.port());
            let nginx = scene.nginx().file("ca.pem", ca.certificate_pem()).server(server);
            let nginx = nginx.set("PROXY", proxy.address()).set("STS", sts).start();
            let mark = nginx.mark_log();
            let response = nginx.get("/").bearer("alice").send().expect_status(502);
            assert_eq!(response.header("X-Sts-Error"), Some("unreachable"));
            let line = only_line(&nginx, mark);
            let through = format!("through the proxy \"{}\"", proxy.address());
            let words = if scheme == "http" { "a proxy on the way" } else { words };
            for part in [&through, "proxy", words] {
                assert!(line.contains(part), "no {part:?} in {line}");
            }
        }
    }
}

#[test]
fn secrets_that_an_sts_repeats_are_masked() {
    let scene = Scene::with(Sts::builder().wstrust(WsTrust::at("/trust")));
    let source = "<wsse:UsernameToken xmlns:wsse=\"http://docs.oasis-open.org/wss/2004/01/\
                  oasis-200401-wss-wssecurity-secext-1.0.xsd\"><wsse:Username>alice</wsse:Username>\
                  <wsse:Password>user-pa55 word</wsse:Password></wsse:UsernameToken>";
    let fault = "<s:Envelope xmlns:s=\"http://www.w3.org/2003/05/soap-envelope\"><s:Body><s:Fault>\
                 <s:Code><s:Value>s:Sender</s:Value></s:Code><s:Reason><s:Text>bad: gateway-pa55, \
                 user-pa55 word</s:Text></s:Reason></s:Fault></s:Body></s:Envelope>";
    let answer = Answer::new(500).header("Content-Type", "application/soap+xml").body(fault);
    scene.sts.script(When::any(), Script::new().answer(answer));
    let server = "
        STSType wstrust;
        STSWSTrustEndpoint %%STS%%;
        STSSourceEncoding base64;
        STSVariables $source_token $target_token;
        location /users { %%PASS%% }
        location /gateways {
            STSWSTrustEndpointAuth username_token username=gateway&password=gateway-pa55;
            STSWSTrustTokenAs onbehalfof;
            STSWSTrustValueType urn:any;
            %%PASS%%
        }";
    let nginx = scene.nginx().server(server).start();
    nginx.forbid_in_log("pa55 word");
    let source = STANDARD.encode(source);
    for (path, told) in
        [("/users", "bad: gateway-pa55, [secret]"), ("/gateways", "bad: [secret], [secret]")]
    {
        let mark = nginx.mark_log();
        nginx.get(path).bearer(&source).send().expect_status(401);
        let line = only_line(&nginx, mark);
        assert!(line.contains(told), "{line}");
    }
}

#[test]
fn a_failure_after_its_client_has_left_is_told_like_the_others() {
    let scene = Scene::new();
    let gate = Gate::new();
    let script = Script::new().hold(&gate).answer(Answer::new(500));
    scene.sts.script(When::subject("alice"), script);
    let nginx = start(&scene, "");
    let connection = nginx.get("/").bearer("alice").start();
    wait_for("the call", || scene.sts.call_count() == 1);
    drop(connection);
    wait_for("the client's end", || nginx.access_log().contains(" 499 "));
    gate.open();
    let line = nginx.wait_for_log("its client had left");
    assert!(line.contains("unreachable: HTTP 500") && line.contains("[info]"), "{line}");
    // The worker serves on.
    let seen = Seen::by_backend(nginx.get("/").bearer("bob").send());
    assert!(devsts::is_for(&seen.token(), "bob"));
}

#[test]
fn real_servers_say_in_their_own_words_which_side_is_at_fault() {
    let rows: [(&str, &str, u16, &str); 9] = [
        ("keycloak", "as-not-enabled.1", 401, "refused"),
        ("keycloak", "as-subject-wrong-audience.1", 403, "denied"),
        ("keycloak", "as-scope-unknown.1", 502, "gateway_refused"),
        ("dex", "refuse.1", 401, "refused"),
        ("dex", "as-connector-unknown.1", 401, "refused"),
        ("dex", "as-requested-jwt.1", 502, "gateway_refused"),
        ("oidc-provider", "as-invalid-target.1", 403, "denied"),
        ("zitadel", "as-not-permitted.1", 502, "unreachable"),
        ("navikt", "refuse.1", 502, "unreachable"),
    ];
    for server in ["keycloak", "dex", "oidc-provider", "zitadel", "navikt"] {
        let manners: Manners = server.parse().expect("a server with manners");
        let scene = Scene::with(Sts::builder().manners(manners));
        let nginx = start(&scene, "");
        for (_, source, status, error) in rows.iter().filter(|(name, ..)| *name == server) {
            let response = nginx.get("/").bearer(source).send().expect_status(*status);
            assert_eq!(response.header("X-Sts-Error"), Some(*error), "{server} {source}");
        }
        assert_exchanged(nginx.get("/").bearer("alice").send(), "alice");
    }
}
