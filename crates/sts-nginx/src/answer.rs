//! The answer of a backend before its header goes out, and a request that is sent once more in its stead.
//!
//! NGINX knows this way: `X-Accel-Redirect: @name` ends the upstream, starts the phases of a named
//! location, and the frames of the old upstream that are still on the stack find that it has ended
//! (`ngx_http_upstream_process_headers`).

use std::ptr::NonNull;
use std::sync::atomic::{AtomicPtr, Ordering};
use std::{mem, ptr};

use nginx_sys::{
    NGX_ERROR, ngx_http_clean_header, ngx_http_named_location, ngx_http_output_header_filter_pt,
    ngx_http_request_t, ngx_http_top_header_filter, ngx_http_upstream_t, ngx_int_t, ngx_str_t,
};

use crate::flags;
use crate::guard::guard;
use crate::module::Module;
use crate::request::Request;

/// The next filter of headers, as all modules of C keep it: in a variable of the library, which NGINX
/// gives a new value with each configuration that it reads.
static NEXT: AtomicPtr<()> = AtomicPtr::new(ptr::null_mut());

/// Puts the filter before those that are there. It is there whatever is configured, as the filters of
/// NGINX are: the chain belongs to the process and not to a configuration, so that one that is refused
/// late would otherwise leave the one in force without its filter.
///
/// # Safety
/// NGINX has read a configuration, and runs nothing else.
pub(crate) unsafe fn register<M: Module>() {
    // SAFETY: the caller's contract.
    let next = unsafe { ngx_http_top_header_filter };
    NEXT.store(next.map_or(ptr::null_mut(), |next| next as *mut ()), Ordering::Relaxed);
    // SAFETY: the caller's contract.
    unsafe { ngx_http_top_header_filter = Some(look_at_header::<M>) };
}

/// The header filter.
unsafe extern "C" fn look_at_header<M: Module>(request: *mut ngx_http_request_t) -> ngx_int_t {
    let name = guard(None, || {
        // SAFETY: NGINX gives a request that is valid for the call.
        let request = unsafe { Request::from_ptr(NonNull::new(request)?) };
        let status = request.status_of_backend()?;
        request.can_be_sent_again().then(|| M::send_again(request, status)).flatten()
    });
    if let Some(name) = name
        // SAFETY: as above.
        && unsafe { send_again(request, name) }
    {
        // Frames of the old upstream find that it has ended.
        return NGX_ERROR as ngx_int_t;
    }
    let next = NEXT.load(Ordering::Relaxed);
    // SAFETY: `register` has stored what is either null or a filter, for which NGINX's type has None.
    let next = unsafe { mem::transmute::<*mut (), ngx_http_output_header_filter_pt>(next) };
    match next {
        // SAFETY: NGINX's own call.
        Some(next) => unsafe { next(request) },
        None => NGX_ERROR as ngx_int_t,
    }
}

/// Drops the answer of a backend, of which nothing has gone out, and lets the request begin again in a
/// named location. Says whether it has.
///
/// # Safety
/// The request is valid, and [`Request::can_be_sent_again`].
unsafe fn send_again(request: *mut ngx_http_request_t, name: &str) -> bool {
    // SAFETY: the caller's contract.
    let Some(upstream) = NonNull::new(unsafe { (*request).upstream }) else { return false };
    // SAFETY: as above.
    if !unsafe { end_upstream(request, upstream) } {
        return false;
    }
    // SAFETY: as above: fields that the answer has set, and nothing has been sent of it.
    unsafe {
        ngx_http_clean_header(request);
        flags::set_allow_ranges(request, 0);
        flags::set_single_range(request, 0);
        flags::set_disable_not_modified(request, 0);
        if !(*upstream.as_ptr()).headers_in.x_accel_limit_rate.is_null() {
            (*request).limit_rate = 0;
            flags::set_limit_rate_set(request, 0);
        }
    }
    let mut name = ngx_str_t { len: name.len(), data: name.as_ptr().cast_mut() };
    // The request holds a count for the frames of the old upstream, which give it back.
    // SAFETY: as above; NGINX reads the name and keeps it not.
    unsafe { ngx_http_named_location(request, &raw mut name) };
    true
}

/// Ends an upstream as `ngx_http_upstream_create` does when it makes the next one.
///
/// # Safety
/// As for [`send_again`].
unsafe fn end_upstream(
    request: *mut ngx_http_request_t,
    upstream: NonNull<ngx_http_upstream_t>,
) -> bool {
    // SAFETY: the caller's contract: an upstream that has not ended has a cleanup.
    let Some(cleanup) = (unsafe { (*upstream.as_ptr()).cleanup.as_ref() }) else { return false };
    let Some(end) = *cleanup else { return false };
    // SAFETY: as above; the request of a client is its own main request.
    unsafe {
        // The end of the upstream gives it back.
        flags::set_count(request, flags::count(&*request) + 1);
        end(request.cast());
    }
    true
}

impl<'r> Request<'r> {
    /// The status of the answer that a backend has given to a client's request, while its header is about
    /// to go out; `None` for every other answer: one of NGINX itself, of its cache, of an error page, or of
    /// a connection that was upgraded.
    fn status_of_backend(self) -> Option<usize> {
        let raw = self.raw();
        let upstream = self.open_upstream()?;
        let is_other = flags::header_sent(raw) != 0
            || raw.err_status != 0
            || flags::filter_finalize(raw) != 0
            || flags::post_action(raw) != 0
            || flags::cached(raw) != 0
            || upstream.upgrade() != 0
            || upstream.header_sent() != 0;
        let status = upstream.headers_in.status_n;
        (self.is_main() && !is_other && status == raw.headers_out.status).then_some(status)
    }

    /// Whether a request of which the backend has answered can be sent once more, as it was: it has no
    /// body, or NGINX has all of it, and it asks for no other protocol.
    fn can_be_sent_again(self) -> bool {
        let raw = self.raw();
        let (Some(upstream), true) = (self.open_upstream(), self.is_main()) else { return false };
        // Each handler of a backend that has a body asks NGINX to read it, also where there is none.
        let has_whole_body = !raw.request_body.is_null()
            && flags::request_body_no_buffering(raw) == 0
            && flags::reading_body(raw) == 0
            && flags::discard_body(raw) == 0;
        // One redirect more has to be left: at none NGINX answers with 500.
        let has_redirects_left = flags::uri_changes(raw) > 1;
        // SAFETY: a request has a connection.
        let is_alive = unsafe { (*raw.connection).error() } == 0;
        has_whole_body
            && has_redirects_left
            && is_alive
            && raw.headers_in.upgrade.is_null()
            && !upstream.schema.as_bytes().starts_with(b"grpc")
    }

    /// The upstream that has not ended.
    fn open_upstream(self) -> Option<&'r ngx_http_upstream_t> {
        // SAFETY: the upstream of a request lives as long as the request.
        let upstream = unsafe { self.raw().upstream.as_ref() };
        upstream.filter(|upstream| !upstream.cleanup.is_null())
    }

    /// How many backends were asked for it so far.
    pub fn backends_asked(self) -> usize {
        // SAFETY: NGINX makes the array in the pool of the request.
        unsafe { self.raw().upstream_states.as_ref() }.map_or(0, |states| states.nelts)
    }
}
