//! `STSStatus`: what the gateway does, for Prometheus, as JSON, or as a page.
//!
//! With many exchanges that is much text. So it is written in slices, with the event loop between two of
//! them, and the answer is sent at the end.

mod page;
mod scrape;

use std::cell::RefCell;
use std::rc::Rc;

use sts_counters::prometheus;

use crate::conf::cache::{Caches, NamedZone};
use crate::conf::name::Names;
use crate::counters::{Counters, StoreTally, Tally};
use crate::nginx::content::{Answer, Content, Made};
use crate::nginx::request::{OutOfMemory, Request};
use crate::nginx::suspend::suspend;
use crate::nginx::task;
use crate::served::Served;
pub(crate) use crate::status::scrape::Scrape;

/// Answers the requests of a location with `STSStatus`.
pub(crate) struct Status;

/// What there is to be seen.
pub(crate) struct Overview {
    counters: Rc<Counters>,
    tallies: Rc<RefCell<Vec<Rc<Tally>>>>,
    zones: Rc<RefCell<Vec<NamedZone>>>,
    stores: Rc<RefCell<Vec<Rc<StoreTally>>>>,
}

impl Overview {
    pub(crate) fn new(names: &Names, caches: &Caches) -> Self {
        let (counters, tallies) = (names.counters.clone(), names.all().clone());
        let (zones, stores) = (caches.zones().clone(), caches.stores().clone());
        Self { counters, tallies, zones, stores }
    }
}

/// What an answer is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Prometheus,
    Json,
    Html,
}

impl Format {
    const WORDS: [(&str, Self); 3] =
        [("prometheus", Self::Prometheus), ("json", Self::Json), ("html", Self::Html)];

    fn content_type(self) -> &'static str {
        match self {
            Self::Prometheus => prometheus::CONTENT_TYPE,
            Self::Json => "application/json",
            Self::Html => "text/html; charset=utf-8",
        }
    }

    /// What the query asks for; else what the client accepts.
    fn of(request: Request<'_>) -> Result<Self, Answer> {
        let pairs = form_urlencoded::parse(request.query());
        let mut asked = pairs.filter(|(name, _)| name == "format").map(|(_, format)| format);
        let Some(word) = asked.next() else { return Ok(Self::accepted(request)) };
        let known = Self::WORDS.into_iter().find(|(known, _)| **known == *word);
        match known {
            Some((_, format)) if asked.next().is_none() => Ok(format),
            _ => Err(text(400, "the format is one of prometheus, json, html\n")),
        }
    }

    /// A browser says that it takes HTML, and what scrapes does not (RFC 9110, section 12.5.1).
    fn accepted(request: Request<'_>) -> Self {
        let accepts = request.fields().filter(|field| field.is("Accept"));
        let is_html = |range: &[u8]| {
            let mut parts = range.split(|byte| *byte == b';').map(<[u8]>::trim_ascii);
            let is_it = parts.next().is_some_and(|it| it.eq_ignore_ascii_case(b"text/html"));
            is_it && !parts.any(is_zero)
        };
        let takes_html = accepts.into_iter().any(|field| {
            field.value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii).any(is_html)
        });
        if takes_html { Self::Html } else { Self::Prometheus }
    }
}

/// Whether a parameter says that a media range is not accepted.
fn is_zero(parameter: &[u8]) -> bool {
    let Some((name, value)) = parameter.split_at_checked(2) else { return false };
    let weight = std::str::from_utf8(value).ok().and_then(|value| value.parse::<f32>().ok());
    name.eq_ignore_ascii_case(b"q=") && weight == Some(0.0)
}

impl Content for Status {
    fn make(request: Request<'_>) -> Result<Made, OutOfMemory> {
        let context = request.context_or_new()?;
        if let Some(scrape) = context.scrape() {
            return Ok(Made::Answer(match scrape.take_text() {
                Some(body) => answer(request, scrape.format, body)?,
                None => text(500, "the counters were not read\n"),
            }));
        }
        if !request.only_reads() {
            // RFC 9110, section 15.5.6.
            request.add_header("Allow", "GET, HEAD")?;
            return Ok(Made::Answer(text(405, "only GET and HEAD show the counters\n")));
        }
        // A subrequest's client asked for something else.
        let location = request.location().filter(|_| request.is_main());
        let Some(overview) = location.and_then(|location| location.shows.as_ref()) else {
            return Ok(Made::Answer(text(404, "nothing to show\n")));
        };
        let format = match Format::of(request) {
            Ok(Format::Html) => return page::answer(request).map(Made::Answer),
            Ok(format) => format,
            Err(answer) => return Ok(Made::Answer(answer)),
        };
        let scrape = Rc::new(Scrape::new(overview, format));
        scrape.wait_by(suspend(request, false, None)?);
        context.set_scrape(scrape.clone());
        // Made here: a task that is cancelled before it first runs has to answer, too.
        let ending = scrape::Ending(scrape);
        // Boxed: it is large, and there are few.
        task::spawn(async move { Box::pin(ending.0.run()).await });
        Ok(Made::Wait)
    }
}

fn answer(request: Request<'_>, format: Format, body: String) -> Result<Answer, OutOfMemory> {
    request.add_header("Cache-Control", "no-store")?;
    // The answer depends on it where the query does not say.
    request.add_header("Vary", "Accept")?;
    request.add_header("X-Content-Type-Options", "nosniff")?;
    Ok(Answer { status: 200, content_type: format.content_type(), body })
}

fn text(status: u16, body: &str) -> Answer {
    Answer { status, content_type: "text/plain", body: body.to_owned() }
}
