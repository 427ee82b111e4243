//! Clients and backends that speak gRPC and HTTP/3, as others' libraries do: `make test-clients`.
//!
//! Without the libraries that it installs these tests have nothing to ask.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test that cannot go on has failed"
)]

use std::collections::BTreeMap;

use devsts::is_for;
use devsts::pki::{Identity, Leaf};
use e2e::clients::{self, GrpcBackend};
use e2e::nginx::{Nginx, about};
use e2e::scene::Scene;
use e2e::wait::wait_for;
use serde_json::Value;

/// Calls on one connection.
const CALLS: usize = 500;

fn users(prefix: &str, count: usize) -> Vec<String> {
    (0..count).map(|number| format!("{prefix}-{number}")).collect()
}

fn grpc(scene: &Scene, backend: &GrpcBackend) -> Nginx {
    let server = format!(
        "server {{
            %%LISTEN_H2%%
            keepalive_requests 10000;
            location / {{
                %%EXCHANGE%%
                STSAcceptSourceTokenIn header;
                STSPassTargetTokenIn header;
                grpc_pass grpc://{};
            }}
            location = /status {{ STSType disabled; stub_status; }}
        }}",
        backend.address()
    );
    scene.nginx().http(&server).start()
}

/// What the client says, a line for each call.
#[track_caller]
fn call(nginx: &Nginx, what: &str, users: &[String]) -> Vec<Value> {
    let address = nginx.address_of("PORT_H2").to_string();
    let mut arguments = vec![address.as_str(), what];
    arguments.extend(users.iter().map(String::as_str));
    let answers = clients::run("grpc_client.py", &arguments);
    assert_eq!(answers.len(), users.len());
    answers
}

/// Each of the replies has the token of the call's user, and what was said.
#[track_caller]
fn assert_replies(answer: &Value, user: &str, said: &[&str]) {
    assert_eq!(answer["code"], "OK", "{answer}");
    let replies = answer["replies"].as_array().expect("replies");
    assert_eq!(replies.len(), said.len(), "{answer}");
    for (reply, said) in replies.iter().zip(said) {
        let (token, message) = reply.as_str().and_then(|text| text.split_once('\n')).expect("both");
        let token = token.strip_prefix("Bearer ").expect("a bearer token");
        assert!(is_for(token, user), "{user} got {token}");
        assert_eq!(message, *said);
    }
}

#[test]
#[ignore = "make test-clients has the libraries"]
fn five_hundred_grpc_calls_of_one_connection_have_their_own_tokens() {
    let (scene, backend) = (Scene::new(), GrpcBackend::start());
    let nginx = grpc(&scene, &backend);
    let users = users("unary", CALLS);
    for (answer, user) in call(&nginx, "unary", &users).iter().zip(&users) {
        assert_replies(answer, user, &[user]);
    }
    assert_eq!(scene.sts.call_count(), CALLS as u64);
    // Another program finds all of them in the cache.
    for (answer, user) in call(&nginx, "unary", &users).iter().zip(&users) {
        assert_replies(answer, user, &[user]);
    }
    assert_eq!(scene.sts.call_count(), CALLS as u64);
}

#[test]
#[ignore = "make test-clients has the libraries"]
fn grpc_streams_in_both_directions_have_their_own_tokens() {
    let (scene, backend) = (Scene::new(), GrpcBackend::start());
    let nginx = grpc(&scene, &backend);
    let numbers: Vec<String> = (0..20).map(|number| number.to_string()).collect();
    let each: Vec<&str> = numbers.iter().map(String::as_str).collect();
    let at_once = numbers.join(",");
    for (what, said) in
        [("server-stream", &each[..]), ("client-stream", &[at_once.as_str()]), ("both", &each[..])]
    {
        let users = users(what, 50);
        for (answer, user) in call(&nginx, what, &users).iter().zip(&users) {
            assert_replies(answer, user, said);
        }
    }
    assert_eq!(scene.sts.call_count(), 150);
}

#[test]
#[ignore = "make test-clients has the libraries"]
fn a_refusal_has_the_code_that_grpc_clients_expect() {
    let (scene, backend) = (Scene::new(), GrpcBackend::start());
    let nginx = grpc(&scene, &backend);
    let (users, codes): (Vec<_>, Vec<_>) = [
        ("", "UNAUTHENTICATED"),
        ("refuse", "UNAUTHENTICATED"),
        ("error-invalid_token", "UNAUTHENTICATED"),
        ("error-access_denied", "PERMISSION_DENIED"),
        ("error-invalid_target", "PERMISSION_DENIED"),
        ("error-invalid_client", "UNAVAILABLE"),
        ("status-503", "UNAVAILABLE"),
        ("status-500", "UNAVAILABLE"),
        ("html", "UNAVAILABLE"),
        ("reset", "UNAVAILABLE"),
    ]
    .map(|(user, code)| (user.to_owned(), code))
    .into_iter()
    .unzip();
    for what in ["unary", "server-stream", "client-stream", "both"] {
        // grpcio loses an answer behind which NGINX resets what the client still sends (RFC 9113, section
        // 8.1, forbids that); an `auth_basic` of NGINX has the same. So those are asked for again.
        let mut left: Vec<_> = users.iter().cloned().zip(codes.iter().copied()).collect();
        for _ in 0..10 {
            let asked: Vec<_> = left.iter().map(|(user, _)| user.clone()).collect();
            let mut answers = call(&nginx, what, &asked).into_iter();
            left.retain(|(_, code)| {
                let answer = answers.next().expect("an answer to each");
                let details = answer["details"].as_str().unwrap_or_default();
                let lost = answer["code"] != *code && details.starts_with("Stream removed");
                assert!(lost || answer["code"] == *code, "{what}, not {code}: {answer}");
                lost
            });
            if left.is_empty() {
                break;
            }
        }
        assert!(left.is_empty(), "{what}: {left:?}");
    }
    let log = nginx.access_log();
    assert!(!log.contains("HTTP/2.0\" 200 "), "{log}");
}

