//! A connection to an STS on NGINX's event loop.

mod remark;
mod reusable;

use std::cell::{Cell, RefCell, UnsafeCell};
use std::future::poll_fn;
use std::io;
use std::mem::{self, ManuallyDrop};
use std::net::TcpStream;
use std::os::fd::FromRawFd;
use std::ptr;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use nginx_sys::{
    NGX_AGAIN, NGX_DECLINED, NGX_OK, ngx_close_connection,
    ngx_connection_log_error_e_NGX_ERROR_ERR, ngx_connection_t, ngx_create_pool, ngx_cycle,
    ngx_destroy_pool, ngx_event_connect_peer, ngx_event_get_peer, ngx_event_t,
    ngx_handle_read_event, ngx_handle_write_event, ngx_int_t, ngx_log_t, ngx_peer_connection_t,
    ngx_pool_t, ngx_ssl_handshake, ngx_ssl_shutdown, ngx_str_t, ngx_tcp_nodelay,
};
use nix::errno::Errno;
use sts_core::client_auth::KeyPair;
use sts_core::endpoint::Host;
use sts_net::idle::ParkedId;

use crate::address::SocketAddress;
use crate::guard::guard;
use crate::log::cycle_log;
use crate::peer::remark::Remark;
use crate::peer::reusable::Reusable;
use crate::tls::Tls;

/// Bytes of the pool of a connection, as NGINX has it for one to a backend. What TLS needs is taken beside it.
const POOL_SIZE: usize = 128;

/// Bytes that one record of TLS has at most (RFC 8446, section 5.1).
const MAX_RECORD: usize = 16 * 1024;

/// What went wrong while a connection was made.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The time to shut down is over.
    #[error("NGINX closes the connection")]
    Closing,
    #[error("no connection can be opened: {why}{remedy}")]
    Exhausted { why: String, remedy: &'static str },
    #[error("cannot connect to {to}: {why}")]
    Connect { to: String, why: String },
    #[error("cannot connect to {to}: nothing happened for {milliseconds} ms")]
    Hangs { to: String, milliseconds: u64 },
    #[error("TLS handshake failed: {0}")]
    Handshake(String),
}

impl ConnectError {
    pub fn hangs(address: &SocketAddress, milliseconds: u64) -> Self {
        Self::Hangs { to: address.text().to_owned(), milliseconds }
    }

    /// Whether the other side did anything.
    pub fn is_an_answer(&self) -> bool {
        matches!(self, Self::Connect { .. } | Self::Handshake(_))
    }

    /// Whether there was a server, with which TLS failed.
    pub fn is_of_a_handshake(&self) -> bool {
        matches!(self, Self::Handshake(_))
    }

    /// Whether another address may do better.
    pub fn is_about_the_address(&self) -> bool {
        !self.is_about_the_worker()
    }

    /// Whether another worker may do better, and this one cannot.
    pub fn is_about_the_worker(&self) -> bool {
        matches!(self, Self::Closing | Self::Exhausted { .. })
    }
}

/// Why nothing more comes or goes.
#[derive(Debug, thiserror::Error)]
pub enum TransferError {
    /// The time to shut down is over.
    #[error("NGINX closes the connection")]
    Closing,
    #[error("{0}")]
    Lost(String),
}

/// An open connection, closed when this goes. NGINX has the address of what is behind it.
pub struct Peer(Rc<Inner>);

/// What is told that a parked connection is of no use any more.
#[derive(Clone, Copy)]
pub struct OnClose {
    pub tell: fn(u64, ParkedId),
    /// Where it is parked.
    pub destination: u64,
    pub id: ParkedId,
}

/// What a look at a connection has found.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Received {
    /// So many bytes; none are the end of the connection.
    Bytes(usize),
    Error,
    /// Neither, up to now.
    Nothing,
}

struct Inner {
    /// Where it leads.
    address: SocketAddress,
    connection: Cell<*mut ngx_connection_t>,
    pool: *mut ngx_pool_t,
    log: UnsafeCell<ngx_log_t>,
    remark: Remark,
    reader: Cell<Option<Waker>>,
    writer: Cell<Option<Waker>>,
    parked: Cell<Option<OnClose>>,
    reusable: Reusable,
    /// What the connection is secured by.
    tls: RefCell<Option<Rc<Tls>>>,
    /// The worker ends, or NGINX needs the connection for something else.
    closing: Cell<bool>,
}

