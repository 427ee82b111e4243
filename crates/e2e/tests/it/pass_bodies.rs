//! Which bodies go on where a target token is passed on in forms: `STSPassTargetTokenIn post`.
#![expect(clippy::expect_used, reason = "what fails here is a test")]

use devsts::is_for;
use e2e::http1::Request;
use e2e::nginx::Nginx;
use e2e::response::Response;
use e2e::scene::{Scene, Seen};

const FORM: &str = "application/x-www-form-urlencoded";
const MULTIPART: &str =
    "--b\r\nContent-Disposition: form-data; name=\"access_token\"\r\n\r\nforged\r\n--b--";

fn location(more: &str, options: &str) -> String {
    format!(
        "location / {{
            %%EXCHANGE%%
            STSAcceptSourceTokenIn header;
            STSPassTargetTokenIn post {options};
            {more}
            proxy_pass %%BACKEND%%;
        }}"
    )
}

fn start(scene: &Scene, more: &str) -> Nginx {
    scene.nginx().server(&location(more, "")).start()
}

fn start_for_any_body(scene: &Scene) -> Nginx {
    scene.nginx().server(&location("", "bodies=any")).start()
}

fn post(nginx: &Nginx, body: &str) -> Request {
    nginx.post("/", body).bearer("alice")
}

/// A request with head and body sent as they are.
fn send(nginx: &Nginx, head: &[u8], body: &str) -> Response {
    let mut connection = nginx.connect();
    let bytes: &[&[u8]] = &[
        b"POST / HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer alice\r\n",
        head,
        b"\r\n\r\n",
        body.as_bytes(),
    ];
    connection.send(bytes.concat());
    connection.read_response()
}

/// The backend got the form with the token before all else.
#[track_caller]
fn assert_received(response: Response, others: &str) {
    let seen = Seen::by_backend(response);
    let body = seen.body();
    let rest = body.strip_prefix("access_token=").expect("the target first");
    let (token, rest) = rest.split_once('&').unwrap_or((rest, ""));
    assert!(is_for(token, "alice"), "{body}");
    assert_eq!(rest, others);
}

#[test]
fn a_body_that_is_no_form_in_a_known_charset_is_refused() {
    let scene = Scene::new();
    let nginx = start(&scene, "STSOnError pass; STSOnMissing pass;");
    let types: &[&[u8]] = &[
        b"",
        b"Content-Type:\r\n",
        b"Content-Type: text/plain\r\n",
        b"Content-Type: application/json\r\n",
        b"Content-Type: multipart/form-data; boundary=b\r\n",
        b"Content-Type: multipart/form-data x; boundary=b\r\n",
        b"Content-Type: multipart/mixed; boundary=b\r\n",
        b"Content-Type: multipart/related; boundary=b\r\n",
        b"Content-Type: application/x-www-form-urlencoded; charset=cp037\r\n",
        b"Content-Type: application/x-www-form-urlencoded; charset=utf-16be\r\n",
        b"Content-Type: application/x-www-form-urlencoded; charset=utf-7\r\n",
        b"Content-Type: application/x-www-form-urlencoded; charset=utf-8; charset=cp037\r\n",
        b"Content-Type: application/x-www-form-urlencoded; boundary=b\r\n",
        b"Content-Type: application/x-www-form-urlencoded\xa0\r\n",
        b"Content-Type: application/x-www-form-urlencoded\xa0; charset=utf-8\r\n",
        b"Content-Type: application/x-www-form-urlencoded, text/plain\r\n",
        b"Content-Type: application/x-www-form-urlencoded\r\nContent-Type: text/plain\r\n",
        b"Content-Type: application/x-www-form-urlencoded\r\n\
          Content-Type: application/x-www-form-urlencoded\r\n",
        b"Content-Type: application/x-www-form-urlencoded\r\nContent-Encoding: gzip\r\n",
    ];
    for content_type in types {
        let length = format!("Content-Length: {}", MULTIPART.len());
        let chunked = format!("{:x}\r\n{MULTIPART}\r\n0\r\n\r\n", MULTIPART.len());
        let said = String::from_utf8_lossy(content_type);
        let response = send(&nginx, &[content_type, length.as_bytes()].concat(), MULTIPART);
        // Newer versions of NGINX refuse what may be there once only.
        assert!(matches!(response.status, 415 | 400), "{} for {said:?}", response.status);
        let head = [content_type, &b"Transfer-Encoding: chunked"[..]].concat();
        let response = send(&nginx, &head, &chunked);
        assert!(matches!(response.status, 415 | 400), "{} for {said:?}, chunked", response.status);
    }
    assert!(scene.backend.requests().is_empty());
    assert_eq!(scene.sts.call_count(), 0);
    nginx.wait_for_log("failed: unsupported_form: ");
}

