//! What is kept of a token in a store, and what is left of its life when it comes back.

use sts_core::expect::{AsAsked, Findings};
use sts_core::issued::{Said, TokenType};
use sts_core::life::LifePolicy;
use sts_core::secret::Secret;

use crate::Millis;
use crate::epoch::{Epoch, Epochs, LENGTH as EPOCH};

/// The first byte. What another version has written is a miss; it is another one also when less is known of a
/// token than an earlier version took for known.
const VERSION: u8 = 3;

/// Flags: the type of the token, and what is known of it.
const NOT_APPLICABLE: u8 = 1;
const TYPE_UNSAID: u8 = 2;
const OTHER_TYPE: u8 = 3;
const TYPES: u8 = 3;
const UNBOUND: u8 = 4;
const NAMES_ANOTHER: u8 = 8;
const OF_TYPE: u8 = 16;
const OF_AUDIENCE: u8 = 32;
const OF_SCOPE: u8 = 64;
const FINAL: u8 = 128;

/// Seconds, where nothing is said of how long a token is good.
const SAYS_NOTHING: u64 = u64::MAX;

/// Bytes before the token, without the words.
const HEAD: usize = 2 + 4 * 8 + 3 * EPOCH + 1 + 2 * 2;

/// The length of a word that was not said.
const UNSAID: u16 = u16::MAX;

/// Milliseconds by which a value may seem to come from the future: the clocks of two nodes differ.
const AHEAD: Millis = 10_000;

/// What is kept of a token.
pub struct Value {
    /// The token, as it was issued.
    pub token: Secret,
    /// Its type.
    pub token_type: TokenType,
    /// When it was asked for, by the clock of the node that did.
    pub sent: Millis,
    /// When it was put into the store, by the same clock.
    pub put: Millis,
    /// Milliseconds for which the store was to keep it from then on.
    pub life: Millis,
    /// Seconds from `sent` on for which it is good, where the STS or the tokens say that.
    pub good_for: Option<u64>,
    /// A token that is asked for later is good for no longer.
    pub is_final: bool,
    /// Its source was looked at, and is bound to no key of its client.
    pub unbound: bool,
    /// What is known of it besides. What its first user did not expect is not kept.
    pub findings: Findings,
    /// What the STS said with it.
    pub said: Said,
    /// The epochs that it was asked for under.
    pub epochs: Epochs,
}

/// From when on a token counts here, by the clock of this node, and for how many seconds it is good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Life {
    /// Milliseconds since 1970.
    pub sent: Millis,
    /// Seconds from then on.
    pub good_for: u64,
}

impl Value {
    /// As it lies in the store, before it is sealed.
    pub fn write(&self) -> Secret {
        let Self { token, token_type, sent, put, life, good_for, .. } = self;
        let Self { is_final, unbound, findings, said, epochs, .. } = self;
        let (kind, word) = match token_type {
            TokenType::Bearer => (0, ""),
            TokenType::NotApplicable => (NOT_APPLICABLE, ""),
            TokenType::Unsaid => (TYPE_UNSAID, ""),
            TokenType::Other(word) => (OTHER_TYPE, &**word),
        };
        let Findings { as_asked, names_another } = findings;
        let AsAsked { issued_token_type, audience, scope } = as_asked;
        let flags = [
            (*is_final, FINAL),
            (*unbound, UNBOUND),
            (*names_another, NAMES_ANOTHER),
            (*issued_token_type, OF_TYPE),
            (*audience, OF_AUDIENCE),
            (*scope, OF_SCOPE),
        ];
        let flags = flags.iter().filter(|(is_set, _)| *is_set).fold(kind, |all, (_, it)| all | it);
        let said = [said.issued_token_type.as_deref(), said.scope.as_deref()];
        let words = word.len() + said.iter().flatten().map(|word| word.len()).sum::<usize>();
        let mut out = Secret::with_capacity(HEAD + words + token.len());
        out.append(&[VERSION, flags]);
        let good_for = good_for.map_or(SAYS_NOTHING, |seconds| seconds.min(SAYS_NOTHING - 1));
        [*sent, *put, *life, good_for].iter().for_each(|it| out.append(&it.to_be_bytes()));
        epochs.iter().for_each(|epoch| out.append(epoch.bytes()));
        out.append(&[u8::try_from(word.len()).unwrap_or(u8::MAX)]);
        out.append(word.as_bytes());
        for said in said {
            let length = said.map_or(UNSAID, |said| u16::try_from(said.len()).unwrap_or(UNSAID));
            out.append(&length.to_be_bytes());
            out.append(said.unwrap_or_default().as_bytes());
        }
        out.append(token.expose());
        out
    }

