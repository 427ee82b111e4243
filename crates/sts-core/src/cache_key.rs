//! The name that an issued token has in a cache.
//!
//! Two requests share a token only when everything is the same that the STS saw of them. Each field
//! goes into the digest behind its length, so that no two lists of fields are one text.

use openssl::sha::Sha256;

use crate::profile::{Profile, Protocol, Subject};

/// A digest over all that makes a token what it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CacheKey(pub [u8; 32]);

/// What all requests of an exchange have in common.
#[derive(Clone)]
pub struct ExchangeKey {
    digest: [u8; 32],
    /// The source token of a grant that has none must not part its users.
    has_source: bool,
}

/// Changes when the fields do, so that an old cache is not read wrongly.
const LAYOUT: &[u8] = b"sts-cache-key-1";

/// Fields, each behind its length.
pub(crate) struct Fields(Sha256);

impl Fields {
    pub(crate) fn new(layout: &[u8]) -> Self {
        let mut fields = Self(Sha256::new());
        fields.push(layout);
        fields
    }

    pub(crate) fn push(&mut self, field: &[u8]) {
        self.0.update(&(field.len() as u64).to_le_bytes());
        self.0.update(field);
    }

    pub(crate) fn push_optional(&mut self, field: Option<&[u8]>) {
        match field {
            Some(field) => {
                self.push(b"some");
                self.push(field);
            }
            None => self.push(b"none"),
        }
    }

    pub(crate) fn finish(self) -> [u8; 32] {
        self.0.finish()
    }
}

impl ExchangeKey {
    /// The part of the key that the configuration decides. `trust` says what of TLS is verified and
    /// by which authorities.
    pub fn new(profile: &Profile, trust: &[&[u8]]) -> Self {
        let mut fields = Fields::new(LAYOUT);
        fields.push(profile.protocol.name().as_bytes());
        fields.push(profile.endpoint.url().as_bytes());
        fields.push_optional(profile.client_id.as_deref().map(str::as_bytes));
        profile.auth.identify(&mut fields);
        if let Protocol::WsTrust(exchange) = &profile.protocol {
            exchange.identify(&mut fields);
        }
        for field in trust {
            fields.push(field);
        }
        Self { digest: fields.finish(), has_source: true }
    }

    /// The digest itself: all entries of the exchange are found by it.
    pub fn digest(&self) -> &[u8; 32] {
        &self.digest
    }

    /// The key of one request.
    pub fn of(&self, subject: &Subject<'_>) -> CacheKey {
        let mut fields = Fields::new(&self.digest);
        fields.push(&(subject.parameters.len() as u64).to_le_bytes());
        for parameter in subject.parameters {
            fields.push(parameter.name.as_bytes());
            fields.push(parameter.value);
        }
        if self.has_source {
            fields.push(subject.source.expose());
        }
        CacheKey(fields.finish())
    }
}

/// A digest of a source token alone, by which all tokens that were issued for it are found.
pub fn source_tag(source: &[u8]) -> [u8; 32] {
    let mut fields = Fields::new(b"sts-source-1");
    fields.push(source);
    fields.finish()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::client_auth::ClientAuth;
    use crate::endpoint::Endpoint;
    use crate::profile::{Parameter, Protocol};
    use crate::secret::Secret;

    fn profile(endpoint: &str, auth: &str, options: &str, client_id: Option<&str>) -> Profile {
        Profile {
            protocol: Protocol::TokenExchange,
            endpoint: Endpoint::parse(endpoint).unwrap(),
            auth: ClientAuth::parse(auth, Some(options)).unwrap(),
            client_id: client_id.map(str::to_owned),
        }
    }

    fn key(exchange: &ExchangeKey, source: &str, parameters: &[(&str, &str)]) -> CacheKey {
        let parameters: Vec<_> = parameters
            .iter()
            .map(|(name, value)| Parameter { name, value: value.as_bytes() })
            .collect();
        exchange.of(&Subject { source: &Secret::new(source), parameters: &parameters })
    }

    #[test]
    fn every_part_of_the_configuration_changes_the_key() {
        let post = "client_id=a&client_secret=b";
        let profiles = [
            profile("http://a/t", "none", "", None),
            profile("http://a/u", "none", "", None),
            profile("https://a/t", "none", "", None),
            profile("http://a/t", "none", "", Some("id")),
            profile("http://a/t", "client_secret_post", post, None),
            profile("http://a/t", "client_secret_basic", post, None),
            profile("http://a/t", "client_secret_post", "client_id=a&client_secret=c", None),
            profile("http://a/t", "client_secret_post", "client_id=c&client_secret=b", None),
        ];
        let mut keys: Vec<_> =
            profiles.iter().map(|profile| ExchangeKey::new(profile, &[b"on"]).digest).collect();
        keys.push(ExchangeKey::new(&profiles[0], &[b"off"]).digest);
        keys.push(ExchangeKey::new(&profiles[0], &[b"on", b"ca.pem"]).digest);
        let count = keys.len();
        keys.sort_unstable();
        keys.dedup();
        assert_eq!(keys.len(), count);
    }

    #[test]
    fn the_same_exchange_has_the_same_key_after_a_reload() {
        let make = || ExchangeKey::new(&profile("http://a/t", "none", "", None), &[b"on"]);
        assert_eq!(key(&make(), "s", &[("scope", "x")]), key(&make(), "s", &[("scope", "x")]));
    }

    proptest! {
        #[test]
        fn different_requests_have_different_keys(
            a in proptest::collection::vec(("[ab]{0,2}", "[ab]{0,2}"), 0..4), sa in "[ab]{0,3}",
            b in proptest::collection::vec(("[ab]{0,2}", "[ab]{0,2}"), 0..4), sb in "[ab]{0,3}",
        ) {
            let exchange = ExchangeKey::new(&profile("http://a/t", "none", "", None), &[]);
            let list = |of: &[(String, String)]| -> Vec<(String, String)> { of.to_vec() };
            let pairs = |of: &[(String, String)], source: &str| {
                let of: Vec<_> = of.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
                key(&exchange, source, &of)
            };
            let same = list(&a) == list(&b) && sa == sb;
            prop_assert_eq!(pairs(&a, &sa) == pairs(&b, &sb), same);
        }
    }
}
