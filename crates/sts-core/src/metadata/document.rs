//! The JSON of metadata.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error, IgnoredAny, MapAccess, Visitor};
use serde_json::error::Category;
use serde_json::json;

use crate::json::Member;

/// The members of interest. `null` counts as absent.
#[derive(Deserialize)]
#[serde(bound(deserialize = "'de: 'a"))]
pub(super) struct Document<'a> {
    issuer: Option<Member<'a>>,
    token_endpoint: Option<Member<'a>>,
    mtls_endpoint_aliases: Option<Aliases<'a>>,
}

/// Of `mtls_endpoint_aliases` the member of interest. The derived reader would take an array for it.
#[derive(Default)]
struct Aliases<'a> {
    token_endpoint: Option<Member<'a>>,
}

impl<'a> Document<'a> {
    pub(super) fn parse(body: &'a [u8]) -> Result<Self, String> {
        // The derived reader would take an array for the members in their order.
        if body.trim_ascii_start().first() != Some(&b'{') {
            return Err("the metadata are no JSON object".to_owned());
        }
        serde_json::from_slice(body).map_err(|error| {
            match error.classify() {
                // All other values are accepted.
                Category::Data => {
                    "a member of the metadata is given twice, or mtls_endpoint_aliases is no object"
                }
                _ => "the metadata are no well-formed JSON object",
            }
            .to_owned()
        })
    }

    pub(super) fn issuer(&self) -> Result<&str, String> {
        text("issuer", self.issuer.as_ref())?.ok_or_else(|| missing("issuer"))
    }

    pub(super) fn token_endpoint(&self) -> Result<&str, String> {
        let name = "token_endpoint";
        text(name, self.token_endpoint.as_ref())?.ok_or_else(|| missing(name))
    }

    pub(super) fn mtls_token_endpoint(&self) -> Result<Option<&str>, String> {
        let aliases = self.mtls_endpoint_aliases.as_ref();
        let alias = aliases.and_then(|aliases| aliases.token_endpoint.as_ref());
        text("mtls_endpoint_aliases.token_endpoint", alias)
    }
}

/// Metadata with these members, and no others.
pub(super) fn write(issuer: &str, token_endpoint: &str, alias: Option<&str>) -> String {
    let aliases = alias.map(|alias| json!({ "token_endpoint": alias }));
    json!({
        "issuer": issuer,
        "token_endpoint": token_endpoint,
        "mtls_endpoint_aliases": aliases,
    })
    .to_string()
}

fn text<'m>(name: &str, member: Option<&'m Member<'_>>) -> Result<Option<&'m str>, String> {
    let Some(member) = member else { return Ok(None) };
    let text = member.as_text();
    text.map(Some).ok_or_else(|| format!("the {name} of the metadata is no string"))
}

fn missing(name: &str) -> String {
    format!("the metadata have no {name}")
}

impl<'de: 'a, 'a> Deserialize<'de> for Aliases<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AliasesVisitor)
    }
}

struct AliasesVisitor;

impl<'de> Visitor<'de> for AliasesVisitor {
    type Value = Aliases<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Aliases<'de>, A::Error> {
        const NAME: &str = "token_endpoint";
        let mut found: Option<Option<Member<'de>>> = None;
        while let Some(name) = map.next_key::<Cow<'de, str>>()? {
            if name != NAME {
                map.next_value::<IgnoredAny>()?;
            } else if found.replace(map.next_value()?).is_some() {
                return Err(Error::duplicate_field(NAME));
            }
        }
        Ok(Aliases { token_endpoint: found.flatten() })
    }
}
