//! An answer on the wire: the first byte is the size of the pieces that it comes in, the second is what
//! it is to.
#![no_main]

use http::HeaderName;
use http::header::CONTENT_TYPE;
use libfuzzer_sys::fuzz_target;
use sts_net::http1::answer::{Answer, AnswerError, Asked, Limits, Reader};

static WANTED: [HeaderName; 1] = [CONTENT_TYPE];

const LIMITS: Limits = Limits { head: 1024, body: 2048 };

fn read<'p>(asked: Asked, pieces: impl Iterator<Item = &'p [u8]>) -> Result<Answer, AnswerError> {
    let mut reader = Reader::new(asked, &WANTED, LIMITS);
    for piece in pieces {
        if let Some(answer) = reader.take(piece)? {
            return Ok(answer);
        }
    }
    reader.end()
}

fuzz_target!(|data: &[u8]| {
    let [size, asked, text @ ..] = data else { return };
    let asked = if asked % 2 == 0 { Asked::Answer } else { Asked::Tunnel };
    let whole = read(asked, std::iter::once(text).filter(|text| !text.is_empty()));
    let pieces = read(asked, text.chunks(usize::from(*size).max(1)));
    match (whole, pieces) {
        (Ok(whole), Ok(pieces)) => {
            assert_eq!(whole.status, pieces.status);
            assert_eq!(whole.headers, pieces.headers);
            assert_eq!(whole.body.expose(), pieces.body.expose());
            assert_eq!(whole.keeps_connection, pieces.keeps_connection);
            assert!(!whole.status.is_informational());
            assert!(whole.body.len() <= LIMITS.body);
        }
        // Which error it is depends on how much was there when it was found.
        (Err(_), Err(_)) => {}
        (Ok(_), Err(error)) => panic!("only in pieces: {error}"),
        (Err(error), Ok(_)) => panic!("only as a whole: {error}"),
    }
});
