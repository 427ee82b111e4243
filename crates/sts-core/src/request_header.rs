//! Headers that an operator adds to the calls.

use http::HeaderName;
use thiserror::Error;

use crate::carry::credentials::is_field_value;

/// Checks the name of a header, and makes it one.
///
/// # Errors
/// It is no name, or the header is not the operator's to set.
pub fn check_name(text: &str) -> Result<HeaderName, HeaderError> {
    let name = HeaderName::from_bytes(text.as_bytes()).map_err(|_| HeaderError::NotAName)?;
    // It may stand in a name, where it is meant to start a variable, and names have none.
    if text.contains('$') {
        return Err(HeaderError::NotAName);
    }
    // CGI and its successors read both alike, and a server may be behind one of them.
    let known = name.as_str().replace('_', "-");
    match known.as_str() {
        "host" => Err(HeaderError::Host),
        "authorization" => Err(HeaderError::Authorization),
        "user-agent" | "soapaction" => Err(HeaderError::Own { name }),
        known if FRAMING.contains(&known) => Err(HeaderError::Framing { name }),
        known if known.starts_with("proxy-") => Err(HeaderError::Proxy),
        known if known.starts_with("content-") => Err(HeaderError::Body { name }),
        known if known == "accept" || known.starts_with("accept-") => {
            Err(HeaderError::Answer { name })
        }
        _ => Ok(name),
    }
}

/// Whether a header only traces a request: no STS makes a token of it, and it differs from one request
/// to the next.
pub fn only_traces(name: &HeaderName) -> bool {
    TRACING.contains(&name.as_str())
}

/// Whether a text can be the value of a header (RFC 9110, section 5.5).
pub fn is_value(text: &[u8]) -> bool {
    is_field_value(text)
}

/// Why a header cannot be added.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum HeaderError {
    /// RFC 9110, section 5.1.
    #[error(
        "the name of a header is made of letters, digits and some signs, as \"X-Tenant\", and holds no variables"
    )]
    NotAName,
    /// There is a directive for it.
    #[error("\"Host\" is set by \"STSHost\" (option \"host\")")]
    Host,
    /// What authenticates the gateway.
    #[error(
        "\"Authorization\" belongs to the client authentication: \"STSEndpointAuth\" (option \
         \"auth\") sets it"
    )]
    Authorization,
    /// It is about the connection or the length of the message, which a second one would contradict.
    #[error("\"{name}\" says how the message is sent, which the module decides")]
    Framing {
        /// Which.
        name: HeaderName,
    },
    /// It is for the proxy and not for the STS.
    #[error("\"Proxy-\" headers are for a proxy: \"STSOutgoingProxy\" has its credentials")]
    Proxy,
    /// It is about the body.
    #[error("\"{name}\" says what the body is, which the module writes")]
    Body {
        /// Which.
        name: HeaderName,
    },
    /// It is about what the module can read.
    #[error("\"{name}\" says which answers can be read, which the module knows")]
    Answer {
        /// Which.
        name: HeaderName,
    },
    /// The module sends it.
    #[error("\"{name}\" is sent by the module itself")]
    Own {
        /// Which.
        name: HeaderName,
    },
}

/// RFC 9110, sections 7.6.1, 7.8, 10.1.1 and 10.1.4; RFC 9112, sections 6 and 7.
const FRAMING: [&str; 10] = [
    "connection",
    "content-length",
    "expect",
    "http2-settings",
    "keep-alive",
    "te",
    "trailer",
    "trailers",
    "transfer-encoding",
    "upgrade",
];

/// W3C Trace Context and Baggage, and what is in use beside them.
const TRACING: [&str; 4] = ["traceparent", "tracestate", "baggage", "x-request-id"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_module_sends_itself_is_refused_in_every_spelling() {
        for name in [
            "Host",
            "HOST",
            "Authorization",
            "authorization",
            "Connection",
            "Content-Length",
            "content_length",
            "Transfer-Encoding",
            "TRANSFER_ENCODING",
            "TE",
            "Trailer",
            "Upgrade",
            "Expect",
            "Keep-Alive",
            "Proxy-Authorization",
            "proxy-connection",
            "Content-Type",
            "Content-Encoding",
            "Accept",
            "Accept-Encoding",
            "accept-language",
            "User-Agent",
            "SOAPAction",
        ] {
            let error = check_name(name).expect_err(name);
            assert_ne!(error, HeaderError::NotAName, "{name}");
        }
        for name in ["", "a b", "a:b", "a\r\nb", "a\0", "ü", "$a", "a\"b"] {
            assert_eq!(check_name(name), Err(HeaderError::NotAName), "{name:?}");
        }
        for name in ["X-Tenant", "traceparent", "Hostess", "X-Host", "Acceptance", "Cookie"] {
            assert!(check_name(name).is_ok(), "{name}");
        }
    }

    #[test]
    fn four_headers_only_trace() {
        let traces = |name: &str| only_traces(&check_name(name).unwrap());
        assert!(["TraceParent", "tracestate", "Baggage", "X-Request-ID"].into_iter().all(traces));
        assert!(!["X-Tenant", "X-Request-IDs", "X_Request_ID"].into_iter().any(traces));
    }
}
