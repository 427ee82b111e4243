//! One line for each call.

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

/// Enough of it to tell it from others, and nothing to use it with.
fn token(text: &str, show: bool) -> String {
    if show {
        return text.escape_debug().to_string();
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

    #[test]
    fn a_line_stays_one_line() {
        let noted = Noted { result: Err("bad\nthing".to_owned()), ..noted() };
        assert_eq!(call(&noted, true).lines().count(), 1);
    }
}
