//! The query of a request.
//!
//! NGINX has it twice: in `args`, which is what it works with, and in the URI as the client sent it
//! (`$request_uri`), which `proxy_pass` without a URI and the usual FastCGI parameters send on.

use crate::flags;
use crate::request::{OutOfMemory, Request};

impl<'r> Request<'r> {
    /// The query, not decoded.
    pub fn query(self) -> &'r [u8] {
        self.raw().args.as_bytes()
    }

    pub fn set_query(self, query: &[u8]) -> Result<(), OutOfMemory> {
        let query = self.text(query)?;
        // SAFETY: a plain field of a valid request.
        unsafe { (*self.as_ptr()).args = query };
        Ok(())
    }

    /// What stands behind the first `?` of the URI as the client sent it. What the client takes for a
    /// fragment is in it: NGINX sends it on.
    pub fn sent_query(self) -> &'r [u8] {
        let uri = self.raw().unparsed_uri.as_bytes();
        let mark = uri.iter().position(|byte| *byte == b'?');
        mark.and_then(|at| uri.get(at + 1..)).unwrap_or_default()
    }

    pub fn set_sent_query(self, query: &[u8]) -> Result<(), OutOfMemory> {
        let uri = self.raw().unparsed_uri.as_bytes();
        let path = uri.split(|byte| *byte == b'?').next().unwrap_or_default();
        let mark: &[u8] = if query.is_empty() { b"" } else { b"?" };
        let uri = self.text(&[path, mark, query].concat())?;
        // SAFETY: a plain field of a valid request.
        unsafe { (*self.as_ptr()).unparsed_uri = uri };
        Ok(())
    }

    /// Lets `proxy_pass` and `grpc_pass` put the URI together from path and query, as `set $args` does.
    pub fn pass_own_query(self) {
        // SAFETY: the request is valid.
        unsafe { flags::set_valid_unparsed_uri(self.as_ptr(), 0) };
    }

    /// Lets variables be evaluated again that were evaluated before something changed.
    pub fn forget_variables(self, indices: &[usize]) {
        for index in indices {
            // SAFETY: NGINX has a value for each index of the configuration.
            let value = unsafe { &mut *self.raw().variables.add(*index) };
            value.set_valid(0);
            value.set_not_found(0);
        }
    }
}
