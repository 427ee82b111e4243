use proptest::prelude::*;
use proptest::sample::select;

use super::*;

static WANTED: [HeaderName; 1] = [HeaderName::from_static("a")];

const LIMITS: Limits = Limits { head: 1024, body: 64 };

/// What is left of an answer when it is compared.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Read {
    status: u16,
    headers: usize,
    body: String,
    keeps_connection: bool,
    /// It needed the end of the connection.
    by_end: bool,
}

fn in_pieces<'p>(
    asked: Asked,
    pieces: impl Iterator<Item = &'p [u8]>,
) -> Result<Read, AnswerError> {
    let mut reader = Reader::new(asked, &WANTED, LIMITS);
    let read = |answer: Answer, by_end: bool| Read {
        status: answer.status.as_u16(),
        headers: answer.headers.len(),
        body: String::from_utf8_lossy(answer.body.expose()).into_owned(),
        keeps_connection: answer.keeps_connection && !answer.has_more,
        by_end,
    };
    for piece in pieces {
        if let Some(answer) = reader.take(piece)? {
            return Ok(read(answer, false));
        }
    }
    reader.end().map(|answer| read(answer, true))
}

fn whole(text: &str) -> Result<Read, AnswerError> {
    in_pieces(Asked::Answer, std::iter::once(text.as_bytes()))
}

/// In pieces of any size it is the same; what comes after it may not have arrived.
#[track_caller]
fn read(text: &str) -> Result<Read, AnswerError> {
    let expected = whole(text);
    for size in 1..=text.len() {
        let pieces = in_pieces(Asked::Answer, text.as_bytes().chunks(size));
        assert_eq!(pieces, expected, "{text:?} in pieces of {size}");
    }
    expected
}

fn kept(status: u16, headers: usize, body: &str) -> Result<Read, AnswerError> {
    Ok(Read { status, headers, body: body.into(), keeps_connection: true, by_end: false })
}

#[test]
fn a_record_of_tls_is_told_from_what_is_no_http_at_all() {
    for (text, error) in [
        ("\x15\x03\x01\x00\x02\x02\x46", AnswerError::Tls),
        ("\x16\x03\x03\x00\x7a\x02", AnswerError::Tls),
        ("\x15\x04\x01\x00\x02\x02\x46", AnswerError::Head(httparse::Error::Version)),
    ] {
        assert_eq!(whole(text), Err(error), "{text:?}");
    }
}

#[test]
fn an_answer_ends_with_its_length() {
    assert_eq!(read("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbody"), kept(200, 0, "body"));
    assert_eq!(read("HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n"), kept(404, 0, ""));
    assert_eq!(read("HTTP/1.1 204 No\r\nA: b\r\n\r\n"), kept(204, 1, ""));
}

#[test]
fn an_answer_ends_with_its_last_chunk() {
    let text =
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nbo\r\n2\r\ndy\r\n0\r\n\r\n";
    assert_eq!(read(text), kept(200, 0, "body"));
}

#[test]
fn an_answer_ends_with_the_connection_when_nothing_else_tells() {
    let read = read("HTTP/1.1 200 OK\r\n\r\nbody");
    let expected = Read {
        status: 200,
        headers: 0,
        body: "body".into(),
        keeps_connection: false,
        by_end: true,
    };
    assert_eq!(read, Ok(expected));
}

#[test]
fn interim_answers_are_skipped() {
    let text = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\nLink: a\r\nContent-Length: 9\r\n\r\n\
                HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx";
    assert_eq!(read(text), kept(200, 0, "x"));
    assert_eq!(read("HTTP/1.1 101 Hm\r\n\r\n"), Err(AnswerError::Upgrade));
}

#[test]
fn http_1_0_has_no_interim_answers() {
    for status in [100, 101, 103, 199] {
        let text =
            format!("HTTP/1.0 {status} Hm\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx");
        assert_eq!(read(&text), Err(AnswerError::Head(httparse::Error::Version)), "{status}");
    }
}

#[test]
fn a_connection_on_which_more_came_is_not_used_again() {
    let read = whole("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nxHTTP/1.1 200 OK\r\n").unwrap();
    assert_eq!((read.body.as_str(), read.keeps_connection), ("x", false));
    let read = whole("HTTP/1.1 204 OK\r\n\r\nx").unwrap();
    assert_eq!((read.body.as_str(), read.keeps_connection), ("", false));
    let text = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n ";
    assert!(!whole(text).unwrap().keeps_connection);
}

#[test]
fn of_the_answer_about_a_tunnel_the_head_is_all() {
    for text in [
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        "HTTP/1.0 200 OK\r\n\r\n",
        "HTTP/1.1 407 Who\r\nContent-Length: 100000\r\n\r\n",
    ] {
        let mut reader = Reader::new(Asked::Tunnel, &WANTED, LIMITS);
        let answer = reader.take(text.as_bytes()).unwrap().unwrap();
        assert!(answer.body.is_empty() && !answer.has_more, "{text}");
        let mut reader = Reader::new(Asked::Tunnel, &WANTED, LIMITS);
        let answer = reader.take(format!("{text}x").as_bytes()).unwrap().unwrap();
        assert!(answer.has_more, "{text}");
    }
}

#[test]
fn what_breaks_off_is_no_answer() {
    let lengths = "HTTP/1.1 100 C\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbody";
    let chunks =
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\nA: b\r\n\r\n";
    for text in [lengths, chunks] {
        for length in 0..text.len() {
            assert_eq!(whole(&text[..length]), Err(AnswerError::CutOff), "{length} of {text:?}");
        }
    }
}

