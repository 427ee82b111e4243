//! The wall clock, and randomness.

use std::cell::Cell;

use nginx_sys::{ngx_time, ngx_time_update, ngx_timeofday};
use openssl::rand::rand_bytes;
use sts_core::now::{NoEntropy, Now, UnixTime};

use crate::log::{self, Level};

thread_local! {
    /// The generator of random bytes has failed, and the log says so.
    static TOLD: Cell<bool> = const { Cell::new(false) };
}

/// Milliseconds since 1970, the same in all processes, as of this iteration of the event loop.
pub fn milliseconds() -> u64 {
    let time = ngx_timeofday();
    u64::try_from(time.sec).unwrap_or(0) * 1000 + time.msec as u64
}

/// Reads the clock in the middle of an iteration.
pub fn update() {
    // SAFETY: NGINX's time is the process's own, and its one thread may set it at any time.
    unsafe { ngx_time_update() };
}

/// Fresh random bytes, by the OpenSSL that NGINX itself uses.
///
/// # Errors
/// Its generator has failed. Whatever the bytes are for must not happen then.
pub fn entropy() -> Result<[u8; 32], NoEntropy> {
    let mut entropy = [0; 32];
    let made = rand_bytes(&mut entropy);
    // Said once for as long as it lasts.
    if let (Err(error), false) = (&made, TOLD.replace(made.is_err())) {
        log::cycle(
            Level::Error,
            format_args!(
                "sts: OpenSSL makes no random bytes, calls that need them fail and no cache is \
                 made: {error}"
            ),
        );
    }
    made.map(|()| entropy).map_err(|_| NoEntropy)
}

/// The current time, as of this iteration of the event loop, and a source of fresh randomness.
pub fn now() -> Now {
    Now { wall: UnixTime(u64::try_from(ngx_time()).unwrap_or(0)), entropy }
}
