//! A way to a server on which some of what is said can be held up.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::{Arc, Barrier};
use std::thread;

/// What becomes of a message to the server before it goes on.
type Look = dyn Fn(&[u8]) -> Pass + Send + Sync;

/// What becomes of a message.
pub enum Pass {
    /// It goes on.
    On,
    /// It never arrives, and the connection stays open.
    Never,
    /// It goes on when as many as the barrier says have come.
    With(Arc<Barrier>),
    /// It goes on, and the connection ends before the answer comes.
    Cut,
}

/// A way to a server; it works until the test process ends.
pub struct Relay {
    port: u16,
}

impl Relay {
    /// To this port of 127.0.0.1. What arrives at once is one message.
    ///
    /// # Panics
    /// When no port can be bound.
    pub fn to(server: u16, look: impl Fn(&[u8]) -> Pass + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let look: Arc<Look> = Arc::new(look);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let look = look.clone();
                thread::spawn(move || connect(server, client, &*look));
            }
        });
        Self { port }
    }

    /// Where it listens, on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }
}

fn connect(server: u16, mut client: TcpStream, look: &Look) -> Option<()> {
    let mut server = TcpStream::connect((Ipv4Addr::LOCALHOST, server)).ok()?;
    let (mut back, mut to_client) = (server.try_clone().ok()?, client.try_clone().ok()?);
    thread::spawn(move || {
        let _ = std::io::copy(&mut back, &mut to_client);
        let _ = to_client.shutdown(std::net::Shutdown::Both);
    });
    let mut room = vec![0; 1 << 18];
    loop {
        let length = client.read(&mut room).ok().filter(|length| *length > 0)?;
        let message = room.get(..length)?;
        match look(message) {
            Pass::On => {}
            Pass::Never => continue,
            Pass::With(barrier) => {
                barrier.wait();
            }
            Pass::Cut => {
                let _ = client.shutdown(std::net::Shutdown::Both);
            }
        }
        server.write_all(message).ok()?;
    }
}
