//! NGINX's error log.

use std::fmt;
use std::mem::MaybeUninit;

use nginx_sys::{
    NGX_LOG_ALERT, NGX_LOG_DEBUG, NGX_LOG_EMERG, NGX_LOG_ERR, NGX_LOG_INFO, NGX_LOG_NOTICE,
    NGX_LOG_WARN, ngx_cycle, ngx_log_t, ngx_uint_t,
};
use ngx::log::{LOG_BUFFER_SIZE, log_error, write_fmt};

/// How much a line matters to the operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    Emergency,
    Alert,
    Error,
    Warn,
    Notice,
    Info,
    Debug,
}

impl Level {
    pub(crate) const fn code(self) -> ngx_uint_t {
        (match self {
            Self::Emergency => NGX_LOG_EMERG,
            Self::Alert => NGX_LOG_ALERT,
            Self::Error => NGX_LOG_ERR,
            Self::Warn => NGX_LOG_WARN,
            Self::Notice => NGX_LOG_NOTICE,
            Self::Info => NGX_LOG_INFO,
            Self::Debug => NGX_LOG_DEBUG,
        }) as ngx_uint_t
    }
}

/// Writes a line that belongs to no request.
pub fn cycle(level: Level, message: fmt::Arguments<'_>) {
    let log = cycle_log();
    if !log.is_null() {
        // SAFETY: the log of the current cycle lives as long as the cycle.
        unsafe { write(log, level, message) };
    }
}

/// The log of the current cycle; null before there is one.
pub(crate) fn cycle_log() -> *mut ngx_log_t {
    // SAFETY: `ngx_cycle` is a plain global that only the main thread changes.
    let cycle = unsafe { ngx_cycle };
    if cycle.is_null() {
        return std::ptr::null_mut();
    }
    // SAFETY: a cycle that is set is valid.
    unsafe { (*cycle).log }
}

/// Writes a line to a log.
///
/// # Safety
/// `log` is valid.
pub(crate) unsafe fn write(log: *mut ngx_log_t, level: Level, message: fmt::Arguments<'_>) {
    // SAFETY: the caller vouches for `log`.
    if level.code() > unsafe { (*log).log_level } {
        return;
    }
    let mut buffer = [const { MaybeUninit::<u8>::uninit() }; LOG_BUFFER_SIZE];
    let message = write_fmt(&mut buffer, message);
    // SAFETY: the caller vouches for `log`; the message is copied before this returns.
    unsafe { log_error(level.code(), log, 0, message) };
}
