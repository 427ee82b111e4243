//! The wall clock, and randomness.

use nginx_sys::{RAND_bytes, ngx_time, ngx_time_update, ngx_timeofday};
use sts_core::now::{Now, UnixTime};

/// Milliseconds since 1970, the same in all processes, as of this iteration of the event loop.
pub(crate) fn milliseconds() -> u64 {
    let time = ngx_timeofday();
    u64::try_from(time.sec).unwrap_or(0) * 1000 + time.msec as u64
}

/// Reads the clock in the middle of an iteration.
pub(crate) fn update() {
    // SAFETY: NGINX's time is the process's own, and its one thread may set it at any time.
    unsafe { ngx_time_update() };
}

/// Fresh random bytes.
pub(crate) fn entropy() -> [u8; 32] {
    let mut entropy = [0; 32];
    // SAFETY: the buffer has that many bytes. OpenSSL's generator does not fail once it is seeded,
    // which it is when NGINX has started.
    unsafe { RAND_bytes(entropy.as_mut_ptr(), 32) };
    entropy
}

/// The current time, as of this iteration of the event loop, with fresh randomness for who asks.
pub(crate) fn now() -> Now {
    Now { wall: UnixTime(u64::try_from(ngx_time()).unwrap_or(0)), entropy }
}
