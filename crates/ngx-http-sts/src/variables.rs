//! What can be read about an exchange.

use sts_core::carry::place::Kind;
use sts_core::claim;

use crate::carry::pass::written;
use crate::context::{Context, Ended, Verdict};
use crate::nginx::clock;
use crate::nginx::conf::Conf;
use crate::nginx::log::Level;
use crate::nginx::request::Request;
use crate::nginx::value::Reported;
use crate::nginx::variable::{self, Guard, PrefixReader, Reader};
use crate::served::Served;

/// What a variable tells of the last exchange of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fact {
    Status,
    Error,
    ExpiresIn,
    Exchange,
    ExchangeTime,
    CallTime,
    IssuedTokenType,
    Scope,
    Key,
}

impl Fact {
    /// Those that nothing else may define.
    const FIRST: [(&str, Self); 3] = [
        ("sts_status", Self::Status),
        ("sts_error", Self::Error),
        ("sts_expires_in", Self::ExpiresIn),
    ];

    /// Those that came later: a configuration may have given the name another value.
    const LATER: [(&str, Self); 6] = [
        ("sts_exchange", Self::Exchange),
        ("sts_exchange_time", Self::ExchangeTime),
        ("sts_call_time", Self::CallTime),
        ("sts_issued_token_type", Self::IssuedTokenType),
        ("sts_scope", Self::Scope),
        ("sts_key", Self::Key),
    ];

    /// The one that has this number as its data.
    fn numbered(number: usize) -> Option<Self> {
        let mut all = Self::FIRST.into_iter().chain(Self::LATER).map(|(_, fact)| fact);
        all.find(|fact| *fact as usize == number)
    }
}

/// Defines the variables that tell what happened.
pub(crate) fn define_facts(conf: &Conf<'_>) -> Result<(), Reported> {
    Fact::FIRST
        .into_iter()
        .try_for_each(|(name, fact)| variable::define::<Fact>(conf, name, fact as usize))?;
    Fact::LATER
        .into_iter()
        .try_for_each(|(name, fact)| variable::define_weak::<Fact>(conf, name, fact as usize))?;
    variable::define_prefix::<Claim>(conf)
}

/// `$sts_claim_name`: a claim of the target token of the last exchange.
struct Claim;

impl PrefixReader for Claim {
    const PREFIX: &'static str = "sts_claim_";

    fn read<'r>(request: Request<'r>, name: &str) -> Option<&'r [u8]> {
        let context = request.context()?;
        let granted = context.granted(context.last_of(request, |_| true)?)?;
        let text = claim::text(granted.token.encoded(None)?.expose(), name)?;
        request.bytes(text.as_bytes()).ok()
    }
}

impl Reader for Fact {
    fn read(request: Request<'_>, data: usize) -> Option<&[u8]> {
        fact(request, data)
    }
}

/// `$sts_status` and the others: nothing without an exchange.
fn fact(request: Request<'_>, fact: usize) -> Option<&[u8]> {
    let context = request.context()?;
    let ended = context.last_of(request, |_| true)?;
    match (Fact::numbered(fact)?, ended.verdict) {
        (Fact::Status, Verdict::Granted) => Some(context.granted(ended)?.status.name().as_bytes()),
        (Fact::Status, Verdict::Passed(_) | Verdict::Refused(_))
            if context.is_remembered(&ended.outcome) =>
        {
            Some(b"NEGATIVE")
        }
        (Fact::Status, Verdict::Passed(_)) => Some(b"PASSED"),
        (Fact::Status, Verdict::Refused(_)) => Some(b"FAILED"),
        (Fact::Status, Verdict::Bypassed) => Some(b"BYPASS"),
        (Fact::Error, Verdict::Passed(kind) | Verdict::Refused(kind)) => {
            Some(kind.name().as_bytes())
        }
        (Fact::ExpiresIn, Verdict::Granted) => {
            let until = context.granted(ended)?.until;
            let left = until.saturating_sub(clock::milliseconds()) / 1000;
            request.bytes(left.to_string().as_bytes()).ok()
        }
        (Fact::Exchange, _) => Some(ended.exchange.way.tally().name.as_bytes()),
        (Fact::ExchangeTime, Verdict::Granted | Verdict::Passed(_) | Verdict::Refused(_)) => {
            seconds(request, ended.took)
        }
        (Fact::CallTime, _) => {
            let took = match context.result(&ended.outcome)? {
                Ok(granted) => granted.call_time,
                Err(failure) => failure.call_time,
            };
            seconds(request, took?)
        }
        (Fact::IssuedTokenType, Verdict::Granted) => {
            context.granted(ended)?.said.issued_token_type.as_deref().map(str::as_bytes)
        }
        (Fact::Scope, Verdict::Granted) => {
            context.granted(ended)?.said.scope.as_deref().map(str::as_bytes)
        }
        (Fact::Key, _) => {
            let alias = ended.exchange.cache.as_ref()?.alias(&ended.key)?;
            let digits: String = alias.iter().map(|byte| format!("{byte:02x}")).collect();
            request.bytes(digits.as_bytes()).ok()
        }
        (Fact::Error, Verdict::Granted | Verdict::Bypassed)
        | (Fact::ExpiresIn | Fact::IssuedTokenType | Fact::Scope, _)
        | (Fact::ExchangeTime, Verdict::Bypassed) => None,
    }
}

