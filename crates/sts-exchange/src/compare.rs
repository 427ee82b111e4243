//! What was asked for, beside what came.

use sts_core::issued::Told;
use sts_core::parameters::token_type;
use sts_core::secret::Secret;

use crate::call::{Got, Outcome};
use crate::exchange::{Exchange, Way};
use crate::jwt;
use crate::redact;
use crate::words;

/// One thing that was asked for, or that counts.
#[derive(Debug, PartialEq, Eq)]
pub struct Row {
    /// What it is.
    pub name: &'static str,
    /// What was asked for.
    pub asked: String,
    /// What came.
    pub got: String,
    /// Whether that is the same.
    pub verdict: Verdict,
}

/// How the two go together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is what was asked for, or as it should be.
    Good,
    /// It is something else.
    Differs,
    /// It cannot be seen, or nothing was asked for.
    Unsaid,
}

impl Verdict {
    /// A word for it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Differs => "differs",
            Self::Unsaid => "unsaid",
        }
    }
}

/// Compares them, at a moment in seconds since 1970.
pub fn rows(exchange: &Exchange, outcome: &Outcome, got: &Got, now: u64) -> Vec<Row> {
    let claims = jwt::claims(got.token.expose());
    let claim = |name: &str| claims.as_ref().and_then(|claims| claims.get(name));
    let source = jwt::claims(outcome.source.expose());
    let mut rows = Vec::new();
    let asked = |name: &str| -> Vec<String> {
        let same = outcome.parameters.iter().filter(|(known, _)| known == name);
        same.map(|(_, value)| text(value)).filter(|value| !value.is_empty()).collect()
    };
    let audience = [asked("audience"), asked("resource")].concat();
    let told = jwt::texts(claim("aud"));
    if !audience.is_empty() || !told.is_empty() {
        rows.push(row("audience", &audience, &told, claims.is_some()));
    }
    let scope: Vec<String> =
        asked("scope").iter().flat_map(|it| it.split(' ').map(str::to_owned)).collect();
    let told = match got.issued.as_ref().map(|issued| &issued.scope) {
        Some(Told::Text(text)) => Some(text.to_string()),
        _ => claim("scope").or_else(|| claim("scp")).map(|it| jwt::texts(Some(it)).join(" ")),
    };
    if !scope.is_empty() || told.is_some() {
        // None is named where it is the same (RFC 6749, section 5.1).
        let is_said = told.is_some();
        let told: Vec<String> =
            told.iter().flat_map(|it| it.split(' ').map(str::to_owned)).collect();
        rows.push(row("scope", &scope, &told, is_said));
    }
    let requested = asked("requested_token_type");
    if let Some(issued) = &got.issued {
        if let Told::Text(text) = &issued.issued_token_type {
            let identifier = |it: &String| {
                token_type("requested_token_type", it.as_bytes())
                    .map_or_else(|| it.clone(), str::to_owned)
            };
            let requested: Vec<_> = requested.iter().map(identifier).collect();
            rows.push(row("issued_token_type", &requested, &[text.to_string()], true));
        } else if !requested.is_empty() {
            rows.push(row("issued_token_type", &requested, &[], false));
        }
    }
    if let Way::Call(call) = &exchange.way
        && let Some(issuer) = claim("iss").and_then(|issuer| issuer.as_str())
    {
        let endpoint = &call.profile.endpoint;
        let asked = if endpoint.is_issuer() { vec![endpoint.url().to_owned()] } else { vec![] };
        rows.push(row("issuer", &asked, &[issuer.to_owned()], true));
    }
    let subject_of = |claims: &Option<serde_json::Map<String, serde_json::Value>>| {
        jwt::texts(claims.as_ref().and_then(|claims| claims.get("sub")))
    };
    let (of_source, of_target) = (subject_of(&source), subject_of(&claims));
    if !of_source.is_empty() && !of_target.is_empty() {
        // A server may have its own names for users.
        let verdict = if of_source == of_target { Verdict::Good } else { Verdict::Unsaid };
        let row = row("subject", &of_source, &of_target, true);
        rows.push(Row { verdict, ..row });
    }
    rows.push(expiry(got, jwt::time(claim("exp")), now));
    if let Some(confirmation) = claim("cnf") {
        rows.push(Row {
            name: "cnf",
            asked: "a bearer token".to_owned(),
            got: format!("bound to a key ({})", keys(confirmation)),
            verdict: Verdict::Differs,
        });
    }
    for row in &mut rows {
        // An STS says what it likes, and a terminal obeys it.
        row.asked = redact::line(&row.asked, &outcome.known);
        row.got = redact::line(&row.got, &outcome.known);
    }
    rows
}

