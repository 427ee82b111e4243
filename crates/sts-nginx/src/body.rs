//! The body of a request.

use std::ptr::{self, NonNull};
use std::slice;

use nginx_sys::{
    NGX_AGAIN, NGX_OK, ngx_alloc_chain_link, ngx_buf_t, ngx_create_temp_buf,
    ngx_http_core_run_phases, ngx_http_read_client_request_body, ngx_http_request_body_t,
    ngx_http_request_t, ngx_int_t, ngx_palloc, ngx_read_file, off_t,
};
use sts_core::secret::Secret;

use crate::fields::Change;
use crate::flags;
use crate::guard::guard;
use crate::module::Module;
use crate::request::{OutOfMemory, Request};

/// How far reading the body is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    /// It is all there.
    Done,
    /// The request is entered again when it is.
    Waits,
    /// NGINX answers with this status.
    Refused(u16),
}

const INTERNAL_SERVER_ERROR: u16 = 500;

impl Request<'_> {
    /// Whether a handler has read the body, or has begun to.
    pub fn has_read_body(self) -> bool {
        !self.raw().request_body.is_null()
    }

    /// Whether the client sends a body that no handler has asked for yet.
    pub fn has_unread_body(self) -> bool {
        let raw = self.raw();
        // HTTP/2 and HTTP/3 mark a body without a length as chunked, too.
        let has_body = raw.headers_in.content_length_n > 0 || raw.headers_in.chunked() != 0;
        self.is_main() && has_body && !self.has_read_body() && flags::discard_body(raw) == 0
    }

    /// The length that the client has announced.
    pub fn content_length(self) -> Option<u64> {
        u64::try_from(self.raw().headers_in.content_length_n).ok()
    }

    /// Reads the whole body. [`Module::body_is_there`] is told when it is there, which may be at once:
    /// before this returns, or later where this says that the request waits.
    pub fn read_body<M: Module>(self) -> Reading {
        let request = self.as_ptr();
        let (reads, writes) = (self.raw().read_event_handler, self.raw().write_event_handler);
        // `body_is_there` may be called at once: no visit waits for it yet, by which it knows.
        // SAFETY: the request is valid, and `body_is_there` may be called at once or later.
        let status =
            unsafe { ngx_http_read_client_request_body(request, Some(body_is_there::<M>)) };
        if status == NGX_AGAIN as ngx_int_t {
            // At once, as `mirror` does: NGINX may answer itself before the body is there, and what
            // is counted then would keep the request for ever.
            // SAFETY: NGINX has counted the request.
            unsafe { release(request) };
            return Reading::Waits;
        }
        // NGINX leaves its own handlers behind, by which the request would hear of nothing more: while
        // it waits, later on in its phases, for a subrequest, for one.
        // SAFETY: plain fields of a valid request.
        unsafe {
            (*request).read_event_handler = reads;
        }
        // SAFETY: as above.
        unsafe {
            (*request).write_event_handler = writes;
        }
        if status == NGX_OK as ngx_int_t {
            // Others may want it after us, when the answer of a backend leads elsewhere.
            // SAFETY: a plain field of a valid request.
            unsafe { flags::set_preserve_body(request, 1) };
            return Reading::Done;
        }
        match u16::try_from(status) {
            Ok(status) => Reading::Refused(status),
            Err(_) => {
                // For what is no status NGINX leaves its count to the caller.
                // SAFETY: the request is valid.
                unsafe { release(request) };
                Reading::Refused(INTERNAL_SERVER_ERROR)
            }
        }
    }

    /// The length of what was read of the body.
    pub fn body_length(self) -> u64 {
        self.buffers().map(|buffer| length(&buffer) as u64).sum()
    }

    fn buffers(self) -> impl Iterator<Item = ngx_buf_t> {
        // SAFETY: NGINX keeps the body and its chain of buffers as long as the request.
        let first = unsafe { self.raw().request_body.as_ref().and_then(|body| body.bufs.as_ref()) };
        // SAFETY: as above.
        let links = std::iter::successors(first, |link| unsafe { link.next.as_ref() });
        // SAFETY: a link has a buffer. What is copied are places in memory and in a file.
        links.map(|link| unsafe { *link.buf })
    }

    /// The body, from wherever NGINX has put it; nothing if it cannot be read.
    pub fn body(self) -> Option<Secret> {
        let mut whole = Vec::new();
        let length = self.buffers().map(|buffer| length(&buffer)).sum();
        whole.try_reserve_exact(length).ok()?;
        let is_read = self.buffers().all(|buffer| copy(&buffer, &mut whole));
        // Wiped, also when it is of no use.
        let whole = Secret::new(whole);
        is_read.then_some(whole)
    }

    /// Puts another body in its place.
    pub fn set_body(self, content: &[u8]) -> Result<(), OutOfMemory> {
        let pool = self.raw().pool;
        // SAFETY: as in `body`.
        let Some(old) = (unsafe { self.raw().request_body.as_ref() }) else {
            return Ok(());
        };
        let mut bufs = ptr::null_mut();
        if !content.is_empty() {
            // SAFETY: the pool is valid as long as the request.
            let buffer = unsafe { ngx_create_temp_buf(pool, content.len()) };
            let mut buffer = NonNull::new(buffer).ok_or(OutOfMemory)?;
            // SAFETY: NGINX has just made it.
            let buffer = unsafe { buffer.as_mut() };
            // SAFETY: the buffer is as long as the content.
            unsafe { ptr::copy_nonoverlapping(content.as_ptr(), buffer.pos, content.len()) };
            // SAFETY: as above.
            buffer.last = unsafe { buffer.pos.add(content.len()) };
            buffer.set_last_buf(1);
            // SAFETY: the pool is valid as long as the request.
            let link = NonNull::new(unsafe { ngx_alloc_chain_link(pool) }).ok_or(OutOfMemory)?;
            // SAFETY: NGINX has just made it.
            unsafe {
                link.write(nginx_sys::ngx_chain_t { buf: buffer, next: ptr::null_mut() });
            }
            bufs = link.as_ptr();
        }
        // Subrequests share the old one.
        // SAFETY: the pool is valid as long as the request.
        let new = unsafe { ngx_palloc(pool, size_of::<ngx_http_request_body_t>()) };
        let new = NonNull::new(new.cast::<ngx_http_request_body_t>()).ok_or(OutOfMemory)?;
        // SAFETY: the memory is fresh and of that size.
        unsafe {
            new.write(ngx_http_request_body_t { bufs, temp_file: ptr::null_mut(), ..*old });
        }
        // SAFETY: a plain field of a valid request.
        unsafe { (*self.as_ptr()).request_body = new.as_ptr() };
        self.set_content_length(content.len())
    }

    fn set_content_length(self, length: usize) -> Result<(), OutOfMemory> {
        let number = off_t::try_from(length).map_err(|_| OutOfMemory)?;
        // SAFETY: a plain field of a valid request.
        unsafe { (*self.as_ptr()).headers_in.content_length_n = number };
        // A body of unknown length had no such field, and NGINX makes what it needs of the number.
        let text = length.to_string();
        self.change_fields(
            |field| {
                if field.is("Content-Length") {
                    return Change::Set(Secret::new(text.as_bytes()));
                }
                Change::Keep
            },
            &[],
        )
    }
}

