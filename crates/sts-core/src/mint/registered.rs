//! The claims that a standard knows (RFC 7519, section 4.1): what the configuration says of them, what is
//! made where there is none, and the form that those have to have that came with the others.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

use super::{Claims, Overrides, Terms, bad, text};
use crate::error::Failure;
use crate::now::Now;

/// Random bytes of a `jti`: none comes twice (RFC 7519, section 4.1.7).
const ID_BYTES: usize = 16;

/// Puts in what the configuration says and what is missing. Returns the seconds for which the token lives
/// as well.
pub(super) fn complete(
    mut claims: Claims,
    overrides: &Overrides<'_>,
    terms: &Terms,
    now: &Now,
) -> Result<(Claims, u64), Failure> {
    put_over(&mut claims, overrides)?;
    check_texts(&claims)?;
    let started = now.wall.0;
    let last = started.saturating_add(terms.lifetime);
    let expires = match number(&claims, "exp")? {
        Some(given) => given.min(last),
        None => last,
    };
    if expires <= started {
        return Err(bad("the claims have expired (\"exp\")"));
    }
    if number(&claims, "iat")?.is_none() {
        insert(&mut claims, "iat", started);
    }
    match number(&claims, "nbf")? {
        Some(given) if given >= expires => {
            return Err(bad("the claims are valid only after they have expired (\"nbf\")"));
        }
        None if terms.not_before => insert(&mut claims, "nbf", started),
        Some(_) | None => {}
    }
    insert(&mut claims, "exp", expires);
    if !claims.contains_key("jti") {
        let random = now.random()?;
        let id = random.get(..ID_BYTES).unwrap_or(&random);
        insert(&mut claims, "jti", URL_SAFE_NO_PAD.encode(id));
    }
    Ok((claims, expires - started))
}

fn put_over(claims: &mut Claims, overrides: &Overrides<'_>) -> Result<(), Failure> {
    let Overrides { issuer, subject, audience, client_id } = overrides;
    for (name, value) in [("iss", issuer), ("sub", subject), ("client_id", client_id)] {
        if let Some(value) = value {
            insert(claims, name, text(name, value)?);
        }
    }
    match audience.as_slice() {
        [] => {}
        [one] => insert(claims, "aud", text("aud", one)?),
        several => {
            let texts = several.iter().map(|one| text("aud", one).map(Value::from));
            insert(claims, "aud", texts.collect::<Result<Value, _>>()?);
        }
    }
    Ok(())
}

/// Those that are texts are texts (RFC 7519, section 4.1; RFC 8693, section 4.3).
fn check_texts(claims: &Claims) -> Result<(), Failure> {
    for name in ["iss", "sub", "jti", "client_id"] {
        if claims.get(name).is_some_and(|value| !value.is_string()) {
            return Err(bad(format!("the claim \"{name}\" is no text")));
        }
    }
    let is_audience = match claims.get("aud") {
        Some(Value::Array(all)) => all.iter().all(Value::is_string),
        Some(one) => one.is_string(),
        None => true,
    };
    if is_audience {
        Ok(())
    } else {
        Err(bad("the claim \"aud\" is neither a text nor a list of texts"))
    }
}

/// A NumericDate (RFC 7519, section 2), without its fraction; one before 1970 is long past.
fn number(claims: &Claims, name: &str) -> Result<Option<u64>, Failure> {
    let Some(value) = claims.get(name) else { return Ok(None) };
    let seconds = match value {
        Value::Number(number) => {
            // The cast saturates.
            number.as_u64().or_else(|| number.as_f64().map(|seconds| seconds as u64))
        }
        _ => None,
    };
    seconds.map(Some).ok_or_else(|| bad(format!("the claim \"{name}\" is no number of seconds")))
}

fn insert(claims: &mut Claims, name: &str, value: impl Into<Value>) {
    claims.insert(name.to_owned(), value.into());
}
