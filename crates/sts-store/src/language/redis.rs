//! Redis 7 and newer, and Valkey. The commands are those that an ACL has to allow: `AUTH` and `SELECT`,
//! `GET`, `SET`, `PTTL` and `PEXPIRE`.

use crate::epoch::{Epoch, LENGTH as EPOCH};
use crate::language::{Answer, Commands, Entry, Found, Greeting, Lease, Older, StoreError};
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

pub(super) fn put(name: &str, sealed: &[u8], life: Millis) -> Commands {
    let mut commands = Commands::default();
    commands.redis(&[b"SET", name.as_bytes(), sealed, b"PX", life.to_string().as_bytes()]);
    commands
}

/// Every reply is `+OK`.
pub(super) fn is_done(answer: Answer) -> Result<(), StoreError> {
    for reply in replies(answer)? {
        if !matches!(reply, Reply::Simple(_)) {
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

pub(super) fn is_own(answer: Answer, lease: &Lease) -> Result<bool, StoreError> {
    let Lease::Text(text) = lease else { return Err(StoreError::Unexpected) };
    let value = bulk(&mut replies(answer)?)?;
    Ok(value.is_some_and(|value| value.expose().strip_prefix(MARK) == Some(text.as_bytes())))
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

/// The replies, none of which is an error.
fn replies(answer: Answer) -> Result<Rest, StoreError> {
    let Answer::Redis(replies) = answer else { return Err(StoreError::Unexpected) };
    for reply in &replies {
        if let Reply::Error(text) = reply {
            return Err(StoreError::Refused(text.clone()));
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
