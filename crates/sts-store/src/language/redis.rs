//! Redis 7 and newer, and Valkey. The commands are those that an ACL has to allow: `AUTH` and `SELECT`,
//! `GET`, `SET`, `PTTL` and `PEXPIRE`; in a Cluster also `ASKING`, and `CLUSTER SLOTS` where it may.

use crate::cluster::Redirection;
use crate::epoch::{Epoch, LENGTH as EPOCH};
use crate::language::{
    Answer, Before, Commands, Entry, Found, Greeting, Lease, Older, StoreError, Swapped, There,
};
use crate::resp::Reply;
use crate::seal::Place;
use crate::{LEASE, Millis};

/// How a lease begins: no sealed value does.
const MARK: &[u8] = b"L";

pub(super) fn greet(greeting: &Greeting) -> Commands {
    let Greeting { username, password, db } = greeting;
    let mut commands = Commands::default();
    if let Some(password) = password {
        match username {
            Some(username) => {
                commands.redis(&[b"AUTH", username.as_bytes(), password.expose()]);
            }
            None => commands.redis(&[b"AUTH", password.expose()]),
        }
    }
    if *db != 0 {
        commands.redis(&[b"SELECT", db.to_string().as_bytes()]);
    }
    commands
}

pub(super) fn look(place: &Place, older: &[Place], text: &str, fresh: &Epoch) -> Commands {
    let mut commands = Commands::default();
    let lease = [MARK, text.as_bytes()].concat();
    let time = LEASE.to_string();
    let name = place.value.as_bytes();
    commands.redis(&[b"SET", name, &lease, b"NX", b"GET", b"PX", time.as_bytes()]);
    commands.redis(&[b"PTTL", name]);
    place.epochs.iter().for_each(|epoch| make(&mut commands, epoch, fresh));
    for place in older {
        commands.redis(&[b"GET", place.value.as_bytes()]);
        commands.redis(&[b"PTTL", place.value.as_bytes()]);
        place.epochs.iter().for_each(|epoch| commands.redis(&[b"GET", epoch.as_bytes()]));
    }
    commands
}

pub(super) fn found(
    answer: Answer,
    older: usize,
    text: &str,
    fresh: &Epoch,
) -> Result<Found, StoreError> {
    let mut replies = replies(answer)?;
    let value = bulk(&mut replies)?;
    let left = left(&mut replies)?;
    let entry = match value {
        None => Entry::Lead(Lease::Text(text.to_owned())),
        Some(value) => match value.expose().strip_prefix(MARK) {
            // The same question once more, after a connection that was lost.
            Some(own) if own == text.as_bytes() => Entry::Lead(Lease::Text(text.to_owned())),
            Some(_) => Entry::Elsewhere,
            // What has no end was not put there by this module.
            None => Entry::Value { sealed: value, left: left.unwrap_or(0) },
        },
    };
    let epochs = [(); 3].map(|()| made(&mut replies, fresh).map(Some));
    let [all, exchange, source] = epochs;
    let mut found = Found { entry, epochs: [all?, exchange?, source?], older: Vec::new() };
    for _ in 0..older {
        let value = bulk(&mut replies)?;
        let left = self::left(&mut replies)?;
        let [all, exchange, source] = [(); 3].map(|()| bulk(&mut replies));
        let epochs = [all?, exchange?, source?];
        let epochs = epochs.map(|epoch| Epoch::read(epoch?.expose()));
        let epochs = match epochs {
            [Some(all), Some(exchange), Some(source)] => Some([all, exchange, source]),
            _ => None,
        };
        // Another node calls that knows the older passphrase only.
        let value = value.filter(|value| !value.expose().starts_with(MARK));
        found.older.push(value.map(|sealed| Older { sealed, left: left.unwrap_or(0), epochs }));
    }
    Ok(found)
}

pub(super) fn make_epochs(names: &[&str], fresh: &Epoch) -> Commands {
    let mut commands = Commands::default();
    names.iter().for_each(|name| make(&mut commands, name, fresh));
    commands
}

pub(super) fn made_epochs(answer: Answer, fresh: &Epoch) -> Result<Vec<Epoch>, StoreError> {
    let mut replies = replies(answer)?;
    let count = replies.len();
    (0..count).map(|_| made(&mut replies, fresh)).collect()
}

pub(super) fn set_epochs(names: &[String], epoch: &Epoch) -> Commands {
    let mut commands = Commands::default();
    names.iter().for_each(|name| commands.redis(&[b"SET", name.as_bytes(), epoch.bytes()]));
    commands
}

pub(super) fn epoch_before(answer: Answer) -> Result<Before, StoreError> {
    Ok(Before { epoch: epoch(&mut replies(answer)?)?, number: None })
}

