//! Purges: those of this node, which all nodes have to see, and those of the others.

use std::pin::pin;
use std::rc::Rc;

use sts_store::epoch::{Epoch, LENGTH, Scope};
use sts_zone::zone::{self, Claim, Digest, Found, Tags, Value, Zone};

use crate::nginx::clock;
use crate::nginx::log::{self, Level};
use crate::nginx::process;
use crate::nginx::task;
use crate::nginx::timer::{self, Hold, Timer};
use crate::store::{Store, fresh, said};

/// Milliseconds between two looks for purges of other nodes.
const PERIOD: u64 = 900;

/// Milliseconds that a purge waits for the store.
const PATIENCE: u64 = 1_000;

/// Where the zone keeps which purge it knows of.
const SEEN: Digest = *b"nginx-sts: last purge by a store";

/// Milliseconds for which it knows that.
const REMEMBERED: u64 = 365 * 24 * 60 * 60 * 1_000;

impl Store {
    /// The names of the epochs that a purge of everything changes.
    pub(crate) fn names_of_all(&self) -> Vec<String> {
        self.names(|_| vec![Scope::All])
    }

    /// The same, for what some exchanges have issued.
    pub(crate) fn names_of_exchanges(&self, exchanges: &[Digest]) -> Vec<String> {
        self.names(|_| exchanges.iter().copied().map(Scope::Exchange).collect())
    }

    /// The same, for what was issued for a source.
    pub(crate) fn names_of_source(&self, source: &[u8]) -> Vec<String> {
        self.names(|keys| vec![Scope::of_source(&keys.tag_key().tag(source))])
    }

    fn names(&self, scopes: impl Fn(&sts_store::seal::Keys) -> Vec<Scope>) -> Vec<String> {
        let of = |keys: &sts_store::seal::Keys| {
            let scopes = scopes(keys).into_iter().chain([Scope::Change]);
            scopes.map(|scope| keys.epoch(&self.prefix, &scope)).collect::<Vec<_>>()
        };
        self.keys.iter().flat_map(|keys| of(keys)).collect()
    }

    /// Lets all nodes forget what these epochs are of. Returns what the zone of this node has to
    /// remember when it has forgotten it, too; `None` where it did not know all purges before.
    ///
    /// # Errors
    /// The store cannot be told.
    pub(crate) async fn purge(&self, names: &[String]) -> Result<Option<Vec<u8>>, String> {
        let set = async {
            // After the last purge, whatever the clocks of the nodes say.
            let fresh = fresh()?;
            let last = self.changes(&fresh).await?;
            let random = clock::entropy().map_err(said)?;
            let epoch = last.iter().fold(fresh, |epoch, last| {
                if epoch.is_before(last) {
                    last.next(clock::milliseconds(), &random)
                } else {
                    epoch
                }
            });
            self.does(self.language.set_epochs(names, &epoch)).await?;
            let knew_all = self.seen_changes().is_some_and(|seen| seen == joined(&last));
            Ok(knew_all.then(|| joined(&vec![epoch; self.keys.len()])))
        };
        let timer = pin!(Timer::new(PATIENCE, Hold::default()));
        let done = timer::before(timer, pin!(set)).await;
        self.note(match &done {
            Some(Ok(_)) => Ok(()),
            Some(Err(why)) => Err(Some(why)),
            None => Err(None),
        });
        done.unwrap_or_else(|| Err(format!("it did not answer within {PATIENCE} ms")))
    }

    /// The epochs that change with every purge, one for each passphrase.
    async fn changes(&self, fresh: &Epoch) -> Result<Vec<Epoch>, String> {
        let names: Vec<_> =
            self.keys.iter().map(|keys| keys.epoch(&self.prefix, &Scope::Change)).collect();
        let names: Vec<_> = names.iter().map(|name| &**name).collect();
        let answer = self.talk(self.language.make_epochs(&names, fresh)).await?;
        self.language.made_epochs(answer, fresh).map_err(said)
    }

    /// Sees to it that a task of this worker looks for purges of other nodes.
    pub(crate) fn watch(self: &Rc<Self>) {
        if self.watches.replace(true) {
            return;
        }
        self.keep_clean();
        // The task ends with the configuration.
        let store = Rc::downgrade(self);
        task::spawn(async move {
            while let Some(store) = store.upgrade() {
                if Box::pin(store.has_moved()).await {
                    store.health.start_anew();
                }
                if store.is_admitted() {
                    // Boxed: most of the time it waits.
                    Box::pin(store.look_once()).await;
                }
                drop(store);
                Timer::new(PERIOD, released()).await;
            }
        });
    }

