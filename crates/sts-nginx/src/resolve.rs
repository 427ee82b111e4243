//! Names, by NGINX's resolver.

use std::cell::{Cell, RefCell};
use std::ffi::CStr;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::ptr::{self, NonNull};
use std::rc::Rc;
use std::task::{Poll, Waker};

use nginx_sys::{
    NGX_OK, NGX_RESOLVE_SERVFAIL, NGX_RESOLVE_TIMEDOUT, ngx_int_t, ngx_msec_t, ngx_resolve_name,
    ngx_resolve_name_done, ngx_resolve_start, ngx_resolver_addr_t, ngx_resolver_connection_t,
    ngx_resolver_create, ngx_resolver_ctx_t, ngx_resolver_strerror, ngx_resolver_t, ngx_str_t,
};
use sts_core::fields::Fields;
use sts_net::whereabouts::Reply;

use crate::address::SocketAddress;
use crate::conf::Conf;
use crate::guard::guard;

/// A resolver of the configuration. Like everything of the configuration it must not be used after
/// it: the destinations that hold it belong to the configuration.
#[derive(Clone, Copy)]
pub struct Resolver {
    resolver: NonNull<ngx_resolver_t>,
    /// Milliseconds that one name may take.
    timeout: u64,
}

/// What was written about a resolver, as far as NGINX keeps it (ngx_resolver_create): the same for the
/// same words, in each block and after a reload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResolverSettings {
    /// Addresses and ports, sorted: they are asked in turn. A server that was written as a name has
    /// the addresses that the name had when the configuration was read.
    servers: Vec<String>,
    /// Whether addresses of the family are asked for.
    ipv4: bool,
    ipv6: bool,
    /// Seconds for which answers are kept; 0 for as long as they say.
    valid: i64,
    /// Milliseconds that one name may take.
    timeout: u64,
}

impl ResolverSettings {
    /// What decides at which addresses a name is found. How long that may take does not.
    pub fn identify(&self, fields: &mut Fields) {
        let Self { servers, ipv4, ipv6, valid, timeout: _ } = self;
        fields.push(&(servers.len() as u64).to_le_bytes());
        for server in servers {
            fields.push(server.as_bytes());
        }
        fields.push(&[u8::from(*ipv4), u8::from(*ipv6)]);
        fields.push(&valid.to_le_bytes());
    }
}

impl Resolver {
    /// The `resolver` of the block that is being merged, when it has servers.
    pub fn configured(conf: &Conf<'_>) -> Option<Self> {
        let (resolver, timeout) = conf.resolver()?;
        // SAFETY: it is valid while the configuration is read.
        let servers = unsafe { resolver.as_ref() }.connections.nelts;
        (servers > 0).then_some(Self { resolver, timeout })
    }

    /// What was written about it.
    pub fn settings(self) -> ResolverSettings {
        // SAFETY: the configuration's contract.
        let resolver = unsafe { self.resolver.as_ref() };
        // SAFETY: NGINX fills the array with the connections to servers.
        let servers = unsafe { resolver.connections.as_slice::<ngx_resolver_connection_t>() };
        let name = |one: &ngx_resolver_connection_t| {
            String::from_utf8_lossy(one.server.as_bytes()).into_owned()
        };
        let mut servers: Vec<_> = servers.iter().map(name).collect();
        servers.sort_unstable();
        #[cfg(ngx_resolver_has_families)]
        let (ipv4, ipv6) = (resolver.ipv4() != 0, resolver.ipv6() != 0);
        #[cfg(not(ngx_resolver_has_families))]
        let (ipv4, ipv6) = (true, resolver.ipv6 != 0);
        ResolverSettings { servers, ipv4, ipv6, valid: resolver.valid, timeout: self.timeout }
    }

    /// A resolver that asks the given servers.
    pub fn asking(conf: &Conf<'_>, servers: &[SocketAddr], timeout: u64) -> Option<Self> {
        let mut names: Vec<_> =
            servers.iter().map(|server| conf.string(&server.to_string())).collect();
        // SAFETY: the names live as long as the configuration.
        let resolver =
            unsafe { ngx_resolver_create(conf.as_ptr(), names.as_mut_ptr(), names.len()) };
        NonNull::new(resolver).map(|resolver| Self { resolver, timeout })
    }

    /// The addresses of a name, with the port put in.
    pub async fn resolve(self, name: &str, port: u16) -> Reply<SocketAddress> {
        let Some(lookup) = Lookup::start(self, name, port) else {
            return Reply::Silent("no memory for a resolver request".to_owned());
        };
        poll_fn(|context| match lookup.state.reply.take() {
            Some(reply) => Poll::Ready(reply),
            None => {
                lookup.state.waker.set(Some(context.waker().clone()));
                Poll::Pending
            }
        })
        .await
    }
}

