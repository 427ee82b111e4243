//! What a token says of its own end, unverified: good for being careful, never for trusting.

use thiserror::Error;

use crate::now::UnixTime;

/// When a token may not be used any more, as far as it says so itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Expiry {
    /// It says nothing.
    #[default]
    Unsaid,
    /// From then on. What lies beyond the times that can be told is far away, not over.
    At(UnixTime),
    /// It says something that cannot be read.
    Unreadable,
    /// After its first use: the `OneTimeUse` of SAML 2.0 (core, section 2.5.1.5) and the
    /// `DoNotCacheCondition` of SAML 1.1 (core, section 2.3.2.1.5).
    OneUse,
}

impl Expiry {
    /// A time that no token sees.
    pub(crate) const FAR: UnixTime = UnixTime(u64::MAX);

    /// The end of what two things must hold for.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::OneUse, _) | (_, Self::OneUse) => Self::OneUse,
            (Self::Unreadable, _) | (_, Self::Unreadable) => Self::Unreadable,
            (Self::Unsaid, said) | (said, Self::Unsaid) => said,
            (Self::At(one), Self::At(another)) => Self::At(one.min(another)),
        }
    }

    /// What a text says that is no time where it is `None`.
    pub(crate) fn read(time: Option<UnixTime>) -> Self {
        time.map_or(Self::Unreadable, Self::At)
    }

    /// Seconds that are left at a moment; none where what is said cannot be relied on.
    pub(crate) fn seconds_left(self, now: UnixTime) -> Option<u64> {
        match self {
            Self::Unsaid => None,
            Self::At(end) => Some(end.0.saturating_sub(now.0)),
            Self::Unreadable | Self::OneUse => Some(0),
        }
    }
}

/// What gives a token no life, since it cannot be read.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum Doubt {
    /// The `expires_in` of OAuth.
    #[error("the expires_in of the answer cannot be read")]
    ExpiresIn,
    /// What the issued token says itself, or the `Lifetime` that came with it.
    #[error("the expiry of the issued token cannot be read")]
    Issued,
    /// What the source token says itself.
    #[error("the expiry of the source token cannot be read")]
    Source,
    /// What the token of what acts for the subject says itself.
    #[error("the expiry of the actor token cannot be read")]
    Actor,
}

#[cfg(test)]
mod tests {
    use Expiry::{At, OneUse, Unreadable, Unsaid};

    use super::*;

    #[test]
    fn the_stricter_of_two_holds() {
        let (early, late) = (At(UnixTime(10)), At(UnixTime(20)));
        for (one, another, both) in [
            (Unsaid, Unsaid, Unsaid),
            (Unsaid, late, late),
            (early, late, early),
            (late, Unreadable, Unreadable),
            (Unsaid, OneUse, OneUse),
            (early, OneUse, OneUse),
            (Unreadable, OneUse, OneUse),
        ] {
            assert_eq!(one.and(another), both);
            assert_eq!(another.and(one), both);
        }
    }

    #[test]
    fn nothing_is_left_of_what_cannot_be_relied_on() {
        let now = UnixTime(15);
        assert_eq!(Unsaid.seconds_left(now), None);
        assert_eq!(At(UnixTime(20)).seconds_left(now), Some(5));
        assert_eq!(At(UnixTime(10)).seconds_left(now), Some(0));
        assert_eq!(At(Expiry::FAR).seconds_left(now), Some(u64::MAX - 15));
        assert_eq!(Unreadable.seconds_left(now), Some(0));
        assert_eq!(OneUse.seconds_left(now), Some(0));
    }
}
