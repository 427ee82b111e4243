//! Memory that several processes share, with a zone in it and what is expected of it, under a lock
//! that the kernel releases when its holder dies.

use std::fs::{File, OpenOptions};
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use nix::fcntl::{Flock, FlockArg};
use nix::sys::mman::{MapFlags, ProtFlags, mmap};
use sts_zone::zone::Zone;

use crate::model::{KEYS, Key, Model};

const WORD: usize = size_of::<u64>();

/// Words before the zone: these, and the model.
const CLOCK: usize = 0;
const STEPS: usize = 1;
const OVER: usize = 2;
const LOSES: usize = 3;
const PURGES: usize = 4;
const MODEL: usize = 8;
const ZONE: usize = MODEL + KEYS * Key::WORDS;

/// The memory, as one process sees it.
pub(crate) struct Shared {
    words: &'static [AtomicU64],
    file: File,
}

impl Shared {
    /// Makes it, with a zone of so many bytes. With `loses` something may be missing there that was
    /// put in.
    pub(crate) fn create(path: &Path, zone: usize, loses: bool) -> Self {
        File::create(path).unwrap().set_len((ZONE * WORD + zone) as u64).unwrap();
        let shared = Self::open(path);
        shared.words[CLOCK].store(1_000_000, Ordering::Relaxed);
        shared.words[LOSES].store(loses.into(), Ordering::Relaxed);
        shared
    }

    pub(crate) fn open(path: &Path) -> Self {
        let file = OpenOptions::new().read(true).write(true).open(path).unwrap();
        let length = usize::try_from(file.metadata().unwrap().len()).unwrap();
        // SAFETY: a new mapping at an address of the kernel's choice overlaps nothing.
        let start = unsafe {
            mmap(
                None,
                NonZeroUsize::new(length).unwrap(),
                ProtFlags::PROT_READ | ProtFlags::PROT_WRITE,
                MapFlags::MAP_SHARED,
                &file,
                0,
            )
        };
        let start = start.unwrap().cast::<AtomicU64>();
        // SAFETY: the mapping is as long as the file, begins at a page, and is never unmapped. Others
        // write to it at any time, which atomic words allow.
        let words = unsafe { std::slice::from_raw_parts(start.as_ptr(), length / WORD) };
        Self { words, file }
    }

    /// Uses the zone and the model while no other process does.
    pub(crate) fn locked<R>(&self, use_it: impl FnOnce(&mut Zone<'_>, Model<'_>) -> R) -> R {
        let file = self.file.try_clone().unwrap();
        let _lock = Flock::lock(file, FlockArg::LockExclusive).map_err(|(_, error)| error).unwrap();
        let model = Model {
            clock: &self.words[CLOCK],
            purges: &self.words[PURGES],
            loses: self.words[LOSES].load(Ordering::Relaxed) != 0,
            keys: &self.words[MODEL..ZONE],
        };
        let mut zone = Zone::open(&self.words[ZONE..], model.now(), || Some([7; 32])).unwrap();
        self.words[STEPS].fetch_add(1, Ordering::Relaxed);
        use_it(&mut zone, model)
    }

    /// How often it was used.
    pub(crate) fn steps(&self) -> u64 {
        self.words[STEPS].load(Ordering::Relaxed)
    }

    pub(crate) fn end(&self) {
        self.words[OVER].store(1, Ordering::Relaxed);
    }

    pub(crate) fn is_over(&self) -> bool {
        self.words[OVER].load(Ordering::Relaxed) != 0
    }
}
