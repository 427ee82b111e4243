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
    let line = first(lines.next().unwrap_or_default(), known);
    let headers: Vec<_> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_owned(), redact::header(name, value, known)))
        .collect();
    let is_form = headers.iter().any(|(name, value)| {
        name == "content-type" && value.starts_with("application/x-www-form-urlencoded")
    });
    let body = sent.body.expose();
    if is_form {
        let pairs = form_urlencoded::parse(body);
        let form = pairs.map(|(name, value)| {
            let shown = redact::parameter(&name, value.as_bytes(), known);
            (name.into_owned(), shown)
        });
        return Shown { line, headers, form: Some(form.collect()), body: None };
    }
    Shown { line, headers, form: None, body: Some(redact::body(body, known)) }
}

/// Method, target and version. The query of a target may hold secrets.
fn first(line: &str, known: &Known) -> String {
    match line.splitn(3, ' ').collect::<Vec<_>>().as_slice() {
        [method, target, version] => format!("{method} {} {version}", redact::url(target, known)),
        _ => redact::line(line, known),
    }
}
