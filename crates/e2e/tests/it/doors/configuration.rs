//! A configuration as it is generated: locations that lead to each other.

use super::rules::{Phase, Rules};

/// How tokens come in and go out, in all of a configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Carry {
    /// From one header to another.
    Headers,
    /// Both in `Authorization`: a request that was not exchanged has the client's own token there.
    Authorization,
    Cookies,
    Query,
    /// From a header or a form to a header.
    Form,
}

/// A way from one location to another.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Edge {
    /// Chosen among those that it may lead to.
    pub(crate) choice: usize,
    /// Whether the query, in which the trail is, goes along.
    pub(crate) with_query: bool,
}

/// What makes the answer of a location.
#[derive(Clone, Debug)]
pub(crate) enum Content {
    Proxy(Proxy),
    /// A page of static files.
    File,
    /// A page of static files that includes others.
    Page(Vec<Edge>),
    /// Static files, none of which is there.
    NoFile,
    TryFiles(Edge),
    Index(Edge),
    Return(u16),
    Rewrite(Edge),
    /// Files that a PUT writes.
    Written,
}

/// What the backend of a location answers.
#[derive(Clone, Debug, Default)]
pub(crate) struct Proxy {
    pub(crate) status: Option<u16>,
    /// `X-Accel-Redirect`.
    pub(crate) leads_to: Option<Edge>,
    /// A page that includes others.
    pub(crate) includes: Vec<Edge>,
}

/// An `error_page`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Page {
    pub(crate) codes: &'static str,
    /// `=`, `=200` or nothing.
    pub(crate) form: &'static str,
    pub(crate) to: PageTo,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum PageTo {
    Location(Edge),
    /// The same by way of a variable.
    Variable(Edge),
    /// What the client asked for, again.
    SameAgain,
    NoFile,
}

/// What stands in `limit_except GET`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OtherMethods {
    Allowed,
    Denied,
}

#[derive(Clone, Debug)]
pub(crate) struct Location {
    pub(crate) is_named: bool,
    /// Chosen among the locations before it that it may stand in.
    pub(crate) within: Option<usize>,
    pub(crate) rules: Rules,
    /// What holds for a request with the header `X-If`.
    pub(crate) when_if: Option<Rules>,
    pub(crate) content: Content,
    pub(crate) pages: Vec<Page>,
    pub(crate) recursive: bool,
    pub(crate) intercepts: bool,
    pub(crate) satisfies_any: bool,
    pub(crate) other_methods: Option<OtherMethods>,
    pub(crate) auth_request: Option<Edge>,
    pub(crate) mirror: Option<Edge>,
    pub(crate) before: Option<Edge>,
    pub(crate) after: Option<Edge>,
}

