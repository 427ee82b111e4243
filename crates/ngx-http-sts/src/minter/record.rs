//! With which keys tokens were signed that may still be in use: noted in the zone, so that a key is
//! published for that long, whatever became of its file, of its worker or of the configuration.

use std::cell::Cell;
use std::rc::Rc;

use sts_core::fields::Fields;
use sts_core::jose::PublicKey;
use sts_core::mint::Published;
use sts_core::now::UnixTime;
use sts_zone::zone::{Capacity, Digest, Tags, Value, Zone};

use crate::shared_zone::SharedZone;

/// Changes when what is noted does.
const LAYOUT: &[u8] = b"sts-published-keys-1";

/// Seconds for which a note of a key is good beyond the tokens that it was made for: so often a worker that
/// signs on notes it again.
const AHEAD: u64 = 60;

/// Bytes of all keys: of RSA with 16384 bits one has some 3000.
const MAX_BYTES: usize = 64 * 1024;

/// The keys of the exchanges of one name.
pub(crate) struct Record {
    zone: Rc<SharedZone>,
    key: Digest,
    /// The key that this worker has noted last, and until when that is good.
    noted: Cell<Option<(Digest, u64)>>,
}

impl Record {
    pub(crate) fn new(zone: Rc<SharedZone>, name: &str) -> Self {
        let mut fields = Fields::new(LAYOUT);
        fields.push(name.as_bytes());
        Self { zone, key: fields.finish(), noted: Cell::default() }
    }

    /// Notes that a key signs a token now, which lives at most so many seconds.
    pub(crate) fn note(&self, key: &PublicKey, lifetime: u64, now: UnixTime) {
        let digest = key.digest();
        let lives_until = now.0.saturating_add(lifetime);
        let noted = self.noted.get();
        if noted.is_some_and(|(noted, until)| noted == digest && until >= lives_until) {
            return;
        }
        let until = lives_until.saturating_add(AHEAD);
        // Read and written under one lock: other workers note theirs.
        let kept = self.zone.with(|zone| {
            let mut all = self.all(zone, now);
            all.note(key, until);
            let text = all.to_text();
            let value = Value {
                tags: Tags::NO_TOKEN,
                note: 0,
                bytes: text.as_bytes(),
                sent: now.0.saturating_mul(1000),
                life: all.last().saturating_sub(now.0).saturating_mul(1000),
            };
            // How large a token may be says nothing of these.
            let capacity = Capacity { value: MAX_BYTES, ..self.zone.capacity };
            let number = zone.begin()?;
            zone.forget(&self.key);
            Some(zone.keep(&self.key, number, &value, capacity))
        });
        if kept.flatten() == Some(true) {
            self.noted.set(Some((digest, until)));
        }
    }

    /// The keys with which tokens were signed that may still be in use.
    pub(crate) fn read(&self, now: UnixTime) -> impl Iterator<Item = PublicKey> {
        self.zone.with(|zone| self.all(zone, now)).unwrap_or_default().into_keys()
    }

    fn all(&self, zone: &mut Zone<'_>, now: UnixTime) -> Published {
        let hit = zone.look(&self.key, |_| true);
        hit.map(|hit| Published::read(&hit.value, now)).unwrap_or_default()
    }
}
