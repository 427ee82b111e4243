//! The idle connections of this worker.

use std::cell::RefCell;
use std::collections::HashSet;
use std::rc::Rc;

use sts_net::idle::{Idle, Limits};

use crate::net::Destination;
use crate::net::connection::Connection;
use crate::nginx::task;
use crate::nginx::timer::{self, Hold, Timer};

thread_local! {
    static IDLE: RefCell<Idle<Connection>> = RefCell::default();
    /// Destinations whose connections a task looks after.
    static SWEPT: RefCell<HashSet<u64>> = RefCell::default();
}

/// A connection that is open, was silent since, and is not too old.
pub(super) fn take(destination: &Destination, limits: Limits) -> Option<Connection> {
    expire(destination.id(), limits);
    loop {
        let connection = IDLE.with_borrow_mut(|idle| idle.take(destination.id()))?;
        if connection.peer.unpark() {
            return Some(connection);
        }
    }
}

/// Keeps a connection for the next call.
pub(super) fn park(destination: &Rc<Destination>, connection: Connection, limits: Limits) {
    let to = destination.id();
    let id = IDLE.with_borrow_mut(Idle::next_id);
    let on_close = move || {
        let closed = IDLE.with_borrow_mut(|idle| idle.remove(to, id));
        drop(closed);
    };
    if limits.connections == 0 || !connection.peer.park(Rc::new(on_close)) {
        return;
    }
    let evicted = IDLE.with_borrow_mut(|idle| idle.park(to, id, connection, timer::now(), limits));
    drop(evicted);
    if SWEPT.with_borrow_mut(|swept| swept.insert(to)) {
        task::spawn(sweep(to, limits));
    }
}

/// Closes everything: the worker ends, or its configuration goes.
pub(crate) fn shutdown() {
    drop(IDLE.with_borrow_mut(Idle::clear));
    SWEPT.with_borrow_mut(HashSet::clear);
}

fn expire(destination: u64, limits: Limits) {
    drop(IDLE.with_borrow_mut(|idle| idle.expire(destination, timer::now(), limits)));
}

/// Closes what is idle for too long, and ends with the last connection. Its timer never holds a
/// worker that shuts down.
async fn sweep(destination: u64, limits: Limits) {
    while IDLE.with_borrow(|idle| idle.len(destination)) > 0 {
        let hold = Hold::default();
        hold.release();
        Timer::new(limits.idle, hold).await;
        expire(destination, limits);
    }
    SWEPT.with_borrow_mut(|swept| swept.remove(&destination));
}
