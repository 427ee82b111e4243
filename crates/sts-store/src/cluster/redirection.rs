//! What a node says that does not have a name.

use crate::cluster::SLOTS;

/// Another node has the name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redirection {
    /// The slot is on its way to that node: this one command goes there, and is announced.
    pub asks: bool,
    /// The slot of the name.
    pub slot: u16,
    /// The host of the node; `None`: that of the node that says so.
    pub host: Option<String>,
    /// Its port.
    pub port: u16,
}

impl Redirection {
    /// Reads an error: `MOVED 3999 127.0.0.1:6381`, or `ASK …`. `None` for any other.
    pub fn read(text: &str) -> Option<Self> {
        let mut words = text.split(' ');
        let asks = match words.next()? {
            "MOVED" => false,
            "ASK" => true,
            _ => return None,
        };
        let slot = number(words.next()?).filter(|slot| *slot < SLOTS)?;
        let (host, port) = words.next()?.rsplit_once(':')?;
        let port = number(port).filter(|port| *port > 0)?;
        let is_good = words.next().is_none() && (host.is_empty() || is_host(host));
        let host = Some(host.to_owned()).filter(|host| !host.is_empty());
        is_good.then_some(Self { asks, slot, host, port })
    }
}

/// Digits, and nothing else.
fn number(digits: &str) -> Option<u16> {
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    digits.parse().ok().filter(|_| is_number)
}

/// Whether what a server names is a host: it becomes an address, and nothing else.
pub fn is_host(text: &str) -> bool {
    let is_of_host = |byte: u8| byte.is_ascii_alphanumeric() || b".:-_".contains(&byte);
    !text.is_empty() && text.bytes().all(is_of_host)
}
