//! Error pages that a refused request never gets to see.
//!
//! A request that was refused stays refused (see [`crate::admission`]), so an error page that a backend
//! makes is only served where its location opens that backend in so many words. What is fixed of that
//! in the configuration is told when it is read.

use crate::conf::place::Place;
use crate::conf::{ExchangeId, LocationConf, OnFailure};
use crate::nginx::conf::{Conf, ErrorPage, Matching, Site};

/// The locations of all servers, and the error pages of those with an exchange.
#[derive(Default)]
pub(crate) struct ErrorPages {
    locations: Vec<Location>,
    pages: Vec<Page>,
}

struct Location {
    site: Site,
    exchange: Option<ExchangeId>,
    is_disabled: bool,
    on_error: Option<OnFailure>,
    on_missing: Option<OnFailure>,
}

struct Page {
    server: usize,
    /// The location that the error page is for.
    of: String,
    exchange: ExchangeId,
    /// Where that exchange is written, and the server.
    place: Option<Place>,
    whereabouts: String,
    page: ErrorPage,
}

/// Statuses of refusals, and whether a policy or another exchange may help the request on.
const STATUSES: [(u16, bool); 8] = [
    (400, false),
    (401, true),
    (403, true),
    (413, false),
    (415, false),
    (502, true),
    (503, true),
    (504, true),
];

impl ErrorPages {
    /// Notes a location once it is merged.
    pub(crate) fn note(&mut self, conf: &Conf<'_>, location: &LocationConf) {
        let Some(site) = conf.site() else { return };
        let exchange = location.exchange().map(|exchange| exchange.id);
        if let Some(exchange) = exchange {
            let (server, of) = (site.server, &site.name);
            let pages = conf.error_pages().into_iter();
            let place = location.settings().and_then(|settings| settings.places.named_in(""));
            let pages = pages.map(|page| Page {
                server,
                of: of.clone(),
                exchange,
                place: place.cloned(),
                whereabouts: conf.whereabouts(),
                page,
            });
            self.pages.extend(pages);
        }
        let settings = location.settings();
        self.locations.push(Location {
            site,
            exchange,
            is_disabled: location.is_disabled(),
            on_error: settings.and_then(|settings| settings.on_error),
            on_missing: settings.and_then(|settings| settings.on_missing),
        });
    }

    /// Warns of those that are never served, each once.
    pub(crate) fn warn(&self, conf: &Conf<'_>) {
        let mut told = Vec::new();
        for page in &self.pages {
            let Some(location) = self.leads_to(page).filter(|location| !location.serves(page))
            else {
                continue;
            };
            let what = (page.server, &page.page.page, page.page.status);
            if told.contains(&what) {
                continue;
            }
            told.push(what);
            let Page { of, place, whereabouts, page: ErrorPage { status, page }, .. } = page;
            let Some(place) = place else { continue };
            conf.warn_at(place, format_args!(
                "\"error_page {status} {page}\" of location \"{of}\" is not shown when the exchange \
                 fails: a refused request does not reach the handler of location \"{}\" and gets \
                 its plain status; write \"STSType disabled\" there, or let a file be the page, \
                 {whereabouts}",
                location.site.name
            ));
        }
    }

    /// The location that an error page leads to, as far as its name alone tells.
    fn leads_to(&self, page: &Page) -> Option<&Location> {
        let here = || self.locations.iter().filter(|one| one.site.server == page.server);
        let uri = page.page.page.split('?').next().unwrap_or_default();
        if uri.starts_with('@') {
            return here().find(|one| one.site.matching == Matching::Named && one.site.name == uri);
        }
        let exact = here().find(|one| one.site.matching == Matching::Exact && one.site.name == uri);
        if exact.is_some() {
            return exact;
        }
        // A regular expression may match it, or not.
        if here().any(|one| one.site.matching == Matching::Regex) {
            return None;
        }
        here()
            .filter(|one| one.site.matching == Matching::Prefix && uri.starts_with(&one.site.name))
            .max_by_key(|one| one.site.name.len())
    }
}

impl Location {
    /// Whether it shows a refused request this page.
    fn serves(&self, page: &Page) -> bool {
        let Some((status, may_help)) =
            STATUSES.into_iter().find(|(status, _)| *status == page.page.status)
        else {
            return true;
        };
        let passes = self.on_error == Some(OnFailure::Pass)
            || (status == 401 && self.on_missing == Some(OnFailure::Pass));
        let is_another = self.exchange.is_some_and(|exchange| exchange != page.exchange);
        !self.site.has_handler || self.is_disabled || (may_help && (passes || is_another))
    }
}
