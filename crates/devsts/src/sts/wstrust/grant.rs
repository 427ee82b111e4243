//! An assertion as a grant of OAuth: RFC 7522 section 3.

use std::time::SystemTime;

use roxmltree::{Document, Node};

use super::names::{SAML_1, SAML_2};
use super::time;
use super::xml::text;

/// The subject of an assertion that is for an audience of ours, and not over.
pub(in crate::sts) fn subject_of_grant(
    assertion: &str,
    is_ours: impl Fn(&str) -> bool,
    now: SystemTime,
) -> Result<String, String> {
    let document = Document::parse(assertion).map_err(|_| "it is not well-formed")?;
    let root = document.root_element();
    let namespace = [SAML_1, SAML_2]
        .into_iter()
        .find(|namespace| root.has_tag_name((*namespace, "Assertion")))
        .ok_or("it is no assertion of SAML")?;
    let all = |name: &'static str| {
        root.descendants().filter(move |node| node.has_tag_name((namespace, name)))
    };
    let has_issuer = all("Issuer").next().is_some() || root.has_attribute("Issuer");
    if !has_issuer {
        return Err("it has no issuer".to_owned());
    }
    if !all("Audience").any(|audience| text(audience).is_ok_and(|audience| is_ours(&audience))) {
        return Err("its audience is not this server".to_owned());
    }
    let limits = all("Conditions").chain(all("SubjectConfirmationData"));
    let ends: Vec<_> = limits.filter_map(|node| node.attribute("NotOnOrAfter")).collect();
    if ends.is_empty() {
        return Err("it never ends".to_owned());
    }
    for end in ends {
        let end = time::parse(end).ok_or("it ends at no time")?;
        if end <= now {
            return Err("it is over".to_owned());
        }
    }
    let name: Option<Node<'_, '_>> = all("NameID").chain(all("NameIdentifier")).next();
    text(name.ok_or("it has no subject")?)
}
