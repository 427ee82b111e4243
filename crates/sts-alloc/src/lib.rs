//! The memory allocator of the module: small blocks that are given back are kept for the next to ask.
//!
//! While calls to an STS run, a worker holds some twenty small blocks for each, in a rhythm that the C
//! library's allocator is bad at: what is given back is more than its fast lists take, and each of the
//! large blocks that NGINX asks for in between makes it merge them all, only to split them again (ADR
//! 15). Here a block goes into a list of its size and comes out of it unchanged. Everything comes from
//! the C library in the end, block by block, and of each size up to [`MOST`] bytes stay here.
//!
//! A thread has lists of its own; NGINX's workers use Rust in one thread.
#![warn(missing_docs)]

mod class;
mod lists;

use std::alloc::{GlobalAlloc, Layout, System};
use std::ptr;

use class::Class;
use lists::Lists;

/// Bytes that a thread keeps of one size at most.
pub const MOST: usize = 256 * 1024;

/// The allocator, for `#[global_allocator]`.
pub struct Recycler;

thread_local! {
    // Without a destructor: there is nothing to be registered, and access is cheap.
    static LISTS: Lists = const { Lists::new(MOST) };
}

// SAFETY: a block is either the system's of the very layout that is asked for, or one that the system
// gave for the layout of a class, which is no smaller and no less aligned. Which of the two it is
// depends on its layout alone, and callers give back a block with the layout that they asked for.
unsafe impl GlobalAlloc for Recycler {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let Some(class) = Class::of(layout) else {
            // SAFETY: the caller's contract.
            return unsafe { System.alloc(layout) };
        };
        match LISTS.with(|lists| lists.take(class)) {
            Some(block) => block.as_ptr(),
            // SAFETY: no class has a size of zero.
            None => unsafe { System.alloc(class.layout()) },
        }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        if Class::of(layout).is_none() {
            // SAFETY: the caller's contract.
            return unsafe { System.alloc_zeroed(layout) };
        }
        // SAFETY: the caller's contract.
        let block = unsafe { self.alloc(layout) };
        if !block.is_null() {
            // SAFETY: it has so many bytes.
            unsafe { block.write_bytes(0, layout.size()) };
        }
        block
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        let Some(class) = Class::of(layout) else {
            // SAFETY: the caller's contract; `alloc` got it from the system with this layout.
            return unsafe { System.dealloc(block, layout) };
        };
        // SAFETY: the caller gives the block up, and it has the size of its class.
        let kept = LISTS.with(|lists| unsafe { lists.put(class, block) });
        if !kept {
            // SAFETY: `alloc` got it from the system with the layout of this class.
            unsafe { System.dealloc(block, class.layout()) };
        }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: the caller's contract: the size does not overflow when it is rounded up.
        let wanted = unsafe { Layout::from_size_align_unchecked(size, layout.align()) };
        match (Class::of(layout), Class::of(wanted)) {
            // SAFETY: the caller's contract; `alloc` got it from the system with this layout.
            (None, None) => unsafe { System.realloc(block, layout, size) },
            (Some(old), Some(new)) if old == new => block,
            _ => {
                // SAFETY: the caller's contract: the size is not zero.
                let moved = unsafe { self.alloc(wanted) };
                if !moved.is_null() {
                    // SAFETY: both have so many bytes, and they are different blocks.
                    unsafe { ptr::copy_nonoverlapping(block, moved, layout.size().min(size)) };
                    // SAFETY: the caller gives it up.
                    unsafe { self.dealloc(block, layout) };
                }
                moved
            }
        }
    }
}

#[cfg(test)]
mod tests;
