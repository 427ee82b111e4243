//! What a worker does: it looks for tokens, makes calls that take a while, ends them in every way,
//! and moves the clock on.

use std::collections::HashMap;

use nix::sys::signal::kill;
use nix::unistd::Pid;
use sts_zone::zone::{Capacity, Claim, Found, LEASE, Purge, Tags, Value, Zone};

use crate::model::{KEYS, Key, Model, digest, value, version};
use crate::shared::Shared;

const CAPACITY: Capacity = Capacity { entries: usize::MAX, value: 4096 };

pub(crate) struct Worker<'s> {
    shared: &'s Shared,
    process: u32,
    random: u64,
    /// Calls that it makes, by key.
    calls: HashMap<u64, Call>,
    /// Calls of others that it waits for, by key.
    awaited: HashMap<u64, u64>,
    versions: u64,
}

#[derive(Clone, Copy)]
struct Call {
    number: u64,
    /// Purges before it began.
    purges: u64,
}

impl<'s> Worker<'s> {
    pub(crate) fn new(shared: &'s Shared, seed: u64) -> Self {
        Self {
            shared,
            process: std::process::id(),
            random: seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1,
            calls: HashMap::new(),
            awaited: HashMap::new(),
            // No two workers put the same version anywhere.
            versions: seed << 32,
        }
    }

    /// Does one thing.
    pub(crate) fn work(&mut self) {
        let shared = self.shared;
        shared.locked(|zone, model| {
            let number = self.choose(KEYS as u64);
            match (self.choose(100), self.calls.get(&number).copied()) {
                (0, _) => Self::purge(zone, &model, self.choose(4), number),
                (1..10, _) => model.advance(self.choose(300)),
                (10..20, Some(call)) => self.renew(zone, &model, number, call),
                (_, Some(call)) => self.end(zone, &model, number, call),
                (_, None) => self.find(zone, &model, number),
            }
        });
    }

    fn find(&mut self, zone: &mut Zone<'_>, model: &Model<'_>, number: u64) {
        let (key, now) = (model.key(number), model.now());
        let claim = Claim { process: self.process, awaits: self.awaited.remove(&number) };
        let emptied = zone.statistics().emptied;
        match zone.find(&digest(number), claim, |_| true, is_alive) {
            Found::Hit(hit) => {
                let version = version(number, &hit.value);
                assert!(key.may_have(version, now), "{number} has an old value: {version:x}");
                assert_eq!(hit.kept.note, version);
            }
            Found::Lead(call) => {
                assert!(model.loses || !key.has_any(now), "{number} was forgotten");
                let caller = u32::try_from(key.at(Key::CALLER)).unwrap();
                let is_calling = caller != 0
                    && caller != self.process
                    && is_alive(caller)
                    && now <= key.at(Key::LEASE)
                    && key.at(Key::EMPTIED) == emptied;
                assert!(model.loses || !is_calling, "two workers call for {number}");
                self.calls.insert(number, Call { number: call, purges: model.purges() });
                key.set(Key::CALLER, self.process.into());
                key.set(Key::LEASE, now + LEASE);
                key.set(Key::EMPTIED, emptied);
            }
            Found::Wait(call) => {
                self.awaited.insert(number, call);
            }
            Found::Failed(reason) => {
                let awaited = claim.awaits.expect("it waited for a call");
                let (of, call) = read_reason(&reason);
                assert!(of == number && call >= awaited, "a failure of another call");
            }
            // Nothing is refused here.
            Found::Refused(_) | Found::Unshared => assert!(claim.awaits.is_some()),
        }
    }

    fn renew(&self, zone: &mut Zone<'_>, model: &Model<'_>, number: u64, call: Call) {
        zone.renew(&digest(number), call.number);
        let key = model.key(number);
        if key.at(Key::CALLER) == u64::from(self.process) {
            key.set(Key::LEASE, model.now() + LEASE);
        }
    }

    fn end(&mut self, zone: &mut Zone<'_>, model: &Model<'_>, number: u64, call: Call) {
        let (key, now) = (model.key(number), model.now());
        self.calls.remove(&number);
        match self.choose(10) {
            0 => zone.release(&digest(number), call.number),
            1 => zone.share_nothing(&digest(number), call.number),
            2 => zone.fail(&digest(number), call.number, &reason(number, call.number)),
            _ => {
                self.versions += 1;
                let (version, life) = (self.versions, 1 + self.choose(5000));
                key.set(Key::NEW_UNTIL, now + life);
                key.set(Key::NEW_VERSION, version);
                let value = Value {
                    tags: tags(number),
                    note: version,
                    bytes: &value(number, version),
                    sent: now,
                    life,
                };
                if zone.complete(&digest(number), call.number, &value, CAPACITY) {
                    assert_eq!(call.purges, model.purges(), "a purge was in between");
                    key.set(Key::UNTIL, now + life);
                    key.set(Key::VERSION, version);
                } else {
                    assert!(model.loses || call.purges != model.purges(), "{number} was not kept");
                }
                key.set(Key::NEW_VERSION, 0);
            }
        }
        if key.at(Key::CALLER) == u64::from(self.process) {
            key.set(Key::CALLER, 0);
        }
    }

    fn purge(zone: &mut Zone<'_>, model: &Model<'_>, what: u64, number: u64) {
        let (exchange, sources) = ([tags(number).exchange], [number]);
        let what = match what {
            0 => Purge::All,
            1 => Purge::Exchanges(&exchange),
            _ => Purge::Sources { sources: &sources, exchanges: &[0, 1, 2] },
        };
        let mut from = Some(0);
        while let Some(at) = from {
            from = zone.purge(what, at).1;
        }
        // A process that dies before this has forgotten more than is expected, and not less.
        model.purge(|key| match what {
            Purge::All => true,
            Purge::Exchanges(exchanges) => exchanges.contains(&tags(key).exchange),
            Purge::Sources { sources, .. } => sources.contains(&tags(key).source),
        });
    }

    /// A random number below another.
    fn choose(&mut self, below: u64) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        (self.random >> 16) % below
    }
}

fn tags(number: u64) -> Tags {
    Tags { exchange: number % 3, source: number }
}

fn reason(number: u64, call: u64) -> Vec<u8> {
    let mut reason = vec![b'r'; 200];
    reason[..8].copy_from_slice(&number.to_ne_bytes());
    reason[8..16].copy_from_slice(&call.to_ne_bytes());
    reason
}

fn read_reason(reason: &[u8]) -> (u64, u64) {
    let (chunks, rest) = reason.as_chunks::<8>();
    assert!(rest.is_empty() && chunks[2..].as_flattened().iter().all(|byte| *byte == b'r'));
    (u64::from_ne_bytes(chunks[0]), u64::from_ne_bytes(chunks[1]))
}

fn is_alive(process: u32) -> bool {
    let pid = Pid::from_raw(i32::try_from(process).expect("a pid"));
    kill(pid, None).is_ok()
}
