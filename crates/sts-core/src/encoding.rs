//! How a token stands in what it is read from, or put into.
//!
//! A token that is XML, or bytes, cannot stand in a header, a cookie or a query as it is. It stands
//! there encoded, and what is encoded says nothing of itself: both sides have to know.

mod deflate;

use base64::Engine;
use base64::alphabet::{Alphabet, STANDARD, URL_SAFE};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use memchr::{memchr, memchr3};
use thiserror::Error;

use crate::secret::{Secret, room};

/// `STSSourceEncoding`, `STSTargetEncoding`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// RFC 4648, section 4: written with padding, read with or without.
    Base64,
    /// RFC 4648, section 5: written without padding, as RFC 7522, section 2.1 has it for assertions;
    /// read with or without.
    Base64Url,
    /// Deflated (RFC 1951), then [`Self::Base64Url`]; read in [`Self::Base64`], too, which is how SAML
    /// puts XML into a URL (SAML 2.0 bindings, section 3.4.4.1). Read with the header and the checksum
    /// of zlib (RFC 1950), too: many libraries that are told to deflate write them.
    Deflate,
    /// The password of the credentials of HTTP Basic (RFC 7617, section 2), whatever the user name; written
    /// with an empty one. No word of the directives: the place `basic` has it.
    BasicPassword,
}

impl Encoding {
    /// The words of the directives; nothing is done for the first.
    pub const WORDS: [(&'static str, Option<Self>); 4] = [
        ("none", None),
        ("base64", Some(Self::Base64)),
        ("base64url", Some(Self::Base64Url)),
        ("deflate", Some(Self::Deflate)),
    ];

    /// The token that stands in a text.
    ///
    /// # Errors
    /// The text is not encoded like this, or its token is larger than any is.
    pub fn decode(self, text: &[u8]) -> Result<Secret, Undecodable> {
        // Nothing is no token, however it would be encoded.
        if text.is_empty() {
            return Ok(Secret::default());
        }
        match self {
            Self::Base64 => decode(&BASE64, text).ok_or(Undecodable::Base64),
            Self::Base64Url => decode(&BASE64_URL, text).ok_or(Undecodable::Base64Url),
            Self::Deflate => {
                let deflated = decode(&BASE64_URL, text).or_else(|| decode(&BASE64, text));
                let deflated = deflated.ok_or(Undecodable::EitherBase64)?;
                deflate::inflate(deflated.expose())
            }
            Self::BasicPassword => {
                let pair = decode(&BASE64, text).ok_or(Undecodable::Credentials)?;
                let colon = memchr(b':', pair.expose()).ok_or(Undecodable::Credentials)?;
                Ok(Secret::new(pair.expose().get(colon + 1..).unwrap_or_default()))
            }
        }
    }

    /// The text that a token stands in; `None` if the encoder itself fails.
    pub fn encode(self, token: &[u8]) -> Option<Secret> {
        match self {
            Self::Base64 => encode(&BASE64, token),
            Self::Base64Url => encode(&BASE64_URL, token),
            Self::Deflate => encode(&BASE64_URL, deflate::deflate(token)?.expose()),
            Self::BasicPassword => encode(&BASE64, Secret::new([b":", token].concat()).expose()),
        }
    }
}

/// Whether a token can stand in a header, or in a variable of NGINX, as it is.
///
/// A token of OAuth always can. An assertion that is printed over several lines, or a binary token,
/// cannot: CR, LF or NUL would end the header, or the string.
pub fn stands_as_it_is(token: &[u8]) -> bool {
    memchr3(b'\r', b'\n', b'\0', token).is_none()
}

/// Why there is no token in a text, as a fragment that says what the text is. It holds nothing of it.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum Undecodable {
    /// Not of that alphabet, or cut off.
    #[error("is not base64")]
    Base64,
    /// As before.
    #[error("is not base64url")]
    Base64Url,
    /// Not base64, or without a colon in it.
    #[error("is not a user name and a password in base64 (RFC 7617)")]
    Credentials,
    /// Of neither alphabet, of both, or cut off.
    #[error("is neither base64url nor base64")]
    EitherBase64,
    /// Not what a deflater writes, or cut off, or with something behind it.
    #[error("is not deflated")]
    Deflate,
    /// It would be inflated to more than [`MAX_INFLATED`].
    #[error("is larger than {MAX_INFLATED} bytes when it is inflated")]
    TooLarge,
}

