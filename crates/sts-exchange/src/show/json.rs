//! For programs: one object, whose members keep their names and meanings.

use serde_json::{Value, json};
use sts_core::known::Known;

use super::request::shown;
use super::{Leg, Report, curl, directives};
use crate::compare;
use crate::exchange::Way;
use crate::exit;
use crate::nginx::Verdict;
use crate::redact;

/// All that was done. `now` is in seconds since 1970.
pub fn object(report: &Report<'_>, now: u64) -> Value {
    let Report { legs, verdict, notes } = report;
    let last = legs.last();
    let failure = last.and_then(|leg| leg.outcome.result.as_ref().err());
    json!({
        "version": 1,
        "result": failure.map_or("ok", |failure| failure.kind.name()),
        "exit_code": failure.map_or(exit::OK, |failure| exit::of(failure.kind)),
        "status": last.zip(failure).and_then(|(leg, failure)| super::status(&leg.exchange, failure)),
        "nginx": verdict.map(|verdict| match verdict {
            Verdict::Accepted => "accepts",
            Verdict::Unknown(_) => "unknown",
            Verdict::LeftOut => "not_asked",
        }),
        "notes": notes,
        "exchanges": legs.iter().map(|one| leg(one, now)).collect::<Vec<_>>(),
    })
}

/// What could not be done at all.
pub fn problem(text: &str, code: u8) -> Value {
    let row = exit::ROWS.iter().find(|row| row.code == code);
    json!({
        "version": 1,
        "result": row.map_or("bad_input", |row| row.word),
        "exit_code": code,
        "status": null,
        "reason": text,
        "exchanges": [],
    })
}

fn leg(leg: &Leg, now: u64) -> Value {
    let Leg { place, exchange, outcome, cause } = leg;
    let known = &outcome.known;
    let endpoint = match &exchange.way {
        Way::Call(call) => Some(call.profile.endpoint.shown()),
        Way::Mint(_) => None,
    };
    let request = outcome.sent.as_ref().map(|sent| {
        let shown = shown(sent, known);
        json!({
            "endpoint": sent.endpoint.shown(),
            "line": shown.line,
            "headers": pairs(&shown.headers),
            "form": shown.form.as_deref().map(pairs),
            "body": shown.body,
        })
    });
    let answer = outcome.answer.as_ref().map(|answer| {
        json!({
            "status": answer.status.as_u16(),
            "headers": headers(&answer.headers, known),
            "body": redact::body(answer.body.expose(), known),
        })
    });
    let failure = outcome.result.as_ref().err().map(|failure| {
        json!({
            "error": failure.kind.name(),
            "status": super::status(exchange, failure),
            "reason": redact::line(&failure.reason, known),
            "codes": failure.codes.iter().map(|code| redact::line(code, known)).collect::<Vec<_>>(),
        })
    });
    let got = outcome.result.as_ref().ok();
    let issued = got.map(|got| {
        json!({
            "token": redact::token(got.token.expose()),
            "good_for": got.good_for,
            "kept_for": got.kept_for,
        })
    });
    let compared = got.map(|got| {
        let rows = compare::rows(exchange, outcome, got, now).into_iter().map(|row| {
            json!({
                "name": row.name,
                "asked": row.asked,
                "got": row.got,
                "verdict": row.verdict.word(),
            })
        });
        rows.collect::<Vec<_>>()
    });
    let curl = curl::command(exchange, outcome)
        .map(|curl| json!({ "command": curl.command, "files": pairs(&curl.files) }));
    json!({
        "location": place,
        "type": exchange.kind,
        "endpoint": endpoint,
        "milliseconds": u64::try_from(outcome.took).unwrap_or(u64::MAX),
        "request": request,
        "answer": answer,
        "failure": failure,
        "cause": cause.map(|it| json!({ "id": it.id, "cause": it.cause, "remedy": it.remedy })),
        "issued": issued,
        "compared": compared,
        "curl": curl,
        "directives": directives::one_by_one(exchange, &outcome.known),
        "sts_exchange": directives::in_one(exchange, &outcome.known),
    })
}

fn pairs(pairs: &[(String, String)]) -> Value {
    pairs.iter().map(|(name, value)| json!([name, value])).collect()
}

fn headers(headers: &http::HeaderMap, known: &Known) -> Value {
    let shown = headers.iter().map(|(name, value)| {
        json!([name.as_str(), redact::answer_header(name.as_str(), value.as_bytes(), known)])
    });
    shown.collect()
}
