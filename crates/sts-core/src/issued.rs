//! What an STS issued.

use crate::now::UnixTime;
use crate::secret::Secret;

/// How the issued token may be used (RFC 6749, section 7.1; RFC 8693, section 2.2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenType {
    /// A bearer token (RFC 6750), or one whose type the STS did not name.
    Bearer,
    /// `N_A`: not an access token, so it must not go out as a bearer token unless asked.
    NotApplicable,
}

/// A target token and what the STS said of it.
pub struct Issued {
    /// The token itself, not encoded.
    pub token: Secret,
    /// How it may be used.
    pub token_type: TokenType,
    /// How long it is valid from the moment it was issued, in seconds, when the STS said so.
    pub expires_in: Option<u64>,
    /// When it expires, where the answer says so as a point in time (WS-Trust, SAML).
    pub expires_at: Option<UnixTime>,
}
