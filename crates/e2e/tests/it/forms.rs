//! Tokens in the bodies of requests: `STSAcceptSourceTokenIn post` and `STSPassTargetTokenIn post`.
#![expect(clippy::expect_used, reason = "what fails here is a test")]

use std::io::ErrorKind;
use std::net::Ipv4Addr;
use std::time::Duration;

use devsts::pki::{Identity, Leaf};
use devsts::{Script, Sts, Tls, When, is_for};
use e2e::http1::{Connection, Request};
use e2e::nginx::Nginx;
use e2e::response::Response;
use e2e::scene::{Scene, Seen};
use e2e::wait::wait_for;

const FORM: &str = "application/x-www-form-urlencoded";

fn location(more: &str) -> String {
    format!(
        "client_max_body_size 100m;
        location / {{
            %%EXCHANGE%%
            STSAcceptSourceTokenIn post;
            STSPassTargetTokenIn post name=target;
            {more}
            proxy_pass %%BACKEND%%;
        }}"
    )
}

fn start(scene: &Scene, more: &str) -> Nginx {
    scene.nginx().server(&location(more)).start()
}

/// As [`start`], and bodies that are no forms go on as well.
fn start_for_any_body(scene: &Scene, more: &str) -> Nginx {
    let server = location(more).replace("name=target;", "name=target&bodies=any;");
    scene.nginx().server(&server).start()
}

fn post(nginx: &Nginx, body: &str) -> Request {
    nginx.post("/", body).header("Content-Type", FORM)
}

/// The backend got the form as it was, without the source and with the target before it.
#[track_caller]
fn assert_exchanged(response: Response, source: &str, others: &str) {
    let seen = Seen::by_backend(response);
    let body = seen.body();
    let behind = if others.is_empty() { String::new() } else { format!("&{others}") };
    let target = body.strip_suffix(&behind).expect("the rest of the form as it was");
    let target = target.strip_prefix("target=").expect("the target first");
    assert!(is_for(target, source), "{target} for {source}");
    assert_eq!(seen.header("Content-Length"), Some(body.len().to_string()));
    assert_eq!(seen.header("Transfer-Encoding"), None);
}

/// A request with a body of unknown length, in so many chunks.
fn chunked(nginx: &Nginx, body: &str, chunk: usize) -> Connection {
    let mut connection = nginx.connect();
    connection.send(format!(
        "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: {FORM}\r\n\
         Transfer-Encoding: chunked\r\n\r\n"
    ));
    for piece in body.as_bytes().chunks(chunk) {
        connection.send(format!("{:x}\r\n", piece.len()));
        connection.send(piece);
        connection.send("\r\n");
    }
    connection.send("0\r\n\r\n");
    connection
}

/// Parameters that together have so many bytes.
fn others(bytes: usize) -> String {
    format!("a={}", "b".repeat(bytes - 2))
}

#[test]
fn the_token_may_be_anywhere_in_a_form_of_any_size() {
    // In the buffer of the head, in memory, in a file.
    for size in [10, 2_000, 12_000, 100_000, 900_000] {
        let scene = Scene::new();
        let nginx = start(&scene, "");
        let others = others(size);
        for (number, form) in [
            "access_token=T&OTHERS",
            "OTHERS&access_token=T",
            "OTHERS&access_token=T&c=%20d+",
            "access_token=T",
        ]
        .into_iter()
        .enumerate()
        {
            let user = format!("user-{number}");
            let left = form.replace("&access_token=T", "").replace("access_token=T", "");
            let left = left.trim_start_matches('&').replace("OTHERS", &others);
            let form = form.replace("OTHERS", &others).replace('T', &user);
            assert_exchanged(post(&nginx, &form).send(), &user, &left);
        }
    }
}

#[test]
fn a_form_of_unknown_length_is_read_whole() {
    for (size, chunk) in [(30, 1), (3_000, 100), (200_000, 7_001)] {
        let scene = Scene::new();
        let nginx = start(&scene, "");
        let others = others(size);
        let form = format!("{others}&access_token=alice");
        assert_exchanged(chunked(&nginx, &form, chunk).read_response(), "alice", &others);
    }
}

#[test]
fn a_form_may_lie_in_a_file() {
    for more in ["client_body_in_file_only on;", "client_body_buffer_size 16;"] {
        let scene = Scene::new();
        let nginx = start(&scene, more);
        nginx.allow_in_log("[warn]");
        assert_exchanged(post(&nginx, "a=b&access_token=alice&c=d").send(), "alice", "a=b&c=d");
        let chunks = chunked(&nginx, "a=b&access_token=bob&c=d", 3).read_response();
        assert_exchanged(chunks, "bob", "a=b&c=d");
    }
}

