//! What a transport knows without any I/O: how HTTP is written and read ([`http1`]), idle connections
//! ([`idle`]), running calls ([`calls`]), whether one is made at all ([`breaker`]), how long a connection
//! serves ([`wear`]), where names are looked up ([`names`]), what is known of their addresses
//! ([`whereabouts`]), and which of these did not answer ([`hangs`]). Time, bytes and connections are arguments, so that the rules can be tested by themselves.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod backoff;
pub mod breaker;
pub mod calls;
pub mod hangs;
pub mod http1;
pub mod idle;
pub mod message;
pub mod names;
pub mod wear;
pub mod whereabouts;