/// Called by NGINX when the whole body is there: within `read_body`, or later.
unsafe extern "C" fn body_is_there<M: Module>(request: *mut ngx_http_request_t) {
    let waited = guard(false, || {
        let Some(valid) = NonNull::new(request) else { return false };
        // SAFETY: NGINX gives a request that is valid for the call.
        let waited = M::body_is_there(unsafe { Request::from_ptr(valid) });
        if !waited {
            // SAFETY: as above; within `read_body` it is counted still.
            unsafe { release(request) };
        }
        waited
    });
    if !waited {
        return;
    }
    // SAFETY: NGINX gives a request that is valid for the call.
    unsafe { flags::set_preserve_body(request, 1) };
    // While the body was read, NGINX entered no phase.
    // SAFETY: as above.
    unsafe { (*request).write_event_handler = Some(ngx_http_core_run_phases) };
    // The request may be gone after this; NGINX looks after posted requests itself.
    // SAFETY: as above.
    unsafe { ngx_http_core_run_phases(request) };
}

/// Takes back what reading the body has counted: the request is in its phases, which keep it.
///
/// # Safety
/// `request` is valid, and `ngx_http_read_client_request_body` has counted it.
unsafe fn release(request: *mut ngx_http_request_t) {
    // SAFETY: the caller's contract; `main` is valid as long as its subrequests are.
    unsafe {
        let main = (*request).main;
        flags::set_count(main, flags::count(&*main) - 1);
    }
}

fn is_in_memory(buffer: &ngx_buf_t) -> bool {
    buffer.temporary() != 0 || buffer.memory() != 0 || buffer.mmap() != 0
}

fn length(buffer: &ngx_buf_t) -> usize {
    let length = if is_in_memory(buffer) {
        // SAFETY: both point into the same buffer.
        unsafe { buffer.last.offset_from(buffer.pos) }.try_into()
    } else {
        (buffer.file_last - buffer.file_pos).try_into()
    };
    length.unwrap_or(0)
}

/// Appends what a buffer holds; `whole` has room for it. False if it cannot be read.
fn copy(buffer: &ngx_buf_t, whole: &mut Vec<u8>) -> bool {
    let length = length(buffer);
    if length == 0 {
        return true;
    }
    if is_in_memory(buffer) {
        // SAFETY: the buffer holds that many bytes from there on.
        whole.extend_from_slice(unsafe { slice::from_raw_parts(buffer.pos, length) });
        return true;
    }
    let start = whole.len();
    whole.resize(start + length, 0);
    let Some(mut rest) = whole.get_mut(start..) else { return false };
    let mut offset = buffer.file_pos;
    while !rest.is_empty() {
        // SAFETY: the file is open as long as the body, and there is room for that many bytes.
        let read = unsafe { ngx_read_file(buffer.file, rest.as_mut_ptr(), rest.len(), offset) };
        let read = usize::try_from(read).ok().filter(|read| *read > 0);
        let after = read.and_then(|read| rest.get_mut(read..));
        let (Some(read), Some(after)) = (read, after) else { return false };
        offset += off_t::try_from(read).unwrap_or(0);
        rest = after;
    }
    true
}