/// Bytes that a token may be inflated to. A few bytes can stand for a thousand times as many: this
/// bounds what a client makes a worker do to less than a millisecond.
pub const MAX_INFLATED: usize = 256 * 1024;

/// The bytes that a text stands for, unless it is none of that alphabet.
pub(crate) fn decode(alphabet: &GeneralPurpose, text: &[u8]) -> Option<Secret> {
    let mut token = room(base64::decoded_len_estimate(text.len()));
    let length = alphabet.decode_slice(text, &mut token).ok()?;
    token.truncate(length);
    Some(token.into())
}

fn encode(alphabet: &GeneralPurpose, token: &[u8]) -> Option<Secret> {
    let mut text = room(base64::encoded_len(token.len(), true)?);
    let length = alphabet.encode_slice(token, &mut text).ok()?;
    text.truncate(length);
    Some(text.into())
}

const BASE64: GeneralPurpose = alphabet(&STANDARD, true);
const BASE64_URL: GeneralPurpose = alphabet(&URL_SAFE, false);

const fn alphabet(alphabet: &Alphabet, padded: bool) -> GeneralPurpose {
    let config = GeneralPurposeConfig::new()
        .with_encode_padding(padded)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent);
    GeneralPurpose::new(alphabet, config)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ALL: [Encoding; 4] =
        [Encoding::Base64, Encoding::Base64Url, Encoding::Deflate, Encoding::BasicPassword];

    fn decoded(encoding: Encoding, text: &str) -> Result<Vec<u8>, Undecodable> {
        encoding.decode(text.as_bytes()).map(|token| token.expose().to_vec())
    }

    fn encoded(encoding: Encoding, token: &[u8]) -> String {
        String::from_utf8(encoding.encode(token).unwrap().expose().to_vec()).unwrap()
    }

    #[test]
    fn base64_is_that_of_rfc_4648_section_10() {
        for (token, text) in
            [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")]
        {
            assert_eq!(encoded(Encoding::Base64, token.as_bytes()), text);
            assert_eq!(decoded(Encoding::Base64, text), Ok(token.into()));
            let bare = text.trim_end_matches('=');
            assert_eq!(encoded(Encoding::Base64Url, token.as_bytes()), bare);
            for text in [text, bare] {
                assert_eq!(decoded(Encoding::Base64Url, text), Ok(token.into()));
                assert_eq!(decoded(Encoding::Base64, text), Ok(token.into()));
            }
        }
        let token = b"\xfb\xff\xbf";
        assert_eq!(encoded(Encoding::Base64, token), "+/+/");
        assert_eq!(encoded(Encoding::Base64Url, token), "-_-_");
    }

    #[test]
    fn each_has_its_own_alphabet() {
        for text in ["-_-_", "Zm9v\n", "Zm 9v", "Z", "Zm9v=", "Zg=a", "Zh==", "Zm9v.", "\u{e9}"] {
            assert_eq!(decoded(Encoding::Base64, text), Err(Undecodable::Base64), "{text:?}");
        }
        for text in ["+/+/", "a.b.c", "Z", "Zh", "%"] {
            assert_eq!(decoded(Encoding::Base64Url, text), Err(Undecodable::Base64Url), "{text:?}");
        }
    }

    #[test]
    fn what_is_deflated_stands_in_either_alphabet_but_not_in_both() {
        // Both of the letters that differ, in one text.
        let token: Vec<u8> = (0..=254).collect();
        let url = encoded(Encoding::Deflate, &token);
        assert!(url.contains('-') && url.contains('_'), "{url}");
        let standard = url.replace('-', "+").replace('_', "/");
        let padded = format!("{standard}{}", "=".repeat((4 - standard.len() % 4) % 4));
        assert_ne!(padded, standard);
        for text in [&url, &standard, &padded] {
            assert_eq!(decoded(Encoding::Deflate, text), Ok(token.clone()), "{text}");
        }
        let mixed = [url.replacen('-', "+", 1), url.replacen('_', "/", 1)];
        for text in mixed.iter().map(String::as_str).chain(["a.b.c", "Z", "Zh", "%"]) {
            assert_eq!(decoded(Encoding::Deflate, text), Err(Undecodable::EitherBase64), "{text}");
        }
    }

    #[test]
    fn what_others_have_deflated_is_read() {
        // python3: zlib.compress(b"Deflate late"), and without what zlib puts around it.
        let zlib = b"\x78\x9c\x73\x49\x4d\xcb\x49\x2c\x49\x55\x00\x11\x00\x1c\xad\x04\x7c";
        for deflated in [&zlib[..], &zlib[2..zlib.len() - 4]] {
            let text = encoded(Encoding::Base64Url, deflated);
            assert_eq!(decoded(Encoding::Deflate, &text), Ok(b"Deflate late".into()));
        }
    }

    #[test]
    fn what_no_deflater_writes_is_refused() {
        for deflated in [
            &b"\x07"[..],
            b"Deflate late",
            // Cut off, and with something behind it.
            b"\x73\x49\x4d\xcb\x49\x2c\x49\x55\x00\x11",
            b"\x73\x49\x4d\xcb\x49\x2c\x49\x55\x00\x11\x00\x00",
            // A wrong checksum.
            b"\x78\x9c\x73\x49\x4d\xcb\x49\x2c\x49\x55\x00\x11\x00\x1c\xad\x04\x7d",
            b"\x78\x9c",
        ] {
            let text = encoded(Encoding::Base64Url, deflated);
            assert_eq!(decoded(Encoding::Deflate, &text), Err(Undecodable::Deflate), "{text}");
        }
    }

    #[test]
    fn a_password_of_http_basic_stands_behind_the_first_colon() {
        let decoded = |pair: &str| decoded(Encoding::BasicPassword, pair);
        // RFC 7617, section 2.
        assert_eq!(decoded("QWxhZGRpbjpvcGVuIHNlc2FtZQ=="), Ok(b"open sesame".into()));
        for (pair, token) in [("a:b", "b"), (":b", "b"), ("a:b:c", "b:c"), ("a::", ":"), ("a:", "")]
        {
            let text = encoded(Encoding::Base64, pair.as_bytes());
            assert_eq!(decoded(&text), Ok(token.into()), "{pair}");
        }
        for text in [encoded(Encoding::Base64, b"token"), "a:b".to_owned(), "YTpi_".to_owned()] {
            assert_eq!(decoded(&text), Err(Undecodable::Credentials), "{text}");
        }
        assert_eq!(encoded(Encoding::BasicPassword, b"b"), encoded(Encoding::Base64, b":b"));
    }

    #[test]
    fn nothing_stays_nothing() {
        for encoding in ALL {
            assert_eq!(decoded(encoding, ""), Ok(vec![]));
        }
    }

    #[test]
    fn what_is_inflated_has_a_bound() {
        let most = vec![b'a'; MAX_INFLATED];
        let text = encoded(Encoding::Deflate, &most);
        assert!(text.len() < 2000, "{}", text.len());
        assert_eq!(decoded(Encoding::Deflate, &text).unwrap(), most);
        let text = encoded(Encoding::Deflate, &[&most[..], b"a"].concat());
        assert_eq!(decoded(Encoding::Deflate, &text), Err(Undecodable::TooLarge));
        let text = encoded(Encoding::Deflate, &vec![0; 32 << 20]);
        assert_eq!(decoded(Encoding::Deflate, &text), Err(Undecodable::TooLarge));
    }

    #[test]
    fn what_stands_in_a_header_has_no_cr_lf_or_nul() {
        assert!(stands_as_it_is(b"") && stands_as_it_is(b"<a b='\t\xe9'/>"));
        for token in [b"a\r", b"a\n", b"a\0"] {
            assert!(!stands_as_it_is(token));
        }
    }

    proptest! {
        #[test]
        fn what_is_encoded_is_decoded(token: Vec<u8>, times in 1..200_usize) {
            let token = token.repeat(times);
            for encoding in ALL {
                let text = encoding.encode(&token).unwrap();
                prop_assert!(stands_as_it_is(text.expose()));
                prop_assert!(text.expose().iter().all(|byte| byte.is_ascii_graphic()));
                prop_assert!(encoding.decode(text.expose()).unwrap().expose() == token);
            }
        }

        #[test]
        fn no_text_panics(text: Vec<u8>) {
            for encoding in ALL {
                let _ = encoding.decode(&text);
            }
            let text = Encoding::Base64Url.encode(&text).unwrap();
            let _ = Encoding::Deflate.decode(text.expose());
        }
    }
}
