//! The target token is put in the place of what the client sent there.

use std::rc::Rc;

use sts_core::carry::name::Likeness;
use sts_core::carry::place::Kind;
use sts_core::carry::{cookies, credentials, pairs};
use sts_core::encoding::Encoding;
use sts_core::error::{Failure, FailureKind};
use sts_core::issued::TokenType;
use sts_core::secret::Secret;

use crate::carry::form;
use crate::conf::Carrier;
use crate::conf::carrier::{self, Passed};
use crate::course::Course;
use crate::flow::Granted;
use crate::nginx::fields::{Change, Field};
use crate::nginx::request::{OutOfMemory, Request};

/// What a location has put into a request.
pub(crate) struct Applied {
    /// The visit of the request in which it did.
    visit: u32,
    carrier: Rc<Carrier>,
    with_token: bool,
}

impl Applied {
    /// Whether this is what a location does in a visit: it has nothing more to do then.
    pub(crate) fn is(&self, visit: u32, carrier: &Rc<Carrier>) -> bool {
        self.visit == visit && Rc::ptr_eq(&self.carrier, carrier)
    }

    fn places(&self) -> &[Passed] {
        if self.with_token { &self.carrier.pass } else { &[] }
    }
}

/// Whether a token can be passed on in all the ways that a location has.
pub(crate) fn check(carrier: &Carrier, granted: &Granted) -> Result<(), Failure> {
    let bad = |reason: &str| Err(Failure::new(FailureKind::BadAnswer, reason));
    carrier.token_types.check(&granted.token_type)?;
    let unencodable = "the token cannot be encoded (STSTargetEncoding)";
    if carrier.variables.is_some() && granted.token.encoded(carrier.target_encoding).is_none() {
        return bad(match carrier.target_encoding {
            None => "the token holds CR, LF or NUL: \"STSTargetEncoding\" has to encode it",
            Some(_) => unencodable,
        });
    }
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
                return bad(unencodable);
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
    let applied = course.applied();
    let old = applied.as_ref().map_or(&[][..], |applied| applied.places());
    if old.is_empty() && carrier.pass.is_empty() {
        return Ok(());
    }
    let new = tokens(carrier, granted);
    set_fields(request, old, &new)?;
    set_query(request, old, &new)?;
    // What is there of a body that could not be read is no form.
    if !course.has_unreadable_body() {
        set_form(request, old, &new)?;
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

/// Takes out of a request what an earlier location put into it: nobody is to find it and take it for
/// something that the client has sent.
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

fn set_fields(request: Request<'_>, old: &[Passed], new: &[At<'_>]) -> Result<(), OutOfMemory> {
    let names = |kind| {
        let all = old.iter().chain(new.iter().map(|at| at.passed));
        all.filter(move |passed| passed.place.kind == kind).map(|passed| &*passed.place.name)
    };
    let tokens = |kind| {
        let here = new.iter().filter(move |at| at.passed.place.kind == kind);
        here.filter_map(|at| Some((&*at.passed.place.name, at.text.as_ref()?.expose())))
    };
    let mut changes: Vec<Change> = request
        .fields()
        .map(|field| {
            if names(Kind::Header).any(|name| field.is_like(name)) {
                return Change::Drop;
            }
            if field.is("Cookie") {
                without_cookies(field, names(Kind::Cookie))
            } else {
                Change::Keep
            }
        })
        .collect();
    let mut added: Vec<(&str, Secret)> =
        tokens(Kind::Header).map(|(name, text)| (name, Secret::new(text))).collect();
    let mut cookies_left = request
        .fields()
        .zip(&mut changes)
        .filter(|(field, change)| field.is("Cookie") && !matches!(change, Change::Drop));
    let mut last = cookies_left.by_ref().last();
    let mut field = Secret::new(match &last {
        Some((_, Change::Set(value))) => value.expose(),
        Some((field, _)) => field.value,
        None => &[],
    });
    let mut has_new_cookie = false;
    for (name, text) in tokens(Kind::Cookie) {
        field = cookies::append(field.expose(), name, text);
        has_new_cookie = true;
    }
    match &mut last {
        _ if !has_new_cookie => {}
        Some((_, change)) => **change = Change::Set(field),
        None => added.push(("Cookie", field)),
    }
    drop(cookies_left);
    if added.is_empty() && changes.iter().all(|change| matches!(change, Change::Keep)) {
        return Ok(());
    }
    let added: Vec<(&str, &[u8])> =
        added.iter().map(|(name, value)| (*name, value.expose())).collect();
    let mut changes = changes.into_iter();
    request.change_fields(|_| changes.next().unwrap_or(Change::Keep), &added)
}

fn without_cookies<'n>(field: Field<'_>, names: impl Iterator<Item = &'n str>) -> Change {
    let mut left = None;
    for name in names {
        let value = left.as_ref().map_or(field.value, Secret::expose);
        if let Some(without) = cookies::remove(value, name, Likeness::Alike) {
            left = Some(without);
        }
    }
    match left {
        None => Change::Keep,
        Some(left) if left.expose().trim_ascii().is_empty() => Change::Drop,
        Some(left) => Change::Set(left),
    }
}

fn set_query(request: Request<'_>, old: &[Passed], new: &[At<'_>]) -> Result<(), OutOfMemory> {
    for (name, text) in parameters(Kind::Query, old, new) {
        // The URI as the client sent it is in logs and redirects: no target token gets there.
        if let Some(query) = pairs::replace(request.sent_query(), name, Likeness::Alike, None) {
            request.set_sent_query(query.expose())?;
        }
        if let Some(query) = pairs::replace(request.query(), name, Likeness::Alike, text) {
            request.set_query(query.expose())?;
        }
        if text.is_some() {
            request.pass_own_query();
        }
    }
    Ok(())
}

fn set_form(request: Request<'_>, old: &[Passed], new: &[At<'_>]) -> Result<(), OutOfMemory> {
    let mut parameters = parameters(Kind::Post, old, new).peekable();
    if parameters.peek().is_none() || !form::is_form(request) || !request.has_read_body() {
        return Ok(());
    }
    let mut body = request.body().ok_or(OutOfMemory)?;
    let mut has_changed = false;
    for (name, text) in parameters {
        if let Some(changed) = pairs::replace(body.expose(), name, Likeness::Alike, text) {
            body = changed;
            has_changed = true;
        }
    }
    if has_changed { request.set_body(body.expose()) } else { Ok(()) }
}

/// The parameters that are to be removed, and then those that are to be set.
fn parameters<'p>(
    kind: Kind,
    old: &'p [Passed],
    new: &'p [At<'_>],
) -> impl Iterator<Item = (&'p str, Option<&'p [u8]>)> {
    let old = old.iter().map(|passed| (passed, None));
    let new = new.iter().map(|at| (at.passed, at.text.as_ref().map(Secret::expose)));
    let all = old.chain(new);
    all.filter(move |(passed, _)| passed.place.kind == kind)
        .map(|(passed, text)| (&*passed.place.name, text))
}
