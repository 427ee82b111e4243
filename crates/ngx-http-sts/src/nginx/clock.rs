//! The wall clock, and randomness.

use nginx_sys::{RAND_bytes, ngx_time};
use sts_core::now::{Now, UnixTime};

/// The current time, as of this iteration of the event loop, with fresh randomness for who asks.
pub(crate) fn now() -> Now {
    Now { wall: UnixTime(u64::try_from(ngx_time()).unwrap_or(0)), entropy: random }
}

fn random() -> [u8; 32] {
    let mut bytes = [0; 32];
    // SAFETY: the buffer has that many bytes. OpenSSL's generator does not fail once it is seeded,
    // which it is when NGINX has started.
    unsafe { RAND_bytes(bytes.as_mut_ptr(), 32) };
    bytes
}
