//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use devsts::sts::Tokens;
use devsts::sts::manners::Manners;
use devsts::{Client, Listen};
use lexopt::prelude::*;

pub(crate) const HELP: &str = "\
A development STS and an echo backend.

devsts sts [OPTION]...          an STS with an OAuth 2.0 token endpoint
  --client ID[:SECRET]          a client, a public one without secret; repeatable
  --client-key ID=FILE          a client that signs: PEM with its public key or certificate
  --client-cert ID=NAME         a client with a certificate for this common name
  --audience URL                what an assertion may be for, besides the endpoint; repeatable
  --on-behalf-of                take a JWT only with requested_token_use=on_behalf_of, as Entra ID
  --anonymous                   answer also to clients that send no client_id
  --path PATH                   where the token endpoint is (/token); repeatable
  --issuer PATH                 be the issuer with this path, and tell its metadata
  --wstrust PATH                speak WS-Trust at this path; repeatable
  --wstrust-user NAME:PASSWORD  a user that may ask there, by HTTP Basic or a UsernameToken;
                                without, all clients may
  --tokens digest|source|jwt    what target tokens are made of (digest)
  --expires-in SECONDS|none     the lifetime that is told (3600)
  --manners NAME                refuse in the words of a real server: keycloak, dex,
                                oidc-provider, zitadel, navikt, cxf
  --latency TIME                how long an answer takes, such as 150ms or 2s (0)
  A source token may ask for its answer, by words with dots between: refuse, error-CODE,
  status-NNN, html, hang, reset, wait-MS, size-BYTES, jwt, life-SECONDS, life-none.
  So refuse.bob is refused, and wait-500.jwt.alice gets a JWT after half a second.
  With manners as-SCENARIO asks for a recorded answer, such as as-not-enabled.alice.

devsts backend [OPTION]...      answers with the request that it received, as JSON
  --latency TIME                how long an answer takes (0)

both:
  --listen ADDRESS              127.0.0.1:0, [::1]:8080 or unix:/path (127.0.0.1:0)
  --tls-cert FILE               speak TLS with this certificate and its chain (PEM)
  --tls-key FILE                and this key
  --tls-client-ca FILE          demand a client certificate of this authority
  --ready-file FILE             write the address there when ready
  --show-tokens                 print tokens in full
  --show-requests               print each request as well, a line for each header and parameter, with
                                tokens in full and without the secrets of clients
  --quiet                       no line for each call

devsts pki --dir DIR [--name NAME]...
                                writes ca.crt, server.crt and server.key, the server's good for
                                the names and addresses given (localhost, 127.0.0.1, ::1)
";

#[derive(Debug)]
pub(crate) enum Command {
    Backend(BackendOptions),
    Help,
    Pki(PkiOptions),
    Sts(Box<StsOptions>),
}

#[derive(Debug)]
pub(crate) struct StsOptions {
    pub(crate) common: Common,
    pub(crate) clients: Vec<Client>,
    pub(crate) anonymous: bool,
    pub(crate) paths: Vec<String>,
    pub(crate) tokens: Tokens,
    pub(crate) expires_in: Option<u64>,
    pub(crate) wstrust: Vec<String>,
    pub(crate) wstrust_users: Vec<(String, String)>,
    pub(crate) manners: Option<Manners>,
    pub(crate) issuer: Option<String>,
    pub(crate) audiences: Vec<String>,
    pub(crate) on_behalf_of: bool,
}

#[derive(Debug)]
pub(crate) struct BackendOptions {
    pub(crate) common: Common,
}

#[derive(Debug)]
pub(crate) struct PkiOptions {
    pub(crate) directory: PathBuf,
    pub(crate) names: Vec<String>,
}

/// What both servers know.
#[derive(Debug, Default)]
pub(crate) struct Common {
    pub(crate) listen: Listen,
    pub(crate) tls: Option<(PathBuf, PathBuf)>,
    pub(crate) client_ca: Option<PathBuf>,
    pub(crate) latency: Duration,
    pub(crate) ready_file: Option<PathBuf>,
    pub(crate) show_tokens: bool,
    pub(crate) show_requests: bool,
    pub(crate) quiet: bool,
}