    /// What was written; `None` for anything else.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let ([version, flags], rest) = bytes.split_first_chunk()?;
        if *version != VERSION {
            return None;
        }
        let mut rest = rest;
        let mut number = || {
            let (number, after) = rest.split_first_chunk()?;
            rest = after;
            Some(u64::from_be_bytes(*number))
        };
        let [sent, put, life, good_for] = [number()?, number()?, number()?, number()?];
        let mut epoch = || {
            let (epoch, after) = rest.split_first_chunk::<EPOCH>()?;
            rest = after;
            Epoch::read(epoch)
        };
        let epochs = [epoch()?, epoch()?, epoch()?];
        let (length, rest) = rest.split_first()?;
        let (word, mut rest) = rest.split_at_checked(usize::from(*length))?;
        let token_type = match flags & TYPES {
            0 if word.is_empty() => TokenType::Bearer,
            NOT_APPLICABLE if word.is_empty() => TokenType::NotApplicable,
            TYPE_UNSAID if word.is_empty() => TokenType::Unsaid,
            OTHER_TYPE if word.len() <= TokenType::LONGEST => {
                TokenType::Other(str::from_utf8(word).ok()?.into())
            }
            _ => return None,
        };
        let mut said = || {
            let (length, after) = rest.split_first_chunk()?;
            rest = after;
            let length = u16::from_be_bytes(*length);
            if length == UNSAID {
                return Some(None);
            }
            let (said, after) = rest.split_at_checked(usize::from(length))?;
            rest = after;
            let said = str::from_utf8(said).ok().filter(|said| Said::can_be(said))?;
            Some(Some(Box::<str>::from(said)))
        };
        let [issued_token_type, scope] = [said()?, said()?];
        let issued_token_type = issued_token_type.map(Said::token_type);
        let token = rest;
        if put < sent || life == 0 || token.is_empty() {
            return None;
        }
        let is_set = |flag| flags & flag != 0;
        Some(Self {
            token: Secret::new(token),
            token_type,
            sent,
            put,
            life,
            good_for: Some(good_for).filter(|seconds| *seconds != SAYS_NOTHING),
            is_final: is_set(FINAL),
            unbound: is_set(UNBOUND),
            findings: Findings {
                as_asked: AsAsked {
                    issued_token_type: is_set(OF_TYPE),
                    audience: is_set(OF_AUDIENCE),
                    scope: is_set(OF_SCOPE),
                },
                names_another: is_set(NAMES_ANOTHER),
            },
            said: Said { issued_token_type, scope },
            epochs,
        })
    }

    /// What is left of its life, where the store keeps it for `left` milliseconds more; `None`: nothing.
    ///
    /// Its age is what its writer says, plus what the store took off its life since: that does not depend on
    /// two clocks agreeing. It is never less than the age by the own clock.
    pub fn arrive(&self, now: Millis, left: Millis) -> Option<Life> {
        if self.sent > now.saturating_add(AHEAD) {
            return None;
        }
        let by_store =
            self.put.saturating_sub(self.sent).saturating_add(self.life.saturating_sub(left));
        let age = by_store.max(now.saturating_sub(self.sent));
        let good_for = self.good_for.map_or(Millis::MAX, |seconds| seconds.saturating_mul(1_000));
        let ends_in = good_for.saturating_sub(age).min(left.min(self.life));
        let sent = now.saturating_sub(age);
        let good_for = (now - sent).saturating_add(ends_in) / 1_000;
        let ends = sent.saturating_add(good_for.saturating_mul(1_000));
        (ends > now).then_some(Life { sent, good_for })
    }
}

