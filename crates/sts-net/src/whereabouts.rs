//! The addresses of a name as far as they are known, and when they are asked for again.

use crate::idle::Millis;

/// For how long no call asks again before it uses a connection that is open. A call that opens one
/// always asks: what a name server said is kept where it is asked, and for as long as it said.
const FRESH: Millis = 1_000;

/// How long a call waits for an answer when it has other addresses.
const PATIENCE: Millis = 1_000;

/// How long no call asks again after there was no answer: a name server that is away must not delay each
/// call.
const PAUSE: Millis = 5_000;

/// What a question for the addresses of a name has brought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply<A> {
    /// Its addresses, at least one.
    Found(Vec<A>),
    /// The name server says that there is no such name, or that it has no address, or refuses to say
    /// anything; and which of them.
    Gone(String),
    /// The name server could not find out (SERVFAIL).
    Failed(String),
    /// There was no answer.
    Silent(String),
}

/// Several names that are asked for one after the other until one is found, as the C library goes
/// through a search list: one that fails is skipped, a silent name server ends the search.
#[derive(Debug, Default)]
pub struct Search {
    failed: Option<String>,
    gone: Option<String>,
}

impl Search {
    /// Takes what a question has brought, and returns what ends the search.
    pub fn take<A>(&mut self, reply: Reply<A>) -> Option<Reply<A>> {
        match reply {
            Reply::Gone(why) => self.gone = Some(why),
            Reply::Failed(why) => self.failed = Some(why),
            Reply::Found(_) | Reply::Silent(_) => return Some(reply),
        }
        None
    }

    /// All names were asked for. None of them exists only if that was said of each.
    pub fn end<A>(self) -> Reply<A> {
        match (self.failed, self.gone) {
            (Some(why), _) => Reply::Failed(why),
            (None, Some(why)) => Reply::Gone(why),
            (None, None) => Reply::Silent("no name server is known".to_owned()),
        }
    }
}

/// The addresses that a name had last.
///
/// Only an answer replaces them: that there is no such name any more is one.
#[derive(Debug)]
pub struct Whereabouts<A> {
    known: Vec<A>,
    /// Up to when they are as good as a new answer for a connection that is open.
    fresh: Millis,
    /// Up to when no call asks that has an address.
    quiet: Millis,
}

impl<A> Whereabouts<A> {
    /// A name that had these addresses before any call asked, maybe none.
    pub fn new(known: Vec<A>) -> Self {
        Self { known, fresh: 0, quiet: 0 }
    }

    /// The addresses that it had last.
    pub fn known(&self) -> &[A] {
        &self.known
    }

    /// Whether a connection that is open may be used without asking whether its address is still one
    /// of the name.
    pub fn is_fresh(&self, now: Millis) -> bool {
        !self.known.is_empty() && now < self.fresh.max(self.quiet)
    }

    /// For how many milliseconds to wait for an answer, at most `time`; nothing when it is no use to
    /// ask now. Of the calls that have an address to go to one asks for all.
    pub fn ask(&mut self, now: Millis, time: Millis) -> Option<Millis> {
        if self.known.is_empty() {
            return Some(time);
        }
        if now < self.quiet {
            return None;
        }
        let patience = time.min(PATIENCE);
        self.quiet = now.saturating_add(patience);
        Some(patience)
    }

