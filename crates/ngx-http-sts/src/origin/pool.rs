//! The idle connections of this worker.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use sts_net::idle::{Idle, Limits, Millis, ParkedId};

use crate::nginx::peer::OnClose;
use crate::nginx::task::{self, Task};
use crate::nginx::timer::{self, Hold, Timer};
use crate::origin::Origin;
use crate::origin::connection::Connection;

thread_local! {
    static IDLE: RefCell<Idle<Connection>> = RefCell::default();
    static SWEEP: Cell<Option<Sweep>> = const { Cell::new(None) };
}

/// The task that closes what was idle for too long.
struct Sweep {
    /// When it looks next.
    at: Millis,
    task: Task,
}

/// A connection that is open, was silent since, is not too old, and leads where the name of its
/// origin does.
pub(crate) fn take(origin: &Origin) -> Option<Connection> {
    loop {
        let connection = IDLE.with_borrow_mut(|idle| idle.take(origin.id(), timer::now()))?;
        // One on which another certificate was shown than holds now is for another client.
        let is_current = origin.is_current(connection.key_pair.as_ref());
        let leads_there = origin.has(connection.peer.address());
        let is_good = is_current && leads_there && !connection.wear.is_worn_out(timer::now());
        if connection.peer.unpark() && is_good {
            connection.counted.set_active();
            return Some(connection);
        }
    }
}

/// Keeps a connection for the next call.
pub(crate) fn park(origin: &Rc<Origin>, connection: Connection, limits: Limits) {
    let to = origin.id();
    let id = IDLE.with_borrow_mut(Idle::next_id);
    let on_close = OnClose { tell: forget, destination: to, id };
    if limits.connections == 0 || !connection.peer.park(on_close) {
        return;
    }
    connection.counted.set_idle();
    let now = timer::now();
    let evicted = IDLE.with_borrow_mut(|idle| idle.park(to, id, connection, now, limits));
    // No foreign code runs within the borrow.
    drop(evicted);
    sweep_by(limits.until(now));
}

/// Drops a connection that its peer has closed.
fn forget(destination: u64, id: ParkedId) {
    let closed = IDLE.with_borrow_mut(|idle| idle.remove(destination, id));
    drop(closed);
}

/// Closes everything: the worker ends, or its configuration goes.
pub(crate) fn shutdown() {
    drop(IDLE.with_borrow_mut(Idle::clear));
    if let Some(sweep) = SWEEP.take() {
        sweep.task.cancel();
    }
}

/// Sees to it that a task looks at that time, or before.
fn sweep_by(at: Millis) {
    let sweep = match SWEEP.take() {
        Some(sweep) if sweep.at <= at => sweep,
        later => {
            if let Some(later) = later {
                later.task.cancel();
            }
            Sweep { at, task: task::spawn(sweep(at)) }
        }
    };
    SWEEP.set(Some(sweep));
}

/// Closes what is idle for too long, and ends with the last connection. Its timer never holds a
/// worker that shuts down.
async fn sweep(mut at: Millis) {
    loop {
        let hold = Hold::default();
        hold.release();
        Timer::new(at.saturating_sub(timer::now()), hold).await;
        drop(IDLE.with_borrow_mut(|idle| idle.expire(timer::now())));
        let Some(next) = IDLE.with_borrow(Idle::earliest) else { break };
        at = next;
        SWEEP.set(SWEEP.take().map(|sweep| Sweep { at, ..sweep }));
    }
    SWEEP.take();
}
