//! The blocks that are kept.

use std::cell::Cell;
use std::ptr::{self, NonNull};

use crate::class::{CLASSES, Class};

/// A list of blocks for each class.
pub(crate) struct Lists {
    lists: [List; CLASSES],
    /// Bytes that the blocks of one class may have together: a rush of one size takes no room from the
    /// others.
    most: usize,
}

/// Blocks of one class. The last one that came is the first to go, since the processor still has it at
/// hand.
struct List {
    first: Cell<*mut Block>,
    /// Bytes of all of them.
    held: Cell<usize>,
}

/// The beginning of a block that nobody uses.
struct Block {
    next: *mut Self,
}

impl Lists {
    pub(crate) const fn new(most: usize) -> Self {
        Self { lists: [const { List::new() }; CLASSES], most }
    }

    /// A block of this class, if there is one.
    pub(crate) fn take(&self, class: Class) -> Option<NonNull<u8>> {
        let list = self.lists.get(class.index())?;
        let block = NonNull::new(list.first.get())?;
        // SAFETY: `put` has written it, and nobody has had the block since.
        list.first.set(unsafe { block.as_ref() }.next);
        list.held.set(list.held.get() - class.size());
        Some(block.cast())
    }

    /// Keeps a block of this class. Returns whether there is room for it.
    ///
    /// # Safety
    /// The block has the size and the alignment of its class, and is not used by anybody else until it
    /// is [taken](Self::take).
    pub(crate) unsafe fn put(&self, class: Class, block: *mut u8) -> bool {
        let Some(list) = self.lists.get(class.index()) else { return false };
        let held = list.held.get() + class.size();
        if held > self.most {
            return false;
        }
        let block = block.cast::<Block>();
        // SAFETY: the caller's contract; the smallest class has room for a pointer.
        unsafe { block.write(Block { next: list.first.get() }) };
        list.first.set(block);
        list.held.set(held);
        true
    }
}

impl List {
    const fn new() -> Self {
        Self { first: Cell::new(ptr::null_mut()), held: Cell::new(0) }
    }
}
