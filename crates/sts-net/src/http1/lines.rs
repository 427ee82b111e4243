//! The ends of lines.

use memchr::memchr_iter;

/// Tells of each LF, in their order, whether a CR stands before it.
pub(super) fn ends(bytes: &[u8]) -> impl Iterator<Item = bool> + '_ {
    memchr_iter(b'\n', bytes).map(|at| at > 0 && bytes.get(at - 1) == Some(&b'\r'))
}

/// Whether all lines end in CR and LF, or all in a bare LF.
pub(super) fn end_alike(bytes: &[u8]) -> bool {
    let mut ends = ends(bytes);
    let first = ends.next();
    ends.all(|end| Some(end) == first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_end_is_one_of_two() {
        assert_eq!(ends(b"\na\r\n\r\r\nb\n").collect::<Vec<_>>(), [false, true, true, false]);
        assert!(end_alike(b"") && end_alike(b"a\n\n") && end_alike(b"a\r\n\r\nb"));
        assert!(!end_alike(b"a\r\n\n") && !end_alike(b"a\n\r\n") && !end_alike(b"\n\r\n"));
    }
}
