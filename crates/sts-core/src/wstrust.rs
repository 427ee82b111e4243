//! WS-Trust, over SOAP: a `RequestSecurityToken` goes out, a response or a fault comes back.
//!
//! | module | what it is |
//! |---|---|
//! | [`settings`] | a checked configuration |
//! | [`words`] | the words of its directives |
//! | [`endpoint_auth`] | how the gateway proves who it is |
//! | [`source`] | which source tokens may go verbatim |
//! | `request` | what goes to the STS |
//! | [`response`] | what comes back |

pub mod endpoint_auth;
mod names;
pub(crate) mod request;
pub mod response;
pub mod settings;
pub mod source;
mod time;
pub mod words;
mod xml;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use zeroize::Zeroizing;

use crate::now::UnixTime;

/// When a SAML assertion expires, by what it says itself; `None` if it is none or does not say. It may
/// be encoded as OAuth has it (RFC 8693, section 3).
///
/// Its signature is not looked at: this is for a cache, which must not keep what came of the
/// assertion for longer than that.
pub fn assertion_expiry(token: &[u8]) -> Option<UnixTime> {
    // What begins with "<" becomes "P", and one of these.
    if let [b'P', b'A'..=b'P', ..] = token {
        let decoded = URL_SAFE_NO_PAD.decode(token.trim_ascii_end()).ok()?;
        return plain_assertion_expiry(&Zeroizing::new(decoded));
    }
    plain_assertion_expiry(token)
}

fn plain_assertion_expiry(token: &[u8]) -> Option<UnixTime> {
    if token.trim_ascii_start().first() != Some(&b'<') {
        return None;
    }
    let document = xml::parse(token, xml::Origin::Client).ok()?;
    response::assertion_expiry(document.root_element())
}
