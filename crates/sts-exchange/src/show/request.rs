//! What was sent, taken apart and without secrets.

use sts_core::known::Known;

use crate::call::Sent;
use crate::redact;

/// A message.
pub struct Shown {
    /// The first line.
    pub line: String,
    /// The headers.
    pub headers: Vec<(String, String)>,
    /// The parameters of a form.
    pub form: Option<Vec<(String, String)>>,
    /// Any other body.
    pub body: Option<String>,
}

/// Takes a message apart.
pub fn shown(sent: &Sent, known: &Known) -> Shown {
    let head = sent.message.expose();
    let head = head.get(..head.len().saturating_sub(sent.body.len())).unwrap_or_default();
    let head = String::from_utf8_lossy(head);
    let mut lines = head.split("\r\n").filter(|line| !line.is_empty());
    // A query may hold secrets.
    let line = redact::text(lines.next().unwrap_or_default(), known);
    let headers: Vec<_> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_owned(), header(name, value, known)))
        .collect();
    let is_form = headers.iter().any(|(name, value)| {
        name == "content-type" && value.starts_with("application/x-www-form-urlencoded")
    });
    let body = sent.body.expose();
    if is_form {
        let pairs = form_urlencoded::parse(body);
        let form = pairs.map(|(name, value)| {
            let shown = redact::value(&name, value.as_bytes(), known);
            (name.into_owned(), shown)
        });
        return Shown { line, headers, form: Some(form.collect()), body: None };
    }
    Shown { line, headers, form: None, body: Some(redact::body(body, known)) }
}

fn header(name: &str, value: &str, known: &Known) -> String {
    match name {
        "authorization" | "proxy-authorization" => {
            let scheme = value.split(' ').next().unwrap_or_default();
            format!("{scheme} {}", redact::SECRET)
        }
        _ => redact::text(value, known),
    }
}
