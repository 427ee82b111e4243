//! The tokens that all workers share, and which worker calls for one that is not there.

mod note;
mod seal;
mod shelf;

use std::borrow::Cow;
use std::cell::OnceCell;
use std::fmt;
use std::mem;
use std::rc::Rc;

use sts_core::cache_key::{CacheKey, ExchangeKey};
use sts_core::fields::Fields;
use sts_core::life::LifePolicy;
use sts_core::secret::Secret;
use sts_core::source_tag::{self, TagKey};
use sts_core::target::Target;
use sts_flight::ahead::Standing;
use sts_flight::election::{Election, Found, Refresh};
use sts_flight::failed::Failed;
use sts_flight::token::{Token, Validity};
use sts_zone::zone::{
    self, Claim, Digest, Fit, HEARTBEAT, Hit, Kept, Refusal, Tags, Value, Zone, tag,
};
use zeroize::Zeroizing;

use crate::ask::Ask;
use crate::nginx::clock;
use crate::nginx::log::{self, Level};
use crate::nginx::process;
use crate::shared_zone::{NoKeyMaterial, Served, SharedZone, failure};
use crate::store::Store;
pub(crate) use seal::Seal;

/// What the fingerprint of a passphrase is derived for.
const FINGERPRINT: &[u8] = b"nginx-sts cache fingerprint 1";

/// What the key is derived for that aliases of keys are made with.
const ALIAS: &[u8] = b"nginx-sts aliases of keys 1";

/// A cache in such a zone, as those see it that have the same passphrase.
pub(crate) struct Cache {
    zone: Rc<SharedZone>,
    encryption: Encryption,
    secrets: Secrets,
    /// What other nodes share.
    store: Option<Rc<Store>>,
}

/// What is made of the operator's passphrase besides the key that seals.
pub(crate) struct Secrets {
    /// The key that sources are tagged with; without a passphrase the zone's own.
    tags: Option<Rc<TagKey>>,
    /// Tells caches apart of which one cannot use what the other keeps.
    fingerprint: [u8; 32],
}

/// By what the tokens of one source are found.
pub(crate) struct SourceTags {
    /// One for each key that tags are made with.
    pub(crate) sources: Vec<u64>,
    /// All exchanges that use the zone, in ascending order.
    pub(crate) exchanges: Vec<u64>,
}

/// What was found of a token that a backend does not take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Suspect {
    /// It lay there, and does no longer.
    Forgotten,
    /// It lies there still: it is too new to be forgotten.
    New,
    /// It lies there no longer, or another one does.
    Another,
}

/// Whether what lies in a cache is encrypted.
pub(crate) enum Encryption {
    Off,
    /// With a key of the operator's.
    With(Seal),
    /// With a key that the zone makes and keeps.
    WithOwnKey(OnceCell<Seal>),
}

impl Secrets {
    pub(crate) fn new(encrypts: bool, passphrase: Option<&Secret>) -> Self {
        let derived = passphrase.map(|it| source_tag::derive(it.expose(), FINGERPRINT));
        let tags = passphrase.map(|it| TagKey::from_secret(it.expose()));
        let mut fields = Fields::new(b"sts-cache-secrets-1");
        fields.push(&[u8::from(encrypts)]);
        fields.push_optional(derived.as_ref().map(|derived| &derived[..]));
        Self { tags: tags.map(Rc::new), fingerprint: fields.finish() }
    }
}

impl Cache {
    pub(crate) fn new(
        zone: Rc<SharedZone>,
        encryption: Encryption,
        secrets: Secrets,
        store: Option<Rc<Store>>,
    ) -> Self {
        zone.tag_keys.borrow_mut().extend(secrets.tags.clone());
        Self { zone, encryption, secrets, store }
    }

    /// The zone, in which other things lie as well.
    pub(crate) fn zone(&self) -> &Rc<SharedZone> {
        &self.zone
    }

    /// The store behind it.
    pub(crate) fn shares(&self) -> Option<&Rc<Store>> {
        self.store.as_ref()
    }

    /// Tells caches apart of which one cannot use what the other keeps.
    pub(crate) fn fingerprint(&self) -> [u8; 32] {
        self.secrets.fingerprint
    }

    /// What values are sealed with; `None` where they lie there as they are.
    ///
    /// # Errors
    /// They are to be sealed, and the zone has no key material.
    fn seal(&self) -> Result<Option<&Seal>, NoKeyMaterial> {
        match &self.encryption {
            Encryption::Off => Ok(None),
            Encryption::With(seal) => Ok(Some(seal)),
            Encryption::WithOwnKey(key) => match key.get() {
                Some(seal) => Ok(Some(seal)),
                None => {
                    let own = self.zone.key_material()?;
                    Ok(Some(key.get_or_init(|| Seal::from_secret(&*own))))
                }
            },
        }
    }

