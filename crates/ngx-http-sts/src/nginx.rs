//! Safe types over NGINX's own: the only place with unsafe code but the allocator.
//!
//! A worker runs this code on one thread. That is the invariant behind most of what is here: nothing
//! is shared between threads, and what NGINX hands to a callback stays valid while it runs.

pub(crate) mod address;
mod afterwards;
pub(crate) mod body;
pub(crate) mod clock;
pub(crate) mod conf;
pub(crate) mod content;
pub(crate) mod fields;
pub(crate) mod framing;
pub(crate) mod guard;
pub(crate) mod log;
pub(crate) mod module;
pub(crate) mod peer;
pub(crate) mod process;
pub(crate) mod query;
pub(crate) mod request;
pub(crate) mod resolve;
pub(crate) mod suspend;
pub(crate) mod task;
pub(crate) mod timer;
pub(crate) mod tls;
pub(crate) mod value;
pub(crate) mod variable;
pub(crate) mod worker;
pub(crate) mod zone;