    /// Takes what came of asking, and returns the addresses to go to.
    ///
    /// # Errors
    /// There are none, and why.
    pub fn learn(&mut self, reply: Reply<A>, now: Millis) -> Result<&[A], String> {
        self.quiet = now;
        match reply {
            Reply::Found(addresses) => {
                self.known = addresses;
                self.fresh = now.saturating_add(FRESH);
            }
            Reply::Gone(why) => {
                self.known.clear();
                return Err(why);
            }
            Reply::Failed(why) | Reply::Silent(why) => {
                self.quiet = now.saturating_add(PAUSE);
                if self.known.is_empty() {
                    return Err(why);
                }
            }
        }
        Ok(&self.known)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gone() -> Reply<u8> {
        Reply::Gone("gone".into())
    }

    fn failed() -> Reply<u8> {
        Reply::Failed("failed".into())
    }

    fn silent() -> Reply<u8> {
        Reply::Silent("silent".into())
    }

    fn found(addresses: &[u8]) -> Reply<u8> {
        Reply::Found(addresses.to_vec())
    }

    #[test]
    fn only_silence_and_failure_leave_the_addresses_that_were_known() {
        for (reply, left) in [
            (found(&[3]), Ok(vec![3])),
            (failed(), Ok(vec![1, 2])),
            (silent(), Ok(vec![1, 2])),
            (gone(), Err("gone".to_owned())),
        ] {
            let mut name = Whereabouts::new(vec![1, 2]);
            assert_eq!(name.learn(reply.clone(), 0).map(<[u8]>::to_vec), left, "{reply:?}");
            assert_eq!(name.known(), left.unwrap_or_default());
        }
    }

    #[test]
    fn what_is_gone_does_not_come_back_by_silence() {
        for reply in [silent(), failed()] {
            let mut name = Whereabouts::new(vec![1]);
            assert!(name.learn(gone(), 0).is_err());
            assert!(name.learn(reply, 1).is_err());
            assert_eq!(name.learn(found(&[2]), 2), Ok(&[2][..]));
        }
    }

    #[test]
    fn a_call_without_an_address_asks_each_time_and_waits_for_as_long_as_it_may() {
        let mut name = Whereabouts::<u8>::new(Vec::new());
        assert_eq!(name.ask(0, 7_000), Some(7_000));
        assert!(name.learn(silent(), 7_000).is_err());
        assert_eq!(name.ask(7_001, 7_000), Some(7_000));
        assert!(!name.is_fresh(7_001));
    }

    #[test]
    fn one_asks_for_all_that_have_an_address() {
        let mut name = Whereabouts::new(vec![1]);
        assert_eq!(name.ask(0, 10_000), Some(PATIENCE));
        assert_eq!(name.ask(1, 10_000), None);
        assert!(name.is_fresh(1));
        // The one that asked has left without an answer.
        assert_eq!(name.ask(PATIENCE, 300), Some(300));
    }

    #[test]
    fn after_silence_no_call_asks_for_a_while() {
        let mut name = Whereabouts::new(vec![1]);
        assert_eq!(name.ask(0, 10_000), Some(PATIENCE));
        assert_eq!(name.learn(silent(), PATIENCE), Ok(&[1][..]));
        assert_eq!(name.ask(PATIENCE + PAUSE - 1, 10_000), None);
        assert!(name.is_fresh(PATIENCE + PAUSE - 1));
        assert!(!name.is_fresh(PATIENCE + PAUSE));
        assert_eq!(name.ask(PATIENCE + PAUSE, 10_000), Some(PATIENCE));
    }

    #[test]
    fn an_answer_is_good_for_open_connections_for_a_second_and_new_ones_ask() {
        let mut name = Whereabouts::new(Vec::new());
        assert_eq!(name.learn(found(&[1]), 10), Ok(&[1][..]));
        assert!(name.is_fresh(10 + FRESH - 1));
        assert!(!name.is_fresh(10 + FRESH));
        assert_eq!(name.ask(10, 10_000), Some(PATIENCE));
    }

    #[test]
    fn a_search_ends_with_the_first_name_that_is_found() {
        let mut search = Search::default();
        assert_eq!(search.take(gone()), None);
        assert_eq!(search.take(failed()), None);
        assert_eq!(search.take(found(&[1])), Some(found(&[1])));
    }

    #[test]
    fn a_name_is_gone_only_if_that_is_said_of_each_place_where_it_could_be() {
        let end = |replies: &[Reply<u8>]| {
            let mut search = Search::default();
            replies
                .iter()
                .find_map(|reply| search.take(reply.clone()))
                .unwrap_or_else(|| search.end())
        };
        assert_eq!(end(&[gone(), gone()]), gone());
        assert_eq!(end(&[gone(), failed()]), failed());
        assert_eq!(end(&[failed(), gone()]), failed());
        assert_eq!(end(&[gone(), silent(), gone()]), silent());
        assert!(matches!(end(&[]), Reply::Silent(_)));
    }
}