#[test]
fn a_body_with_content_type_under_another_spelling_is_refused() {
    let scene = Scene::new();
    let server = format!("underscores_in_headers on; {}", location("", ""));
    let nginx = scene.nginx().server(&server).start();
    let both = format!("Content-Type: {FORM}\r\nContent_Type: text/plain\r\nContent-Length: 3");
    assert_eq!(send(&nginx, both.as_bytes(), "a=b").status, 415);
    let only = format!("Content_Type: {FORM}\r\nContent-Length: 3");
    assert_eq!(send(&nginx, only.as_bytes(), "a=b").status, 415);
    assert!(scene.backend.requests().is_empty());
}

#[test]
fn a_form_in_a_known_charset_gets_the_token() {
    let scene = Scene::new();
    let nginx = start(&scene, "");
    for parameters in ["", ";charset=UTF-8", "; charset=us-ascii", " ; charset=\"ISO-8859-1\""] {
        let request = post(&nginx, "a=b&access.token=forged&c=%E9");
        let request = request.header("Content-Type", format!("{FORM}{parameters}"));
        assert_received(request.send(), "a=b&c=%E9");
    }
}

#[test]
fn a_request_without_a_body_goes_on_as_it_is() {
    let scene = Scene::new();
    let nginx = start(&scene, "");
    for content_type in
        ["", "Content-Type: application/json\r\n", &format!("Content-Type: {FORM}\r\n")]
    {
        for (framing, body) in [
            ("X-None: 0", ""),
            ("Content-Length: 0", ""),
            ("Transfer-Encoding: chunked", "0\r\n\r\n"),
        ] {
            let response = send(&nginx, format!("{content_type}{framing}").as_bytes(), body);
            let seen = Seen::by_backend(response);
            assert_eq!(seen.body(), "", "{content_type}{framing}");
            assert_eq!(seen.uri(), "/");
        }
    }
    let seen = Seen::by_backend(nginx.get("/?a=b").bearer("alice").send());
    assert_eq!((seen.uri().as_str(), seen.body().as_str()), ("/?a=b", ""));
}

#[test]
fn the_end_of_a_body_is_waited_for() {
    let scene = Scene::new();
    let nginx = start(&scene, "");
    for (rest, status) in [("0\r\n\r\n", 200), ("1\r\nx\r\n0\r\n\r\n", 415)] {
        let mut connection = nginx.connect();
        connection.send(
            "POST / HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer alice\r\n\
             Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n",
        );
        assert!(connection.is_waiting());
        connection.send(rest);
        connection.read_response().expect_status(status);
    }
    let requests = scene.backend.requests();
    assert_eq!(requests.len(), 1);
    assert!(requests[0].body.is_empty());
}

#[test]
fn http_2_tells_a_body_of_unknown_length_from_none() {
    let scene = Scene::new();
    let server = format!("server {{ %%LISTEN_H2%% {} }}", location("", ""));
    let nginx = scene.nginx().http(&server).start();
    let mut connection = nginx.connect_http2();
    for (content_type, body, status) in [
        ("application/json", "", 200),
        ("application/json", "{}", 415),
        (FORM, "", 200),
        (FORM, "access_token=forged&a=b", 200),
    ] {
        let headers = [("authorization", "Bearer alice"), ("content-type", content_type)];
        let mut stream = connection.post("/", &headers);
        stream.send_body(body);
        let response = stream.response().expect_status(status);
        if status == 200 && !body.is_empty() {
            assert_received(response, "a=b");
        } else if status == 200 {
            assert_eq!(Seen::by_backend(response).body(), "");
        }
    }
}

#[test]
fn any_body_may_go_on_untouched_where_that_is_asked_for() {
    let scene = Scene::new();
    let nginx = start_for_any_body(&scene);
    for content_type in [
        None,
        Some("application/json"),
        Some("multipart/form-data; boundary=b"),
        Some("application/x-www-form-urlencoded; charset=cp037"),
    ] {
        let mut request = post(&nginx, MULTIPART);
        if let Some(content_type) = content_type {
            request = request.header("Content-Type", content_type);
        }
        let seen = Seen::by_backend(request.send());
        assert_eq!(seen.body(), MULTIPART, "{content_type:?}");
        assert_eq!(seen.header("Content-Length"), Some(MULTIPART.len().to_string()));
    }
    let request = post(&nginx, "access_token=forged&a=b").header("Content-Type", FORM);
    assert_received(request.send(), "a=b");
    let request = post(&nginx, "a=b").header("Content-Type", FORM);
    request.header("Content-Encoding", "gzip").send().expect_status(415);
}

#[test]
fn one_target_in_forms_only_is_enough_to_refuse_other_bodies() {
    let scene = Scene::new();
    let more = "STSPassTargetTokenIn post name=other;";
    let nginx = scene.nginx().server(&location(more, "bodies=any")).start();
    post(&nginx, "{}").header("Content-Type", "application/json").send().expect_status(415);
}