    /// Notes that an exchange uses the cache, in a location that uses a token for at most `cap` seconds.
    pub(crate) fn serves(&self, exchange: &ExchangeKey, endpoint: &str, cap: u64) {
        let mut exchanges = self.zone.exchanges.borrow_mut();
        let served = exchanges.entry(*exchange.digest()).or_insert_with(|| Served {
            endpoint: endpoint.to_owned(),
            longest: 0,
            told: false,
        });
        served.longest = served.longest.max(cap);
    }

    /// The exchanges of an endpoint that use the cache.
    pub(crate) fn exchanges_at(&self, endpoint: &str) -> Vec<Digest> {
        let exchanges = self.zone.exchanges.borrow();
        exchanges
            .iter()
            .filter(|(_, served)| served.endpoint == endpoint)
            .map(|(digest, _)| *digest)
            .collect()
    }

    /// Milliseconds for which a token lies in the zone that is good for so many seconds. What a
    /// location takes off that bounds its own use; what no location would use only takes room.
    fn life(&self, exchange: &ExchangeKey, good_for: Option<u64>) -> u64 {
        LifePolicy { cap: self.zone.longest(exchange), leeway: 0 }.life(good_for)
    }

    /// Says once of each exchange that its tokens are too large.
    fn tell_of_size(&self, key: &ExchangeKey, exchange: fmt::Arguments<'_>, length: usize) {
        let mut exchanges = self.zone.exchanges.borrow_mut();
        let Some(served) = exchanges.get_mut(key.digest()) else { return };
        if mem::replace(&mut served.told, true) {
            return;
        }
        log::cycle(
            Level::Warn,
            format_args!(
                "sts: {exchange}: a token of {length} bytes is too large for its cache \
                 (\"STSCache\", max_val_size={}): it is not kept, and each request asks for a new one",
                self.zone.capacity.value,
            ),
        );
    }

    /// By what all tokens of a source are found, whatever passphrase they were kept with; `None` when
    /// that cannot be told.
    pub(crate) fn tags_of(&self, source: &[u8]) -> Option<SourceTags> {
        let own = self.zone.own_tag_key()?;
        let keys = self.zone.tag_keys.borrow();
        let keys = keys.iter().map(|key| &**key).chain([&own]);
        let sources = keys.map(|key| tag(&key.tag(source))).collect();
        let exchanges = self.zone.exchanges.borrow();
        let mut exchanges: Vec<_> = exchanges.keys().map(tag).collect();
        exchanges.sort_unstable();
        Some(SourceTags { sources, exchanges })
    }

    /// What a token is found by that was issued for this source; `None` when that cannot be told.
    fn tags(&self, exchange: &ExchangeKey, source: &[u8]) -> Option<Tags> {
        let source = match &self.secrets.tags {
            Some(key) => exchange.source_tag(key, source),
            None => exchange.source_tag(&self.zone.own_tag_key()?, source),
        };
        Some(Tags { exchange: tag(exchange.digest()), source: tag(&source) })
    }

    /// What stands for a key where it can be read: it tells nothing of the source, and confirms no guess.
    /// `None` when there is nothing to make it of.
    pub(crate) fn alias(&self, key: &CacheKey) -> Option<[u8; 6]> {
        let own = self.zone.key_material().ok()?;
        let secret = Zeroizing::new(source_tag::derive(&*own, ALIAS));
        TagKey::from_secret(&*secret).tag(&key.0).first_chunk().copied()
    }

