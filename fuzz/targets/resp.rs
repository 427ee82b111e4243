//! Replies of Redis. What is read here, redis-protocol reads, too, and as the same; it takes more: it
//! does not look at the bytes behind a text, and has other limits.
#![no_main]

use libfuzzer_sys::fuzz_target;
use redis_protocol::resp2::decode::decode;
use redis_protocol::resp2::types::{OwnedFrame, Resp2Frame};
use sts_net::message::ReadMessage;
use sts_store::cluster::{Redirection, shares};
use sts_store::language::{Language, Replies};
use sts_store::resp::{Limits, ReadError, Reader, Reply};

const LIMITS: Limits = Limits { bulk: 4096, elements: 64 };

fuzz_target!(|data: &[u8]| {
    let whole = read(data, usize::MAX);
    for size in [1, 2, 7] {
        assert!(read(data, size) == whole, "it depends on how it is split");
    }
    let (replies, _) = whole;
    let mut rest = data;
    for reply in &replies {
        let Ok(Some((frame, length))) = decode(rest) else { panic!("the oracle reads none") };
        assert!(is_same(reply, &frame), "the oracle reads another");
        if let Reply::Error(text) = reply
            && let Some(Redirection { asks, slot, host, port }) = Redirection::read(text)
        {
            assert!(frame.is_redirection(), "the oracle reads no redirection");
            let word = if asks { "ASK" } else { "MOVED" };
            let host = host.unwrap_or_default();
            let numbers = |text: &str| text.replace(" 0", " ").replace(":0", ":").replace("0", "");
            let written = format!("{word} {slot} {host}:{port}");
            assert_eq!(numbers(&written), numbers(text), "something is left out");
        }
        rest = &rest[length..];
    }
    // As a question has it: so many replies, and no more.
    for wanted in 1..4 {
        let mut reader = Replies::new(Language::Redis, wanted, 4096 - 1024);
        if let Ok(Some(answer)) = reader.take(data) {
            assert_eq!(replies.len(), wanted);
            for share in shares(answer).unwrap_or_default() {
                assert!(share.first <= share.last && share.port > 0);
            }
        }
    }
});

/// The replies in pieces of a size, and how it ended.
fn read(data: &[u8], size: usize) -> (Vec<Reply>, Option<ReadError>) {
    let mut reader = Reader::new(LIMITS);
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
                    assert!(reader.take(b"+OK\r\n").is_err(), "an error is final");
                    return (replies, Some(error));
                }
            }
        }
    }
    (replies, None)
}

fn is_same(reply: &Reply, frame: &OwnedFrame) -> bool {
    match (reply, frame) {
        (Reply::Simple(text), OwnedFrame::SimpleString(other)) => text.as_bytes() == &other[..],
        (Reply::Error(text), OwnedFrame::Error(other)) => text == other,
        (Reply::Integer(number), OwnedFrame::Integer(other)) => number == other,
        (Reply::Bulk(Some(text)), OwnedFrame::BulkString(other)) => text.expose() == &other[..],
        (Reply::Bulk(None) | Reply::Array(None), OwnedFrame::Null) => true,
        (Reply::Array(Some(replies)), OwnedFrame::Array(others)) => {
            replies.len() == others.len()
                && replies.iter().zip(others).all(|(reply, other)| is_same(reply, other))
        }
        _ => false,
    }
}
