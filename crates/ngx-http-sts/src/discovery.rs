//! Where an issuer has its token endpoint: its metadata, asked for before the first use and again from
//! time to time.
//!
//! Metadata are shared as tokens are: one call for them over all workers, by flights of their own
//! ([`finding::Finding`]), and kept in the zone ([`kept::Kept`]), where a new worker finds them. What a
//! worker has at hand it uses without looking there.

mod ask;
mod finding;
mod kept;

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::pin::{Pin, pin};
use std::rc::Rc;

use sts_core::cache_key::CacheKey;
use sts_core::client_auth::ClientAuth;
use sts_core::endpoint::{Endpoint, EndpointError};
use sts_core::error::{Failure, FailureKind};
use sts_core::fields::Fields;
use sts_core::life::LifePolicy;
use sts_core::metadata::Metadata;
use sts_flight::ahead::Freshness;
use sts_flight::failed::{Exceeded, Failed};
use sts_flight::flights::{self, Lookup};
use sts_net::backoff::Backoff;

use crate::discovery::ask::{Ask, Question};
use crate::discovery::finding::{Finding, Wait};
use crate::discovery::kept::Kept;
use crate::http::{Destination, Limit};
use crate::nginx::clock;
use crate::nginx::log::{self, Level};
use crate::nginx::task;
use crate::nginx::timer::{self, Hold, Timer};
use crate::origin::Kin;
use crate::shared_zone::SharedZone;

/// Changes when what is kept does.
const LAYOUT: &[u8] = b"sts-metadata-1";

/// Seconds for which metadata serve at most, while no newer ones can be had: a week.
const LAST: u64 = 7 * 24 * 60 * 60;

/// Milliseconds by which the clocks of two workers may differ.
const AHEAD: u64 = 60_000;

/// An issuer, and where its token endpoint is.
pub(crate) struct Discovery {
    question: Rc<Question>,
    kin: Kin,
    /// That of the client, which TLS shows at the token endpoint.
    certificate: Option<ClientAuth>,
    cache: Rc<Kept>,
    key: CacheKey,
    /// Seconds after which newer metadata are asked for.
    refresh: u64,
    at_hand: RefCell<Option<Told>>,
    backoff: Cell<Backoff>,
    /// The last one.
    failure: RefCell<Option<Failure>>,
    is_attempting: Cell<bool>,
    /// Milliseconds that the most patient exchange gives a call.
    longest: Cell<u64>,
}

/// The metadata that this worker uses.
struct Told {
    /// When they were asked for, in milliseconds since 1970.
    asked: u64,
    place: Rc<Place>,
}

/// The token endpoint.
pub(crate) struct Place {
    pub(crate) endpoint: Endpoint,
    pub(crate) destination: Rc<Destination>,
}

/// A wait for the token endpoint; it ends with what is left of the time, in milliseconds.
type Looking = Pin<Box<dyn Future<Output = Result<(Rc<Place>, u64), Failed>>>>;

/// The issuers of a configuration.
#[derive(Default)]
pub(crate) struct Discoveries(Vec<Rc<Discovery>>);

impl Discoveries {
    /// The issuer at a destination that was made of its URL. `zone` is where its metadata are kept,
    /// `refresh` the seconds after which newer ones are asked for. `make_kin` is called for a new one.
    ///
    /// # Errors
    /// What is wrong, as a lower-case fragment.
    pub(crate) fn of(
        &mut self,
        issuer: &Endpoint,
        at: &Rc<Destination>,
        auth: &ClientAuth,
        zone: Option<&Rc<SharedZone>>,
        refresh: u64,
        make_kin: impl FnOnce() -> Result<Kin, String>,
    ) -> Result<Rc<Discovery>, String> {
        let mut fields = Fields::new(LAYOUT);
        fields.push(issuer.url().as_bytes());
        fields.push(&at.identity());
        let key = CacheKey(fields.finish());
        let certificate = auth.key_pair().map(|_| auth.clone());
        let is_same = |known: &&Rc<Discovery>| {
            known.key == key
                && known.certificate == certificate
                && known.refresh == refresh
                && known.cache.is_in(zone)
        };
        if let Some(known) = self.0.iter().find(is_same) {
            return Ok(known.clone());
        }
        let forms = issuer.metadata().map_err(|error: EndpointError| error.to_string())?;
        let question = Rc::new(Question { issuer: issuer.clone(), forms, at: at.clone() });
        let discovery = Rc::new(Discovery {
            question,
            kin: make_kin()?,
            certificate,
            cache: Rc::new(Kept::new(zone.cloned())),
            key,
            refresh,
            at_hand: RefCell::default(),
            backoff: Cell::default(),
            failure: RefCell::default(),
            is_attempting: Cell::default(),
            longest: Cell::default(),
        });
        self.0.push(discovery.clone());
        Ok(discovery)
    }
}

