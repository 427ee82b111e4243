//! How an STS is reached.

use std::path::Path;

use sts_core::argument::{self, Problem as Text};
use sts_core::client_auth::ClientAuth;
use sts_core::endpoint::{Endpoint, HostField, Scheme};

use super::build::read;
use super::written::{Item, Items};
use crate::exchange::{Contact, Proxy};
use crate::files;
use crate::problem::Problem;

/// Milliseconds that a call may take in all.
const TIMEOUT: u64 = 20_000;

/// Bytes of the body of an answer.
const MAX_RESPONSE: u64 = 256 * 1024;

/// How often a connection is tried again, and the milliseconds between two attempts.
const RETRIES: (u64, u64) = (1, 300);

/// The versions of TLS that are not deprecated (RFC 8996).
const PROTOCOLS: [&str; 2] = ["TLSv1.2", "TLSv1.3"];

/// All versions.
const ALL_PROTOCOLS: [(&str, &str); 4] =
    [("TLSv1", "TLSv1"), ("TLSv1.1", "TLSv1.1"), ("TLSv1.2", "TLSv1.2"), ("TLSv1.3", "TLSv1.3")];

/// A text, or the name of a file.
fn text(item: &Item) -> Result<String, Text> {
    match item.argument(0) {
        "" => Err("the value must not be empty".into()),
        text => Ok(text.to_owned()),
    }
}

/// How an STS is reached, and what a call may cost.
///
/// # Errors
/// The module would refuse it.
pub fn contact(items: &Items, endpoint: &Endpoint, base: &Path) -> Result<Contact, Problem> {
    let switch = |item: &Item| argument::switch(item.argument(0));
    let seconds = |item: &Item| argument::timeout(item.argument(0));
    // Version 3.1 of the C module has it in `STSROPC` alone.
    let ropc = items.one("STSROPC").filter(|_| items.one("STSROPCEndpoint").is_some());
    let (verify, timeout) = match ropc.map(|item| (item.argument(0), item.argument(1))) {
        Some((verify, timeout)) => {
            let timeout = Some(timeout).filter(|text| !text.is_empty());
            let timeout = timeout.map(argument::timeout).transpose().map_err(Problem::from)?;
            (Some(argument::switch(verify).map_err(Problem::from)?), timeout)
        }
        None => (read(items, "STSSSLValidateServer", switch)?, None),
    };
    let timeout = match timeout {
        None => read(items, "STSHTTPTimeOut", seconds)?,
        own => own,
    };
    let host = read(items, "STSHost", |item| {
        HostField::parse(item.argument(0)).map_err(|error| error.to_string())
    })?;
    let proxy = read(items, "STSOutgoingProxy", |item| proxy(item, base))?.flatten();
    if host.is_some()
        && (endpoint.is_issuer() || (proxy.is_some() && endpoint.scheme() == Scheme::Http))
    {
        return Err(Problem::new(
            "\"STSHost\" (option \"host\") cannot be set with \"STSIssuer\", nor for an http:// endpoint \
             behind \"STSOutgoingProxy\"",
        ));
    }
    let protocols = read(items, "STSSSLProtocols", |item| {
        let words = item.words();
        words
            .into_iter()
            .map(|word| argument::word(word, &ALL_PROTOCOLS))
            .collect::<Result<Vec<_>, _>>()
    })?;
    let number = |least, most| move |item: &Item| argument::number(item.argument(0), least, most);
    let retries = read(items, "STSHTTPRetries", number(0, 10))?.unwrap_or(RETRIES.0);
    let pause = read(items, "STSHTTPRetryInterval", number(0, 60_000))?.unwrap_or(RETRIES.1);
    let max_response = read(items, "STSMaxResponse", |item| {
        argument::size(item.argument(0), 1024, 64 * 1024 * 1024)
    })?;
    let file = |name| Ok::<_, Problem>(read(items, name, text)?.map(|file| base.join(file)));
    let protocols = protocols.unwrap_or_else(|| PROTOCOLS.to_vec());
    Ok(Contact {
        verify: verify.unwrap_or(true),
        trusted: file("STSSSLTrustedCertificate")?,
        revoked: file("STSSSLCRL")?,
        protocols: protocols.into_iter().map(str::to_owned).collect(),
        ciphers: read(items, "STSSSLCiphers", text)?,
        proxy,
        host,
        timeout: timeout.unwrap_or(TIMEOUT),
        retries: u32::try_from(retries).unwrap_or_default(),
        pause,
        max_response: usize::try_from(max_response.unwrap_or(MAX_RESPONSE)).unwrap_or(usize::MAX),
    })
}

/// `host[:port] [username=name&password_file=file]`, or `off`.
fn proxy(item: &Item, base: &Path) -> Result<Option<Proxy>, Problem> {
    let words = item.words();
    let (text, credentials) = match (words.as_slice(), argument::options(&words)?) {
        (["off"], None) => return Ok(None),
        (["off", ..], Some(_)) => {
            return Err(Problem::new("without a proxy there is nothing for credentials"));
        }
        (words, credentials) => (words.first().copied().unwrap_or_default(), credentials),
    };
    let url = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
    let endpoint = Endpoint::parse(&url)?;
    if endpoint.scheme() != Scheme::Http || endpoint.target() != "/" {
        return Err(Problem::new("a proxy is written http://host:port, without a path, or off"));
    }
    let auth = credentials.map(ClientAuth::for_proxy).transpose()?;
    if let Some(auth) = &auth {
        files::load(auth, base)?;
    }
    Ok(Some(Proxy { endpoint, auth }))
}
