//! A request, for the time of one callback.

use std::fmt;
use std::marker::PhantomData;
use std::ptr::{self, NonNull};
use std::slice;

use nginx_sys::{
    NGX_HTTP_BAD_REQUEST, NGX_HTTP_GET, NGX_HTTP_HEAD, NGX_HTTP_OK, ngx_http_core_content_phase,
    ngx_http_core_rewrite_phase, ngx_http_phase_handler_t, ngx_http_request_t,
    ngx_http_upstream_state_t, ngx_int_t, ngx_list_push, ngx_pnalloc, ngx_pool_cleanup_add,
    ngx_str_t, ngx_table_elt_t,
};
use ngx::http::{HttpModuleConfExt, HttpModuleMainConf, HttpModuleServerConf, NgxHttpCoreModule};

use crate::flags;
use crate::guard::guard;
use crate::log::{self, Level};
use crate::module::Module;

/// A request, valid for `'r`: the callback of NGINX in which it was met.
#[derive(Clone, Copy)]
pub struct Request<'r> {
    request: NonNull<ngx_http_request_t>,
    callback: PhantomData<&'r ()>,
}

/// See [`Request::id`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RequestId(usize);

/// What runs the handlers of a phase.
pub(crate) type Checker =
    unsafe extern "C" fn(*mut ngx_http_request_t, *mut ngx_http_phase_handler_t) -> ngx_int_t;

/// NGINX has no memory left.
pub struct OutOfMemory;

impl<'r> Request<'r> {
    /// # Safety
    /// `request` is valid for `'r`, and so is its pool.
    pub(crate) unsafe fn from_ptr(request: NonNull<ngx_http_request_t>) -> Self {
        Self { request, callback: PhantomData }
    }

    pub(crate) fn as_ptr(self) -> *mut ngx_http_request_t {
        self.request.as_ptr()
    }

