//! Files that are over go, some at a time.

use std::ffi::OsString;
use std::fs::{self, ReadDir};
use std::io;
use std::str::Chars;
use std::time::{Duration, UNIX_EPOCH};

use sts_store::Millis;

use crate::clock::{Left, Now};
use crate::entry::Entry;
use crate::shard::{ALPHABET, Shard, is_name};
use crate::{Directory, Problem};

/// A file that cannot be read stays for so many milliseconds: another version may have written it.
const UNREADABLE: Millis = 60 * 60 * 1_000;

/// One walk through the directory.
pub struct Cleaner {
    directory: Directory,
    shards: Chars<'static>,
    current: Option<(Shard, ReadDir)>,
    skipped: Option<String>,
}

impl Directory {
    /// A walk through it.
    pub fn cleaner(&self) -> Cleaner {
        Cleaner { directory: self.clone(), shards: ALPHABET.chars(), current: None, skipped: None }
    }
}

impl Cleaner {
    /// What could not be read or removed, if anything, and why: it stays.
    pub fn skipped(&self) -> Option<&str> {
        self.skipped.as_deref()
    }

    /// Looks at so many files, and removes those that are over. Returns whether there are more.
    ///
    /// # Errors
    /// The directory cannot be read or written.
    pub fn step(&mut self, files: usize, now: &Now) -> Result<bool, Problem> {
        for _ in 0..files {
            let Some((shard, listing)) = &mut self.current else {
                let Some(first) = self.shards.next() else { return Ok(false) };
                let shard = Shard::of(&self.directory.path, first.encode_utf8(&mut [0; 4]))?;
                match fs::read_dir(shard.path()) {
                    Ok(listing) => self.current = Some((shard, listing)),
                    Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                    Err(error) => return Err(Problem::Read(error)),
                }
                continue;
            };
            match listing.next() {
                Some(Ok(file)) => {
                    // Something else may lie there under such a name: that is no reason to clean no more.
                    let considered = consider(shard, file.file_name(), self.directory.waits, now);
                    if let Err(problem) = considered {
                        let skipped = || format!("{}: {problem}", file.path().display());
                        self.skipped.get_or_insert_with(skipped);
                    }
                }
                Some(Err(error)) => return Err(Problem::Read(error)),
                None => self.current = None,
            }
        }
        Ok(true)
    }
}

/// Removes a file where it is over.
fn consider(shard: &Shard, name: OsString, waits: bool, now: &Now) -> Result<(), Problem> {
    let Ok(name) = name.into_string() else { return Ok(()) };
    if !is_name(&name) || !is_over(shard, &name, now)? {
        return Ok(());
    }
    match shard.lock(waits, || Ok(false)) {
        // Another file may have its name by now.
        Ok(Some(lock)) if is_over(shard, &name, now)? => lock.remove(&name),
        // It goes the next time.
        Ok(_) | Err(Problem::Locked) => Ok(()),
        Err(problem) => Err(problem),
    }
}

fn is_over(shard: &Shard, name: &str, now: &Now) -> Result<bool, Problem> {
    let head = shard.head(name)?;
    if let Some((written, _)) = Entry::head(&head) {
        return Ok(written.left(now) == Left::Nothing);
    }
    let changed = fs::symlink_metadata(shard.path().join(name)).and_then(|file| file.modified());
    let Ok(changed) = changed else { return Ok(false) };
    let age = Duration::from_millis(now.wall)
        .checked_sub(changed.duration_since(UNIX_EPOCH).unwrap_or_default());
    Ok(age.is_some_and(|age| age > Duration::from_millis(UNREADABLE)))
}
