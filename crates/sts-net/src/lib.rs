//! What a transport keeps count of, without any I/O: idle connections ([`idle`]), running calls
//! ([`calls`]), how long a connection serves ([`wear`]), and where names are looked up ([`names`]). Time
//! and connections are arguments, so that the rules can be tested by themselves.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod calls;
pub mod idle;
pub mod names;
pub mod wear;
