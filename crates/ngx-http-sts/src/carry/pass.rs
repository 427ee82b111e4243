//! The target token is put in the place of what the client sent there.

use std::rc::Rc;

use sts_core::carry::place::{Kind, Place};
use sts_core::carry::{cookies, credentials};
use sts_core::encoding::Encoding;
use sts_core::error::{Failure, FailureKind};
use sts_core::issued::TokenType;
use sts_core::secret::Secret;

use crate::applied::Applied;
use crate::carry::{form, parameters};
use crate::conf::Carrier;
use crate::conf::carrier::{self, Passed};
use crate::course::Course;
use crate::nginx::fields::{Change, Field};
use crate::nginx::request::{OutOfMemory, Request};
use sts_flight::granted::Granted;

const UNENCODABLE: &str = "the token cannot be encoded (STSTargetEncoding)";

fn bad(reason: &str) -> Result<(), Failure> {
    Err(Failure::new(FailureKind::BadAnswer, reason))
}

/// Whether a token is of a type that a location takes, and can be read by its variable.
pub(crate) fn check_value(carrier: &Carrier, granted: &Granted) -> Result<(), Failure> {
    carrier.token_types.check(&granted.token_type)?;
    if carrier.variables.is_some() && granted.token.encoded(carrier.target_encoding).is_none() {
        return bad(match carrier.target_encoding {
            None => "the token holds CR, LF or NUL: \"STSTargetEncoding\" has to encode it",
            Some(_) => UNENCODABLE,
        });
    }
    Ok(())
}

/// Whether a token can be passed on in all the ways that a location has.
pub(crate) fn check(carrier: &Carrier, granted: &Granted) -> Result<(), Failure> {
    check_value(carrier, granted)?;
    for passed in carrier.pass.iter() {
        let place = &passed.place;
        let encoding = passed.form(carrier.target_encoding).encoding;
        let is_bearer = place.is_bearer_header();
        if is_bearer && granted.token_type == TokenType::NotApplicable {
            return bad(
                "the STS says that its token is no access token (token_type N_A), so it is not \
                 passed as Bearer: with \"STSPassTargetTokenIn header name=...&type=\", or in another \
                 place, it is passed as it is",
            );
        }
        let text = match place.kind {
            // Whatever it is, it is percent-encoded there.
            Kind::Query | Kind::Post if encoding.is_none() => Some(granted.token.issued()),
            _ => granted.token.encoded(encoding),
        };
        let fits = |text: &Secret| match place.kind {
            Kind::Header if is_bearer => credentials::is_b64token(text.expose()),
            Kind::Header => credentials::is_field_value(text.expose()),
            Kind::Cookie => cookies::can_hold(text.expose()),
            Kind::Environment | Kind::Query | Kind::Post => true,
        };
        if !text.is_some_and(fits) {
            if encoding.is_some() {
                return bad(UNENCODABLE);
            }
            let (kind, name) = (place.kind.word(), &place.name);
            return bad(&format!(
                "the token cannot stand in the {kind} \"{name}\" as it is: \"STSTargetEncoding\" \
                 has to encode it"
            ));
        }
    }
    Ok(())
}

/// Puts the token of an exchange that has ended where the location wants it, or nothing where there is
/// no token. What an earlier location put into the request is taken out.
pub(crate) fn apply(
    request: Request<'_>,
    course: &Course,
    carrier: &Rc<Carrier>,
    granted: Option<&Granted>,
) -> Result<(), OutOfMemory> {
    apply_beside(request, course, carrier, granted, None)
}

/// Removes what the client sent in the places of a target, but for a source that stands at `kept`.
pub(crate) fn clean_beside(
    request: Request<'_>,
    course: &Course,
    carrier: &Rc<Carrier>,
    kept: Option<&Place>,
) -> Result<(), OutOfMemory> {
    apply_beside(request, course, carrier, None, kept)
}

