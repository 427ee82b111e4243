//! Tokens that the gateway makes itself: claims become a signed JWT (RFC 7519). No STS is asked.
//!
//! Claims come from a JSON object, one by one from the configuration, or both ([`claims`]). A filter may
//! rewrite them. What the configuration says of the token itself comes last: no claim and no filter
//! changes it.

pub mod claim;
pub mod key;
pub mod published;
mod registered;

use std::str;

use serde_json::{Map, Value};

pub use claim::{Claim, ClaimType};
pub use key::MintingKey;
pub use published::Published;

use crate::error::{Failure, FailureKind};
use crate::fields::Fields;
use crate::jose::{JWT, SigningKey};
use crate::now::Now;
use crate::secret::Secret;

/// What this is called in the place of a protocol.
pub const NAME: &str = "jwt";

/// The claims of a token.
pub type Claims = Map<String, Value>;

/// Bytes that all that claims are made of may have together.
pub const MAX_BYTES: usize = 64 * 1024;

/// How deep arrays and objects may lie in each other.
pub const MAX_DEPTH: usize = 32;

/// Seconds that a token lives where nothing else is said.
pub const LIFETIME: u64 = 60;

/// What is said of all tokens of an exchange.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terms {
    /// Seconds that a token lives at most.
    pub lifetime: u64,
    /// A token says that it is not valid before it is made (`nbf`).
    pub not_before: bool,
    /// Its `typ`.
    pub kind: TokenKind,
}

impl Default for Terms {
    fn default() -> Self {
        Self { lifetime: LIFETIME, not_before: false, kind: TokenKind::Jwt }
    }
}

/// The `typ` of a token.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TokenKind {
    /// Any JWT (RFC 7519, section 5.1).
    #[default]
    Jwt,
    /// An access token (RFC 9068, section 2.1).
    AccessToken,
}

impl TokenKind {
    /// The words of `STSJWTType`.
    pub const WORDS: [(&'static str, Self); 2] = [(JWT, Self::Jwt), ("at+jwt", Self::AccessToken)];

    /// The value of `typ`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Jwt => JWT,
            Self::AccessToken => "at+jwt",
        }
    }
}

/// Claims that the configuration has for each token, in the place of whatever else was said of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Overrides<'o> {
    /// `iss`
    pub issuer: Option<&'o [u8]>,
    /// `sub`
    pub subject: Option<&'o [u8]>,
    /// `aud`: one is a text, several are a list.
    pub audience: Vec<&'o [u8]>,
    /// `client_id`
    pub client_id: Option<&'o [u8]>,
}

/// What a token is made of.
pub struct Recipe<'r> {
    /// The text of a JSON object.
    pub source: Option<&'r [u8]>,
    /// Claims one by one.
    pub claims: &'r [Claim<'r>],
    /// What no claim and no filter changes.
    pub overrides: Overrides<'r>,
}

/// What rewrites claims before they are signed.
pub trait Filter {
    /// The claims in the place of these.
    ///
    /// # Errors
    /// There are none. The text says that it is the filter and why, and holds none of them.
    fn run(&self, claims: &Claims) -> Result<Claims, String>;
}

/// A token that was made.
pub struct Minted {
    /// The token, in the compact serialization.
    pub token: Secret,
    /// Seconds that it lives.
    pub good_for: u64,
}

/// Makes a token.
///
/// # Errors
/// The claims cannot be used ([`FailureKind::BadToken`]); the filter or the signature has failed, or there
/// are no random bytes ([`FailureKind::BadAnswer`]). No claim stands in the failure.
pub fn mint(
    key: &SigningKey,
    terms: &Terms,
    recipe: &Recipe<'_>,
    filter: Option<&dyn Filter>,
    now: &Now,
) -> Result<Minted, Failure> {
    let claims = claims(recipe.source, recipe.claims)?;
    let claims = match filter {
        Some(filter) => {
            filter.run(&claims).map_err(|reason| Failure::new(FailureKind::BadAnswer, reason))?
        }
        None => claims,
    };
    let (claims, good_for) = registered::complete(claims, &recipe.overrides, terms, now)?;
    let payload = Secret::new(Value::Object(claims).to_string());
    let token = key.sign_compact(terms.kind.name(), payload.expose());
    let token = token.map_err(|error| Failure::new(FailureKind::BadAnswer, error.to_string()))?;
    Ok(Minted { token, good_for })
}

/// The claims that a filter gets: those of the object, and those that were written one by one, which
/// win.
///
/// # Errors
/// There is no such object, or a claim has not the form that it should have.
pub fn claims(source: Option<&[u8]>, written: &[Claim<'_>]) -> Result<Claims, Failure> {
    let bytes = source.map_or(0, <[u8]>::len)
        + written.iter().map(|claim| claim.name.len() + claim.value.len()).sum::<usize>();
    if bytes > MAX_BYTES {
        return Err(bad(format!("the claims are larger than {MAX_BYTES} bytes")));
    }
    let mut claims = match source {
        Some(source) => match sts_json::read(source, MAX_DEPTH) {
            Ok(Value::Object(claims)) => claims,
            _ => {
                return Err(bad(format!(
                    "the source is no JSON object of claims: it has to be an object that names nothing \
                     twice, is at most {MAX_DEPTH} levels deep, and has no whole numbers of more than \
                     64 bits"
                )));
            }
        },
        None => Claims::new(),
    };
    for claim in written {
        let value = claim.read().map_err(|error| {
            bad(format!("the value of the claim \"{}\" {error}", claim.name.escape_debug()))
        })?;
        claims.insert(claim.name.to_owned(), value);
    }
    Ok(claims)
}

/// What makes minted tokens differ, as far as the configuration says it. Values are those of a request,
/// and belong to its key.
pub struct Identity<'i> {
    /// What they are signed with.
    pub key: &'i MintingKey,
    /// What is said of all of them.
    pub terms: &'i Terms,
    /// Whether there is an object of claims.
    pub has_source: bool,
    /// What the configuration overrides, and how many audiences there are.
    pub overrides: [bool; 3],
    /// How many audiences there are.
    pub audiences: usize,
    /// The claims that are written one by one.
    pub claims: &'i [(&'i str, ClaimType)],
    /// The text of the filter.
    pub filter: Option<&'i str>,
}

impl Identity<'_> {
    /// All that makes them differ.
    pub(crate) fn identify(&self, fields: &mut Fields) {
        let Self { key, terms, has_source, overrides, audiences, claims, filter } = self;
        let Terms { lifetime, not_before, kind } = terms;
        key.identify(fields);
        fields.push(&lifetime.to_le_bytes());
        fields.push(&[u8::from(*not_before), u8::from(*has_source)]);
        fields.push(kind.name().as_bytes());
        fields.push(&overrides.map(u8::from));
        fields.push(&(*audiences as u64).to_le_bytes());
        fields.push(&(claims.len() as u64).to_le_bytes());
        for (name, claim_type) in *claims {
            fields.push(name.as_bytes());
            fields.push(claim_type.name().as_bytes());
        }
        fields.push_optional(filter.map(str::as_bytes));
    }
}

fn text<'t>(what: &str, bytes: &'t [u8]) -> Result<&'t str, Failure> {
    str::from_utf8(bytes)
        .map_err(|_| bad(format!("the value of the claim \"{what}\" is not UTF-8")))
}

fn bad(reason: impl Into<String>) -> Failure {
    Failure::new(FailureKind::BadToken, reason.into())
}

#[cfg(test)]
mod tests;
