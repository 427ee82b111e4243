//! The STS: which clients it knows, where its token endpoint is, what it issues.
//!
//! For trying things out by hand, where no [`Script`](crate::Script) can be given, the source token
//! can ask for its answer. It is read as words with dots between; the first that is none of these
//! ends it:
//!
//! | word | effect |
//! |---|---|
//! | `refuse` | 400 `invalid_grant` |
//! | `error-CODE` | the OAuth error of this code |
//! | `status-NNN` | this status, with a text for a body |
//! | `html` | 200 with HTML |
//! | `hang` | no answer |
//! | `reset` | the connection is reset |
//! | `wait-MS` | the answer takes so many milliseconds more |
//! | `size-N` | the target token has exactly N bytes |
//! | `jwt` | the target token is a JWT |
//! | `life-N`, `life-none` | the lifetime that is told |
//!
//! `wait-500.size-8192.alice` waits, and gets a large token.

mod agent;
mod assertion;
pub mod client;
mod client_auth;
mod client_credentials;
mod foreign;
mod jwt_bearer;
pub mod manners;
mod metadata;
mod password;
mod saml_bearer;
mod steer;
mod token;
mod token_endpoint;
mod token_exchange;
mod workload;
pub mod wstrust;

use std::io;
use std::ops::Deref;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use self::client::Client;
use self::manners::Manners;
pub use self::metadata::Metadata;
pub use self::token::{Issued, Tokens, is_for, target_for};
use self::token_endpoint::TokenEndpoint;
use self::wstrust::WsTrust;
use crate::server::call::Call;
use crate::server::listen::Listen;
use crate::server::tls::Tls;
use crate::server::{Options, Server};

/// A running STS; it stops when it is dropped. What it noted, and its scripts, are at the
/// [`Server`] that it derefs to.
#[derive(Debug)]
pub struct Sts {
    server: Server,
    path: String,
    issuer: String,
    issued: Arc<Mutex<Vec<Issued>>>,
}

impl Sts {
    /// An STS on a free port of 127.0.0.1 that knows no client.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// The URL of the token endpoint: of the first path that was configured.
    pub fn endpoint(&self) -> String {
        self.server.url(&self.path)
    }

    /// The URL of the token endpoint under another host name.
    pub fn endpoint_at(&self, host: &str) -> String {
        self.server.url_at(host, &self.path)
    }

    /// The URL of the issuer that [`Builder::metadata`] made of it; without, of its root.
    pub fn issuer(&self) -> String {
        self.server.url(&self.issuer)
    }

    /// The tokens that were issued so far.
    pub fn issued(&self) -> Vec<Issued> {
        self.issued.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// For which source token this target token was issued.
    pub fn source_of(&self, target: &str) -> Option<String> {
        let issued = self.issued.lock().unwrap_or_else(PoisonError::into_inner);
        issued.iter().find(|issued| issued.target == target).map(|issued| issued.source.clone())
    }
}

impl Deref for Sts {
    type Target = Server;

    fn deref(&self) -> &Server {
        &self.server
    }
}

/// A note about a call that was answered by the token endpoint itself, for a log. The tokens are
/// whole: what is printed of them is up to the caller.
#[derive(Clone, Debug)]
pub struct Noted {
    /// The call's number.
    pub call: u64,
    /// The client that authenticated.
    pub client: Option<String>,
    /// The source token.
    pub source: Option<String>,
    /// The target token, or the error code and its description.
    pub result: Result<String, String>,
}

type OnCall = Arc<dyn Fn(&Call, Noted) + Send + Sync>;

/// How an STS is started.
#[derive(Default)]
pub struct Builder {
    options: Options,
    paths: Vec<String>,
    clients: Vec<Client>,
    anonymous: bool,
    tokens: Tokens,
    expires_in: ExpiresIn,
    latency: Duration,
    on_call: Option<OnCall>,
    wstrust: Vec<WsTrust>,
    manners: Option<Manners>,
    audiences: Vec<String>,
    on_behalf_of: bool,
    expected: assertion::Expected,
    metadata: Option<Metadata>,
    servers: Vec<foreign::KnownServer>,
}

/// The lifetime that is told; an hour by default.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ExpiresIn(Option<u64>);

impl Default for ExpiresIn {
    fn default() -> Self {
        Self(Some(3600))
    }
}

impl Builder {
    /// Listens there.
    #[must_use]
    pub fn listen(mut self, listen: impl Into<Listen>) -> Self {
        self.options.listen = listen.into();
        self
    }

    /// Speaks TLS.
    #[must_use]
    pub fn tls(mut self, tls: Tls) -> Self {
        self.options.tls = Some(tls);
        self
    }

