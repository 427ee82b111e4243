use std::collections::HashSet;

use proptest::prelude::*;

use super::*;

fn layout(size: usize) -> Layout {
    Layout::from_size_align(size, 8).unwrap()
}

/// Blocks that are in use, each filled with its own number.
struct InUse(Vec<(*mut u8, Layout, u8)>);

impl InUse {
    fn add(&mut self, size: usize, mark: u8) {
        let layout = layout(size);
        // SAFETY: the size is not zero.
        let block = unsafe { Recycler.alloc(layout) };
        assert!(!block.is_null());
        // SAFETY: it has so many bytes.
        unsafe { block.write_bytes(mark, size) };
        self.0.push((block, layout, mark));
    }

    fn resize(&mut self, index: usize, size: usize) {
        let (block, old, mark) = self.0.swap_remove(index);
        // SAFETY: it is in use with this layout, and the size is not zero.
        let block = unsafe { Recycler.realloc(block, old, size) };
        self.check(block, old.size().min(size), mark);
        // SAFETY: it has so many bytes.
        unsafe { block.write_bytes(mark, size) };
        self.0.push((block, layout(size), mark));
    }

    fn remove(&mut self, index: usize) {
        let (block, layout, mark) = self.0.swap_remove(index);
        self.check(block, layout.size(), mark);
        // SAFETY: it is in use with this layout.
        unsafe { Recycler.dealloc(block, layout) };
    }

    fn check(&self, block: *const u8, size: usize, mark: u8) {
        // SAFETY: it is in use and has so many bytes.
        let bytes = unsafe { std::slice::from_raw_parts(block, size) };
        assert!(bytes.iter().all(|byte| *byte == mark), "somebody else has written to it");
        assert_eq!(block as usize % 8, 0);
    }
}

impl Drop for InUse {
    fn drop(&mut self) {
        while !self.0.is_empty() {
            self.remove(0);
        }
    }
}

#[test]
fn a_block_that_is_given_back_is_the_next_of_its_class() {
    let (first, other) = (layout(100), layout(127));
    // SAFETY: the sizes are not zero, and each block is given back with its layout.
    unsafe {
        let block = Recycler.alloc(first);
        Recycler.dealloc(block, first);
        let again = Recycler.alloc(other);
        assert_eq!(block, again);
        let larger = Recycler.alloc(layout(200));
        assert_ne!(larger, again);
        Recycler.dealloc(again, other);
        Recycler.dealloc(larger, layout(200));
    }
}

#[test]
fn a_block_that_grows_within_its_class_stays_where_it_is() {
    // SAFETY: the sizes are not zero, and the block is given back with its layout.
    unsafe {
        let block = Recycler.alloc(layout(33));
        assert_eq!(Recycler.realloc(block, layout(33), 64), block);
        let moved = Recycler.realloc(block, layout(64), 65);
        assert_ne!(moved, block);
        Recycler.dealloc(moved, layout(65));
    }
}

#[test]
fn no_more_is_kept_than_allowed() {
    let lists = Lists::new(100);
    let class = Class::of(layout(32)).unwrap();
    let mut blocks = [[0_u64; 4]; 4];
    let kept = blocks.iter_mut().map(|block| {
        // SAFETY: each is a block of this class, and nobody looks at it meanwhile.
        unsafe { lists.put(class, block.as_mut_ptr().cast()) }
    });
    assert_eq!(kept.collect::<Vec<_>>(), [true, true, true, false]);
    let taken: HashSet<_> = std::iter::from_fn(|| lists.take(class)).collect();
    assert_eq!(taken.len(), 3);
    assert_eq!(lists.take(class), None);
}

#[test]
fn what_is_asked_for_as_zeroes_is_zeroes() {
    for size in [1, 40, 1000, 5000, 100_000] {
        // SAFETY: the sizes are not zero, and each block is given back with its layout.
        unsafe {
            let block = Recycler.alloc(layout(size));
            block.write_bytes(7, size);
            Recycler.dealloc(block, layout(size));
            let block = Recycler.alloc_zeroed(layout(size));
            assert!(std::slice::from_raw_parts(block, size).iter().all(|byte| *byte == 0));
            Recycler.dealloc(block, layout(size));
        }
    }
}

proptest! {
    #[test]
    fn nobody_is_given_what_somebody_else_uses(
        steps in prop::collection::vec((0..4_u8, 1..10_000_usize, any::<u8>()), 1..300),
    ) {
        let mut blocks = InUse(Vec::new());
        for (kind, size, mark) in steps {
            let index = usize::from(mark) % blocks.0.len().max(1);
            match kind {
                0 | 1 => blocks.add(size, mark),
                2 if !blocks.0.is_empty() => blocks.resize(index, size),
                3 if !blocks.0.is_empty() => blocks.remove(index),
                _ => {}
            }
        }
    }
}
