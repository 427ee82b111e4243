//! An answer on the wire, for three readers: the one of this client, llhttp and hyper. What this client
//! reads and another one refuses, or reads in another way, may be an answer that a proxy or a server
//! means otherwise. Each such difference is explained in `allowed.rs`, or it is a fault.
#![no_main]

#[path = "http_differential/allowed.rs"]
mod allowed;
#[path = "http_differential/hyper.rs"]
mod hyper_client;
#[path = "http_differential/llhttp.rs"]
mod llhttp;

use allowed::{Difference, ENTRIES};
use libfuzzer_sys::fuzz_target;
use sts_net::http1::answer::{AnswerError, Asked, Limits, Reader};

/// Beyond what a text has, so that they make no difference.
const LIMITS: Limits = Limits { head: 64 * 1024, body: 64 * 1024 };

/// An answer, as one of the three reads it.
#[derive(Debug, PartialEq, Eq)]
pub struct Read {
    status: u16,
    body: Vec<u8>,
    /// Bytes of the text up to its end.
    end: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Oracle {
    Llhttp,
    Hyper,
}

impl Oracle {
    fn read(self, text: &[u8]) -> Result<Read, String> {
        match self {
            Self::Llhttp => llhttp::read(text),
            Self::Hyper => hyper_client::read(text),
        }
    }
}

/// Byte by byte, because the reader does not tell how many bytes the answer has.
fn ours(text: &[u8]) -> Result<Read, AnswerError> {
    let mut reader = Reader::new(Asked::Answer, &[], LIMITS);
    let mut taken = text.chunks(1).zip(1..).map(|(byte, end)| (reader.take(byte), end));
    let taken = taken.find(|(result, _)| !matches!(result, Ok(None)));
    let (answer, end) = match taken {
        Some((result, end)) => (result.map(|answer| answer.expect("it is there"))?, end),
        None => (reader.end()?, text.len()),
    };
    Ok(Read { status: answer.status.as_u16(), body: answer.body.expose().to_vec(), end })
}

/// The names of the entries that explain a difference, if there is one.
fn explanations(
    oracle: Oracle,
    text: &[u8],
    ours: &Read,
    theirs: &Result<Read, String>,
) -> Option<Vec<&'static str>> {
    if theirs.as_ref() == Ok(ours) {
        return None;
    }
    let difference = Difference { text, ours, theirs };
    let entries = ENTRIES.iter().filter(|entry| entry.oracle == oracle);
    Some(entries.filter(|entry| entry.explains(&difference)).map(|entry| entry.name).collect())
}

/// Each entry is needed, and explains nothing but its own difference.
fn check_entries() {
    for entry in ENTRIES {
        for (reason, text) in entry.witnesses {
            let shown = text.escape_ascii();
            let read =
                ours(text).unwrap_or_else(|error| panic!("{}: {error}: {shown}", entry.name));
            let theirs = entry.oracle.read(text);
            assert_eq!(theirs.as_ref().err().map(String::as_str), Some(*reason), "{shown}");
            let names = explanations(entry.oracle, text, &read, &theirs);
            assert_eq!(names, Some(vec![entry.name]), "{shown}");
        }
    }
}

fuzz_target!(
    init: check_entries(),
    |text: &[u8]| {
        let Ok(read) = ours(text) else { return };
        for oracle in [Oracle::Llhttp, Oracle::Hyper] {
            let theirs = oracle.read(text);
            if explanations(oracle, text, &read, &theirs).is_some_and(|names| names.is_empty()) {
                panic!("{oracle:?} reads {theirs:?}, and this client {read:?}");
            }
        }
    }
);
