//! Answering a request from the module itself.

use std::mem;
use std::ptr::NonNull;

use nginx_sys::{
    NGX_DONE, NGX_OK, ngx_http_complex_value_t, ngx_http_discard_request_body, ngx_http_request_t,
    ngx_http_send_response, ngx_int_t, ngx_str_t, ngx_uint_t,
};

use crate::conf::Conf;
use crate::flags;
use crate::guard::guard;
use crate::request::{OutOfMemory, Request};

const INTERNAL_SERVER_ERROR: ngx_int_t = 500;

/// What makes the content of a location.
pub trait Content: 'static {
    /// Answers a request, or lets it wait until it is resumed; then this is called again.
    ///
    /// # Errors
    /// There is no memory left.
    fn make(request: Request<'_>) -> Result<Made, OutOfMemory>;
}

/// What NGINX does with the request now.
pub enum Made {
    Answer(Answer),
    /// It waits, and the handler is entered again.
    Wait,
}

/// An answer with a short text.
pub struct Answer {
    pub status: u16,
    pub content_type: &'static str,
    pub body: String,
}

/// Lets `C` make the content of the location of the directive.
pub fn answer_by<C: Content>(conf: &Conf<'_>) {
    conf.set_content_handler(Some(handle::<C>));
}

/// Whether it is `C` that makes the content of the location being merged: of several directives that want
/// to, the last one does.
pub fn is_answered_by<C: Content>(conf: &Conf<'_>) -> bool {
    let own: unsafe extern "C" fn(*mut ngx_http_request_t) -> ngx_int_t = handle::<C>;
    conf.content_handler().is_some_and(|handler| std::ptr::fn_addr_eq(handler, own))
}

unsafe extern "C" fn handle<C: Content>(request: *mut ngx_http_request_t) -> ngx_int_t {
    guard(INTERNAL_SERVER_ERROR, || {
        let Some(request) = NonNull::new(request) else { return INTERNAL_SERVER_ERROR };
        // SAFETY: NGINX gives a request that is valid for the call.
        let discarded = unsafe { ngx_http_discard_request_body(request.as_ptr()) };
        if discarded != NGX_OK as ngx_int_t {
            return discarded;
        }
        // SAFETY: as above.
        let request = unsafe { Request::from_ptr(request) };
        match C::make(request) {
            Ok(Made::Answer(answer)) => send(request, &answer),
            Ok(Made::Wait) => {
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
    let main = request.raw().main;
    // SAFETY: a request has a main request, which is valid as long as it is.
    unsafe { flags::set_count(main, flags::count(&*main) + 1) };
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
