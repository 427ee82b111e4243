//! The tables of errors in `docs/servers.md`: each row is an answer that was recorded, and each
//! recorded refusal has its row.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::recorded::vector::{Vector, all, grant};

/// The headings with recorded answers, and where these are.
const SERVERS: [(&str, &str); 8] = [
    ("Keycloak", "keycloak"),
    ("Keycloak, legacy exchange", "keycloak-v1"),
    ("ZITADEL", "zitadel-oidc"),
    ("dex", "dex"),
    ("node oidc-provider", "oidc-provider"),
    ("mock-oauth2-server", "nav-mock"),
    ("Ory Hydra", "hydra"),
    ("Spring Authorization Server", "spring"),
];

/// HTTP status, `error`, `error_description` and `$sts_error`.
type Row = [String; 4];

/// The rows under a heading of the document.
fn documented(heading: &str) -> Vec<Row> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/servers.md");
    let document = fs::read_to_string(path).unwrap();
    let (_, section) = document.split_once(&format!("\n## {heading}\n")).unwrap();
    let section = section.split("\n## ").next().unwrap();
    let table = section.split("| HTTP | `error` |").nth(1).unwrap();
    let rows = table.lines().skip(2).take_while(|line| line.starts_with('|'));
    rows.map(|line| {
        let mut cells =
            line.split('|').skip(1).map(|cell| cell.trim().trim_matches('`').to_owned());
        std::array::from_fn(|_| cells.next().unwrap())
    })
    .collect()
}

/// The refusals of a server.
fn recorded(server: &str) -> Vec<Row> {
    let names = all("oauth");
    let names = names.iter().filter(|name| name.starts_with(&format!("oauth/{server}/")));
    names
        .filter_map(|name| {
            let vector = Vector::load(name);
            let failure = vector.read(grant(name)).err()?;
            let body: Value = serde_json::from_slice(&vector.body).unwrap_or_default();
            let member =
                |key: &str| body.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
            let status = vector.status.as_u16().to_string();
            let kind = failure.kind.name().to_owned();
            Some([status, member("error"), member("error_description"), kind])
        })
        .collect()
}

/// Whether a row, with `…` for what differs, is about an answer.
fn is_about(row: &Row, answer: &Row) -> bool {
    row.iter().zip(answer).all(|(pattern, text)| match pattern.split_once('…') {
        Some((start, end)) => text.starts_with(start) && text.ends_with(end),
        None => pattern == text,
    })
}

#[test]
fn the_errors_in_the_documents_are_those_that_servers_gave() {
    for (heading, server) in SERVERS {
        let (rows, answers) = (documented(heading), recorded(server));
        assert!(rows.len() > 2 && answers.len() > 2, "{heading}");
        for row in &rows {
            let was_given = answers.iter().any(|answer| is_about(row, answer));
            assert!(was_given, "{heading}: no server said {row:?}");
        }
        for answer in &answers {
            let is_there = rows.iter().any(|row| is_about(row, answer));
            assert!(is_there, "{heading} lacks {answer:?}");
        }
    }
}
