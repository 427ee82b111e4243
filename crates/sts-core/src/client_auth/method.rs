//! The names of the client authentication methods, and of their options.

use super::ClientAuthError;

/// A client authentication method, without credentials.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// The gateway does not identify itself, or only by its id.
    None,
    /// HTTP Basic (RFC 7617) with user name and password as they are.
    Basic,
    /// HTTP Basic as RFC 6749, section 2.3.1 has it.
    ClientSecretBasic,
    /// The secret as a parameter (RFC 6749, section 2.3.1).
    ClientSecretPost,
    /// A JWT with a MAC of the secret (RFC 7523, section 2.2).
    ClientSecretJwt,
    /// A JWT signed with a private key (RFC 7523, section 2.2).
    PrivateKeyJwt,
    /// A certificate of TLS (RFC 8705, section 2).
    ClientCert,
    /// A `wsse:UsernameToken` in the message (Username Token Profile 1.1): of WS-Trust alone, and none
    /// of [`Self::ALL`].
    UsernameToken,
}

impl Method {
    /// Those of HTTP and TLS, which every protocol can use, in the order of the manual.
    pub const ALL: [Self; 7] = [
        Self::None,
        Self::Basic,
        Self::ClientSecretBasic,
        Self::ClientSecretPost,
        Self::ClientSecretJwt,
        Self::PrivateKeyJwt,
        Self::ClientCert,
    ];

    /// Reads the name of a method.
    ///
    /// # Errors
    /// No method has it.
    pub fn parse(name: &str) -> Result<Self, ClientAuthError> {
        Self::ALL.into_iter().find(|method| method.name() == name).ok_or_else(|| {
            let is_word = (1..=40).contains(&name.len())
                && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
            ClientAuthError::UnknownMethod { method: is_word.then(|| name.to_owned()) }
        })
    }

    /// The name by which an operator knows it; those of OpenID Connect Core, section 9, where it
    /// has one.
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Basic => "basic",
            Self::ClientSecretBasic => "client_secret_basic",
            Self::ClientSecretPost => "client_secret_post",
            Self::ClientSecretJwt => "client_secret_jwt",
            Self::PrivateKeyJwt => "private_key_jwt",
            Self::ClientCert => "client_cert",
            Self::UsernameToken => "username_token",
        }
    }

    /// The keys of its options.
    pub const fn options(self) -> &'static [&'static str] {
        match self {
            Self::None => &[],
            Self::Basic => &["username", "password", "password_file"],
            Self::ClientSecretBasic | Self::ClientSecretPost => {
                &["client_id", "client_secret", "client_secret_file"]
            }
            Self::ClientSecretJwt => {
                &["client_id", "client_secret", "client_secret_file", "aud", "typ"]
            }
            Self::PrivateKeyJwt => &[
                "client_id",
                "jwk",
                "jwk_file",
                "aud",
                "typ",
                "client_assertion",
                "client_assertion_file",
                "client_assertion_type",
            ],
            Self::ClientCert => &["cert", "key"],
            Self::UsernameToken => &["username", "password", "password_file", "password_type"],
        }
    }

    /// What it cannot do without, for messages.
    pub(super) const fn needs(self) -> &'static str {
        match self {
            Self::None => "nothing",
            Self::Basic | Self::UsernameToken => "username, and password or password_file",
            Self::ClientSecretBasic | Self::ClientSecretPost | Self::ClientSecretJwt => {
                "client_id, and client_secret or client_secret_file"
            }
            Self::PrivateKeyJwt => {
                "client_id and one of jwk and jwk_file, or client_assertion_file, or client_assertion"
            }
            Self::ClientCert => "cert and key",
        }
    }

    /// Whether it sends parameters, so that a request without a form cannot use it.
    pub(crate) const fn needs_form(self) -> bool {
        match self {
            Self::None
            | Self::Basic
            | Self::ClientSecretBasic
            | Self::ClientCert
            | Self::UsernameToken => false,
            Self::ClientSecretPost | Self::ClientSecretJwt | Self::PrivateKeyJwt => true,
        }
    }

    /// Those whose credentials are no parameters of a form.
    pub(super) fn list_without_form() -> String {
        let without = Self::ALL.into_iter().filter(|method| !method.needs_form());
        without.map(Self::name).collect::<Vec<_>>().join(", ")
    }

    pub(super) fn list() -> String {
        Self::ALL.map(Self::name).join(", ")
    }
}
