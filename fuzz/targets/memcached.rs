//! Replies of memcached, and what is made of them.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sts_net::message::ReadMessage;
use sts_store::epoch::Epoch;
use sts_store::language::{Entry, Language, Replies};
use sts_store::memcached::{Reader, Reply};
use sts_store::resp::ReadError;

const LIMIT: usize = 4096;

fuzz_target!(|data: &[u8]| {
    let whole = read(data, usize::MAX);
    for size in [1, 2, 7] {
        assert!(read(data, size) == whole, "it depends on how it is split");
    }
    let mut reader = Replies::new(Language::Memcached, 4, LIMIT - 1024);
    if let Ok(Some(answer)) = reader.take(data) {
        let fresh = Epoch::new(1, &[1; 32]);
        if let Ok(found) = Language::Memcached.found(answer, 0, "", &fresh)
            && let Entry::Value { sealed, .. } = found.entry
        {
            assert!(!sealed.is_empty(), "a lease is no value");
        }
    }
});

/// The replies in pieces of a size, and how it ended.
fn read(data: &[u8], size: usize) -> (Vec<Reply>, Option<ReadError>) {
    let mut reader = Reader::new(LIMIT);
    let mut replies = Vec::new();
    for piece in data.chunks(size.min(data.len()).max(1)) {
        let mut piece = piece;
        while !piece.is_empty() {
            match reader.take(piece) {
                Ok((reply, rest)) => {
                    assert!(rest.len() < piece.len(), "it goes on");
                    replies.extend(reply);
                    piece = rest;
                }
                Err(error) => {
                    assert!(reader.take(b"HD\r\n").is_err(), "an error is final");
                    return (replies, Some(error));
                }
            }
        }
    }
    (replies, None)
}
