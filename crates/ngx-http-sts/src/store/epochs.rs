//! Purges: those of this node, which all nodes have to see, and those of the others.

use std::future::Future;
use std::pin::pin;
use std::rc::Rc;

use openssl::sha::sha256;
use sts_store::epoch::{Epoch, Scope};
use sts_store::language::{Before, Swapped};
use sts_store::seal::{Keys, Prefix};
use sts_zone::zone::{self, Claim, Digest, Found, Tags, Value, Zone};

use crate::nginx::clock;
use crate::nginx::log::{self, Level};
use crate::nginx::process;
use crate::nginx::task;
use crate::nginx::timer::{self, Hold, Timer};
use crate::store::{Store, fresh, said};

/// Milliseconds between two looks for purges of other nodes.
const PERIOD: u64 = 900;

/// Milliseconds that a purge waits for the store, and for each epoch that it changes there: a directory may
/// have to wait for its disk.
const PATIENCE: u64 = 1_000;
const PATIENCE_EACH: u64 = 100;

/// Where the zone keeps which worker empties it.
const SWEEP: Digest = *b"nginx-sts: the sweep for a purge";

/// How often the change of an epoch is tried that other nodes change as well.
const ATTEMPTS: u32 = 16;

/// Milliseconds after which a store is asked once more that seems to have gone back: of two purges at
/// once the one from a clock that is behind may be the later one, until its node has seen that.
const CONFIRMED: u64 = 100;

/// Milliseconds for which it knows that.
const REMEMBERED: u64 = 365 * 24 * 60 * 60 * 1_000;