impl Peer {
    /// Connects to an address.
    pub async fn connect(address: &SocketAddress) -> Result<Self, ConnectError> {
        let no_memory = || ConnectError::Exhausted { why: "no memory".into(), remedy: "" };
        let peer = Self::new(address).ok_or_else(no_memory)?;
        peer.start()?;
        let failed = |why: String| ConnectError::Connect { to: address.text().to_owned(), why };
        poll_fn(|context| {
            let connection = peer.connection();
            if peer.inner().closing.get() {
                return Poll::Ready(Err(ConnectError::Closing));
            }
            // A task can be polled for other reasons than a finished connect.
            // SAFETY: the connection is open.
            if unsafe { (*(*connection).write).ready() } == 0 {
                peer.inner().writer.set(Some(context.waker().clone()));
                return Poll::Pending;
            }
            // SAFETY: as above.
            let error = unsafe { socket(connection) }.take_error();
            let error = error.and_then(|error| error.map_or(Ok(()), Err));
            Poll::Ready(error.map_err(|error| failed(error.to_string())))
        })
        .await?;
        // SAFETY: the connection is open and connected.
        unsafe { ngx_tcp_nodelay(peer.connection()) };
        Ok(peer)
    }

    /// Where it leads.
    pub fn address(&self) -> &SocketAddress {
        &self.inner().address
    }

    /// Secures the connection: nothing may be sent before this succeeded.
    pub async fn secure(
        &self,
        tls: Rc<Tls>,
        host: &Host,
        key_pair: Option<Rc<KeyPair>>,
    ) -> Result<(), ConnectError> {
        let connection = self.connection();
        let failed = |why: String| ConnectError::Handshake(why);
        // SAFETY: the connection is open and has its own pool.
        unsafe { tls.attach(connection, host, key_pair) }.map_err(|why| failed(why.to_owned()))?;
        // SAFETY: `attach` has set it.
        unsafe { (*(*connection).ssl).save_session = Some(save_session) };
        self.inner().tls.replace(Some(tls.clone()));
        poll_fn(|context| self.poll_handshake(context)).await?;
        // SAFETY: the handshake is done.
        unsafe { tls.check(connection) }.map_err(failed)
    }

    /// Keeps the connection for a later call: `on_close` is told when it ends before.
    ///
    /// Returns whether it can be kept.
    pub fn park(&self, on_close: OnClose) -> bool {
        let connection = self.connection();
        // SAFETY: the connection is open.
        let read = unsafe { (*connection).read };
        // What arrived already will not be reported again. Under TLS it may lie in OpenSSL's buffer, and
        // a peek at the socket would not see it.
        // SAFETY: as above.
        if unsafe { (*read).ready() } != 0 && self.receive(&mut [0]) != Received::Nothing {
            return false;
        }
        // SAFETY: as above.
        let armed = unsafe { ngx_handle_read_event(read, 0) } == NGX_OK as ngx_int_t;
        if self.inner().closing.get() || !armed {
            return false;
        }
        self.inner().parked.set(Some(on_close));
        // A worker that quits closes it.
        // SAFETY: as above.
        unsafe { (*connection).set_idle(1) };
        // SAFETY: as above; `unpark` and `drop` take it out.
        unsafe { self.inner().reusable.enter(connection) };
        true
    }

    /// Takes the connection out of its rest. Returns whether it is still good: open, and silent.
    pub fn unpark(&self) -> bool {
        let connection = self.connection();
        self.inner().parked.set(None);
        // SAFETY: the connection is open.
        unsafe { (*connection).set_idle(0) };
        // SAFETY: as above.
        unsafe { self.inner().reusable.leave(connection) };
        !self.inner().closing.get() && self.inner().is_silent()
    }

