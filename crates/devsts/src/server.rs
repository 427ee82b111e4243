//! The HTTP/1.1 server under the STS and the backend: a runtime in a thread of its own, stopped and
//! joined when the handle is dropped.

pub mod call;
mod connection;
mod journal;
pub mod listen;
mod stream;
pub mod tls;

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::sync::{oneshot, watch};

use self::call::{Call, TlsInfo};
use self::journal::Journal;
pub use self::journal::{Connections, TlsFailure};
use self::listen::{Listen, Listener};
use self::tls::Tls;
use crate::script::{Script, Scripts, When};

/// What a server answers when no script says otherwise.
pub(crate) trait Service: Send + Sync + 'static {
    fn answer(&self, call: &Call) -> Script;
}

/// How a server is started.
#[derive(Debug)]
pub(crate) struct Options {
    pub(crate) listen: Listen,
    pub(crate) tls: Option<Tls>,
    /// How many calls are remembered for [`Server::calls`]; the newest are dropped.
    pub(crate) remember: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { listen: Listen::default(), tls: None, remember: usize::MAX }
    }
}

/// A running server. Dropping it closes its port and all connections, and waits for its thread.
#[derive(Debug)]
pub struct Server {
    local: Listen,
    tls: bool,
    shared: Arc<Shared>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// What all connections of a server share with its handle.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) journal: Journal,
    scripts: Mutex<Scripts>,
    /// Changed to end the connections that wait for a request.
    end_idle: watch::Sender<EndIdle>,
}

/// How idle connections are to end, and how often that was asked for.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct EndIdle {
    pub(crate) by_reset: bool,
    asked: u64,
}

impl Shared {
    pub(crate) fn scripts(&self) -> MutexGuard<'_, Scripts> {
        self.scripts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn end_idle(&self) -> watch::Receiver<EndIdle> {
        self.end_idle.subscribe()
    }
}

impl Server {
    pub(crate) fn start(options: &Options, service: impl Service) -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let acceptor = options.tls.as_ref().map(Tls::acceptor).transpose()?;
        let listener = {
            let _entered = runtime.enter();
            Listener::bind(&options.listen)?
        };
        let local = listener.local()?;
        let shared = Arc::new(Shared {
            journal: Journal::new(options.remember),
            scripts: Mutex::default(),
            end_idle: watch::Sender::default(),
        });
        let (stop, stopped) = oneshot::channel();
        let accepting =
            connection::accept(listener, acceptor, Arc::new(service), Arc::clone(&shared));
        // The port tells one server's thread from another's in a debugger and in /proc.
        let name = format!("devsts:{}", local.port());
        let thread = thread::Builder::new().name(name).spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    // Sent or dropped: both mean the handle wants no more.
                    _ = stopped => {}
                    () = accepting => {}
                }
            });
            // Dropping the runtime drops the tasks, and with them the connections.
        })?;
        let tls = options.tls.is_some();
        Ok(Self { local, tls, shared, stop: Some(stop), thread: Some(thread) })
    }

    /// Uses the script for the calls that `when` chooses. The first that fits is used.
    pub fn script(&self, when: When, script: Script) {
        self.shared.scripts().on_call(when, script);
    }

    /// Uses the script when the n-th connection (counted from 1; `None`: each) is accepted, before
    /// TLS. Its `usual` steps mean nothing; at its end the connection is served.
    pub fn on_accept(&self, connection: Option<u64>, script: Script) {
        self.shared.scripts().on_accept(connection, script);
    }

    /// As [`on_accept`](Self::on_accept), after TLS and before the first request is read.
    pub fn on_open(&self, connection: Option<u64>, script: Script) {
        self.shared.scripts().on_open(connection, script);
    }

    /// Forgets all scripts.
    pub fn clear_scripts(&self) {
        *self.shared.scripts() = Scripts::default();
    }

    /// Closes the connections that wait for a request, in good order.
    pub fn close_idle(&self) {
        self.signal_idle(false);
    }

    /// Resets the connections that wait for a request.
    pub fn reset_idle(&self) {
        self.signal_idle(true);
    }

    /// Where it listens, with the port that it got.
    pub fn local(&self) -> &Listen {
        &self.local
    }

    /// The port; 0 for a unix socket.
    pub fn port(&self) -> u16 {
        self.local.port()
    }

    /// The URL of a path here, as `proxy_pass` writes it: `http://127.0.0.1:1234/path`,
    /// `http://unix:/socket:/path`.
    pub fn url(&self, path: &str) -> String {
        format!("{}://{}{path}", self.scheme(), self.local.authority())
    }

    /// As [`url`](Self::url), with another host name.
    pub fn url_at(&self, host: &str, path: &str) -> String {
        format!("{}://{host}:{}{path}", self.scheme(), self.port())
    }

    /// The calls received so far, whatever came of them.
    pub fn calls(&self) -> Vec<Arc<Call>> {
        self.shared.journal.calls()
    }

    /// How many calls were received, also those that are not remembered.
    pub fn call_count(&self) -> u64 {
        self.shared.journal.call_count()
    }

    /// Waits until so many calls were received; `false` when they were not in time.
    #[must_use]
    pub fn wait_for_calls(&self, count: u64, timeout: Duration) -> bool {
        self.shared.journal.wait(timeout, |noted| noted.call_count >= count)
    }

    /// What became of the connections.
    pub fn connections(&self) -> Connections {
        self.shared.journal.connections()
    }

    /// Waits until the connections are as the test wants them; `false` when they were not in time.
    #[must_use]
    pub fn wait_for_connections(
        &self,
        timeout: Duration,
        test: impl Fn(&Connections) -> bool,
    ) -> bool {
        self.shared.journal.wait(timeout, |noted| test(&noted.connections))
    }

    /// The TLS handshakes that came to an end, also on connections without any request.
    pub fn handshakes(&self) -> Vec<TlsInfo> {
        self.shared.journal.handshakes()
    }

    /// The connections whose TLS handshake failed, and what was sent on them.
    pub fn tls_failures(&self) -> Vec<TlsFailure> {
        self.shared.journal.tls_failures()
    }

    /// What was refused before it was a call: requests that are no HTTP/1.1.
    pub fn bad_requests(&self) -> Vec<String> {
        self.shared.journal.bad_requests()
    }

    fn scheme(&self) -> &'static str {
        if self.tls { "https" } else { "http" }
    }

    fn signal_idle(&self, by_reset: bool) {
        self.shared.end_idle.send_modify(|end| *end = EndIdle { by_reset, asked: end.asked + 1 });
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
            && !thread::panicking()
        {
            // A broken server would make its tests succeed for the wrong reason.
            std::panic::resume_unwind(Box::new("the server's thread panicked"));
        }
        if let Listen::Unix(path) = &self.local {
            // It may be gone already, with its directory.
            let _ = std::fs::remove_file(path);
        }
    }
}
