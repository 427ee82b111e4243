//! An element on its own: its bytes as they are, able to stand alone.
//!
//! A signature is over the canonical form of an element, so none of its bytes may change. What has
//! to be added are declarations of namespaces that only elements around it have. Exclusive
//! canonicalisation (section 3) renders a namespace where it is visibly used, or listed in an
//! `InclusiveNamespaces`; the scope of every element stays what it was, so its outcome does, too.

use super::scan::{Event, Scanner, Tag, is_space, split_name};
use super::write::Writer;
use crate::secret::Secret;

/// A namespace in scope around an element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::wstrust) struct Declaration<'a> {
    /// Empty for the default namespace.
    pub(in crate::wstrust) prefix: &'a str,
    /// Decoded.
    pub(in crate::wstrust) uri: &'a str,
}

/// The element with the declarations it needs, added behind the name of its start tag.
///
/// `None` if it is no element.
pub(in crate::wstrust) fn standalone(element: &str, around: &[Declaration<'_>]) -> Option<Secret> {
    let name_end = match Scanner::new(element).next() {
        Some(Ok(Event::Start(tag))) => 1 + tag.name.len(),
        _ => return None,
    };
    let (start, rest) = element.split_at_checked(name_end)?;
    let needed = needed(element, around)?;
    let mut writer = Writer::with_capacity(2 + 5 * needed.len());
    writer.markup(start);
    for declaration in needed {
        writer.markup(" xmlns");
        if !declaration.prefix.is_empty() {
            writer.markup(":");
            writer.markup(declaration.prefix);
        }
        writer.markup("=\"");
        writer.text(declaration.uri);
        writer.markup("\"");
    }
    writer.markup(rest);
    Some(writer.finish())
}

/// Which of the namespaces around an element it needs.
fn needed<'a>(element: &str, around: &[Declaration<'a>]) -> Option<Vec<Declaration<'a>>> {
    let mut uses: Vec<_> =
        around.iter().map(|declaration| Use { declaration: *declaration, needed: false }).collect();
    let mut scope = Scope::default();
    for event in Scanner::new(element) {
        match event.ok()? {
            Event::Start(tag) => {
                scope.open(&tag);
                mark_tag(&mut uses, &scope, &tag);
                if split_name(tag.name).1 == "InclusiveNamespaces" {
                    mark_listed(&mut uses, &scope, &tag);
                }
                if tag.empty {
                    scope.close();
                }
            }
            Event::End => scope.close(),
            Event::Text(text) => prefixes(text).for_each(|prefix| mark(&mut uses, &scope, prefix)),
            Event::Comment | Event::Instruction => {}
        }
    }
    Some(uses.into_iter().filter(|each| each.needed).map(|each| each.declaration).collect())
}

struct Use<'a> {
    declaration: Declaration<'a>,
    needed: bool,
}

/// Notes that a prefix is used here.
fn mark(uses: &mut [Use<'_>], scope: &Scope<'_>, prefix: &str) {
    let outer = uses.iter_mut().find(|each| each.declaration.prefix == prefix);
    if let Some(each) = outer.filter(|each| !each.needed) {
        each.needed = !scope.declares(prefix);
    }
}

/// Notes the prefixes of an `InclusiveNamespaces`: they count at the top of what is signed, wherever
/// below it they are declared once more (Exclusive XML Canonicalization, section 3).
fn mark_listed(uses: &mut [Use<'_>], scope: &Scope<'_>, tag: &Tag<'_>) {
    let lists = tag.attributes.iter().filter(|attribute| attribute.name == "PrefixList");
    for prefix in lists.flat_map(|list| list.value.split(is_space)) {
        let prefix = if prefix == "#default" { "" } else { prefix };
        let outer = uses.iter_mut().find(|each| each.declaration.prefix == prefix);
        if let Some(each) = outer {
            each.needed |= !scope.top_declares(prefix);
        }
    }
}

/// Notes what a tag uses: the prefix of its own name, those of its attributes, and what looks like a
/// prefix in their values, as in `xsi:type="xs:string"`.
fn mark_tag(uses: &mut [Use<'_>], scope: &Scope<'_>, tag: &Tag<'_>) {
    mark(uses, scope, split_name(tag.name).0);
    for attribute in tag.attributes.iter().filter(|attribute| attribute.declares().is_none()) {
        // An attribute without prefix is in no namespace.
        let own = Some(split_name(attribute.name).0).filter(|prefix| !prefix.is_empty());
        for prefix in own.into_iter().chain(prefixes(attribute.value)) {
            mark(uses, scope, prefix);
        }
    }
}

/// Whatever stands before a colon and could be a prefix.
fn prefixes(text: &str) -> impl Iterator<Item = &str> {
    let mut parts = text.split(':').peekable();
    std::iter::from_fn(move || {
        let part = parts.next()?;
        // Behind the last colon is no prefix.
        parts.peek()?;
        Some(part.rsplit(|c| !is_name(c)).next().unwrap_or_default())
    })
    .filter(|prefix| !prefix.is_empty())
}

fn is_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_') || !c.is_ascii()
}

/// The prefixes that the element and those in it declare.
#[derive(Default)]
struct Scope<'a> {
    declared: Vec<&'a str>,
    /// For each open element, how many there were before it.
    marks: Vec<usize>,
    top: usize,
}

impl<'a> Scope<'a> {
    fn open(&mut self, tag: &Tag<'a>) {
        self.marks.push(self.declared.len());
        self.declared.extend(tag.attributes.iter().filter_map(|attribute| attribute.declares()));
        if self.marks.len() == 1 {
            self.top = self.declared.len();
        }
    }

    fn close(&mut self) {
        self.declared.truncate(self.marks.pop().unwrap_or(0));
    }

    fn declares(&self, prefix: &str) -> bool {
        self.declared.contains(&prefix)
    }

    fn top_declares(&self, prefix: &str) -> bool {
        self.declared.iter().take(self.top).any(|declared| *declared == prefix)
    }
}
