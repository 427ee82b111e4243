//! Each row of the manual's table of failures, as an STS of OAuth brings it about.

use devsts::{Answer, Script};
use serde_json::{Value, json};

/// A way to fail, what it is called, and the status of a client that is refused.
pub struct Row {
    /// A name, which can be the source token.
    pub name: &'static str,
    /// The value of `$sts_error`.
    pub error: &'static str,
    /// The status.
    pub status: u16,
    /// What the STS does.
    pub script: Script,
}

fn row(name: &'static str, error: &'static str, status: u16, answer: Answer) -> Row {
    Row { name, error, status, script: Script::new().answer(answer) }
}

/// An error of RFC 6749, section 5.2, with a description that no client may see.
fn oauth(status: u16, error: &str) -> Answer {
    Answer::oauth_error(status, error, DESCRIPTION)
}

/// Stands in what the STS says, and is for no client.
pub const DESCRIPTION: &str = "description-of-the-sts";

fn token(value: &Value) -> Answer {
    Answer::json(200, value)
}

/// Refusals of the source token, and of what the subject may do.
fn refusals() -> Vec<Row> {
    vec![
        row("invalid-grant", "refused", 401, oauth(400, "invalid_grant")),
        row("invalid-token", "refused", 401, oauth(400, "invalid_token")),
        row("invalid-request", "refused", 401, oauth(400, "invalid_request")),
        row("invalid-grant-as-401", "refused", 401, oauth(401, "invalid_grant")),
        row("access-denied-as-401", "refused", 401, oauth(401, "access_denied")),
        row("access-denied", "denied", 403, oauth(400, "access_denied")),
        row("access-denied-as-403", "denied", 403, oauth(403, "access_denied")),
        row("invalid-target", "denied", 403, oauth(400, "invalid_target")),
        row("interaction-required", "denied", 403, oauth(400, "interaction_required")),
        row("consent-required", "denied", 403, oauth(400, "consent_required")),
        row("login-required", "denied", 403, oauth(400, "login_required")),
    ]
}

/// What is the gateway's trouble, or the STS's.
fn outages() -> Vec<Row> {
    let gateway = "gateway_refused";
    vec![
        row("invalid-client", gateway, 502, oauth(401, "invalid_client")),
        row("invalid-client-as-400", gateway, 502, oauth(400, "invalid_client")),
        row("unauthorized-client", gateway, 502, oauth(400, "unauthorized_client")),
        row("unsupported-grant-type", gateway, 502, oauth(400, "unsupported_grant_type")),
        row("invalid-scope", gateway, 502, oauth(400, "invalid_scope")),
        row("unknown-error", gateway, 502, oauth(400, "something_else")),
        row("plain-401", gateway, 502, Answer::new(401)),
        row("plain-400", gateway, 502, Answer::new(400).body("no JSON")),
        row("plain-403", gateway, 502, Answer::new(403)),
        row("plain-404", gateway, 502, Answer::new(404)),
        row("plain-418", gateway, 502, Answer::new(418)),
        row("busy-429", "busy", 503, Answer::new(429)),
        row("busy-503", "busy", 503, Answer::new(503)),
        row("error-500", "unreachable", 502, Answer::new(500)),
        row("error-500-with-refusal", "unreachable", 502, oauth(500, "invalid_grant")),
        row("proxy-407", "unreachable", 502, Answer::new(407)),
        row("error-502", "unreachable", 502, Answer::new(502)),
        row("error-504", "unreachable", 502, Answer::new(504)),
        Row { name: "reset", error: "unreachable", status: 502, script: Script::new().reset() },
        Row { name: "closed", error: "unreachable", status: 502, script: Script::new().close() },
        Row {
            name: "half-a-body",
            error: "unreachable",
            status: 502,
            script: Script::new().limit(200).usual().close(),
        },
        Row { name: "hang", error: "timeout", status: 504, script: Script::new().hang() },
    ]
}

/// Answers that make no sense.
fn nonsense() -> Vec<Row> {
    let bad = |name, answer| row(name, "bad_answer", 502, answer);
    let html = Answer::new(200).header("Content-Type", "text/html").body("<p>Sign in</p>");
    let as_json =
        |body: &str| Answer::new(200).header("Content-Type", "application/json").body(body);
    vec![
        bad("redirect-301", Answer::redirect(301, "http://127.0.0.1:9/")),
        bad("redirect-302", Answer::redirect(302, "http://127.0.0.1:9/")),
        bad("redirect-307", Answer::redirect(307, "http://127.0.0.1:9/")),
        bad("html", html),
        bad("empty", as_json("")),
        bad("truncated-json", as_json(r#"{"access_token":"T""#)),
        bad("more-than-json", as_json(r#"{"access_token":"T"} {}"#)),
        bad("array", as_json(r#"["T"]"#)),
        bad("no-token", token(&json!({"token_type": "Bearer"}))),
        bad("empty-token", token(&json!({"access_token": "", "token_type": "Bearer"}))),
        bad("number-token", token(&json!({"access_token": 1, "token_type": "Bearer"}))),
        bad("null-token", token(&json!({"access_token": null, "token_type": "Bearer"}))),
        bad("cr-token", token(&json!({"access_token": "a\rb", "token_type": "Bearer"}))),
        bad("lf-token", token(&json!({"access_token": "a\nX: y", "token_type": "Bearer"}))),
        bad("nul-token", token(&json!({"access_token": "a\0b", "token_type": "Bearer"}))),
        bad("mac-token", token(&json!({"access_token": "T", "token_type": "mac"}))),
        bad("dpop-token", token(&json!({"access_token": "T", "token_type": "DPoP"}))),
        bad("no-http", Answer::new(200)).with(Script::new().send("SSH-2.0-server\r\n").close()),
        bad("two-lengths", Answer::new(200)).with(
            Script::new()
                .send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}x"),
        ),
    ]
}

impl Row {
    fn with(self, script: Script) -> Self {
        Self { script, ..self }
    }
}

/// All of them, for a grant that exchanges a token of the client.
pub fn all_rows() -> Vec<Row> {
    let mut rows = refusals();
    rows.extend(outages());
    rows.extend(nonsense());
    rows
}
