//! Memory that the worker has and nothing uses.

use std::mem::MaybeUninit;

use crate::task;

/// Bytes of a block that is borrowed: less than what the C library of any system takes from elsewhere
/// than its heap.
const BLOCK: usize = 120 * 1024;

/// Blocks that are borrowed in a piece of the work: a tenth of a millisecond.
const BORROWED: usize = 256;

/// Blocks that are given back in a piece of the work, 1.9 MiB: half a millisecond, or one where other
/// machines share the memory.
const GIVEN_BACK: usize = 16;

/// Free memory of the heap on its way back to the system, a piece at a time.
///
/// The C library gives back what lies at the end of its heap by itself. A block that lives on, such as
/// one of an idle connection, keeps everything below it with the worker. `malloc_trim` gives back what
/// lies between such blocks as well, but all of it at once: that of hundreds of megabytes takes a tenth
/// of a second, in which the worker would serve nothing else. So the free memory is borrowed first, which
/// moves no page, then returned in pieces, and trimmed after each piece.
///
/// No setting of the process changes. Dropping this returns what is still borrowed to the heap.
pub struct Surplus {
    borrowed: Vec<Box<[MaybeUninit<u8>]>>,
    /// Where the heap ended: what lies behind was not there before.
    end: usize,
    /// Nothing more is there to be borrowed.
    is_whole: bool,
}

impl Surplus {
    /// Nothing is borrowed yet. What the executor kept for a rush is free by now.
    pub fn new() -> Self {
        task::shrink();
        Self { borrowed: Vec::new(), end: end_of_heap(), is_whole: false }
    }

    /// Does the next piece of the work. Returns whether there is more.
    pub fn give_back_some(&mut self) -> bool {
        if !self.is_whole {
            self.is_whole = (0..BORROWED).any(|_| !self.borrow());
            return true;
        }
        let rest = self.borrowed.len().saturating_sub(GIVEN_BACK);
        self.borrowed.truncate(rest);
        trim();
        rest > 0
    }

    /// Returns whether there was a block.
    fn borrow(&mut self) -> bool {
        let block = Box::new_uninit_slice(BLOCK);
        let is_old = block.as_ptr().addr() < self.end;
        if is_old {
            self.borrowed.push(block);
        }
        is_old
    }
}

impl Default for Surplus {
    fn default() -> Self {
        Self::new()
    }
}

/// The address at which the heap ends; nothing is borrowed where there is no such thing.
#[cfg(target_env = "gnu")]
fn end_of_heap() -> usize {
    // SAFETY: an increment of nothing changes nothing.
    unsafe { nix::libc::sbrk(0) }.addr()
}

#[cfg(not(target_env = "gnu"))]
fn end_of_heap() -> usize {
    0
}

#[cfg(target_env = "gnu")]
fn trim() {
    // SAFETY: it may be called at any time, and touches no block that is in use.
    unsafe { nix::libc::malloc_trim(0) };
}

/// Other C libraries give back what is free by themselves.
#[cfg(not(target_env = "gnu"))]
fn trim() {}
