//! What happened: counters in a region of memory that all workers share, and the texts that show them.
//!
//! The region is `[lane][row][word]`. Each worker has a lane, so that no two of them write to the same
//! cache line; each exchange has a row, and each store, which is found again by its name after a reload. A word is added
//! to with one atomic instruction and without a lock, and summed over all lanes when it is read.
//!
//! | module | what it is |
//! |---|---|
//! | [`words`] | what is counted |
//! | [`region`] | where it lies, and which worker and which exchange have which part |
//! | [`stores`] | what is counted of a store, whose row has other words |
//! | [`totals`] | the sums |
//! | [`view`] | what a page of them shows besides |
//! | [`prometheus`], [`json`] | the sums as text |
#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod json;
pub mod prometheus;
pub mod region;
pub mod stores;
pub mod totals;
pub mod view;
pub mod words;
