//! The page: one file in the module, which asks for the JSON itself.

use std::cell::OnceCell;

use openssl::base64::encode_block;
use openssl::sha::sha256;

use crate::nginx::content::Answer;
use crate::nginx::request::{OutOfMemory, Request};
use crate::status::Format;

const PAGE: &str = include_str!("page.html");

thread_local! {
    static POLICY: OnceCell<String> = const { OnceCell::new() };
}

pub(super) fn answer(request: Request<'_>) -> Result<Answer, OutOfMemory> {
    POLICY.with(|known| {
        request.add_header("Content-Security-Policy", known.get_or_init(|| policy(PAGE)))
    })?;
    request.add_header("Referrer-Policy", "no-referrer")?;
    super::answer(request, Format::Html, PAGE.to_owned())
}

/// What the page may do: what stands in it itself, and to ask its own server. The hashes are those of its
/// own elements (Content Security Policy Level 3, section 2.3.1).
fn policy(page: &str) -> String {
    let (styles, scripts) = (hashes(page, "style"), hashes(page, "script"));
    format!(
        "default-src 'none'; connect-src 'self'; style-src {styles}; script-src {scripts}; base-uri \
         'none'; form-action 'none'; frame-ancestors 'none'"
    )
}

/// Those of all elements of a name, which have no attributes.
fn hashes(page: &str, name: &str) -> String {
    let (begin, end) = (format!("<{name}>"), format!("</{name}>"));
    let elements = page.split(&*begin).skip(1).filter_map(|rest| rest.split(&*end).next());
    let hash = |text: &str| format!("'sha256-{}'", encode_block(&sha256(text.as_bytes())));
    let hashes: Vec<_> = elements.map(hash).collect();
    if hashes.is_empty() { "'none'".to_owned() } else { hashes.join(" ") }
}
