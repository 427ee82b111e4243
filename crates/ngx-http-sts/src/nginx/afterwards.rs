//! How a request has ended.

use nginx_sys::{
    NGX_HTTP_BAD_REQUEST, NGX_HTTP_OK, NGX_OK, ngx_http_core_rewrite_phase, ngx_http_request_t,
    ngx_int_t,
};
use std::ptr::NonNull;

use crate::afterwards;
use crate::nginx::guard::guard;
use crate::nginx::request::Request;

/// The handler of the log phase.
pub(super) extern "C" fn log_handler(request: *mut ngx_http_request_t) -> ngx_int_t {
    guard((), || {
        let Some(request) = NonNull::new(request) else { return };
        // SAFETY: NGINX passes a request that is valid for the call.
        afterwards::look(unsafe { Request::from_ptr(request) });
    });
    NGX_OK as ngx_int_t
}

impl Request<'_> {
    /// Whether a request to a backend was made of it, of whatever kind.
    pub(crate) fn was_sent_upstream(self) -> bool {
        // SAFETY: the upstream of a request lives as long as the request.
        let upstream = unsafe { self.raw().upstream.as_ref() };
        upstream.is_some_and(|upstream| !upstream.request_bufs.is_null())
    }

    /// Whether the answer is no error.
    pub(crate) fn has_gone_well(self) -> bool {
        let status = self.raw().headers_out.status;
        (NGX_HTTP_OK as usize..NGX_HTTP_BAD_REQUEST as usize).contains(&status)
    }

    /// Whether it has come no further than the rewrite phase.
    pub(crate) fn is_at_rewrite(self) -> bool {
        self.is_checked_by(ngx_http_core_rewrite_phase)
    }
}
