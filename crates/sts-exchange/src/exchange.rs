//! A checked exchange, as the directives that hold in a location describe it.

use std::path::PathBuf;

use http::HeaderName;
use sts_core::carry::place::Accept;
use sts_core::client_auth::ClientAuth;
use sts_core::encoding::Encoding;
use sts_core::endpoint::{Endpoint, HostField};
use sts_core::expect::Expect;
use sts_core::issued::TokenTypes;
use sts_core::life::LifePolicy;
use sts_core::mint::{ClaimType, Filter, MintingKey, Terms};
use sts_core::options::Template;
use sts_core::profile::Profile;

use crate::call::actor::Actor;
use crate::settings::written::Items;

/// An exchange that can be made.
pub struct Exchange {
    /// The word of its type.
    pub kind: &'static str,
    /// How its token is made.
    pub way: Way,
    /// Where its source comes from.
    pub source: SourceRule,
    /// The names of its target variables.
    pub targets: Vec<String>,
    /// The locations whose exchanges are made first.
    pub depends_on: Vec<String>,
    /// Bound tokens are exchanged, too.
    pub allows_bound: bool,
    /// What it was made of.
    pub items: Items,
    /// The directory that relative names of files are within.
    pub base: PathBuf,
}

/// How a token is made.
pub enum Way {
    /// An STS is called.
    Call(Box<Call>),
    /// The gateway makes it.
    Mint(Box<Mint>),
}

/// Where a source token comes from.
#[derive(Default)]
pub struct SourceRule {
    /// Something of the request is exchanged.
    pub is_needed: bool,
    /// `STSAcceptSourceTokenIn`.
    pub accept: Vec<Accept>,
    /// The first argument of `STSVariables`.
    pub text: String,
    /// `STSSourceEncoding`.
    pub encoding: Option<Encoding>,
}

/// What is asked for, and of which STS.
pub struct Call {
    /// What does not depend on the request.
    pub profile: Profile,
    /// Where it depends on the request.
    pub client_id: Option<Template>,
    /// Whose password the source is.
    pub username: Option<Template>,
    /// Extra parameters.
    pub parameters: Vec<(String, Template)>,
    /// What acts for the subject.
    pub actor: Option<Actor>,
    /// Headers of the call.
    pub headers: Vec<(HeaderName, Template)>,
    /// How the STS is reached.
    pub contact: Contact,
    /// What has to be as it was asked for.
    pub expect: Expect,
    /// Which types of tokens are taken.
    pub token_types: TokenTypes,
    /// How long a token is kept.
    pub life: LifePolicy,
}

/// How an STS is reached, and what a call may cost.
#[derive(Clone)]
pub struct Contact {
    /// Its certificate is checked.
    pub verify: bool,
    /// `STSSSLTrustedCertificate`.
    pub trusted: Option<PathBuf>,
    /// `STSSSLCRL`.
    pub revoked: Option<PathBuf>,
    /// The versions of TLS, by their names.
    pub protocols: Vec<String>,
    /// `STSSSLCiphers`.
    pub ciphers: Option<String>,
    /// `STSOutgoingProxy`.
    pub proxy: Option<Proxy>,
    /// `STSHost`.
    pub host: Option<HostField>,
    /// Milliseconds for everything.
    pub timeout: u64,
    /// How often a connection is tried again.
    pub retries: u32,
    /// Milliseconds between two attempts.
    pub pause: u64,
    /// Bytes of the body of an answer.
    pub max_response: usize,
}

/// A proxy on the way.
#[derive(Clone)]
pub struct Proxy {
    /// Where it is.
    pub endpoint: Endpoint,
    /// Its credentials.
    pub auth: Option<ClientAuth>,
}

impl Contact {
    /// The proxy on the way to an endpoint: a socket of this machine is nothing that one could reach.
    pub fn proxy_to(&self, endpoint: &Endpoint) -> Option<&Proxy> {
        let is_socket = matches!(endpoint.host(), sts_core::endpoint::Host::Unix(_));
        self.proxy.as_ref().filter(|_| !is_socket)
    }
}

/// What a token is made of.
pub struct Mint {
    /// What signs it.
    pub key: MintingKey,
    /// What is said of all tokens.
    pub terms: Terms,
    /// Claims that nothing changes, by their names.
    pub overrides: Vec<(&'static str, Template)>,
    /// Claims one by one.
    pub claims: Vec<(String, ClaimType, Template)>,
    /// What rewrites them.
    pub filter: Option<Box<dyn Filter>>,
    /// Seconds that a token is used again at most.
    pub life: LifePolicy,
}
