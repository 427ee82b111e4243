//! memcached 1.6 and newer.

use sts_secret::Secret;

use crate::epoch::Epoch;
use crate::language::{Answer, Commands, Entry, Found, Lease, Older, StoreError};
use crate::memcached::{Flags, Reply};
use crate::seal::Place;
use crate::{LEASE, Millis};

/// Seconds that an item may have at most: more would be a point in time.
const LONGEST: u64 = 30 * 24 * 60 * 60;

pub(super) fn look(place: &Place, older: &[Place]) -> Commands {
    let mut commands = Commands::default();
    let lease = format!("N{}", LEASE / 1_000);
    commands.memcached("mg", &place.value, &["v", "t", "c", &lease]);
    place.epochs.iter().for_each(|epoch| commands.memcached("mg", epoch, &["v"]));
    for place in older {
        commands.memcached("mg", &place.value, &["v", "t"]);
        place.epochs.iter().for_each(|epoch| commands.memcached("mg", epoch, &["v"]));
    }
    commands
}

pub(super) fn found(answer: Answer, older: usize) -> Result<Found, StoreError> {
    let mut replies = replies(answer)?;
    let entry = match value(&mut replies)? {
        Some((_, Flags { won: true, number: Some(number), .. })) => {
            Entry::Lead(Lease::Number(number))
        }
        Some((empty, _)) if empty.is_empty() => Entry::Elsewhere,
        Some((sealed, flags)) => Entry::Value { sealed, left: left(&flags) },
        None => return Err(StoreError::Unexpected),
    };
    let epochs = epochs(&mut replies)?;
    let mut found = Found { entry, epochs, older: Vec::new() };
    for _ in 0..older {
        let value = value(&mut replies)?;
        let epochs = match self::epochs(&mut replies)? {
            [Some(all), Some(exchange), Some(source)] => Some([all, exchange, source]),
            _ => None,
        };
        let older = |(sealed, flags): (Secret, Flags)| Older { sealed, left: left(&flags), epochs };
        found.older.push(value.map(older));
    }
    Ok(found)
}

/// Each is added, and then read: another node may have been faster.
pub(super) fn make_epochs(names: &[&str], fresh: &Epoch) -> Commands {
    let mut commands = Commands::default();
    for name in names {
        commands.memcached_with("ms", name, &["ME"], fresh.bytes());
        commands.memcached("mg", name, &["v"]);
    }
    commands
}

pub(super) fn made_epochs(answer: Answer) -> Result<Vec<Epoch>, StoreError> {
    let mut replies = replies(answer)?;
    let mut epochs = Vec::new();
    while let Some(reply) = replies.next() {
        if !matches!(reply, Reply::Done(_) | Reply::NotStored) {
            return Err(StoreError::Unexpected);
        }
        epochs.push(epoch(&mut replies)?.ok_or(StoreError::Unexpected)?);
    }
    Ok(epochs)
}

pub(super) fn set_epochs(names: &[String], epoch: &Epoch) -> Commands {
    let mut commands = Commands::default();
    names.iter().for_each(|name| commands.memcached_with("ms", name, &[], epoch.bytes()));
    commands
}

pub(super) fn put(name: &str, sealed: &[u8], life: Millis) -> Commands {
    let mut commands = Commands::default();
    // Whole seconds, and 0 would be for ever.
    let time = format!("T{}", (life / 1_000).clamp(1, LONGEST));
    commands.memcached_with("ms", name, &[&time], sealed);
    commands
}

pub(super) fn is_done(answer: Answer) -> Result<(), StoreError> {
    for reply in replies(answer)? {
        match reply {
            // A lease that has ended meanwhile was given up, too.
            Reply::Done(_) | Reply::Missing | Reply::Changed => {}
            _ => return Err(StoreError::Unexpected),
        }
    }
    Ok(())
}

pub(super) fn check(name: &str) -> Commands {
    let mut commands = Commands::default();
    commands.memcached("mg", name, &["c"]);
    commands
}

pub(super) fn is_own(answer: Answer, lease: &Lease) -> Result<bool, StoreError> {
    let Lease::Number(number) = lease else { return Err(StoreError::Unexpected) };
    match replies(answer)?.next() {
        Some(Reply::Done(flags)) => Ok(flags.number == Some(*number)),
        Some(Reply::Missing) => Ok(false),
        _ => Err(StoreError::Unexpected),
    }
}

/// Touched, it keeps its number. What has come in between lives for as long as a lease at most.
pub(super) fn renew(name: &str) -> Commands {
    let mut commands = Commands::default();
    commands.memcached("mg", name, &[&format!("T{}", LEASE / 1_000)]);
    commands
}

pub(super) fn release(name: &str, lease: &Lease) -> Commands {
    let mut commands = Commands::default();
    let number = match lease {
        Lease::Number(number) => format!("C{number}"),
        Lease::Text(_) => return commands,
    };
    commands.memcached("md", name, &[&number]);
    commands
}

pub(super) fn forget(name: &str) -> Commands {
    let mut commands = Commands::default();
    commands.memcached("md", name, &[]);
    commands
}

type Rest = std::vec::IntoIter<Reply>;

/// The replies, none of which is an error.
fn replies(answer: Answer) -> Result<Rest, StoreError> {
    let Answer::Memcached(replies) = answer else { return Err(StoreError::Unexpected) };
    for reply in &replies {
        if let Reply::Error(text) = reply {
            return Err(StoreError::refused(text));
        }
    }
    Ok(replies.into_iter())
}

fn value(replies: &mut Rest) -> Result<Option<(Secret, Flags)>, StoreError> {
    match replies.next() {
        Some(Reply::Value(value, flags)) => Ok(Some((value, flags))),
        Some(Reply::Missing) => Ok(None),
        _ => Err(StoreError::Unexpected),
    }
}

fn epoch(replies: &mut Rest) -> Result<Option<Epoch>, StoreError> {
    match value(replies)? {
        Some((bytes, _)) => Epoch::read(bytes.expose()).map(Some).ok_or(StoreError::Unexpected),
        None => Ok(None),
    }
}

fn epochs(replies: &mut Rest) -> Result<[Option<Epoch>; 3], StoreError> {
    let [all, exchange, source] = [(); 3].map(|()| epoch(replies));
    Ok([all?, exchange?, source?])
}

/// What is left of a life, in milliseconds. Seconds are rounded, in a direction that is not said.
fn left(flags: &Flags) -> Millis {
    let left = flags.left.and_then(|left| u64::try_from(left).ok()).unwrap_or(0);
    left.saturating_sub(1) * 1_000
}