#[test]
fn a_form_that_comes_slowly_is_waited_for_in_each_phase() {
    for phase in ["rewrite", "access", "precontent"] {
        let scene = Scene::new();
        let slow = Script::new().wait(Duration::from_millis(20)).usual();
        scene.sts.script(When::any(), slow);
        let nginx = start(&scene, &format!("STSPhase {phase};"));
        let mut connections: Vec<_> = (0..20).map(|_| nginx.connect()).collect();
        let form = |number: usize| format!("access_token=user-{number}&a=b");
        for (number, connection) in connections.iter_mut().enumerate() {
            let length = form(number).len();
            connection.send(format!(
                "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: {FORM}\r\n\
                 Content-Length: {length}\r\n\r\n"
            ));
        }
        for at in 0..3 {
            for (number, connection) in connections.iter_mut().enumerate().rev() {
                let form = form(number);
                let (from, to) = ([0, 5, 12][at], [5, 12, form.len()][at]);
                assert!(connection.is_waiting());
                connection.send(&form[from..to]);
            }
        }
        for (number, mut connection) in connections.into_iter().enumerate() {
            assert_exchanged(connection.read_response(), &format!("user-{number}"), "a=b");
        }
        assert_eq!(scene.sts.call_count(), 20, "{phase}");
    }
}

#[test]
fn requests_follow_each_other_on_one_connection() {
    let scene = Scene::new();
    let nginx = start(&scene, "");
    let mut connection = nginx.connect();
    for number in 0..5 {
        let user = format!("user-{number}");
        let form = format!("a=b&access_token={user}");
        let request = post(&nginx, &form);
        assert_exchanged(request.send_on(&mut connection), &user, "a=b");
    }
    // Both at once.
    let bytes = |user: &str| post(&nginx, &format!("access_token={user}&c=d")).to_bytes();
    connection.send([bytes("alice"), bytes("bob")].concat());
    assert_exchanged(connection.read_response(), "alice", "c=d");
    assert_exchanged(connection.read_response(), "bob", "c=d");
}

#[test]
fn a_client_that_is_asked_to_continue_sends_its_form() {
    let scene = Scene::new();
    let nginx = start(&scene, "");
    let mut connection = nginx.connect();
    connection.send(format!(
        "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: {FORM}\r\nExpect: 100-continue\r\n\
         Content-Length: 22\r\n\r\n"
    ));
    wait_for("100 Continue", || !connection.is_waiting());
    connection.send("access_token=alice&a=b");
    assert_exchanged(connection.read_response(), "alice", "a=b");
}

#[test]
fn http_1_0_and_2_have_forms_too() {
    let scene = Scene::new();
    let nginx = scene
        .nginx()
        .http(&format!("server {{ %%LISTEN_H2%% {} }}", location("")))
        .server(&location(""))
        .start();

    let mut connection = nginx.connect();
    let form = "a=b&access_token=alice";
    connection.send(format!(
        "POST / HTTP/1.0\r\nContent-Type: {FORM}\r\nContent-Length: {}\r\n\r\n{form}",
        form.len()
    ));
    assert_exchanged(connection.read_response(), "alice", "a=b");

    let mut connection = nginx.connect_http2();
    for (user, size, length) in [("one", 0, true), ("two", 0, false), ("three", 60_000, false)] {
        let others = format!("a={}", "b".repeat(size));
        let form = format!("access_token={user}&{others}");
        let mut headers = vec![("content-type", FORM)];
        let number = form.len().to_string();
        if length {
            headers.push(("content-length", &number));
        }
        let mut stream = connection.post("/", &headers);
        stream.send_body(form);
        assert_exchanged(stream.response(), user, &others);
    }
}

#[test]
fn unbuffered_proxying_becomes_buffered_for_forms_only() {
    let scene = Scene::new();
    let more = "proxy_request_buffering off; proxy_http_version 1.1; STSOnMissing pass;";
    let nginx = start_for_any_body(&scene, more);
    let big = others(300_000);
    let form = format!("{big}&access_token=alice");
    assert_exchanged(chunked(&nginx, &form, 50_000).read_response(), "alice", &big);
    assert_exchanged(post(&nginx, &form).send(), "alice", &big);

    let before = scene.backend.connections().accepted;
    let mut connection = nginx.connect();
    connection.send(
        "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/plain\r\n\
         Transfer-Encoding: chunked\r\n\r\n5\r\n01234\r\n",
    );
    wait_for("the connection to the backend", || scene.backend.connections().accepted > before);
    connection.send("5\r\n56789\r\n0\r\n\r\n");
    let seen = Seen::by_backend(connection.read_response());
    assert_eq!(seen.body(), "0123456789");
    assert_eq!(seen.header("Transfer-Encoding").as_deref(), Some("chunked"));
}

