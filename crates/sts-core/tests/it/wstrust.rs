//! WS-Trust: what goes out, what comes back, and what is refused.
#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "what fails here is a test"
)]

mod answers;
mod exchange;
mod extraction;
mod faults;
mod hostile;
mod messages;
mod requests;
mod servers;
mod signatures;
mod sources;