pub(super) fn swap_epoch(name: &str, epoch: &Epoch) -> Commands {
    Commands::of_redis(&[b"SET", name.as_bytes(), epoch.bytes(), b"GET"])
}

pub(super) fn swapped(answer: Answer) -> Result<Swapped, StoreError> {
    Ok(Swapped::Done(epoch(&mut replies(answer)?)?))
}

pub(super) fn put(name: &str, sealed: &[u8], life: Millis, over: &There) -> Commands {
    let condition: &[u8] = match over {
        There::Nothing => b"NX",
        There::Lease(_) | There::Value(..) => b"XX",
    };
    let time = life.to_string();
    Commands::of_redis(&[b"SET", name.as_bytes(), sealed, b"PX", time.as_bytes(), condition])
}

/// Every reply is `+OK`, or nothing where a condition did not hold.
pub(super) fn is_done(answer: Answer) -> Result<(), StoreError> {
    for reply in replies(answer)? {
        if !matches!(reply, Reply::Simple(_) | Reply::Bulk(None)) {
            return Err(StoreError::Unexpected);
        }
    }
    Ok(())
}

pub(super) fn check(name: &str) -> Commands {
    let mut commands = Commands::default();
    commands.redis(&[b"GET", name.as_bytes()]);
    commands
}

pub(super) fn there(answer: Answer) -> Result<There, StoreError> {
    let Some(value) = bulk(&mut replies(answer)?)? else { return Ok(There::Nothing) };
    Ok(match value.expose().strip_prefix(MARK) {
        // One that is no text is not of this module.
        Some(text) => There::Lease(Lease::Text(String::from_utf8_lossy(text).into_owned())),
        None => There::Value(value, None),
    })
}

pub(super) fn elect(name: &str, text: &str) -> Commands {
    let lease = [MARK, text.as_bytes()].concat();
    let time = LEASE.to_string();
    Commands::of_redis(&[b"SET", name.as_bytes(), &lease, b"NX", b"GET", b"PX", time.as_bytes()])
}

pub(super) fn elected(answer: Answer, text: &str) -> Result<Option<Lease>, StoreError> {
    let own = Lease::Text(text.to_owned());
    Ok(match there(answer)? {
        There::Nothing => Some(own),
        // The same question once more, after a connection that was lost.
        there => there.is(&own).then_some(own),
    })
}

/// `GT`: what lives longer already is not touched.
pub(super) fn renew(name: &str) -> Commands {
    let mut commands = Commands::default();
    commands.redis(&[b"PEXPIRE", name.as_bytes(), LEASE.to_string().as_bytes(), b"GT"]);
    commands
}

pub(super) fn release(name: &str) -> Commands {
    let mut commands = Commands::default();
    commands.redis(&[b"PEXPIRE", name.as_bytes(), b"1"]);
    commands
}

/// One command that reads an epoch, and makes it where there is none.
fn make(commands: &mut Commands, name: &str, fresh: &Epoch) {
    commands.redis(&[b"SET", name.as_bytes(), fresh.bytes(), b"NX", b"GET"]);
}

type Rest = std::vec::IntoIter<Reply>;

fn made(replies: &mut Rest, fresh: &Epoch) -> Result<Epoch, StoreError> {
    match bulk(replies)? {
        None => Ok(*fresh),
        Some(bytes) if bytes.len() == EPOCH => {
            Epoch::read(bytes.expose()).ok_or(StoreError::Unexpected)
        }
        Some(_) => Err(StoreError::Unexpected),
    }
}

/// An epoch; `None` where there is none.
fn epoch(replies: &mut Rest) -> Result<Option<Epoch>, StoreError> {
    match bulk(replies)? {
        Some(bytes) => Epoch::read(bytes.expose()).map(Some).ok_or(StoreError::Unexpected),
        None => Ok(None),
    }
}

/// The replies, none of which is an error.
fn replies(answer: Answer) -> Result<Rest, StoreError> {
    let Answer::Redis(replies) = answer else { return Err(StoreError::Unexpected) };
    for reply in &replies {
        if let Reply::Error(text) = reply {
            let moved = Redirection::read(text).map(|_| StoreError::Moved);
            return Err(moved.unwrap_or_else(|| StoreError::refused(text)));
        }
    }
    Ok(replies.into_iter())
}

fn bulk(replies: &mut Rest) -> Result<Option<sts_secret::Secret>, StoreError> {
    match replies.next() {
        Some(Reply::Bulk(bulk)) => Ok(bulk),
        _ => Err(StoreError::Unexpected),
    }
}

/// What is left of a life in milliseconds; `None` for what has no end, or is not there.
fn left(replies: &mut Rest) -> Result<Option<Millis>, StoreError> {
    match replies.next() {
        Some(Reply::Integer(left)) => Ok(Millis::try_from(left).ok()),
        _ => Err(StoreError::Unexpected),
    }
}
