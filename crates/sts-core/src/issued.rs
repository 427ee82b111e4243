//! What an STS issued.

use crate::error::{Failure, FailureKind};
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
    /// The token as the backend gets it.
    pub token: Secret,
    /// How it may be used.
    pub token_type: TokenType,
    /// How long it is valid from the moment it was issued, in seconds, when the STS said so.
    pub expires_in: Option<u64>,
    /// When it expires, where the answer says so as a point in time (WS-Trust, SAML).
    pub expires_at: Option<UnixTime>,
}

impl Issued {
    /// Whether the token can be passed on as it is, in a header or a variable.
    ///
    /// A token of OAuth always can. An assertion that is printed over several lines, or a binary
    /// token, cannot; both can once they are encoded. So it is not the answer that is checked but
    /// what goes out, where that is not encoded.
    ///
    /// # Errors
    /// It holds CR, LF or NUL ([`FailureKind::BadAnswer`]).
    pub fn check_unencoded(&self) -> Result<(), Failure> {
        // Any of these would end a header or a string of NGINX.
        if self.token.expose().iter().any(|b| matches!(b, b'\r' | b'\n' | b'\0')) {
            let reason = "the token holds CR, LF or NUL: \"STSTargetEncoding\" has to encode it";
            return Err(Failure::new(FailureKind::BadAnswer, reason));
        }
        Ok(())
    }
}