    /// Whether the Sentinels have another master now. They are asked also while the store is left alone.
    async fn has_moved(&self) -> bool {
        let timer = pin!(Timer::new(PATIENCE, released()));
        let moved = pin!(self.place.has_moved(self.pool, self.timeout));
        matches!(timer::before(timer, moved).await, Some(Ok(true)))
    }

    /// Looks for purges of other nodes, and lets the zone of this one forget what they were of.
    async fn look_once(&self) {
        let timer = pin!(Timer::new(PATIENCE, released()));
        let looked = timer::before(timer, pin!(self.look_for_purges())).await;
        self.note(match &looked {
            Some(Ok(_)) => Ok(()),
            Some(Err(why)) => Err(Some(why)),
            None => Err(None),
        });
        // A large zone takes a while, which says nothing of the store.
        if let Some(Ok(Some(found))) = looked {
            self.empty_zone().await;
            self.remember(&found);
        }
    }

    /// Looks for purges of other nodes once, before this worker asks for anything else: where nothing lies
    /// in the zone, all that comes there is newer than what it knows of from then on.
    pub(super) async fn look_first(&self) -> Result<(), String> {
        if self.has_looked.get() {
            return Ok(());
        }
        // What there is to be forgotten is the business of the task that watches.
        self.look_for_purges().await.map(drop)
    }

    /// What is to be remembered when the zone has forgotten all that it holds; `None` where it has not to.
    async fn look_for_purges(&self) -> Result<Option<Vec<u8>>, String> {
        let fresh = fresh()?;
        let changes = self.changes(&fresh).await?;
        let found = joined(&changes);
        let seen = self.seen_changes();
        let is_known = match &seen {
            Some(seen) => *seen == found,
            // Nothing lies there that could be older, and no call was made without the store.
            None => self.zone.is_empty() && !self.health.has_failed(),
        };
        if is_known {
            self.remember(&found);
            self.has_looked.set(true);
            return Ok(None);
        }
        let seen = seen.unwrap_or_default();
        let mut both = changes.iter().zip(seen.chunks(LENGTH).map(Epoch::read));
        if both.any(|(found, seen)| seen.is_some_and(|seen| found.is_before(&seen))) {
            log::cycle(
                Level::Warn,
                format_args!(
                    "sts: a store has gone back to what it was before the last purge: all that lies in \
                     it is forgotten"
                ),
            );
            // The next look finds the epoch that this makes.
            return self.purge(&self.names_of_all()).await.map(|_| None);
        }
        Ok(Some(found))
    }

    async fn empty_zone(&self) {
        let mut from = Some(0);
        while let Some(next) = from {
            from = self.zone.with(|zone| zone.purge(zone::Purge::All, next)).and_then(|it| it.1);
            if from.is_some() {
                Timer::new(0, released()).await;
            }
        }
    }

    /// The purges that the zone of this node knows of.
    fn seen_changes(&self) -> Option<Vec<u8>> {
        let hit = self.zone.with(|zone| zone.look(&SEEN, |_| true)).flatten()?;
        Some(hit.value.to_vec())
    }

    /// The zone of this node has forgotten all that these purges were of.
    pub(crate) fn remember(&self, found: &[u8]) {
        if self.seen_changes().as_deref() == Some(found) {
            return;
        }
        let claim = Claim { process: process::id(), awaits: None };
        let value = Value {
            tags: Tags::NO_TOKEN,
            note: 0,
            bytes: found,
            sent: clock::milliseconds(),
            life: REMEMBERED,
        };
        let remember = |zone: &mut Zone<'_>| {
            zone.forget(&SEEN);
            if let Found::Lead(call) = zone.find(&SEEN, claim, |_| true, process::is_alive) {
                zone.complete(&SEEN, call, &value, self.zone.capacity);
            }
        };
        self.zone.with(remember);
    }
}

fn joined(epochs: &[Epoch]) -> Vec<u8> {
    epochs.iter().flat_map(|epoch| *epoch.bytes()).collect()
}

/// A worker that ends does not wait for it.
pub(super) fn released() -> Hold {
    let hold = Hold::default();
    hold.release();
    hold
}