fn http3(scene: &Scene) -> Nginx {
    assert!(
        about().configured("--with-http_v3_module"),
        "make test-clients runs this on an NGINX with HTTP/3"
    );
    let ca = Identity::authority("the CA");
    let server = ca.issue(&Leaf::server().dns("localhost"));
    let nginx = scene.nginx().file("ca.pem", ca.certificate_pem());
    let nginx = nginx.file("server.pem", server.certificate_pem() + &server.key_pem());
    nginx
        .http(
            "server {
                listen 127.0.0.1:%%PORT_QUIC%% quic reuseport;
                ssl_certificate %%PREFIX%%/server.pem;
                ssl_certificate_key %%PREFIX%%/server.pem;
                client_max_body_size 16m;
                location / {
                    %%EXCHANGE%%
                    STSAcceptSourceTokenIn header;
                    STSPassTargetTokenIn header;
                    proxy_pass %%BACKEND%%;
                }
            }",
        )
        .server("location = /status { STSType disabled; stub_status; }")
        .start()
}

#[track_caller]
fn ask_http3(nginx: &Nginx, size: usize, users: &[String]) -> Vec<Value> {
    let port = nginx.address_of("PORT_QUIC").port().to_string();
    let ca = nginx.prefix().join("ca.pem").display().to_string();
    let size = size.to_string();
    let mut arguments = vec![port.as_str(), &ca, &size];
    arguments.extend(users.iter().map(String::as_str));
    let answers = clients::run("http3.py", &arguments);
    assert_eq!(answers.len(), users.len());
    answers
}

fn headers(answer: &Value) -> BTreeMap<String, String> {
    let pairs = answer["headers"].as_array().map_or(&[][..], Vec::as_slice);
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    pairs.iter().map(|pair| (text(&pair[0]), text(&pair[1]))).collect()
}

#[track_caller]
fn assert_http3(answer: &Value, user: &str, size: usize) {
    assert_eq!(headers(answer)[":status"], "200", "{answer}");
    let seen = answer["body"].as_str().expect("a body");
    let seen: Value = serde_json::from_str(seen).expect("what the backend saw");
    let pairs = seen["headers"].as_array().expect("headers");
    let is_token = |name: &str| name.eq_ignore_ascii_case("Authorization");
    let tokens = pairs.iter().filter(|pair| pair[0].as_str().is_some_and(is_token));
    let tokens: Vec<_> = tokens.filter_map(|pair| pair[1].as_str()).collect();
    let token = tokens.first().and_then(|value| value.strip_prefix("Bearer "));
    assert!(
        tokens.len() == 1 && token.is_some_and(|token| is_for(token, user)),
        "{user} {tokens:?}"
    );
    assert_eq!(seen["body"].as_str().map(str::len), Some(size));
}

#[test]
#[ignore = "make test-clients has the libraries"]
fn requests_of_http_3_have_their_own_tokens() {
    let scene = Scene::new();
    let nginx = http3(&scene);
    for size in [0, 20_000] {
        let users = users(&format!("quic-{size}"), 200);
        for (answer, user) in ask_http3(&nginx, size, &users).iter().zip(&users) {
            assert_http3(answer, user, size);
        }
    }
    assert_eq!(scene.sts.call_count(), 400);
}

#[test]
#[ignore = "make test-clients has the libraries"]
fn refusals_over_http_3_are_those_of_other_versions() {
    let scene = Scene::new();
    let nginx = http3(&scene);
    let (users, statuses): (Vec<_>, Vec<_>) = [
        ("", "401"),
        ("refuse", "401"),
        ("error-access_denied", "403"),
        ("error-invalid_client", "502"),
        ("status-503", "503"),
        ("reset", "502"),
    ]
    .map(|(user, status)| (user.to_owned(), status))
    .into_iter()
    .unzip();
    for size in [0, 100_000] {
        for (answer, status) in ask_http3(&nginx, size, &users).iter().zip(&statuses) {
            let headers = headers(answer);
            assert_eq!(headers[":status"], *status, "{answer}");
            let challenges = headers.contains_key("www-authenticate");
            assert_eq!(challenges, *status == "401", "{answer}");
        }
    }
    assert_eq!(scene.backend.call_count(), 0);
}

#[test]
#[ignore = "make test-clients has the libraries"]
fn a_client_that_takes_its_http_3_request_back_harms_no_other() {
    let scene = Scene::new();
    let nginx = http3(&scene);
    let mut users = Vec::new();
    for number in 0..100 {
        users.push(format!("wait-2000.back-{number}"));
        users.push(format!("wait-20.{number}"));
    }
    for (answer, user) in ask_http3(&nginx, 0, &users).iter().zip(&users) {
        if user.contains("back") {
            assert_eq!(answer["error"], "taken back");
        } else {
            assert_http3(answer, user, 0);
        }
    }
    wait_for("all requests to be over", || {
        nginx.get("/status").send().text().contains("Writing: 1 ")
    });
}
