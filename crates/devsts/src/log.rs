//! One line for each call, and the request below it where that is asked for.

use devsts::Call;
use devsts::sts::Noted;
use openssl::sha::sha256;

/// A call to the STS.
pub(crate) fn call(noted: &Noted, show: bool) -> String {
    let client = noted.client.as_deref().unwrap_or("-").escape_debug();
    let source = noted.source.as_deref().map_or_else(|| "-".to_owned(), |text| token(text, show));
    let result = match &noted.result {
        Ok(target) => format!("target {}", token(target, show)),
        Err(why) => format!("refused, {}", why.escape_debug()),
    };
    format!("#{} client {client} source {source}: {result}", noted.call)
}

/// A request to the backend. The query may hold a token.
pub(crate) fn request(call: &Call, show: bool) -> String {
    let uri = if show { &call.target } else { call.path() };
    let authorization = call.header("authorization").filter(|_| show).unwrap_or_default();
    let with = if authorization.is_empty() { "" } else { " with Authorization: " };
    format!(
        "#{} {} {}{with}{}",
        call.number,
        call.method.escape_debug(),
        uri.escape_debug(),
        authorization.escape_debug()
    )
}

/// The line of a call, and where `whole` says so, the request below it. What a client authenticates
/// itself with is left out; tokens stand there in full.
pub(crate) fn with_request(line: String, call: &Call, whole: bool) -> String {
    if !whole {
        return line;
    }
    let mut lines = vec![line];
    let mut add = |text: String| lines.push(format!("    {}", one_line(&text)));
    add(format!("{} {} HTTP/1.{}", call.method, call.target, call.minor_version));
    for (name, value) in &call.headers {
        add(format!("{name}: {}", without_password(name, &String::from_utf8_lossy(value))));
    }
    match &call.form {
        Some(Ok(parameters)) => {
            for (name, value) in parameters {
                let value = if SECRET.contains(&name.as_str()) { HIDDEN } else { value };
                add(format!("{name} = {value}"));
            }
        }
        _ => {
            let body = String::from_utf8_lossy(&call.body).replace("><", ">\n<");
            for line in body.lines() {
                add(without_element(line).to_owned());
            }
        }
    }
    lines.join("\n")
}

/// A text that came from outside, without what a terminal would obey.
fn one_line(text: &str) -> String {
    let mut shown = String::new();
    for character in text.chars() {
        if character.is_control() {
            shown.extend(character.escape_default());
        } else {
            shown.push(character);
        }
    }
    shown
}

/// Parameters by which clients authenticate themselves, or users.
const SECRET: [&str; 3] = ["client_assertion", "client_secret", "password"];
const HIDDEN: &str = "(not shown)";

/// The value of a header, of `Authorization: Basic` the scheme alone.
fn without_password(name: &str, value: &str) -> String {
    match value.split_once(' ') {
        Some((scheme, _))
            if name.eq_ignore_ascii_case("authorization")
                && scheme.eq_ignore_ascii_case("basic") =>
        {
            format!("{scheme} {HIDDEN}")
        }
        _ => value.to_owned(),
    }
}

/// A line of a message, the start of the element alone where that is the password of a `UsernameToken`.
fn without_element(line: &str) -> &str {
    let name = line.trim_start().trim_start_matches('<');
    let name = name.split([' ', '>', '/']).next().unwrap_or_default();
    if name.rsplit(':').next() == Some("Password") {
        return line.split_once('>').map_or(line, |(start, _)| start);
    }
    line
}

/// Enough of it to tell it from others, and nothing to use it with.
fn token(text: &str, show: bool) -> String {
    if show {
        return one_line(text);
    }
    let digest: String =
        sha256(text.as_bytes()).iter().take(4).map(|byte| format!("{byte:02x}")).collect();
    format!("({} bytes, sha256 {digest}...)", text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noted() -> Noted {
        Noted {
            call: 3,
            client: Some("otxclient".to_owned()),
            source: Some("alice-secret".to_owned()),
            result: Ok("target-secret".to_owned()),
        }
    }

    #[test]
    fn tokens_are_in_no_line_unless_asked_for() {
        let line = call(&noted(), false);
        assert!(line.starts_with("#3 client otxclient source (12 bytes, sha256 "), "{line}");
        assert!(!line.contains("secret"), "{line}");
        assert_eq!(
            call(&noted(), true),
            "#3 client otxclient source alice-secret: target target-secret"
        );
    }

    fn call_of(body: &str, authorization: &str) -> Call {
        let form = body.contains('=').then(|| {
            let pairs = body.split('&').filter_map(|pair| pair.split_once('='));
            Ok(pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
        });
        Call {
            number: 3,
            connection: 1,
            at: std::time::Instant::now(),
            method: "POST".to_owned(),
            target: "/token".to_owned(),
            minor_version: 1,
            headers: vec![("Authorization".to_owned(), authorization.as_bytes().to_vec())],
            body: body.as_bytes().to_vec(),
            chunked: false,
            form,
            tls: None,
        }
    }

    #[test]
    fn a_request_is_shown_line_by_line_without_the_secrets_of_clients() {
        let call = call_of("subject_token=alice&client_secret=s3cret&scope=a", "Basic czNjcmV0");
        let shown = with_request("#3".to_owned(), &call, true);
        assert_eq!(
            shown.lines().collect::<Vec<_>>(),
            [
                "#3",
                "    POST /token HTTP/1.1",
                "    Authorization: Basic (not shown)",
                "    subject_token = alice",
                "    client_secret = (not shown)",
                "    scope = a",
            ]
        );
        assert_eq!(with_request("#3".to_owned(), &call, false), "#3");
    }

    #[test]
    fn a_message_is_shown_element_by_element_without_a_password() {
        let body = "<a><o:Password Type=\"x\">s3cret</o:Password><b>c</b></a>";
        let shown = with_request(String::new(), &call_of_message(body), true);
        assert!(!shown.contains("s3cret"), "{shown}");
        assert!(shown.contains("\n    <b>c</b>\n"), "{shown}");
        assert!(shown.contains("Bearer \"token\"\\u{1b}"), "{shown}");
    }

    fn call_of_message(body: &str) -> Call {
        Call { form: None, ..call_of(body, "Bearer \"token\"\u{1b}") }
    }

    #[test]
    fn a_line_stays_one_line() {
        let noted = Noted { result: Err("bad\nthing".to_owned()), ..noted() };
        assert_eq!(call(&noted, true).lines().count(), 1);
    }
}
