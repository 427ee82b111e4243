//! What a request asks an STS for, and the call that gets it.
//!
//! A call belongs to the worker, not to the request that started it: it owns all that it uses, a client
//! that leaves does not take it away from the others, and it fills the cache for what comes next.

mod brought;

use std::cell::Cell;
use std::rc::Rc;

use sts_core::error::Failure;
use sts_core::expiry::Expiry;
use sts_core::issued::Said;
use sts_core::life::{self, Doubt, LifePolicy};
use sts_core::now::UnixTime;
use sts_core::parameters::ACTOR_TOKEN;
use sts_core::profile::{Incoming, Names, Subject};
use sts_core::secret::Secret;
use sts_core::source;
use sts_core::target::Target;
use sts_counters::words::Word;
use sts_flight::failed::{Exceeded, Failed};
use sts_flight::host;
use sts_flight::token::{Token, Validity};
use sts_net::calls::Share;
use sts_net::http1::answer::Answer;

use crate::call::Call;
use crate::callee::Callee;
use crate::discovery::Place;
use crate::http::{self, Destination, Message};
use crate::minter::{Bounds, NoTurn, Turn};
use crate::nginx::clock;
use crate::nginx::log::{self, Level};
use crate::nginx::timer::{self, Hold};
use crate::report;
pub(crate) use brought::{Brought, Header, Minted, Renewed};

/// What a request asks an STS for.
pub(crate) struct Ask {
    pub(crate) callee: Rc<Callee>,
    pub(crate) brought: Brought,
    /// What of that the gateway has made itself.
    pub(crate) minted: Vec<Minted>,
    pub(crate) client_id: Option<Rc<[u8]>>,
    pub(crate) username: Option<Rc<[u8]>>,
    /// Milliseconds that the request waits for it.
    pub(crate) time: u64,
    /// What its calls have in common with others, and share places for.
    pub(crate) share: Option<Share>,
    /// The source token was looked at, and is bound to no key of its client.
    pub(crate) unbound: bool,
}

impl host::Ask for Ask {
    type Hold = Hold;

    fn timeout(&self) -> u64 {
        self.time
    }

    /// What was left for a request in a chain does not bound the call for the next token.
    fn timeout_alone(&self) -> u64 {
        self.callee.limit.timeout
    }

    fn policy(&self) -> &LifePolicy {
        &self.callee.life
    }

    fn is_ended_by(&self, exceeded: &Exceeded) -> bool {
        let limit = &self.callee.limit;
        match exceeded {
            Exceeded::Calls(calls) => {
                limit.calls.running <= calls.running && limit.calls.queued <= calls.queued
            }
            Exceeded::Share(value) => self.share.is_some_and(|share| share.value == *value),
            Exceeded::Breaker => limit.breaker.is_some(),
            Exceeded::Response(bytes) => limit.response <= *bytes,
            Exceeded::TokenType(token_type) => self.callee.token_types.check(token_type).is_err(),
            Exceeded::Time | Exceeded::Worker => true,
        }
    }

    fn call(
        &self,
        time: u64,
        sent: &Cell<bool>,
        hold: Hold,
    ) -> impl Future<Output = Result<Token, Failed>> {
        self.call_within(time, sent, hold)
    }

    fn refresh_failed(&self, failure: &Failure, took: u64, is_dropped: bool) {
        report::refresh(&self.callee, failure, took, is_dropped);
    }

    fn failed_after_leaving(&self, failure: &Failure, took: u64) {
        report::abandoned(&self.callee, failure, took);
    }
}

impl Ask {
    /// Calls `use_it` with what the protocol needs of the request.
    fn with_subject<R>(
        &self,
        brought: &Brought,
        use_it: impl FnOnce(&Subject<'_>, &Names<'_>) -> R,
    ) -> R {
        let parameters = brought.parameters.list();
        let subject = Subject { source: brought.token.expose(), parameters: &parameters };
        let names = Names {
            client_id: self.client_id.as_deref(),
            username: self.username.as_deref(),
            assertion: brought.assertion.as_ref().map(Secret::expose),
        };
        use_it(&subject, &names)
    }

    /// Waits until a token may be made anew for the call; what is then left of its time.
    async fn turn(&self, time: u64) -> Result<u64, Failed> {
        let mut long = self.minted.iter().filter(|minted| minted.once.takes_long());
        let Some(minted) = long.next() else { return Ok(time) };
        let started = timer::now();
        let bounds = Bounds { queued: minted.once.queued(), share: self.share, time };
        // Boxed: few calls need it.
        let no_turn = Box::pin(Turn::wait(bounds)).await.err();
        match (no_turn, time.saturating_sub(timer::now().saturating_sub(started))) {
            (None, left @ 1..) => Ok(left),
            (why, _) => {
                let why = why.unwrap_or(NoTurn::Late(time));
                let exceeded = match why {
                    NoTurn::Late(_) => Exceeded::Time,
                    NoTurn::Full(_) => Exceeded::Worker,
                };
                Err(Failed { failure: why.into(), exceeded: Some(exceeded) })
            }
        }
    }

