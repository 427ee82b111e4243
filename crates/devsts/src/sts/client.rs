//! The clients that an STS knows.

use std::str::FromStr;

/// A client and how it may prove who it is.
#[derive(Clone, Debug)]
pub struct Client {
    pub(crate) id: String,
    pub(crate) secret: String,
    pub(crate) methods: Vec<Method>,
}

/// How a client proves who it is to the token endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// HTTP Basic authentication (RFC 7617): id and secret as they are.
    Basic,
    /// RFC 6749 section 2.3.1: id and secret form-encoded, then as HTTP Basic authentication.
    ClientSecretBasic,
    /// RFC 6749 section 2.3.1: `client_id` and `client_secret` in the body.
    ClientSecretPost,
    /// Not at all: a public client, which only says its `client_id` in the body.
    None,
}

impl Client {
    /// A client with a secret, which it may send in each way.
    pub fn new(id: &str, secret: &str) -> Self {
        Self {
            id: id.to_owned(),
            secret: secret.to_owned(),
            methods: vec![Method::ClientSecretBasic, Method::ClientSecretPost, Method::Basic],
        }
    }

    /// A client without a secret.
    pub fn public(id: &str) -> Self {
        Self { id: id.to_owned(), secret: String::new(), methods: vec![Method::None] }
    }

    /// Allows these ways only.
    #[must_use]
    pub fn methods(self, methods: impl IntoIterator<Item = Method>) -> Self {
        Self { methods: methods.into_iter().collect(), ..self }
    }

    /// Whether it cannot prove who it is.
    pub(crate) fn is_public(&self) -> bool {
        self.methods == [Method::None]
    }

    pub(crate) fn allows(&self, method: Method) -> bool {
        self.methods.contains(&method)
    }
}

/// `id:secret`, or `id` alone for a public client.
impl FromStr for Client {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once(':') {
            None if text.is_empty() => Err("a client needs an id".to_owned()),
            Some(("", _)) => Err("a client needs an id".to_owned()),
            Some((id, secret)) => Ok(Self::new(id, secret)),
            None => Ok(Self::public(text)),
        }
    }
}
