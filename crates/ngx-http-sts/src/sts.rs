//! The module, as a type: the key to its configuration and contexts.

/// The module. What it does is in [`crate::module`].
pub(crate) struct Sts;
