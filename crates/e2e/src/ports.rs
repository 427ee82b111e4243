//! TCP ports that no other process uses.

use std::collections::HashMap;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr as UnixAddr, UnixListener};
use std::sync::{LazyLock, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use socket2::{Domain, Socket, Type};

/// Below are the ports of well-known services.
const LOWEST: u16 = 10_240;

/// Where Linux starts to hand out the local ports of outgoing connections, unless it says otherwise.
const LOWEST_EPHEMERAL: u16 = 32_768;

static TAKEN: LazyLock<Mutex<HashMap<u16, UnixListener>>> = LazyLock::new(Mutex::default);

/// A port on 127.0.0.1 that is free now and that no test program hands out again while this one runs.
///
/// It is taken from below the range of outgoing connections, where the kernel itself could give it
/// away before the server is started. A process that is no test may still be quicker: the caller
/// has to be ready to try again with another one.
///
/// # Panics
/// When there is none.
pub fn free_port() -> u16 {
    let end = first_ephemeral();
    let mut taken = TAKEN.lock().expect("no test panics while it holds the lock");
    let mut candidate = start(end);
    for _ in LOWEST..end {
        candidate = if candidate + 1 < end { candidate + 1 } else { LOWEST };
        let Some(claim) = claim(candidate) else { continue };
        if TcpListener::bind(("127.0.0.1", candidate)).is_ok() {
            taken.insert(candidate, claim);
            return candidate;
        }
    }
    panic!("no free TCP port between {LOWEST} and {end}");
}

/// Tells the other test programs that a port is taken, although nothing listens at it yet: a socket
/// of that name in the abstract namespace (unix(7)) can be bound once, and ends with its process.
fn claim(port: u16) -> Option<UnixListener> {
    let name = UnixAddr::from_abstract_name(format!("sts-e2e-port-{port}")).ok()?;
    UnixListener::bind_addr(&name).ok()
}

/// Where to start looking: elsewhere in each process and at each moment, so that test programs that
/// run side by side rarely meet.
fn start(end: u16) -> u16 {
    let nanos = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.subsec_nanos());
    let mixed = (nanos / 1000).wrapping_add(std::process::id().wrapping_mul(7919));
    let span = u32::from(end - LOWEST);
    LOWEST + u16::try_from(mixed % span).expect("less than a port number")
}

fn first_ephemeral() -> u16 {
    fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range")
        .ok()
        .and_then(|range| range.split_whitespace().next()?.parse().ok())
        .filter(|first| *first > LOWEST + 1000)
        .unwrap_or(LOWEST_EPHEMERAL)
}

/// A port to which a connection is neither made nor refused.
pub struct FullPort {
    listener: TcpListener,
    _queued: Vec<TcpStream>,
}

impl FullPort {
    /// Fills the queue of a listener that is never served.
    ///
    /// # Panics
    /// When there is no port for it.
    pub fn new() -> Self {
        Self::at((Ipv4Addr::LOCALHOST, 0).into())
    }

    /// The same at an address of its own.
    ///
    /// # Panics
    /// When another process has it.
    pub fn at(address: SocketAddr) -> Self {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
        socket.bind(&address.into()).expect("a free port");
        socket.listen(0).expect("a listener");
        let listener = TcpListener::from(socket);
        let address = listener.local_addr().expect("an address");
        let mut queued = Vec::new();
        // The kernel keeps one more than it was told, and drops the packets of the others.
        while let Ok(stream) = TcpStream::connect_timeout(&address, Duration::from_millis(200)) {
            queued.push(stream);
        }
        Self { listener, _queued: queued }
    }

    /// Its number.
    ///
    /// # Panics
    /// When the socket has no address.
    pub fn number(&self) -> u16 {
        self.listener.local_addr().expect("an address").port()
    }
}

impl Default for FullPort {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_port_is_handed_out_twice() {
        let ports: Vec<u16> = (0..50).map(|_| free_port()).collect();
        let different: HashSet<u16> = ports.iter().copied().collect();
        assert_eq!(different.len(), ports.len());
    }

    #[test]
    fn a_port_that_was_handed_out_is_taken_for_other_test_programs_too() {
        let port = free_port();
        assert!(claim(port).is_none());
    }
}
