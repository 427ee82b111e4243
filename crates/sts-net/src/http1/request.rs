//! What is sent.

use http::{HeaderMap, HeaderValue};
use sts_secret::Secret;

/// How this client names itself (RFC 9110, section 10.1.5), as the module does and `sts-exchange`, which
/// sends what the module would.
pub const AGENT: &str = concat!("nginx-sts/", env!("CARGO_PKG_VERSION"));

/// How a POST begins (RFC 9112, section 3), with the fields that all have: no content coding is
/// understood (RFC 9110, section 12.5.3). `target` is a path with its query, or to a proxy an
/// absolute URL, `authority` the host that it is for, with the port if that is not the usual one.
///
/// None of them may have a space or the end of a line in it, as what `sts_core`'s `Endpoint` gives has
/// not.
pub fn start(target: &str, authority: &str, user_agent: &str) -> String {
    format!(
        "POST {target} HTTP/1.1\r\nhost: {authority}\r\nuser-agent: {user_agent}\r\n\
         accept-encoding: identity\r\n"
    )
}

/// How a GET begins (RFC 9110, section 9.3.1) that is answered in JSON. The arguments are as in
/// [`start`].
pub fn get(target: &str, authority: &str, user_agent: &str) -> String {
    format!(
        "GET {target} HTTP/1.1\r\nhost: {authority}\r\nuser-agent: {user_agent}\r\n\
         accept-encoding: identity\r\naccept: application/json\r\n"
    )
}

/// A message without a body: how it begins, and its other headers. It is wiped when it is dropped.
pub fn bodiless(start: &str, headers: &HeaderMap) -> Secret {
    let fields = headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 4);
    let mut message = Secret::with_capacity(start.len() + fields.sum::<usize>() + 2);
    message.append(start.as_bytes());
    append_fields(&mut message, headers);
    message.append(b"\r\n");
    message
}

/// A whole message: its [`start`], its other headers, its body and the length of that. It is in one
/// piece, so that it goes out in one packet, and it is wiped when it is dropped.
pub fn post(start: &str, headers: &HeaderMap, body: &[u8]) -> Secret {
    let fields = headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 4);
    let end = format!("content-length: {}\r\n\r\n", body.len());
    let length = start.len() + fields.sum::<usize>() + end.len() + body.len();
    let mut message = Secret::with_capacity(length);
    message.append(start.as_bytes());
    append_fields(&mut message, headers);
    message.append(end.as_bytes());
    message.append(body);
    message
}

fn append_fields(message: &mut Secret, headers: &HeaderMap) {
    for (name, value) in headers {
        message.append(name.as_str().as_bytes());
        message.append(b": ");
        message.append(value.as_bytes());
        message.append(b"\r\n");
    }
}

/// Asks a proxy for a tunnel to a host with its port (RFC 9110, section 9.3.6), with what the proxy
/// wants of the gateway (section 11.7.2). It is wiped when it is dropped.
pub fn connect(target: &str, authorization: Option<&HeaderValue>) -> Secret {
    const FIELD: &[u8] = b"proxy-authorization: ";
    let start = format!("CONNECT {target} HTTP/1.1\r\nhost: {target}\r\n");
    let field = authorization.map_or(0, |value| FIELD.len() + value.len() + 2);
    let mut message = Secret::with_capacity(start.len() + field + 2);
    message.append(start.as_bytes());
    if let Some(value) = authorization {
        message.append(FIELD);
        message.append(value.as_bytes());
        message.append(b"\r\n");
    }
    message.append(b"\r\n");
    message
}

#[cfg(test)]
mod tests {
    use http::header::{HeaderName, HeaderValue};
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_post_is_written_as_rfc_9112_has_it() {
        let start = start("/token?a=b", "sts.example:8443", "a/1");
        let mut headers = HeaderMap::new();
        headers.insert("accept", HeaderValue::from_static("application/json"));
        let message = post(&start, &headers, b"a=b");
        assert_eq!(
            String::from_utf8_lossy(message.expose()),
            "POST /token?a=b HTTP/1.1\r\nhost: sts.example:8443\r\nuser-agent: a/1\r\n\
             accept-encoding: identity\r\naccept: application/json\r\ncontent-length: 3\r\n\r\na=b"
        );
    }

    #[test]
    fn a_get_has_no_body_and_no_length() {
        let mut headers = HeaderMap::new();
        headers.insert("x-a", HeaderValue::from_static("b"));
        let message = bodiless(&get("/a", "as.example", "a/1"), &headers);
        assert_eq!(
            String::from_utf8_lossy(message.expose()),
            "GET /a HTTP/1.1\r\nhost: as.example\r\nuser-agent: a/1\r\n\
             accept-encoding: identity\r\naccept: application/json\r\nx-a: b\r\n\r\n"
        );
    }

    #[test]
    fn the_length_is_told_also_of_nothing() {
        let message = post(&start("/", "a", "b"), &HeaderMap::new(), b"");
        assert!(message.expose().ends_with(b"\r\ncontent-length: 0\r\n\r\n"));
    }

    #[test]
    fn a_tunnel_is_asked_for_by_host_and_port() {
        let written = |authorization| {
            let message = connect("sts.example:443", authorization);
            String::from_utf8_lossy(message.expose()).into_owned()
        };
        let start = "CONNECT sts.example:443 HTTP/1.1\r\nhost: sts.example:443\r\n";
        assert_eq!(written(None), format!("{start}\r\n"));
        assert_eq!(
            written(Some(&HeaderValue::from_static("Basic YTpi"))),
            format!("{start}proxy-authorization: Basic YTpi\r\n\r\n")
        );
    }

    proptest! {
        #[test]
        fn what_was_written_is_what_is_read(
            fields in prop::collection::vec(("x-[a-z]{1,9}", "[ -~]{0,40}"), 0..10),
            body in prop::collection::vec(any::<u8>(), 0..2000),
        ) {
            let mut headers = HeaderMap::new();
            for (name, value) in &fields {
                let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
                headers.append(name, HeaderValue::from_str(value).unwrap());
            }
            let message = post(&start("/", "h", "u"), &headers, &body);
            let message = message.expose();
            let mut room = [httparse::EMPTY_HEADER; 20];
            let mut request = httparse::Request::new(&mut room);
            let head = request.parse(message).unwrap().unwrap();
            prop_assert_eq!(&message[head..], &body);
            let read: Vec<_> = request.headers.iter().map(|field| (field.name, field.value)).collect();
            let (own, rest) = read.split_at(3);
            let codings = ("accept-encoding", b"identity".as_slice());
            prop_assert_eq!(own, [("host", b"h".as_slice()), ("user-agent", b"u"), codings]);
            let (length, rest) = rest.split_last().unwrap();
            let expected = body.len().to_string();
            prop_assert_eq!(*length, ("content-length", expected.as_bytes()));
            let sent: Vec<_> = headers
                .iter()
                .map(|(name, value)| (name.as_str(), value.as_bytes().trim_ascii()))
                .collect();
            let rest: Vec<_> = rest.iter().map(|(name, value)| (*name, value.trim_ascii())).collect();
            prop_assert_eq!(rest, sent);
        }
    }
}