/// A question that is under way; dropping it takes it back.
struct Lookup {
    state: Rc<State>,
}

struct State {
    /// NGINX refers to it until the question is answered.
    name: Box<[u8]>,
    port: u16,
    /// Null once it is answered.
    question: Cell<*mut ngx_resolver_ctx_t>,
    reply: RefCell<Option<Reply<SocketAddress>>>,
    waker: Cell<Option<Waker>>,
}

impl Lookup {
    fn start(resolver: Resolver, name: &str, port: u16) -> Option<Self> {
        // SAFETY: the configuration's contract.
        let question = unsafe { ngx_resolve_start(resolver.resolver.as_ptr(), ptr::null_mut()) };
        // `NGX_NO_RESOLVER` is -1; there is none without a server.
        if question.is_null() || question.addr() == usize::MAX {
            return None;
        }
        let state = Rc::new(State {
            name: name.as_bytes().into(),
            port,
            question: Cell::new(question),
            reply: RefCell::default(),
            waker: Cell::default(),
        });
        // SAFETY: NGINX has just made it.
        let asked = unsafe { &mut *question };
        asked.name = ngx_str_t { len: state.name.len(), data: state.name.as_ptr().cast_mut() };
        asked.handler = Some(answered);
        asked.data = Rc::as_ptr(&state).cast_mut().cast();
        asked.timeout = resolver.timeout as ngx_msec_t;
        // The answer may be there before this returns.
        // SAFETY: what it refers to lives until the answer, or until `drop` takes it back.
        if unsafe { ngx_resolve_name(question) } != NGX_OK as ngx_int_t {
            // NGINX has freed it.
            state.question.set(ptr::null_mut());
            return None;
        }
        Some(Self { state })
    }
}

impl Drop for Lookup {
    fn drop(&mut self) {
        let question = self.state.question.replace(ptr::null_mut());
        if !question.is_null() {
            // SAFETY: it is not answered yet.
            unsafe { ngx_resolve_name_done(question) };
        }
    }
}

unsafe extern "C" fn answered(question: *mut ngx_resolver_ctx_t) {
    guard((), || {
        // SAFETY: NGINX gives the question, whose `data` is alive: `drop` takes the question back.
        let (answer, state) = unsafe { (&*question, &*(*question).data.cast::<State>()) };
        // SAFETY: NGINX gives what it has filled.
        let reply = unsafe { reply(answer, state) };
        state.reply.replace(Some(reply));
        state.question.set(ptr::null_mut());
        let waker = state.waker.take();
        // SAFETY: the question is answered, and this is the only place that says so.
        unsafe { ngx_resolve_name_done(question) };
        if let Some(waker) = waker {
            waker.wake();
        }
    });
}

/// What an answer says. The resolver reports an empty answer as a name that does not exist, and
/// ignores what is no answer, so that it ends with its timeout.
///
/// # Safety
/// NGINX has answered the question.
unsafe fn reply(answer: &ngx_resolver_ctx_t, state: &State) -> Reply<SocketAddress> {
    const OK: ngx_int_t = NGX_OK as ngx_int_t;
    const SERVFAIL: ngx_int_t = NGX_RESOLVE_SERVFAIL as ngx_int_t;
    const TIMEDOUT: ngx_int_t = NGX_RESOLVE_TIMEDOUT as ngx_int_t;
    let name = String::from_utf8_lossy(&state.name);
    let why = || {
        // SAFETY: NGINX returns a static text for any number.
        let why = unsafe { CStr::from_ptr(ngx_resolver_strerror(answer.state).cast()) };
        format!("\"{name}\" could not be resolved: {}", why.to_string_lossy())
    };
    match answer.state {
        OK if answer.naddrs > 0 => {
            // SAFETY: NGINX has filled that many addresses.
            let addresses = unsafe { std::slice::from_raw_parts(answer.addrs, answer.naddrs) };
            // SAFETY: NGINX has filled the address and its length.
            let address = |one: &ngx_resolver_addr_t| unsafe {
                SocketAddress::with_port(one.sockaddr, one.socklen, state.port)
            };
            Reply::Found(addresses.iter().filter_map(address).collect())
        }
        OK => Reply::Gone(format!("\"{name}\" has no address")),
        SERVFAIL => Reply::Failed(why()),
        TIMEDOUT => Reply::Silent(why()),
        _ => Reply::Gone(why()),
    }
}