    /// Sends what the connection takes of `data` now, and returns how much that was. Of what is secured
    /// it takes a record at most: OpenSSL tells of several only when the last one has left.
    pub fn poll_write(
        &self,
        context: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<Result<usize, TransferError>> {
        let connection = self.connection();
        if self.inner().closing.get() {
            return Poll::Ready(Err(TransferError::Closing));
        }
        let most = if self.inner().tls.borrow().is_some() { MAX_RECORD } else { usize::MAX };
        let length = data.len().min(most);
        // SAFETY: an open connection has its functions set; NGINX only reads the data.
        let sent = unsafe {
            (*connection).send.map(|send| send(connection, data.as_ptr().cast_mut(), length))
        };
        match sent {
            Some(length) if length > 0 => return Poll::Ready(Ok(length.unsigned_abs())),
            Some(again) if again == NGX_AGAIN as isize => {}
            _ => return Poll::Ready(Err(self.lost())),
        }
        // SAFETY: the connection is open.
        let write = unsafe { (*connection).write };
        // SAFETY: as above.
        if unsafe { ngx_handle_write_event(write, 0) } != NGX_OK as ngx_int_t {
            return Poll::Ready(Err(self.lost()));
        }
        self.inner().writer.set(Some(context.waker().clone()));
        Poll::Pending
    }

    /// Takes what has arrived, as far as there is room, and returns how much that is; 0 is the end of
    /// the connection.
    pub fn poll_read(
        &self,
        context: &mut Context<'_>,
        room: &mut [u8],
    ) -> Poll<Result<usize, TransferError>> {
        let connection = self.connection();
        if self.inner().closing.get() {
            return Poll::Ready(Err(TransferError::Closing));
        }
        // SAFETY: the connection is open.
        let read = unsafe { (*connection).read };
        // SAFETY: as above.
        if unsafe { (*read).ready() } != 0 {
            match self.receive(room) {
                Received::Bytes(length) => return Poll::Ready(Ok(length)),
                Received::Nothing => {}
                Received::Error => return Poll::Ready(Err(self.lost())),
            }
        }
        // SAFETY: as above.
        if unsafe { ngx_handle_read_event(read, 0) } != NGX_OK as ngx_int_t {
            return Poll::Ready(Err(self.lost()));
        }
        self.inner().reader.set(Some(context.waker().clone()));
        Poll::Pending
    }

    fn receive(&self, room: &mut [u8]) -> Received {
        let connection = self.connection();
        // SAFETY: an open connection has its functions set; there is that much room.
        let received = unsafe {
            (*connection).recv.map(|recv| recv(connection, room.as_mut_ptr(), room.len()))
        };
        match received {
            Some(length) if length >= 0 => Received::Bytes(length.unsigned_abs()),
            Some(again) if again == NGX_AGAIN as isize => Received::Nothing,
            _ => Received::Error,
        }
    }

    fn lost(&self) -> TransferError {
        TransferError::Lost(self.remark())
    }

    fn new(address: &SocketAddress) -> Option<Self> {
        // SAFETY: the log of the cycle is valid.
        let pool = unsafe { ngx_create_pool(POOL_SIZE, cycle_log()) };
        if pool.is_null() {
            return None;
        }
        // SAFETY: as above.
        let log = unsafe { *cycle_log() };
        let inner = Rc::new(Inner {
            address: address.clone(),
            connection: Cell::new(ptr::null_mut()),
            pool,
            log: UnsafeCell::new(log),
            remark: Remark::default(),
            reader: Cell::default(),
            writer: Cell::default(),
            parked: Cell::default(),
            reusable: Reusable::default(),
            tls: RefCell::default(),
            closing: Cell::new(false),
        });
        // SAFETY: NGINX does not know the log yet, and it goes with the remark.
        unsafe { inner.remark.listen_to(&mut *inner.log.get()) };
        Some(Self(inner))
    }

    fn start(&self) -> Result<(), ConnectError> {
        let address = self.address();
        let text = address.text();
        let mut name = ngx_str_t { len: text.len(), data: text.as_ptr().cast_mut() };
        let log = self.inner().log.get();
        // SAFETY: all zeroes is a valid, empty description.
        let mut description = unsafe { mem::zeroed::<ngx_peer_connection_t>() };
        description.sockaddr = address.as_ptr().cast_mut();
        description.socklen = address.length();
        description.name = &raw mut name;
        description.get = Some(ngx_event_get_peer);
        description.log = log;
        description.set_log_error(ngx_connection_log_error_e_NGX_ERROR_ERR);
        Errno::clear();
        // SAFETY: all that the description points at outlives the call.
        let status = unsafe { ngx_event_connect_peer(&raw mut description) };
        let error = Errno::last();
        let connection = description.connection;
        if status == NGX_DECLINED as ngx_int_t {
            return Err(ConnectError::Connect { to: text.to_owned(), why: self.remark() });
        }
        if connection.is_null() {
            return Err(self.not_started(error));
        }
        self.inner().connection.set(connection);
        // SAFETY: NGINX has opened it.
        let opened = unsafe { &mut *connection };
        opened.data = Rc::as_ptr(&self.0).cast_mut().cast();
        opened.log = log;
        opened.pool = self.inner().pool;
        opened.set_sendfile(0);
        for event in [opened.read, opened.write] {
            // SAFETY: an open connection has both events.
            unsafe { (*event).log = log };
        }
        self.set_handlers();
        Ok(())
    }

    /// Why NGINX has made no connection, with the error of the system call that failed, if one did.
    fn not_started(&self, error: Errno) -> ConnectError {
        let why = self.remark();
        let remedy = match error {
            Errno::EMFILE => ": raise worker_rlimit_nofile",
            Errno::ENFILE => ": raise fs.file-max of the system",
            Errno::ENOBUFS | Errno::ENOMEM => "",
            _ if is_out_of_connections() => ": raise worker_connections",
            // An address of a family that this system does not have, for one.
            _ => return ConnectError::Connect { to: self.address().text().to_owned(), why },
        };
        ConnectError::Exhausted { why, remedy }
    }

    fn set_handlers(&self) {
        let connection = self.connection();
        // SAFETY: the connection is open.
        unsafe { (*(*connection).read).handler = Some(readable) };
        // SAFETY: as above.
        unsafe { (*(*connection).write).handler = Some(writable) };
    }

    /// Goes on with a handshake that `secure` has prepared.
    fn poll_handshake(&self, context: &mut Context<'_>) -> Poll<Result<(), ConnectError>> {
        if self.inner().closing.get() {
            return Poll::Ready(Err(ConnectError::Closing));
        }
        // SAFETY: the connection is open, and `secure` has made its TLS state. A poll for no reason
        // finds that nothing has arrived.
        let status = unsafe { ngx_ssl_handshake(self.connection()) };
        // NGINX puts its own handlers in while it waits, and these do not see that NGINX wants to
        // close the connection.
        self.set_handlers();
        if status == NGX_AGAIN as ngx_int_t {
            self.inner().reader.set(Some(context.waker().clone()));
            self.inner().writer.set(Some(context.waker().clone()));
            return Poll::Pending;
        }
        let done = status == NGX_OK as ngx_int_t;
        Poll::Ready(if done {
            Ok(())
        } else {
            Err(ConnectError::Handshake(remark::of_handshake(self.remark())))
        })
    }

    fn inner(&self) -> &Inner {
        &self.0
    }

    fn connection(&self) -> *mut ngx_connection_t {
        self.inner().connection.get()
    }

    /// NGINX's own words about what went wrong.
    fn remark(&self) -> String {
        self.inner().remark.take().unwrap_or_else(|| "closed by the peer".into())
    }
}

impl Inner {
    /// Nothing has arrived, and the connection has not ended.
    fn is_silent(&self) -> bool {
        // SAFETY: the connection is open.
        let peeked = unsafe { socket(self.connection.get()) }.peek(&mut [0]);
        peeked.is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock)
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        let connection = self.connection.get();
        if !connection.is_null() {
            // SAFETY: the connection is open.
            unsafe { self.reusable.leave(connection) };
            // SAFETY: as above, and it is not used after this.
            unsafe { close(connection) };
        }
        // SAFETY: the connection that used the pool is closed.
        unsafe { ngx_destroy_pool(self.pool) };
    }
}

