//! memcached 1.6 and newer.

use sts_secret::Secret;

use crate::epoch::Epoch;
use crate::language::{
    Answer, Before, Commands, Entry, Found, Lease, Older, StoreError, Swapped, There,
};
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
        // Another node calls that knows the older passphrase only.
        let value = value.filter(|(value, _)| !value.is_empty());
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

pub(super) fn epoch_before(answer: Answer) -> Result<Before, StoreError> {
    Ok(match value(&mut replies(answer)?)? {
        Some((bytes, flags)) => {
            let epoch = Epoch::read(bytes.expose()).ok_or(StoreError::Unexpected)?;
            Before { epoch: Some(epoch), number: flags.number }
        }
        None => Before { epoch: None, number: None },
    })
}

pub(super) fn swap_epoch(name: &str, epoch: &Epoch, number: Option<u64>) -> Commands {
    let mut commands = Commands::default();
    commands.memcached_with("ms", name, &[&only_over(number)], epoch.bytes());
    commands
}

pub(super) fn swapped(answer: Answer, before: &Before) -> Result<Swapped, StoreError> {
    match replies(answer)?.next() {
        Some(Reply::Done(_)) => Ok(Swapped::Done(before.epoch)),
        Some(Reply::NotStored | Reply::Changed | Reply::Missing) => Ok(Swapped::Meanwhile),
        _ => Err(StoreError::Unexpected),
    }
}

pub(super) fn put(name: &str, sealed: &[u8], life: Millis, over: &There) -> Commands {
    let number = match over {
        There::Lease(Lease::Number(number)) => Some(*number),
        There::Value(_, number) => *number,
        There::Nothing | There::Lease(Lease::Text(_)) => None,
    };
    let mut commands = Commands::default();
    // Whole seconds, and 0 would be for ever.
    let time = format!("T{}", (life / 1_000).clamp(1, LONGEST));
    commands.memcached_with("ms", name, &[&time, &only_over(number)], sealed);
    commands
}

/// The flag that lets an item replace that of this number only, or none.
fn only_over(number: Option<u64>) -> String {
    number.map_or_else(|| "ME".to_owned(), |number| format!("C{number}"))
}

pub(super) fn is_done(answer: Answer) -> Result<(), StoreError> {
    for reply in replies(answer)? {
        match reply {
            // Another node was faster: its value, or its lease.
            Reply::Done(_) | Reply::Missing | Reply::Changed | Reply::NotStored => {}
            _ => return Err(StoreError::Unexpected),
        }
    }
    Ok(())
}

pub(super) fn check(name: &str) -> Commands {
    let mut commands = Commands::default();
    commands.memcached("mg", name, &["v", "c"]);
    commands
}

pub(super) fn there(answer: Answer) -> Result<There, StoreError> {
    Ok(match value(&mut replies(answer)?)? {
        None => There::Nothing,
        Some((value, flags)) if value.is_empty() => {
            There::Lease(Lease::Number(flags.number.ok_or(StoreError::Unexpected)?))
        }
        Some((value, flags)) => There::Value(value, flags.number),
    })
}

pub(super) fn elect(name: &str) -> Commands {
    let mut commands = Commands::default();
    commands.memcached("mg", name, &["v", "c", &format!("N{}", LEASE / 1_000)]);
    commands
}

pub(super) fn elected(answer: Answer) -> Result<Option<Lease>, StoreError> {
    match value(&mut replies(answer)?)? {
        Some((_, Flags { won: true, number: Some(number), .. })) => Ok(Some(Lease::Number(number))),
        Some(_) => Ok(None),
        None => Err(StoreError::Unexpected),
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
