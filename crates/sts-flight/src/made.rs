//! What a worker makes itself, at once. No worker is elected for it and no request waits: to wait for
//! another one would take longer than to make it twice.

use sts_core::life::LifePolicy;

use crate::granted::{CacheStatus, Granted};
use crate::token::{Token, Validity};

/// The place of one token in a shared cache.
pub trait Shelf {
    /// Looks for a token that suits. Where there is none, says under which number one is kept that is made
    /// now; none, where nothing can be kept.
    ///
    /// # Errors
    /// There is none: the number.
    fn look(&self, suits: impl Fn(&Validity) -> bool) -> Result<Token, Option<u64>>;

    /// Keeps a token that was made since the number was given, for as long as it is good and some location
    /// would use it. Returns whether it is kept.
    fn keep(&self, number: u64, token: &Token) -> bool;
}

/// Takes a token from its place, or makes it. `now` is in milliseconds since 1970.
///
/// # Errors
/// It is not made.
pub fn take_or_make<E>(
    shelf: Option<&impl Shelf>,
    policy: &LifePolicy,
    now: u64,
    make: impl FnOnce() -> Result<Token, E>,
) -> Result<Granted, E> {
    let number = match shelf.map(|shelf| shelf.look(|validity| validity.suits(policy, now))) {
        Some(Ok(token)) => return Ok(token.granted(policy, CacheStatus::Hit)),
        Some(Err(number)) => number,
        None => None,
    };
    let mut token = make()?;
    if let Some((shelf, number)) = shelf.zip(number) {
        token.kept = shelf.keep(number, &token);
    }
    Ok(token.granted(policy, CacheStatus::Miss))
}

#[cfg(test)]
mod tests {
    use std::cell::{Cell, RefCell};

    use sts_core::error::{Failure, FailureKind};
    use sts_core::expect::{Findings, Look};
    use sts_core::issued::{Said, TokenType};
    use sts_core::secret::Secret;
    use sts_core::target::Target;

    use super::*;

    const NOW: u64 = 1_000_000;
    const POLICY: LifePolicy = LifePolicy { cap: 300, leeway: 6_000 };

    fn token(text: &str, sent: u64, good_for: u64) -> Token {
        Token {
            token: Target::new(Secret::new(text)),
            token_type: TokenType::Unsaid,
            validity: Validity {
                sent,
                good_for: Some(good_for),
                at_most: u64::MAX,
                is_final: false,
            },
            unbound: true,
            kept: false,
            look: Look { findings: Findings::default(), is_expected: true },
            said: Said::default(),
            call_time: None,
        }
    }

    /// Holds one text.
    #[derive(Default)]
    struct One {
        text: RefCell<Option<(String, Validity)>>,
        number: Cell<u64>,
        is_full: bool,
    }

    impl Shelf for One {
        fn look(&self, suits: impl Fn(&Validity) -> bool) -> Result<Token, Option<u64>> {
            if let Some((text, validity)) = &*self.text.borrow()
                && suits(validity)
            {
                return Ok(Token { validity: *validity, kept: true, ..token(text, 0, 0) });
            }
            self.number.set(self.number.get() + 1);
            Err((!self.is_full).then(|| self.number.get()))
        }

        fn keep(&self, number: u64, token: &Token) -> bool {
            assert_eq!(number, self.number.get());
            let text = String::from_utf8(token.token.issued().expose().to_vec()).unwrap();
            self.text.replace(Some((text, token.validity)));
            true
        }
    }

    fn text(granted: &Granted) -> &[u8] {
        granted.token.issued().expose()
    }

    #[test]
    fn a_token_is_made_once_and_used_until_its_leeway() {
        let shelf = One::default();
        let at = |now: u64| {
            take_or_make(Some(&shelf), &POLICY, now, || {
                Ok::<_, Failure>(token(&now.to_string(), now, 60))
            })
        };
        let first = at(NOW).unwrap();
        assert_eq!((first.status, first.until), (CacheStatus::Miss, NOW + 54_000));
        let second = at(NOW + 53_999).unwrap();
        assert_eq!((second.status, text(&second)), (CacheStatus::Hit, &b"1000000"[..]));
        let third = at(NOW + 54_000).unwrap();
        assert_eq!((third.status, text(&third)), (CacheStatus::Miss, &b"1054000"[..]));
    }

    #[test]
    fn without_a_place_each_request_gets_its_own() {
        let full = One { is_full: true, ..One::default() };
        for shelf in [None, Some(&full)] {
            let made = take_or_make(shelf, &POLICY, NOW, || Ok::<_, Failure>(token("a", NOW, 60)))
                .unwrap();
            assert_eq!((made.status, made.until), (CacheStatus::Miss, 0));
        }
        assert!(full.text.borrow().is_none());
    }

    #[test]
    fn what_cannot_be_made_is_not_kept() {
        let shelf = One::default();
        let failed = take_or_make(Some(&shelf), &POLICY, NOW, || {
            Err(Failure::new(FailureKind::BadToken, "no"))
        });
        assert_eq!(failed.map(|_| ()).unwrap_err().kind, FailureKind::BadToken);
        assert!(shelf.text.borrow().is_none());
    }
}
