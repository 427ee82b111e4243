use proptest::prelude::*;

use super::*;

const LIMIT: usize = 64;

impl std::fmt::Debug for Reply {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&String::from_utf8_lossy(&written(self)))
    }
}

/// A reply as a server writes it.
fn written(reply: &Reply) -> Vec<u8> {
    match reply {
        Reply::Done(flags) => format!("HD{}\r\n", shown(flags)).into_bytes(),
        Reply::Value(value, flags) => {
            let head = format!("VA {}{}\r\n", value.len(), shown(flags));
            [head.as_bytes(), value.expose(), b"\r\n"].concat()
        }
        Reply::Missing => b"EN\r\n".to_vec(),
        Reply::NotStored => b"NS\r\n".to_vec(),
        Reply::Changed => b"EX\r\n".to_vec(),
        Reply::Error(text) => format!("{text}\r\n").into_bytes(),
    }
}

fn shown(flags: &Flags) -> String {
    let mut out = String::new();
    let mut add = |text: String| out.push_str(&text);
    flags.left.iter().for_each(|left| add(format!(" t{left}")));
    flags.number.iter().for_each(|number| add(format!(" c{number}")));
    flags.won.then(|| add(" W".into()));
    flags.sent.then(|| add(" Z".into()));
    out
}

fn flags() -> impl Strategy<Value = Flags> {
    let left = prop::option::of(-1_i64..1_000_000);
    (left, any::<Option<u64>>(), any::<bool>(), any::<bool>())
        .prop_map(|(left, number, won, sent)| Flags { left, number, won, sent })
}

fn replies() -> impl Strategy<Value = Reply> {
    prop_oneof![
        flags().prop_map(Reply::Done),
        (prop::collection::vec(any::<u8>(), 0..40), flags())
            .prop_map(|(value, flags)| Reply::Value(Secret::new(value), flags)),
        Just(Reply::Missing),
        Just(Reply::NotStored),
        Just(Reply::Changed),
        "(CLIENT|SERVER)_ERROR [ -~]{0,20}".prop_map(Reply::Error),
    ]
}

fn read(bytes: &[u8], pieces: &[usize]) -> Result<Vec<Reply>, ReadError> {
    let mut reader = Reader::new(LIMIT);
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
            prop_oneof![any::<u8>(), prop::sample::select(b"VAHDENSX tcWZ\r\n0123456789".to_vec())],
            0..200),
        pieces in prop::collection::vec(1_usize..9, 1..5),
    ) {
        prop_assert_eq!(read(&bytes, &pieces), read(&bytes, &[usize::MAX]));
    }

    #[test]
    fn a_reply_that_is_cut_is_never_taken_for_the_whole(reply in replies(), at in any::<prop::sample::Index>()) {
        let bytes = written(&reply);
        let at = at.index(bytes.len());
        prop_assert_eq!(read(&bytes[..at], &[3]), if at == 0 { Ok(vec![]) } else { Err(ReadError::CutOff) });
    }
}

#[test]
fn what_breaks_the_rules_is_refused_for_good() {
    for (bytes, error) in [
        ("HELLO\r\n", ReadError::Mark),
        ("\r\n", ReadError::Mark),
        ("STORED\r\n", ReadError::Mark),
        ("HD x1\r\n", ReadError::Mark),
        ("HD Wx\r\n", ReadError::Mark),
        ("EN x\r\n", ReadError::Mark),
        ("HD t\r\n", ReadError::Number),
        ("HD t-2\r\n", ReadError::Number),
        ("HD c+1\r\n", ReadError::Number),
        ("VA\r\n", ReadError::Number),
        ("VA -1\r\n", ReadError::Number),
        ("VA 65\r\n", ReadError::TooLarge),
        ("VA 3\r\nabcd\r\n", ReadError::End),
        ("VA 3\r\nabc\n\n", ReadError::End),
        ("HD\n", ReadError::Line),
        ("HD\rx\r\n", ReadError::Line),
        ("SERVER_ERROR \u{1}\r\n", ReadError::Line),
    ] {
        let mut reader = Reader::new(LIMIT);
        assert_eq!(reader.take(bytes.as_bytes()).err(), Some(error), "{bytes:?}");
        assert_eq!(reader.take(b"HD\r\n").err(), Some(ReadError::TooMuch), "{bytes:?}");
    }
    assert_eq!(read(&[b'x'; 2000], &[100]), Err(ReadError::Line));
}

#[test]
fn commands_are_lines_and_data_of_a_said_length() {
    let mut out = Secret::default();
    command(&mut out, "mg", "key", &["v", "t", "N2"]);
    command_with(&mut out, "ms", "key", &["T60"], b"a\r\nb");
    assert_eq!(out.expose(), b"mg key v t N2\r\nms key 4 T60\r\na\r\nb\r\n");
}

#[test]
fn what_a_real_server_said_is_read() {
    // memcached 1.6.18.
    let said =
        "VA 0 t-1 c1 W\r\n\r\nVA 0 t2 c1 Z\r\n\r\nHD\r\nVA 3 t100 c2\r\nabc\r\nNS\r\nEN\r\nEX\r\n";
    let replies = read(said.as_bytes(), &[1]).unwrap();
    let flags = |left, number| Flags { left: Some(left), number: Some(number), ..Flags::default() };
    assert_eq!(
        replies,
        [
            Reply::Value(Secret::new(""), Flags { won: true, ..flags(-1, 1) }),
            Reply::Value(Secret::new(""), Flags { sent: true, ..flags(2, 1) }),
            Reply::Done(Flags::default()),
            Reply::Value(Secret::new("abc"), flags(100, 2)),
            Reply::NotStored,
            Reply::Missing,
            Reply::Changed,
        ]
    );
}
