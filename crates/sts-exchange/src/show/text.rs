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
    if let Some(curl) = curl::command(exchange, outcome) {
        line(&mut text, "\nThe same by curl:\n");
        block(&mut text, &curl.command);
        for (file, content) in curl.files {
            block(&mut text, &format!("# {file}: {content}"));
        }
    }
    line(&mut text, "\nThe same in directives:\n");
    block(&mut text, &directives::one_by_one(exchange, &outcome.known));
    line(&mut text, "\nor\n");
    block(&mut text, &directives::in_one(exchange, &outcome.known));
    if directives::hides_secrets(exchange) {
        line(
            &mut text,
            "\nA secret that stands in the configuration itself is shown as a file, or as [secret], above.",
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
        let value = redact::answer_header(name.as_str(), value.as_bytes(), &outcome.known);
        line(text, &format!("< {name}: {value}"));
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
            let reason = redact::line(&failure.reason, &leg.outcome.known);
            line(text, &format!("Failed: {} ({reason})", kind.name()));
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

#[cfg(test)]
mod tests {
    use std::path::Path;

    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use proptest::prelude::*;
    use serde_json::json;
    use sts_core::error::{Failure, FailureKind};
    use sts_core::known::Known;
    use sts_core::secret::Secret;

    use super::*;
    use crate::call::Got;
    use crate::settings::build;
    use crate::settings::option_string::{command_line, of_exchange};
    use crate::settings::written::{Items, Word};

    fn jwt(claims: &serde_json::Value) -> Secret {
        let encoded = URL_SAFE_NO_PAD.encode(claims.to_string());
        Secret::new(format!("{}.{encoded}.c2ln", URL_SAFE_NO_PAD.encode("{}")))
    }

    fn shown(result: Result<Got, Failure>, source: Secret) -> [String; 2] {
        let words = ["otx", "https://sts.example/token", "audience=a&scope=b"];
        let items = of_exchange(&words.map(|word| Word::new(word.to_owned())), &command_line());
        let exchange = build::exchange(Items::new(items.unwrap()), Path::new("/")).unwrap();
        let outcome = Outcome {
            source,
            parameters: vec![("audience".to_owned(), Secret::new("a"))],
            sent: None,
            answer: None,
            wire: None,
            result,
            took: 0,
            known: Known::nothing(),
        };
        let leg = Leg { place: None, exchange: exchange.unwrap(), outcome, cause: None };
        let report = Report { legs: &[leg], verdict: None, notes: &[] };
        [super::report(&report, 0), redact::printed(&crate::show::json::object(&report, 0))]
    }

    proptest! {
        #[test]
        fn no_output_holds_a_control_character_but_line_breaks(
            odd in "(\\PC|\\pC|[\\x00-\\x1f\\x7f-\\u{9f}]){0,12}", reason: String
        ) {
            let claims = json!({
                "aud": [&odd], "scope": &odd, "iss": &odd, "sub": &odd, "cnf": { &odd: 1 },
            });
            let token = jwt(&claims);
            let got = Got { token: token.clone(), issued: None, good_for: None, kept_for: 0 };
            let failure = Failure::new(FailureKind::Refused, reason);
            let plain = shown(Err(Failure::new(FailureKind::Refused, "x")), Secret::default());
            for (shown, plain) in shown(Err(failure), token.clone()).iter().zip(plain) {
                prop_assert!(!shown.chars().any(|c| c.is_control() && c != '\n'), "{}", shown);
                // No line of the report is made by an STS.
                prop_assert_eq!(shown.lines().count(), plain.lines().count(), "{}", shown);
            }
            for shown in shown(Ok(got), token) {
                prop_assert!(!shown.chars().any(|c| c.is_control() && c != '\n'), "{}", shown);
            }
        }
    }
}
