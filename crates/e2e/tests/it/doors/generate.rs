//! How configurations and requests come about.

use proptest::bool::weighted;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::configuration::{
    Carry, Configuration, Content, Edge, Location, OtherMethods, Page, PageTo, Proxy,
};
use super::request::{Ask, Body, Source};
use super::rules::{Exchange, Kind, Phase, Policy, Rules};

/// Requests that each configuration gets.
pub(crate) const REQUESTS: usize = 20;

/// A configuration, and what it is asked for.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    pub(crate) configuration: Configuration,
    pub(crate) asks: Vec<Ask>,
}

pub(crate) fn case() -> impl Strategy<Value = Case> {
    (configuration(), vec(ask(), REQUESTS))
        .prop_map(|(configuration, asks)| Case { configuration, asks })
}

/// Half of all configurations have no subrequests: what happens there in which order is certain.
fn configuration() -> impl Strategy<Value = Configuration> {
    let carry = prop_oneof![
        4 => Just(Carry::Headers),
        2 => Just(Carry::Authorization),
        1 => Just(Carry::Cookies),
        1 => Just(Carry::Query),
        2 => Just(Carry::Form),
    ];
    let locations = vec(location(), 2..=6);
    (any::<bool>(), carry, rules(3), vec(page(), 0..=2), weighted(0.3), locations).prop_map(
        |(with_subrequests, carry, rules, pages, recursive, mut locations)| {
            if !with_subrequests {
                locations.iter_mut().for_each(Location::leave_out_subrequests);
            }
            Configuration { carry, rules, pages, recursive, locations }.settle()
        },
    )
}

fn edge() -> impl Strategy<Value = Edge> {
    (0..12_usize, weighted(0.8)).prop_map(|(choice, with_query)| Edge { choice, with_query })
}

/// `often` of ten blocks say whether there is an exchange.
fn rules(often: u32) -> impl Strategy<Value = Rules> {
    let kind = prop_oneof![
        10 - often => Just(None),
        often => prop_oneof![
            2 => Just(Kind::Disabled),
            5 => Just(Kind::Makes(Exchange::A)),
            2 => Just(Kind::Makes(Exchange::B)),
            2 => Just(Kind::Makes(Exchange::Second)),
        ].prop_map(Some),
    ];
    let policy = || {
        prop_oneof![
            8 => Just(None),
            1 => Just(Some(Policy::Return)),
            1 => Just(Some(Policy::Pass)),
        ]
    };
    let phase = prop_oneof![
        6 => Just(None),
        1 => Just(Some(Phase::Rewrite)),
        2 => Just(Some(Phase::Access)),
        1 => Just(Some(Phase::PreContent)),
    ];
    let bypass = prop_oneof![7 => Just(None), 2 => Just(Some(true)), 1 => Just(Some(false))];
    let all = (kind, policy(), policy(), phase, bypass);
    all.prop_map(|(kind, on_error, on_missing, phase, bypass)| Rules {
        kind,
        on_error,
        on_missing,
        phase,
        bypass,
    })
}

fn page() -> impl Strategy<Value = Page> {
    let codes = prop_oneof![
        4 => Just("401 502"),
        4 => Just("400 401 403 404 405 413 500 502 503"),
        1 => Just("401"),
        1 => Just("404 502"),
        1 => Just("400 413 404"),
    ];
    let form = prop_oneof![2 => Just(""), 2 => Just("="), 1 => Just("=200")];
    let to = prop_oneof![
        6 => edge().prop_map(PageTo::Location),
        2 => edge().prop_map(PageTo::Variable),
        1 => Just(PageTo::SameAgain),
        1 => Just(PageTo::NoFile),
    ];
    (codes, form, to).prop_map(|(codes, form, to)| Page { codes, form, to })
}

fn proxy() -> impl Strategy<Value = Proxy> {
    let status = prop_oneof![
        7 => Just(None),
        2 => Just(Some(404)),
        1 => Just(Some(500)),
        1 => Just(Some(401)),
    ];
    let includes = vec(edge(), 0..=1);
    (status, option::weighted(0.15, edge()), includes)
        .prop_map(|(status, leads_to, includes)| Proxy { status, leads_to, includes })
}

fn content() -> impl Strategy<Value = Content> {
    prop_oneof![
        10 => proxy().prop_map(Content::Proxy),
        1 => Just(Content::File),
        1 => Just(Content::NoFile),
        2 => edge().prop_map(Content::TryFiles),
        1 => edge().prop_map(Content::Index),
        1 => prop_oneof![Just(404), Just(502), Just(401)].prop_map(Content::Return),
        1 => edge().prop_map(Content::Rewrite),
        1 => Just(Content::Written),
        4 => vec(edge(), 1..=2).prop_map(Content::Page),
    ]
}

fn location() -> impl Strategy<Value = Location> {
    let other_methods = prop_oneof![
        8 => Just(None),
        1 => Just(Some(OtherMethods::Allowed)),
        1 => Just(Some(OtherMethods::Denied)),
    ];
    let subrequest = |share: f64| option::weighted(share, edge());
    let where_ = (weighted(0.3), option::weighted(0.2, 0..12_usize));
    let says = (rules(5), option::weighted(0.15, rules(6)), content());
    let fails = (vec(page(), 1..=2), weighted(0.3), weighted(0.4));
    let accepts = (weighted(0.1), other_methods);
    let asks = (subrequest(0.15), subrequest(0.1), subrequest(0.1), subrequest(0.1));
    (where_, says, fails, accepts, asks).prop_map(
        |(
            (is_named, within),
            (rules, when_if, content),
            (pages, recursive, intercepts),
            (satisfies_any, other_methods),
            (auth_request, mirror, before, after),
        )| Location {
            is_named,
            within,
            rules,
            when_if,
            content,
            pages,
            recursive,
            intercepts,
            satisfies_any,
            other_methods,
            auth_request,
            mirror,
            before,
            after,
        },
    )
}

fn ask() -> impl Strategy<Value = Ask> {
    let source = prop_oneof![
        2 => Just(Source::Good),
        1 => Just(Source::Slow),
        4 => Just(Source::Refused),
        4 => Just(Source::DownAtFirst),
        2 => Just(Source::RefusedByA),
        3 => Just(Source::Missing),
        2 => Just(Source::Twice),
    ];
    let body = prop_oneof![
        6 => Just(Body::None),
        1 => Just(Body::Head),
        4 => Just(Body::Form),
        2 => Just(Body::BrokenForm),
        1 => Just(Body::TooLargeForm),
        1 => Just(Body::Put),
    ];
    let has = (weighted(0.3), weighted(0.2), weighted(0.3));
    (source, body, 0..12_usize, has, weighted(0.6), weighted(0.05)).prop_map(
        |(source, body, entry, (forges, with_if, bypasses), http2, leaves)| Ask {
            source,
            body,
            entry,
            forges,
            with_if,
            bypasses,
            http2,
            leaves,
        },
    )
}
