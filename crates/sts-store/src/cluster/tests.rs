use proptest::prelude::*;
use sts_secret::Secret;

use super::*;

#[test]
fn slots_are_those_of_the_specification() {
    // The check value of CRC-16/XMODEM, and slots that Redis 7.0 tells (CLUSTER KEYSLOT).
    assert_eq!(crc16(b"123456789"), 0x31c3);
    for (name, expected) in [
        (&b"123456789"[..], 12_739),
        (b"foo", 12_182),
        (b"bar", 5_061),
        (b"", 0),
        (b"somekey", 11_058),
        (b"foo{hash_tag}", 2_515),
        (b"bar{hash_tag}", 2_515),
        (b"hash_tag", 2_515),
    ] {
        assert_eq!(slot(name), expected, "{}", String::from_utf8_lossy(name));
    }
}

#[test]
fn only_the_first_braces_with_something_in_between_are_a_tag() {
    let same = |one: &[u8], other: &[u8]| assert_eq!(slot(one), slot(other));
    same(b"{user1000}.following", b"user1000");
    same(b"foo{{bar}}zap", b"{bar");
    same(b"foo{bar}{zap}", b"bar");
    for whole in [&b"foo{}{bar}"[..], b"foo{bar", b"foo}bar", b"}{"] {
        assert_eq!(slot(whole), crc16(whole) % SLOTS);
    }
}

/// As the definition of the checksum has it: bit by bit.
fn by_bits(bytes: &[u8]) -> u16 {
    let mut crc = 0_u16;
    for byte in bytes {
        crc ^= u16::from(*byte) << 8;
        for _ in 0..8 {
            crc = if crc & 0x8000 == 0 { crc << 1 } else { (crc << 1) ^ 0x1021 };
        }
    }
    crc
}

fn moved(slot: u16, host: Option<&str>, port: u16, asks: bool) -> Option<Redirection> {
    Some(Redirection { asks, slot, host: host.map(str::to_owned), port })
}

#[test]
fn a_redirection_is_a_slot_and_a_node() {
    let read = Redirection::read;
    assert_eq!(read("MOVED 3999 127.0.0.1:6381"), moved(3_999, Some("127.0.0.1"), 6_381, false));
    assert_eq!(read("ASK 0 redis-1.example:1"), moved(0, Some("redis-1.example"), 1, true));
    assert_eq!(read("MOVED 16383 ::1:65535"), moved(16_383, Some("::1"), 65_535, false));
    // Since 7.0 a node may not know its own host.
    assert_eq!(read("MOVED 1 :6379"), moved(1, None, 6_379, false));
    for text in [
        "",
        "MOVED",
        "MOVED 1",
        "MOVED 16384 a:1",
        "MOVED -1 a:1",
        "MOVED +1 a:1",
        "MOVED 1 a",
        "MOVED 1 a:0",
        "MOVED 1 a:65536",
        "MOVED 1 a:1 ",
        "MOVED 1 a:1 b",
        "MOVED 1  a:1",
        "MOVED 1 ?:1",
        "MOVED 1 a/b:1",
        "MOVED 1 a@b:1",
        "moved 1 a:1",
        "ASKING 1 a:1",
        "ERR MOVED 1 a:1",
    ] {
        assert_eq!(read(text), None, "{text}");
    }
}

#[test]
fn which_node_has_what_is_learned_and_forgotten() {
    let mut slots = Slots::default();
    assert_eq!((slots.node(0), slots.node(SLOTS - 1), slots.node(SLOTS)), (None, None, None));
    slots.set(0..=99, 0);
    slots.set(50..=SLOTS - 1, NODES - 1);
    assert_eq!((slots.node(49), slots.node(50)), (Some(0), Some(NODES - 1)));
    slots.forget(0);
    assert_eq!((slots.node(49), slots.node(50)), (None, Some(NODES - 1)));
    // More nodes than are told apart.
    slots.set([50], 255);
    slots.set([51], 256);
    assert_eq!((slots.node(50), slots.node(51)), (None, None));
}

fn bulk(text: &str) -> Reply {
    Reply::Bulk(Some(Secret::new(text)))
}

fn array(replies: Vec<Reply>) -> Reply {
    Reply::Array(Some(replies))
}

