//! A header of the calls, which the operator has written.

use http::HeaderName;
use sts_core::request_header::only_traces;

use crate::conf::text::Text;
use crate::nginx::request::{OutOfMemory, Request};

/// A header of the calls.
pub(crate) struct RequestHeader {
    pub(crate) name: HeaderName,
    pub(crate) text: Text,
    /// The STS may make something of it: requests in which it differs share no token.
    pub(crate) is_in_key: bool,
}

impl RequestHeader {
    /// The value for a request; `None` where it is empty: there is no such header then.
    pub(crate) fn evaluate<'r>(
        &'r self,
        request: Request<'r>,
    ) -> Result<Option<&'r [u8]>, OutOfMemory> {
        let value = self.text.evaluate(request)?;
        Ok((!value.is_empty()).then_some(value))
    }

    /// Whether what it holds may be a secret, or tell of a user.
    pub(crate) fn may_be_secret(&self) -> bool {
        !only_traces(&self.name)
    }
}
