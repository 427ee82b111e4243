//! What the head of a request says of its body.

use crate::request::Request;

impl Request<'_> {
    /// Whether the client has announced a body: a length that is not 0, or one that only the end will
    /// tell. NGINX notes the latter as "chunked" for HTTP/2 and HTTP/3, too, unless the stream ends with
    /// the head.
    pub fn announces_body(self) -> bool {
        let headers = &self.raw().headers_in;
        headers.content_length_n > 0 || (headers.content_length_n < 0 && headers.chunked() != 0)
    }
}
