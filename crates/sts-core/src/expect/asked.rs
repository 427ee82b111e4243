//! Compares what an answer says of its token with what was asked for.
//!
//! All that was asked for is in the key of a token, so what comes out here holds for each request that
//! has the same key: it is kept with the token, and the answer is not.

use std::fmt;

use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::Value;

use crate::issued::{Issued, Told};
use crate::jwt;
use crate::message::Subject;
use crate::parameters;

/// What of a token is known to be as it was asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AsAsked {
    /// Its type, by the `issued_token_type` of the answer.
    pub issued_token_type: bool,
    /// Its audience, by its own `aud`.
    pub audience: bool,
    /// Its scope, by that of the answer and its own.
    pub scope: bool,
}

impl AsAsked {
    /// What is as it was asked for.
    pub(super) fn of(issued: &Issued, subject: &Subject<'_>) -> Self {
        let asked = |names: &'static [&str]| {
            let named = subject.parameters.iter().filter(|it| names.contains(&it.name));
            // One without a value counts as omitted (RFC 6749, section 3.2).
            named.map(|it| it.value).filter(|value| !value.is_empty())
        };
        let audiences: Vec<_> = asked(&["audience", "resource"]).collect();
        let scope = asked(&["scope"]).next().unwrap_or_default();
        let scopes: Vec<_> =
            scope.split(|byte| *byte == b' ').filter(|it| !it.is_empty()).collect();
        // Of most tokens nothing is asked that they would have to be read for.
        let claims = match (audiences.as_slice(), scopes.as_slice()) {
            ([], []) => Read::Opaque,
            _ => Read::of(issued.token.expose()),
        };
        Self {
            issued_token_type: is_type(
                asked(&["requested_token_type"]).next(),
                &issued.issued_token_type,
            ),
            audience: audiences.is_empty() || claims.has_audiences(&audiences),
            scope: scopes.is_empty()
                || is_scope(&scopes, &issued.scope) && claims.has_scopes(&scopes),
        }
    }
}

/// Whether the type that an answer names is the one that was asked for (RFC 8693, section 2.2.1).
fn is_type(asked: Option<&[u8]>, told: &Told) -> bool {
    let told = match told {
        Told::Nothing => return true,
        Told::Unreadable => return false,
        Told::Text(text) => identifier(text.as_bytes()),
    };
    match asked.map(identifier) {
        Some(asked) => asked == told || [asked, told].iter().all(|it| ACCESS.contains(it)),
        None => !NEVER_UNASKED.contains(&told),
    }
}

/// The identifier of a type that may be named in short.
fn identifier(name: &[u8]) -> &[u8] {
    parameters::token_type("requested_token_type", name).map_or(name, str::as_bytes)
}

/// An access token may be a JWT, and often is (RFC 8693, section 3).
const ACCESS: [&[u8]; 2] =
    [b"urn:ietf:params:oauth:token-type:access_token", b"urn:ietf:params:oauth:token-type:jwt"];

/// What is of no use to a backend, and dangerous in the hands of one.
const NEVER_UNASKED: [&[u8]; 2] = [
    b"urn:ietf:params:oauth:token-type:refresh_token",
    b"urn:ietf:params:oauth:token-type:id_token",
];

/// Whether the scope that an answer names has all that was asked for. None is named where it is the same
/// (RFC 6749, section 5.1).
fn is_scope(asked: &[&[u8]], told: &Told) -> bool {
    match told {
        Told::Nothing => true,
        Told::Unreadable => false,
        Told::Text(text) => {
            let told: Vec<_> = text.as_bytes().split(|byte| *byte == b' ').collect();
            asked.iter().all(|scope| told.contains(scope))
        }
    }
}

/// What a token says itself.
enum Read {
    /// It is no JWT, or one that cannot be looked into.
    Opaque,
    /// It begins as a JWT, and what it says is not clear.
    Unclear,
    Claims(Claims),
}

#[derive(Default)]
struct Claims {
    audience: Option<Texts>,
    scope: Option<Texts>,
    /// Many servers have this one.
    scp: Option<Texts>,
}

/// A text, or a list of texts; `None` for anything else.
struct Texts(Option<Vec<String>>);

impl Read {
    fn of(token: &[u8]) -> Self {
        let is_jwt = jwt::has_encoded_header(token);
        let Some(claims) = jwt::payload(token).filter(|_| is_jwt).and_then(jwt::decode) else {
            return Self::Opaque;
        };
        // The second part of an encrypted one is a key.
        if claims.expose().trim_ascii_start().first() != Some(&b'{') {
            return Self::Opaque;
        }
        let mut json = serde_json::Deserializer::from_slice(claims.expose());
        let read = json.deserialize_map(ClaimsVisitor).and_then(|read| json.end().map(|()| read));
        read.map_or(Self::Unclear, Self::Claims)
    }

    /// Whether it is for all of these. One that does not say so is not known to be.
    fn has_audiences(&self, asked: &[&[u8]]) -> bool {
        match self {
            Self::Claims(Claims { audience: Some(Texts(Some(told))), .. }) => {
                asked.iter().all(|asked| told.iter().any(|told| told.as_bytes() == *asked))
            }
            Self::Claims(_) | Self::Opaque | Self::Unclear => false,
        }
    }

    /// Whether it has all of these, if it has any (RFC 9068, section 2.2.3).
    fn has_scopes(&self, asked: &[&[u8]]) -> bool {
        let has_all = |texts: &Texts| {
            let Texts(Some(told)) = texts else { return false };
            let told: Vec<_> = told.iter().flat_map(|told| told.split(' ')).collect();
            asked.iter().all(|asked| told.iter().any(|told| told.as_bytes() == *asked))
        };
        match self {
            Self::Claims(claims) => [&claims.scope, &claims.scp].into_iter().flatten().all(has_all),
            Self::Opaque => true,
            Self::Unclear => false,
        }
    }
}

/// Reads the claims of interest, of which none may be there twice.
struct ClaimsVisitor;

impl<'de> Visitor<'de> for ClaimsVisitor {
    type Value = Claims;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a set of claims")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Claims, A::Error> {
        let mut claims = Claims::default();
        // With its escapes undone.
        while let Some(name) = map.next_key::<String>()? {
            let claim = match name.as_str() {
                "aud" => &mut claims.audience,
                "scope" => &mut claims.scope,
                "scp" => &mut claims.scp,
                _ => {
                    map.next_value::<IgnoredAny>()?;
                    continue;
                }
            };
            let value = Texts::of(map.next_value()?);
            // Two readers may see two.
            *claim = Some(if claim.is_some() { Texts(None) } else { value });
        }
        Ok(claims)
    }
}

impl Texts {
    fn of(value: Value) -> Self {
        let text = |value: Value| match value {
            Value::String(text) => Some(text),
            _ => None,
        };
        Self(match value {
            Value::Array(values) => values.into_iter().map(text).collect(),
            value => text(value).map(|text| vec![text]),
        })
    }
}

#[cfg(test)]
mod tests;