pub(crate) fn parse(mut parser: lexopt::Parser) -> Result<Command, lexopt::Error> {
    match parser.next()? {
        None | Some(Long("help") | Short('h')) => Ok(Command::Help),
        Some(Value(name)) if name == "sts" => parse_sts(&mut parser),
        Some(Value(name)) if name == "backend" => parse_backend(&mut parser),
        Some(Value(name)) if name == "pki" => parse_pki(&mut parser),
        Some(other) => Err(other.unexpected()),
    }
}

fn parse_sts(parser: &mut lexopt::Parser) -> Result<Command, lexopt::Error> {
    let mut common = CommonParser::default();
    let mut options = StsOptions {
        common: Common::default(),
        clients: Vec::new(),
        anonymous: false,
        paths: Vec::new(),
        tokens: Tokens::default(),
        expires_in: Some(3600),
        wstrust: Vec::new(),
        wstrust_users: Vec::new(),
        manners: None,
        issuer: None,
        audiences: Vec::new(),
        on_behalf_of: false,
    };
    while let Some(argument) = parser.next()? {
        match argument {
            Long("anonymous") => options.anonymous = true,
            Long("audience") => options.audiences.push(parser.value()?.string()?),
            Long("client") => options.clients.push(parser.value()?.parse()?),
            Long("client-cert") => options.clients.push(parser.value()?.parse_with(certified)?),
            Long("client-key") => options.clients.push(parser.value()?.parse_with(signing)?),
            Long("expires-in") => options.expires_in = parser.value()?.parse_with(lifetime)?,
            Long("issuer") => options.issuer = Some(parser.value()?.string()?),
            Long("wstrust") => options.wstrust.push(parser.value()?.string()?),
            Long("wstrust-user") => options.wstrust_users.push(parser.value()?.parse_with(user)?),
            Long("manners") => options.manners = Some(parser.value()?.parse()?),
            Long("on-behalf-of") => options.on_behalf_of = true,
            Long("path") => options.paths.push(parser.value()?.string()?),
            Long("tokens") => options.tokens = parser.value()?.parse()?,
            Long("help") | Short('h') => return Ok(Command::Help),
            Long(name) => {
                let name = name.to_owned();
                common.option(&name, parser)?;
            }
            other => return Err(other.unexpected()),
        }
    }
    options.common = common.finish()?;
    Ok(Command::Sts(Box::new(options)))
}

fn parse_backend(parser: &mut lexopt::Parser) -> Result<Command, lexopt::Error> {
    let mut common = CommonParser::default();
    while let Some(argument) = parser.next()? {
        match argument {
            Long("help") | Short('h') => return Ok(Command::Help),
            Long(name) => {
                let name = name.to_owned();
                common.option(&name, parser)?;
            }
            other => return Err(other.unexpected()),
        }
    }
    Ok(Command::Backend(BackendOptions { common: common.finish()? }))
}

fn parse_pki(parser: &mut lexopt::Parser) -> Result<Command, lexopt::Error> {
    let mut directory = None;
    let mut names = Vec::new();
    while let Some(argument) = parser.next()? {
        match argument {
            Long("dir") => directory = Some(parser.value()?.into()),
            Long("name") => names.push(parser.value()?.string()?),
            Long("help") | Short('h') => return Ok(Command::Help),
            other => return Err(other.unexpected()),
        }
    }
    if names.is_empty() {
        names = ["localhost", "127.0.0.1", "::1"].map(ToOwned::to_owned).to_vec();
    }
    let directory = directory.ok_or("--dir is missing")?;
    Ok(Command::Pki(PkiOptions { directory, names }))
}

#[derive(Default)]
struct CommonParser {
    common: Common,
    certificate: Option<PathBuf>,
    key: Option<PathBuf>,
}

impl CommonParser {
    fn option(&mut self, name: &str, parser: &mut lexopt::Parser) -> Result<(), lexopt::Error> {
        let common = &mut self.common;
        match name {
            "latency" => common.latency = parser.value()?.parse_with(time)?,
            "listen" => common.listen = parser.value()?.parse()?,
            "quiet" => common.quiet = true,
            "ready-file" => common.ready_file = Some(parser.value()?.into()),
            "show-requests" => common.show_requests = true,
            "show-tokens" => common.show_tokens = true,
            "tls-client-ca" => common.client_ca = Some(parser.value()?.into()),
            "tls-cert" => self.certificate = Some(parser.value()?.into()),
            "tls-key" => self.key = Some(parser.value()?.into()),
            _ => return Err(Long(name).unexpected()),
        }
        Ok(())
    }

