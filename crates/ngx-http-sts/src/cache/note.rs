//! What is known of a token besides itself, as it lies in the zone: a note of 64 bits, and the words
//! before the token that do not fit into it.

use std::borrow::Cow;

use sts_core::expect::{AsAsked, Findings, Look};
use sts_core::issued::{ISSUED_TYPES, Said, TokenType};
use sts_core::secret::Secret;
use sts_zone::zone::Kept;

use crate::nginx::clock;
use sts_flight::token::{Token, Validity};

/// What a note says of the type of a token. The word for another type stands before the token.
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

/// Set in the note of a token before which the scope stands that the STS has named.
const WITH_SCOPE: u64 = 512;

/// Set in the note of a token that a backend does not take: it serves no request any more, and tells it apart
/// from what lies in a store.
pub(super) const SUSPECT: u64 = 1 << 13;

/// The `issued_token_type`: none, the number of a known one and 1, or [`OTHER_ISSUED`] where it stands
/// before the token.
const ISSUED_SHIFT: u32 = 10;
const ISSUED: u64 = 7;
const OTHER_ISSUED: u64 = 7;
const _: () = assert!(ISSUED_TYPES.len() < OTHER_ISSUED as usize);

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
        (token.said.scope.is_some(), WITH_SCOPE),
    ];
    let flags = flags.iter().filter(|(is_set, _)| *is_set).fold(0, |all, (_, flag)| all | flag);
    seconds << GOOD_FOR_SHIFT | issued(&token.said) << ISSUED_SHIFT | kind | flags
}

/// What stands in a note of the `issued_token_type`.
fn issued(said: &Said) -> u64 {
    let Some(issued) = said.issued_token_type.as_deref() else { return 0 };
    let known = ISSUED_TYPES.iter().position(|known| *known == issued);
    known.map_or(OTHER_ISSUED, |number| number as u64 + 1)
}

/// The token with the words before it that need to be remembered, where there are any: each with its
/// length in two bytes.
pub(super) fn with_words(token: &Token) -> Option<Secret> {
    let token_type = match &token.token_type {
        TokenType::Other(word) => Some(&**word),
        TokenType::Bearer | TokenType::NotApplicable | TokenType::Unsaid => None,
    };
    let said = &token.said;
    let issued = said.issued_token_type.as_deref().filter(|_| issued(said) == OTHER_ISSUED);
    let words = [token_type, issued, said.scope.as_deref()];
    let length = words.iter().flatten().map(|word| 2 + word.len()).sum::<usize>();
    if length == 0 {
        return None;
    }
    let secret = token.token.issued().expose();
    let mut value = Secret::with_capacity(length + secret.len());
    for word in words.into_iter().flatten() {
        value.append(&u16::try_from(word.len()).ok()?.to_le_bytes());
        value.append(word.as_bytes());
    }
    value.append(secret);
    Some(value)
}

/// The type of a token, what the STS said with it, and itself, out of what [`with_words`] has made;
/// `None` for what it has not.
pub(super) fn words_and_token(note: u64, secret: Secret) -> Option<(TokenType, Said, Secret)> {
    let mut rest = secret.expose();
    let mut word = || {
        let (length, words) = rest.split_first_chunk()?;
        let (word, token) = words.split_at_checked(usize::from(u16::from_le_bytes(*length)))?;
        rest = token;
        str::from_utf8(word).ok().map(Box::<str>::from)
    };
    let token_type = match note & TYPES {
        0 => TokenType::Bearer,
        NOT_APPLICABLE => TokenType::NotApplicable,
        TYPE_UNSAID => TokenType::Unsaid,
        OTHER_TYPE => TokenType::Other(word()?),
        _ => return None,
    };
    let issued_token_type = match note >> ISSUED_SHIFT & ISSUED {
        0 => None,
        OTHER_ISSUED => Some(Said::token_type(word()?)),
        known => {
            let number = usize::try_from(known).ok()?;
            Some(Cow::Borrowed(*ISSUED_TYPES.get(number - 1)?))
        }
    };
    let scope = if note & WITH_SCOPE == 0 { None } else { Some(word()?) };
    let said = Said { issued_token_type, scope };
    if rest.len() == secret.expose().len() {
        return Some((token_type, said, secret));
    }
    let token = Secret::new(rest);
    Some((token_type, said, token))
}

/// Whether a backend does not take the token.
pub(super) fn is_suspect(kept: &Kept) -> bool {
    kept.note & SUSPECT != 0
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
