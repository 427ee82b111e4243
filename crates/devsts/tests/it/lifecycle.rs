//! A server that is dropped is gone: its thread, its port, its connections.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use devsts::{Backend, Client, Listen, Script, Sts, When};

use crate::wire::{LONG, Request, Wire, address, sts};

#[test]
fn a_dropped_server_leaves_no_port_and_no_connection() {
    let sts = sts();
    sts.script(When::any(), Script::new().hang());
    let mut idle = Wire::connect(&sts);
    let mut busy = Wire::connect(&sts);
    busy.send(&Request::exchange("alice"));
    assert!(sts.wait_for_calls(1, LONG));
    assert!(sts.wait_for_connections(LONG, |now| now.open == 2));
    let address = address(&sts);
    let start = Instant::now();
    drop(sts);
    assert!(start.elapsed() < Duration::from_secs(2));
    for wire in [&mut idle, &mut busy] {
        assert!(wire.rest().0.is_empty());
    }
    assert!(TcpStream::connect(address).is_err());
    // The port can be listened on again at once.
    let again = Sts::builder().listen(address).start().unwrap();
    assert_eq!(again.port(), address.port());
}

#[test]
fn a_dropped_server_leaves_no_thread() {
    // Other tests have servers too: this one's thread is named after its port.
    let sts = sts();
    let name = format!("devsts:{}", sts.port());
    // The thread gives itself the name before it serves.
    Wire::connect(&sts).ask(&Request::exchange("alice"));
    assert_eq!(threads(&name), 1);
    drop(sts);
    // The kernel removes the entry a moment after it has let the thread be joined.
    let deadline = Instant::now() + LONG;
    while threads(&name) > 0 {
        assert!(Instant::now() < deadline, "the thread is still there");
        std::thread::yield_now();
    }
}

fn threads(name: &str) -> usize {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap();
    tasks
        .filter(|task| {
            let comm = task.as_ref().unwrap().path().join("comm");
            // A thread of another test may end meanwhile.
            std::fs::read_to_string(comm).is_ok_and(|comm| comm.trim() == name)
        })
        .count()
}

#[test]
fn a_port_in_use_is_an_error() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    assert!(Sts::builder().listen(address).start().is_err());
}

#[test]
fn it_listens_on_ipv6() {
    let sts = Sts::builder()
        .listen(Listen::ipv6())
        .client(Client::new("otxclient", "2Federate"))
        .start()
        .unwrap();
    assert_eq!(sts.endpoint(), format!("http://[::1]:{}/token", sts.port()));
    assert_eq!(Wire::connect(&sts).ask(&Request::exchange("alice")).status, 200);
}

#[test]
fn it_listens_on_a_unix_socket_and_removes_it() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("sts.sock");
    let sts = Sts::builder()
        .listen(Listen::unix(&path))
        .client(Client::new("otxclient", "2Federate"))
        .start()
        .unwrap();
    assert_eq!(sts.endpoint(), format!("http://unix:{}:/token", path.display()));
    let mut wire = Wire(UnixStream::connect(&path).unwrap());
    assert_eq!(wire.ask(&Request::exchange("alice")).status, 200);
    sts.script(When::any(), Script::new().reset());
    wire.0.write_all(&Request::exchange("alice").bytes()).unwrap();
    assert_eq!(wire.0.read(&mut [0]).unwrap_or(0), 0);
    drop(sts);
    assert!(!path.exists());
}

#[test]
fn servers_do_not_share_anything() {
    let (one, other) = (sts(), sts());
    let backend = Backend::start().unwrap();
    Wire::connect(&one).ask(&Request::exchange("alice"));
    Wire::connect(&backend).ask(&Request::get("/"));
    assert_eq!((one.call_count(), other.call_count(), backend.call_count()), (1, 0, 1));
}

#[test]
fn waiting_in_vain_ends() {
    let sts = sts();
    assert!(!sts.wait_for_calls(1, Duration::from_millis(20)));
    assert!(!sts.wait_for_connections(Duration::from_millis(20), |now| now.open == 1));
}

#[test]
fn many_calls_at_once_take_one_latency() {
    let latency = Duration::from_millis(150);
    let sts = Sts::builder()
        .client(Client::new("otxclient", "2Federate"))
        .latency(latency)
        .start()
        .unwrap();
    let start = Instant::now();
    let mut wires: Vec<_> = (0..300).map(|_| Wire::connect(&sts)).collect();
    for (number, wire) in wires.iter_mut().enumerate() {
        wire.send(&Request::exchange(&format!("user{number}")));
    }
    for (number, wire) in wires.iter_mut().enumerate() {
        let token = wire.reply(false).token();
        assert!(devsts::is_for(&token, &format!("user{number}")));
    }
    let elapsed = start.elapsed();
    assert!(elapsed >= latency && elapsed < latency * 10, "{elapsed:?}");
}

#[test]
fn only_what_was_asked_for_is_remembered() {
    let client = Client::new("otxclient", "2Federate");
    let sts = Sts::builder().client(client).remember(2).start().unwrap();
    let mut wire = Wire::connect(&sts);
    for _ in 0..5 {
        wire.ask(&Request::exchange("alice"));
    }
    assert_eq!((sts.call_count(), sts.calls().len(), sts.issued().len()), (5, 2, 2));
}
