//! How tokens get out of a request and into it, without directives of other modules.
//!
//! | module | what it is |
//! |---|---|
//! | [`accept`] | the source token is found, and removed from what goes upstream |
//! | [`pass`] | the target token is put in the place of what the client sent there |
//! | [`form`] | the body that a token may stand in |
//! | [`parameters`] | target tokens in a query and a form |

pub(crate) mod accept;
pub(crate) mod form;
mod parameters;
pub(crate) mod pass;