    /// Has a token endpoint at this path; `/token` when none is given.
    #[must_use]
    pub fn path(mut self, path: &str) -> Self {
        self.paths.push(path.to_owned());
        self
    }

    /// Speaks WS-Trust, too.
    #[must_use]
    pub fn wstrust(mut self, wstrust: WsTrust) -> Self {
        self.wstrust.push(wstrust);
        self
    }

    /// Knows this client.
    #[must_use]
    pub fn client(mut self, client: Client) -> Self {
        self.clients.push(client);
        self
    }

    /// Answers also to clients that send no `client_id`.
    #[must_use]
    pub fn anonymous(mut self) -> Self {
        self.anonymous = true;
        self
    }

    /// Issues tokens of this kind.
    #[must_use]
    pub fn tokens(mut self, tokens: Tokens) -> Self {
        self.tokens = tokens;
        self
    }

    /// Tells this lifetime, in seconds, or none.
    #[must_use]
    pub fn expires_in(mut self, seconds: impl Into<Option<u64>>) -> Self {
        self.expires_in = ExpiresIn(seconds.into());
        self
    }

    /// Takes so long for each answer.
    #[must_use]
    pub fn latency(mut self, latency: Duration) -> Self {
        self.latency = latency;
        self
    }

    /// Refuses as this server does.
    #[must_use]
    pub fn manners(mut self, manners: Manners) -> Self {
        self.manners = Some(manners);
        self
    }

    /// Takes assertions as grants that are for this audience, besides those for the endpoint.
    #[must_use]
    pub fn audience(mut self, audience: &str) -> Self {
        self.audiences.push(audience.to_owned());
        self
    }

    /// Takes a JWT as a grant only with `requested_token_use=on_behalf_of`, as Microsoft Entra ID does.
    #[must_use]
    pub fn on_behalf_of(mut self) -> Self {
        self.on_behalf_of = true;
        self
    }

    /// Refuses client assertions that are not made as rfc7523bis has it: for this issuer, in one string,
    /// and with its `typ`.
    #[must_use]
    pub fn strict_issuer(mut self, issuer: &str) -> Self {
        self.expected = assertion::Expected::Issuer(issuer.to_owned());
        self
    }

    /// Issues identity assertions (ID-JAG) for the server with this issuer, which knows the client by
    /// this id.
    #[must_use]
    pub fn known_server(mut self, issuer: &str, client_id: &str) -> Self {
        let (issuer, client_id) = (issuer.to_owned(), client_id.to_owned());
        self.servers.push(foreign::KnownServer { issuer, client_id });
        self
    }

    /// Is an issuer that tells its metadata.
    #[must_use]
    pub fn metadata(mut self, metadata: Metadata) -> Self {
        self.metadata = Some(metadata);
        self
    }

    /// Remembers only the first `count` calls and tokens, for long runs.
    #[must_use]
    pub fn remember(mut self, count: usize) -> Self {
        self.options.remember = count;
        self
    }

    /// Tells of each call that the token endpoint answered.
    #[must_use]
    pub fn on_call(mut self, tell: impl Fn(&Call, Noted) + Send + Sync + 'static) -> Self {
        self.on_call = Some(Arc::new(tell));
        self
    }

    /// Starts it.
    pub fn start(mut self) -> io::Result<Sts> {
        // An STS that speaks nothing but WS-Trust has its endpoint there.
        if self.paths.is_empty() && !self.wstrust.is_empty() {
            self.paths.extend(self.wstrust.iter().map(|wstrust| wstrust.path().to_owned()));
        }
        if self.paths.is_empty() {
            self.paths.push("/token".to_owned());
        }
        let path = self.paths.first().cloned().unwrap_or_default();
        let issuer = self.metadata.as_ref().map(Metadata::path).unwrap_or_default().to_owned();
        let issued = Arc::new(Mutex::default());
        let endpoint = TokenEndpoint {
            paths: self.paths,
            clients: self.clients,
            anonymous: self.anonymous,
            seen: assertion::Seen::default(),
            issuer: token::Issuer::new(
                self.tokens,
                self.expires_in.0,
                self.options.remember,
                Arc::clone(&issued),
            )?,
            latency: self.latency,
            on_call: self.on_call,
            manners: self.manners,
            audiences: self.audiences,
            on_behalf_of: self.on_behalf_of,
            expected: self.expected,
            metadata: self.metadata,
            servers: self.servers,
            wstrust: self
                .wstrust
                .into_iter()
                .map(wstrust::Endpoint::new)
                .collect::<Result<_, _>>()?,
        };
        Ok(Sts { server: Server::start(&self.options, endpoint)?, path, issuer, issued })
    }
}
