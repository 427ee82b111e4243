//! The store behind a zone, which several nodes share: Redis, Valkey,
//! memcached, or files.
//!
//! It costs a request what its time-out says at most, and no request fails by it. What is asked and how
//! the answer is read is in [`sts_store`]; when it is asked, in [`sts_flight::store`].

pub(crate) mod cluster;
pub(crate) mod epochs;
pub(crate) mod files;
mod health;
pub(crate) mod place;
mod talk;
mod values;

use std::cell::Cell;
use std::rc::Rc;

use sts_core::cache_key::CacheKey;
use sts_counters::stores::{Ended, Op};
use sts_flight::store::{DETACHED, Seen, Store as Behind, Work};
use sts_flight::token::Token;
use sts_store::HEARTBEAT;
use sts_store::epoch::{Epoch, Epochs, Scope};
use sts_store::language::{Commands, Entry, Found, Greeting, Language, Lease, There};
use sts_store::seal::{Keys, Place as Names, Prefix};
use sts_store::value::Value;
use sts_zone::zone::Digest;

use crate::ask::Ask;
use crate::counters::StoreTally;
use crate::nginx::clock;
use crate::shared_zone::SharedZone;
use crate::store::health::Health;
use crate::store::place::Place;

/// A store, as one worker sees it.
pub(crate) struct Store {
    pub(crate) place: Place,
    pub(crate) language: Language,
    pub(crate) greeting: Greeting,
    /// Of the passphrase that is written with, and of the older ones.
    pub(crate) keys: Vec<Rc<Keys>>,
    pub(crate) prefix: Prefix,
    /// Milliseconds that one question may take in all.
    pub(crate) timeout: u64,
    /// Connections.
    pub(crate) pool: usize,
    pub(crate) zone: Rc<SharedZone>,
    /// Where the zone keeps which purges of this store it knows of.
    notes: Vec<Digest>,
    health: Health,
    tally: Rc<StoreTally>,
    /// A task looks for purges of other nodes.
    watches: Cell<bool>,
    /// This worker knows of the purges of other nodes.
    has_looked: Cell<bool>,
}

/// What a token is put with, and the lease where this node has it.
#[derive(Clone)]
pub(crate) struct Claim {
    /// Of the value.
    name: String,
    /// Of the lease by which it is replaced where it lies there.
    renewal: String,
    /// Of what may lie under older passphrases.
    older: Rc<[String]>,
    epochs: Epochs,
    lease: Option<Held>,
}

/// A lease, and where it is.
#[derive(Clone)]
enum Held {
    /// In the place of the value.
    InPlace(Lease),
    /// Beside it.
    Beside(Lease),
}

/// What is configured of a store.
pub(crate) struct Configured {
    pub(crate) place: Place,
    pub(crate) language: Language,
    pub(crate) greeting: Greeting,
    pub(crate) keys: Vec<Rc<Keys>>,
    pub(crate) prefix: Prefix,
    pub(crate) timeout: u64,
    pub(crate) pool: usize,
    /// How it is called in the log.
    pub(crate) shown: String,
    /// Where it is.
    pub(crate) at: String,
}

impl Store {
    /// The store behind a zone.
    pub(crate) fn new(
        configured: Configured,
        zone: Rc<SharedZone>,
        tally: Rc<StoreTally>,
    ) -> Rc<Self> {
        let Configured { place, language, greeting, keys, prefix, timeout, pool, shown, at } =
            configured;
        let notes = epochs::notes_of(&keys, &prefix, &at, greeting.db);
        Rc::new(Self {
            place,
            language,
            greeting,
            keys,
            prefix,
            timeout,
            pool,
            zone,
            notes,
            health: Health::new(shown, tally.clone()),
            tally,
            watches: Cell::new(false),
            has_looked: Cell::new(false),
        })
    }

    /// Where a token lies, for each passphrase.
    fn places(&self, key: &CacheKey, ask: &Ask) -> Vec<Names> {
        let exchange = &ask.callee.key;
        let place = |keys: &Rc<Keys>| {
            let source = exchange.source_tag(&keys.tag_key(), ask.brought.token.expose());
            let scopes =
                [Scope::All, Scope::Exchange(*exchange.digest()), Scope::of_source(&source)];
            keys.place(&self.prefix, &key.0, &scopes)
        };
        self.keys.iter().map(place).collect()
    }

    /// Whether it may be asked now.
    pub(crate) fn is_admitted(&self) -> bool {
        self.health.admits()
    }

    /// How a question ended.
    pub(crate) fn note(&self, ended: Result<(), Option<&String>>) {
        match ended {
            Ok(()) => self.health.succeed(),
            Err(why) => self.health.fail(why.map(String::as_str), self.timeout),
        }
    }

