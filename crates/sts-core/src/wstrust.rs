//! WS-Trust, over SOAP: a `RequestSecurityToken` goes out, a response or a fault comes back.
//!
//! | module | what it is |
//! |---|---|
//! | [`settings`] | a checked configuration |
//! | [`words`] | the words of its directives |
//! | [`endpoint_auth`] | how the gateway authenticates itself |
//! | [`source`] | which source tokens may go verbatim |
//! | `request` | what goes to the STS |
//! | [`response`] | what comes back |

mod about;
pub mod endpoint_auth;
mod names;
pub(crate) mod request;
pub mod response;
pub mod settings;
pub mod source;
mod time;
pub mod words;
mod xml;

/// The parameter of a request that is the address in `wsp:AppliesTo`, where it depends on the request.
pub const APPLIES_TO: &str = "applies_to";

/// A parameter of a request that is the type of a claim which is asked for.
pub const CLAIM: &str = "claim";

use base64::Engine;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use memchr::memmem;
use zeroize::Zeroizing;

use crate::encoding;
use crate::expiry::Expiry;
use crate::jwt;
use crate::known::Known;
use crate::secret::Secret;
use crate::subjects::About;
use settings::WsTrust;
use words::TokenAs;

/// The writer of a token, which decides how much it may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Writer {
    Client,
    Sts,
}

/// The subject of a token, where it is an assertion or a `wsse:UsernameToken`.
pub(crate) fn about(token: &[u8], writer: Writer) -> About {
    let origin = match writer {
        Writer::Client => xml::Origin::Client,
        Writer::Sts => xml::Origin::Sts,
    };
    about::read(token, origin)
}

/// The user of credentials as HTTP Basic has them.
pub(crate) fn user_of_credentials(source: &[u8]) -> About {
    let credentials = source::Credentials::decode(source, TokenAs::Security).ok();
    let user = credentials.as_ref().map(source::Credentials::username);
    let user = user.and_then(|user| std::str::from_utf8(user).ok());
    user.map_or(About::Unsaid, About::one)
}

/// Whether a text can be put into a message, and told in a log: what XML can hold, without control
/// characters.
pub(crate) fn is_plain(text: &str) -> bool {
    xml::write::is_text(text) && !text.chars().any(char::is_control)
}

/// Tells the secrets within the source token of a message.
pub(crate) fn tell(exchange: &WsTrust, source: &[u8], known: &mut Known) {
    if exchange.settings().source_as == words::SourceAs::UsernameToken {
        source::password_of_credentials(source, |password| known.add(password));
    }
    source::passwords(source, |password| known.add(password.as_bytes()));
}

/// When a SAML assertion expires, by what it says itself; what is none says nothing. It may be encoded
/// as OAuth has it (RFC 8693, section 3; RFC 7522, section 2.1), or in plain base64.
///
/// Its signature is not looked at: this is for a cache, which must not keep what came of the
/// assertion for longer than that.
pub fn assertion_expiry(token: &[u8]) -> Expiry {
    let decoded = decoded(token);
    let token = decoded.as_ref().map_or(token, |token| token.expose());
    if !begins_as_xml(token) {
        return Expiry::Unsaid;
    }
    match xml::parse(token, xml::Origin::Client) {
        Ok(document) => response::assertion_expiry(document.root_element()),
        // What is said somewhere in it, but cannot be read.
        Err(_) if LIMITS.iter().any(|limit| memmem::find(token, limit).is_some()) => {
            Expiry::Unreadable
        }
        Err(_) => Expiry::Unsaid,
    }
}

/// What is in a token that by its beginning is XML in base64.
fn decoded(token: &[u8]) -> Option<Secret> {
    if !begins_as_encoded_xml(token) {
        return None;
    }
    let mut text = Secret::with_capacity(token.len());
    for part in token.split(u8::is_ascii_whitespace) {
        text.append(part);
    }
    decode(text.expose())
}

/// Most tokens are not, and end here, at each call twice: so this takes no block of memory.
fn begins_as_encoded_xml(token: &[u8]) -> bool {
    // That of a JWT stands for a brace or a letter, whatever comes behind it.
    if jwt::has_encoded_header(token.trim_ascii_start()) {
        return false;
    }
    let mut letters = Zeroizing::new([0; START]);
    let mut length = 0;
    let found = token.iter().filter(|byte| !byte.is_ascii_whitespace());
    for (letter, byte) in letters.iter_mut().zip(found) {
        *letter = *byte;
        length += 1;
    }
    let letters = letters.get(..length).unwrap_or_default();
    let mut start = Zeroizing::new([0; START]);
    let decoded = alphabet_of(letters).decode_slice(letters, start.as_mut_slice());
    decoded.is_ok_and(|length| begins_as_xml(start.get(..length).unwrap_or_default()))
}

fn decode(text: &[u8]) -> Option<Secret> {
    encoding::decode(alphabet_of(text), text)
}

fn alphabet_of(text: &[u8]) -> &'static GeneralPurpose {
    let is_of_urls = text.iter().any(|byte| matches!(byte, b'-' | b'_'));
    if is_of_urls { &BASE64_URL } else { &BASE64 }
}

fn begins_as_xml(token: &[u8]) -> bool {
    let token = token.strip_prefix(BYTE_ORDER_MARK).unwrap_or(token);
    token.trim_ascii_start().first() == Some(&b'<')
}

/// Letters by which a token is known to be XML: whole groups, which are decoded by themselves.
const START: usize = 64;

/// By what an assertion limits its use.
const LIMITS: [&[u8]; 3] = [b"NotOnOrAfter", b"OneTimeUse", b"DoNotCacheCondition"];

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// As forgiving as any reader.
const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_padding_mode(DecodePaddingMode::Indifferent)
    .with_decode_allow_trailing_bits(true);
const BASE64: GeneralPurpose = GeneralPurpose::new(&base64::alphabet::STANDARD, LENIENT);
const BASE64_URL: GeneralPurpose = GeneralPurpose::new(&base64::alphabet::URL_SAFE, LENIENT);

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

    use super::*;

    #[test]
    fn no_xml_in_base64_is_taken_for_a_jwt() {
        for start in ["<a", " <a", "\t<a", "\n<a", "\r<a", "\x0c<a", "\u{feff}<a", "\u{feff} <a"] {
            for engine in [STANDARD_NO_PAD, URL_SAFE_NO_PAD] {
                let encoded = engine.encode(format!("{start}>some text</a>"));
                assert!(begins_as_encoded_xml(encoded.as_bytes()), "{start:?}");
                assert!(begins_as_encoded_xml(format!(" \n{encoded}").as_bytes()), "{start:?}");
            }
        }
    }

    #[test]
    fn what_begins_as_a_jwt_begins_no_xml() {
        for first in *b"xyz{" {
            for second in 0..=u8::MAX {
                let text = [first, second, b'<'];
                assert!(STANDARD_NO_PAD.encode(text).starts_with('e'));
                assert!(!begins_as_xml(&text));
                assert!(!begins_as_encoded_xml(STANDARD_NO_PAD.encode(text).as_bytes()));
            }
        }
    }
}
