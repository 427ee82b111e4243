//! What is written in a block, and what holds in the blocks within.
//!
//! Directives stay as they are written here. Which of them hold in a block is decided by the rules of the
//! module (`conf/written.rs`, `conf/settings.rs` and `conf/grant.rs` there).

use std::fmt;
use std::rc::Rc;

use zeroize::Zeroizing;

use crate::directives::Directive;

/// A word of a configuration, which may be a secret.
pub type Word = Zeroizing<String>;

/// Where a directive stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The file, or what takes its place.
    pub file: Rc<str>,
    /// Counted from 1; 0 where there are no lines.
    pub line: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "{}", self.file),
            line => write!(f, "{}:{line}", self.file),
        }
    }
}

/// A directive as it is written.
#[derive(Clone)]
pub struct Item {
    /// Which.
    pub directive: &'static Directive,
    /// Its arguments.
    pub arguments: Vec<Word>,
    /// Where it stands.
    pub place: Place,
}

impl Item {
    /// An argument, or nothing.
    pub fn argument(&self, index: usize) -> &str {
        self.arguments.get(index).map_or("", |word| word.as_str())
    }

    /// All of them.
    pub fn words(&self) -> Vec<&str> {
        self.arguments.iter().map(|word| word.as_str()).collect()
    }
}

/// What is written in one block.
#[derive(Clone, Default)]
pub struct Written {
    /// The directives that set one thing each.
    pub items: Vec<Item>,
    /// What the `STSExchange` of the block says.
    pub whole: Option<Vec<Item>>,
}

/// What holds in a block.
#[derive(Clone, Default)]
pub struct InForce {
    /// All that holds.
    pub items: Items,
    /// What remains for a block that replaces the exchange.
    common: Items,
    /// The exchange is that of an `STSExchange`.
    is_whole: bool,
}

/// Directives that hold together.
#[derive(Clone, Default)]
pub struct Items(Vec<Item>);

/// What one type has a directive of its own for, and the directive that is for any.
const OF_TYPES: [(&str, &str); 11] = [
    ("STSCCEndpoint", "STSEndpoint"),
    ("STSOTXEndpoint", "STSEndpoint"),
    ("STSROPCEndpoint", "STSEndpoint"),
    ("STSWSTrustEndpoint", "STSEndpoint"),
    ("STSCCEndpointAuth", "STSEndpointAuth"),
    ("STSOTXEndpointAuth", "STSEndpointAuth"),
    ("STSROPCEndpointAuth", "STSEndpointAuth"),
    ("STSWSTrustEndpointAuth", "STSEndpointAuth"),
    ("STSCCClientID", "STSClientID"),
    ("STSOTXClientID", "STSClientID"),
    ("STSROPCClientID", "STSClientID"),
];

/// The parts of an `STSROPC`, which is the grant as a whole.
const OF_ROPC: [&str; 5] =
    ["STSROPC", "STSROPCEndpoint", "STSROPCEndpointAuth", "STSROPCClientID", "STSROPCUsername"];

impl Items {
    /// These.
    pub fn new(items: Vec<Item>) -> Self {
        Self(items)
    }

    /// In the order in which they were found.
    pub fn iter(&self) -> impl Iterator<Item = &Item> {
        self.0.iter()
    }

    /// The first one with a name.
    pub fn one(&self, name: &str) -> Option<&Item> {
        self.0.iter().find(|item| item.directive.name == name)
    }

    /// All with a name.
    pub fn all<'i>(&'i self, name: &'i str) -> impl Iterator<Item = &'i Item> {
        self.0.iter().filter(move |item| item.directive.name == name)
    }

    fn has_slot(&self, slot: &str) -> bool {
        self.0.iter().any(|item| item.directive.slot() == slot)
    }

    /// Takes from the block around what is not written here; `with_exchange` also what an `STSExchange`
    /// takes the place of.
    fn inherit(&mut self, outer: &Self, with_exchange: bool) {
        let own = self.clone();
        let is_taken = |item: &&Item| {
            let Directive { name, is_of_exchange, .. } = item.directive;
            if (*is_of_exchange && !with_exchange) || own.has_slot(item.directive.slot()) {
                return false;
            }
            let of_any = OF_TYPES.iter().find(|(of_type, _)| of_type == name);
            if of_any.is_some_and(|(_, any)| own.has_slot(any)) {
                return false;
            }
            let is_of_ropc = OF_ROPC.contains(name);
            let is_replaced = outer.has_slot("STSROPC") && own.has_slot("STSEndpoint");
            !(is_of_ropc && (own.has_slot("STSROPC") || is_replaced))
        };
        self.0.extend(outer.0.iter().filter(is_taken).cloned());
    }
}

impl Written {
    fn kind(&self) -> Option<&str> {
        self.items.iter().find(|item| item.directive.name == "STSType").map(|it| it.argument(0))
    }

