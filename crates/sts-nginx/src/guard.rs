//! A panic must not cross into C.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::log::{self, Level};

/// Runs a callback of NGINX. A panic in it is logged and becomes `fallback`.
///
/// What the callback was about to change may be half done; the callers keep their state in cells that
/// are valid between any two statements.
pub fn guard<T>(fallback: T, callback: impl FnOnce() -> T) -> T {
    catch_unwind(AssertUnwindSafe(callback)).unwrap_or_else(|_| {
        log::cycle(Level::Alert, format_args!("sts: a callback panicked, this is a bug"));
        fallback
    })
}
