//! The blocks that are kept.

use std::cell::Cell;
use std::ptr::{self, NonNull};

use crate::class::{CLASSES, Class};

/// A list of blocks for each class; the last one that came is the first to go, since the processor
/// still has it at hand.
pub(crate) struct Lists {
    first: [Cell<*mut Block>; CLASSES],
    /// Bytes in all blocks.
    held: Cell<usize>,
    /// Bytes that they may have.
    most: usize,
}

/// The beginning of a block that nobody uses.
struct Block {
    next: *mut Self,
}

impl Lists {
    pub(crate) const fn new(most: usize) -> Self {
        Self { first: [const { Cell::new(ptr::null_mut()) }; CLASSES], held: Cell::new(0), most }
    }

    /// A block of this class, if there is one.
    pub(crate) fn take(&self, class: Class) -> Option<NonNull<u8>> {
        let list = self.first.get(class.index())?;
        let block = NonNull::new(list.get())?;
        // SAFETY: `put` has written it, and nobody has had the block since.
        list.set(unsafe { block.as_ref() }.next);
        self.held.set(self.held.get() - class.size());
        Some(block.cast())
    }

    /// Keeps a block of this class. Returns whether there is room for it.
    ///
    /// # Safety
    /// The block has the size and the alignment of its class, and is not used by anybody else until it
    /// is [taken](Self::take).
    pub(crate) unsafe fn put(&self, class: Class, block: *mut u8) -> bool {
        let held = self.held.get() + class.size();
        let Some(list) = self.first.get(class.index()).filter(|_| held <= self.most) else {
            return false;
        };
        let block = block.cast::<Block>();
        // SAFETY: the caller's contract; the smallest class has room for a pointer.
        unsafe { block.write(Block { next: list.get() }) };
        list.set(block);
        self.held.set(held);
        true
    }
}
