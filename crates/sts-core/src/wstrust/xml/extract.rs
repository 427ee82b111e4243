//! An element on its own: its bytes as they are, able to stand alone.
//!
//! A signature is over the canonical form of an element, so none of its bytes may change. What has
//! to be added are declarations of namespaces that only elements around it have. Exclusive
//! canonicalisation (section 3) renders a namespace where it is visibly used, or listed in an
//! `InclusiveNamespaces`; the scope of every element stays what it was, so its outcome does, too.

use std::collections::HashMap;

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
    let mut uses = Uses::new(around);
    let mut scope = Scope::default();
    for event in Scanner::new(element) {
        match event.ok()? {
            Event::Start(tag) => {
                scope.open(&tag);
                uses.mark_tag(&scope, &tag);
                if split_name(tag.name).1 == "InclusiveNamespaces" {
                    uses.mark_listed(&scope, &tag);
                }
                if tag.empty {
                    scope.close();
                }
            }
            Event::End => scope.close(),
            Event::Text(text) => prefixes(text).for_each(|prefix| uses.mark(&scope, prefix)),
            Event::Comment | Event::Instruction => {}
        }
    }
    Some(around.iter().filter(|each| uses.is_needed(each)).copied().collect())
}

/// Whether the namespaces around an element are needed, by their prefix.
struct Uses<'a>(HashMap<&'a str, bool>);

impl<'a> Uses<'a> {
    fn new(around: &[Declaration<'a>]) -> Self {
        Self(around.iter().map(|declaration| (declaration.prefix, false)).collect())
    }

    fn is_needed(&self, declaration: &Declaration<'_>) -> bool {
        self.0.get(declaration.prefix) == Some(&true)
    }

    /// Notes that a prefix is used here.
    fn mark(&mut self, scope: &Scope<'_>, prefix: &str) {
        if let Some(needed) = self.0.get_mut(prefix) {
            *needed = *needed || !scope.declares(prefix);
        }
    }

    /// Notes the prefixes of an `InclusiveNamespaces`: they count at the top of what is signed,
    /// wherever below it they are declared once more (Exclusive XML Canonicalization, section 3).
    fn mark_listed(&mut self, scope: &Scope<'_>, tag: &Tag<'_>) {
        let lists = tag.attributes.iter().filter(|attribute| attribute.name == "PrefixList");
        let prefixes = lists.flat_map(|list| list.value.split(is_space));
        for prefix in prefixes.filter(|prefix| !prefix.is_empty()) {
            let prefix = if prefix == "#default" { "" } else { prefix };
            if let Some(needed) = self.0.get_mut(prefix) {
                *needed = *needed || !scope.top_declares(prefix);
            }
        }
    }

    /// Notes what a tag uses: the prefix of its own name, those of its attributes, and what looks like
    /// a prefix in their values, as in `xsi:type="xs:string"`.
    fn mark_tag(&mut self, scope: &Scope<'_>, tag: &Tag<'_>) {
        self.mark(scope, split_name(tag.name).0);
        for attribute in tag.attributes.iter().filter(|attribute| attribute.declares().is_none()) {
            // An attribute without prefix is in no namespace.
            let own = Some(split_name(attribute.name).0).filter(|prefix| !prefix.is_empty());
            for prefix in own.into_iter().chain(prefixes(attribute.value)) {
                self.mark(scope, prefix);
            }
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
    /// By the elements that are open.
    declared: Vec<&'a str>,
    /// How many of them declare it.
    times: HashMap<&'a str, usize>,
    /// For each open element, how many there were before it.
    marks: Vec<usize>,
    top: usize,
}

impl<'a> Scope<'a> {
    fn open(&mut self, tag: &Tag<'a>) {
        self.marks.push(self.declared.len());
        for prefix in tag.attributes.iter().filter_map(|attribute| attribute.declares()) {
            self.declared.push(prefix);
            *self.times.entry(prefix).or_default() += 1;
        }
        if self.marks.len() == 1 {
            self.top = self.declared.len();
        }
    }

    fn close(&mut self) {
        let mark = self.marks.pop().unwrap_or(0);
        for prefix in self.declared.drain(mark..) {
            if let Some(times) = self.times.get_mut(prefix) {
                *times -= 1;
            }
        }
    }

    fn declares(&self, prefix: &str) -> bool {
        self.times.get(prefix).is_some_and(|times| *times > 0)
    }

    fn top_declares(&self, prefix: &str) -> bool {
        self.declared.iter().take(self.top).any(|declared| *declared == prefix)
    }
}
