//! The name that an issued token has in a cache.
//!
//! Two requests share a token only when everything is the same that the STS saw of them, and by which
//! it was found and believed to be that STS.

use openssl::sha::Sha256;

use crate::fields::{BLOCK, Fields};
use crate::message::{Names, Parameter, Subject};
use crate::mint;
use crate::profile::{Profile, Protocol};
use crate::source_tag::TagKey;

/// A digest over all that makes a token what it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CacheKey(pub [u8; 32]);

impl CacheKey {
    /// What stands in another key in the place of the token that has this one.
    pub fn in_place_of_token(&self) -> Vec<u8> {
        [&b"sts-result-of:"[..], &self.0].concat()
    }
}

/// What all requests of an exchange have in common.
#[derive(Clone)]
pub struct ExchangeKey {
    digest: [u8; 32],
    /// A hash that has taken in the digest, and whole blocks: no request has to do it again.
    begun: Sha256,
    /// The source token of a grant that has none must not part its users.
    has_source: bool,
}

/// Changes when the fields do, so that an old cache is not read wrongly.
const LAYOUT: &[u8] = b"sts-cache-key-7";

impl ExchangeKey {
    /// The part of the key that the configuration decides. `contact` is the digest of how the STS is
    /// found and by what it is known to be the one; `cache` is that of the secrets of the cache.
    pub fn new(profile: &Profile, contact: &[u8; 32], cache: &[u8; 32]) -> Self {
        let Profile { protocol, endpoint, auth, client_id } = profile;
        let mut fields = Fields::new(LAYOUT);
        fields.push(protocol.name().as_bytes());
        // An issuer stands in the place of the endpoint: where its metadata lead may change.
        fields.push(if endpoint.is_issuer() { b"issuer" } else { b"endpoint" });
        fields.push(endpoint.url().as_bytes());
        fields.push_optional(client_id.as_deref().map(str::as_bytes));
        auth.identify(&mut fields);
        match protocol {
            // Its name says all of it.
            Protocol::OAuth(_) => {}
            Protocol::WsTrust(exchange) => exchange.identify(&mut fields),
        }
        fields.push(contact);
        fields.push(cache);
        Self::with_digest(fields.finish(), protocol.has_source())
    }

    /// The same for tokens that the gateway makes itself.
    pub fn of_minting(minting: &mint::Identity<'_>, cache: &[u8; 32]) -> Self {
        let mut fields = Fields::new(LAYOUT);
        // The name of no protocol that is spoken.
        fields.push(mint::NAME.as_bytes());
        minting.identify(&mut fields);
        fields.push(cache);
        Self::with_digest(fields.finish(), minting.has_source)
    }

    fn with_digest(digest: [u8; 32], has_source: bool) -> Self {
        let mut begun = Sha256::new();
        begun.update(&digest);
        begun.update(&[0; BLOCK - 32]);
        Self { digest, begun, has_source }
    }

    /// The digest itself: all entries of the exchange are found by it.
    pub fn digest(&self) -> &[u8; 32] {
        &self.digest
    }

    /// The key of one request.
    pub fn of(&self, subject: &Subject<'_>) -> CacheKey {
        self.of_names(subject, &Names::default())
    }

    /// [`Self::of`], where names depend on the request.
    pub fn of_names(&self, subject: &Subject<'_>, names: &Names<'_>) -> CacheKey {
        self.of_request(subject, names, &[], &[])
    }

