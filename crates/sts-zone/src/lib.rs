//! The cache that all workers share and the election of the one that calls for a key, as a structure
//! in one region of memory that outlives its users.
//!
//! The caller maps the region, takes the lock that goes with it and [opens](zone::Zone::open) the
//! zone for as long as it holds the lock. Everything in the region refers to everything else by
//! number, every number read from it is checked, and a structure that contradicts itself is emptied:
//! whatever stands in the region, an operation ends, in bounded time, and never answers with another
//! key's value. Time is an argument, and so is randomness.
//!
//! The modules: [`zone`] is the interface, with the types of `terms`. The region is laid out by
//! `layout` and seen through `region`; `pool` hands it out in `unit`s, `value` keeps bytes of any
//! length in them, `table` finds a key, `list` knows the least recently used entry and `schedule`
//! the one that expires first. `entry` and `node` are what is kept: tokens, and calls that run or
//! have failed. [`ledger`] is by itself, a set of names in a region of its own.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod check;
mod entry;
mod layout;
pub mod ledger;
mod list;
mod node;
mod pool;
mod refusal;
mod region;
mod schedule;
mod table;
mod terms;
mod unit;
mod value;
mod word;
pub mod zone;

/// How a zone is known from outside, for tools and tests: its first word, and the numbers of some
/// others.
pub mod outside {
    pub use crate::layout::MAGIC;
    pub use crate::layout::header::{CHANGING, ENTRIES, KEY_MATERIAL, LAYOUT, SIZE};
}

/// Milliseconds of a wall clock that is the same in all processes. It may go back.
pub type Millis = u64;

/// Makes random bytes that were never used before; `None` when the generator has failed.
pub type Seed = fn() -> Option<[u8; 32]>;