#[test]
fn heads_have_a_limit_with_all_that_comes_before() {
    let hints = "HTTP/1.1 103 Hints\r\nLink: 1234567890\r\n\r\n".repeat(30);
    assert_eq!(read(&hints), Err(AnswerError::HeadTooLarge));
    let long = format!("HTTP/1.1 200 OK\r\nA: {}\r\nContent-Length: 0\r\n\r\n", "1".repeat(1000));
    assert_eq!(read(&long), Err(AnswerError::HeadTooLarge));
    let endless = format!("HTTP/1.1 200 OK\r\nA: {}", "1".repeat(1024));
    assert_eq!(read(&endless), Err(AnswerError::HeadTooLarge));
    let many = "A: 1\r\n".repeat(101);
    let many = format!("HTTP/1.1 200 OK\r\n{many}\r\n");
    assert_eq!(whole(&many), Err(AnswerError::Head(httparse::Error::TooManyHeaders)));
}

#[test]
fn bodies_have_a_limit_however_they_come() {
    let body = "x".repeat(65);
    for text in [
        "HTTP/1.1 200 OK\r\nContent-Length: 65\r\n\r\n".to_owned(),
        format!("HTTP/1.1 200 OK\r\n\r\n{body}"),
        format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n41\r\n{body}\r\n0\r\n\r\n"),
    ] {
        assert_eq!(read(&text), Err(AnswerError::TooLarge(64)), "{text}");
    }
}

#[test]
fn each_error_reads_well() {
    let all = [
        AnswerError::ChunkEnd,
        AnswerError::ChunkSize,
        AnswerError::Coding,
        AnswerError::CutOff,
        AnswerError::Head(httparse::Error::HeaderName),
        AnswerError::HeadTooLarge,
        AnswerError::Length,
        AnswerError::TooLarge(64),
        AnswerError::Upgrade,
    ];
    for error in all {
        let text = error.to_string();
        assert!(!text.ends_with('.') && text.len() > 10, "{text}");
        assert!(text.starts_with(|first: char| first.is_ascii_lowercase()), "{text}");
    }
}

/// Text that is nearly an answer.
fn nearly_an_answer() -> impl Strategy<Value = String> {
    let parts = vec![
        "HTTP/1.1 200 OK\r\n",
        "HTTP/1.0 200 OK\r\n",
        "HTTP/1.1 100 C\r\n",
        "HTTP/1.1 204 N\r\n",
        "Content-Length: 3\r\n",
        "Transfer-Encoding: chunked\r\n",
        "Connection: close\r\n",
        "A: b\r\n",
        "\r\n",
        "\n",
        "\r",
        "3\r\nabc\r\n",
        "0\r\n",
        "abc",
        "3",
    ];
    prop::collection::vec(select(parts), 0..12).prop_map(|parts| parts.concat())
}

proptest! {
    /// How it is cut into pieces says nothing, but for what comes after the answer.
    #[test]
    fn pieces_make_no_difference(
        text in nearly_an_answer(),
        cuts in prop::collection::vec(1..9_usize, 1..40),
    ) {
        let expected = whole(&text);
        let mut rest = text.as_bytes();
        let mut cuts = cuts.into_iter().cycle();
        let pieces = std::iter::from_fn(|| {
            let (piece, more) = rest.split_at(cuts.next()?.min(rest.len()));
            rest = more;
            (!piece.is_empty()).then_some(piece)
        });
        let pieces = in_pieces(Asked::Answer, pieces);
        match (pieces, expected) {
            (Ok(pieces), Ok(expected)) => {
                prop_assert_eq!(&pieces.body, &expected.body);
                prop_assert_eq!(pieces.status, expected.status);
                prop_assert!(pieces.keeps_connection || !expected.keeps_connection);
            }
            // Which error it is depends on how much was there when it was found.
            (pieces, expected) => prop_assert_eq!(pieces.is_err(), expected.is_err()),
        }
    }

    #[test]
    fn nothing_makes_it_panic(
        bytes in prop::collection::vec(any::<u8>(), 0..300),
        start in nearly_an_answer(),
    ) {
        let text = [start.as_bytes(), &bytes].concat();
        let _ = in_pieces(Asked::Answer, text.chunks(7));
    }
}

#[test]
fn some_answers_are_about_the_connection_and_not_about_the_request() {
    let answer = |status: u16| {
        let mut reader = Reader::new(Asked::Answer, &WANTED, LIMITS);
        let text = format!("HTTP/1.1 {status} x\r\nContent-Length: 0\r\n\r\n");
        reader.take(text.as_bytes()).unwrap().unwrap()
    };
    for (status, before, after) in
        [(421, true, true), (408, true, false), (200, false, false), (503, false, false)]
    {
        assert_eq!(answer(status).is_about_the_connection(false), before, "{status}");
        assert_eq!(answer(status).is_about_the_connection(true), after, "{status}");
    }
}

#[test]
fn an_answer_says_for_how_long_its_connection_is_kept() {
    for (seconds, idle, keeps) in [(5, Some(4_000), true), (0, None, false)] {
        let mut reader = Reader::new(Asked::Answer, &WANTED, LIMITS);
        let fields = format!("Keep-Alive: timeout={seconds}\r\nContent-Length: 0");
        let answer = reader.take(format!("HTTP/1.1 200 x\r\n{fields}\r\n\r\n").as_bytes());
        let answer = answer.unwrap().unwrap();
        assert_eq!(answer.idle.map(NonZeroU32::get), idle);
        assert_eq!(answer.keeps_connection, keeps);
    }
}
