//! Scripts do on the wire what they say.

use std::io::ErrorKind;
use std::net::Shutdown;
use std::time::{Duration, Instant};

use devsts::{Answer, Gate, Script, When};

use crate::wire::{End, LONG, Request, Wire, sts};

fn alice() -> Request {
    Request::exchange("alice")
}

/// What one exchange gets from an STS with this script, until the connection ends.
fn outcome(script: Script) -> (String, End) {
    let sts = sts();
    sts.script(When::any(), script);
    let mut wire = Wire::connect(&sts);
    wire.send(&alice());
    let (bytes, end) = wire.rest();
    (String::from_utf8(bytes).unwrap(), end)
}

#[test]
fn a_reset_is_a_reset_and_a_close_is_none() {
    assert_eq!(outcome(Script::new().reset()), (String::new(), End::Reset));
    assert_eq!(outcome(Script::new().close()), (String::new(), End::Closed));
    assert_eq!(outcome(Script::new().truncate()), (String::new(), End::Closed));
}

#[test]
fn the_usual_answer_can_be_cut_at_every_byte() {
    let (whole, end) = outcome(Script::new().usual().close());
    assert_eq!(end, End::Closed);
    assert!(whole.starts_with("HTTP/1.1 200 OK\r\n") && whole.ends_with('}'), "{whole}");
    for at in 0..=whole.len() {
        let (cut, end) = outcome(Script::new().limit(at).usual().close());
        assert_eq!((cut.as_str(), end), (&whole[..at], End::Closed));
    }
}

#[test]
fn a_reset_can_follow_a_part_of_the_answer() {
    let sts = sts();
    let gate = Gate::new();
    sts.script(When::any(), Script::new().limit(20).usual().hold(&gate).reset());
    let mut wire = Wire::connect(&sts);
    wire.send(&alice());
    assert_eq!(wire.exactly(20), "HTTP/1.1 200 OK\r\nCon");
    gate.open();
    assert_eq!(wire.rest(), (Vec::new(), End::Reset));
}

#[test]
fn a_limit_without_end_leaves_the_client_waiting() {
    let sts = sts();
    sts.script(When::call(1), Script::new().limit(20).usual());
    let mut wire = Wire::connect(&sts);
    wire.send(&alice());
    wire.exactly(20);
    // Nothing more comes of it: the next answer begins right after.
    assert_eq!(wire.ask(&alice()).status, 200);
}

#[test]
fn an_answer_can_be_delayed_and_dripped() {
    let sts = sts();
    let wait = Duration::from_millis(60);
    sts.script(When::call(1), Script::new().wait(wait).usual());
    let pause = Duration::from_millis(20);
    let answer = Answer::new(200).body("0123456789");
    sts.script(When::call(2), Script::new().send("").drip(16, pause).answer(answer.clone()));
    let mut wire = Wire::connect(&sts);
    let start = Instant::now();
    wire.ask(&alice());
    assert!(start.elapsed() >= wait);
    let start = Instant::now();
    assert_eq!(wire.ask(&alice()).body, b"0123456789");
    let pieces = answer.to_bytes(false).len().div_ceil(16) as u32;
    assert!(start.elapsed() >= pause * (pieces - 1));
}

#[test]
fn a_hanging_call_ends_when_the_client_goes() {
    let sts = sts();
    sts.script(When::subject("alice"), Script::new().hang());
    let mut wire = Wire::connect(&sts);
    wire.send(&alice());
    assert!(sts.wait_for_calls(1, LONG));
    let hanging = sts.connections();
    assert_eq!((hanging.open, hanging.idle, hanging.aborted), (1, 0, 0));
    drop(wire);
    assert!(sts.wait_for_connections(LONG, |now| now.open == 0 && now.aborted == 1));
}

#[test]
fn a_client_that_stops_sending_counts_as_gone() {
    let sts = sts();
    sts.script(When::any(), Script::new().hang());
    let mut wire = Wire::connect(&sts);
    wire.send(&alice());
    wire.0.shutdown(Shutdown::Write).unwrap();
    assert_eq!(wire.rest().1, End::Closed);
}

#[test]
fn a_gate_lets_all_go_at_once() {
    let sts = sts();
    let gate = Gate::new();
    sts.script(When::any(), Script::new().hold(&gate).usual());
    let mut wires: Vec<_> = (0..20).map(|_| Wire::connect(&sts)).collect();
    for wire in &mut wires {
        wire.send(&alice());
    }
    assert!(sts.wait_for_calls(20, LONG));
    for wire in &mut wires {
        wire.0.set_nonblocking(true).unwrap();
        assert_eq!(wire.0.peek(&mut [0]).unwrap_err().kind(), ErrorKind::WouldBlock);
        wire.0.set_nonblocking(false).unwrap();
    }
    gate.open();
    for wire in &mut wires {
        assert_eq!(wire.reply(false).status, 200);
    }
}