    async fn seen(self: Rc<Self>, places: Vec<Names>) -> Result<Seen<Claim>, String> {
        self.look_first().await?;
        let (place, older) = places.split_first().ok_or("it has no passphrase")?;
        let text = lease()?;
        let fresh = fresh()?;
        let commands = self.language.look(place, older, &text, &fresh);
        let answer = self.talk(commands).await?;
        let found = self.language.found(answer, older.len(), &text, &fresh).map_err(said)?;
        let Found { entry, epochs, older: olds } = found;
        let is_whole = epochs.iter().all(Option::is_some);
        let epochs = self.complete(place, epochs, &fresh).await?;
        let older_names: Rc<[String]> = older.iter().map(|place| place.value.clone()).collect();
        let claim = |lease| Claim {
            name: place.value.clone(),
            renewal: place.renewal.clone(),
            older: older_names.clone(),
            epochs,
            lease,
        };
        let lease = match entry {
            Entry::Elsewhere => return Ok(Seen::Elsewhere(claim(None))),
            Entry::Value { sealed, left } => {
                return Ok(match self.open(0, place, &sealed, left, &epochs) {
                    Some((token, _)) => Seen::Token(token, claim(None)),
                    // It is replaced by what the node gets that is elected.
                    None => Seen::Stale(claim(None)),
                });
            }
            Entry::Lead(lease) => lease,
        };
        for (index, (place, old)) in older.iter().zip(olds).enumerate() {
            let Some(old) = old else { continue };
            let Some(of_old) = old.epochs else { continue };
            let opened = self.open(index + 1, place, &old.sealed, old.left, &of_old);
            if let Some((token, value)) = opened {
                // It lies under the new passphrase from now on, in the place of the lease. Not where epochs were
                // missing: a purge may have come between the look and those that were made.
                let left = if is_whole { old.left } else { 0 };
                self.move_over(claim(Some(Held::InPlace(lease))), value, left);
                return Ok(Seen::Token(token, claim(None)));
            }
        }
        Ok(Seen::Lead(claim(Some(Held::InPlace(lease)))))
    }

    /// Puts a value, unless what lies there is newer, and gives the lease up that lies elsewhere.
    async fn place(&self, claim: &Claim, value: Value, life: u64) -> Result<(), String> {
        let there = self.there(&claim.name).await?;
        if self.may_replace(claim, &value, &there)
            && let Some(sealed) = self.seal(&claim.name, &value)
        {
            let put = self.language.put(&claim.name, sealed.expose(), life, &there);
            self.does(put).await?;
        }
        match &claim.lease {
            Some(Held::Beside(lease)) => self.give_up(&claim.renewal, lease).await,
            Some(Held::InPlace(_)) | None => Ok(()),
        }
    }

    /// The epochs of a value, the missing ones made.
    async fn complete(
        &self,
        place: &Names,
        found: [Option<Epoch>; 3],
        fresh: &Epoch,
    ) -> Result<Epochs, String> {
        let names = place.epochs.iter().zip(&found);
        let missing: Vec<&str> =
            names.filter(|(_, epoch)| epoch.is_none()).map(|(name, _)| &**name).collect();
        let mut made = Vec::new().into_iter();
        if !missing.is_empty() {
            let answer = self.talk(self.language.make_epochs(&missing, fresh)).await?;
            made = self.language.made_epochs(answer, fresh).map_err(said)?.into_iter();
        }
        let epochs = found.map(|epoch| epoch.or_else(|| made.next()));
        match epochs {
            [Some(all), Some(exchange), Some(source)] => Ok([all, exchange, source]),
            _ => Err("it makes no epochs".into()),
        }
    }

    /// Does something that has nothing but an end.
    async fn does(&self, commands: Commands) -> Result<(), String> {
        let answer = self.talk(commands).await?;
        self.language.is_done(answer).map_err(said)
    }

    /// What lies in the place of a value or a lease.
    async fn there(&self, name: &str) -> Result<There, String> {
        let answer = self.talk(self.language.check(name)).await?;
        self.language.there(answer).map_err(said)
    }

    /// Counts something that nothing waits for.
    async fn detached(
        &self,
        op: Op,
        work: impl Future<Output = Result<(), String>>,
    ) -> Result<(), String> {
        self.tally.counted(op, DETACHED, work, |()| Ended::Ok).await
    }

    /// Counts a purge of all nodes.
    pub(crate) async fn counted_purge<T>(
        &self,
        purge: impl Future<Output = Result<T, String>>,
    ) -> Result<T, String> {
        self.tally.counted(Op::Purge, u64::MAX, purge, |_| Ended::Ok).await
    }

    async fn keep_up(&self, name: &str, lease: &Lease) -> Result<(), String> {
        if self.there(name).await?.is(lease) {
            self.talk(self.language.renew(name)).await?;
        }
        Ok(())
    }

