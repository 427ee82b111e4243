//! Safe types over NGINX's own: the only place with unsafe code.
//!
//! It knows nothing of what the module is for: that is a [`module::Module`].
//!
//! A worker runs this code on one thread. That is the invariant behind most of what is here: nothing
//! is shared between threads, and what NGINX hands to a callback stays valid while it runs.

pub mod address;
pub mod answer;
pub mod body;
pub mod clock;
pub mod conf;
pub mod content;
pub mod fields;
mod flags;
pub mod framing;
pub mod guard;
pub mod log;
pub mod memory;
pub mod module;
pub mod peer;
pub mod phase;
pub mod process;
pub mod query;
pub mod request;
pub mod resolve;
pub mod suspend;
pub mod task;
pub mod threads;
pub mod timer;
pub mod tls;
pub mod value;
pub mod variable;
pub mod worker;
pub mod zone;

/// What [`module!`] is made of.
#[doc(hidden)]
pub use nginx_sys as sys;
#[doc(hidden)]
pub use ngx::ngx_modules;
