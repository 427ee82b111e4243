//! What NGINX calls in the phases of a request.

use std::ptr::NonNull;

use nginx_sys::{NGX_AGAIN, NGX_DECLINED, NGX_DONE, NGX_OK, ngx_http_request_t, ngx_int_t};

use crate::guard::guard;
use crate::module::Module;
use crate::phase::{Next, Phase};
use crate::request::Request;

pub(super) extern "C" fn rewrite<M: Module>(request: *mut ngx_http_request_t) -> ngx_int_t {
    // This phase suspends on NGX_DONE and finalises on NGX_AGAIN (ngx_http_core_rewrite_phase).
    handle::<M>(request, Phase::Rewrite, NGX_DONE as ngx_int_t)
}

pub(super) extern "C" fn access<M: Module>(request: *mut ngx_http_request_t) -> ngx_int_t {
    handle::<M>(request, Phase::Access, NGX_AGAIN as ngx_int_t)
}

pub(super) extern "C" fn precontent<M: Module>(request: *mut ngx_http_request_t) -> ngx_int_t {
    handle::<M>(request, Phase::PreContent, NGX_AGAIN as ngx_int_t)
}

fn handle<M: Module>(request: *mut ngx_http_request_t, phase: Phase, wait: ngx_int_t) -> ngx_int_t {
    const INTERNAL_SERVER_ERROR: ngx_int_t = 500;
    let Some(request) = NonNull::new(request) else { return INTERNAL_SERVER_ERROR };
    // SAFETY: NGINX gives a request that is valid for the call.
    let request = unsafe { Request::from_ptr(request) };
    match guard(None, || Some(M::handle(request, phase))) {
        Some(Next::GoOn) => NGX_DECLINED as ngx_int_t,
        Some(Next::Wait) => wait,
        Some(Next::Answer(status)) => isize::from(status.cast_signed()),
        None => {
            guard((), || M::give_up(request));
            INTERNAL_SERVER_ERROR
        }
    }
}

/// The handler of the log phase.
pub(super) extern "C" fn log<M: Module>(request: *mut ngx_http_request_t) -> ngx_int_t {
    guard((), || {
        let Some(request) = NonNull::new(request) else { return };
        // SAFETY: NGINX gives a request that is valid for the call.
        M::look_back(unsafe { Request::from_ptr(request) });
    });
    NGX_OK as ngx_int_t
}
