//! How far a search looks beyond the end of the match that it finds.
//!
//! `[^a-z]+` has seen one more character. `a.*b|a` has gone to the end of the text for the `b` before it takes
//! the `a`, and does so again for the next one. In a search all ways to match go on side by side, and those
//! behind the one that has matched are left. So the others look ahead no further than a part that ends, or
//! are in a repetition that may end anywhere at the end of the pattern, and then they are the match.

/// What a part of a pattern takes of a text, in characters.
#[derive(Clone, Copy)]
enum Extent {
    /// So many at most.
    Bounded(usize),
    /// Any number; but for so many it could end at each.
    Open(usize),
}

/// The characters beyond its end that the search for a match may have looked at; `None` for all that there
/// are. The pattern is one that `regex-lite` takes, which bounds how deep its groups are.
pub(super) fn reach(pattern: &str, flags: &str) -> Option<usize> {
    if flags.contains('x') {
        return None;
    }
    let mut reader = Reader { rest: pattern };
    match reader.alternatives()? {
        Extent::Bounded(reach) | Extent::Open(reach) if reader.rest.is_empty() => Some(reach),
        _ => None,
    }
}

struct Reader<'p> {
    rest: &'p str,
}

impl Reader<'_> {
    fn peek(&self) -> Option<char> {
        self.rest.chars().next()
    }

    fn next(&mut self) -> Option<char> {
        let mut rest = self.rest.chars();
        let next = rest.next();
        self.rest = rest.as_str();
        next
    }

    /// Whether this comes next, which is then read.
    fn takes(&mut self, text: &str) -> bool {
        let rest = self.rest.strip_prefix(text);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    /// Reads to the end of this.
    fn skip_to(&mut self, text: &str) -> Option<()> {
        (_, self.rest) = self.rest.split_once(text)?;
        Some(())
    }

    fn alternatives(&mut self) -> Option<Extent> {
        let mut all = self.sequence()?;
        while self.takes("|") {
            all = match (all, self.sequence()?) {
                (Extent::Bounded(one), Extent::Bounded(other)) => Extent::Bounded(one.max(other)),
                (
                    Extent::Bounded(one) | Extent::Open(one),
                    Extent::Bounded(other) | Extent::Open(other),
                ) => Extent::Open(one.max(other)),
            };
        }
        Some(all)
    }

    fn sequence(&mut self) -> Option<Extent> {
        let mut before = Some(0_usize);
        let mut all = Extent::Bounded(0);
        while !matches!(self.peek(), None | Some('|' | ')')) {
            let atom = self.atom()?;
            // What comes behind a part without end is looked for to the end of the text.
            let sum = before?;
            all = match self.repeated(atom)? {
                Extent::Bounded(extent) => Extent::Bounded(sum.saturating_add(extent)),
                Extent::Open(extent) => Extent::Open(sum.saturating_add(extent)),
            };
            before = match all {
                Extent::Bounded(sum) => Some(sum),
                Extent::Open(_) => None,
            };
        }
        Some(all)
    }

    fn repeated(&mut self, atom: Extent) -> Option<Extent> {
        let mut all = atom;
        while let Some(quantifier @ ('*' | '+' | '?' | '{')) = self.peek() {
            self.next();
            let (least, most) = match quantifier {
                '*' => (0, None),
                '+' => (1, None),
                '?' => (0, Some(1)),
                _ => self.bounds()?,
            };
            self.takes("?");
            all = match (all, most) {
                (Extent::Bounded(0), _) => all,
                (Extent::Bounded(each), Some(most)) => Extent::Bounded(each.saturating_mul(most)),
                (Extent::Bounded(each), None) => {
                    Extent::Open(each.saturating_mul(usize::saturating_add(least, 1)))
                }
                (Extent::Open(_), Some(0 | 1)) => all,
                (Extent::Open(_), _) => return None,
            };
        }
        Some(all)
    }

    /// What is in `{2,3}`.
    fn bounds(&mut self) -> Option<(usize, Option<usize>)> {
        let (bounds, rest) = self.rest.split_once('}')?;
        self.rest = rest;
        let Some((least, most)) = bounds.split_once(',') else {
            let number = bounds.parse().ok()?;
            return Some((number, Some(number)));
        };
        let most = if most.is_empty() { None } else { Some(most.parse().ok()?) };
        Some((least.parse().ok()?, most))
    }

    fn atom(&mut self) -> Option<Extent> {
        match self.next()? {
            '(' => {
                if self.takes("?P<") || self.takes("?<") {
                    self.skip_to(">")?;
                } else if !self.takes("?:") && self.peek() == Some('?') {
                    return None;
                }
                let inner = self.alternatives()?;
                self.takes(")").then_some(inner)
            }
            '[' => self.class(),
            '\\' => self.escape(),
            '^' | '$' => Some(Extent::Bounded(0)),
            _ => Some(Extent::Bounded(1)),
        }
    }

    fn escape(&mut self) -> Option<Extent> {
        let digits = match self.next()? {
            'b' | 'B' | 'A' | 'z' | '<' | '>' => return Some(Extent::Bounded(0)),
            'x' => 2,
            'u' => 4,
            'U' => 8,
            _ => 0,
        };
        if digits > 0 && self.takes("{") {
            self.skip_to("}")?;
        } else {
            self.rest = self.rest.get(digits..)?;
        }
        Some(Extent::Bounded(1))
    }

    /// `[^…]`, of which the bracket is read.
    fn class(&mut self) -> Option<Extent> {
        self.takes("^");
        let mut is_first = true;
        loop {
            match self.next()? {
                ']' if !is_first => return Some(Extent::Bounded(1)),
                '\\' => drop(self.next()?),
                '[' if self.takes(":") => self.skip_to(":]")?,
                '[' => return None,
                _ => {}
            }
            is_first = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_search_looks_as_far_as_its_pattern_says() {
        for (pattern, expected) in [
            ("", Some(0)),
            ("a", Some(1)),
            ("abc", Some(3)),
            ("[^a-zA-Z0-9]", Some(1)),
            ("[^a-zA-Z0-9]+", Some(2)),
            ("[]a]*", Some(1)),
            ("[^]\\]a]x", Some(2)),
            ("[[:alpha:]_]{2,3}?", Some(3)),
            ("\\s+|\\d", Some(2)),
            ("\\x41\\x{42}\\u0043\\b$", Some(3)),
            ("(?<x>[A-Z])(?P<y>.)", Some(2)),
            ("(?:ab|c)+", Some(4)),
            ("(?:ab){3,}", Some(8)),
            ("a?b*", Some(2)),
            ("(a+)?", Some(2)),
            ("^$", Some(0)),
            ("a.*b|a", None),
            ("a+$", None),
            ("a+b", None),
            ("a(.*c)?", None),
            ("([a-z]+)*", None),
            ("([a-z]+ ?)+", None),
            ("(?i)a", None),
            ("(?i:a)", None),
            ("\\b{start}a", None),
        ] {
            assert_eq!(reach(pattern, ""), expected, "{pattern}");
        }
        assert_eq!(reach("a b", "x"), None);
        assert_eq!(reach("a", "gi"), Some(1));
    }
}
