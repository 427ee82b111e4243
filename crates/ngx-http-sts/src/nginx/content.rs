//! Answering a request from the module itself.

use std::mem;
use std::ptr::NonNull;

use nginx_sys::{
    NGX_DONE, NGX_OK, ngx_http_complex_value_t, ngx_http_discard_request_body, ngx_http_request_t,
    ngx_http_send_response, ngx_int_t, ngx_str_t, ngx_uint_t,
};

use crate::nginx::conf::Conf;
use crate::nginx::guard::guard;
use crate::nginx::request::{OutOfMemory, Request};
use crate::purge::{self, Next};

const INTERNAL_SERVER_ERROR: ngx_int_t = 500;

/// An answer with a short text.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) content_type: &'static str,
    pub(crate) body: String,
}

/// Makes the location of the directive answer by [`purge::handle`].
pub(crate) fn answer_purges(conf: &Conf<'_>) {
    conf.set_content_handler(Some(handle));
}

unsafe extern "C" fn handle(request: *mut ngx_http_request_t) -> ngx_int_t {
    guard(INTERNAL_SERVER_ERROR, || {
        let Some(request) = NonNull::new(request) else { return INTERNAL_SERVER_ERROR };
        // SAFETY: NGINX passes a request that is valid for the call.
        let discarded = unsafe { ngx_http_discard_request_body(request.as_ptr()) };
        if discarded != NGX_OK as ngx_int_t {
            return discarded;
        }
        // SAFETY: as above.
        let request = unsafe { Request::from_ptr(request) };
        match purge::handle(request) {
            Ok(Next::Answer(answer)) => send(request, &answer),
            Ok(Next::Wait) => {
                hold(request);
                NGX_DONE as ngx_int_t
            }
            Err(OutOfMemory) => INTERNAL_SERVER_ERROR,
        }
    })
}

/// Keeps the request when its handler returns without an answer: the phase of the content finalises
/// it then, which takes one count away (`ngx_http_core_content_phase`).
fn hold(request: Request<'_>) {
    // SAFETY: a request has a main request, of which this is a plain field.
    unsafe { (*request.raw().main).set_count((*request.raw().main).count() + 1) };
}

fn send(request: Request<'_>, answer: &Answer) -> ngx_int_t {
    let text = |text| request.string(text).ok();
    let (Some(mut content_type), Some(body)) = (text(answer.content_type), text(&answer.body))
    else {
        return INTERNAL_SERVER_ERROR;
    };
    // SAFETY: all zeroes is a value without variables.
    let mut value = unsafe { mem::zeroed::<ngx_http_complex_value_t>() };
    value.value = ngx_str_t { len: body.len, data: body.data };
    // SAFETY: the texts live as long as the request.
    unsafe {
        ngx_http_send_response(
            request.as_ptr(),
            ngx_uint_t::from(answer.status),
            &raw mut content_type,
            &raw mut value,
        )
    }
}
