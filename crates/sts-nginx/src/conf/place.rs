//! Where directives stand, so that what shows only when blocks are put together can be said of them.

use std::fmt;
use std::rc::Rc;

use crate::conf::Conf;

/// The line of one directive. A clone is the same one; another directive in that line is not.
#[derive(Clone)]
pub struct Place(Rc<Line>);

struct Line {
    /// `None` for the command line.
    file: Option<Rc<str>>,
    number: usize,
}

/// The files of a configuration, each name once.
#[derive(Default)]
pub struct Files(Vec<Rc<str>>);

impl Files {
    /// The place of the directive that is being read.
    pub fn here(&mut self, conf: &Conf<'_>) -> Place {
        let (file, number) = conf.line();
        let file = file.map(|name| {
            // Most directives stand in the file of the last one.
            if let Some(known) = self.0.iter().rfind(|known| ***known == *name) {
                return known.clone();
            }
            let name: Rc<str> = name.into();
            self.0.push(name.clone());
            name
        });
        Place(Rc::new(Line { file, number }))
    }
}

impl Place {
    /// Whether both are of one directive.
    #[must_use]
    pub fn is(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.0, &other.0)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0.file {
            Some(file) => write!(f, "{file}:{}", self.0.number),
            None => f.write_str("command line"),
        }
    }
}