fn apply_beside(
    request: Request<'_>,
    course: &Course,
    carrier: &Rc<Carrier>,
    granted: Option<&Granted>,
    kept: Option<&Place>,
) -> Result<(), OutOfMemory> {
    let applied = course.applied();
    let old = applied.as_ref().map_or(&[][..], |applied| applied.places());
    if old.is_empty() && carrier.pass.is_empty() {
        return Ok(());
    }
    let new = tokens(carrier, granted);
    set_fields(request, old, &new, kept)?;
    set_query(request, old, &new, kept)?;
    // What is there of a body that could not be read is no form.
    if !course.has_unreadable_body() {
        set_form(request, course, old, &new, kept)?;
    }
    for passed in old.iter().chain(carrier.pass.iter()) {
        request.forget_variables(&passed.tellers);
    }
    course.set_applied(Applied {
        visit: request.visit(),
        carrier: carrier.clone(),
        with_token: granted.is_some(),
    });
    Ok(())
}

/// Takes out of a request what an earlier location put into it, so that nothing takes it for something
/// that the client has sent.
pub(crate) fn withdraw(request: Request<'_>, course: &Course) -> Result<(), OutOfMemory> {
    if course.applied().is_none_or(|applied| applied.places().is_empty()) {
        return Ok(());
    }
    apply(request, course, &Rc::default(), None)
}

/// What stands at a place: nothing where only what the client sent is to be removed.
struct At<'c> {
    passed: &'c Passed,
    text: Option<Secret>,
}

fn tokens<'c>(carrier: &'c Carrier, granted: Option<&Granted>) -> Vec<At<'c>> {
    let text = |passed: &Passed| {
        let form = passed.form(carrier.target_encoding);
        granted.and_then(|granted| written(granted, form, passed.place.kind))
    };
    carrier.pass.iter().map(|passed| At { passed, text: text(passed) }).collect()
}

/// A token as it stands somewhere, its scheme in front.
pub(crate) fn written(granted: &Granted, form: carrier::Form<'_>, kind: Kind) -> Option<Secret> {
    let text = encoded(granted, form.encoding, kind)?;
    Some(match form.scheme {
        None => Secret::new(text.expose()),
        Some(scheme) => Secret::new([scheme.as_bytes(), b" ", text.expose()].concat()),
    })
}

fn encoded(granted: &Granted, encoding: Option<Encoding>, kind: Kind) -> Option<&Secret> {
    match kind {
        Kind::Query | Kind::Post if encoding.is_none() => Some(granted.token.issued()),
        _ => granted.token.encoded(encoding),
    }
}

fn set_fields(
    request: Request<'_>,
    old: &[Passed],
    new: &[At<'_>],
    kept: Option<&Place>,
) -> Result<(), OutOfMemory> {
    let mut changes: Vec<Change> = request
        .fields()
        .map(|field| {
            if names(Kind::Header, old, new).any(|name| field.is_like(name)) {
                let is_kept = name_at(Kind::Header, kept).is_some_and(|name| field.is(name));
                return if is_kept { Change::Keep } else { Change::Drop };
            }
            if field.is("Cookie") {
                let kept = name_at(Kind::Cookie, kept);
                without_cookies(field, names(Kind::Cookie, old, new), kept)
            } else {
                Change::Keep
            }
        })
        .collect();
    let headers = tokens_in(Kind::Header, new).into_iter();
    let mut added: Vec<(&str, Secret)> =
        headers.map(|(name, text)| (name, Secret::new(text))).collect();
    // Readers differ in which field they take, and some stop at what is malformed: ours is the first.
    let first = request
        .fields()
        .zip(&mut changes)
        .find(|(field, change)| field.is("Cookie") && !matches!(change, Change::Drop));
    let field = match &first {
        Some((_, Change::Set(value))) => value.expose(),
        Some((field, _)) => field.value,
        None => &[],
    };
    if let Some(field) = with_cookies(field, &tokens_in(Kind::Cookie, new)) {
        match first {
            Some((_, change)) => *change = Change::Set(field),
            None => added.push(("Cookie", field)),
        }
    }
    if added.is_empty() && changes.iter().all(|change| matches!(change, Change::Keep)) {
        return Ok(());
    }
    let added: Vec<(&str, &[u8])> =
        added.iter().map(|(name, value)| (*name, value.expose())).collect();
    let mut changes = changes.into_iter();
    request.change_fields(|_| changes.next().unwrap_or(Change::Keep), &added)
}

fn without_cookies<'n>(
    field: Field<'_>,
    names: impl Iterator<Item = &'n str>,
    kept: Option<&str>,
) -> Change {
    let mut left = None;
    for name in names {
        let value = left.as_ref().map_or(field.value, Secret::expose);
        if let Some(without) = cookies::remove_beside(value, name, kept) {
            left = Some(without);
        }
    }
    match left {
        None => Change::Keep,
        Some(left) if left.expose().trim_ascii().is_empty() => Change::Drop,
        Some(left) => Change::Set(left),
    }
}

