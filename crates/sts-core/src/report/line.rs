//! What a line of the error log says.

use std::fmt;

use crate::endpoint::Endpoint;
use crate::error::Failure;
use crate::report::{remedy, remedy_of_gateway};

/// One failure, in words.
pub struct Line<'a> {
    /// The exchange, as [`Subject`] has it.
    pub subject: Subject<'a>,
    /// What happened.
    pub failure: &'a Failure,
    /// Milliseconds that it took.
    pub took: u64,
    /// How many lines like this were left out since the last one.
    pub left_out: u64,
}

/// Which exchange it is.
#[derive(Clone, Copy)]
pub struct Subject<'a> {
    /// What the operator calls it, if that is more than its protocol and its STS.
    pub name: Option<&'a str>,
    /// The name of its protocol.
    pub protocol: &'a str,
    /// What its tokens come from.
    pub maker: Maker<'a>,
}

/// What the tokens of an exchange come from.
#[derive(Clone, Copy)]
pub enum Maker<'a> {
    /// The gateway makes them itself.
    Gateway,
    /// An STS issues them.
    Sts {
        /// At which it is called.
        endpoint: &'a Endpoint,
        /// The proxy on the way.
        proxy: Option<&'a Endpoint>,
    },
}

/// A query, in which a secret may stand, is not shown.
impl fmt::Display for Subject<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, protocol, maker } = self;
        write!(f, "{protocol} exchange")?;
        if let Some(name) = name {
            write!(f, " \"{name}\"")?;
        }
        let Maker::Sts { endpoint, proxy } = maker else { return Ok(()) };
        write!(f, " at \"{}\"", endpoint.shown())?;
        match proxy {
            Some(proxy) => write!(f, " through the proxy \"{}\"", proxy.host_and_port()),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { subject, failure, took, left_out } = self;
        write!(f, "{subject} failed: {}: {failure}", failure.kind.name())?;
        if let Some(doubt) = failure.doubt {
            write!(f, "; {}", doubt.hint())?;
        }
        write!(f, ", took {took} ms")?;
        if *left_out > 0 {
            write!(f, ", {left_out} more like it were left out before")?;
        }
        let remedy = match subject.maker {
            Maker::Gateway => remedy_of_gateway(failure.kind),
            Maker::Sts { .. } => remedy(failure.kind),
        };
        match remedy {
            Some(remedy) => write!(f, "; {remedy}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{Doubt, FailureKind};

    fn line(endpoint: &str, proxy: Option<&str>, failure: &Failure, left_out: u64) -> String {
        let parse = |url| Endpoint::parse(url).unwrap();
        let (endpoint, proxy) = (parse(endpoint), proxy.map(parse));
        let maker = Maker::Sts { endpoint: &endpoint, proxy: proxy.as_ref() };
        let subject = Subject { name: None, protocol: "otx", maker };
        Line { subject, failure, took: 3, left_out }.to_string()
    }

    #[test]
    fn a_line_names_the_exchange_and_what_happened() {
        let failure = Failure::new(FailureKind::Refused, "HTTP 400, error \"invalid_grant\"");
        assert_eq!(
            line("https://STS.example/realms/shop/token?a=secret", None, &failure, 0),
            "otx exchange at \"https://sts.example:443/realms/shop/token\" failed: refused: HTTP 400, \
             error \"invalid_grant\", took 3 ms"
        );
        assert_eq!(
            line("http://unix:/run/sts.sock:/token?b", None, &failure, 7),
            "otx exchange at \"http://unix:/run/sts.sock:/token\" failed: refused: HTTP 400, error \
             \"invalid_grant\", took 3 ms, 7 more like it were left out before"
        );
    }

    #[test]
    fn a_line_names_no_sts_where_there_is_none() {
        let failure = Failure::new(FailureKind::BadToken, "no claims");
        let subject = Subject { name: None, protocol: "jwt", maker: Maker::Gateway };
        let line = Line { subject, failure: &failure, took: 0, left_out: 0 };
        assert_eq!(line.to_string(), "jwt exchange failed: bad_token: no claims, took 0 ms");
        for (kind, remedy) in
            [(FailureKind::Busy, "STSMaxCalls"), (FailureKind::Timeout, "STSHTTPTimeOut")]
        {
            let failure = &Failure::new(kind, "x");
            let said = Line { subject, failure, took: 0, left_out: 0 }.to_string();
            assert!(said.contains(remedy) && !said.contains("the STS"), "{said}");
        }
    }

    #[test]
    fn a_line_has_the_name_that_the_operator_gives_and_a_remedy() {
        let endpoint = Endpoint::parse("https://sts.example/token").unwrap();
        let maker = Maker::Sts { endpoint: &endpoint, proxy: None };
        let subject = Subject { name: Some("orders"), protocol: "otx", maker };
        let failure = &Failure::new(FailureKind::Timeout, "no answer within 20000 ms");
        assert_eq!(
            Line { subject, failure, took: 20_000, left_out: 2 }.to_string(),
            "otx exchange \"orders\" at \"https://sts.example:443/token\" failed: timeout: no answer \
             within 20000 ms, took 20000 ms, 2 more like it were left out before; the STS is slow, or \
             the time of STSHTTPTimeOut too short"
        );
    }

    #[test]
    fn a_line_names_the_proxy_and_the_hint() {
        let failure = Failure {
            doubt: Some(Doubt::NeverSucceeded),
            ..Failure::new(FailureKind::Refused, "HTTP 400")
        };
        assert_eq!(
            line("http://[::1]", Some("http://proxy:3128"), &failure, 0),
            "otx exchange at \"http://[::1]:80/\" through the proxy \"proxy:3128\" failed: refused: \
             HTTP 400; this exchange has not succeeded since it was configured: the STS may refuse \
             the gateway, its client or its parameters, and not the token, took 3 ms"
        );
    }

    #[test]
    fn a_long_path_leaves_room_for_the_rest() {
        let endpoint = format!("http://sts/{}", "a/".repeat(1000));
        let failure = Failure::new(FailureKind::Timeout, "no answer");
        let line = line(&endpoint, None, &failure, 0);
        assert!(line.len() < 400 && line.contains("...\" failed: timeout"), "{line}");
    }
}
