//! What the STS and the backend do on the wire, seen through plain sockets.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on has failed"
)]

mod agents;
mod assertions;
mod backend;
mod connections;
mod foreign;
mod grants;
mod lifecycle;
mod manners;
mod metadata;
mod process;
mod scripts;
mod strictness;
mod tls;
mod wire;
mod wstrust;