    /// Whether what is kept in the one is found in the other.
    pub(crate) fn is_same_as(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.zone, &other.zone) && self.fingerprint() == other.fingerprint()
    }

    /// Forgets a token that a backend does not take: one that requests with this policy use up to `until`,
    /// and that was asked for at least so many milliseconds ago. `None`: the zone is of no use.
    pub(crate) fn forget_suspect(
        &self,
        key: &CacheKey,
        policy: &LifePolicy,
        until: u64,
        pause: u64,
    ) -> Option<Suspect> {
        let now = clock::milliseconds();
        let mut is_new = false;
        let is_meant = |kept: &Kept| {
            let validity = note::validity(kept);
            let is_it = !note::is_suspect(kept) && validity.until(policy) == until;
            is_new = is_it && validity.sent.saturating_add(pause) > now;
            is_it && !is_new
        };
        // It would come back from a store. So it stays, and says which one is not to be used.
        let is_forgotten = self.with(|zone| match self.store {
            Some(_) => zone.mark_where(&key.0, note::SUSPECT, is_meant),
            None => zone.forget_where(&key.0, is_meant),
        })?;
        Some(match (is_forgotten, is_new) {
            (true, _) => Suspect::Forgotten,
            (false, true) => Suspect::New,
            (false, false) => Suspect::Another,
        })
    }

    /// Makes one step of forgetting: says how many tokens went, and where to go on.
    pub(crate) fn purge(&self, what: zone::Purge<'_>, from: usize) -> (usize, Option<usize>) {
        self.with(|zone| zone.purge(what, from)).unwrap_or_default()
    }

    fn open(&self, key: &CacheKey, hit: Hit) -> Option<Token> {
        let secret = self.unseal(key, hit.value.into())?;
        let note = hit.kept.note;
        let (token_type, said, secret) = note::words_and_token(note, secret)?;
        Some(Token {
            token: Target::new(secret),
            token_type,
            validity: note::validity(&hit.kept),
            unbound: note::is_unbound(note),
            look: note::look(note),
            said,
            call_time: None,
            kept: true,
        })
    }

    /// What the zone has said. A value that cannot be opened was sealed with another key, and is forgotten.
    fn found(&self, key: &CacheKey, mut found: Option<zone::Found>) -> Found {
        if let Some(zone::Found::Hit(hit)) = found {
            if let Some(token) = self.open(key, hit) {
                return Found::Token(token);
            }
            let claim = Claim { process: process::id(), awaits: None };
            found = self.with(|zone| {
                zone.forget(&key.0);
                zone.find(&key.0, claim, |_| true, process::is_alive)
            });
        }
        match found {
            Some(zone::Found::Wait(call)) => Found::Elsewhere(call),
            Some(zone::Found::Failed(payload)) => Found::Failure(failure::decode(&payload)),
            Some(zone::Found::Refused(kept)) => match self.unseal(key, kept.into()) {
                Some(payload) => Found::Refused(failure::decode(payload.expose())),
                // It was sealed with another key.
                None => Found::Unshared,
            },
            Some(zone::Found::Lead(call)) => Found::Lead(call),
            Some(zone::Found::Unshared | zone::Found::Hit(_)) | None => Found::Unshared,
        }
    }

    /// What [`close`](Self::close) has made; `None` where it was sealed with another key.
    fn unseal(&self, key: &CacheKey, kept: Secret) -> Option<Secret> {
        match self.seal().ok()? {
            None => Some(kept),
            Some(seal) => seal.open(&key.0, kept.expose()),
        }
    }

    /// A value as it lies in the zone; `None` when it cannot be sealed.
    fn close<'v>(&self, key: &CacheKey, value: &'v [u8]) -> Option<Cow<'v, [u8]>> {
        match self.seal().ok()? {
            None => Some(Cow::Borrowed(value)),
            Some(seal) => seal.close(&key.0, value, clock::entropy).map(Cow::Owned),
        }
    }

    fn with<R>(&self, use_it: impl FnOnce(&mut Zone<'_>) -> R) -> Option<R> {
        // Purges of other nodes are for what lies here, too, whatever looks for it.
        self.store.iter().for_each(Store::watch);
        self.zone.with(use_it)
    }
}

/// Whether requests may have what lies in the zone.
fn serves(kept: &Kept, suits: impl Fn(&Validity) -> bool) -> bool {
    !note::is_suspect(kept) && suits(&note::validity(kept))
}

impl Election for Cache {
    type Ask = Ask;
    type Store = Store;

    const HEARTBEAT: u64 = HEARTBEAT;

    fn store(&self) -> Option<&Rc<Store>> {
        self.store.as_ref()
    }

    fn find(
        &self,
        key: &CacheKey,
        awaits: Option<u64>,
        suits: impl Fn(&Validity) -> bool,
    ) -> Found {
        let claim = Claim { process: process::id(), awaits };
        let found = self
            .with(|zone| zone.find(&key.0, claim, |kept| serves(kept, &suits), process::is_alive));
        self.found(key, found)
    }

    fn find_or_refresh(
        &self,
        key: &CacheKey,
        judge: impl Fn(&Validity) -> Standing,
        remembers: u64,
    ) -> (Found, Option<Refresh>) {
        let claim = Claim { process: process::id(), awaits: None };
        let fits = |kept: &Kept| match judge(&note::validity(kept)) {
            _ if note::is_suspect(kept) => Fit::No,
            Standing::Over => Fit::No,
            Standing::Good => Fit::Yes,
            Standing::Due => Fit::Due,
        };
        let found = self
            .with(|zone| zone.find_or_refresh(&key.0, claim, fits, remembers, process::is_alive));
        let (found, refresh) = found.unzip();
        let zone::Refresh { call, has_failed } =
            refresh.flatten().unwrap_or(zone::Refresh { call: None, has_failed: false });
        (self.found(key, found), refresh.flatten().map(|_| Refresh { call, has_failed }))
    }