#[test]
fn all_slots_are_read_with_their_masters() {
    let node =
        |host: Reply, port| array(vec![host, Reply::Integer(port), bulk("id"), array(vec![])]);
    let of = |first, last, nodes: Vec<Reply>| {
        array([vec![Reply::Integer(first), Reply::Integer(last)], nodes].concat())
    };
    let read = |reply| shares(Answer::Redis(vec![reply]));
    let good = array(vec![
        of(0, 5_460, vec![node(bulk("127.0.0.1"), 1), node(bulk("127.0.0.1"), 2)]),
        of(5_461, 16_383, vec![node(Reply::Bulk(None), 3)]),
        of(7, 7, vec![node(bulk(""), 4)]),
    ]);
    let share = |first, last, host: Option<&str>, port| Share {
        first,
        last,
        host: host.map(str::to_owned),
        port,
    };
    let expected = vec![
        share(0, 5_460, Some("127.0.0.1"), 1),
        share(5_461, 16_383, None, 3),
        share(7, 7, None, 4),
    ];
    assert_eq!(read(good), Ok(expected));
    for bad in [
        array(vec![Reply::Integer(1)]),
        array(vec![of(0, 1, vec![])]),
        array(vec![of(2, 1, vec![node(bulk("a"), 1)])]),
        array(vec![of(0, 16_384, vec![node(bulk("a"), 1)])]),
        array(vec![of(-1, 1, vec![node(bulk("a"), 1)])]),
        array(vec![of(0, 1, vec![node(bulk("a"), 0)])]),
        array(vec![of(0, 1, vec![node(bulk("a/b"), 1)])]),
        array(vec![of(0, 1, vec![node(Reply::Integer(1), 1)])]),
        Reply::Array(None),
        bulk("a"),
    ] {
        assert_eq!(read(bad), Err(StoreError::Unexpected));
    }
    let refused = read(Reply::Error("NOPERM no".to_owned()));
    assert!(matches!(refused, Err(StoreError::Refused(_))));
}

/// A Cluster by the book: what nodes say of a slot, one after the other, before one has it.
struct Model {
    says: Vec<(bool, u16)>,
    asked: Vec<(u16, bool)>,
}

/// Commands for names, of which each is told apart by its reply.
fn commands(names: &[Vec<u8>]) -> Commands {
    let mut all = Commands::default();
    names.iter().for_each(|name| all.redis(&[b"GET", name]));
    all
}

fn run(names: &[Vec<u8>], models: &mut [Model]) -> Result<Vec<String>, StoreError> {
    let mut errand = Errand::new(commands(names), |slot| slot % 3);
    loop {
        let parcels = errand.parcels();
        if parcels.is_empty() {
            break;
        }
        for mut parcel in parcels {
            let sent = std::mem::take(&mut parcel.commands);
            let written = String::from_utf8_lossy(sent.into_secret().expose()).into_owned();
            let node = parcel.node;
            let mut replies = Vec::new();
            let mut is_announced = false;
            for command in written.split('*').skip(1) {
                let words: Vec<_> = command.split("\r\n").skip(2).step_by(2).collect();
                if words.first() == Some(&"ASKING") {
                    is_announced = true;
                    replies.push(Reply::Simple("OK".into()));
                    continue;
                }
                let name = words[1];
                let number = names.iter().position(|it| it == name.as_bytes()).unwrap();
                let model = &mut models[number];
                model.asked.push((node, is_announced));
                is_announced = false;
                let slot = slot(name.as_bytes());
                replies.push(match model.says.is_empty() {
                    true => bulk(name),
                    false => {
                        let (asks, to) = model.says.remove(0);
                        let word = if asks { "ASK" } else { "MOVED" };
                        Reply::Error(format!("{word} {slot} node:{}", to + 1))
                    }
                });
            }
            errand.take(parcel, Answer::Redis(replies), |_, redirection| {
                Ok::<_, StoreError>(redirection.port - 1)
            })?;
        }
    }
    let Answer::Redis(replies) = errand.answer()? else { panic!("not of Redis") };
    let text = |reply: Reply| match reply {
        Reply::Bulk(Some(text)) => String::from_utf8(text.expose().to_vec()).unwrap(),
        _ => panic!("another reply"),
    };
    Ok(replies.into_iter().map(text).collect())
}