    fn depends_on(&self) -> Option<&Item> {
        let is_it = |item: &&Item| item.directive.name == "STSDependsOn";
        self.whole.iter().flatten().chain(&self.items).find(is_it)
    }

    /// What holds in this block, inside of one where `outer` holds. `name` is that of a named location: an
    /// exchange that is made for those around it depends on none of the others.
    pub fn inside(&self, outer: &InForce, name: Option<&str>) -> InForce {
        let own = Items(self.items.clone());
        let mut items = Items(self.whole.clone().unwrap_or_default());
        items.inherit(&own, true);
        let mut common = own;
        common.inherit(&outer.common, false);
        let has_type = self.kind().is_some_and(|kind| kind != "disabled");
        let replaces = self.whole.is_some() || (has_type && outer.is_whole);
        if replaces {
            items.inherit(&outer.common, false);
        } else {
            items.inherit(&outer.items, true);
        }
        if self.depends_on().is_none() {
            let is_leg = |item: &Item| {
                item.directive.name == "STSDependsOn"
                    && item.arguments.iter().any(|word| Some(word.as_str()) == name)
            };
            items.0.retain(|item| !is_leg(item));
        }
        let is_whole = self.whole.is_some() || (outer.is_whole && !replaces);
        InForce { items, common, is_whole }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::directives::find;

    fn item(text: &str) -> Item {
        let mut words = text.split(' ');
        let directive = find(words.next().unwrap()).unwrap();
        let arguments = words.map(|word| Word::new(word.to_owned())).collect();
        Item { directive, arguments, place: Place { file: "f".into(), line: 1 } }
    }

    fn written(whole: Option<&[&str]>, items: &[&str]) -> Written {
        let all = |texts: &[&str]| texts.iter().map(|text| item(text)).collect();
        Written { items: all(items), whole: whole.map(all) }
    }

    fn shown(in_force: &InForce) -> String {
        let one = |item: &Item| format!("{} {}", item.directive.name, item.words().join(" "));
        let mut all: Vec<_> = in_force.items.iter().map(one).collect();
        all.sort();
        all.join("; ")
    }

    fn nested(blocks: &[Written]) -> String {
        let none = InForce::default();
        shown(&blocks.iter().fold(none, |outer, block| block.inside(&outer, None)))
    }

    #[test]
    fn settings_are_inherited_one_by_one_and_lists_as_a_whole() {
        let outer = written(
            None,
            &["STSType otx", "STSRequestParameter a 1", "STSRequestParameter b 2", "STSHost h"],
        );
        assert_eq!(
            nested(&[outer, written(None, &["STSRequestParameter c 3"])]),
            "STSHost h; STSRequestParameter c 3; STSType otx"
        );
    }

    #[test]
    fn what_is_for_any_type_replaces_what_is_written_around_for_one() {
        let outer = written(None, &["STSOTXEndpoint u", "STSOTXClientID c"]);
        let inner = written(None, &["STSIssuer i"]);
        assert_eq!(nested(&[outer.clone(), inner]), "STSIssuer i; STSOTXClientID c");
        let inner = written(None, &["STSEndpoint v"]);
        assert_eq!(
            nested(&[written(None, &["STSIssuer i"]), outer, inner]),
            "STSEndpoint v; STSOTXClientID c"
        );
    }

    #[test]
    fn a_whole_exchange_takes_the_place_of_one_in_directives() {
        let outer = written(None, &["STSType otx", "STSOTXEndpoint u", "STSHost h"]);
        let whole = written(Some(&["STSType cc", "STSEndpoint v"]), &["STSSSLCRL f"]);
        let blocks = [outer, whole, written(None, &["STSHTTPTimeOut 3"])];
        assert_eq!(nested(&blocks[..2]), "STSEndpoint v; STSHost h; STSSSLCRL f; STSType cc");
        assert_eq!(
            nested(&blocks),
            "STSEndpoint v; STSHTTPTimeOut 3; STSHost h; STSSSLCRL f; STSType cc"
        );
        let again = written(None, &["STSType otx", "STSOTXEndpoint w"]);
        let [a, b, _] = blocks;
        assert_eq!(nested(&[a, b, again]), "STSHost h; STSOTXEndpoint w; STSSSLCRL f; STSType otx");
    }

    #[test]
    fn a_leg_does_not_depend_on_itself() {
        let outer = written(None, &["STSDependsOn @a @b"]).inside(&InForce::default(), None);
        let leg = written(None, &["STSHost h"]);
        assert_eq!(shown(&leg.inside(&outer, Some("@a"))), "STSHost h");
        assert_eq!(shown(&leg.inside(&outer, Some("@c"))), "STSDependsOn @a @b; STSHost h");
        let own = written(None, &["STSDependsOn @b"]);
        assert_eq!(shown(&own.inside(&outer, Some("@a"))), "STSDependsOn @b");
    }
}