#[test]
fn a_form_is_a_form_whatever_else_its_type_says() {
    let scene = Scene::new();
    let nginx = start(&scene, "");
    for content_type in [
        "APPLICATION/x-www-form-URLENCODED",
        "application/x-www-form-urlencoded; charset=utf-8",
        " application/x-www-form-urlencoded ;charset=utf-8",
    ] {
        let request = nginx.post("/", "access_token=alice").header("Content-Type", content_type);
        assert_exchanged(request.send(), "alice", "");
    }
}

#[test]
fn a_form_may_have_so_many_bytes() {
    let scene = Scene::new();
    for (more, limit) in [("", 1 << 20), ("STSMaxForm 2k;", 2 << 10)] {
        let nginx = start(&scene, &format!("{more} STSOnError pass;"));
        nginx.allow_in_log("[warn]");
        let token = "&access_token=alice";
        let fits = others(limit - token.len());
        assert_exchanged(post(&nginx, &(fits.clone() + token)).send(), "alice", &fits);
        let response = chunked(&nginx, &(fits.clone() + token), 60_000).read_response();
        assert_exchanged(response, "alice", &fits);
        let before = scene.backend.requests().len();
        post(&nginx, &(fits.clone() + "b" + token)).send().expect_status(413);
        chunked(&nginx, &(fits + "b" + token), 60_000).read_response().expect_status(413);
        assert_eq!(scene.backend.requests().len(), before);
        nginx.wait_for_log(&format!(
            "failed: form_too_large: the form has more than {limit} bytes (STSMaxForm)"
        ));
    }
}

#[test]
fn a_form_may_have_so_many_parameters() {
    let scene = Scene::new();
    let nginx = start(&scene, "STSOnError pass;");
    nginx.allow_in_log("[warn]");
    let fits = "&".repeat(9_998);
    assert_exchanged(post(&nginx, &format!("{fits}&access_token=alice")).send(), "alice", &fits);
    let requests = scene.backend.requests().len();
    post(&nginx, &format!("{fits}&&access_token=alice")).send().expect_status(413);
    assert_eq!(scene.backend.requests().len(), requests);
    nginx.wait_for_log("failed: form_too_large: the form has more than 10000 parameters");
}

#[test]
fn a_body_that_is_no_form_may_be_as_large_as_nginx_lets_it() {
    let scene = Scene::new();
    let nginx = start_for_any_body(&scene, "STSMaxForm 2k; STSOnMissing pass;");
    nginx.allow_in_log("[warn]");
    let body = others(3 << 20);
    let seen = Seen::by_backend(nginx.post("/", &*body).send());
    assert_eq!(seen.body().len(), body.len());
}

#[test]
fn what_nginx_says_of_a_body_counts() {
    let scene = Scene::new();
    let server = format!(
        "{} location /small {{
            client_max_body_size 100;
            error_page 413 /error;
            %%EXCHANGE%% STSAcceptSourceTokenIn post; STSPassTargetTokenIn post;
            proxy_pass %%BACKEND%%;
        }}
        location = /error {{
            %%EXCHANGE%% STSAcceptSourceTokenIn post; STSPassTargetTokenIn post;
            try_files /page.html =404;
        }}",
        location("")
    );
    let nginx = scene.nginx().server(&server).file("html/page.html", "too large").start();
    let form = "access_token=alice&".to_owned() + &others(200);
    let mut connection = nginx.connect();
    connection.send(format!(
        "POST /small HTTP/1.1\r\nHost: localhost\r\nContent-Type: {FORM}\r\n\
         Transfer-Encoding: chunked\r\n\r\n{:x}\r\n{form}\r\n0\r\n\r\n",
        form.len()
    ));
    assert_eq!(connection.read_response().expect_status(413).text(), "too large");
    nginx.allow_in_log("client intended to send too large");
    assert_eq!(scene.sts.call_count(), 0);
    assert!(scene.backend.requests().is_empty());
}

#[test]
fn a_body_that_turns_out_bad_while_it_is_waited_for_ends_its_connection() {
    for phase in ["rewrite", "access", "precontent"] {
        let scene = Scene::new();
        let server = format!(
            "client_max_body_size 100; error_page 413 =200 /error;
            location = /error {{ %%EXCHANGE%% STSAcceptSourceTokenIn header; STSPhase {phase};
                                 STSAcceptSourceTokenIn post; STSPassTargetTokenIn post;
                                 proxy_pass %%BACKEND%%; }}
            location / {{ %%EXCHANGE%% STSPhase {phase}; STSAcceptSourceTokenIn header;
                          STSAcceptSourceTokenIn post; STSPassTargetTokenIn post;
                          proxy_pass %%BACKEND%%; }}"
        );
        let nginx = scene.nginx().server(&server).start();
        nginx.allow_in_log("client sent invalid chunked body");
        nginx.allow_in_log("client intended to send too large");
        for (rest, status) in [("zz\r\n", 400), ("ffff\r\nx", 413)] {
            let mut connection = nginx.connect();
            connection.send(format!(
                "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: {FORM}\r\n\
                 Authorization: Bearer alice\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"
            ));
            // What comes now comes while the request waits for it.
            std::thread::sleep(Duration::from_millis(50));
            connection.send(rest);
            // `error_page` has another status for a body that is too large.
            let response = connection.read_response();
            assert!([status, 400].contains(&response.status), "{}", response.status);
            let end = connection.try_read_response().err().map(|error| error.kind());
            let waits = matches!(end, None | Some(ErrorKind::WouldBlock | ErrorKind::TimedOut));
            assert!(!waits, "NGINX closes the connection: {end:?}");
        }
        assert_eq!(scene.sts.call_count(), 0);
        assert_eq!(scene.backend.requests().len(), 0);
        // A request that was kept would keep its worker.
        nginx.quit();
        nginx.wait_until_gone();
    }
}

