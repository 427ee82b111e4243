//! What NGINX writes about a connection: one line a failure is enough, and it is ours (ADR 7).

use std::cell::RefCell;
use std::ptr;

use nginx_sys::{NGX_LOG_DEBUG, ngx_log_t};

use crate::guard::guard;
use crate::log::{Level, cycle};

/// How much of NGINX's own words about a failed connection is kept for our log line.
const LENGTH: usize = 300;

/// NGINX's last words about a connection.
#[derive(Default)]
pub(super) struct Remark(RefCell<String>);

impl Remark {
    /// Takes what is written to a log from now on.
    ///
    /// # Safety
    /// This stays where it is for as long as anything writes to the log.
    pub(super) unsafe fn listen_to(&self, log: &mut ngx_log_t) {
        log.handler = None;
        log.next = ptr::null_mut();
        log.writer = Some(take);
        log.wdata = ptr::from_ref(self).cast_mut().cast();
    }

    /// The words, if there are any.
    pub(super) fn take(&self) -> Option<String> {
        Some(self.0.take()).filter(|words| !words.is_empty())
    }
}

/// The words about a handshake that failed, and what they mean where the other side does not speak TLS:
/// OpenSSL then takes its bytes for a record of another version, or of a length that none has.
pub(super) fn of_handshake(words: String) -> String {
    const OF_PLAIN: [&str; 3] = ["wrong version number", "packet length too long", "http request"];
    if OF_PLAIN.iter().any(|reason| words.contains(reason)) {
        return format!("{words}; is this a port without TLS?");
    }
    words
}

unsafe extern "C" fn take(log: *mut ngx_log_t, level: usize, text: *mut u8, length: usize) {
    guard((), || {
        // SAFETY: NGINX gives the line that it made.
        let line = String::from_utf8_lossy(unsafe { std::slice::from_raw_parts(text, length) });
        // The line begins with the time, the level and the process: "… [error] 12#12: *3 ".
        let message = line.split_once("#").and_then(|(_, rest)| rest.split_once(": "));
        let message = message.map_or(&*line, |(_, message)| message).trim();
        if level >= NGX_LOG_DEBUG as usize {
            // Debug lines go where they always go.
            cycle(Level::Debug, format_args!("{message}"));
            return;
        }
        let message = match message.split_once(' ') {
            Some((number, rest)) if number.starts_with('*') => rest,
            _ => message,
        };
        // SAFETY: `listen_to` has made it point at the remark of the connection whose log this is.
        let remark = unsafe { &*(*log).wdata.cast::<Remark>() };
        remark.0.replace(message.chars().take(LENGTH).collect());
    });
}
