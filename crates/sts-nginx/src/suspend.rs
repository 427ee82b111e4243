//! Suspending a request until something is known, and going on with its phases then.

use std::cell::Cell;
use std::mem;
use std::ptr::{self, NonNull};
use std::rc::Rc;

use nginx_sys::{
    NGX_HTTP_INTERNAL_SERVER_ERROR, NGX_OK, ngx_connection_t, ngx_delete_posted_event, ngx_event_t,
    ngx_handle_read_event, ngx_http_cleanup_add, ngx_http_cleanup_t, ngx_http_core_run_phases,
    ngx_http_event_handler_pt, ngx_http_finalize_request, ngx_http_log_ctx_t, ngx_http_request_t,
    ngx_http_run_posted_requests, ngx_http_test_reading, ngx_int_t, ngx_post_event,
    ngx_posted_events,
};

use crate::flags;
use crate::guard::guard;
use crate::request::{OutOfMemory, Request};

/// Resumes a suspended request, if it is still there.
#[derive(Clone)]
pub struct Resumer(Rc<Cell<Option<NonNull<Suspension>>>>);

#[repr(C)]
struct Suspension {
    /// NGINX prints `ev->data` as if it were a connection: its `fd` lies here.
    connection_prefix: [usize; 4],
    event: ngx_event_t,
    request: NonNull<ngx_http_request_t>,
    cleanup: NonNull<ngx_http_cleanup_t>,
    resumer: Resumer,
    /// The visit that is suspended.
    visit: u32,
    /// What read the client's connection before, where the client is watched.
    read_before: Option<ngx_http_event_handler_pt>,
    /// Told that the request is gone without having been resumed.
    waiter: Option<Rc<dyn Waits>>,
}

/// What a suspended request belongs to.
pub trait Waits {
    /// The request is gone without having been resumed.
    fn left(&self);
}

impl Resumer {
    /// Whether the request still waits.
    pub fn is_suspended(&self) -> bool {
        self.0.get().is_some()
    }

    /// Lets the request go on, later in this iteration of the event loop. The request may be
    /// finalised then; nothing of it is touched on the caller's stack.
    pub fn resume(&self) {
        let Some(suspension) = self.0.get() else { return };
        // SAFETY: the suspension empties the cell before it goes away.
        let event = unsafe { &raw mut (*suspension.as_ptr()).event };
        // SAFETY: the event is initialised, and `end` withdraws it.
        unsafe { ngx_post_event(event, &raw mut ngx_posted_events) };
    }
}

/// Suspends a request: its handler returns right after, and is entered again when the request is
/// resumed. With `watch_client` a client that goes away ends the request.
pub fn suspend(
    request: Request<'_>,
    watch_client: bool,
    waiter: Option<Rc<dyn Waits>>,
) -> Result<Resumer, OutOfMemory> {
    // NGINX discards the body, and sees by that when the client goes.
    let watches = watch_client && flags::discard_body(request.raw()) == 0;
    const { assert!(align_of::<Suspension>() <= align_of::<usize>(), "as NGINX's pools align") };
    // SAFETY: the request is valid.
    let cleanup = unsafe { ngx_http_cleanup_add(request.as_ptr(), size_of::<Suspension>()) };
    let cleanup = NonNull::new(cleanup).ok_or(OutOfMemory)?;
    let resumer = Resumer(Rc::new(Cell::new(None)));
    // SAFETY: NGINX has just made it.
    let suspension = unsafe { (*cleanup.as_ptr()).data }.cast::<Suspension>();
    let suspension = NonNull::new(suspension).ok_or(OutOfMemory)?;
    let content = Suspension {
        connection_prefix: [0; 4],
        // SAFETY: all zeroes is a valid event that is not posted.
        event: unsafe { mem::zeroed() },
        request: NonNull::new(request.as_ptr()).ok_or(OutOfMemory)?,
        cleanup,
        resumer: resumer.clone(),
        visit: request.visit(),
        read_before: watches.then(|| request.raw().read_event_handler),
        waiter,
    };
    // SAFETY: NGINX has made room for it in the request's pool, which aligns as much as it needs.
    unsafe { suspension.write(content) };
    resumer.0.set(Some(suspension));
    // SAFETY: it was made above, and nothing else refers to it.
    let event = unsafe { &mut (*suspension.as_ptr()).event };
    event.data = suspension.as_ptr().cast();
    event.handler = Some(resumed);
    // SAFETY: a request has a connection.
    event.log = unsafe { (*request.raw().connection).log };
    // SAFETY: NGINX has just made it.
    unsafe { (*cleanup.as_ptr()).handler = Some(left) };
    if watches {
        watch(request)?;
    }
    Ok(resumer)
}

