//! How an exchange went since it was configured.

use std::cell::RefCell;
use std::hash::{BuildHasher, RandomState};
use std::rc::Rc;

use sts_core::error::{Failure, FailureKind};
use sts_core::report::gist;
use sts_core::report::record::Record;
use sts_zone::ledger;

use crate::nginx::conf::Conf;
use crate::nginx::value::Reported;
use crate::nginx::zone::SharedMemory;
use crate::sts::Sts;

/// The zone in which the workers tell each other which exchanges have succeeded. It outlives a reload: an
/// exchange that is configured as before is not new.
const ZONE: &str = "sts_succeeded";

/// Bytes of it: some thousand exchanges.
const SIZE: usize = 64 * 1024;

/// What this worker remembers of an exchange, and what all of them know.
pub(crate) struct History {
    /// The exchange, by a part of a digest.
    name: u64,
    succeeded: SharedMemory,
    record: RefCell<Record>,
    /// With a key, since a source may be a password.
    hasher: RandomState,
}

/// Those of a configuration.
#[derive(Default)]
pub(crate) struct Histories(Vec<Rc<History>>);

impl Histories {
    /// The history of the exchange with this name.
    pub(crate) fn of(&mut self, conf: &Conf<'_>, name: u64) -> Result<Rc<History>, Reported> {
        if let Some(known) = self.0.iter().find(|known| known.name == name) {
            return Ok(known.clone());
        }
        let succeeded = SharedMemory::declare::<Sts>(conf, ZONE, SIZE)?;
        let (record, hasher) = (RefCell::default(), RandomState::new());
        let history = Rc::new(History { name, succeeded, record, hasher });
        self.0.push(history.clone());
        Ok(history)
    }
}

impl History {
    pub(crate) fn name(&self) -> u64 {
        self.name
    }

    /// A token was issued.
    pub(crate) fn succeed(&self) {
        let is_first = !self.record.borrow().has_succeeded();
        self.record.borrow_mut().succeed();
        if is_first {
            self.succeeded.with(|words| ledger::insert(words, self.name));
        }
    }

    /// A call has failed: says whether the gateway may be at fault where the source token was refused.
    pub(crate) fn judge(&self, failure: Failure, source: &[u8]) -> Failure {
        if failure.kind != FailureKind::Refused {
            return failure;
        }
        let is_known = self.record.borrow().has_succeeded();
        let has_succeeded =
            is_known || self.succeeded.with(|words| ledger::contains(words, self.name));
        let said = gist(&failure.reason);
        let doubt =
            self.record.borrow_mut().refuse(said, self.hasher.hash_one(source), has_succeeded);
        Failure { doubt, ..failure }
    }
}
