//! Answers that real servers gave: what comes of each. See `vectors/README.md`.
#![expect(clippy::panic, clippy::unwrap_used, reason = "what fails here is a test")]

mod documented;
mod issued;
mod refused;
mod vector;
