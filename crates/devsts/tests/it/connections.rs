//! What happens to connections: kept, closed, counted, scripted before a request is read.

use std::io::Write;
use std::time::Duration;

use devsts::{Script, When};

use crate::wire::{End, LONG, Request, Wire, sts};

fn alice() -> Request {
    Request::exchange("alice")
}

#[test]
fn a_connection_is_kept_for_the_next_request() {
    let sts = sts();
    let mut wire = Wire::connect(&sts);
    for _ in 0..3 {
        assert_eq!(wire.ask(&alice()).status, 200);
    }
    Wire::connect(&sts).ask(&alice());
    let calls: Vec<_> = sts.calls().iter().map(|call| (call.number, call.connection)).collect();
    assert_eq!(calls, [(1, 1), (2, 1), (3, 1), (4, 2)]);
    assert!(sts.wait_for_connections(LONG, |now| now.accepted == 2 && now.open == 1));
    assert_eq!(sts.connections().aborted, 0);
}

#[test]
fn requests_may_come_before_the_answers_are_read() {
    let sts = sts();
    let mut wire = Wire::connect(&sts);
    wire.0.write_all(&[alice().bytes(), alice().bytes()].concat()).unwrap();
    assert_eq!(wire.reply(false).status, 200);
    assert_eq!(wire.reply(false).status, 200);
}

#[test]
fn the_client_can_ask_for_the_connection_to_be_closed() {
    let sts = sts();
    let mut wire = Wire::connect(&sts);
    wire.send(&alice().header("Connection", "close"));
    assert!(wire.rest().0.starts_with(b"HTTP/1.1 200 OK"));
}

#[test]
fn idle_connections_are_closed_or_reset_on_demand() {
    for reset in [false, true] {
        let sts = sts();
        let mut wires = [Wire::connect(&sts), Wire::connect(&sts)];
        for wire in &mut wires {
            wire.ask(&alice());
        }
        assert!(sts.wait_for_connections(LONG, |now| now.idle == 2));
        if reset {
            sts.reset_idle()
        } else {
            sts.close_idle()
        }
        let end = if reset { End::Reset } else { End::Closed };
        for wire in &mut wires {
            assert_eq!(wire.rest(), (Vec::new(), end));
        }
        // A connection that comes later is not concerned.
        assert_eq!(Wire::connect(&sts).ask(&alice()).status, 200);
    }
}

#[test]
fn a_busy_connection_is_not_idle() {
    let sts = sts();
    let gate = devsts::Gate::new();
    sts.script(When::any(), Script::new().hold(&gate).usual());
    let mut wire = Wire::connect(&sts);
    wire.send(&alice());
    assert!(sts.wait_for_calls(1, LONG));
    sts.reset_idle();
    gate.open();
    assert_eq!(wire.reply(false).status, 200);
    assert_eq!(wire.ask(&alice()).status, 200);
}

#[test]
fn a_connection_can_end_before_anything_is_read() {
    for (script, end) in [(Script::new().reset(), End::Reset), (Script::new().close(), End::Closed)]
    {
        for before_tls in [true, false] {
            let sts = sts();
            if before_tls {
                sts.on_accept(Some(2), script.clone());
            } else {
                sts.on_open(Some(2), script.clone());
            }
            assert_eq!(Wire::connect(&sts).ask(&alice()).status, 200);
            assert_eq!(Wire::connect(&sts).rest(), (Vec::new(), end));
            assert_eq!(Wire::connect(&sts).ask(&alice()).status, 200);
            assert_eq!(sts.call_count(), 2);
        }
    }
}

#[test]
fn a_connection_can_end_while_the_request_is_read() {
    let sts = sts();
    sts.on_open(None, Script::new().read(10).reset());
    let mut wire = Wire::connect(&sts);
    wire.0.write_all(b"POST /toke").unwrap();
    assert_eq!(wire.rest(), (Vec::new(), End::Reset));
    assert_eq!(sts.call_count(), 0);
}

#[test]
fn a_connection_that_was_only_delayed_is_served() {
    let sts = sts();
    sts.on_accept(None, Script::new().wait(Duration::from_millis(20)));
    sts.on_open(None, Script::new().wait(Duration::from_millis(20)));
    assert_eq!(Wire::connect(&sts).ask(&alice()).status, 200);
}

#[test]
fn what_is_no_http_is_refused_and_noted() {
    let sts = sts();
    for bad in [
        "nonsense\r\n\r\n",
        "POST /token HTTP/1.1\r\n\r\n",
        "POST /token HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx",
        "POST /token HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
    ] {
        let mut wire = Wire::connect(&sts);
        wire.0.write_all(bad.as_bytes()).unwrap();
        let (answer, end) = wire.rest();
        assert!(answer.starts_with(b"HTTP/1.1 400 "), "{bad:?}");
        assert_eq!(end, End::Closed, "{bad:?}");
    }
    assert_eq!((sts.bad_requests().len(), sts.call_count()), (4, 0));
}

#[test]
fn a_request_that_breaks_off_is_no_call() {
    let sts = sts();
    let bytes = alice().bytes();
    let mut wire = Wire::connect(&sts);
    wire.0.write_all(&bytes[..bytes.len() - 1]).unwrap();
    drop(wire);
    assert!(sts.wait_for_connections(LONG, |now| now.aborted == 1 && now.open == 0));
    assert_eq!(sts.call_count(), 0);
}

#[test]
fn a_client_that_expects_a_continue_gets_it() {
    let sts = sts();
    let request = alice().header("Expect", "100-continue").bytes();
    let body_at = request.windows(4).position(|four| four == b"\r\n\r\n").unwrap() + 4;
    let mut wire = Wire::connect(&sts);
    wire.0.write_all(&request[..body_at]).unwrap();
    assert_eq!(wire.reply(false).status, 100);
    wire.0.write_all(&request[body_at..]).unwrap();
    assert_eq!(wire.reply(false).status, 200);
}

#[test]
fn a_call_shows_exactly_what_came() {
    let sts = sts();
    let request = alice().with("audience", "a b").with("audience", "c&d").header("x-ODD", "1");
    Wire::connect(&sts).ask(&request);
    let calls = sts.calls();
    let call = &calls[0];
    let names: Vec<_> = call.headers.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["Host", "Content-Type", "Authorization", "x-ODD", "Content-Length"]);
    assert_eq!((call.method.as_str(), call.target.as_str()), ("POST", "/token"));
    assert_eq!(call.parameter_values("audience"), ["a b", "c&d"]);
    assert_eq!(call.parameters(), request.form);
    assert!(request.bytes().ends_with(&call.body));
    assert!(call.tls.is_none() && !call.chunked && call.minor_version == 1);
}

#[test]
fn a_close_is_no_reset_to_a_client_that_goes_on_sending() {
    let sts = sts();
    sts.on_open(Some(1), Script::new().close());
    let mut wire = Wire::connect(&sts);
    assert_eq!(wire.rest(), (Vec::new(), End::Closed));
    // A reset in answer to the first would break the pipe for the second.
    wire.send(&alice());
    wire.send(&alice());
    assert_eq!(sts.call_count(), 0);
}
