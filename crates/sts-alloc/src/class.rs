//! The sizes of blocks.

use std::alloc::Layout;

/// Up to this size the classes are close to each other, up to the next further apart.
const FINE: usize = 1024;
const COARSE: usize = 8 * 1024;
const FINE_STEP: usize = 32;
const COARSE_STEP: usize = 512;

/// What the C library aligns everything to.
const ALIGN: usize = 16;

/// How many classes there are.
pub(crate) const CLASSES: usize = FINE / FINE_STEP + (COARSE - FINE) / COARSE_STEP;

/// Blocks of one size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Class(usize);

impl Class {
    /// The class of a block; `None` for one that is left to the system.
    pub(crate) const fn of(layout: Layout) -> Option<Self> {
        let size = layout.size();
        if layout.align() > ALIGN || size == 0 || size > COARSE {
            return None;
        }
        if size <= FINE {
            return Some(Self((size - 1) / FINE_STEP));
        }
        Some(Self(FINE / FINE_STEP + (size - FINE - 1) / COARSE_STEP))
    }

    /// Its number, less than [`CLASSES`].
    pub(crate) const fn index(self) -> usize {
        self.0
    }

    /// Bytes that each of its blocks has.
    pub(crate) const fn size(self) -> usize {
        let fine = FINE / FINE_STEP;
        if self.0 < fine {
            (self.0 + 1) * FINE_STEP
        } else {
            FINE + (self.0 + 1 - fine) * COARSE_STEP
        }
    }

    /// What the system is asked for.
    pub(crate) const fn layout(self) -> Layout {
        // SAFETY: the alignment is a power of two, and the size is small.
        unsafe { Layout::from_size_align_unchecked(self.size(), ALIGN) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(size: usize, align: usize) -> Option<Class> {
        Class::of(Layout::from_size_align(size, align).unwrap())
    }

    #[test]
    fn a_class_is_at_least_as_large_as_what_is_asked_for_and_no_larger_than_it_need_be() {
        for size in 1..=COARSE {
            let class = of(size, 8).unwrap();
            assert!(class.index() < CLASSES);
            assert!(class.size() >= size, "{size}");
            let smaller = of(class.size(), 8).unwrap();
            assert_eq!(smaller, class, "{size}");
            let waste = class.size() - size;
            assert!(waste < if size <= FINE { FINE_STEP } else { COARSE_STEP }, "{size}");
        }
    }

    #[test]
    fn the_last_size_has_the_last_class() {
        assert_eq!(of(1, 1).map(Class::index), Some(0));
        assert_eq!(of(COARSE, 1).map(Class::index), Some(CLASSES - 1));
    }

    #[test]
    fn what_is_large_or_aligned_otherwise_is_the_systems() {
        assert_eq!(of(COARSE + 1, 1), None);
        assert_eq!(of(100, 32), None);
        assert!(of(100, 16).is_some());
    }
}