    async fn drop_value(&self, claim: &Claim) -> Result<(), String> {
        // Where the lease is in its place there is no value.
        if !matches!(claim.lease, Some(Held::InPlace(_))) {
            self.talk(self.language.forget(&claim.name)).await?;
        }
        for name in claim.older.iter() {
            self.talk(self.language.forget(name)).await?;
        }
        match claim.held() {
            Some((name, lease)) => self.give_up(name, lease).await,
            None => Ok(()),
        }
    }

    async fn give_up(&self, name: &str, lease: &Lease) -> Result<(), String> {
        if self.there(name).await?.is(lease) {
            self.talk(self.language.release(name, lease)).await?;
        }
        Ok(())
    }
}

impl Behind for Store {
    type Ask = Ask;
    type Claim = Claim;
    type Error = String;

    const HEARTBEAT: u64 = HEARTBEAT;

    fn timeout(&self) -> u64 {
        self.timeout
    }

    fn admits(&self) -> bool {
        let is_admitted = self.is_admitted();
        if !is_admitted {
            self.tally.count(Op::Get, Ended::Skipped);
        }
        is_admitted
    }

    fn succeeded(&self) {
        self.note(Ok(()));
    }

    fn failed(&self, why: Option<&String>) {
        self.note(Err(why));
    }

    fn look(self: Rc<Self>, key: &CacheKey, ask: &Ask) -> Work<Seen<Claim>, String> {
        let places = self.places(key, ask);
        Box::pin(async move {
            let (tally, bound) = (self.tally.clone(), self.timeout);
            let ended = |seen: &Seen<Claim>| match seen {
                Seen::Token(..) => Ended::Hit,
                Seen::Lead(_) | Seen::Stale(_) => Ended::Miss,
                Seen::Elsewhere(_) => Ended::Elsewhere,
            };
            tally.counted(Op::Get, bound, self.seen(places), ended).await
        })
    }

    fn elect(self: Rc<Self>, claim: &Claim) -> Work<Option<Claim>, String> {
        let renewal = claim.renewal.clone();
        let claim = claim.clone();
        Box::pin(async move {
            let elected = async {
                let text = lease()?;
                let answer = self.talk(self.language.elect(&renewal, &text)).await?;
                self.language.elected(answer, &text).map_err(said)
            };
            let lease = self.tally.counted(Op::Lease, DETACHED, elected, |_| Ended::Ok).await?;
            Ok(lease.map(|lease| Claim { lease: Some(Held::Beside(lease)), ..claim }))
        })
    }

    fn put(self: Rc<Self>, claim: &Claim, token: &Token, ask: &Ask) -> Option<Work<(), String>> {
        let (value, life) = self.value_of(claim, token, &ask.callee.key)?;
        let claim = claim.clone();
        Some(Box::pin(async move { self.detached(Op::Put, self.place(&claim, value, life)).await }))
    }

    fn is_lease(claim: &Claim) -> bool {
        claim.lease.is_some()
    }

    fn renew(self: Rc<Self>, claim: &Claim) -> Work<(), String> {
        let claim = claim.clone();
        Box::pin(async move {
            let Some((name, lease)) = claim.held() else { return Ok(()) };
            self.detached(Op::Lease, self.keep_up(name, lease)).await
        })
    }

    fn forget(self: Rc<Self>, claim: &Claim) -> Work<(), String> {
        let claim = claim.clone();
        Box::pin(async move { self.detached(Op::Forget, self.drop_value(&claim)).await })
    }

    fn release(self: Rc<Self>, claim: &Claim) -> Work<(), String> {
        let claim = claim.clone();
        Box::pin(async move {
            let Some((name, lease)) = claim.held() else { return Ok(()) };
            self.detached(Op::Lease, self.give_up(name, lease)).await
        })
    }
}

impl Claim {
    /// The lease, and the name of its place.
    fn held(&self) -> Option<(&str, &Lease)> {
        match self.lease.as_ref()? {
            Held::InPlace(lease) => Some((&self.name, lease)),
            Held::Beside(lease) => Some((&self.renewal, lease)),
        }
    }
}

/// What a store says that is no answer.
#[expect(clippy::needless_pass_by_value, reason = "it is an argument of `map_err`")]
fn said<E: ToString>(error: E) -> String {
    error.to_string()
}

/// What tells a lease from all others.
fn lease() -> Result<String, String> {
    let random = clock::entropy().map_err(said)?;
    Ok(random.iter().take(16).map(|byte| format!("{byte:02x}")).collect())
}

/// An epoch that is made where one is missing.
fn fresh() -> Result<Epoch, String> {
    let random = clock::entropy().map_err(said)?;
    Ok(Epoch::new(clock::milliseconds(), &random))
}