/// Seconds with milliseconds, as `$upstream_response_time` has them.
fn seconds(request: Request<'_>, milliseconds: u64) -> Option<&[u8]> {
    let text = format!("{}.{:03}", milliseconds / 1000, milliseconds % 1000);
    request.bytes(text.as_bytes()).ok()
}

/// Defines `$sts_source_token`, where the name has no value from elsewhere.
pub(crate) fn define_source(conf: &Conf<'_>) -> Result<(), Reported> {
    variable::define_weak::<Source>(conf, "sts_source_token", 0)
}

struct Source;

impl Reader for Source {
    fn read(request: Request<'_>, _data: usize) -> Option<&[u8]> {
        source(request)
    }
}

/// `$sts_source_token`: the token that `STSAcceptSourceTokenIn` has found.
fn source(request: Request<'_>) -> Option<&[u8]> {
    let is_it = |ended: &Ended| {
        ended.source.accepted.is_some() && ended.source.text == ended.exchange.carrier.source_text
    };
    let ended = request.context()?.last_of(request, is_it)?;
    Some(ended.source.token.expose())
}

/// Reads the target variables.
pub(crate) struct Target;

impl Reader for Target {
    fn read(request: Request<'_>, index: usize) -> Option<&[u8]> {
        target(request, index)
    }
}

impl Guard for Target {
    fn refuse(request: Request<'_>) {
        request.log(
            Level::Warn,
            format_args!("sts: the target variable of STSVariables cannot be set, ignored"),
        );
    }
}

/// The target token, where it may be seen: in the exchange that it was issued by, and where no
/// exchange is configured. A location with another exchange must not get it.
fn target(request: Request<'_>, index: usize) -> Option<&[u8]> {
    if let Some(token) = result_of_step(request, index) {
        return Some(token);
    }
    let in_force = request.location()?.exchange();
    let form_here = in_force.and_then(|exchange| exchange.carrier.form_in(index));
    let context = request.context();
    let ended = context.and_then(|context| match in_force {
        // It may also ask for something else, which is not known before its phase.
        Some(exchange) => ended_here(request, context).filter(|it| it.exchange.id == exchange.id),
        None => context.last_of(request, |ended| ended.exchange.carrier.form_in(index).is_some()),
    });
    match in_force {
        Some(exchange) if ended.is_none() && form_here.is_some() => {
            let name = exchange.carrier.target_name(index).unwrap_or_default();
            warn_of_early_reader(request, name);
        }
        None if ended.is_none() => warn_of_lost_reader(request),
        _ => {}
    }
    let ended = ended?;
    let granted = context?.granted(ended)?;
    // A location with the same exchange may have another name for the target.
    let form = form_here.or_else(|| ended.exchange.carrier.form_in(index))?;
    if !request.is_answered() {
        ended.exchange.carrier.was_read.set(true);
    }
    let token = match form.scheme {
        None => granted.token.encoded(form.encoding)?.expose(),
        Some(_) => request.bytes(written(granted, form, Kind::Environment)?.expose()).ok()?,
    };
    Some(token).filter(|token| !token.is_empty())
}

/// The result of an exchange that another one needs, while that one evaluates its values.
fn result_of_step(request: Request<'_>, index: usize) -> Option<&[u8]> {
    let mut visible = request.context()?.results.visible();
    let (result, form) =
        visible.find_map(|result| Some((result, result.exchange.carrier.form_in(index)?)))?;
    Some(result.granted.token.encoded(form.encoding)?.expose())
}

/// How the exchange of this visit has ended. A clone has had no visit of its own: it goes on where the
/// request was that it is a clone of.
fn ended_here<'r>(request: Request<'r>, context: &'r Context) -> Option<&'r Ended> {
    let number = match context.known_course(request) {
        Some(course) => course.ended_in(request.visit()),
        None if request.is_at_content() => context.line(request).next()?.ended_last(),
        None => None,
    };
    context.ended(number?)
}

/// A location without an exchange can only show what one before it has brought.
fn warn_of_lost_reader(request: Request<'_>) {
    let Some(location) = request.location() else { return };
    let has_exchanged = request.context().is_some_and(|context| context.all().next().is_some());
    if request.is_answered() || has_exchanged || location.told.unset.replace(true) {
        return;
    }
    request.log(
        Level::Warn,
        format_args!(
            "sts: a target variable was read in a location that makes no exchange, before any other \
             has made one, and is empty: \"STSType\" is missing there, or the variable is not for it"
        ),
    );
}

fn warn_of_early_reader(request: Request<'_>, name: &str) {
    let main = request.main();
    if main.is_answered() {
        return;
    }
    if main.context_or_new().is_ok_and(|context| context.warn_once()) {
        request.log(
            Level::Warn,
            format_args!(
                "sts: the target variable \"${name}\" was read before the exchange has run, and is empty: \
                 use it later, or have the exchange earlier with \"STSPhase\""
            ),
        );
    }
}
