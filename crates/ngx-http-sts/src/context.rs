//! What is known of a client's request and of its subrequests, over internal redirects too.

use std::cell::{Cell, OnceCell, RefCell};
use std::rc::Rc;

use sts_core::cache_key::CacheKey;
use sts_core::error::{Failure, FailureKind};
use sts_flight::granted::Granted;

use crate::chain::Results;
use crate::conf::{Exchange, ExchangeId};
use crate::course::Course;
use crate::nginx::request::{Request, RequestId};
use crate::purge::purging::Purging;
use crate::source::Source;
use crate::status::Scrape;

/// Belongs to one request of a client and ends with it: a token that is held here can be seen by no
/// other request.
#[derive(Default)]
pub(crate) struct Context {
    /// Every exchange that has ended, the first one first. None is dropped before the request:
    /// NGINX may still refer to its token.
    first: OnceCell<Ended>,
    /// The course of the client's own request.
    main: Course,
    /// The courses of its subrequests.
    subrequests: OnceCell<Box<Course>>,
    warned: Cell<bool>,
    /// The backends that had been asked when the request was sent once more.
    sent_again: Cell<Option<usize>>,
    /// What exchanges have brought that others need.
    pub(crate) results: Results,
    /// The purge that the request asked for.
    purging: RefCell<Option<Rc<Purging>>>,
    /// The answer that is written for it (`STSStatus`).
    scrape: RefCell<Option<Rc<Scrape>>>,
}

/// An exchange that has ended for a request or a subrequest.
pub(crate) struct Ended {
    pub(crate) course: RequestId,
    pub(crate) exchange: Rc<Exchange>,
    pub(crate) source: Source,
    /// What was asked for: the same exchange may ask for something else in another location, when its
    /// parameters hold variables.
    pub(crate) key: CacheKey,
    pub(crate) outcome: Outcome,
    pub(crate) verdict: Verdict,
    /// Milliseconds that the request waited for it.
    pub(crate) took: u64,
    /// A backend does not take the token: what comes after asks for another one.
    pub(crate) is_suspect: Cell<bool>,
    pub(crate) next: OnceCell<Box<Self>>,
}

/// How an exchange ended.
pub(crate) enum Outcome {
    Granted(Granted),
    Failed(Failure),
    /// It was not made: the STS has refused the same a short time ago.
    Remembered(Failure),
    /// As the one of this number.
    Same(usize),
    /// None was made (`STSBypass`).
    Bypassed,
}

/// What its location makes of it. A token that was issued may be one that the location cannot use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Granted,
    /// It failed, and the request goes on without a token (`STSOnError pass`).
    Passed(FailureKind),
    /// It failed, and the request is refused.
    Refused(FailureKind),
    /// It was not made, and the request goes on with its source.
    Bypassed,
}

impl Context {
    /// The course of a request, if it has one. Only a client's own request always has.
    pub(crate) fn known_course(&self, request: Request<'_>) -> Option<&Course> {
        if request.is_main() {
            return Some(&self.main);
        }
        let id = request.id();
        self.subrequests().find(|course| course.id() == id)
    }

    /// The course of a request, begun where there is none.
    pub(crate) fn course(&self, request: Request<'_>) -> &Course {
        if let Some(course) = self.known_course(request) {
            return course;
        }
        let parent = self.line(request).next().unwrap_or(&self.main);
        let new = Box::new(Course::below(parent, request.id()));
        let last = self.subrequests().last().map_or(&self.subrequests, Course::next);
        last.get_or_init(|| new)
    }

    /// The course of the client's own request.
    pub(crate) fn main_course(&self) -> &Course {
        &self.main
    }

    /// The courses of a request and of those that it is a subrequest of, its own one first.
    pub(crate) fn line<'c>(&'c self, request: Request<'c>) -> impl Iterator<Item = &'c Course> {
        let requests = std::iter::successors(Some(request), |request| request.parent());
        requests.filter_map(|request| self.known_course(request))
    }

    fn subrequests(&self) -> impl Iterator<Item = &Course> {
        let first = self.subrequests.get().map(|course| &**course);
        std::iter::successors(first, |course| course.next().get().map(|next| &**next))
    }

