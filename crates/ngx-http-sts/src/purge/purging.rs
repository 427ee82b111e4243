//! A purge, which takes several steps.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use sts_zone::zone;

use crate::cache::{Cache, SourceTags};
use crate::nginx::suspend::Resumer;
use crate::nginx::timer::{Hold, Timer};
use crate::store::Store;
use crate::store::epochs::Purged;

/// What is to be forgotten.
pub(super) enum What {
    All,
    /// What was issued by some exchanges, by their tags.
    Exchanges(Vec<u64>),
    /// What was issued for one source token.
    Source(SourceTags),
}

/// A purge that is under way.
pub(crate) struct Purging {
    pub(super) cache: Rc<Cache>,
    pub(super) what: What,
    /// What other nodes share, and the names of the epochs that this changes there.
    pub(super) store: Option<(Rc<Store>, Vec<String>)>,
    /// Why the store could not be told of it.
    pub(super) untold: RefCell<Option<String>>,
    /// Where its next step begins; `None` when it is over.
    pub(super) from: Cell<Option<usize>>,
    pub(super) removed: Cell<usize>,
    pub(super) waiter: RefCell<Option<Resumer>>,
}

impl Purging {
    /// The store comes first: what it holds then comes back from there no more.
    pub(super) async fn run(&self) {
        let mut told = None;
        if let Some((store, names)) = &self.store {
            // Boxed, because most purges are of a zone alone.
            match Box::pin(store.counted_purge(store.purge(names))).await {
                Ok(purged) => told = Some((store, purged)),
                Err(why) => {
                    self.untold.replace(Some(why));
                }
            }
        }
        while self.from.get().is_some() {
            // It is over in the next iteration of the event loop, and meanwhile holds a worker that
            // shuts down.
            Timer::new(0, Hold::default()).await;
            self.step();
        }
        let Some((store, Purged { changes, knew_all })) = told else { return };
        if !knew_all {
            // A purge of another node came in between, and nothing shows of what it was.
            let removed = Box::pin(store.forget_all()).await;
            self.removed.set(self.removed.get() + removed);
        }
        store.remember(&changes);
    }

    pub(super) fn step(&self) {
        let Some(from) = self.from.get() else { return };
        let what = match &self.what {
            What::All => zone::Purge::All,
            What::Exchanges(tags) => zone::Purge::Exchanges(tags),
            What::Source(SourceTags { sources, exchanges }) => {
                zone::Purge::Sources { sources, exchanges }
            }
        };
        let (removed, next) = self.cache.purge(what, from);
        self.removed.set(self.removed.get() + removed);
        self.from.set(next);
    }
}

/// The end of a purge, however it comes: its client must not wait for ever.
pub(super) struct Ending(pub(super) Rc<Purging>);

impl Drop for Ending {
    fn drop(&mut self) {
        if let Some(waiter) = &*self.0.waiter.borrow() {
            waiter.resume();
        }
    }
}
