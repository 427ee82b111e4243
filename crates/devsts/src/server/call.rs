//! A request as it came.

use std::time::Instant;

use crate::http::form;

/// A request that a server received, exactly as it came.
#[derive(Clone, Debug)]
pub struct Call {
    /// Counted from 1, in the order in which requests were complete.
    pub number: u64,
    /// Which connection it came on, counted from 1.
    pub connection: u64,
    /// When it was complete.
    pub at: Instant,
    /// The method.
    pub method: String,
    /// The request target: path and query.
    pub target: String,
    /// The minor version of HTTP/1.
    pub minor_version: u8,
    /// The header fields in order, names in their case.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The body, without its transfer coding.
    pub body: Vec<u8>,
    /// Whether the body came chunked.
    pub chunked: bool,
    /// The parameters of a form body in order, or why it cannot be read; `None` when it is no form.
    pub form: Option<Result<Vec<(String, String)>, String>>,
    /// What was agreed on by TLS; `None` without.
    pub tls: Option<TlsInfo>,
}

/// What a TLS handshake told the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsInfo {
    /// The protocol, such as `TLSv1.3`.
    pub version: String,
    /// The name that the client asked for.
    pub sni: Option<String>,
    /// The common name of the client's certificate.
    pub client_subject: Option<String>,
    /// Whether an earlier session was resumed.
    pub resumed: bool,
}

/// The media type of forms.
pub(crate) const FORM: &str = "application/x-www-form-urlencoded";

impl Call {
    /// All values of the header, in order, bytes that are no UTF-8 replaced.
    pub fn header_values(&self, name: &str) -> Vec<String> {
        self.headers
            .iter()
            .filter(|(n, _)| n.eq_ignore_ascii_case(name))
            .map(|(_, value)| String::from_utf8_lossy(value).into_owned())
            .collect()
    }

    /// The header's value if there is exactly one.
    pub fn header(&self, name: &str) -> Option<String> {
        let mut values = self.header_values(name);
        if values.len() == 1 { values.pop() } else { None }
    }

    /// The path, without query.
    pub fn path(&self) -> &str {
        self.target.split_once('?').map_or(self.target.as_str(), |(path, _)| path)
    }

    /// The query as it came, without its question mark.
    pub fn query(&self) -> Option<&str> {
        self.target.split_once('?').map(|(_, query)| query)
    }

    /// All parameters of the form in order; none when there is no readable form.
    pub fn parameters(&self) -> &[(String, String)] {
        match &self.form {
            Some(Ok(pairs)) => pairs,
            Some(Err(_)) | None => &[],
        }
    }

    /// All values of the form's parameter, in order.
    pub fn parameter_values(&self, name: &str) -> Vec<&str> {
        self.parameters().iter().filter(|(n, _)| n == name).map(|(_, v)| v.as_str()).collect()
    }

    /// The first value of the form's parameter.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters().iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }

    /// The source token that the call is about: `subject_token`, the `password` of RFC 6749 section
    /// 4.3, or the `assertion` of RFC 7521 section 4.1, as it was sent.
    pub fn subject(&self) -> Option<&str> {
        let names = ["subject_token", "password", "assertion"];
        names.into_iter().find_map(|name| self.parameter(name))
    }
}

/// Reads the body as a form if its media type says that it is one.
pub(crate) fn read_form(
    content_type: Option<&[u8]>,
    body: &[u8],
) -> Option<Result<Vec<(String, String)>, String>> {
    let media_type = content_type?.split(|byte| *byte == b';').next()?.trim_ascii();
    media_type.eq_ignore_ascii_case(FORM.as_bytes()).then(|| form::decode(body))
}