impl Location {
    pub(crate) fn leave_out_subrequests(&mut self) {
        for edge in [&mut self.auth_request, &mut self.mirror, &mut self.before, &mut self.after] {
            *edge = None;
        }
        match &mut self.content {
            Content::Page(_) => self.content = Content::File,
            Content::Proxy(proxy) => proxy.includes.clear(),
            _ => {}
        }
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Configuration {
    pub(crate) carry: Carry,
    pub(crate) rules: Rules,
    pub(crate) pages: Vec<Page>,
    pub(crate) recursive: bool,
    pub(crate) locations: Vec<Location>,
}

impl Configuration {
    /// Makes one of what was generated that NGINX takes and that comes to an end.
    pub(crate) fn settle(mut self) -> Self {
        for number in 0..self.locations.len() {
            let outer: Vec<usize> = (0..number).filter(|outer| self.holds_others(*outer)).collect();
            let location = &mut self.locations[number];
            // The client asks for the first one.
            location.is_named &= number > 0;
            location.within = match location.within {
                Some(choice) if !location.is_named && !outer.is_empty() => {
                    Some(outer[choice % outer.len()])
                }
                _ => None,
            };
            // `if` is chosen after the exchange of the rewrite phase, which is refused there.
            let inherited = self.inherited(number);
            let location = &mut self.locations[number];
            if let Some(rules) = &mut location.when_if {
                rules.phase = rules.phase.filter(|phase| *phase != Phase::Rewrite);
                if location.rules.within(inherited).phase() == Phase::Rewrite {
                    location.rules.phase = Some(Phase::Access);
                }
            }
        }
        self
    }

    fn holds_others(&self, number: usize) -> bool {
        let location = &self.locations[number];
        !location.is_named && location.within.is_none()
    }

    fn inherited(&self, number: usize) -> Rules {
        match self.locations[number].within {
            Some(outer) => self.locations[outer].rules.within(self.rules),
            None => self.rules,
        }
    }

    /// What is in force in a location for a request with the header `X-If`, or without.
    pub(crate) fn in_force(&self, number: usize, with_if: bool) -> Rules {
        let location = &self.locations[number];
        let rules = location.rules.within(self.inherited(number));
        match location.when_if.filter(|_| with_if) {
            Some(inner) => inner.within(rules),
            None => rules,
        }
    }

    /// All that is in force somewhere.
    pub(crate) fn all_in_force(&self) -> impl Iterator<Item = Rules> {
        let of = |number| [false, true].map(|with_if| self.in_force(number, with_if));
        (0..self.locations.len()).flat_map(of).chain([self.rules])
    }

    /// Whether a request is checked by a subrequest first.
    pub(crate) fn has_auth_request(&self, number: usize) -> bool {
        let location = &self.locations[number];
        let outer =
            location.within.is_some_and(|outer| self.locations[outer].auth_request.is_some());
        outer || location.auth_request.is_some()
    }

    pub(crate) fn has_subrequests(&self) -> bool {
        let has = |one: &Location| {
            [one.auth_request, one.mirror, one.before, one.after].iter().any(Option::is_some)
        };
        self.has_includes() || self.locations.iter().any(has)
    }

    /// Whether subrequests make subrequests: they would never end if ways led back.
    fn has_includes(&self) -> bool {
        self.locations.iter().any(|location| match &location.content {
            Content::Page(includes) => !includes.is_empty(),
            Content::Proxy(proxy) => !proxy.includes.is_empty(),
            _ => false,
        })
    }

    pub(crate) fn may_lead_back(&self) -> bool {
        !self.has_includes()
    }

    /// Where a way from a location, or from the server, leads; nowhere if there is nothing it may
    /// lead to.
    pub(crate) fn target(&self, from: Option<usize>, edge: Edge, named: bool) -> Option<usize> {
        let count = self.locations.len();
        let first = match from {
            _ if self.may_lead_back() => 0,
            // What is written in a location holds in those that stand in it, too.
            Some(from) => {
                let mut inner = (0..count).filter(|one| self.locations[*one].within == Some(from));
                inner.next_back().unwrap_or(from) + 1
            }
            None => count - 1,
        };
        let fits = |number: &usize| named || !self.locations[*number].is_named;
        let candidates: Vec<usize> = (first..count).filter(fits).collect();
        (!candidates.is_empty()).then(|| candidates[edge.choice % candidates.len()])
    }

    /// The name of a location, as backends and trails have it.
    pub(crate) fn name(number: usize) -> String {
        format!("l{number}")
    }

    /// The number of a location of this name.
    pub(crate) fn number(name: &str) -> Option<usize> {
        name.strip_prefix('l')?.parse().ok()
    }

    /// The URI of a location, or its name if it is a named one.
    pub(crate) fn uri(&self, number: usize) -> String {
        let location = &self.locations[number];
        match location.within {
            _ if location.is_named => format!("@l{number}"),
            Some(outer) => format!("/l{outer}/l{number}/"),
            None => format!("/l{number}/"),
        }
    }

    /// The locations that a client can ask for.
    pub(crate) fn entries(&self) -> Vec<usize> {
        (0..self.locations.len()).filter(|number| !self.locations[*number].is_named).collect()
    }
}