#[test]
fn a_client_that_leaves_in_the_middle_of_its_form_leaves_nothing_behind() {
    let scene = Scene::new();
    let nginx = start(&scene, "");
    for round in 0..20 {
        let mut connection = nginx.connect();
        connection.send(format!(
            "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: {FORM}\r\n\
             Content-Length: 100\r\n\r\naccess_token="
        ));
        if round % 2 == 0 { connection.reset() } else { drop(connection) }
    }
    assert_exchanged(post(&nginx, "access_token=alice").send(), "alice", "");
    wait_for("the requests to end", || nginx.access_log().lines().count() >= 21);
    assert_eq!(scene.sts.call_count(), 1);
}

#[test]
fn error_pages_have_their_way_with_forms_that_are_refused() {
    for (form, status) in [
        ("access_token=a&access_token=b".to_owned(), 400),
        ("access_token=refuse".to_owned(), 401),
        ("a=b".to_owned(), 401),
        (format!("access_token=alice&{}", others(3_000)), 413),
    ] {
        let scene = Scene::new();
        // The page lies where the same exchange is in force.
        let server = location("STSMaxForm 2k; error_page 400 401 413 /page.html;")
            .replace("proxy_pass", "if ($uri = /page.html) { break; } proxy_pass");
        let server = format!("{server} location = /page.html {{ }}");
        let nginx = scene.nginx().server(&server).file("html/page.html", "sorry").start();
        assert_eq!(post(&nginx, &form).send().expect_status(status).text(), "sorry");
    }
}

#[test]
fn the_usual_variables_tell_of_the_form_as_the_backend_gets_it() {
    let scene = Scene::new();
    let more = "set $before $content_length$request_body;
                proxy_set_header X-Length $content_length;
                proxy_set_header X-Body $request_body;";
    let nginx = start(&scene, more);
    let seen = Seen::by_backend(post(&nginx, "access_token=alice&a=b").send());
    assert_eq!(seen.header("X-Body"), Some(seen.body()));
    assert_eq!(seen.header("X-Length"), Some(seen.body().len().to_string()));
}

/// More than the sockets between two processes take.
const MUCH: usize = 16 << 20;

#[test]
fn an_answer_that_comes_while_the_request_is_still_sent_counts() {
    let scene = Scene::new();
    let refusal = "HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\n\
                   Content-Length: 25\r\n\r\n{\"error\":\"invalid_grant\"}";
    scene.sts.on_accept(Some(1), Script::new().read(1000).send(refusal).hang());
    let nginx = start(&scene, "STSMaxForm 64m; STSHTTPTimeOut 20;");
    let long = format!("access_token={}", "x".repeat(MUCH));
    post(&nginx, &long).send().expect_status(401);
    // The STS would take the next request for the rest of this one.
    assert_exchanged(post(&nginx, "access_token=alice").send(), "alice", "");
    assert_eq!(scene.sts.connections().accepted, 2);
}

#[test]
fn a_token_of_many_records_of_tls_arrives_whole_and_once() {
    let ca = Identity::authority("the CA");
    let leaf = Leaf::server().ip(Ipv4Addr::LOCALHOST);
    let scene = Scene::with(Sts::builder().tls(Tls::new(ca.issue(&leaf))));
    let more = "STSMaxForm 64m; STSHTTPTimeOut 20; STSSSLTrustedCertificate %%PREFIX%%/ca.pem;";
    let nginx = scene.nginx().file("ca.pem", ca.certificate_pem()).server(&location(more)).start();
    let long = "x".repeat(MUCH);
    for user in ["alice", "bob"] {
        let token = format!("{user}.{long}");
        let response = post(&nginx, &format!("access_token={token}")).send();
        assert_exchanged(response, &token, "");
    }
    assert_eq!((scene.sts.call_count(), scene.sts.connections().accepted), (2, 1));
}