    /// Notes how an exchange ended, and gives it a number.
    pub(crate) fn push(&self, ended: Ended) -> usize {
        let Err(ended) = self.first.set(ended) else { return 0 };
        let number = self.all().count();
        if let Some(last) = self.all().last() {
            // Nothing is behind the last one.
            let _ = last.next.set(Box::new(ended));
        }
        number
    }

    /// All that have ended, the first one first.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Ended> {
        std::iter::successors(self.first.get(), |ended| ended.next.get().map(|next| &**next))
    }

    /// The one of a number.
    pub(crate) fn ended(&self, number: usize) -> Option<&Ended> {
        self.all().nth(number)
    }

    /// The last one of a request, else of the one that it is a subrequest of.
    pub(crate) fn last_of<'c>(
        &'c self,
        request: Request<'c>,
        is_it: impl Fn(&Ended) -> bool,
    ) -> Option<&'c Ended> {
        self.line(request).find_map(|course| {
            self.all().filter(|ended| ended.course == course.id() && is_it(ended)).last()
        })
    }

    /// The one that asked for the same, for whichever request of the client.
    pub(crate) fn same(
        &self,
        exchange: ExchangeId,
        key: &CacheKey,
        fault: Option<&Failure>,
    ) -> Option<usize> {
        self.all().position(|ended| {
            ended.exchange.id == exchange
                && ended.key == *key
                && !ended.is_suspect.get()
                && ended.source.fault.as_deref() == fault
                && !matches!(ended.outcome, Outcome::Same(_) | Outcome::Bypassed)
        })
    }

    /// The token of an exchange, or why there is none.
    pub(crate) fn result<'c>(
        &'c self,
        outcome: &'c Outcome,
    ) -> Option<Result<&'c Granted, &'c Failure>> {
        match outcome {
            Outcome::Granted(granted) => Some(Ok(granted)),
            Outcome::Failed(failure) | Outcome::Remembered(failure) => Some(Err(failure)),
            Outcome::Bypassed => None,
            // It is of an earlier one, and that is no such itself.
            Outcome::Same(number) => match &self.ended(*number)?.outcome {
                Outcome::Granted(granted) => Some(Ok(granted)),
                Outcome::Failed(failure) | Outcome::Remembered(failure) => Some(Err(failure)),
                Outcome::Same(_) | Outcome::Bypassed => None,
            },
        }
    }

    /// Whether the STS was not asked, since it has refused the same a short time ago.
    pub(crate) fn is_remembered(&self, outcome: &Outcome) -> bool {
        match outcome {
            Outcome::Remembered(_) => true,
            Outcome::Same(number) => {
                let same = self.ended(*number);
                same.is_some_and(|same| matches!(same.outcome, Outcome::Remembered(_)))
            }
            Outcome::Granted(_) | Outcome::Failed(_) | Outcome::Bypassed => false,
        }
    }

    /// The token that a request may use, where its location found no fault with it.
    pub(crate) fn granted<'c>(&'c self, ended: &'c Ended) -> Option<&'c Granted> {
        let is_granted = ended.verdict == Verdict::Granted;
        self.result(&ended.outcome).filter(|_| is_granted)?.ok()
    }

    /// The purge that the request waits for.
    pub(crate) fn purging(&self) -> Option<Rc<Purging>> {
        self.purging.borrow().clone()
    }

    pub(crate) fn set_purging(&self, purging: Rc<Purging>) {
        self.purging.replace(Some(purging));
    }

    /// The answer that the request waits for.
    pub(crate) fn scrape(&self) -> Option<Rc<Scrape>> {
        self.scrape.borrow().clone()
    }

    pub(crate) fn set_scrape(&self, scrape: Rc<Scrape>) {
        self.scrape.replace(Some(scrape));
    }

    /// Backends that were asked before the request was sent once more, if it was.
    pub(crate) fn sent_again_after(&self) -> Option<usize> {
        self.sent_again.get()
    }

    /// The request is sent once more, after so many backends were asked: what was brought for it by an
    /// exchange does not count any more.
    pub(crate) fn send_again(&self, asked: usize, ended: &Ended) {
        self.sent_again.set(Some(asked));
        let is_same = |one: &&Ended| one.exchange.id == ended.exchange.id && one.key == ended.key;
        self.all().filter(is_same).for_each(|one| one.is_suspect.set(true));
    }

    /// Whether this is the first time.
    pub(crate) fn warn_once(&self) -> bool {
        !self.warned.replace(true)
    }
}
