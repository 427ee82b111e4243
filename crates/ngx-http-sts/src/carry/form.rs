//! The body that a token may stand in.

use sts_core::carry::{media_type, pairs};
use sts_core::error::{Failure, FailureKind};
use sts_core::secret::Secret;

use crate::conf::Carrier;
use crate::course::Course;
use crate::nginx::body::Reading;
use crate::nginx::fields::Field;
use crate::nginx::request::Request;

/// What is to be done before a form can be looked at.
pub(crate) enum Form {
    /// There is none: the body is left alone.
    Absent,
    /// It is there, whole.
    Ready(Secret),
    /// The request is entered again when it is.
    Waits,
    /// NGINX answers with this status.
    Refused(u16),
    /// The request cannot be served.
    Fault(Failure),
}

/// Parameters of a form. Each takes some time to look at, which a client could make many of: this bounds
/// it to less than a millisecond.
const MAX_PARAMETERS: usize = 10_000;

const FORM: &str = "application/x-www-form-urlencoded";
const CONTENT_TYPE: &str = "Content-Type";
const CONTENT_ENCODING: &str = "Content-Encoding";

const INTERNAL_SERVER_ERROR: u16 = 500;

/// Sees to it that the form is there, if the location has a use for it.
pub(crate) fn ready(request: Request<'_>, course: &Course, carrier: &Carrier) -> Form {
    if carrier.passes_parameters() && has_query_in_doubt(request) {
        return fault(
            FailureKind::UnsupportedForm,
            "the charset in the Content-Type is none of which the module knows that names in the query \
             are what they look like, and some backends read the query in it",
        );
    }
    // A subrequest has the body that its parent had read when it was made, or none.
    let may_have_one = request.is_main() || request.has_read_body();
    // What is there of a body that could not be read is no form.
    if !carrier.uses_form() || !may_have_one || course.has_unreadable_body() {
        return Form::Absent;
    }
    if !carrier.passes_form() {
        return if may_be_form(request) { read(request, course, carrier) } else { Form::Absent };
    }
    if is_plain_form(request) {
        return read(request, course, carrier);
    }
    if carrier.passes_any_body() { Form::Absent } else { other(request, course) }
}

/// The form, where it was read already.
pub(crate) fn as_read(request: Request<'_>, course: &Course, carrier: &Carrier) -> Option<Secret> {
    let is_form = if carrier.passes_form() { is_plain_form } else { may_be_form };
    let is_there = carrier.uses_form()
        && is_form(request)
        && request.has_read_body()
        && !course.has_unreadable_body()
        && request.body_length() <= carrier.max_form;
    if is_there { request.body() } else { None }
}

/// Whether the body is a form that targets may be put into, and removed from.
pub(crate) fn can_be_changed(request: Request<'_>, course: &Course) -> bool {
    // A form that only held a source is empty by now, and one that was empty has no token in it.
    let is_there = || course.had_form() || request.body_length() > 0;
    request.has_read_body() && is_plain_form(request) && is_there()
}

fn read(request: Request<'_>, course: &Course, carrier: &Carrier) -> Form {
    let is_coded = |field: Field<'_>| field.is_like(CONTENT_ENCODING) && !is_identity(field.value);
    if request.fields().any(is_coded) {
        return fault(FailureKind::UnsupportedForm, "a form with Content-Encoding cannot be read");
    }
    let limit = carrier.max_form;
    let too_large =
        |limit: &str| fault(FailureKind::FormTooLarge, &format!("the form has more than {limit}"));
    let too_long = || too_large(&format!("{limit} bytes (STSMaxForm)"));
    if request.content_length().is_some_and(|length| length > limit) {
        return too_long();
    }
    if let Some(unread) = read_body(request, course) {
        return unread;
    }
    if request.body_length() > limit {
        return too_long();
    }
    let Some(body) = request.body() else { return Form::Refused(INTERNAL_SERVER_ERROR) };
    if body.is_empty() {
        return Form::Absent;
    }
    if pairs::count(body.expose()) > MAX_PARAMETERS {
        return too_large(&format!("{MAX_PARAMETERS} parameters"));
    }
    course.note_form();
    Form::Ready(body)
}

/// A body that no target can be kept out of. One that turns out empty is none.
fn other(request: Request<'_>, course: &Course) -> Form {
    let refused = || {
        fault(
            FailureKind::UnsupportedForm,
            "a target token is passed in forms, and this body is none in a known charset, so that a \
             client could send a token of its own in it (bodies=any lets it go on)",
        )
    };
    if !request.has_read_body() {
        if !request.announces_body() {
            return Form::Absent;
        }
        if request.content_length().is_some() {
            return refused();
        }
        if let Some(unread) = read_body(request, course) {
            return unread;
        }
    }
    if request.body_length() == 0 { Form::Absent } else { refused() }
}

/// Nothing if the body is there.
fn read_body(request: Request<'_>, course: &Course) -> Option<Form> {
    if request.has_read_body() {
        return None;
    }
    match course.read_body(request) {
        Reading::Done => None,
        Reading::Waits => Some(Form::Waits),
        Reading::Refused(status) => Some(Form::Refused(status)),
    }
}

/// Whether all readers take the body for the same form. Of two fields it is not known which one counts.
fn is_plain_form(request: Request<'_>) -> bool {
    let mut types = request.fields().filter(|field| field.is_like(CONTENT_TYPE));
    let (first, second) = (types.next(), types.next());
    let is_plain =
        |field: Field<'_>| field.is(CONTENT_TYPE) && media_type::is_plain_form(field.value);
    first.is_some_and(is_plain) && second.is_none()
}

/// Whether the client has sent a query that a backend may read in a charset of the client's choice.
fn has_query_in_doubt(request: Request<'_>) -> bool {
    let is_unknown = |field: Field<'_>| {
        field.is_like(CONTENT_TYPE) && media_type::may_be_in_unknown_charset(field.value)
    };
    let has_query = !request.query().is_empty() || !request.sent_query().is_empty();
    has_query && request.fields().any(is_unknown)
}

/// Whether some reader takes the body for a form. Any of several types counts.
fn may_be_form(request: Request<'_>) -> bool {
    let is_form = |value: &[u8]| {
        // PHP takes a space for the end of it.
        let is_end = |byte: &u8| matches!(byte, b';' | b',') || byte.is_ascii_whitespace();
        let media_type = value.trim_ascii().split(is_end).next();
        media_type.is_some_and(|found| found.eq_ignore_ascii_case(FORM.as_bytes()))
    };
    request.fields().any(|field| field.is(CONTENT_TYPE) && is_form(field.value))
}

fn is_identity(coding: &[u8]) -> bool {
    matches!(coding.to_ascii_lowercase().trim_ascii(), b"" | b"identity")
}

fn fault(kind: FailureKind, reason: &str) -> Form {
    Form::Fault(Failure::new(kind, reason))
}
