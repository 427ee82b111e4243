//! What this module has with a request.

use crate::conf::LocationConf;
use crate::context::Context;
use crate::nginx::request::{OutOfMemory, Request};
use crate::sts::Sts;

/// What this module has with a request.
pub(crate) trait Served<'r>: Sized {
    /// What is configured where the request is now.
    fn location(self) -> Option<&'r LocationConf>;

    /// What is known of the client's request, over internal redirects too.
    fn context(self) -> Option<&'r Context>;

    /// As [`Self::context`], made when there is none.
    fn context_or_new(self) -> Result<&'r Context, OutOfMemory>;
}

impl<'r> Served<'r> for Request<'r> {
    fn location(self) -> Option<&'r LocationConf> {
        self.location_of::<Sts>()
    }

    fn context(self) -> Option<&'r Context> {
        self.context_of::<Sts>()
    }

    fn context_or_new(self) -> Result<&'r Context, OutOfMemory> {
        self.context_of_or_new::<Sts>()
    }
}