#[test]
fn answers_come_in_every_shape() {
    let rows: [(&str, Script, &str); 9] = [
        ("raw bytes", Script::new().send("not HTTP at all\n").close(), "not HTTP at all\n"),
        (
            "until close",
            Script::new().answer(Answer::new(200).body("x").until_close()),
            "HTTP/1.1 200 OK\r\n\r\nx",
        ),
        (
            "chunked with a trailer",
            Script::new().answer(Answer::new(200).body("abc").chunked(2).trailer("T", "1")).close(),
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\
             2\r\nab\r\n1\r\nc\r\n0\r\nT: 1\r\n\r\n",
        ),
        (
            "a longer length than the body's",
            Script::new().answer(Answer::new(200).body("abc").claim_length(10)).close(),
            "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc",
        ),
        (
            "interim answers",
            Script::new()
                .answer(Answer::new(100))
                .answer(Answer::new(103).header("Link", "</x>"))
                .answer(Answer::new(204).closing()),
            "HTTP/1.1 100 Continue\r\n\r\n\
             HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n\
             HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n",
        ),
        (
            "HTTP/1.0",
            Script::new().answer(Answer::new(200).http10().until_close().body("old")),
            "HTTP/1.0 200 OK\r\n\r\nold",
        ),
        (
            "a redirect",
            Script::new().answer(Answer::redirect(307, "http://127.0.0.1:1/").closing()),
            "HTTP/1.1 307 Temporary Redirect\r\nLocation: http://127.0.0.1:1/\r\n\
             Connection: close\r\nContent-Length: 0\r\n\r\n",
        ),
        (
            "another reason phrase",
            Script::new().answer(Answer::new(599).reason("Odd").header("Retry-After", "7")).close(),
            "HTTP/1.1 599 Odd\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n",
        ),
        (
            "an OAuth error",
            Script::new().answer(Answer::oauth_error(400, "invalid_grant", "no")).close(),
            "HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\n\
             Cache-Control: no-store\r\nContent-Length: 50\r\n\r\n\
             {\"error\":\"invalid_grant\",\"error_description\":\"no\"}",
        ),
    ];
    for (what, script, expected) in rows {
        assert_eq!(outcome(script), (expected.to_owned(), End::Closed), "{what}");
    }
}

#[test]
fn the_usual_answer_can_be_changed() {
    let script = Script::new().usual_as(|answer| answer.chunked(50).header("X-Big", "y")).close();
    let (text, _) = outcome(script);
    assert!(text.contains("\r\nX-Big: y\r\nTransfer-Encoding: chunked\r\n\r\n32\r\n{"), "{text}");
}

#[test]
fn huge_headers_and_bodies_are_sent_whole() {
    let answer =
        Answer::new(200).header("X-Big", vec![b'h'; 1 << 20]).body(vec![b'b'; 1 << 22]).closing();
    let (text, end) = outcome(Script::new().answer(answer.clone()));
    assert!(text.as_bytes() == answer.to_bytes(false) && end == End::Closed);
}

#[test]
fn scripts_are_for_the_calls_that_were_chosen() {
    let sts = sts();
    let say = |status| Script::new().answer(Answer::new(status));
    sts.script(When::call(2), say(502));
    sts.script(When::subject("bob"), say(503));
    sts.script(When::subject_prefix("car").skip(1).times(1), say(504));
    sts.script(When::path("/elsewhere"), say(418));
    sts.script(When::connection(2), say(599));
    let mut wire = Wire::connect(&sts);
    let mut statuses = Vec::new();
    for source in ["a", "b", "c", "bob", "carl", "carla", "carlos"] {
        statuses.push(wire.ask(&Request::exchange(source)).status);
    }
    statuses.push(wire.ask(&Request::exchange("x").target("/elsewhere?y")).status);
    statuses.push(Wire::connect(&sts).ask(&alice()).status);
    assert_eq!(statuses, [200, 502, 200, 503, 200, 504, 200, 418, 599]);
    sts.clear_scripts();
    assert_eq!(wire.ask(&Request::exchange("bob")).status, 200);
}

#[test]
fn the_answer_to_a_head_has_no_body() {
    let sts = sts();
    sts.script(When::any(), Script::new().answer(Answer::new(200).body("abc")));
    let mut wire = Wire::connect(&sts);
    let reply = wire.ask(&alice().method("HEAD"));
    assert_eq!(reply.header("Content-Length"), Some("3"));
    assert_eq!(wire.ask(&alice()).body, b"abc");
}
