//! The same call as a command of curl, which reads secrets from files.

use sts_core::client_auth::{ClientAuth, Method};
use sts_core::endpoint::{Host, Scheme};

use crate::call::{Outcome, Sent};
use crate::exchange::{Call, Exchange, Way};
use crate::redact;

/// A command, and what its files hold.
pub struct Curl {
    /// The command, over several lines.
    pub command: String,
    /// Each file, and what has to be in it.
    pub files: Vec<(String, String)>,
}

/// The command for a call that was made. What may be a secret is in files.
pub fn command(exchange: &Exchange, outcome: &Outcome) -> Option<Curl> {
    let (Way::Call(call), Some(sent)) = (&exchange.way, &outcome.sent) else { return None };
    let known = &outcome.known;
    let mut curl = Curl { command: String::new(), files: Vec::new() };
    let mut lines = vec![format!("curl --max-time {}", call.contact.timeout / 1000)];
    lines.extend(call.connection(exchange, sent));
    let head = String::from_utf8_lossy(sent.message.expose());
    let head = head.split("\r\n\r\n").next().unwrap_or_default();
    for (name, value) in head.split("\r\n").skip(1).filter_map(|line| line.split_once(": ")) {
        match name {
            "content-length" | "user-agent" => {}
            "host" if call.contact.host.is_none() => {}
            "authorization" => {
                let content =
                    format!("the line Authorization: Basic ..., {}", basic(&call.profile.auth));
                lines.push(format!("--header @{}", curl.file(name, content)));
            }
            "proxy-authorization" => {
                let content = "the line Proxy-Authorization: Basic ..., of the proxy's user name and password";
                lines.push(format!("--proxy-header @{}", curl.file(name, content.to_owned())));
            }
            _ if is_whole(&redact::header(name, value, known), value) => {
                lines.push(format!("--header {}", quoted(&format!("{name}: {value}"))));
            }
            _ => {
                let content = format!("the line {name}: VALUE");
                lines.push(format!("--header @{}", curl.file(name, content)));
            }
        }
    }
    let is_form = head.contains("content-type: application/x-www-form-urlencoded");
    if is_form {
        for (name, value) in form_urlencoded::parse(sent.body.expose()) {
            let pair = if is_whole(&redact::parameter(&name, value.as_bytes(), known), &value) {
                format!("{name}={value}")
            } else {
                format!("{name}@{}", curl.file(&name, what(&name).to_owned()))
            };
            lines.push(format!("--data-urlencode {}", quoted(&pair)));
        }
    } else {
        let content = "the envelope, with a fresh Timestamp and MessageID".to_owned();
        curl.files.push(("request.xml".to_owned(), content));
        lines.push("--data-binary @request.xml".to_owned());
    }
    let url = url(sent);
    let shown = redact::url(&url, known);
    if shown == url {
        lines.push(quoted(&url));
    } else {
        let content = format!("the line url = \"URL\", of {shown}");
        lines.push(format!("--config {}", curl.file("url", content)));
    }
    curl.command = lines.join(" \\\n    ");
    Some(curl)
}

/// Whether nothing of a value is left out, of which all is text.
fn is_whole(shown: &str, value: &str) -> bool {
    shown == value && !value.contains(char::REPLACEMENT_CHARACTER)
}

impl Curl {
    /// The name of a new file for a value, by the name of the value.
    fn file(&mut self, name: &str, content: String) -> String {
        let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '-' };
        let stem: String = name.chars().map(plain).collect();
        let is_free = |file: &String| self.files.iter().all(|(known, _)| known != file);
        let names = (2..).map(|number: u32| format!("{stem}-{number}.txt"));
        let file = [format!("{stem}.txt")].into_iter().chain(names).find(is_free);
        let file = file.unwrap_or_default();
        self.files.push((file.clone(), content));
        file
    }
}

impl Call {
    fn connection(&self, exchange: &Exchange, sent: &Sent) -> Vec<String> {
        let mut lines = Vec::new();
        if let Host::Unix(path) = sent.endpoint.host() {
            lines.push(format!("--unix-socket {}", quoted(&path.display().to_string())));
        }
        if let Some(proxy) = self.contact.proxy_to(&sent.endpoint) {
            lines.push(format!("--proxy {}", quoted(proxy.endpoint.url())));
        }
        if sent.endpoint.scheme() == Scheme::Https {
            if !self.contact.verify {
                lines.push("--insecure".to_owned());
            }
            if let Some(file) = &self.contact.trusted {
                lines.push(format!("--cacert {}", quoted(&file.display().to_string())));
            }
        }
        if self.profile.auth.method() == Method::ClientCert {
            let names = ["--cert", "--key"];
            for (name, file) in names.into_iter().zip(self.profile.auth.files()) {
                let file = exchange.base.join(file);
                lines.push(format!("{name} {}", quoted(&file.display().to_string())));
            }
        }
        lines
    }
}

fn url(sent: &Sent) -> String {
    match sent.endpoint.host() {
        Host::Unix(_) => {
            let scheme = if sent.endpoint.scheme() == Scheme::Https { "https" } else { "http" };
            format!("{scheme}://localhost{}", sent.endpoint.target())
        }
        _ => sent.endpoint.url().to_owned(),
    }
}

fn basic(auth: &ClientAuth) -> String {
    let id = auth.id().unwrap_or_default();
    match auth.method() {
        Method::ClientSecretBasic => {
            format!("base64 of {id}:SECRET, both form-encoded before")
        }
        _ => format!("base64 of {id}:PASSWORD"),
    }
}

/// What is in the file of a parameter, which must not end with a line break.
fn what(name: &str) -> &'static str {
    match name {
        "subject_token" => "the source token, without a line break at its end",
        "assertion" => "the source token as the grant has it, without a line break at its end",
        "actor_token" => "the actor token, without a line break at its end",
        "password" => "the source token, which is the password, without a line break at its end",
        "client_secret" => "the secret of the client, without a line break at its end",
        "client_assertion" => "a fresh client assertion: servers take each one once",
        _ => "the value, without a line break at its end",
    }
}

/// A word for a shell.
fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@,%+".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_reaches_curl_as_it_is() {
        for (word, expected) in [
            ("a=b", "a=b"),
            ("", "''"),
            ("a b", "'a b'"),
            ("it's", "'it'\\''s'"),
            ("$HOME;`x`", "'$HOME;`x`'"),
        ] {
            assert_eq!(quoted(word), expected);
        }
    }
}
