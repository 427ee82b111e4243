//! For which server an assertion of the gateway is made, and what it says that it is.

use std::borrow::Cow;

use super::error::ClientAuthError;
use crate::endpoint::Endpoint;
use crate::fields::Fields;
use crate::jose::JWT;
use crate::options::Options;

/// What the options say of it. What they do not say depends on whether the STS is known by its issuer:
/// that is what rfc7523bis has assertions made for, and with it comes a type of their own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Addressee {
    audience: Option<String>,
    kind: Option<String>,
}

impl Addressee {
    /// Takes the options.
    pub(super) fn take(options: &mut Options) -> Result<Self, ClientAuthError> {
        // No media type has a blank: what stands for one in a form was meant as it is written.
        let kind = options.take_text(TYPE)?.map(|kind| kind.replace(' ', "+"));
        if kind.as_deref().is_some_and(|kind| !is_media_type(kind)) {
            return Err(ClientAuthError::AssertionType);
        }
        Ok(Self { audience: options.take_text(AUDIENCE)?, kind })
    }

    /// The `aud`, which is one string.
    pub(super) fn audience<'a>(&'a self, endpoint: &'a Endpoint) -> Cow<'a, str> {
        self.audience.as_deref().map_or_else(|| endpoint.name(), Cow::Borrowed)
    }

    /// The `typ`.
    pub(super) fn kind(&self, endpoint: &Endpoint) -> &str {
        let default = if self.audience.is_some() || endpoint.is_issuer() {
            CLIENT_AUTHENTICATION
        } else {
            JWT
        };
        self.kind.as_deref().unwrap_or(default)
    }

    /// Whether both are as servers wanted them before rfc7523bis, and none of the options says so.
    pub(super) fn is_of_old(&self) -> bool {
        *self == Self::default()
    }

    /// All that makes it this one.
    pub(super) fn identify(&self, fields: &mut Fields) {
        let Self { audience, kind } = self;
        fields.push_optional(audience.as_deref().map(str::as_bytes));
        fields.push_optional(kind.as_deref().map(str::as_bytes));
    }
}

/// Whether a text can be a `typ` (RFC 7515, section 4.1.9): a media type (RFC 6838, section 4.2), where
/// `application/` may be left out.
fn is_media_type(text: &str) -> bool {
    let is_name = |name: &str| {
        name.starts_with(|c: char| c.is_ascii_alphanumeric())
            && name.len() <= LONGEST_NAME
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&b))
    };
    match text.split_once('/') {
        Some((kind, name)) => is_name(kind) && is_name(name),
        None => is_name(text),
    }
}

const LONGEST_NAME: usize = 127;

/// The `typ` that rfc7523bis has for such assertions.
const CLIENT_AUTHENTICATION: &str = "client-authentication+jwt";

pub(super) const AUDIENCE: &str = "aud";
pub(super) const TYPE: &str = "typ";