    fn finish(self) -> Result<Common, lexopt::Error> {
        let tls = match (self.certificate, self.key) {
            (Some(certificate), Some(key)) => Some((certificate, key)),
            (None, None) => None,
            _ => return Err("--tls-cert and --tls-key go together".into()),
        };
        if tls.is_none() && self.common.client_ca.is_some() {
            return Err("--tls-client-ca needs --tls-cert and --tls-key".into());
        }
        Ok(Common { tls, ..self.common })
    }
}

/// `ID=FILE`
fn signing(text: &str) -> Result<Client, String> {
    let (id, file) = text.split_once('=').ok_or("a client with a key is written ID=FILE")?;
    let pem = std::fs::read_to_string(file).map_err(|error| format!("{file}: {error}"))?;
    Client::with_key(id, &pem).map_err(|error| format!("{file}: {error}"))
}

/// `ID=NAME`
fn certified(text: &str) -> Result<Client, String> {
    let (id, name) =
        text.split_once('=').ok_or("a client with a certificate is written ID=NAME")?;
    Ok(Client::with_certificate(id, name))
}

/// `150ms` or `2s`.
fn time(text: &str) -> Result<Duration, String> {
    let (digits, milliseconds) = if let Some(digits) = text.strip_suffix("ms") {
        (digits, 1)
    } else {
        (text.strip_suffix('s').unwrap_or(text), 1000)
    };
    digits
        .parse::<u64>()
        .ok()
        .and_then(|number| number.checked_mul(milliseconds))
        .map(Duration::from_millis)
        .ok_or_else(|| "a time is written 150ms or 2s".to_owned())
}

/// `NAME:PASSWORD`.
fn user(text: &str) -> Result<(String, String), String> {
    match text.split_once(':') {
        Some((name, password)) if !name.is_empty() => Ok((name.to_owned(), password.to_owned())),
        _ => Err("a user is written NAME:PASSWORD".to_owned()),
    }
}

fn lifetime(text: &str) -> Result<Option<u64>, std::num::ParseIntError> {
    if text == "none" { Ok(None) } else { text.parse().map(Some) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Command, String> {
        let words = std::iter::once("devsts").chain(line.split_whitespace());
        parse(lexopt::Parser::from_iter(words)).map_err(|error| error.to_string())
    }

    #[test]
    fn an_sts_is_described_by_its_options() {
        let line = "sts --listen [::1]:0 --client otxclient:2Federate --client public \
                    --path /a --path /b --latency 150ms --expires-in none --tokens jwt \
                    --wstrust /trust --wstrust-user gateway:a:b --manners dex \
                    --issuer /realms/x --audience https://sts.example.com --on-behalf-of \
                    --show-requests";
        let Ok(Command::Sts(options)) = parsed(line) else { panic!("no STS") };
        assert_eq!(options.common.listen, Listen::ipv6());
        assert_eq!(options.common.latency, Duration::from_millis(150));
        assert_eq!(options.paths, ["/a", "/b"]);
        assert_eq!(options.clients.len(), 2);
        assert!(options.manners.is_some());
        assert_eq!(options.issuer.as_deref(), Some("/realms/x"));
        assert_eq!(options.audiences, ["https://sts.example.com"]);
        assert!(options.on_behalf_of && options.common.show_requests);
        assert_eq!(options.wstrust, ["/trust"]);
        assert_eq!(options.wstrust_users, [("gateway".to_owned(), "a:b".to_owned())]);
        assert_eq!((options.expires_in, options.tokens), (None, Tokens::Jwt));
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        for line in [
            "nonsense",
            "sts --nonsense",
            "sts extra",
            "sts --listen nowhere",
            "sts --client :secret",
            "sts --latency fast",
            "sts --manners unknown",
            "sts --wstrust-user :password",
            "sts --tls-cert a.crt",
            "backend --client a:b",
            "pki",
        ] {
            assert!(parsed(line).is_err(), "{line}");
        }
    }
}
