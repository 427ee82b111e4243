//! A store that several nodes share, behind the shared memory of each: what lies in it, and what is said
//! to it. Without any I/O: bytes, time and randomness are arguments.
//!
//! | module | what it is |
//! |---|---|
//! | [`resp`] | the protocol of Redis and Valkey, as it is written and read |
//! | [`memcached`] | the meta protocol of memcached |
//! | [`language`] | what is asked of a store, in either protocol |
//! | [`seal`] | names and values of which nothing can be read without the passphrase |
//! | [`cluster`] | which node of a Redis Cluster has a name |
//! | [`sentinel`] | which server of a Redis is the master |
//! | [`value`] | what is kept of a token, and what is left of its life |
//! | [`epoch`] | how everything, an exchange or a source is forgotten on all nodes |
//! | [`breaker`] | when a store that fails is left alone |
#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod breaker;
pub mod cluster;
pub mod epoch;
pub mod language;
pub mod memcached;
pub mod resp;
pub mod seal;
pub mod sentinel;
pub mod value;

/// Milliseconds. Of a wall clock they count from 1970.
pub type Millis = u64;

/// Milliseconds for which the duty to call is one node's, unless it is renewed.
pub const LEASE: Millis = 2_000;

/// Milliseconds between two renewals.
pub const HEARTBEAT: Millis = 500;

/// Milliseconds that a value has to live at least to be put into a store. It is more than [`LEASE`], so
/// that a renewal that comes too late never makes the life of a value longer.
pub const LEAST_LIFE: Millis = 5_000;
