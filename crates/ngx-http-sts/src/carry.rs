//! How tokens get out of a request and into it, without directives of other modules.
//!
//! | module | what it is |
//! |---|---|
//! | [`accept`] | the source token is found, and removed from what goes upstream |
//! | [`pass`] | the target token is put in the place of what the client sent there |
//! | [`form`] | the body that a token may stand in |

pub(crate) mod accept;
pub(crate) mod form;
pub(crate) mod pass;