    pub(crate) fn raw(self) -> &'r ngx_http_request_t {
        // SAFETY: the constructor's contract. What is read of it here are plain fields that do not
        // change while the reference is used.
        unsafe { &*self.request.as_ptr() }
    }

    /// The request that the client made.
    pub fn main(self) -> Self {
        // SAFETY: `main` is valid as long as its subrequests are.
        unsafe { Self::from_ptr(NonNull::new(self.raw().main).unwrap_or(self.request)) }
    }

    /// The request that this one is a subrequest of.
    pub fn parent(self) -> Option<Self> {
        let parent = NonNull::new(self.raw().parent)?;
        // SAFETY: NGINX keeps a subrequest's parent for as long as the subrequest.
        Some(unsafe { Self::from_ptr(parent) })
    }

    /// What tells the requests apart that belong to one request of a client.
    pub fn id(self) -> RequestId {
        // Their pool is one, and keeps each for as long as all.
        RequestId(if self.is_main() { 0 } else { self.request.as_ptr().addr() })
    }

    /// Whether the client made this request; else it is a subrequest.
    pub fn is_main(self) -> bool {
        ptr::eq(self.raw().main, self.as_ptr())
    }

    /// What is configured where the request is now.
    pub fn location_of<M: Module>(self) -> Option<&'r M::Location> {
        // SAFETY: this is the type that the module creates for its slot, and the configuration
        // outlives the request.
        let location = unsafe { self.raw().http_location_conf_unchecked(M::descriptor()) };
        // SAFETY: as above; nothing changes it after the configuration was read.
        location.map(|location| unsafe { location.as_ref() })
    }

    /// What is known of the client's request, over internal redirects too.
    pub fn context_of<M: Module>(self) -> Option<&'r M::Context> {
        let main = self.main();
        let index = M::descriptor().ctx_index;
        // SAFETY: NGINX allocates a slot for each HTTP module.
        let context = unsafe { *main.raw().ctx.add(index) };
        let context = if context.is_null() { main.hidden_context::<M>() } else { context.cast() };
        // SAFETY: it lives as long as the request's pool.
        NonNull::new(context).map(|context| unsafe { context.as_ref() })
    }

    /// As [`Self::context_of`], made when there is none.
    ///
    /// # Errors
    /// There is no memory left.
    pub fn context_of_or_new<M: Module>(self) -> Result<&'r M::Context, OutOfMemory> {
        if let Some(context) = self.context_of::<M>() {
            return Ok(context);
        }
        // NGINX's pools align to words, which may be shorter than what is the largest number here.
        let align = align_of::<M::Context>();
        let size = size_of::<M::Context>() + align.saturating_sub(align_of::<usize>());
        let main = self.main();
        // SAFETY: the pool is valid as long as the request.
        let cleanup = unsafe { ngx_pool_cleanup_add(main.raw().pool, size) };
        let mut cleanup = NonNull::new(cleanup).ok_or(OutOfMemory)?;
        // SAFETY: NGINX has just made it, and nothing else refers to it.
        let cleanup = unsafe { cleanup.as_mut() };
        let context = cleanup.data.map_addr(|at| at.next_multiple_of(align)).cast::<M::Context>();
        // SAFETY: NGINX has made room for it, wherever in it the first address is that fits.
        unsafe { context.write(M::Context::default()) };
        cleanup.data = context.cast();
        cleanup.handler = Some(drop_context::<M>);
        // SAFETY: NGINX allocates a slot for each HTTP module.
        let slot = unsafe { main.raw().ctx.add(M::descriptor().ctx_index) };
        // SAFETY: as above; it is ours alone.
        unsafe { *slot = context.cast() };
        // SAFETY: it was made above, and it lives as long as the request's pool.
        Ok(unsafe { &*context })
    }

    /// Internal redirects empty the contexts of all modules; the cleanup of the pool still has ours.
    fn hidden_context<M: Module>(self) -> *mut M::Context {
        let raw = self.raw();
        if flags::internal(raw) == 0 && flags::filter_finalize(raw) == 0 {
            return ptr::null_mut();
        }
        // SAFETY: the pool is valid as long as the request.
        let mut cleanup = unsafe { (*raw.pool).cleanup };
        // SAFETY: NGINX keeps the list of cleanups well-formed.
        while let Some(one) = unsafe { cleanup.as_ref() } {
            let ours: unsafe extern "C" fn(*mut std::ffi::c_void) = drop_context::<M>;
            if one.handler.map(|handler| handler as usize) == Some(ours as usize) {
                return one.data.cast();
            }
            cleanup = one.next;
        }
        ptr::null_mut()
    }

    /// Tells the visits of a request to its locations apart: NGINX counts its internal redirects down.
    pub fn visit(self) -> u32 {
        flags::uri_changes(self.raw())
    }

    /// Whether the location has a handler of its own for the content, as a proxied one has. NGINX's
    /// files, indices and listings are served without one.
    pub fn has_content_handler(self) -> bool {
        self.raw().content_handler.is_some()
    }

    /// Whether the method is one that changes nothing (RFC 9110, section 9.2.1): GET or HEAD.
    pub fn only_reads(self) -> bool {
        matches!(self.raw().method as u32, NGX_HTTP_GET | NGX_HTTP_HEAD)
    }

    /// Whether the request is where its content is made. A clone, which NGINX makes for `slice` and for
    /// what it updates in the background, begins there.
    pub fn is_at_content(self) -> bool {
        self.is_checked_by(ngx_http_core_content_phase)
    }

    /// Whether the request is in the phases that NGINX runs with this function.
    pub(crate) fn is_checked_by(self, phase: Checker) -> bool {
        let core = NgxHttpCoreModule::main_conf(self.raw());
        let Some(core) = core else { return false };
        let Ok(at) = usize::try_from(self.raw().phase_handler) else { return false };
        // SAFETY: NGINX keeps the number of a request's phase handler within the engine's table.
        let checker = unsafe { (*core.phase_engine.handlers.add(at)).checker };
        checker.map(|checker| checker as usize) == Some(phase as usize)
    }

    /// The status that an error page is for, unless it says another one (`error_page 502 =200 …`); 0
    /// without one.
    pub fn error_status(self) -> u16 {
        u16::try_from(self.raw().err_status).unwrap_or(0)
    }

    /// An answer with an error status is NGINX's own page, whatever `error_page` says.
    pub fn leave_out_error_pages(self) {
        // SAFETY: the request is valid.
        unsafe { flags::set_error_page(self.as_ptr(), 1) };
    }

    /// The status line is made, or an error page is under way: the request is past every exchange.
    pub fn is_answered(self) -> bool {
        let raw = self.raw();
        flags::header_sent(raw) != 0 || raw.headers_out.status != 0 || raw.err_status != 0
    }

    /// Whether a request to a backend was made of it, of whatever kind.
    pub fn was_sent_upstream(self) -> bool {
        // SAFETY: the upstream of a request lives as long as the request.
        let upstream = unsafe { self.raw().upstream.as_ref() };
        upstream.is_some_and(|upstream| !upstream.request_bufs.is_null())
    }

    /// The statuses of the answers of backends, one for each that was asked; 0 where there was none. NGINX
    /// itself gives 502 and 504 to those that could not be reached.
    pub fn backend_statuses(self) -> impl Iterator<Item = usize> {
        // SAFETY: NGINX makes the array in the pool of the request, of elements of this type, and adds to
        // it while it asks backends; nothing else runs while the iterator is used.
        let states = unsafe { self.raw().upstream_states.as_ref() };
        let states = states.filter(|states| !states.elts.is_null()).map(|states| {
            // SAFETY: as above.
            unsafe {
                slice::from_raw_parts(states.elts.cast::<ngx_http_upstream_state_t>(), states.nelts)
            }
        });
        states.unwrap_or_default().iter().map(|state| state.status)
    }

    /// Whether the answer comes out of NGINX's cache.
    pub fn is_answered_from_cache(self) -> bool {
        flags::cached(self.raw()) != 0
    }

    /// Whether the answer is no error.
    pub fn has_gone_well(self) -> bool {
        let status = self.raw().headers_out.status;
        (NGX_HTTP_OK as usize..NGX_HTTP_BAD_REQUEST as usize).contains(&status)
    }

    /// Whether it has come no further than the rewrite phase.
    pub fn is_at_rewrite(self) -> bool {
        self.is_checked_by(ngx_http_core_rewrite_phase)
    }

    /// The method, as the client wrote it.
    pub fn method(self) -> &'r [u8] {
        self.raw().method_name.as_bytes()
    }

    /// The scheme and the credentials of `Authorization`.
    pub fn authorization(self) -> Option<&'r [u8]> {
        let header = NonNull::new(self.raw().headers_in.authorization)?;
        // SAFETY: a header of the request lives as long as the request.
        Some(unsafe { header.as_ref() }.value.as_bytes())
    }

    /// Adds a header to the answer, whatever its status will be.
    pub fn add_header(self, name: &str, value: &str) -> Result<(), OutOfMemory> {
        let name = self.string(name)?;
        let value = self.string(value)?;
        // SAFETY: the list is part of the request.
        let header = unsafe { ngx_list_push(&raw mut (*self.as_ptr()).headers_out.headers) };
        let header = NonNull::new(header.cast::<ngx_table_elt_t>()).ok_or(OutOfMemory)?;
        // All zeroes first: newer versions have a link to the next header of the same name.
        // SAFETY: the list has room for one element here.
        unsafe { header.write_bytes(0, 1) };
        // SAFETY: it was initialised above, and nothing else refers to it.
        let header = unsafe { &mut *header.as_ptr() };
        header.hash = 1;
        header.key = name;
        header.value = value;
        Ok(())
    }

    /// Adds `WWW-Authenticate`, where NGINX's own modules find it too.
    pub fn add_challenge(self, value: &str) -> Result<(), OutOfMemory> {
        self.add_header("WWW-Authenticate", value)?;
        // SAFETY: the header was pushed just now, so the last part is not empty.
        let header = unsafe {
            let last = (*self.as_ptr()).headers_out.headers.last;
            (*last).elts.cast::<ngx_table_elt_t>().add((*last).nelts - 1)
        };
        // SAFETY: a plain field of the request.
        unsafe { (*self.as_ptr()).headers_out.www_authenticate = header };
        Ok(())
    }

    pub(crate) fn string(self, text: &str) -> Result<ngx_str_t, OutOfMemory> {
        self.text(text.as_bytes())
    }

    /// A copy as NGINX has its strings, with a NUL behind it.
    pub(crate) fn text(self, bytes: &[u8]) -> Result<ngx_str_t, OutOfMemory> {
        let len = bytes.len();
        // SAFETY: the pool is valid as long as the request.
        let memory = unsafe { ngx_pnalloc(self.raw().pool, len + 1) };
        let data = NonNull::new(memory.cast::<u8>()).ok_or(OutOfMemory)?;
        // SAFETY: the memory is fresh and one byte longer.
        unsafe { ptr::copy_nonoverlapping(bytes.as_ptr(), data.as_ptr(), len) };
        // SAFETY: as above.
        unsafe { data.add(len).write(0) };
        Ok(ngx_str_t { len, data: data.as_ptr() })
    }

    /// A copy that lives as long as the request.
    pub fn bytes(self, bytes: &[u8]) -> Result<&'r [u8], OutOfMemory> {
        let text = self.text(bytes)?;
        // SAFETY: it is that long, nothing changes it, and its pool ends with the request.
        Ok(unsafe { slice::from_raw_parts(text.data, text.len) })
    }

    /// Writes a line about this request: client, server, method and path, and never the query, in
    /// which a token may stand. NGINX's own handler of the connection's log would append it.
    pub fn log(self, level: Level, message: fmt::Arguments<'_>) {
        let raw = self.raw();
        // SAFETY: a request has a connection, and a connection has a log.
        let mut own = unsafe { *(*raw.connection).log };
        own.handler = None;
        own.data = ptr::null_mut();
        let client = self.client();
        let method = String::from_utf8_lossy(raw.method_name.as_bytes());
        let path = String::from_utf8_lossy(raw.uri.as_bytes());
        let path = path.escape_debug();
        let server = self.server();
        // SAFETY: a copy of a valid log is valid.
        unsafe {
            log::write(
                &raw mut own,
                level,
                format_args!(
                    "{message}, client: {client}, server: {server}, request: \"{method} {path}\""
                ),
            );
        }
    }

    fn client(self) -> String {
        // SAFETY: a request has a connection.
        let text = unsafe { &(*self.raw().connection).addr_text };
        String::from_utf8_lossy(text.as_bytes()).into_owned()
    }

    fn server(self) -> String {
        let server = NgxHttpCoreModule::server_conf(self.raw());
        let name = server.map(|server| server.server_name);
        name.map_or_else(String::new, |name| String::from_utf8_lossy(name.as_bytes()).into_owned())
    }
}

/// The name that [`Request::hidden_context`] finds the context by.
#[inline(never)]
unsafe extern "C" fn drop_context<M: Module>(data: *mut std::ffi::c_void) {
    guard((), || {
        // SAFETY: `context_or_new` wrote it there, and a pool runs its cleanups once, before it goes.
        unsafe { ptr::drop_in_place(data.cast::<M::Context>()) };
    });
}