fn keys(value: &serde_json::Value) -> String {
    let names = value.as_object().map(|object| object.keys().cloned().collect::<Vec<_>>());
    names.unwrap_or_default().join(", ")
}

fn expiry(got: &Got, exp: Option<u64>, now: u64) -> Row {
    let said = got.issued.as_ref().and_then(|issued| issued.expires_in);
    let said = said.map_or_else(|| "nothing said".to_owned(), |it| format!("expires_in {it}"));
    let at = exp.map_or_else(
        || "no exp to be seen".to_owned(),
        |exp| format!("exp {}", words::time(exp, now)),
    );
    let verdict = match (got.good_for, exp) {
        (Some(0), _) => Verdict::Differs,
        (_, Some(exp)) if exp <= now => Verdict::Differs,
        (None, _) => Verdict::Unsaid,
        _ => Verdict::Good,
    };
    Row {
        name: "expiry",
        asked: "a token that lives".to_owned(),
        got: format!("{said}, {at}"),
        verdict,
    }
}

/// All that was asked for has to be there.
fn row(name: &'static str, asked: &[String], got: &[String], is_visible: bool) -> Row {
    let verdict = match (asked, is_visible) {
        ([], _) | (_, false) => Verdict::Unsaid,
        (asked, true) if asked.iter().all(|one| got.contains(one)) => Verdict::Good,
        // An access token may be a JWT, and often is (RFC 8693, section 3).
        ([asked], true) if name == "issued_token_type" && are_access(asked, got) => Verdict::Good,
        _ => Verdict::Differs,
    };
    let in_words = |list: &[String], none: &str| match list {
        [] => none.to_owned(),
        list => list.join(" "),
    };
    let none = if is_visible { "none" } else { "not to be seen" };
    Row { name, asked: in_words(asked, "nothing"), got: in_words(got, none), verdict }
}

fn are_access(asked: &str, got: &[String]) -> bool {
    let is_access = |it: &str| it.ends_with(":access_token") || it.ends_with(":jwt");
    is_access(asked) && got.iter().all(|got| is_access(got))
}

fn text(value: &Secret) -> String {
    String::from_utf8_lossy(value.expose()).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(name: &'static str, asked: &[&str], got: &[&str]) -> Verdict {
        let own = |list: &[&str]| list.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>();
        row(name, &own(asked), &own(got), true).verdict
    }

    #[test]
    fn all_that_was_asked_for_has_to_be_there() {
        assert_eq!(verdict("audience", &["a"], &["a", "b"]), Verdict::Good);
        assert_eq!(verdict("audience", &["a", "c"], &["a", "b"]), Verdict::Differs);
        assert_eq!(verdict("audience", &[], &["a"]), Verdict::Unsaid);
        let [access, jwt, id] = ["access_token", "jwt", "id_token"]
            .map(|it| format!("urn:ietf:params:oauth:token-type:{it}"));
        assert_eq!(verdict("issued_token_type", &[&access], &[&jwt]), Verdict::Good);
        assert_eq!(verdict("issued_token_type", &[&access], &[&id]), Verdict::Differs);
    }
}
