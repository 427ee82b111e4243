//! Where the token of an exchange comes from.

use std::rc::Rc;

use sts_core::cache_key::ExchangeKey;
use sts_core::report::line::{Maker, Subject};

use crate::callee::Callee;
use crate::counters::Tally;
use crate::minter::Minter;

/// Where the token of an exchange comes from.
#[derive(Clone)]
pub(crate) enum Way {
    /// An STS, which is called.
    Call(Rc<Callee>),
    /// The gateway itself.
    Mint(Rc<Minter>),
}

impl Way {
    /// What all requests of the exchange have in common.
    pub(crate) fn key(&self) -> &ExchangeKey {
        match self {
            Self::Call(callee) => &callee.key,
            Self::Mint(minter) => &minter.key,
        }
    }

    /// Whether something of the request is made a token of: one of the client, or its claims.
    pub(crate) fn has_source(&self) -> bool {
        match self {
            Self::Call(callee) => callee.profile.protocol.has_source(),
            Self::Mint(minter) => minter.has_source,
        }
    }

    /// Milliseconds that an exchange may take in all, with those that it depends on.
    pub(crate) fn timeout(&self) -> u64 {
        match self {
            Self::Call(callee) => callee.limit.timeout,
            Self::Mint(minter) => minter.timeout,
        }
    }

    /// Tells exchanges apart in what the log says.
    pub(crate) fn name(&self) -> u64 {
        match self {
            Self::Call(callee) => callee.history.name(),
            Self::Mint(minter) => minter.name,
        }
    }

    /// What is counted of the exchange, under its name.
    pub(crate) fn tally(&self) -> &Rc<Tally> {
        match self {
            Self::Call(callee) => &callee.tally,
            Self::Mint(minter) => &minter.tally,
        }
    }

    /// What the log calls it.
    pub(crate) fn subject(&self) -> Subject<'_> {
        match self {
            Self::Call(callee) => callee.subject(),
            Self::Mint(minter) => Subject {
                name: minter.tally.given_name(),
                protocol: sts_core::mint::NAME,
                maker: Maker::Gateway,
            },
        }
    }
}

impl Callee {
    /// What the log calls an exchange at this STS.
    pub(crate) fn subject(&self) -> Subject<'_> {
        Subject {
            name: self.tally.given_name(),
            protocol: self.profile.protocol.name(),
            maker: Maker::Sts { endpoint: &self.profile.endpoint, proxy: self.destination.proxy() },
        }
    }
}
