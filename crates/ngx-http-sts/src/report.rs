//! What the error log says of failures: one line each, and the same cause once a second.

use std::cell::{Cell, RefCell};

use sts_core::error::Failure;
use sts_core::report::limiter::{Cause, LeftOut, Limiter};
use sts_core::report::line::{Line, Subject};
use sts_core::report::{Severity, gist, severity};

use crate::callee::Callee;
use crate::nginx::log::{self, Level};
use crate::nginx::request::Request;
use crate::nginx::task;
use crate::nginx::timer::{self, Hold, Timer};
use crate::way::Way;

thread_local! {
    static LIMITER: RefCell<Limiter> = RefCell::default();
    /// A task waits to tell what was left out.
    static TELLS: Cell<bool> = const { Cell::new(false) };
}

/// A request whose exchange failed.
pub(crate) fn failure(request: Request<'_>, way: &Way, failure: &Failure, took: u64) {
    let severity = severity(failure);
    let subject = way.subject();
    let Some(left_out) = admit(way.name(), subject, failure, severity) else { return };
    let line = Line { subject, failure, took, left_out };
    request.log(level(severity), format_args!("sts: {line}"));
}

/// A call that failed after the last request that waited for it had gone.
pub(crate) fn abandoned(callee: &Callee, failure: &Failure, took: u64) {
    let (name, subject) = (callee.history.name(), callee.subject());
    let Some(left_out) = admit(name, subject, failure, Severity::Info) else { return };
    let line = Line { subject, failure, took, left_out };
    log::cycle(Level::Info, format_args!("sts: {line}, its client had left"));
}

/// A call for the next token that failed while the one before it served. `is_dropped`: that one serves no
/// more.
pub(crate) fn refresh(callee: &Callee, failure: &Failure, took: u64, is_dropped: bool) {
    let severity = severity(failure);
    let (name, subject) = (callee.history.name(), callee.subject());
    let Some(left_out) = admit(name, subject, failure, severity) else { return };
    let line = Line { subject, failure, took, left_out };
    let then = match is_dropped {
        true => "it was for the next token, and the one that was there is dropped",
        false => "it was for the next token, and the one that is there serves to its end",
    };
    log::cycle(level(severity), format_args!("sts: {line}; {then}"));
}

/// Tells all that was left out: the worker ends, or its configuration goes.
pub(crate) fn shutdown() {
    tell(LIMITER.take().overdue(u64::MAX));
}

/// How many lines like it were left out before it, unless it is left out as well.
fn admit(
    exchange: u64,
    subject: Subject<'_>,
    failure: &Failure,
    severity: Severity,
) -> Option<u64> {
    let cause = Cause { exchange, kind: failure.kind, severity, gist: gist(&failure.reason) };
    let label = || format!("{subject} failed: {}", failure.kind.name());
    let admitted = LIMITER.with_borrow_mut(|limiter| limiter.admit(cause, label, timer::now()));
    if admitted.is_none() && !TELLS.replace(true) {
        // Made here: a task that is cancelled before it first runs has to give its place up, too.
        let turn = Turn;
        task::spawn(async move { turn.run().await });
    }
    admitted
}

/// The only task that tells what was left out.
struct Turn;

impl Turn {
    /// Waits until something is overdue, for as long as anything may be. It never holds a worker that
    /// shuts down.
    async fn run(&self) {
        while let Some(due) = LIMITER.with_borrow(Limiter::next_due) {
            let hold = Hold::default();
            hold.release();
            Timer::new(due.saturating_sub(timer::now()), hold).await;
            tell(LIMITER.with_borrow_mut(|limiter| limiter.overdue(timer::now())));
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        TELLS.set(false);
    }
}

fn tell(overdue: Vec<LeftOut>) {
    for LeftOut { label, count, severity } in overdue {
        log::cycle(
            level(severity),
            format_args!("sts: {label}: {count} more like it were left out"),
        );
    }
}

fn level(severity: Severity) -> Level {
    match severity {
        Severity::Info => Level::Info,
        Severity::Warn => Level::Warn,
        Severity::Error => Level::Error,
    }
}
