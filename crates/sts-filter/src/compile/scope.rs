//! Which names are visible where.

use crate::term::{Binder, Definition, Parameter};

/// All definitions so far, and the names that are visible, the latest last.
#[derive(Default)]
pub(super) struct Scope<'t> {
    definitions: Vec<Definition>,
    visible: Vec<(&'t str, Meaning)>,
    /// How many binders there are.
    binders: Binder,
}

enum Meaning {
    Variable(Binder),
    Label(Binder),
    /// A filter that is an argument.
    Argument(Binder),
    /// A definition with so many arguments whose body is being read.
    Open(usize),
    /// One with its number.
    Defined(usize, usize),
}

/// What a call means.
pub(super) enum Callee {
    Argument(Binder),
    Definition(usize),
    /// The definition in whose body the call stands.
    Itself,
}

impl<'t> Scope<'t> {
    pub(super) fn into_definitions(self) -> Vec<Definition> {
        self.definitions
    }

    fn bind(&mut self, name: &'t str, meaning: fn(Binder) -> Meaning) -> Binder {
        let binder = self.binders;
        self.binders = binder.saturating_add(1);
        self.visible.push((name, meaning(binder)));
        binder
    }

    pub(super) fn bind_variable(&mut self, name: &'t str) -> Binder {
        self.bind(name, Meaning::Variable)
    }

    pub(super) fn bind_label(&mut self, name: &'t str) -> Binder {
        self.bind(name, Meaning::Label)
    }

    /// The names of a definition whose body comes next: its own, and its parameters.
    pub(super) fn open(&mut self, name: &'t str, parameters: &[&'t str]) -> Vec<Parameter> {
        self.visible.push((name, Meaning::Open(parameters.len())));
        let parameters = parameters.iter().map(|parameter| {
            let by_value = parameter.starts_with('$');
            let meaning = if by_value { Meaning::Variable } else { Meaning::Argument };
            Parameter { binder: self.bind(parameter, meaning), by_value }
        });
        parameters.collect()
    }

    /// The end of the body of the definition that was opened last.
    pub(super) fn close(&mut self, definition: Definition) {
        self.leave(definition.parameters.len());
        let number = self.definitions.len();
        if let Some((_, meaning)) = self.visible.last_mut() {
            *meaning = Meaning::Defined(definition.parameters.len(), number);
        }
        self.definitions.push(definition);
    }

    /// Forgets the names that came last.
    pub(super) fn leave(&mut self, names: usize) {
        self.visible.truncate(self.visible.len().saturating_sub(names));
    }

    fn find<R>(&self, name: &str, is: impl Fn(&Meaning) -> Option<R>) -> Option<R> {
        let same = self.visible.iter().rev().filter(|(visible, _)| *visible == name);
        same.map(|(_, meaning)| is(meaning)).find_map(|found| found)
    }

    pub(super) fn variable(&self, name: &str) -> Option<Binder> {
        self.find(name, |meaning| match meaning {
            Meaning::Variable(binder) => Some(*binder),
            _ => None,
        })
    }

    pub(super) fn label(&self, name: &str) -> Option<Binder> {
        self.find(name, |meaning| match meaning {
            Meaning::Label(binder) => Some(*binder),
            _ => None,
        })
    }

    pub(super) fn callee(&self, name: &str, arguments: usize) -> Option<Callee> {
        self.find(name, |meaning| match meaning {
            Meaning::Argument(binder) if arguments == 0 => Some(Callee::Argument(*binder)),
            Meaning::Open(count) if *count == arguments => Some(Callee::Itself),
            Meaning::Defined(count, number) if *count == arguments => {
                Some(Callee::Definition(*number))
            }
            _ => None,
        })
    }
}
