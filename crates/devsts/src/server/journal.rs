//! What a server notes, and tests that wait for it.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::call::{Call, TlsInfo};

/// What became of a server's connections.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Connections {
    /// Accepted so far.
    pub accepted: u64,
    /// Open now.
    pub open: u64,
    /// Of the open ones, those that wait for a request and have got nothing of it yet.
    pub idle: u64,
    /// Closed by the client before its request was answered.
    pub aborted: u64,
    /// Ended by a failed TLS handshake.
    pub tls_failed: u64,
}

/// A connection whose TLS handshake failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFailure {
    /// Which connection, counted from 1.
    pub connection: u64,
    /// Why, in OpenSSL's words.
    pub error: String,
    /// How many bytes the client sent in all, its handshake included.
    pub received: u64,
    /// How many of them look like a request: everything when the client did not speak TLS at all,
    /// else what the application data records hold beyond a handshake's own small ones. Under TLS
    /// 1.3 the client's certificate is such a record as well.
    pub application: u64,
}

/// The notes themselves. Each change wakes those that wait.
#[derive(Debug)]
pub(crate) struct Journal {
    remember: usize,
    noted: Mutex<Noted>,
    changed: Condvar,
}

#[derive(Debug, Default)]
pub(crate) struct Noted {
    pub(crate) connections: Connections,
    pub(crate) call_count: u64,
    calls: Vec<Arc<Call>>,
    handshakes: Vec<TlsInfo>,
    tls_failures: Vec<TlsFailure>,
    bad_requests: Vec<String>,
}

impl Journal {
    pub(crate) fn new(remember: usize) -> Self {
        Self { remember, noted: Mutex::default(), changed: Condvar::new() }
    }

    /// Gives the call its number and keeps it.
    pub(crate) fn call(&self, mut call: Call) -> Arc<Call> {
        self.change(|noted| {
            noted.call_count += 1;
            call.number = noted.call_count;
            let call = Arc::new(call);
            if noted.calls.len() < self.remember {
                noted.calls.push(Arc::clone(&call));
            }
            call
        })
    }

    pub(crate) fn handshake(&self, info: TlsInfo) {
        self.change(|noted| {
            if noted.handshakes.len() < self.remember {
                noted.handshakes.push(info);
            }
        });
    }

    pub(crate) fn tls_failure(&self, failure: TlsFailure) {
        self.change(|noted| {
            noted.connections.tls_failed += 1;
            if noted.tls_failures.len() < self.remember {
                noted.tls_failures.push(failure);
            }
        });
    }

    pub(crate) fn bad_request(&self, problem: String) {
        self.change(|noted| {
            if noted.bad_requests.len() < self.remember {
                noted.bad_requests.push(problem);
            }
        });
    }

    pub(crate) fn change_connections<T>(&self, change: impl FnOnce(&mut Connections) -> T) -> T {
        self.change(|noted| change(&mut noted.connections))
    }

    pub(crate) fn connections(&self) -> Connections {
        self.lock().connections
    }

    pub(crate) fn calls(&self) -> Vec<Arc<Call>> {
        self.lock().calls.clone()
    }

    pub(crate) fn call_count(&self) -> u64 {
        self.lock().call_count
    }

    pub(crate) fn handshakes(&self) -> Vec<TlsInfo> {
        self.lock().handshakes.clone()
    }

    pub(crate) fn tls_failures(&self) -> Vec<TlsFailure> {
        self.lock().tls_failures.clone()
    }

    pub(crate) fn bad_requests(&self) -> Vec<String> {
        self.lock().bad_requests.clone()
    }

    /// Waits until the test is true; `false` when it was not in time.
    pub(crate) fn wait(&self, timeout: Duration, test: impl Fn(&Noted) -> bool) -> bool {
        let deadline = Instant::now() + timeout;
        let mut noted = self.lock();
        loop {
            if test(&noted) {
                return true;
            }
            let Some(left) = deadline.checked_duration_since(Instant::now()) else { return false };
            noted =
                self.changed.wait_timeout(noted, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn change<T>(&self, change: impl FnOnce(&mut Noted) -> T) -> T {
        let result = change(&mut self.lock());
        self.changed.notify_all();
        result
    }

    fn lock(&self) -> MutexGuard<'_, Noted> {
        self.noted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
