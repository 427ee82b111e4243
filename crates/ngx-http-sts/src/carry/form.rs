//! The body that a token may stand in.

use sts_core::carry::pairs;
use sts_core::error::{Failure, FailureKind};
use sts_core::secret::Secret;

use crate::conf::Carrier;
use crate::course::Course;
use crate::nginx::body::Reading;
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
const MULTIPART: &str = "multipart/form-data";

const INTERNAL_SERVER_ERROR: u16 = 500;

/// Sees to it that the form is there, if the location has a use for it.
pub(crate) fn ready(request: Request<'_>, course: &Course, carrier: &Carrier) -> Form {
    // A subrequest has the body that its parent had read when it was made, or none.
    let may_have_one = request.is_main() || request.has_read_body();
    // What is there of a body that could not be read is no form.
    if !carrier.uses_form() || !may_have_one || course.has_unreadable_body() {
        return Form::Absent;
    }
    if !is_form(request) {
        if carrier.passes_form() && has_type(request, MULTIPART) {
            return fault(
                FailureKind::UnsupportedForm,
                "a target token is passed in forms, and multipart/form-data is a form in which a \
                 client could send one of its own",
            );
        }
        return Form::Absent;
    }
    if request.fields().any(|field| field.is("Content-Encoding") && !is_identity(field.value)) {
        return fault(FailureKind::UnsupportedForm, "a form with Content-Encoding cannot be read");
    }
    let limit = carrier.max_form;
    let too_large =
        |limit: &str| fault(FailureKind::FormTooLarge, &format!("the form has more than {limit}"));
    let too_long = || too_large(&format!("{limit} bytes (STSMaxForm)"));
    if request.content_length().is_some_and(|length| length > limit) {
        return too_long();
    }
    if !request.has_read_body() {
        match request.read_body(course) {
            Reading::Done => {}
            Reading::Waits => return Form::Waits,
            Reading::Refused(status) => return Form::Refused(status),
        }
    }
    if request.body_length() > limit {
        return too_long();
    }
    let Some(body) = request.body() else { return Form::Refused(INTERNAL_SERVER_ERROR) };
    if pairs::count(body.expose()) > MAX_PARAMETERS {
        return too_large(&format!("{MAX_PARAMETERS} parameters"));
    }
    Form::Ready(body)
}

/// The form, where it was read already.
pub(crate) fn as_read(request: Request<'_>, course: &Course, carrier: &Carrier) -> Option<Secret> {
    let is_there = carrier.uses_form()
        && is_form(request)
        && request.has_read_body()
        && !course.has_unreadable_body()
        && request.body_length() <= carrier.max_form;
    if is_there { request.body() } else { None }
}

/// Any of several types counts: nobody knows which one a backend takes.
pub(crate) fn is_form(request: Request<'_>) -> bool {
    has_type(request, FORM)
}

fn has_type(request: Request<'_>, wanted: &str) -> bool {
    let is_wanted = |value: &[u8]| {
        // PHP takes a space for the end of it.
        let is_end = |byte: &u8| matches!(byte, b';' | b',') || byte.is_ascii_whitespace();
        let media_type = value.trim_ascii().split(is_end).next();
        media_type.is_some_and(|found| found.eq_ignore_ascii_case(wanted.as_bytes()))
    };
    request.fields().any(|field| field.is("Content-Type") && is_wanted(field.value))
}

fn is_identity(coding: &[u8]) -> bool {
    matches!(coding.to_ascii_lowercase().trim_ascii(), b"" | b"identity")
}

fn fault(kind: FailureKind, reason: &str) -> Form {
    Form::Fault(Failure::new(kind, reason))
}
