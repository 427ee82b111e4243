//! Compares two calls, but for what has to be another each time.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use devsts::Call;
use serde_json::Value;

/// Fails unless both are the same: the first line, each header in its place, the body.
#[track_caller]
pub(super) fn assert_same(one: &Call, other: &Call, about: &str) {
    let head = |call: &Call| {
        let mut lines =
            vec![format!("{} {} HTTP/1.{}", call.method, call.target, call.minor_version)];
        for (name, value) in &call.headers {
            lines.push(format!("{name}: {}", String::from_utf8_lossy(value)));
        }
        lines
    };
    assert_eq!(head(one), head(other), "{about}");
    assert_eq!(one.body.len(), other.body.len(), "{about}");
    let body = |call: &Call| normalised(&String::from_utf8_lossy(&call.body));
    assert_eq!(body(one), body(other), "{about}");
}

/// A body without what is fresh in it.
fn normalised(body: &str) -> String {
    if body.starts_with('<') {
        return fresh_in_xml(body);
    }
    let pairs = body.split('&').map(|pair| match pair.split_once('=') {
        Some((name @ ("client_assertion" | "assertion"), jwt)) => {
            format!("{name}={}", claims(jwt).unwrap_or_else(|| jwt.to_owned()))
        }
        _ => pair.to_owned(),
    });
    pairs.collect::<Vec<_>>().join("&")
}

/// Header and claims of a JWT, and how long it lives, less what is fresh in it; its signature is, too.
pub(super) fn claims(jwt: &str) -> Option<String> {
    let mut parts = jwt.split('.');
    let mut object = || -> Option<Value> {
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(parts.next()?).ok()?).ok()
    };
    let (header, mut claims) = (object()?, object()?);
    let life = claims["exp"].as_u64().zip(claims["iat"].as_u64());
    let life = life.and_then(|(exp, iat)| exp.checked_sub(iat));
    for fresh in ["jti", "iat", "exp", "nbf"] {
        claims.as_object_mut()?.remove(fresh);
    }
    Some(format!("{header}.{claims} for {life:?} s"))
}

/// How what is fresh in a message begins, and what ends it.
const FRESH: [(&str, &str); 6] = [
    ("<wsa:MessageID>", "<"),
    ("<wsu:Created>", "<"),
    ("<wsu:Expires>", "<"),
    ("wsu:Id=\"", "\""),
    // That of a nonce; a binary token has its ValueType before its encoding.
    (
        "<wsse:Nonce EncodingType=\"http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-soap-message-security-1.0#Base64Binary\">",
        "<",
    ),
    ("#PasswordDigest\">", "<"),
];

/// Ids, nonces, times and what is made of them are of one message.
fn fresh_in_xml(body: &str) -> String {
    let mut text = body.to_owned();
    for (start, end) in FRESH {
        let mut pieces = text.split(start);
        let mut cleaned = pieces.next().unwrap_or_default().to_owned();
        for piece in pieces {
            let at = piece.find(end).unwrap_or(piece.len());
            cleaned.push_str(start);
            cleaned.push_str("fresh");
            cleaned.push_str(&piece[at..]);
        }
        text = cleaned;
    }
    text
}
