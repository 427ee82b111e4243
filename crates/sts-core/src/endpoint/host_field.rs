//! The `Host` of a call that is not that of its endpoint.

use std::net::IpAddr;

use thiserror::Error;

use super::{Host, parse_port, split_authority};

/// The value of a `Host` header (RFC 9110, section 7.2), as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostField(String);

/// The text is no host.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error(
    "the value must be a host name, an IPv4 address, or an IPv6 address in brackets, with :port or \
     without; no scheme, path, variable or dot at its end"
)]
pub struct HostFieldError;

impl HostField {
    /// Reads a host with or without a port.
    ///
    /// # Errors
    /// It is anything else.
    pub fn parse(text: &str) -> Result<Self, HostFieldError> {
        let (host, dot, port) = split_authority(text).map_err(|_| HostFieldError)?;
        let is_host = match host {
            // Nothing is looked up here.
            Host::Name(_) => dot.is_none(),
            Host::Ip(IpAddr::V4(_) | IpAddr::V6(_)) => true,
            Host::Unix(_) => false,
        };
        let is_port = match port.strip_prefix(':') {
            Some(port) => parse_port(port).is_ok(),
            None => port.is_empty(),
        };
        if is_host && is_port { Ok(Self(text.to_owned())) } else { Err(HostFieldError) }
    }

    /// The value itself, without anything that a header cannot hold.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_host_is_kept_as_it_was_written() {
        for text in [
            "sts",
            "STS.Example.com",
            "sts.example.com:443",
            "my_sts-1:8443",
            "127.0.0.1",
            "127.0.0.1:80",
            "[::1]",
            "[2001:DB8::0:1]:8443",
        ] {
            assert_eq!(HostField::parse(text).unwrap().as_str(), text);
        }
    }

    #[test]
    fn all_else_is_refused() {
        for text in [
            "",
            ":80",
            "sts:",
            "sts:0",
            "sts:65536",
            "sts:http",
            "sts:80:80",
            "sts.",
            "sts.:80",
            "127.0.0.1.",
            "127.1",
            ".sts",
            "s..ts",
            "sts/",
            "sts/token",
            "sts?a",
            "sts#a",
            "https://sts",
            "unix:/run/sts.sock",
            "user@sts",
            "sts, other",
            "sts other",
            " sts",
            "sts\t",
            "sts\r\nX-Other: a",
            "sts\0",
            "st\u{161}",
            "s%74s",
            "$host",
            "::1",
            "[::1",
            "[::1]80",
            "[fe80::1%eth0]",
            "[127.0.0.1]",
        ] {
            assert_eq!(HostField::parse(text), Err(HostFieldError), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_taken_is_the_host_of_a_url(text in "[a-zA-Z0-9._:\\[\\]@/ -]{0,20}") {
            if HostField::parse(&text).is_ok() {
                let endpoint = super::super::Endpoint::parse(&format!("http://{text}/"));
                prop_assert!(endpoint.is_ok_and(|endpoint| endpoint.target() == "/"));
            }
        }
    }
}