/// Whether all of `worker_connections` are in use.
fn is_out_of_connections() -> bool {
    // SAFETY: `ngx_cycle` is a plain global that only the main thread changes.
    let cycle = unsafe { ngx_cycle };
    // SAFETY: a worker has a valid cycle.
    !cycle.is_null() && unsafe { (*cycle).free_connections }.is_null()
}

/// # Safety
/// `connection` is open and not used after this.
unsafe fn close(connection: *mut ngx_connection_t) {
    // SAFETY: the caller's contract.
    let opened = unsafe { &mut *connection };
    // SAFETY: as above.
    if let Some(tls) = unsafe { opened.ssl.as_mut() } {
        // What is said is said; an STS does not wait for our close_notify, and waiting for its one
        // would keep the connection.
        tls.set_no_wait_shutdown(1);
        tls.set_no_send_shutdown(1);
        // SAFETY: as above.
        unsafe { ngx_ssl_shutdown(connection) };
    }
    // SAFETY: as above.
    unsafe { ngx_close_connection(connection) };
}

/// The socket of a connection, for what the standard library can do with it. It is not closed with
/// the result, and need not be TCP.
///
/// # Safety
/// `connection` is open for as long as the result is used.
unsafe fn socket(connection: *mut ngx_connection_t) -> ManuallyDrop<TcpStream> {
    // SAFETY: the caller's contract.
    let descriptor = unsafe { (*connection).fd };
    // SAFETY: as above; ownership stays with NGINX.
    ManuallyDrop::new(unsafe { TcpStream::from_raw_fd(descriptor) })
}

