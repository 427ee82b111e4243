//! A part of the directory: reading, writing in one step, and the lock.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg, OFlag};
use sts_secret::Secret;

use crate::Problem;
use crate::clock::Now;
use crate::entry::{Entry, HEAD, State};

/// The first characters of names: of each there is a directory, so that none is large, and a lock is only
/// seldom wanted by two at once.
pub(crate) const ALPHABET: &str =
    "-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz";

/// Bytes of a name.
const LONGEST: usize = 128;

/// What is locked. It is never removed: another process could have it open.
const LOCK: &str = ".lock";
/// What is being written; the lock's owner is the only one that writes.
const NEW: &str = ".new";

const MODE: u32 = 0o600;
const DIRECTORY_MODE: u32 = 0o700;

/// Attempts to get the lock where it is waited for, and the pauses between them, which become longer; its
/// owner may wait for a disk. What asks may have given up before that.
const ATTEMPTS: u32 = 100;
const PAUSE: Duration = Duration::from_micros(500);
const LONGEST_PAUSE: Duration = Duration::from_millis(5);

/// Attempts where it is not: its owner does not wait for anything then either.
const YIELDS: u32 = 15;

/// A part of the directory.
pub(crate) struct Shard {
    path: PathBuf,
}

/// The right to change files of it.
pub(crate) struct Lock<'a> {
    shard: &'a Shard,
    _file: Flock<File>,
}

/// Whether this is a name of a file of ours.
pub(crate) fn is_name(name: &str) -> bool {
    (1..=LONGEST).contains(&name.len()) && name.chars().all(|it| ALPHABET.contains(it))
}

impl Shard {
    /// The one that a name is in.
    pub(crate) fn of(directory: &Path, name: &str) -> Result<Self, Problem> {
        if !is_name(name) {
            return Err(Problem::Command);
        }
        let first = name.get(..1).unwrap_or_default();
        Ok(Self { path: directory.join(first) })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// What a file is worth.
    pub(crate) fn read(&self, name: &str, largest: usize, now: &Now) -> Result<State, Problem> {
        let Some(mut file) = self.open(name)? else { return Ok(State::Nothing) };
        let length = file.metadata().map_err(Problem::Read)?.len();
        let Some(length) = usize::try_from(length).ok().filter(|it| *it <= HEAD + largest) else {
            return Ok(State::Unreadable);
        };
        let mut bytes = sts_secret::room(length);
        match file.read_exact(&mut bytes) {
            Ok(()) => Ok(Entry::read(Secret::from(bytes).expose(), now)),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(State::Unreadable),
            Err(error) => Err(Problem::Read(error)),
        }
    }

    /// The head of a file.
    pub(crate) fn head(&self, name: &str) -> Result<Vec<u8>, Problem> {
        let Some(file) = self.open(name)? else { return Ok(Vec::new()) };
        let mut head = Vec::with_capacity(HEAD);
        let most = u64::try_from(HEAD).unwrap_or(u64::MAX);
        file.take(most).read_to_end(&mut head).map_err(Problem::Read)?;
        Ok(head)
    }

    fn open(&self, name: &str) -> Result<Option<File>, Problem> {
        let flags = OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK;
        let opened =
            OpenOptions::new().read(true).custom_flags(flags.bits()).open(self.path.join(name));
        match opened {
            Ok(file) => Ok(Some(file)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.is_missing().map(|()| None)
            }
            Err(error) => Err(Problem::Read(error)),
        }
    }

    /// A file may be missing, and its part of the directory; the directory itself may not.
    fn is_missing(&self) -> Result<(), Problem> {
        let directory = self.path.parent().unwrap_or(&self.path);
        fs::metadata(directory).map(drop).map_err(Problem::Read)
    }

    /// Gets the right to change files; `None`: it is settled meanwhile.
    pub(crate) fn lock(
        &self,
        waits: bool,
        mut is_settled: impl FnMut() -> Result<bool, Problem>,
    ) -> Result<Option<Lock<'_>>, Problem> {
        let mut file = match self.open_lock() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let made = DirBuilder::new().mode(DIRECTORY_MODE).create(&self.path);
                match made {
                    Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                        return Err(Problem::Write(error));
                    }
                    _ => self.open_lock(),
                }
            }
            opened => opened,
        }
        .map_err(Problem::Write)?;
        for attempt in 1..=if waits { ATTEMPTS } else { YIELDS } {
            match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
                Ok(file) => return Ok(Some(Lock { shard: self, _file: file })),
                Err((back, Errno::EWOULDBLOCK | Errno::EINTR)) => file = back,
                Err((_, error)) => return Err(Problem::Lock(error.into())),
            }
            // What waits for what the lock's owner does may have it by now.
            if is_settled()? {
                return Ok(None);
            }
            if waits {
                thread::sleep(LONGEST_PAUSE.min(PAUSE * attempt));
            } else {
                thread::yield_now();
            }
        }
        Err(Problem::Locked)
    }

    fn open_lock(&self) -> io::Result<File> {
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false).mode(MODE);
        options.custom_flags(OFlag::O_NOFOLLOW.bits()).open(self.path.join(LOCK))
    }
}

impl Lock<'_> {
    /// Puts a file there in one step. Where it `stays`, also when the machine loses its power.
    pub(crate) fn write(&self, name: &str, entry: &Entry<'_>, stays: bool) -> Result<(), Problem> {
        let path = &self.shard.path;
        let new = path.join(NEW);
        let write = || {
            let mut options = OpenOptions::new();
            options.write(true).create(true).truncate(true).mode(MODE);
            let mut file = options.custom_flags(OFlag::O_NOFOLLOW.bits()).open(&new)?;
            file.write_all(entry.write().expose())?;
            if stays {
                file.sync_all()?;
            }
            fs::rename(&new, path.join(name))?;
            if stays { File::open(path)?.sync_all() } else { Ok(()) }
        };
        write().map_err(|error| {
            // What was written of it takes room that may be what is missing.
            drop(fs::remove_file(&new));
            Problem::Write(error)
        })
    }

    pub(crate) fn remove(&self, name: &str) -> Result<(), Problem> {
        match fs::remove_file(self.shard.path.join(name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(Problem::Write(error)),
            _ => Ok(()),
        }
    }
}
