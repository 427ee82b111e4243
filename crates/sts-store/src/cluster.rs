//! Redis Cluster: which of its nodes has a name.
//!
//! A name belongs to one of 16384 slots, and a slot to a node, which may change at any time: a node that
//! is asked for what another one has says which one that is.
//!
//! <https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/>

mod errand;
mod redirection;

use std::array;
use std::sync::LazyLock;

use crate::language::{Answer, Commands, StoreError};
use crate::resp::Reply;
pub use errand::{Errand, Parcel};
pub use redirection::{Redirection, is_host};

/// Slots of a Cluster.
pub const SLOTS: u16 = 16_384;

/// Nodes that are told apart.
pub const NODES: usize = 250;

/// Stands for no node.
const NO_NODE: u8 = u8::MAX;

/// The slot of a name: of what stands between the first braces, where something does.
pub fn slot(name: &[u8]) -> u16 {
    let tag = || {
        let begin = name.iter().position(|byte| *byte == b'{')? + 1;
        let rest = name.get(begin..)?;
        let end = rest.iter().position(|byte| *byte == b'}').filter(|end| *end > 0)?;
        rest.get(..end)
    };
    crc16(tag().unwrap_or(name)) % SLOTS
}

/// CRC-16/XMODEM: the polynomial 0x1021, from 0.
fn crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |crc: u16, byte| {
        let index = usize::from((crc >> 8) ^ u16::from(*byte));
        (crc << 8) ^ TABLE.get(index).copied().unwrap_or_default()
    })
}

/// What each byte makes of it.
static TABLE: LazyLock<[u16; 256]> = LazyLock::new(|| {
    let shift = |crc: u16| if crc & 0x8000 == 0 { crc << 1 } else { (crc << 1) ^ 0x1021 };
    array::from_fn(|byte| {
        (0..u8::BITS).fold(u16::try_from(byte << 8).unwrap_or(0), |crc, _| shift(crc))
    })
});

/// Which node has which slot, as far as is known. Nodes have numbers.
pub struct Slots(Vec<u8>);

impl Default for Slots {
    fn default() -> Self {
        Self(vec![NO_NODE; usize::from(SLOTS)])
    }
}

impl Slots {
    /// The node of a slot.
    pub fn node(&self, slot: u16) -> Option<usize> {
        let node = self.0.get(usize::from(slot)).copied().filter(|node| *node != NO_NODE);
        node.map(usize::from)
    }

    /// A node has these slots. One that has no number has none.
    pub fn set(&mut self, slots: impl IntoIterator<Item = u16>, node: usize) {
        let node = u8::try_from(node).unwrap_or(NO_NODE);
        for slot in slots {
            if let Some(of_slot) = self.0.get_mut(usize::from(slot)) {
                *of_slot = node;
            }
        }
    }

    /// A node is not to be asked: which one has its slots, another one tells.
    pub fn forget(&mut self, node: usize) {
        let gone = |of_slot: &&mut u8| usize::from(**of_slot) == node;
        self.0.iter_mut().filter(gone).for_each(|of_slot| *of_slot = NO_NODE);
    }
}

/// Slots that one node has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Share {
    /// The first one.
    pub first: u16,
    /// The last one.
    pub last: u16,
    /// The node's host; `None`: that of the node that says so.
    pub host: Option<String>,
    /// Its port.
    pub port: u16,
}

/// Asks which node has which slots.
pub fn ask() -> Commands {
    Commands::of_redis(&[b"CLUSTER", b"SLOTS"])
}

/// The answer.
///
/// # Errors
/// It is none.
pub fn shares(answer: Answer) -> Result<Vec<Share>, StoreError> {
    let Answer::Redis(replies) = answer else { return Err(StoreError::Unexpected) };
    let mut replies = replies.into_iter();
    match (replies.next(), replies.next()) {
        (Some(Reply::Array(Some(shares))), None) => {
            shares.into_iter().map(|reply| share(reply).ok_or(StoreError::Unexpected)).collect()
        }
        (Some(Reply::Error(text)), None) => Err(StoreError::refused(&text)),
        _ => Err(StoreError::Unexpected),
    }
}

/// First slot, last slot, the master, and then its replicas.
fn share(reply: Reply) -> Option<Share> {
    let Reply::Array(Some(parts)) = reply else { return None };
    let mut parts = parts.into_iter();
    let mut slot = || match parts.next() {
        Some(Reply::Integer(slot)) => u16::try_from(slot).ok().filter(|slot| *slot < SLOTS),
        _ => None,
    };
    let (first, last) = (slot()?, slot()?);
    let Some(Reply::Array(Some(master))) = parts.next() else { return None };
    let mut master = master.into_iter();
    let Reply::Bulk(host) = master.next()? else { return None };
    let host =
        host.map(|host| str::from_utf8(host.expose()).map(str::to_owned)).transpose().ok()?;
    let host = host.filter(|host| !host.is_empty());
    let Some(Reply::Integer(port)) = master.next() else { return None };
    let port = u16::try_from(port).ok().filter(|port| *port > 0)?;
    let is_good = first <= last && host.as_deref().is_none_or(is_host);
    is_good.then_some(Share { first, last, host, port })
}

#[cfg(test)]
mod tests;
