//! What is left of the life of a file, whatever becomes of the clocks.
//!
//! On the machine that has written it, and until that is started anew, its age is told by the clock that
//! counts from the start of the machine and that nothing sets. On another one only the clock of the wall
//! remains, which is taken to be off.

use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};

use nix::time::{ClockId, clock_gettime};
use sts_store::Millis;

/// Milliseconds by which the clocks of two machines may differ: what another one has written, or this one
/// before it was started anew, lives so much shorter.
pub const APART: Millis = 10_000;

/// Milliseconds by which a clock may have been read before something was written by the same one: a question
/// waits for the lock, and one look at the clock serves many files.
const STALE: Millis = 60_000;

/// Bytes that tell one start of a machine from all others.
pub const BOOT: usize = 24;

/// The clocks at one time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    /// Milliseconds since 1970.
    pub wall: Millis,
    /// Which start of which machine, and milliseconds since then; `None` where that cannot be told.
    pub boot: Option<([u8; BOOT], Millis)>,
}

/// When something was written, and for how many milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Written {
    pub(crate) at: Now,
    /// `None`: it has no end.
    pub(crate) life: Option<Millis>,
}

/// Which start of this machine this is; `None` where it does not say that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Boot(Option<[u8; BOOT]>);

impl Boot {
    /// As the kernel says.
    pub fn read() -> Self {
        Self(boot())
    }
}

/// The number that Linux gives each start, and the name space of its clocks.
fn boot() -> Option<[u8; BOOT]> {
    let text = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    let digits: String = text.chars().filter(char::is_ascii_hexdigit).collect();
    let id = u128::from_str_radix(&digits, 16).ok()?;
    let space = fs::read_link("/proc/self/ns/time").ok();
    let space = space.map_or(0, |space| {
        let digits: String = space.to_string_lossy().chars().filter(char::is_ascii_digit).collect();
        digits.parse::<u64>().unwrap_or(0)
    });
    let mut boot = [0; BOOT];
    let bytes = id.to_be_bytes().into_iter().chain(space.to_be_bytes());
    boot.iter_mut().zip(bytes).for_each(|(to, byte)| *to = byte);
    Some(boot)
}

impl Now {
    /// The clocks of this machine.
    pub fn read(boot: Boot) -> Self {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let since = || {
            let since = clock_gettime(ClockId::CLOCK_BOOTTIME).ok()?;
            let seconds = Millis::try_from(since.tv_sec()).ok()?;
            Some(seconds * 1_000 + Millis::try_from(since.tv_nsec()).ok()? / 1_000_000)
        };
        Self {
            wall: Millis::try_from(wall.as_millis()).unwrap_or(Millis::MAX),
            boot: boot.0.zip(since()),
        }
    }
}

/// What is left of a life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Left {
    Endless,
    Some(Millis),
    Nothing,
}

impl Written {
    /// What is left.
    pub(crate) fn left(&self, now: &Now) -> Left {
        let Some(life) = self.life else { return Left::Endless };
        let age = match (self.at.boot, now.boot) {
            (Some((then, at)), Some((here, now))) if then == here => {
                now.saturating_add(STALE).checked_sub(at).map(|_| now.saturating_sub(at))
            }
            // What comes from a time that is still to come tells nothing.
            _ => now.wall.saturating_add(APART).checked_sub(self.at.wall),
        };
        let left = age.and_then(|age| life.checked_sub(age)).filter(|left| *left > 0);
        left.map_or(Left::Nothing, Left::Some)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const WALL: Millis = 1_700_000_000_000;

    fn at(boot: u8, since: Millis, wall: Millis) -> Now {
        Now { wall, boot: Some(([boot; BOOT], since)) }
    }

    fn left(written: &Written, now: &Now) -> Millis {
        match written.left(now) {
            Left::Some(left) => left,
            Left::Nothing => 0,
            Left::Endless => Millis::MAX,
        }
    }

    #[test]
    fn this_machine_says_which_start_it_is_and_its_clock_goes_on() {
        let boot = Boot::read();
        let (one, other) = (Now::read(boot), Now::read(boot));
        let ((this, before), (same, after)) = (one.boot.unwrap(), other.boot.unwrap());
        assert_eq!((this, Boot::read()), (same, boot));
        assert!(before <= after && one.wall > WALL);
    }

    #[test]
    fn a_clock_that_is_set_back_or_forward_changes_nothing_on_the_same_machine() {
        let written = Written { at: at(1, 500, WALL), life: Some(60_000) };
        for wall in [0, WALL - 3_600_000, WALL, WALL + 3_600_000] {
            assert_eq!(written.left(&at(1, 20_500, wall)), Left::Some(40_000), "{wall}");
            assert_eq!(written.left(&at(1, 60_500, wall)), Left::Nothing, "{wall}");
        }
        // The clock was read before it was written; but not long before.
        let written = Written { at: at(1, 5_000_000, WALL), life: Some(60_000) };
        assert_eq!(written.left(&at(1, 4_999_999, WALL)), Left::Some(60_000));
        assert_eq!(written.left(&at(1, 5_000_000 - STALE, WALL)), Left::Some(60_000));
        assert_eq!(written.left(&at(1, 5_000_000 - STALE - 1, WALL)), Left::Nothing);
    }

    #[test]
    fn what_has_no_end_has_none() {
        let written = Written { at: at(1, 500, WALL), life: None };
        assert_eq!(written.left(&at(2, 0, 0)), Left::Endless);
    }

    proptest! {
        #[test]
        fn on_another_machine_it_never_lives_longer(
            apart in -9_999_i64..9_999,
            wait in 0_u64..120_000,
            life in 1_u64..100_000,
            knows: bool,
        ) {
            let mut now = at(2, 5, WALL + 20_000 + wait);
            if !knows {
                now.boot = None;
            }
            let there = (WALL + 20_000).checked_add_signed(apart).unwrap();
            let written = Written { at: at(1, 500, there), life: Some(life) };
            prop_assert!(left(&written, &now) <= life.saturating_sub(wait));
        }

        #[test]
        fn no_clock_makes_a_life_longer(wall: u64, since: u64, now: u64, boots: (u8, u8)) {
            let written = Written { at: at(boots.0, 500, WALL), life: Some(60_000) };
            prop_assert!(left(&written, &at(boots.1, since, wall)) <= 60_000);
            let nameless = Now { wall: now, boot: None };
            prop_assert!(left(&written, &nameless) <= 60_000);
        }
    }
}