    /// Calls the STS, within so many milliseconds. What this is given is no argument of an `async fn`,
    /// which would have it twice.
    fn call_within(
        &self,
        time: u64,
        sent: &Cell<bool>,
        hold: Hold,
    ) -> impl Future<Output = Result<Token, Failed>> {
        let callee = &self.callee;
        async move {
            let (place, time) = match &callee.discovery {
                Some(discovery) => {
                    let (place, left) = discovery.look(&callee.limit, time, &hold).await?;
                    (Some(place), left)
                }
                None => (None, time),
            };
            callee.credential.look();
            if let Some(credential) = &callee.proxy_credential {
                credential.look();
            }
            let time = self.turn(time).await?;
            let destination = place.as_ref().map_or(&callee.destination, |it| &it.destination);
            let started = Cell::new(clock::milliseconds());
            let renewed = Renewed::default();
            let write = || {
                started.set(clock::milliseconds());
                renewed.renew(&self.brought, &self.minted)?;
                renewed.or(&self.brought, |brought| {
                    self.with_subject(brought, |subject, names| {
                        let now = clock::now();
                        let mut outgoing = callee.profile.request_as(subject, names, &now)?;
                        brought.add_headers(&mut outgoing)?;
                        Message::new(destination, outgoing)
                    })
                })
            };
            let call = Call::to(callee, sent);
            let limit = &callee.limit;
            let http = http::Call::new(destination, write, limit, self.share, &call);
            // Boxed: it is most of the task, and one that waits for another worker, or finds the token in a
            // store, needs no room for it.
            let answer = Box::pin(http::call(&http, time, hold)).await;
            let result = match answer {
                Ok(answer) => renewed.or(&self.brought, |brought| {
                    self.read(brought, &answer, destination, started.get())
                }),
                Err(error) => {
                    error
                        .unmade()
                        .into_iter()
                        .for_each(|why| callee.tally.count(Word::unmade(why)));
                    Err(error.into_failed(&callee.limit))
                }
            };
            let call_time = call.end(result.as_ref().err().map(|failed| &failed.failure));
            match result {
                Ok(token) => Ok(Token { call_time, ..token }),
                Err(Failed { failure, exceeded }) => {
                    let failure = Failure { call_time, ..failure };
                    Err(failed_at(place.as_deref(), Failed { failure, exceeded }))
                }
            }
        }
    }

    /// The token in an answer; what was asked for was sent at `started`, in milliseconds since 1970.
    fn read(
        &self,
        brought: &Brought,
        answer: &Answer,
        destination: &Destination,
        started: u64,
    ) -> Result<Token, Failed> {
        let callee = &self.callee;
        let answer = Incoming {
            status: answer.status,
            headers: &answer.headers,
            body: answer.body.expose(),
            known: &|| {
                let known = |subject: &Subject<'_>, _: &Names<'_>| callee.profile.known(subject);
                let mut known = self.with_subject(brought, known);
                destination.tell(&mut known);
                brought.secrets().for_each(|secret| known.add(secret));
                known
            },
        };
        let issued = callee.profile.response(&answer, &clock::now());
        let source = brought.token.expose();
        let issued = issued.map_err(|failure| callee.history.judge(failure, source))?;
        if let Err(failure) = callee.token_types.check(&issued.token_type) {
            let reason = (answer.known)().mask(&failure.reason).into_owned();
            let failure = Failure { reason, ..failure };
            return Err(Failed { failure, exceeded: Some(Exceeded::TokenType(issued.token_type)) });
        }
        callee.history.succeed();
        let sent = UnixTime(started.div_ceil(1000));
        let source = brought.claims.expiry(source);
        let life = life::good_for(&issued, source, end_of_actor(brought), sent);
        if let Some(doubt) = life.doubt {
            callee.tell_of_doubt(doubt);
        }
        let look = self.with_subject(brought, |subject, names| {
            callee.expect.look(&callee.profile, &issued, subject, names)
        });
        let said = Said::of(&issued);
        Ok(Token {
            said,
            call_time: None,
            token: Target::new(issued.token),
            token_type: issued.token_type,
            validity: Validity {
                sent: started,
                good_for: life.seconds,
                at_most: u64::MAX,
                is_final: life.ends_with_source,
            },
            unbound: self.unbound,
            kept: false,
            look,
        })
    }
}

/// When the token of what acts for the subject ends.
fn end_of_actor(brought: &Brought) -> Expiry {
    let parameters = brought.parameters.list();
    let actor = parameters.iter().find(|parameter| parameter.name == ACTOR_TOKEN);
    actor.map_or(Expiry::Unsaid, |it| source::claims(it.value).expiry(it.value))
}

/// A failure at the endpoint that an issuer told of: the line of the log names the issuer.
fn failed_at(place: Option<&Place>, failed: Failed) -> Failed {
    let Some(place) = place else { return failed };
    let Failed { failure, exceeded } = failed;
    let reason = &failure.reason;
    let reason = format!("{reason}; its token endpoint is \"{}\"", place.endpoint.shown());
    Failed { failure: Failure { reason, ..failure }, exceeded }
}

impl Callee {
    /// Says, at most once a second, why a token serves one request only.
    fn tell_of_doubt(&self, doubt: Doubt) {
        let second = clock::milliseconds() / 1000;
        if self.doubted.replace(second) != second {
            log::cycle(
                Level::Warn,
                format_args!(
                    "sts: {}: {doubt}, so the token serves one request only",
                    self.subject(),
                ),
            );
        }
    }
}
