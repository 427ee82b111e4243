//! The course of one request, or of one subrequest, through the phases.
//!
//! NGINX enters a location's phases again after each internal redirect. Each such visit has a number,
//! and the stage of the request's exchange belongs to one visit. What outlives a visit is the first
//! refusal, and what an earlier location has put into the request.

use std::cell::{Cell, OnceCell, RefCell};
use std::rc::Rc;

use sts_core::error::{Failure, FailureKind};

use crate::applied::Applied;
use crate::chain::Started;
use crate::conf::{Exchange, ExchangeId, LocationConf};
use crate::minter::Turn;
use crate::nginx::body::Reading;
use crate::nginx::request::{Request, RequestId};
use crate::source::Look;
use crate::sts::Sts;
use crate::worker::Waited;

/// Where a request's exchange stands in one visit.
#[derive(Clone, Default)]
pub(crate) enum Stage {
    /// Nothing was looked at yet.
    #[default]
    Fresh,
    /// NGINX reads the body, in which the source may stand.
    ReadingBody,
    /// The request waits for a call.
    Waiting(Rc<Waited>),
    /// The request waits for its turn to have a token made.
    Minting(Rc<Turn>),
    /// It has ended so; the number is that of [`crate::context::Context::ended`].
    Ended(usize),
}

/// Belongs to a request or a subrequest.
#[derive(Default)]
pub(crate) struct Course {
    id: RequestId,
    /// The visit, and the stage in it.
    stage: RefCell<(u32, Stage)>,
    refusal: Cell<Option<Refusal>>,
    /// The locations that have answered the request again after its refusal.
    answered_at: RefCell<Vec<*const LocationConf>>,
    /// What was found in the places that were looked at.
    seen: RefCell<Vec<(Rc<str>, Look)>>,
    /// What the last location has put into the request.
    applied: RefCell<Option<Rc<Applied>>>,
    /// When the exchanges that another one needs were begun.
    pub(crate) chain_started: Started,
    /// The client has sent a form, although it may be empty by now.
    had_form: Cell<bool>,
    next: OnceCell<Box<Self>>,
}

/// Why a request must not reach a backend without another exchange.
#[derive(Clone, Copy)]
pub(crate) struct Refusal {
    /// The status of the answer.
    pub(crate) status: u16,
    cause: Cause,
}

#[derive(Clone, Copy)]
enum Cause {
    /// An exchange failed.
    Exchange(ExchangeId, FailureKind),
    /// NGINX could not read the body: whether a source stands in it is not known.
    Body,
    /// The gateway cannot serve it.
    Gateway,
}

impl Refusal {
    pub(crate) fn by(exchange: &Exchange, failure: &Failure) -> Self {
        let cause = Cause::Exchange(exchange.id, failure.kind);
        Self { status: exchange.status(failure), cause }
    }

    /// The body cannot be read, which NGINX answers with this status.
    pub(crate) fn unreadable(status: u16) -> Self {
        Self { status, cause: Cause::Body }
    }

    /// The gateway cannot serve the request, whatever its exchange came to.
    pub(crate) fn whatever(status: u16) -> Self {
        Self { status, cause: Cause::Gateway }
    }

    /// The class of the failure, where an exchange failed.
    pub(crate) fn kind(self) -> Option<FailureKind> {
        match self.cause {
            Cause::Exchange(_, kind) => Some(kind),
            Cause::Body | Cause::Gateway => None,
        }
    }

    /// Whether no policy lets such a request go on: the request itself is wrong.
    pub(crate) fn is_final(self) -> bool {
        self.kind().is_none_or(FailureKind::is_of_request)
    }

    /// Whether this exchange need not be made: it is the one that failed, or none can help.
    pub(crate) fn binds(self, exchange: &Exchange) -> bool {
        self.is_final()
            || matches!(self.cause, Cause::Exchange(refused, _) if refused == exchange.id)
    }
}

impl Course {
    /// The course of a subrequest. NGINX has given it its parent's header fields, with all that was
    /// put into them; what the parent may not reach, it may not reach either.
    pub(crate) fn below(parent: &Self, id: RequestId) -> Self {
        Self {
            id,
            refusal: parent.refusal.clone(),
            applied: parent.applied.clone(),
            had_form: parent.had_form.clone(),
            ..Self::default()
        }
    }

    pub(crate) fn id(&self) -> RequestId {
        self.id
    }

