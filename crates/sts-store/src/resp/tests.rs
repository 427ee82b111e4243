use proptest::prelude::*;

use super::*;

const LIMITS: Limits = Limits { bulk: 64, elements: 16 };

impl std::fmt::Debug for Reply {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&String::from_utf8_lossy(&written(self)))
    }
}

/// A reply as a server writes it.
fn written(reply: &Reply) -> Vec<u8> {
    match reply {
        Reply::Simple(text) => format!("+{text}\r\n").into_bytes(),
        Reply::Error(text) => format!("-{text}\r\n").into_bytes(),
        Reply::Integer(number) => format!(":{number}\r\n").into_bytes(),
        Reply::Bulk(None) => b"$-1\r\n".to_vec(),
        Reply::Bulk(Some(text)) => {
            [format!("${}\r\n", text.len()).as_bytes(), text.expose(), b"\r\n"].concat()
        }
        Reply::Array(None) => b"*-1\r\n".to_vec(),
        Reply::Array(Some(replies)) => {
            let mut out = format!("*{}\r\n", replies.len()).into_bytes();
            replies.iter().for_each(|reply| out.extend(written(reply)));
            out
        }
    }
}

fn replies() -> impl Strategy<Value = Reply> {
    let leaf = prop_oneof![
        "[ -~]{0,20}".prop_map(Reply::Simple),
        "[A-Z]{1,8} [ -~]{0,20}".prop_map(Reply::Error),
        any::<i64>().prop_map(Reply::Integer),
        Just(Reply::Bulk(None)),
        prop::collection::vec(any::<u8>(), 0..40)
            .prop_map(|bytes| Reply::Bulk(Some(Secret::new(bytes)))),
        Just(Reply::Array(None)),
    ];
    leaf.prop_recursive(2, 8, 3, |inner| {
        prop::collection::vec(inner, 0..3).prop_map(|replies| Reply::Array(Some(replies)))
    })
    .boxed()
}

/// All replies in what arrives in such pieces, or the error.
fn read(bytes: &[u8], pieces: &[usize]) -> Result<Vec<Reply>, ReadError> {
    let mut reader = Reader::new(LIMITS);
    let mut all = Vec::new();
    let mut rest = bytes;
    let mut pieces = pieces.iter().cycle();
    while !rest.is_empty() {
        let size = (*pieces.next().unwrap_or(&usize::MAX)).clamp(1, rest.len());
        let (mut piece, later) = rest.split_at(size);
        rest = later;
        while !piece.is_empty() {
            let (reply, left) = reader.take(piece)?;
            all.extend(reply);
            piece = left;
        }
    }
    if reader.is_between() { Ok(all) } else { Err(ReadError::CutOff) }
}

proptest! {
    #[test]
    fn what_is_written_is_read_back_however_it_is_split(
        sent in prop::collection::vec(replies(), 1..4),
        pieces in prop::collection::vec(1_usize..9, 1..5),
    ) {
        let bytes: Vec<u8> = sent.iter().flat_map(written).collect();
        prop_assert_eq!(read(&bytes, &pieces), Ok(sent));
    }

    #[test]
    fn any_bytes_give_the_same_however_they_are_split(
        bytes in prop::collection::vec(
            prop_oneof![any::<u8>(), prop::sample::select(b"+-:$*\r\n0123456789".to_vec())], 0..200),
        pieces in prop::collection::vec(1_usize..9, 1..5),
    ) {
        prop_assert_eq!(read(&bytes, &pieces), read(&bytes, &[usize::MAX]));
    }

    #[test]
    fn a_reply_that_is_cut_or_changed_is_never_taken_for_the_whole(reply in replies(), at in any::<prop::sample::Index>()) {
        let bytes = written(&reply);
        let at = at.index(bytes.len());
        prop_assert_eq!(read(&bytes[..at], &[3]), if at == 0 { Ok(vec![]) } else { Err(ReadError::CutOff) });
    }

    #[test]
    fn a_command_is_an_array_of_its_words(words in prop::collection::vec(
        prop::collection::vec(any::<u8>(), 0..40), 1..5)) {
        let mut out = Secret::default();
        command(&mut out, &words.iter().map(|word| &word[..]).collect::<Vec<_>>());
        let bulk = |word: Vec<u8>| Reply::Bulk(Some(Secret::new(word)));
        prop_assert_eq!(read(out.expose(), &[7]), Ok(vec![Reply::Array(Some(words.into_iter().map(bulk).collect()))]));
    }
}

#[test]
fn what_breaks_the_rules_is_refused_for_good() {
    for (bytes, error) in [
        ("hello\r\n", ReadError::Mark),
        ("\r\n", ReadError::Mark),
        ("HTTP/1.1 400 Bad Request\r\n", ReadError::Mark),
        ("+a\nb\r\n", ReadError::Line),
        ("+a\rb\r\n", ReadError::Line),
        ("+\u{7f}\r\n", ReadError::Line),
        (":\r\n", ReadError::Number),
        (":+1\r\n", ReadError::Number),
        (":1 \r\n", ReadError::Number),
        (":9223372036854775808\r\n", ReadError::Number),
        ("$-2\r\n", ReadError::Number),
        ("$3\r\nabcd\r\n", ReadError::End),
        ("$3\r\nabc\r\r", ReadError::End),
        ("$3\r\nabc\n\n", ReadError::End),
        ("$65\r\n", ReadError::TooLarge),
        ("$9999999999999999999\r\n", ReadError::Number),
        ("*17\r\n", ReadError::TooLarge),
        ("*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n", ReadError::TooLarge),
    ] {
        let mut reader = Reader::new(LIMITS);
        assert_eq!(reader.take(bytes.as_bytes()).err(), Some(error), "{bytes:?}");
        // What follows is not read as if nothing had happened.
        assert_eq!(reader.take(b"+OK\r\n").err(), Some(ReadError::TooMuch), "{bytes:?}");
    }
    assert_eq!(read("+".repeat(LINE + 1).as_bytes(), &[100]), Err(ReadError::Line));
}

#[test]
fn an_array_of_arrays_has_no_more_elements_than_the_limit() {
    let many = format!("*3\r\n{}", format!("*8\r\n{}", ":1\r\n".repeat(8)).repeat(3));
    assert_eq!(read(many.as_bytes(), &[5]), Err(ReadError::TooLarge));
}