/// Milliseconds for which a store keeps a token that is good for so many seconds since `sent`, and that
/// no location uses for more than `cap` seconds; `None` where that is not worth while.
pub fn life(sent: Millis, good_for: Option<u64>, cap: u64, now: Millis) -> Option<Millis> {
    let life = LifePolicy { cap, leeway: 0 }.life(good_for);
    let left = sent.saturating_add(life).saturating_sub(now);
    (left >= crate::LEAST_LIFE).then_some(left)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOW: Millis = 1_700_000_000_000;

    impl std::fmt::Debug for Value {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            write!(f, "{:?}", self.write().expose())
        }
    }

    fn value() -> Value {
        let epoch = |number| Epoch::new(1, &[number; 32]);
        Value {
            token: Secret::new("t"),
            token_type: TokenType::Bearer,
            sent: NOW,
            put: NOW + 50,
            life: 60_000 - 50,
            good_for: Some(60),
            is_final: false,
            unbound: true,
            findings: Findings::default(),
            said: Said::default(),
            epochs: [epoch(1), epoch(2), epoch(3)],
        }
    }

    fn values() -> impl Strategy<Value = Value> {
        let types = prop_oneof![
            Just(TokenType::Bearer),
            Just(TokenType::NotApplicable),
            Just(TokenType::Unsaid),
            "[!-~]{1,128}".prop_map(|word| TokenType::Other(word.into())),
        ];
        let times = (0_u64..1 << 50, 0_u64..1 << 20, 1_u64..1 << 40, any::<Option<u32>>());
        let known = any::<[bool; 6]>();
        let said = prop::option::of("[!-~]{1,64}");
        let said = (said, prop::option::of("[ -~é]{1,512}"));
        let rest = (known, said, any::<[[u8; 16]; 3]>());
        (prop::collection::vec(any::<u8>(), 1..200), types, times, rest).prop_map(
            |(token, token_type, (sent, took, life, good_for), (known, said, epochs))| {
                let [is_final, unbound, names_another, issued_token_type, audience, scope] = known;
                Value {
                    token: Secret::new(token),
                    token_type,
                    sent,
                    put: sent + took,
                    life,
                    good_for: good_for.map(u64::from),
                    is_final,
                    unbound,
                    findings: Findings {
                        as_asked: AsAsked { issued_token_type, audience, scope },
                        names_another,
                    },
                    said: Said {
                        issued_token_type: said.0.map(|it| Said::token_type(it.into())),
                        scope: said.1.map(Into::into),
                    },
                    epochs: epochs.map(|bytes| Epoch::read(&bytes).unwrap()),
                }
            },
        )
    }

    #[test]
    fn a_value_of_another_version_is_a_miss() {
        let mut bytes = value().write().expose().to_vec();
        assert!(Value::read(&bytes).is_some());
        bytes[0] = VERSION - 1;
        assert!(Value::read(&bytes).is_none());
    }

    #[test]
    fn the_seeds_of_the_fuzz_target_are_values() {
        let seeds = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/seeds/stored_value");
        let seeds: Vec<_> = std::fs::read_dir(seeds).unwrap().collect();
        assert!(seeds.len() > 1);
        for seed in seeds {
            let path = seed.unwrap().path();
            assert!(Value::read(&std::fs::read(&path).unwrap()).is_some(), "{path:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(value in values()) {
            let bytes = value.write();
            let back = Value::read(bytes.expose()).unwrap();
            prop_assert!(back.write() == bytes);
            prop_assert!(back.token == value.token && back.token_type == value.token_type);
            prop_assert_eq!((back.sent, back.put, back.life), (value.sent, value.put, value.life));
            prop_assert_eq!((back.good_for, back.epochs), (value.good_for, value.epochs));
            prop_assert_eq!((back.findings, back.unbound), (value.findings, value.unbound));
            prop_assert_eq!((back.is_final, back.said), (value.is_final, value.said));
        }

        #[test]
        fn nothing_else_is_read(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Some(value) = Value::read(&bytes) {
                prop_assert!(value.write().expose() == &bytes[..]);
            }
        }

        #[test]
        fn a_token_is_never_used_past_its_life_whatever_two_clocks_say(
            apart in -9_000_i64..9_000,
            wait in 0_u64..120_000,
            took in 0_u64..2_000,
            good_for in 10_u64..100,
            cap in 10_u64..100,
        ) {
            // True time is that of the reader; the writer's clock is `apart` from it.
            let writer = |time: u64| time.checked_add_signed(apart).unwrap();
            let (sent, put) = (NOW, NOW + took);
            let Some(life) = life(writer(sent), Some(good_for), cap, writer(put)) else {
                return Ok(());
            };
            let value = Value {
                sent: writer(sent), put: writer(put), life, good_for: Some(good_for), ..value()
            };
            let now = put + wait;
            let Some(left) = life.checked_sub(wait).filter(|left| *left > 0) else { return Ok(()) };
            if let Some(arrived) = value.arrive(now, left) {
                let ends = arrived.sent + arrived.good_for * 1_000;
                prop_assert!(ends <= sent + good_for.min(cap) * 1_000);
                prop_assert!(ends > now && arrived.sent <= sent);
            }
        }

        #[test]
        fn no_store_makes_a_life_longer(left in any::<u64>(), wait in 0_u64..100_000) {
            if let Some(arrived) = value().arrive(NOW + wait, left) {
                prop_assert!(arrived.sent + arrived.good_for * 1_000 <= NOW + 60_000);
            }
        }
    }

    #[test]
    fn what_is_said_with_a_token_ends_no_line() {
        let said = |scope: &str| Said { scope: Some(scope.into()), ..Said::default() };
        let read = |scope| Value::read(Value { said: said(scope), ..value() }.write().expose());
        assert_eq!(read("a b").unwrap().said, said("a b"));
        assert!(read("a\r\nb").is_none() && read("").is_none());
    }

    #[test]
    fn a_value_from_the_future_is_refused() {
        assert!(value().arrive(NOW - AHEAD, 60_000).is_some());
        assert_eq!(value().arrive(NOW - AHEAD - 1, 60_000), None);
    }

    #[test]
    fn the_smaller_of_value_and_store_counts() {
        let arrived = |now, left| value().arrive(now, left);
        assert_eq!(arrived(NOW + 50, 59_950), Some(Life { sent: NOW, good_for: 60 }));
        // The store says that more time has gone by than this clock does.
        assert_eq!(arrived(NOW + 50, 9_950), Some(Life { sent: NOW - 50_000, good_for: 60 }),);
        assert_eq!(arrived(NOW + 60_000, 59_950), None);
        assert_eq!(arrived(NOW + 50, 0), None);
    }

    #[test]
    fn what_is_over_soon_is_not_worth_while() {
        assert_eq!(life(NOW, Some(60), 300, NOW + 100), Some(59_900));
        assert_eq!(life(NOW, None, 300, NOW), Some(300_000));
        assert_eq!(life(NOW, Some(600), 300, NOW), Some(300_000));
        assert_eq!(life(NOW, Some(5), 300, NOW), Some(5_000));
        assert_eq!(life(NOW, Some(5), 300, NOW + 1), None);
        assert_eq!(life(NOW, Some(60), 0, NOW), None);
    }
}
