//! Work that may block, on the threads of NGINX (`thread_pool default`), where its build has any.

#[cfg(not(ngx_feature = "threads"))]
mod none;
#[cfg(ngx_feature = "threads")]
mod pool;

use thiserror::Error;

#[cfg(not(ngx_feature = "threads"))]
pub use none::Threads;
#[cfg(ngx_feature = "threads")]
pub use pool::Threads;
#[cfg(ngx_feature = "threads")]
pub(crate) use pool::started;

/// Why work was not done.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum NotDone {
    /// They belong to a configuration before: a single process starts none when it is reloaded.
    #[error("NGINX starts no threads when it is reloaded without a master process")]
    NotStarted,
    /// NGINX takes no more work, and says why in its log.
    #[error("the threads of NGINX take no more work")]
    Refused,
    /// A bug, which the log tells.
    #[error("it panicked")]
    Panicked,
}
