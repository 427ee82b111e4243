//! The zones in the memory of a worker, as a debugger sees them.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicU64, Ordering};

use nix::errno::Errno;
use nix::sys::ptrace;
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::Pid;
use sts_zone::outside::{CHANGING, MAGIC, SIZE};

const WORD: u64 = 8;

/// The pages of memory that NGINX gives to a zone begin at a page.
const PAGE: usize = 4096;

/// Instructions after which a worker that was to change a zone has not done so.
const MOST_STEPS: u64 = 20_000_000;

/// The zone of the only cache of an NGINX.
pub struct ZoneMemory {
    memory: File,
    /// The address of its first word.
    start: u64,
}

impl ZoneMemory {
    /// Finds the zone that a worker shares with the others. A worker has to have used it.
    ///
    /// # Panics
    /// When there is none.
    #[track_caller]
    pub fn of(worker: i32) -> Self {
        let path = format!("/proc/{worker}/mem");
        let memory = File::options().read(true).write(true).open(path);
        let memory = memory.expect("the memory of a worker can be read");
        let start = shared_pages(worker).find(|address| word(&memory, *address) == Some(MAGIC));
        Self { memory, start: start.expect("the worker has a zone") }
    }

    /// A word of it.
    ///
    /// # Panics
    /// When the worker has gone.
    pub fn word(&self, number: usize) -> u64 {
        word(&self.memory, self.address(number)).expect("the zone can be read")
    }

    /// Changes a word.
    ///
    /// # Panics
    /// When the worker has gone.
    pub fn set_word(&self, number: usize, value: u64) {
        let address = self.address(number);
        let written = self.memory.write_all_at(&value.to_ne_bytes(), address);
        written.expect("the zone can be written to");
    }

    /// Lets a function change a copy of all words and puts them back. The workers must be idle.
    ///
    /// # Panics
    /// When the worker has gone.
    pub fn change(&self, change: impl FnOnce(&[AtomicU64])) {
        let mut bytes = self.bytes();
        let (words, _) = bytes.as_chunks_mut::<8>();
        let copy: Vec<_> = words.iter().map(|word| u64::from_ne_bytes(*word).into()).collect();
        change(&copy);
        for (word, changed) in words.iter_mut().zip(&copy) {
            *word = changed.load(Ordering::Relaxed).to_ne_bytes();
        }
        self.memory.write_all_at(&bytes, self.start).expect("the zone can be written to");
    }

    /// Whether the bytes stand somewhere in it. A zone divides longer values; the first sixteen bytes
    /// of each are together.
    ///
    /// # Panics
    /// When the worker has gone.
    pub fn holds(&self, bytes: &[u8]) -> bool {
        self.bytes().windows(bytes.len()).any(|window| window == bytes)
    }

    fn bytes(&self) -> Vec<u8> {
        let size = usize::try_from(self.word(SIZE)).expect("it fits into memory");
        let mut bytes = vec![0; size * WORD as usize];
        self.memory.read_exact_at(&mut bytes, self.start).expect("the zone can be read");
        bytes
    }

    fn address(&self, number: usize) -> u64 {
        self.start + number as u64 * WORD
    }
}

/// Kills a worker at the very point at which it has begun to change its zone: it is run instruction by
/// instruction until the mark is there. `work` gives it something to do.
///
/// # Panics
/// When it does not come to that.
#[track_caller]
pub fn kill_while_changing(worker: i32, work: impl FnOnce()) {
    let zone = ZoneMemory::of(worker);
    let pid = Pid::from_raw(worker);
    ptrace::seize(pid, ptrace::Options::empty()).expect("a process of ours can be traced");
    ptrace::interrupt(pid).expect("it can be stopped");
    work();
    let mut steps = 0;
    while zone.word(CHANGING) == 0 {
        let signal = match waitpid(pid, None) {
            // Its own signals are delivered.
            Ok(WaitStatus::Stopped(_, signal)) if signal != Signal::SIGTRAP => Some(signal),
            Ok(WaitStatus::Stopped(..) | WaitStatus::PtraceEvent(..)) => None,
            other => panic!("the worker ended: {other:?}"),
        };
        assert!(steps < MOST_STEPS, "the worker does not change its zone");
        steps += 1;
        ptrace::step(pid, signal).expect("it can be run");
    }
    kill(pid, Signal::SIGKILL).expect("a process of ours can be killed");
    while !matches!(waitpid(pid, None), Ok(WaitStatus::Signaled(..)) | Err(Errno::ECHILD)) {}
}

/// The addresses of the pages that a process shares with others and can write to.
fn shared_pages(pid: i32) -> impl Iterator<Item = u64> {
    let maps = fs::read_to_string(format!("/proc/{pid}/maps")).unwrap_or_default();
    let shared: Vec<_> = maps
        .lines()
        .filter(|line| line.contains(" rw-s "))
        .filter_map(|line| {
            let (from, to) = line.split_whitespace().next()?.split_once('-')?;
            let address = |text| u64::from_str_radix(text, 16).ok();
            Some(address(from)?..address(to)?)
        })
        .collect();
    shared.into_iter().flat_map(|range| range.step_by(PAGE))
}

fn word(memory: &File, address: u64) -> Option<u64> {
    let mut bytes = [0; WORD as usize];
    memory.read_exact_at(&mut bytes, address).ok()?;
    Some(u64::from_ne_bytes(bytes))
}
