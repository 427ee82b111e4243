//! What is in a file: which version of this it is, when it was written and for how long, how long it is, and
//! what lies there.

use sts_secret::Secret;
use sts_store::Millis;

use crate::clock::{BOOT, Left, Now, Written};

const VERSION: &[u8; 12] = b"nginx-sts 1\n";

/// Bytes before what lies there.
pub(crate) const HEAD: usize = VERSION.len() + BOOT + 4 * 8;

/// Bytes that a token with what is known of it has at least: of what is shorter, and cannot be read, nothing
/// is said. A machine that loses its power leaves such files behind.
const LEAST: usize = HEAD + 64;

/// What has no end.
const ENDLESS: u64 = u64::MAX;

/// What is in a file.
pub(crate) struct Entry<'a> {
    written: Written,
    value: &'a Secret,
}

/// What a file is worth.
pub(crate) enum State {
    /// It is not there, or over.
    Nothing,
    /// It is none of this version, or cut.
    Unreadable,
    Value {
        value: Secret,
        left: Left,
    },
}

impl State {
    /// What lies there. Where it `may` be a token, what cannot be read is an empty one: that is one that
    /// does not open, and the log says so. Else it is nothing: an epoch that is lost is made anew.
    pub(crate) fn value(&self, may: bool) -> Option<Secret> {
        match self {
            Self::Nothing => None,
            Self::Unreadable => may.then(Secret::default),
            Self::Value { value, .. } => Some(value.clone()),
        }
    }

    /// Whether something lies there, in the sense of [`Self::value`].
    pub(crate) fn is_there(&self, may: bool) -> bool {
        match self {
            Self::Nothing => false,
            Self::Unreadable => may,
            Self::Value { .. } => true,
        }
    }

    /// Milliseconds that are left, as `PTTL` has it.
    pub(crate) fn left(&self) -> i64 {
        match self {
            Self::Nothing => -2,
            Self::Unreadable | Self::Value { left: Left::Endless, .. } => -1,
            Self::Value { left: Left::Some(left), .. } => i64::try_from(*left).unwrap_or(i64::MAX),
            Self::Value { left: Left::Nothing, .. } => 0,
        }
    }
}

impl<'a> Entry<'a> {
    pub(crate) fn new(life: Option<Millis>, now: &Now, value: &'a Secret) -> Self {
        Self { written: Written { at: *now, life }, value }
    }

    pub(crate) fn write(&self) -> Secret {
        let Written { at, life } = self.written;
        let (boot, since) = at.boot.unwrap_or(([0; BOOT], 0));
        let mut out = Secret::with_capacity(HEAD + self.value.len());
        out.append(VERSION);
        out.append(&boot);
        let life = life.map_or(ENDLESS, |life| life.min(ENDLESS - 1));
        let length = u64::try_from(self.value.len()).unwrap_or(u64::MAX);
        [since, at.wall, life, length].iter().for_each(|it| out.append(&it.to_be_bytes()));
        out.append(self.value.expose());
        out
    }

    /// When a file was written, and how long what lies in it is; `None`: it is none of these.
    pub(crate) fn head(bytes: &[u8]) -> Option<(Written, u64)> {
        let rest = bytes.strip_prefix(VERSION)?;
        let (boot, mut rest) = rest.split_first_chunk::<BOOT>()?;
        let mut number = || {
            let (number, after) = rest.split_first_chunk()?;
            rest = after;
            Some(u64::from_be_bytes(*number))
        };
        let [since, wall, life, length] = [number()?, number()?, number()?, number()?];
        // A machine that does not say which start it is has zeroes.
        let boot = (*boot != [0; BOOT]).then_some((*boot, since));
        let life = Some(life).filter(|life| *life != ENDLESS);
        Some((Written { at: Now { wall, boot }, life }, length))
    }

    /// What the content of a file is worth.
    pub(crate) fn read(bytes: &[u8], now: &Now) -> State {
        let value = bytes.get(HEAD..).unwrap_or_default();
        match Self::head(bytes) {
            Some((written, length)) if u64::try_from(value.len()) == Ok(length) => {
                match written.left(now) {
                    Left::Nothing => State::Nothing,
                    left => State::Value { value: Secret::new(value), left },
                }
            }
            _ if bytes.len() < LEAST => State::Nothing,
            _ => State::Unreadable,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn now(since: Millis) -> Now {
        Now { wall: 7, boot: Some(([1; BOOT], since)) }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back_and_what_is_cut_is_not(
            value in prop::collection::vec(any::<u8>(), 0..100),
            life in any::<Option<u32>>(),
            cut in any::<prop::sample::Index>(),
        ) {
            let secret = Secret::new(value.clone());
            let life = life.map(|life| Millis::from(life) + 10);
            let bytes = Entry::new(life, &now(100), &secret).write();
            prop_assert_eq!(bytes.len(), HEAD + value.len());
            let State::Value { value: read, left } = Entry::read(bytes.expose(), &now(105)) else {
                return Err(TestCaseError::fail("it is not read"));
            };
            prop_assert!(read == secret);
            prop_assert_eq!(left, life.map_or(Left::Endless, |life| Left::Some(life - 5)));
            let cut = &bytes.expose()[..cut.index(bytes.len())];
            let is_short = cut.len() < LEAST;
            match Entry::read(cut, &now(105)) {
                State::Nothing => prop_assert!(is_short),
                State::Unreadable => prop_assert!(!is_short),
                State::Value { .. } => prop_assert!(false),
            }
        }

        #[test]
        fn nothing_else_is_read(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(!Entry::read(&bytes, &now(0)).is_there(false));
        }
    }

    #[test]
    fn what_is_over_is_nothing_and_a_machine_without_a_number_has_the_wall_clock() {
        let secret = Secret::new(b"value".to_vec());
        let bytes = Entry::new(Some(50), &now(100), &secret).write();
        assert!(matches!(Entry::read(bytes.expose(), &now(150)), State::Nothing));
        let nameless = Now { wall: 7_000_000, boot: None };
        let bytes = Entry::new(Some(60_000), &nameless, &secret).write();
        assert_eq!(Entry::read(bytes.expose(), &nameless).left(), 50_000);
    }
}