impl Discovery {
    /// Where the token endpoint is, and what is left of the time. A request that has to wait for that does
    /// so for at most `time` milliseconds; `hold` tells whether a worker that shuts down waits, too.
    ///
    /// Boxed, because most calls do not need it: their task has to have no room for this.
    pub(crate) fn look(self: &Rc<Self>, limit: &Limit, time: u64, hold: &Hold) -> Looking {
        let (discovery, limit, hold) = (self.clone(), *limit, hold.clone());
        let end = timer::now().saturating_add(time);
        Box::pin(async move {
            let place = discovery.place(&limit, time, hold).await?;
            Ok((place, end.saturating_sub(timer::now())))
        })
    }

    async fn place(
        self: &Rc<Self>,
        limit: &Limit,
        time: u64,
        hold: Hold,
    ) -> Result<Rc<Place>, Failed> {
        if let Some(place) = self.place_at_hand(limit) {
            return Ok(place);
        }
        let patience = self.backoff.get().patience(timer::now());
        let impatient =
            self.failure.borrow().clone().filter(|_| patience.is_some_and(|it| it < time));
        if patience == Some(0)
            && let Some(failure) = impatient
        {
            return Err(failure.into());
        }
        // It goes on without this request, and tells the next ones how it ended.
        self.attempt(limit, LAST);
        let lookup = self.look_up(limit, LAST)?;
        let deadline = pin!(Timer::new(patience.map_or(time, |patience| patience.min(time)), hold));
        match timer::before(deadline, pin!(self.end(lookup))).await {
            Some(Ok(())) => self.place_at_hand(limit).ok_or_else(|| {
                self.question.failure(FailureKind::BadAnswer, "they are too old").into()
            }),
            Some(Err(failed)) => Err(failed),
            None => Err(impatient.map_or_else(|| self.out_of_time(time), Failed::from)),
        }
    }

    fn out_of_time(&self, time: u64) -> Failed {
        let reason = format!("no answer within {time} ms");
        let failure = self.question.failure(FailureKind::Timeout, &reason);
        Failed { failure, exceeded: Some(Exceeded::Time) }
    }

    /// What this worker knows already. Where that gets old, newer metadata are asked for meanwhile.
    fn place_at_hand(self: &Rc<Self>, limit: &Limit) -> Option<Rc<Place>> {
        let (asked, place) = {
            let at_hand = self.at_hand.borrow();
            let told = at_hand.as_ref()?;
            (told.asked, told.place.clone())
        };
        let now = clock::milliseconds();
        let is_over = |seconds: u64| is_over(asked, seconds, now);
        if is_over(LAST) {
            return None;
        }
        // What is from later than now is from before the clock was set back.
        if is_over(self.refresh) || asked > now.saturating_add(AHEAD) {
            self.refresh(limit);
        }
        Some(place)
    }

    /// Asks for newer metadata, which no request waits for.
    fn refresh(self: &Rc<Self>, limit: &Limit) {
        if !self.backoff.get().is_pause(timer::now()) {
            self.attempt(limit, self.refresh);
        }
    }

