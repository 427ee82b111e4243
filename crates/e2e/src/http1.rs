//! An HTTP/1.1 client that leaves control of every byte to the test.
//!
//! [`Request`] is for the usual request; [`Connection`] for those that come in pieces, in a pipeline
//! or never come to an end.

mod connection;
mod request;

pub use connection::Connection;
pub use request::Request;
