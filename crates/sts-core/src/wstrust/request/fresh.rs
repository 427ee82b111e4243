//! Identifiers, times and nonces.

use std::fmt::Write;

use super::token::Token;
use crate::client_auth::{MessageProof, PasswordType};
use crate::now::{NoEntropy, Now, UnixTime};
use crate::wstrust::time;

/// What is new in each message.
pub(super) struct Fresh {
    pub(super) message_id: String,
    /// Makes the `wsu:Id`s unique also beside those that a source token brings along.
    pub(super) id: String,
    pub(super) created: String,
    pub(super) expires: String,
    pub(super) nonce: [u8; 16],
    /// For the source token, where it is a `UsernameToken` that is made here.
    pub(super) source_nonce: [u8; 16],
    /// Of the gateway's password.
    pub(super) digest: String,
}

impl Fresh {
    /// # Errors
    /// There are no random bytes.
    pub(super) fn new(
        now: &Now,
        token: &Token<'_>,
        proof: Option<&MessageProof<'_>>,
    ) -> Result<Self, NoEntropy> {
        // What is sent as an identifier tells nothing of the nonce.
        let (uuid, nonce) = halves(now.random()?);
        let source_nonce = match token {
            Token::Credentials(_) => halves(now.random()?).1,
            Token::Binary { .. } | Token::Verbatim(_) | Token::Wrapped(_) => [0; 16],
        };
        let created = time::format(now.wall);
        let digest = match proof {
            Some(proof) if proof.password_type == PasswordType::Digest => {
                proof.digest(&nonce, &created)
            }
            _ => String::new(),
        };
        Ok(Self {
            message_id: uuid_urn(uuid),
            id: hex(&uuid),
            expires: time::format(UnixTime(now.wall.0.saturating_add(LIFE))),
            created,
            nonce,
            source_nonce,
            digest,
        })
    }
}

fn halves(random: [u8; 32]) -> ([u8; 16], [u8; 16]) {
    let (mut first, mut second) = ([0; 16], [0; 16]);
    let (one, other) = random.split_at(16);
    first.copy_from_slice(one);
    second.copy_from_slice(other);
    (first, second)
}

/// A version 4 UUID (RFC 9562, sections 4 and 5.4).
fn uuid_urn(bytes: [u8; 16]) -> String {
    let random = u128::from_be_bytes(bytes);
    let uuid = random & !(0xf << 76) & !(0x3 << 62) | 0x4 << 76 | 0x2 << 62;
    let digits = format!("{uuid:032x}");
    let mut urn = String::from("urn:uuid:");
    for (position, digit) in digits.chars().enumerate() {
        if matches!(position, 8 | 12 | 16 | 20) {
            urn.push('-');
        }
        urn.push(digit);
    }
    urn
}

fn hex(bytes: &[u8]) -> String {
    let mut hex = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        // Writing to a string does not fail.
        let _ = write!(hex, "{byte:02x}");
    }
    hex
}

/// Seconds until the STS may forget the message: time for a slow call, and for clocks that differ.
const LIFE: u64 = 300;