#[test]
fn a_command_is_followed_to_its_node_and_not_round_and_round() {
    let name = vec![b"foo".to_vec()];
    let first = slot(b"foo") % 3;
    let follow = |says: &[(bool, u16)]| {
        let mut models = [Model { says: says.to_vec(), asked: Vec::new() }];
        let end = run(&name, &mut models);
        let [model] = models;
        (end.map(|it| it.len()), model.asked)
    };
    assert_eq!(follow(&[]), (Ok(1), vec![(first, false)]));
    assert_eq!(follow(&[(false, 7)]), (Ok(1), vec![(first, false), (7, false)]));
    assert_eq!(follow(&[(true, 7)]), (Ok(1), vec![(first, false), (7, true)]));
    let both = follow(&[(false, 7), (true, 8)]);
    assert_eq!(both, (Ok(1), vec![(first, false), (7, false), (8, true)]));
    assert_eq!(follow(&[(true, 7), (true, 8)]).0, Err(StoreError::RoundAndRound));
    assert_eq!(follow(&[(false, 1); 4]).0, Err(StoreError::RoundAndRound));
}

#[test]
fn replies_that_are_not_those_of_the_parcel_are_an_error() {
    for count in [0, 1, 3] {
        let names = [b"a".to_vec(), b"b".to_vec()];
        let mut errand = Errand::new(commands(&names), |_| 0);
        let parcel = errand.parcels().remove(0);
        let answer = Answer::Redis((0..count).map(|_| bulk("x")).collect());
        let taken = errand.take(parcel, answer, |_, _| Ok::<_, StoreError>(0));
        assert_eq!(taken, Err(StoreError::Unexpected), "{count}");
        assert!(errand.answer().is_err());
    }
}

proptest! {
    #[test]
    fn any_name_has_a_slot(name in prop::collection::vec(any::<u8>(), 0..100)) {
        prop_assert!(slot(&name) < SLOTS);
        prop_assert_eq!(crc16(&name), by_bits(&name));
    }

    #[test]
    fn a_tag_decides(tag in "[a-z0-9]{1,20}", before in "[^{]{0,20}", behind in ".{0,20}") {
        let tagged = format!("{before}{{{tag}}}{behind}");
        prop_assert_eq!(slot(tagged.as_bytes()), slot(tag.as_bytes()));
    }

    #[test]
    fn any_text_is_looked_at_without_harm(text in prop_oneof![
        any::<String>(),
        "(MOVED|ASK) [0-9]{0,6} [ -~]{0,20}:[0-9]{0,6}",
    ]) {
        if let Some(Redirection { asks, slot, host, port }) = Redirection::read(&text) {
            let word = if asks { "ASK" } else { "MOVED" };
            let host = host.unwrap_or_default();
            prop_assert!(slot < SLOTS && port > 0 && (host.is_empty() || is_host(&host)));
            // Nothing of it was left out.
            let written = format!("{word} {slot} {host}:{port}");
            let digits = |text: &str| text.replace(" 0", " ").replace(":0", ":").len();
            prop_assert!(digits(&written) <= text.len());
        }
    }

    #[test]
    fn each_command_gets_its_own_reply_wherever_it_goes(
        names in prop::collection::hash_set("[a-z]{1,8}", 1..8),
        moves in prop::collection::vec(prop::collection::vec(0_u16..5, 0..4), 8),
        asks in prop::collection::vec(any::<bool>(), 8),
    ) {
        let names: Vec<_> = names.into_iter().map(String::into_bytes).collect();
        let mut models: Vec<_> = names
            .iter()
            .zip(moves.iter().zip(&asks))
            .map(|(_, (moves, asks))| {
                let mut says: Vec<_> = moves.iter().map(|to| (false, *to)).collect();
                if *asks {
                    says.push((true, 9));
                }
                Model { says, asked: Vec::new() }
            })
            .collect();
        let replies = run(&names, &mut models).unwrap();
        let expected: Vec<_> =
            names.iter().map(|name| String::from_utf8(name.clone()).unwrap()).collect();
        prop_assert_eq!(replies, expected);
    }
}
