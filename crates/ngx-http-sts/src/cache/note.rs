//! What is known of a token besides itself, as it lies in the zone: a note of 64 bits, and the word for
//! its type before the token where that needs one.

use sts_core::expect::{AsAsked, Findings, Look};
use sts_core::issued::TokenType;
use sts_core::secret::Secret;
use sts_zone::zone::Kept;

use crate::nginx::clock;
use sts_flight::token::{Token, Validity};

/// What a note says of the type of a token. The word for another type stands before the token: its
/// length in a byte, and itself.
const NOT_APPLICABLE: u64 = 1;
const TYPE_UNSAID: u64 = 4;
const OTHER_TYPE: u64 = 8;
const TYPES: u64 = NOT_APPLICABLE | TYPE_UNSAID | OTHER_TYPE;

/// Set in the note of a token the source of which was looked at, and is bound to no key of its client.
const UNBOUND: u64 = 2;

/// Set in the note of a token that was looked at, and is not about the gateway.
const NAMES_ANOTHER: u64 = 16;

/// Set in the note of a token that is in this as it was asked for.
const OF_TYPE: u64 = 32;
const OF_AUDIENCE: u64 = 64;
const OF_SCOPE: u64 = 128;

/// Set in the note of a token that ends with its source.
const IS_FINAL: u64 = 256;

/// The upper half of a note: seconds for which the token is good, as far as the STS and the tokens
/// say; all ones when they say nothing.
const GOOD_FOR_SHIFT: u32 = 32;
const SAYS_NOTHING: u64 = u32::MAX as u64;

/// The note of a token.
pub(super) fn of(token: &Token) -> u64 {
    let seconds =
        token.validity.good_for.map_or(SAYS_NOTHING, |seconds| seconds.min(SAYS_NOTHING - 1));
    let kind = match token.token_type {
        TokenType::Bearer => 0,
        TokenType::NotApplicable => NOT_APPLICABLE,
        TokenType::Other(_) => OTHER_TYPE,
        TokenType::Unsaid => TYPE_UNSAID,
    };
    let Findings { as_asked, names_another } = token.look.findings;
    let AsAsked { issued_token_type, audience, scope } = as_asked;
    let flags = [
        (token.unbound, UNBOUND),
        (names_another, NAMES_ANOTHER),
        (issued_token_type, OF_TYPE),
        (audience, OF_AUDIENCE),
        (scope, OF_SCOPE),
        (token.validity.is_final, IS_FINAL),
    ];
    let flags = flags.iter().filter(|(is_set, _)| *is_set).fold(0, |all, (_, flag)| all | flag);
    seconds << GOOD_FOR_SHIFT | kind | flags
}

/// The token with the word for its type before it, where it has one that needs to be remembered.
pub(super) fn with_type(token: &Token) -> Option<Secret> {
    let TokenType::Other(word) = &token.token_type else { return None };
    let secret = token.token.issued().expose();
    let mut value = Secret::with_capacity(1 + word.len() + secret.len());
    value.append(&[u8::try_from(word.len()).unwrap_or(u8::MAX)]);
    value.append(word.as_bytes());
    value.append(secret);
    Some(value)
}

/// The type of a token and itself, out of what [`with_type`] has made; `None` for what it has not.
pub(super) fn type_and_token(note: u64, secret: Secret) -> Option<(TokenType, Secret)> {
    let token_type = match note & TYPES {
        0 => TokenType::Bearer,
        NOT_APPLICABLE => TokenType::NotApplicable,
        TYPE_UNSAID => TokenType::Unsaid,
        OTHER_TYPE => {
            let (length, rest) = secret.expose().split_first()?;
            let (word, token) = rest.split_at_checked(usize::from(*length))?;
            let word = str::from_utf8(word).ok()?;
            return Some((TokenType::Other(word.into()), Secret::new(token)));
        }
        _ => return None,
    };
    Some((token_type, secret))
}

/// Whether the source was looked at, and is bound to no key of its client.
pub(super) fn is_unbound(note: u64) -> bool {
    note & UNBOUND != 0
}

/// What is known of a token besides. One that is kept was what its first user expected.
pub(super) fn look(note: u64) -> Look {
    let is_set = |flag| note & flag != 0;
    let as_asked = AsAsked {
        issued_token_type: is_set(OF_TYPE),
        audience: is_set(OF_AUDIENCE),
        scope: is_set(OF_SCOPE),
    };
    Look {
        findings: Findings { as_asked, names_another: is_set(NAMES_ANOTHER) },
        is_expected: true,
    }
}

/// For how long a token is good that lies in the zone.
pub(super) fn validity(kept: &Kept) -> Validity {
    let good_for = Some(kept.note >> GOOD_FOR_SHIFT).filter(|seconds| *seconds != SAYS_NOTHING);
    let at_most = clock::milliseconds().saturating_add(kept.remaining);
    Validity { sent: kept.sent, good_for, at_most, is_final: kept.note & IS_FINAL != 0 }
}
