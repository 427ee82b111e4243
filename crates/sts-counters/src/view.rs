//! What a page of the counters shows besides.

use crate::stores::Store;
use crate::totals::Totals;

/// An exchange, and what happened to it.
#[derive(Clone, Debug)]
pub struct Exchange {
    /// What it is called.
    pub name: String,
    /// Its type.
    pub kind: &'static str,
    /// Where its calls go, without a query, in which a secret may stand.
    pub endpoint: String,
    /// Whether a breaker may stop its calls (`STSBreaker`).
    pub has_breaker: bool,
    /// What happened.
    pub totals: Totals,
}

/// A cache.
#[derive(Clone, Debug, Default)]
pub struct Zone {
    /// What it is called.
    pub name: String,
    /// Bytes that it has in all.
    pub size: u64,
    /// Bytes that are in use.
    pub used: u64,
    /// Entries now.
    pub entries: u64,
    /// Entries that were pushed out by others before their time.
    pub evictions: u64,
    /// Entries that were cleared away after it.
    pub expirations: u64,
    /// Entries that were forgotten because that was asked for.
    pub purges: u64,
}

/// What belongs to no exchange.
#[derive(Clone, Debug)]
pub struct Gateway {
    /// The version of the module.
    pub module: &'static str,
    /// The version of NGINX.
    pub nginx: &'static str,
    /// Milliseconds since 1970.
    pub time: u64,
    /// The process that answers.
    pub process: u32,
    /// How many workers there are.
    pub workers: usize,
    /// What happened.
    pub totals: Totals,
    /// The caches.
    pub zones: Vec<Zone>,
    /// The stores behind them.
    pub stores: Vec<Store>,
}
