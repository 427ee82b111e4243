//! For a reader at a terminal.

use std::fmt::Write;

use super::request::{Shown, shown};
use super::{Leg, Report, curl, directives};
use crate::call::Outcome;
use crate::compare::{self, Verdict};
use crate::exchange::Way;
use crate::problem::Problem;
use crate::redact;
use crate::words;

/// All exchanges, one after the other. `now` is in seconds since 1970.
pub fn report(report: &Report<'_>, now: u64) -> String {
    let mut text = String::new();
    for note in report.notes {
        // One line, whatever is quoted in it.
        line(&mut text, &format!("Note: {}.", Problem::new(note.as_str())));
    }
    let legs: Vec<String> = report.legs.iter().map(|it| leg(it, now)).collect();
    if !text.is_empty() {
        text.push('\n');
    }
    text + &legs.join("\n")
}

/// An exchange, and how it went.
fn leg(leg: &Leg, now: u64) -> String {
    let mut text = String::new();
    let Leg { place, exchange, outcome, .. } = leg;
    let at = match &exchange.way {
        Way::Call(call) => format!(" at {}", call.profile.endpoint.shown()),
        Way::Mint(_) => ", made here".to_owned(),
    };
    line(&mut text, &format!("{}{at}", exchange.kind));
    if let Some(place) = place {
        line(&mut text, &format!("  of {place}"));
    }
    if let Some(sent) = &outcome.sent {
        text.push('\n');
        request(&mut text, &shown(sent, &outcome.known));
    }
    if outcome.answer.is_some() {
        text.push('\n');
        answer(&mut text, outcome);
    }
    text.push('\n');
    end(&mut text, leg, now);
    if let Some(curl) = outcome.sent.as_ref().and_then(|sent| curl::command(exchange, sent)) {
        line(&mut text, "\nThe same by curl:\n");
        block(&mut text, &curl.command);
        for (file, content) in curl.files {
            block(&mut text, &format!("# {file}: {content}"));
        }
    }
    line(&mut text, "\nThe same in directives:\n");
    block(&mut text, &directives::one_by_one(exchange));
    line(&mut text, "\nor\n");
    block(&mut text, &directives::in_one(exchange));
    if directives::hides_secrets(exchange) {
        line(
            &mut text,
            "\nA secret that stands in the configuration itself is shown as a file above.",
        );
    }
    text
}

fn line(text: &mut String, line: &str) {
    text.push_str(line);
    text.push('\n');
}

fn block(text: &mut String, lines: &str) {
    lines.lines().for_each(|it| line(text, &format!("    {it}")));
}

fn request(text: &mut String, shown: &Shown) {
    line(text, &format!("> {}", shown.line));
    for (name, value) in &shown.headers {
        line(text, &format!("> {name}: {value}"));
    }
    line(text, ">");
    for (name, value) in shown.form.iter().flatten() {
        line(text, &format!("> {name}={value}"));
    }
    if let Some(body) = &shown.body {
        body.lines().for_each(|it| line(text, &format!("> {it}")));
    }
}

fn answer(text: &mut String, outcome: &Outcome) {
    let Some(answer) = &outcome.answer else { return };
    line(text, &format!("< HTTP {} after {} ms", answer.status, outcome.took));
    for (name, value) in &answer.headers {
        let value = String::from_utf8_lossy(value.as_bytes());
        line(text, &format!("< {name}: {}", redact::text(&value, &outcome.known)));
    }
    line(text, "<");
    let body = redact::body(answer.body.expose(), &outcome.known);
    body.lines().for_each(|it| line(text, &format!("< {it}")));
}

fn end(text: &mut String, leg: &Leg, now: u64) {
    let got = match &leg.outcome.result {
        Ok(got) => got,
        Err(failure) => {
            let kind = failure.kind;
            line(text, &format!("Failed: {} ({})", kind.name(), failure.reason));
            match super::status(&leg.exchange, failure) {
                Some(status) => line(text, &format!("A client of NGINX would get {status}.")),
                None => line(text, "NGINX would let the request go on without a token."),
            }
            if let Some(cause) = leg.cause {
                line(text, &format!("Cause: {}.", cause.cause));
                line(text, &format!("Remedy: {}.", cause.remedy));
            }
            return;
        }
    };
    let good_for = got.good_for.map_or_else(
        || "which says nothing of its life".to_owned(),
        |seconds| format!("good for {}", words::seconds(seconds)),
    );
    let kept = words::seconds(got.kept_for);
    line(
        text,
        &format!(
            "Issued: {}, {good_for}; NGINX would use it for {kept}.",
            redact::token(got.token.expose())
        ),
    );
    line(text, "");
    for row in compare::rows(&leg.exchange, &leg.outcome, got, now) {
        let mark = match row.verdict {
            Verdict::Good => "ok ",
            Verdict::Differs => "!! ",
            Verdict::Unsaid => "   ",
        };
        let _ = writeln!(text, "{mark} {:<18} asked: {}; got: {}", row.name, row.asked, row.got);
    }
    if let Some(cause) = leg.cause {
        line(text, &format!("Note: {}.", cause.cause));
        line(text, &format!("Remedy: {}.", cause.remedy));
    }
}
