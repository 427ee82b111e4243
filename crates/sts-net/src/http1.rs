//! HTTP/1.1 as a client speaks it to an STS (RFC 9112), without any I/O.
//!
//! [`request`] writes what is sent, [`answer`] reads what comes, in whatever pieces it comes. The lines
//! of heads, chunk sizes and trailers are parsed by `httparse`. What is here is where an answer ends
//! (`framing.rs`), and that is strict: of an answer whose end is not beyond doubt nothing is used. For the
//! same reason what `httparse` lets pass in chunk sizes and at the ends of lines is looked at once more
//! (`extensions.rs`, `lines.rs`).

pub mod answer;
mod body;
mod chunks;
mod extensions;
mod fields;
mod framing;
mod head;
mod keep_alive;
mod lines;
pub mod request;