/// Nothing if there are no cookies to be put there.
fn with_cookies(field: &[u8], tokens: &[(&str, &[u8])]) -> Option<Secret> {
    let mut all: Option<Secret> = None;
    for (name, text) in tokens.iter().rev() {
        let behind = all.as_ref().map_or(field, Secret::expose);
        all = Some(cookies::prepend(behind, name, text));
    }
    all
}

fn set_query(
    request: Request<'_>,
    old: &[Passed],
    new: &[At<'_>],
    kept: Option<&Place>,
) -> Result<(), OutOfMemory> {
    // Many backends read query and form alike: a target in a form is not to be in the query as well.
    let of_forms = new.iter().map(|at| at.passed).filter(|passed| passed.place.kind == Kind::Post);
    let names = names(Kind::Query, old, new).chain(of_forms.map(|passed| &*passed.place.name));
    let names: Vec<&str> = names.collect();
    // The URI as the client sent it is in logs and redirects: no target token gets there.
    let kept = name_at(Kind::Query, kept);
    if let Some(query) = parameters::without(request.sent_query(), &names, kept) {
        request.set_sent_query(query.expose())?;
    }
    let tokens = tokens_in(Kind::Query, new);
    if let Some(query) = parameters::replaced(request.query(), &names, kept, &tokens) {
        request.set_query(query.expose())?;
    }
    if !tokens.is_empty() {
        request.pass_own_query();
    }
    Ok(())
}

fn set_form(
    request: Request<'_>,
    course: &Course,
    old: &[Passed],
    new: &[At<'_>],
    kept: Option<&Place>,
) -> Result<(), OutOfMemory> {
    let names: Vec<&str> = names(Kind::Post, old, new).collect();
    if names.is_empty() || !form::can_be_changed(request, course) {
        return Ok(());
    }
    let body = request.body().ok_or(OutOfMemory)?;
    let kept = name_at(Kind::Post, kept);
    match parameters::replaced(body.expose(), &names, kept, &tokens_in(Kind::Post, new)) {
        Some(changed) => request.set_body(changed.expose()),
        None => Ok(()),
    }
}

/// The name at a place, if it is of this kind.
fn name_at(kind: Kind, place: Option<&Place>) -> Option<&str> {
    place.filter(|place| place.kind == kind).map(|place| &*place.name)
}

/// The names in places of a kind.
fn names<'p>(kind: Kind, old: &'p [Passed], new: &'p [At<'_>]) -> impl Iterator<Item = &'p str> {
    let all = old.iter().chain(new.iter().map(|at| at.passed));
    all.filter(move |passed| passed.place.kind == kind).map(|passed| &*passed.place.name)
}

/// What is to be put into places of a kind, by name.
fn tokens_in<'p>(kind: Kind, new: &'p [At<'_>]) -> Vec<(&'p str, &'p [u8])> {
    let here = new.iter().filter(|at| at.passed.place.kind == kind);
    here.filter_map(|at| Some((&*at.passed.place.name, at.text.as_ref()?.expose()))).collect()
}
