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

use crate::now::UnixTime;

/// When a SAML assertion expires, by what it says itself; `None` if it is none or does not say.
///
/// Its signature is not looked at: this is for a cache, which must not keep what came of the
/// assertion for longer than that.
pub fn assertion_expiry(token: &[u8]) -> Option<UnixTime> {
    if token.trim_ascii_start().first() != Some(&b'<') {
        return None;
    }
    let document = xml::parse(token, xml::Origin::Client).ok()?;
    response::assertion_expiry(document.root_element())
}