    /// Finds metadata that are at most so many seconds old, or waits for the call for them, and notes how
    /// that ended. One attempt is enough.
    fn attempt(self: &Rc<Self>, limit: &Limit, seconds: u64) {
        self.longest.set(self.longest.get().max(limit.timeout));
        if self.is_attempting.get() {
            return;
        }
        // One that others give less time must not keep failing for those that give more.
        let limit = Limit { timeout: self.longest.get(), ..*limit };
        // Looked up here, so that the call is made for this, and not for a request that may leave.
        let lookup = self.look_up(&limit, seconds);
        self.is_attempting.set(true);
        self.backoff.update(|mut backoff| {
            backoff.begin(timer::now());
            backoff
        });
        // Made here: a task that is cancelled before it first runs has to give its turn up, too.
        let turn = Turn(self.clone());
        task::spawn(Box::pin(async move {
            let discovery = &turn.0;
            let found = match lookup {
                Ok(lookup) => discovery.end(lookup).await,
                Err(failure) => Err(failure.into()),
            };
            discovery.note(found);
        }));
    }

    fn note(&self, found: Result<(), Failed>) {
        let mut backoff = self.backoff.get();
        match found {
            Ok(()) => backoff.succeed(),
            // The issuer was not asked, of which it says nothing.
            Err(failed) if failed.is_of_worker() => backoff.give_up(),
            Err(Failed { failure, .. }) => {
                backoff.fail(timer::now());
                let now = clock::milliseconds();
                let serves = |told: &Told| !is_over(told.asked, LAST, now);
                // Without any, each request tells of its own failure.
                if self.at_hand.borrow().as_ref().is_some_and(serves) {
                    log::cycle(
                        Level::Warn,
                        format_args!(
                            "sts: {}: {failure}; what was told before serves on",
                            failure.kind.name()
                        ),
                    );
                }
                self.failure.replace(Some(failure));
            }
        }
        self.backoff.set(backoff);
    }

    /// Looks for metadata that are at most so many seconds old: in the zone, else where the issuer tells
    /// them.
    fn look_up(&self, limit: &Limit, seconds: u64) -> Result<Lookup<Finding>, Failure> {
        let policy = LifePolicy { cap: seconds, leeway: 0 };
        let ask = || Ask { question: self.question.clone(), limit: *limit, policy };
        let fresh = Freshness::default();
        flights::lookup::<Finding>(&self.cache, self.key, &policy, fresh, |_| Ok(()), ask)
    }

    /// Uses what was looked for, when it is there.
    async fn end(&self, lookup: Lookup<Finding>) -> Result<(), Failed> {
        let granted = match lookup {
            Lookup::Hit(granted) => granted,
            Lookup::Refused(failure) => return Err(failure.into()),
            Lookup::Waits(waiting) => Wait(waiting).await?,
        };
        self.take(granted.token.issued().expose()).map_err(|problem| {
            // The next request asks anew.
            self.cache.forget(&self.key);
            self.question.failure(FailureKind::BadAnswer, &problem).into()
        })
    }

    /// Uses metadata as they are kept.
    fn take(&self, kept: &[u8]) -> Result<(), String> {
        let (asked, document) = ask::unpack(kept).ok_or("what is kept of them is cut off")?;
        let metadata = Metadata::read(document, &self.question.issuer)?;
        let certificate = self.certificate.as_ref();
        let endpoint = metadata.token_endpoint(certificate.is_some());
        let mut at_hand = self.at_hand.borrow_mut();
        let known = at_hand.as_ref().map(|told| &told.place);
        let place = match known.filter(|place| place.endpoint == *endpoint) {
            // With its connections.
            Some(place) => place.clone(),
            None => {
                let destination = self.question.at.derive(endpoint, &self.kin, certificate)?;
                let destination = Rc::new(destination);
                Rc::new(Place { endpoint: endpoint.clone(), destination })
            }
        };
        *at_hand = Some(Told { asked, place });
        Ok(())
    }
}

/// Whether what was asked for then is older than so many seconds.
fn is_over(asked: u64, seconds: u64, now: u64) -> bool {
    asked.saturating_add(seconds.saturating_mul(1000)) <= now
}

/// The turn of the task that asks for metadata.
struct Turn(Rc<Discovery>);

impl Drop for Turn {
    fn drop(&mut self) {
        self.0.is_attempting.set(false);
        self.0.backoff.update(|mut backoff| {
            backoff.give_up();
            backoff
        });
    }
}
