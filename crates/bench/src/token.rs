//! Tokens that look like JWTs of a given length and differ in a serial number.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// Digits of the serial number, with which a token ends.
const DIGITS: usize = 12;

/// All tokens of an issuer that have the same length.
#[derive(Clone)]
pub(crate) struct Tokens(Vec<u8>);

impl Tokens {
    /// Tokens that a client brings.
    pub(crate) fn source(length: usize) -> Self {
        Self::new("https://idp.example.com", length)
    }

    /// Tokens that the STS issues.
    pub(crate) fn target(length: usize) -> Self {
        Self::new("https://sts.example.com", length)
    }

    /// Half of a long token is its payload, as it is when it names many groups.
    fn new(issuer: &str, length: usize) -> Self {
        let groups = "g".repeat((length / 2).saturating_sub(150));
        let payload = format!(
            r#"{{"iss":"{issuer}","sub":"alice","aud":"gateway","exp":4102444800,"g":"{groups}"}}"#
        );
        let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"ES256","typ":"JWT"}"#);
        let mut token = format!("{header}.{}.", URL_SAFE_NO_PAD.encode(payload)).into_bytes();
        token.resize(length.max(token.len() + DIGITS), b's');
        Self(token)
    }

    /// The token with a number.
    pub(crate) fn numbered(&self, number: u64) -> Vec<u8> {
        self.ending(format!("{number:012}").as_bytes())
    }

    /// The token with the number that another one has.
    pub(crate) fn like(&self, other: &[u8]) -> Vec<u8> {
        let (_, digits) = other.split_at(other.len().saturating_sub(DIGITS));
        self.ending(digits)
    }

    fn ending(&self, digits: &[u8]) -> Vec<u8> {
        let mut token = self.0.clone();
        token.truncate(token.len() - DIGITS);
        token.extend_from_slice(digits);
        token
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_has_the_length_that_was_asked_for() {
        for length in [250, 1024, 4096, 65536] {
            assert_eq!(Tokens::source(length).numbered(7).len(), length);
            assert_eq!(Tokens::target(length).numbered(7).len(), length);
        }
    }

    #[test]
    fn the_target_of_a_source_has_its_number() {
        let source = Tokens::source(250).numbered(42);
        assert_eq!(Tokens::target(250).like(&source), Tokens::target(250).numbered(42));
    }
}