    /// The next one in a list.
    pub(crate) fn next(&self) -> &OnceCell<Box<Self>> {
        &self.next
    }

    /// The stage in this visit. What another visit waited for is of no use any more.
    pub(crate) fn stage(&self, request: Request<'_>) -> Stage {
        let visit = request.visit();
        let (of, stage) = &mut *self.stage.borrow_mut();
        if *of != visit {
            let status = request.error_status();
            let status =
                UNREADABLE.into_iter().find(|known| *known == status).unwrap_or(UNREADABLE[0]);
            match std::mem::take(stage) {
                Stage::Waiting(waited) => waited.waiting.leave(),
                // A visit that follows is that of an error page, which may hide what it is for.
                Stage::ReadingBody => self.refuse(Refusal::unreadable(status)),
                Stage::Minting(turn) => turn.leave(),
                Stage::Fresh | Stage::Ended(_) => {}
            }
            *of = visit;
        }
        stage.clone()
    }

    /// Reads the body of the request; where it waits for that, so does this visit.
    pub(crate) fn read_body(&self, request: Request<'_>) -> Reading {
        let reading = request.read_body::<Sts>();
        if reading == Reading::Waits {
            self.set_stage(request.visit(), Stage::ReadingBody);
        }
        reading
    }

    pub(crate) fn set_stage(&self, visit: u32, stage: Stage) {
        self.stage.replace((visit, stage));
    }

    /// How the exchange ended in this visit, if it has.
    pub(crate) fn ended_in(&self, visit: u32) -> Option<usize> {
        match &*self.stage.borrow() {
            (of, Stage::Ended(number)) if *of == visit => Some(*number),
            _ => None,
        }
    }

    /// How the exchange ended in the last visit that had one.
    pub(crate) fn ended_last(&self) -> Option<usize> {
        match &*self.stage.borrow() {
            (_, Stage::Ended(number)) => Some(*number),
            _ => None,
        }
    }

    /// The body is there. Whether a visit has waited for it.
    pub(crate) fn stop_reading(&self) -> bool {
        let (_, stage) = &mut *self.stage.borrow_mut();
        let was_reading = matches!(stage, Stage::ReadingBody);
        if was_reading {
            *stage = Stage::Fresh;
        }
        was_reading
    }

    /// The request is refused; the first refusal counts.
    pub(crate) fn refuse(&self, refusal: Refusal) {
        if self.refusal.get().is_none() {
            self.refusal.set(Some(refusal));
        }
    }

    pub(crate) fn refusal(&self) -> Option<Refusal> {
        self.refusal.get()
    }

    /// Whether the body could not be read: what is there of it is no form.
    pub(crate) fn has_unreadable_body(&self) -> bool {
        self.refusal.get().is_some_and(|refusal| matches!(refusal.cause, Cause::Body))
    }

    /// Whether this location answers the refused request for the first time.
    pub(crate) fn is_first_answer_at(&self, location: &LocationConf) -> bool {
        let mut known = self.answered_at.borrow_mut();
        let is_first = !known.iter().any(|one| std::ptr::eq(*one, location));
        if is_first {
            known.push(location);
        }
        is_first
    }

    /// What was found in a place, if it was looked at.
    pub(crate) fn seen_in(&self, place: &str) -> Option<Look> {
        let seen = self.seen.borrow();
        seen.iter().find(|(known, _)| **known == *place).map(|(_, look)| look.clone())
    }

    pub(crate) fn saw(&self, place: Rc<str>, look: Look) {
        let mut seen = self.seen.borrow_mut();
        // As a rule there is one place, and no room is wanted for others.
        seen.reserve_exact(1);
        seen.push((place, look));
    }

    pub(crate) fn applied(&self) -> Option<Rc<Applied>> {
        self.applied.borrow().clone()
    }

    pub(crate) fn set_applied(&self, applied: Applied) {
        self.applied.replace(Some(Rc::new(applied)));
    }

    /// Whether the client has sent a form with something in it, as far as that was looked at.
    pub(crate) fn had_form(&self) -> bool {
        self.had_form.get()
    }

    pub(crate) fn note_form(&self) {
        self.had_form.set(true);
    }
}

/// Statuses that NGINX has for a body that it cannot read, the first one where it does not tell.
const UNREADABLE: [u16; 3] = [400, 408, 413];