/// As `limit_req` does: the connection's read event shows when the client goes. NGINX gives the event
/// to the request whose answer is next.
fn watch(request: Request<'_>) -> Result<(), OutOfMemory> {
    // SAFETY: a plain field of a valid request.
    unsafe { (*request.as_ptr()).read_event_handler = Some(ngx_http_test_reading) };
    // SAFETY: a request has a connection, and that has a read event.
    let read = unsafe { (*request.raw().connection).read };
    // SAFETY: as above.
    if unsafe { (*read).ready() } != 0 {
        // SAFETY: as above.
        unsafe { ngx_post_event(read, &raw mut ngx_posted_events) };
    // SAFETY: as above.
    } else if unsafe { ngx_handle_read_event(read, 0) } != NGX_OK as ngx_int_t {
        return Err(OutOfMemory);
    }
    Ok(())
}

/// Takes a suspension out of all that refers to it.
///
/// # Safety
/// `suspension` was made by `suspend` and has not ended before.
unsafe fn end(suspension: NonNull<Suspension>) -> Suspension {
    // SAFETY: the caller's contract.
    let event = unsafe { &raw mut (*suspension.as_ptr()).event };
    // SAFETY: as above.
    if unsafe { (*event).posted() } != 0 {
        // SAFETY: a posted event is in one of NGINX's queues.
        unsafe { ngx_delete_posted_event(event) };
    }
    // SAFETY: the caller's contract: nothing reads it there again.
    let suspension = unsafe { suspension.read() };
    suspension.resumer.0.set(None);
    suspension
}

extern "C" fn resumed(event: *mut ngx_event_t) {
    guard((), || {
        // SAFETY: `suspend` made `data` point at the suspension, which is there while it is posted.
        let Some(suspension) = NonNull::new(unsafe { (*event).data.cast::<Suspension>() }) else {
            return;
        };
        // SAFETY: the event runs at most once: `end` withdraws it.
        let suspension = unsafe { end(suspension) };
        let request = suspension.request.as_ptr();
        // SAFETY: the cleanup is the request's, which is still there.
        unsafe { (*suspension.cleanup.as_ptr()).handler = None };
        let (read_before, visit) = (suspension.read_before, suspension.visit);
        drop(suspension);
        // SAFETY: the request's cleanup did not run, so the request is valid.
        let now = flags::uri_changes(unsafe { &*request });
        // A client that left while the request waited may have sent it to `post_action`: what it
        // does there is not ours to disturb.
        if now == visit {
            // SAFETY: as above.
            unsafe { go_on(request, read_before) };
        }
    });
}

/// # Safety
/// `request` is valid and was suspended.
unsafe fn go_on(request: *mut ngx_http_request_t, read_before: Option<ngx_http_event_handler_pt>) {
    // SAFETY: the caller's contract; a request has a connection.
    let connection = unsafe { (*request).connection };
    // SAFETY: as above.
    unsafe { set_log_request(connection, request) };
    // SAFETY: as above.
    if read_before.is_some_and(|reads| unsafe { !stop_watching(request, connection, reads) }) {
        return;
    }
    // The request may be gone after this.
    // SAFETY: as above.
    unsafe { ngx_http_core_run_phases(request) };
    // SAFETY: the connection outlives its requests; NGINX returns at once when it is closed.
    unsafe { ngx_http_run_posted_requests(connection) };
}

/// # Safety
/// As for [`go_on`].
unsafe fn stop_watching(
    request: *mut ngx_http_request_t,
    connection: *mut ngx_connection_t,
    read_before: ngx_http_event_handler_pt,
) -> bool {
    // SAFETY: the caller's contract.
    unsafe { (*request).read_event_handler = read_before };
    // SAFETY: as above.
    if unsafe { ngx_handle_read_event((*connection).read, 0) } == NGX_OK as ngx_int_t {
        return true;
    }
    // SAFETY: as above.
    unsafe { ngx_http_finalize_request(request, NGX_HTTP_INTERNAL_SERVER_ERROR as ngx_int_t) };
    // SAFETY: as in `go_on`.
    unsafe { ngx_http_run_posted_requests(connection) };
    false
}

/// Lines of the connection's log are about this request again, as NGINX's own handlers see to.
///
/// # Safety
/// As for [`go_on`].
unsafe fn set_log_request(connection: *mut ngx_connection_t, request: *mut ngx_http_request_t) {
    // SAFETY: the caller's contract; a client's connection has a log of the HTTP module.
    let context = unsafe { (*(*connection).log).data.cast::<ngx_http_log_ctx_t>() };
    if !ptr::eq(context, ptr::null()) {
        // SAFETY: as above.
        unsafe { (*context).current_request = request };
    }
}

/// The request ends before it was resumed.
unsafe extern "C" fn left(data: *mut std::ffi::c_void) {
    guard((), || {
        let Some(suspension) = NonNull::new(data.cast::<Suspension>()) else { return };
        // SAFETY: a cleanup runs once, and not after the request was resumed.
        let suspension = unsafe { end(suspension) };
        if let Some(waiter) = suspension.waiter {
            waiter.left();
        }
    });
}
