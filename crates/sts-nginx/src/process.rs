//! The processes of this NGINX.

use nginx_sys::{NGINX_VERSION, kill, ngx_pid};

/// The number of this worker's process.
pub fn id() -> u32 {
    // SAFETY: a plain global that is set when the process starts.
    unsafe { ngx_pid }.cast_unsigned()
}

/// Whether a process exists, whichever user it belongs to.
pub fn is_alive(process: u32) -> bool {
    // SAFETY: signal 0 is not sent.
    let status = unsafe { kill(process.cast_signed(), 0) };
    status == 0 || std::io::Error::last_os_error().kind() == std::io::ErrorKind::PermissionDenied
}

/// The version of the NGINX that this was compiled for, as in `1.22.1`. NGINX loads no other.
#[must_use]
pub fn version() -> &'static str {
    NGINX_VERSION.to_str().unwrap_or_default()
}