/// A purge that the store was told of.
pub(crate) struct Purged {
    /// What the zone of this node has to remember when it has forgotten it, too.
    pub(crate) changes: Vec<Epoch>,
    /// The zone knew all purges before.
    pub(crate) knew_all: bool,
}

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

    fn names(&self, scopes: impl Fn(&Keys) -> Vec<Scope>) -> Vec<String> {
        let of = |keys: &Keys| {
            let scopes = scopes(keys).into_iter();
            scopes.map(|scope| keys.epoch(&self.prefix, &scope)).collect::<Vec<_>>()
        };
        // Older passphrases first: a look reads the epochs of the newest one before theirs, so that no value
        // is moved from under an old epoch to under a new one.
        self.keys.iter().rev().flat_map(|keys| of(keys)).collect()
    }

    /// Lets all nodes forget what these epochs are of. Where this node did not know all purges before, its
    /// zone has to forget everything.
    ///
    /// # Errors
    /// The store cannot be told.
    pub(crate) async fn purge(&self, scopes: &[String]) -> Result<Purged, String> {
        let names = u64::try_from(scopes.len()).unwrap_or(u64::MAX);
        let patience = PATIENCE.saturating_add(names.saturating_mul(PATIENCE_EACH));
        let done = self.within(patience, self.tell(scopes), Hold::default()).await;
        done.unwrap_or_else(|| Err(format!("it did not answer within {patience} ms")))
    }

    async fn tell(&self, scopes: &[String]) -> Result<Purged, String> {
        let names = self.names_of_changes();
        let mut changes = Vec::new();
        for name in &names {
            changes.push(self.change_before(name).await?);
        }
        // After the last purge, whatever the clocks of the nodes say.
        let mut epoch = fresh()?;
        let there = changes.iter().filter_map(|before| before.epoch);
        for last in there.chain(self.seen_changes().into_iter().flatten()) {
            epoch = after(&epoch, &last)?;
        }
        // First what is old from now on: a node that sees the change reads what is so then.
        self.does(self.language.set_epochs(scopes, &epoch)).await?;
        let (mut found, mut made, mut is_one) = (Vec::new(), Vec::new(), true);
        for (name, before) in names.iter().zip(changes) {
            let (others, own) = self.change(name, before, epoch).await?;
            is_one &= others.len() == 1;
            found.extend(others.into_iter().flatten());
            made.push(own);
        }
        let knew_all = is_one && self.seen_changes().into_iter().eq(found.into_iter().map(Some));
        Ok(Purged { changes: made, knew_all })
    }

    /// Changes the epoch that all nodes look at. That is one step, so of two purges at once one finds the
    /// other. Returns what others had made of it, and the new one.
    async fn change(
        &self,
        name: &str,
        mut before: Before,
        mut epoch: Epoch,
    ) -> Result<(Vec<Option<Epoch>>, Epoch), String> {
        let (mut others, mut own) = (Vec::new(), None);
        for _ in 0..ATTEMPTS {
            if let Some(last) = &before.epoch {
                epoch = after(&epoch, last)?;
            }
            let answer = self.talk(self.language.swap_epoch(name, &epoch, &before)).await?;
            match self.language.swapped(answer, &before).map_err(said)? {
                Swapped::Meanwhile => before = self.change_before(name).await?,
                Swapped::Done(found) => {
                    if own.is_none() || found != own {
                        others.push(found);
                    }
                    if found.is_none_or(|found| found.is_before(&epoch)) {
                        return Ok((others, epoch));
                    }
                    // Another node was faster, and its clock is ahead: a later one has to be there.
                    own = Some(epoch);
                    before.epoch = found;
                }
            }
        }
        Err("other nodes purge all the time".into())
    }

    async fn change_before(&self, name: &str) -> Result<Before, String> {
        let answer = self.talk(self.language.read_epoch(name)).await?;
        self.language.epoch_before(answer).map_err(said)
    }

    /// Lets this be done within the time that nothing else waits for, and notes how it ended.
    pub(super) async fn within_patience<T>(
        &self,
        work: impl Future<Output = Result<T, String>>,
        hold: Hold,
    ) -> Option<Result<T, String>> {
        self.within(PATIENCE, work, hold).await
    }

    async fn within<T>(
        &self,
        patience: u64,
        work: impl Future<Output = Result<T, String>>,
        hold: Hold,
    ) -> Option<Result<T, String>> {
        let timer = pin!(Timer::new(patience, hold));
        let done = timer::before(timer, pin!(work)).await;
        self.note(match &done {
            Some(Ok(_)) => Ok(()),
            Some(Err(why)) => Err(Some(why)),
            None => Err(None),
        });
        done
    }

    fn names_of_changes(&self) -> Vec<String> {
        names_of_changes(&self.keys, &self.prefix)
    }

    /// The epochs that change with every purge, one for each passphrase.
    async fn changes(&self, fresh: &Epoch) -> Result<Vec<Epoch>, String> {
        let names = self.names_of_changes();
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

    /// Whether another server has now what one of no use had. That is asked also while the store is left
    /// alone.
    async fn has_moved(&self) -> bool {
        let timer = pin!(Timer::new(PATIENCE, released()));
        let moved = pin!(self.place.has_moved(self));
        matches!(timer::before(timer, moved).await, Some(Ok(true)))
    }

    /// Looks for purges of other nodes, and lets the zone of this one forget what they were of.
    async fn look_once(&self) {
        let looked = self.within_patience(self.look_for_purges(), released()).await;
        // A large zone takes a while, which says nothing of the store.
        if let Some(Ok(Some(found))) = looked {
            self.sweep(&found).await;
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
    async fn look_for_purges(&self) -> Result<Option<Vec<Epoch>>, String> {
        let mut is_confirmed = false;
        loop {
            let found = self.changes(&fresh()?).await?;
            // After the answer, since another worker may fill the zone meanwhile, and knows of more then.
            let seen = self.seen_changes();
            let mut both = seen.iter().zip(&found);
            let is_known = both.clone().all(|(seen, found)| match seen {
                Some(seen) => seen == found,
                // Nothing lies there that could be older, and no call was made without the store.
                None => self.zone.is_empty() && !self.health.has_failed(),
            });
            if is_known {
                self.remember(&found);
                self.has_looked.set(true);
                return Ok(None);
            }
            let is_back = both.any(|(seen, found)| seen.is_some_and(|seen| found.is_before(&seen)));
            if !is_back {
                return Ok(Some(found));
            }
            if is_confirmed {
                break;
            }
            // What another worker has remembered meanwhile is newer than this answer.
            is_confirmed = true;
            Timer::new(CONFIRMED, released()).await;
        }
        log::cycle(
            Level::Warn,
            format_args!(
                "sts: a store has gone back to what it was before the last purge: all that lies in it is \
                 forgotten"
            ),
        );
        // The next look finds the epoch that this makes.
        self.tell(&self.names_of_all()).await.map(|_| None)
    }

    /// Lets the zone forget all that it holds, unless another worker does that, and remembers why.
    async fn sweep(&self, found: &[Epoch]) {
        let claim = Claim { process: process::id(), awaits: None };
        let elect = |zone: &mut Zone<'_>| zone.find(&SWEEP, claim, |_| false, process::is_alive);
        let call = match self.zone.with(elect) {
            Some(Found::Lead(call)) => call,
            // Then the next look finds nothing new.
            Some(Found::Wait(_)) => return,
            // There is no room for a note. What is to be forgotten is forgotten twice, then.
            Some(_) | None => 0,
        };
        // It may be over just now.
        if !self.seen_changes().into_iter().eq(found.iter().copied().map(Some)) {
            let removed = self.empty_zone(call).await;
            self.remember(found);
            log::cycle(
                Level::Info,
                format_args!("sts: {removed} tokens were forgotten after a purge of another node"),
            );
        }
        self.zone.with(|zone| zone.release(&SWEEP, call));
    }

    /// Lets the zone forget all that it holds.
    pub(crate) async fn forget_all(&self) -> usize {
        self.empty_zone(0).await
    }

    async fn empty_zone(&self, call: u64) -> usize {
        let (mut from, mut removed) = (Some(0), 0);
        while let Some(next) = from {
            let step = |zone: &mut Zone<'_>| {
                zone.renew(&SWEEP, call);
                zone.purge(zone::Purge::All, next)
            };
            let (count, rest) = self.zone.with(step).unwrap_or((0, None));
            (from, removed) = (rest, removed + count);
            if from.is_some() {
                Timer::new(0, released()).await;
            }
        }
        removed
    }

    /// The last purge that the zone of this node knows of, for each passphrase.
    fn seen_changes(&self) -> Vec<Option<Epoch>> {
        self.notes.iter().map(|note| self.seen_change(note)).collect()
    }

    fn seen_change(&self, note: &Digest) -> Option<Epoch> {
        let hit = self.zone.with(|zone| zone.look(note, |_| true)).flatten()?;
        Epoch::read(&hit.value)
    }

    /// The zone of this node has forgotten all that these purges were of.
    pub(crate) fn remember(&self, found: &[Epoch]) {
        self.notes.iter().zip(found).for_each(|(note, found)| self.remember_one(note, found));
    }

    fn remember_one(&self, note: &Digest, found: &Epoch) {
        // Another worker may have remembered a later one meanwhile.
        let seen = self.seen_change(note);
        if seen.is_some_and(|seen| seen == *found || found.is_before(&seen)) {
            return;
        }
        let claim = Claim { process: process::id(), awaits: None };
        let value = Value {
            tags: Tags::NO_TOKEN,
            note: 0,
            bytes: found.bytes(),
            sent: clock::milliseconds(),
            life: REMEMBERED,
        };
        let remember = |zone: &mut Zone<'_>| {
            zone.forget(note);
            if let Found::Lead(call) = zone.find(note, claim, |_| true, process::is_alive) {
                zone.complete(note, call, &value, self.zone.capacity);
            }
        };
        self.zone.with(remember);
    }
}

/// An epoch after another one.
fn after(epoch: &Epoch, last: &Epoch) -> Result<Epoch, String> {
    if last.is_before(epoch) {
        return Ok(*epoch);
    }
    let random = clock::entropy().map_err(said)?;
    Ok(last.next(clock::milliseconds(), &random))
}

/// The names of the epochs that change with every purge, one for each passphrase.
fn names_of_changes(keys: &[Rc<Keys>], prefix: &Prefix) -> Vec<String> {
    keys.iter().map(|keys| keys.epoch(prefix, &Scope::Change)).collect()
}

/// Where the zone keeps which purge it knows of, for each passphrase. It is that of one store: while workers of
/// an earlier configuration go on, the zone may be in front of another one as well.
pub(super) fn notes_of(keys: &[Rc<Keys>], prefix: &Prefix, at: &str, db: u32) -> Vec<Digest> {
    let note =
        |name: String| sha256(format!("nginx-sts: last purge\n{at}\n{db}\n{name}").as_bytes());
    names_of_changes(keys, prefix).into_iter().map(note).collect()
}

/// A worker that ends does not wait for it.
pub(super) fn released() -> Hold {
    let hold = Hold::default();
    hold.release();
    hold
}