/// # Safety
/// `event` belongs to a connection of a [`Peer`] that is still there.
unsafe fn inner_of<'a>(event: *mut ngx_event_t) -> (&'a Inner, &'a ngx_connection_t) {
    // SAFETY: the `data` of a connection's event is the connection.
    let connection = unsafe { &*(*event).data.cast::<ngx_connection_t>() };
    // SAFETY: `start` has set it, and the connection is closed before what holds it goes.
    (unsafe { &*connection.data.cast::<Inner>() }, connection)
}

extern "C" fn readable(event: *mut ngx_event_t) {
    guard((), || {
        // SAFETY: the handler is installed on peers only.
        let (inner, connection) = unsafe { inner_of(event) };
        if connection.close() != 0 {
            inner.closing.set(true);
        }
        if let Some(on_close) = inner.parked.get() {
            // No answer is due: this is the end of the connection, or a spurious wake-up.
            if inner.closing.get() || !inner.is_silent() {
                (on_close.tell)(on_close.destination, on_close.id);
            } else {
                // SAFETY: the event is the open connection's.
                unsafe { (*event).set_ready(0) };
                // SAFETY: as above.
                unsafe { ngx_handle_read_event(event, 0) };
            }
            return;
        }
        // The wake-up may drop the peer: nothing of it is touched after the last one.
        let (reader, writer) =
            (inner.reader.take(), inner.closing.get().then(|| inner.writer.take()));
        reader.into_iter().chain(writer.flatten()).for_each(Waker::wake);
    });
}

extern "C" fn writable(event: *mut ngx_event_t) {
    guard((), || {
        // SAFETY: the handler is installed on peers only.
        let (inner, _) = unsafe { inner_of(event) };
        match inner.writer.take() {
            Some(writer) => writer.wake(),
            // With level-triggered methods the event would come again and again.
            // SAFETY: the event is the open connection's.
            None => drop(unsafe { ngx_handle_write_event(event, 0) }),
        }
    });
}

/// OpenSSL has a new session; with TLS 1.3 it comes some time after the handshake.
unsafe extern "C" fn save_session(connection: *mut ngx_connection_t) {
    guard((), || {
        // SAFETY: NGINX gives the connection, which is a peer's.
        let inner = unsafe { &*(*connection).data.cast::<Inner>() };
        if let Some(tls) = &*inner.tls.borrow() {
            // SAFETY: the connection is secured by it.
            unsafe { tls.keep_session(connection) };
        }
    });
}