    /// [`Self::of_names`], where more depends on the request: the headers of the call that may change what
    /// is issued, and the results of other exchanges that come first. `needed` are the keys of those. A
    /// value that is such a result has to be replaced by [`CacheKey::in_place_of_token`], so that the
    /// key does not change when the result is renewed.
    pub fn of_request(
        &self,
        subject: &Subject<'_>,
        names: &Names<'_>,
        headers: &[Parameter<'_>],
        needed: &[CacheKey],
    ) -> CacheKey {
        let Subject { source, parameters } = subject;
        let Names { client_id, username, assertion } = names;
        let mut fields = Fields::behind(&self.begun);
        fields.push(self.source(source));
        fields.push(&(parameters.len() as u64).to_le_bytes());
        for Parameter { name, value } in *parameters {
            fields.push(name.as_bytes());
            fields.push(value);
        }
        fields.push_optional(*client_id);
        if self.has_source {
            fields.push_optional(*username);
        }
        // No key is as short as the words here and below.
        if let Some(assertion) = assertion {
            fields.push(b"assertion");
            fields.push(assertion);
        }
        for key in needed {
            fields.push(&key.0);
        }
        if !headers.is_empty() {
            fields.push(b"headers");
        }
        for Parameter { name, value } in headers {
            fields.push(name.as_bytes());
            fields.push(value);
        }
        CacheKey(fields.finish())
    }

    /// The tag of what is exchanged. Not a part of the key: one is made for each request, and the other
    /// only for a new token.
    pub fn source_tag(&self, key: &TagKey, source: &[u8]) -> [u8; 32] {
        key.tag(self.source(source))
    }

    fn source<'s>(&self, source: &'s [u8]) -> &'s [u8] {
        if self.has_source { source } else { b"" }
    }
}

#[cfg(test)]
mod tests {
    use crate::oauth::{client_credentials, password, token_exchange};
    use proptest::prelude::*;

    use super::*;
    use crate::client_auth::ClientAuth;
    use crate::endpoint::Endpoint;
    use crate::profile::{Parameter, Protocol};
    use crate::secret::Secret;
    use crate::wstrust::settings::{Settings, WsTrust};
    use crate::wstrust::words::{KeyType, SourceElement, Version};

    fn profile(endpoint: &str, auth: &str, options: &str, client_id: Option<&str>) -> Profile {
        profile_of(Protocol::OAuth(&token_exchange::GRANT), endpoint, auth, options, client_id)
    }

    fn profile_of(
        protocol: Protocol,
        endpoint: &str,
        auth: &str,
        options: &str,
        client_id: Option<&str>,
    ) -> Profile {
        Profile {
            protocol,
            endpoint: Endpoint::parse(endpoint).unwrap(),
            auth: ClientAuth::parse(auth, Some(options)).unwrap(),
            client_id: client_id.map(str::to_owned),
        }
    }

    const NONE: [u8; 32] = [0; 32];

    fn of(profile: &Profile) -> ExchangeKey {
        ExchangeKey::new(profile, &NONE, &NONE)
    }

