//! The backend answers with what it received, or what it was asked for.

use serde_json::json;
use std::time::{Duration, Instant};

use devsts::Backend;

use crate::wire::{Request, Wire};

#[test]
fn the_request_comes_back_as_it_was() {
    let backend = Backend::start().unwrap();
    let request = Request::get("/headers?a=%20b")
        .method("POST")
        .header("Cookie", "b=2")
        .header("cookie", "a=1")
        .header("X-Odd", "\u{e9}")
        .body(b"the body");
    let reply = Wire::connect(&backend).ask(&request);
    assert_eq!(reply.status, 200);
    assert_eq!(
        reply.json(),
        json!({
            "number": 1,
            "connection": 1,
            "method": "POST",
            "uri": "/headers?a=%20b",
            "version": "HTTP/1.1",
            "headers": [
                ["Host", "backend"],
                ["Cookie", "b=2"],
                ["cookie", "a=1"],
                ["X-Odd", "\u{e9}"],
                ["Content-Length", "8"],
            ],
            "body": "the body",
        })
    );
    assert_eq!(backend.requests()[0].header_values("COOKIE"), ["b=2", "a=1"]);
    assert_eq!(backend.requests()[0].header("cookie"), None);
}

#[test]
fn large_headers_and_chunked_bodies_are_taken() {
    let backend = Backend::start().unwrap();
    let large = "t".repeat(200 << 10);
    let request = Request::get("/")
        .method("POST")
        .header("Authorization", &large)
        .header("Transfer-Encoding", "chunked")
        .body(b"3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n");
    let mut wire = Wire::connect(&backend);
    for _ in 0..2 {
        let body = wire.ask(&request).json();
        assert_eq!(body["headers"][1][1], large.as_str());
        assert_eq!(body["body"], "abcdefg");
    }
}

#[test]
fn special_answers_can_be_asked_for() {
    let backend = Backend::start().unwrap();
    let mut wire = Wire::connect(&backend);
    let mut get = |target: &str| wire.ask(&Request::get(target));
    assert_eq!(get("/status/404").status, 404);
    assert_eq!(get("/status/99").status, 400);
    assert_eq!(get("/any?_status=503").status, 503);
    let reply = get("/any?_accel=%2Finternal%2Fx&_header=X-A%3A+1&_header=X-B%3A2");
    assert_eq!(reply.header("X-Accel-Redirect"), Some("/internal/x"));
    assert_eq!((reply.header("X-A"), reply.header("X-B")), (Some("1"), Some("2")));
    let reply = get("/any?_type=text%2Fhtml&_body=%3C!--%23include+virtual%3D%22%2Fx%22--%3E");
    assert_eq!(reply.header("Content-Type"), Some("text/html"));
    assert_eq!(reply.body, b"<!--#include virtual=\"/x\"-->");
    let start = Instant::now();
    assert_eq!(get("/any?_delay=40").status, 200);
    assert!(start.elapsed() >= Duration::from_millis(40));
}

#[test]
fn a_body_of_any_size_is_served_in_ranges() {
    let backend = Backend::start().unwrap();
    let mut wire = Wire::connect(&backend);
    assert_eq!(wire.ask(&Request::get("/bytes/25")).body, b"0123456789012345678901234");
    let reply = wire.ask(&Request::get("/bytes/25").header("Range", "bytes=20-39"));
    assert_eq!((reply.status, reply.body.as_slice()), (206, &b"01234"[..]));
    assert_eq!(reply.header("Content-Range"), Some("bytes 20-24/25"));
    let reply = wire.ask(&Request::get("/bytes/25").header("Range", "bytes=25-"));
    assert_eq!((reply.status, reply.header("Content-Range")), (416, Some("bytes */25")));
}
