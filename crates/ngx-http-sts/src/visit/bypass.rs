//! A visit of a request that goes on without an exchange (`STSBypass`).

use sts_core::secret::SharedSecret;
use sts_core::source;

use super::{Came, Visit, check_bound, decode, settle};
use crate::carry::accept::{self, Seen};
use crate::carry::pass;
use crate::chain::Needed;
use crate::context::{Outcome, Verdict};
use crate::nginx::phase::Next;
use crate::nginx::request::OutOfMemory;
use crate::source::Source;
use crate::values::Values;

impl Visit<'_> {
    /// The request goes on with its source. It is refused for what refuses it with an exchange, before
    /// the STS is asked: what cannot be looked at may be bound to a key. The sources of the exchanges
    /// that this one needs are treated as its own.
    pub(super) fn bypass(&self) -> Result<Next, OutOfMemory> {
        let Self { request, context, course, exchange, .. } = *self;
        let steps = exchange.chain.steps();
        let (mut own, mut kept) = (Source::new(&exchange.carrier, &[]), None);
        for one in steps.iter().map(|step| &*step.exchange).chain([&**exchange]) {
            let carrier = &one.carrier;
            let (source, body) =
                match accept::see(request, context, course, carrier, one.has_source())? {
                    Seen::Source(source, body) => (source, body),
                    Seen::Waits => return Ok(Next::Wait),
                    Seen::Refused(status) => return self.refuse_unreadable(status),
                };
            let check = |token: SharedSecret| {
                check_bound(one, &source, &|| source::claims(token.expose()).is_bound)
            };
            if let Err(failure) = decode(one, &source).and_then(check) {
                self.strip()?;
                return self.finish(own, Outcome::Failed(failure));
            }
            kept = accept::place_of(request, carrier, &source, body.as_ref())?.or(kept);
            if std::ptr::eq(one, &**exchange) {
                // What a result would be in was looked at without any.
                let is_of_visit = !steps.is_empty() && source.accepted.is_none();
                own = Source { is_of_visit, ..source };
            }
        }
        for one in steps.iter().map(|step| &*step.exchange).chain([&**exchange]) {
            accept::strip_actor(request, &one.carrier)?;
        }
        pass::clean_beside(request, course, &exchange.carrier, kept)?;
        self.finish(own, Outcome::Bypassed)
    }

    fn finish(&self, source: Source, outcome: Outcome) -> Result<Next, OutOfMemory> {
        let Self { request, exchange, .. } = *self;
        let values = Values::of(request, exchange, &source)?;
        let key = values.key(exchange, source.token.expose(), &Needed::NOTHING);
        if !matches!(outcome, Outcome::Bypassed) {
            return self.end(source, key, outcome, 0);
        }
        self.note(source, key, outcome, Verdict::Bypassed, 0);
        settle(exchange, Verdict::Bypassed, &Came::ToNone);
        Ok(Next::GoOn)
    }
}
