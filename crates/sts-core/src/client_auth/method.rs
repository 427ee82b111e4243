//! The names of the client authentication methods.

use super::ClientAuthError;

/// A client authentication method, without credentials.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Method {
    None,
    Basic,
    ClientSecretBasic,
    ClientSecretPost,
}

impl Method {
    pub(super) const ALL: [Self; 4] =
        [Self::None, Self::Basic, Self::ClientSecretBasic, Self::ClientSecretPost];

    pub(super) fn parse(name: &str) -> Result<Self, ClientAuthError> {
        Self::ALL.into_iter().find(|method| method.name() == name).ok_or_else(|| {
            let is_word = (1..=40).contains(&name.len())
                && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
            ClientAuthError::UnknownMethod { method: is_word.then(|| name.to_owned()) }
        })
    }

    /// The name by which an operator knows it; those of OpenID Connect Core, section 9, where it
    /// has one.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Basic => "basic",
            Self::ClientSecretBasic => "client_secret_basic",
            Self::ClientSecretPost => "client_secret_post",
        }
    }

    /// The keys of its options.
    pub(super) const fn options(self) -> &'static [&'static str] {
        match self {
            Self::None => &[],
            Self::Basic => &["username", "password"],
            Self::ClientSecretBasic | Self::ClientSecretPost => &["client_id", "client_secret"],
        }
    }

    /// Those whose credentials are no parameters of a form.
    pub(super) fn list_without_form() -> String {
        let without = Self::ALL.into_iter().filter(|method| *method != Self::ClientSecretPost);
        without.map(Self::name).collect::<Vec<_>>().join(", ")
    }

    pub(super) fn list() -> String {
        Self::ALL.map(Self::name).join(", ")
    }
}
