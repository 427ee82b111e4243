//! A name server for NGINX's `resolver`: it knows a few names, and counts the queries for each.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, AtomicU16, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// Types of questions (RFC 1035, section 3.2.2, and RFC 3596).
const A: u16 = 1;
const AAAA: u16 = 28;

/// Bits of the header's second word (RFC 1035, section 4.1.1): an answer, with recursion.
const ANSWER: u16 = 0x8180;
const NO_SUCH_NAME: u16 = 3;

/// Why a server does not say anything about a name (RFC 1035, section 4.1.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// SERVFAIL.
    Failure = 2,
    /// REFUSED.
    Refusal = 5,
}

/// The header's bytes.
const HEADER: usize = 12;

/// How often the thread looks whether it is to end.
const LOOK: Duration = Duration::from_millis(50);

/// A running name server. It ends when it is dropped.
pub struct Dns {
    address: SocketAddr,
    zone: Arc<Zone>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Zone {
    names: Mutex<HashMap<String, Entry>>,
    asked: Mutex<HashMap<String, usize>>,
    silent: AtomicBool,
    /// In place of each answer, when it is not 0.
    trouble: AtomicU16,
    over: AtomicBool,
}

struct Entry {
    addresses: Vec<IpAddr>,
    seconds: u32,
}

impl Default for Dns {
    fn default() -> Self {
        Self::new()
    }
}

impl Dns {
    /// A server on a free port of 127.0.0.1 that knows no name: of each it says that there is none.
    ///
    /// # Panics
    /// When it cannot start.
    pub fn new() -> Self {
        Self::at((Ipv4Addr::LOCALHOST, 0).into())
    }

    /// The same at an address.
    ///
    /// # Panics
    /// When it cannot start there.
    pub fn at(address: SocketAddr) -> Self {
        let socket = UdpSocket::bind(address).expect("a free port");
        socket.set_read_timeout(Some(LOOK)).expect("the timeout is not zero");
        let address = socket.local_addr().expect("an address");
        let zone = Arc::new(Zone::default());
        let serving = Arc::clone(&zone);
        let thread = std::thread::Builder::new().name("dns".into());
        let thread = thread.spawn(move || serving.serve(&socket)).expect("a thread can start");
        Self { address, zone, thread: Some(thread) }
    }

    /// The address for NGINX's `resolver`.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// From now on the name has these addresses, with a TTL of so many seconds.
    pub fn set(&self, name: &str, seconds: u32, addresses: &[IpAddr]) {
        let entry = Entry { addresses: addresses.to_vec(), seconds };
        lock(&self.zone.names).insert(name.to_owned(), entry);
    }

    /// From now on there is no such name.
    pub fn remove(&self, name: &str) {
        lock(&self.zone.names).remove(name);
    }

    /// Whether no query gets an answer.
    pub fn set_silent(&self, silent: bool) {
        self.zone.silent.store(silent, Ordering::Relaxed);
    }

    /// What each query gets in place of an answer.
    pub fn set_trouble(&self, trouble: Option<Trouble>) {
        self.zone.trouble.store(trouble.map_or(0, |trouble| trouble as u16), Ordering::Relaxed);
    }

    /// How often the name was asked for, whatever about it.
    pub fn questions(&self, name: &str) -> usize {
        lock(&self.zone.asked).get(name).copied().unwrap_or_default()
    }
}

impl Drop for Dns {
    fn drop(&mut self) {
        self.zone.over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // What it panicked about is on the terminal.
            let _ = thread.join();
        }
    }
}

impl Zone {
    fn serve(&self, socket: &UdpSocket) {
        let mut question = [0; 512];
        while !self.over.load(Ordering::Relaxed) {
            // Nothing came, or a client that got an answer is gone.
            let Ok((length, client)) = socket.recv_from(&mut question) else { continue };
            if let Some(answer) = self.answer(&question[..length]) {
                // The client may be gone.
                let _ = socket.send_to(&answer, client);
            }
        }
    }

    /// Nothing for what is no question, and when the server is silent.
    fn answer(&self, message: &[u8]) -> Option<Vec<u8>> {
        let (name, end) = name_of(message)?;
        let kind = word(message, end)?;
        let question = message.get(HEADER..end + 4)?;
        *lock(&self.asked).entry(name.clone()).or_default() += 1;
        if self.silent.load(Ordering::Relaxed) {
            return None;
        }
        let trouble = self.trouble.load(Ordering::Relaxed);
        let names = lock(&self.names);
        let entry = names.get(&name).filter(|_| trouble == 0);
        let records: Vec<_> =
            entry.iter().flat_map(|entry| entry.records()).filter(|(k, _)| *k == kind).collect();
        let status = match (entry, trouble) {
            (Some(_), _) => ANSWER,
            (None, 0) => ANSWER | NO_SUCH_NAME,
            (None, trouble) => ANSWER | trouble,
        };
        let count = u16::try_from(records.len()).expect("a few addresses");
        let mut answer = message.get(..2)?.to_vec();
        for value in [status, 1, count, 0, 0] {
            answer.extend(value.to_be_bytes());
        }
        answer.extend_from_slice(question);
        for (kind, address) in records {
            // A pointer to the name in the question (RFC 1035, section 4.1.4), and class IN.
            answer.extend([0xc0, 0x0c]);
            answer.extend(kind.to_be_bytes());
            answer.extend(1_u16.to_be_bytes());
            answer.extend(entry.map_or(0, |entry| entry.seconds).to_be_bytes());
            answer.extend(u16::try_from(address.len()).expect("an address").to_be_bytes());
            answer.extend(address);
        }
        Some(answer)
    }
}

impl Entry {
    fn records(&self) -> Vec<(u16, Vec<u8>)> {
        let record = |address: &IpAddr| match address {
            IpAddr::V4(address) => (A, address.octets().to_vec()),
            IpAddr::V6(address) => (AAAA, address.octets().to_vec()),
        };
        self.addresses.iter().map(record).collect()
    }
}

/// The name in the question, and where its type stands.
fn name_of(message: &[u8]) -> Option<(String, usize)> {
    let mut at = HEADER;
    let mut labels = Vec::new();
    loop {
        let length = usize::from(*message.get(at)?);
        at += 1;
        if length == 0 {
            return Some((labels.join("."), at));
        }
        let label = message.get(at..at + length)?;
        labels.push(String::from_utf8_lossy(label).to_ascii_lowercase());
        at += length;
    }
}

fn word(message: &[u8], at: usize) -> Option<u16> {
    let bytes = message.get(at..at + 2)?;
    bytes.try_into().ok().map(u16::from_be_bytes)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