    fn look(&self, key: &CacheKey, suits: impl Fn(&Validity) -> bool) -> Option<Token> {
        let hit = self.with(|zone| zone.look(&key.0, |kept| serves(kept, &suits)))?;
        self.open(key, hit?)
    }

    /// The one that is marked, whatever the store says of its age, and one that was asked for before.
    fn is_suspect(&self, key: &CacheKey, token: &Token) -> bool {
        let marked = self.with(|zone| zone.look(&key.0, note::is_suspect)).flatten();
        let Some(marked) = marked.and_then(|hit| self.open(key, hit)) else { return false };
        let is_same = marked.token.issued().expose() == token.token.issued().expose();
        is_same || token.validity.sent <= marked.validity.sent
    }

    fn renew(&self, key: &CacheKey, call: u64) {
        self.with(|zone| zone.renew(&key.0, call));
    }

    fn is_void(&self, call: u64) -> bool {
        self.with(|zone| zone.is_void(call)).unwrap_or(false)
    }

    /// What cannot be found again by its source is not kept, nor what cannot be sealed. Those that wait
    /// for it call for themselves if it is too old already for the one that called.
    fn complete(&self, key: &CacheKey, call: u64, token: &Token, ask: &Ask) -> bool {
        let callee = &ask.callee;
        let with_words = note::with_words(token);
        let clear = with_words.as_ref().unwrap_or_else(|| token.token.issued()).expose();
        let tags = self.tags(&callee.key, ask.brought.token.expose());
        // Nothing goes in clear into a cache that is to be encrypted.
        let (Some(tags), Some(bytes)) = (tags, self.close(key, clear)) else {
            self.share_nothing(key, call);
            return false;
        };
        let Validity { sent, good_for, .. } = token.validity;
        let life = self.life(&callee.key, good_for);
        let value = Value { tags, note: note::of(token), bytes: &bytes, sent, life };
        let suits = token.validity.suits(&callee.life, clock::milliseconds());
        let capacity = self.zone.capacity;
        let mut is_too_large = false;
        let kept = self.with(|zone| {
            is_too_large = value.life > 0 && !zone.can_keep(value.bytes.len(), capacity);
            if suits {
                zone.complete(&key.0, call, &value, capacity)
            } else {
                zone.keep_for_others(&key.0, call, &value, capacity)
            }
        });
        if is_too_large {
            let protocol = callee.profile.protocol.name();
            let at = callee.profile.endpoint.authority();
            let length = value.bytes.len();
            self.tell_of_size(&callee.key, format_args!("{protocol} exchange at \"{at}\""), length);
        }
        kept.unwrap_or(false)
    }

    fn share_nothing(&self, key: &CacheKey, call: u64) {
        self.with(|zone| zone.share_nothing(&key.0, call));
    }

    fn fail(&self, key: &CacheKey, call: u64, failed: &Failed) {
        self.with(|zone| zone.fail(&key.0, call, &failure::encode(failed)));
    }

    fn fail_refresh(
        &self,
        key: &CacheKey,
        call: u64,
        failed: Option<&Failed>,
        pause: impl FnOnce(u32) -> u64,
    ) {
        let payload = failed.map(failure::encode);
        self.with(|zone| zone.fail_refresh(&key.0, call, payload.as_deref(), pause));
    }

    /// What cannot be found again by its source is not remembered, nor what cannot be sealed.
    fn refuse(&self, key: &CacheKey, call: u64, failed: &Failed, ask: &Ask) {
        let callee = &ask.callee;
        let payload = failure::encode(failed);
        let life = callee.fresh.negative;
        let is_remembered = life > 0 && failed.is_remembered();
        let tags =
            is_remembered.then(|| self.tags(&callee.key, ask.brought.token.expose())).flatten();
        let sealed = tags.and_then(|tags| Some((tags, self.close(key, &payload)?)));
        let remembered = sealed.as_ref();
        let remembered = remembered.map(|(tags, bytes)| Refusal { tags: *tags, life, bytes });
        self.with(|zone| zone.refuse(&key.0, call, &payload, remembered));
    }

    fn release(&self, key: &CacheKey, call: u64) {
        self.with(|zone| zone.release(&key.0, call));
    }
}