#[test]
fn where_sources_are_only_accepted_in_forms_other_bodies_are_left_alone() {
    let scene = Scene::new();
    let server = "location / { %%EXCHANGE%% STSAcceptSourceTokenIn post; STSOnMissing pass;
                               proxy_pass %%BACKEND%%; }";
    let nginx = scene.nginx().server(server).start();
    for content_type in [None, Some("text/plain"), Some("multipart/form-data; boundary=b")] {
        let mut request = nginx.post("/", MULTIPART);
        if let Some(content_type) = content_type {
            request = request.header("Content-Type", content_type);
        }
        assert_eq!(Seen::by_backend(request.send()).body(), MULTIPART);
    }
}

#[test]
fn a_target_in_a_form_is_not_in_the_query_as_well() {
    let scene = Scene::new();
    let more = "proxy_set_header X-Request-Uri $request_uri;
                set $before $request_uri;";
    let nginx = start(&scene, more);
    let target = "/?access_token=forged&a=b&access[token=forged&my_access_token=c";
    let without = "/?a=b&my_access_token=c";
    let form = nginx.post(target, "d=e").bearer("alice").header("Content-Type", FORM).send();
    for response in [form, nginx.get(target).bearer("alice").send()] {
        let seen = Seen::by_backend(response);
        assert_eq!(seen.uri(), without);
        assert_eq!(seen.header("X-Request-Uri").as_deref(), Some(without));
    }
}

#[test]
fn a_target_in_a_form_leaves_a_source_in_the_query_to_a_subrequest() {
    let scene = Scene::new();
    let server = "STSAcceptSourceTokenIn query; STSPassTargetTokenIn post;
        location / { %%EXCHANGE%% auth_request /auth; proxy_pass %%BACKEND%%; }
        location = /auth {
            proxy_set_header X-Request-Uri $request_uri;
            proxy_pass %%BACKEND%%;
            proxy_pass_request_body off;
            proxy_set_header Content-Length '';
        }";
    let nginx = scene.nginx().server(server).start();
    let request = nginx.post("/?access_token=alice", "a=b").header("Content-Type", FORM);
    assert_received(request.send(), "a=b");
    let uri = scene.backend.requests()[0].header("X-Request-Uri");
    assert_eq!(uri.as_deref(), Some("/?access_token=alice"));
}

#[test]
fn a_location_without_exchange_refuses_the_same_bodies() {
    let scene = Scene::new();
    let server = "
        location / { %%EXCHANGE%% STSAcceptSourceTokenIn header; try_files /none @backend; }
        location @backend { STSPassTargetTokenIn post; proxy_pass %%BACKEND%%; }";
    let nginx = scene.nginx().server(server).start();
    post(&nginx, "{}").header("Content-Type", "application/json").send().expect_status(415);
    assert!(scene.backend.requests().is_empty());
    nginx.wait_for_log("the request cannot be passed on: a target token is passed in forms");
    assert_received(post(&nginx, "a=b").header("Content-Type", FORM).send(), "a=b");
}

#[test]
fn a_query_that_may_be_read_in_an_unknown_charset_is_refused() {
    let scene = Scene::new();
    let server = "%%EXCHANGE%% STSAcceptSourceTokenIn header;
        location /query { STSPassTargetTokenIn query; proxy_pass %%BACKEND%%; }
        location /post { STSPassTargetTokenIn post bodies=any; proxy_pass %%BACKEND%%; }
        location /header { STSPassTargetTokenIn header; proxy_pass %%BACKEND%%; }
        location /elsewhere { try_files /none @backend; }
        location @backend { STSPassTargetTokenIn query; proxy_pass %%BACKEND%%; }";
    let nginx = scene.nginx().server(server).start();
    let send = |path: &str, content_type: &str| {
        let request = nginx.get(path).bearer("alice").header("Content-Type", content_type);
        request.send().status
    };
    let query = "?+AGEAYwBjAGUAcwBzAF8AdABvAGsAZQBu-=forged";
    for path in ["/query", "/post", "/elsewhere"] {
        for charset in ["charset=utf-7", "charset=cp037", "charset =utf-8", "charset*=utf-8''utf-7"]
        {
            let content_type = format!("text/plain; {charset}");
            assert_eq!(send(&format!("{path}{query}"), &content_type), 415, "{path} {charset}");
            assert_eq!(send(path, &content_type), 200, "{path} {charset}");
        }
        assert_eq!(send(&format!("{path}?a=b"), "application/json; charset=utf-8"), 200, "{path}");
        assert_eq!(send(&format!("{path}?a=b"), "text/plain; charset=windows-1252"), 200, "{path}");
    }
    assert_eq!(send(&format!("/header{query}"), "text/plain; charset=utf-7"), 200);
}