    fn key(exchange: &ExchangeKey, source: &str, parameters: &[(&str, &str)]) -> CacheKey {
        let parameters: Vec<_> = parameters
            .iter()
            .map(|(name, value)| Parameter { name, value: value.as_bytes() })
            .collect();
        exchange.of(&Subject { source: source.as_bytes(), parameters: &parameters })
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
            profile("http://a/t", "client_secret_post", "client_id=a&client_secret_file=b", None),
            profile("http://a/t", "client_secret_post", "client_id=a&client_secret_file=c", None),
            profile("http://a/t", "client_secret_jwt", post, None),
            profile("http://a/t", "client_secret_jwt", "client_id=a&client_secret=b&aud=c", None),
            profile("http://a/t", "client_cert", "cert=a&key=b", None),
            profile_of(Protocol::OAuth(&password::GRANT), "http://a/t", "none", "", None),
            profile_of(Protocol::OAuth(&client_credentials::GRANT), "http://a/t", "none", "", None),
        ];
        let mut keys: Vec<_> = profiles.iter().map(|profile| of(profile).digest).collect();
        let issuer = Endpoint::parse_issuer("https://a/t").unwrap();
        let issuer = Profile { endpoint: issuer, ..profile("https://a/t", "none", "", None) };
        keys.push(of(&issuer).digest);
        keys.push(ExchangeKey::new(&profiles[0], &[1; 32], &NONE).digest);
        keys.push(ExchangeKey::new(&profiles[0], &NONE, &[1; 32]).digest);
        let count = keys.len();
        keys.sort_unstable();
        keys.dedup();
        assert_eq!(keys.len(), count);
    }

    #[test]
    fn each_setting_of_wstrust_changes_the_key() {
        let element = |text: &str| SourceElement::parse(text).unwrap();
        let base = || Settings { key_type: KeyType::Unset, ..Settings::default() };
        let settings = [
            base(),
            Settings { version: Version::Trust12, ..base() },
            Settings { source_elements: vec![element("{urn:a}a")], ..base() },
            Settings { source_elements: vec![element("{urn:b}a")], ..base() },
            Settings { source_elements: vec![element("{urn:a}b")], ..base() },
            Settings { source_elements: vec![element("{urn:a}a"), element("{urn:a}b")], ..base() },
            Settings { source_elements: vec![element("{urn:a}b"), element("{urn:a}a")], ..base() },
        ];
        let mut keys: Vec<_> = settings
            .into_iter()
            .map(|settings| Protocol::WsTrust(Box::new(WsTrust::new(settings).unwrap())))
            .map(|protocol| of(&profile_of(protocol, "http://a/t", "none", "", None)).digest)
            .collect();
        let count = keys.len();
        keys.sort_unstable();
        keys.dedup();
        assert_eq!(keys.len(), count);
    }

    #[test]
    fn the_same_exchange_has_the_same_key_after_a_reload() {
        let make = || of(&profile("http://a/t", "none", "", None));
        assert_eq!(key(&make(), "s", &[("scope", "x")]), key(&make(), "s", &[("scope", "x")]));
    }

    #[test]
    fn the_content_of_a_file_is_not_in_the_key() {
        let profile =
            profile("http://a/t", "client_secret_post", "client_id=a&client_secret_file=b", None);
        let before = of(&profile).digest;
        profile.auth.refresh(Ok(Secret::new("new")));
        assert_eq!(of(&profile).digest, before);
    }

    #[test]
    fn a_token_of_the_gateway_is_the_same_for_all_users() {
        let exchange = |protocol| of(&profile_of(protocol, "http://a/t", "none", "", None));
        let of = |exchange: &ExchangeKey, source: &[u8], parameters: &[_], user: Option<&str>| {
            let subject = Subject { source, parameters };
            let names = Names { username: user.map(str::as_bytes), ..Names::default() };
            exchange.of_names(&subject, &names)
        };
        let cc = exchange(Protocol::OAuth(&client_credentials::GRANT));
        assert_eq!(of(&cc, b"s", &[], Some("u")), of(&cc, b"t", &[], None));
        let scope = [Parameter { name: "scope", value: b"a" }];
        assert_ne!(
            of(&cc, b"s", &[], None),
            of(&cc, b"s", &scope, None),
            "unless parameters differ"
        );
        for protocol in [Protocol::OAuth(&token_exchange::GRANT), Protocol::OAuth(&password::GRANT)]
        {
            let exchange = exchange(protocol);
            assert_ne!(of(&exchange, b"s", &[], None), of(&exchange, b"t", &[], None));
        }
    }

    #[test]
    fn the_tag_of_a_source_is_the_same_for_all_exchanges() {
        let key = TagKey::from_secret(b"secret");
        for endpoint in ["http://a/t", "http://b/t"] {
            let exchange = of(&profile(endpoint, "none", "", None));
            assert_eq!(exchange.source_tag(&key, b"s"), key.tag(b"s"));
        }
        let gateway = of(&profile_of(
            Protocol::OAuth(&client_credentials::GRANT),
            "http://a/t",
            "none",
            "",
            None,
        ));
        assert_eq!(gateway.source_tag(&key, b"s"), key.tag(b""));
    }

    #[test]
    fn results_of_other_exchanges_and_headers_change_the_key() {
        let exchange = of(&profile("http://a/t", "none", "", None));
        let subject = Subject { source: b"s", parameters: &[] };
        let header = |name, value| Parameter { name, value };
        let headers: [&[Parameter<'_>]; 5] = [
            &[],
            &[header("x-tenant", b"a")],
            &[header("x-tenant", b"b")],
            &[header("x-other", b"a")],
            &[header("x-tenant", b"a"), header("x-other", b"a")],
        ];
        let (one, other) = (CacheKey([1; 32]), CacheKey([2; 32]));
        let needed: [&[CacheKey]; 5] = [&[], &[one], &[other], &[one, other], &[other, one]];
        let mut keys = Vec::new();
        for headers in headers {
            for needed in needed {
                keys.push(exchange.of_request(&subject, &Names::default(), headers, needed).0);
            }
        }
        let count = keys.len();
        keys.sort_unstable();
        keys.dedup();
        assert_eq!(keys.len(), count);
    }

    #[test]
    fn an_assertion_is_told_apart_from_the_results_that_it_may_be() {
        let exchange = of(&profile("http://a/t", "private_key_jwt", "client_assertion=@a", None));
        let subject = Subject { source: b"s", parameters: &[] };
        let (one, other) = (CacheKey([1; 32]), CacheKey([2; 32]));
        let assertions = [None, Some(one.in_place_of_token()), Some(other.in_place_of_token())];
        let mut keys = Vec::new();
        for assertion in &assertions {
            let names = Names { assertion: assertion.as_deref(), ..Names::default() };
            for needed in [&[][..], &[one], &[one, other], &[other, one]] {
                keys.push(exchange.of_request(&subject, &names, &[], needed).0);
            }
        }
        let count = keys.len();
        keys.sort_unstable();
        keys.dedup();
        assert_eq!(keys.len(), count);
    }

    #[test]
    fn names_change_the_key() {
        let exchange =
            of(&profile_of(Protocol::OAuth(&password::GRANT), "http://a/t", "none", "", None));
        let subject = Subject { source: b"s", parameters: &[] };
        let names = [None, Some(&b""[..]), Some(b"u"), Some(b"v")];
        let mut keys: Vec<_> = names
            .into_iter()
            .flat_map(|client_id| {
                names.map(|username| Names { client_id, username, assertion: None })
            })
            .map(|names| exchange.of_names(&subject, &names).0)
            .collect();
        assert_eq!(keys[0], exchange.of(&subject).0);
        keys.sort_unstable();
        keys.dedup();
        assert_eq!(keys.len(), names.len() * names.len());
    }

    proptest! {
        #[test]
        fn headers_part_requests_and_are_no_parameters(
            a in proptest::collection::vec(("[ab]{0,2}", "[ab]{0,2}"), 0..4), at in 0..5_usize,
            b in proptest::collection::vec(("[ab]{0,2}", "[ab]{0,2}"), 0..4), bt in 0..5_usize,
        ) {
            let exchange = of(&profile("http://a/t", "none", "", None));
            let key = |pairs: &[(String, String)], at: usize| {
                let all: Vec<_> =
                    pairs.iter().map(|(name, value)| Parameter { name, value: value.as_bytes() }).collect();
                let (parameters, headers) = all.split_at(at);
                exchange.of_request(&Subject { source: b"s", parameters }, &Names::default(), headers, &[])
            };
            let (at, bt) = (at.min(a.len()), bt.min(b.len()));
            prop_assert_eq!(key(&a, at) == key(&b, bt), (&a, at) == (&b, bt));
        }

        #[test]
        fn different_requests_have_different_keys(
            a in proptest::collection::vec(("[ab]{0,2}", "[ab]{0,2}"), 0..4), sa in "[ab]{0,3}",
            b in proptest::collection::vec(("[ab]{0,2}", "[ab]{0,2}"), 0..4), sb in "[ab]{0,3}",
        ) {
            let exchange = of(&profile("http://a/t", "none", "", None));
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
