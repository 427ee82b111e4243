//! The `Authorization` header of HTTP Basic (RFC 7617), in its two flavours.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::HeaderValue;
use zeroize::Zeroizing;

use super::error::CredentialError;
use crate::form;
use crate::known::Known;
use crate::secret::Secret;

/// User name and password as they are (RFC 7617, section 2, with UTF-8 as its charset); that the name
/// holds no colon was checked.
pub(super) fn plain(username: &str, password: &Secret) -> Result<HeaderValue, CredentialError> {
    if password.expose().iter().any(u8::is_ascii_control) {
        return Err(CredentialError::ControlCharacter);
    }
    let mut pair = Secret::with_capacity(username.len() + 1 + password.len());
    pair.append(username.as_bytes());
    pair.append(b":");
    pair.append(password.expose());
    header(pair.expose())
}

/// Client id and secret, each form-encoded first (RFC 6749, section 2.3.1).
pub(super) fn form_encoded(
    client_id: &str,
    client_secret: &Secret,
) -> Result<HeaderValue, CredentialError> {
    let (id, secret) = (client_id.as_bytes(), client_secret.expose());
    let capacity = form::encoded_len(id) + 1 + form::encoded_len(secret);
    let mut pair = Secret::with_capacity(capacity);
    form::encode(&mut pair, id);
    pair.append(b":");
    form::encode(&mut pair, secret);
    header(pair.expose())
}

/// Tells the credentials of a header: as they stand there, and the password as it is.
pub(super) fn tell(header: &HeaderValue, known: &mut Known) {
    let Some(encoded) = header.as_bytes().strip_prefix(b"Basic ") else { return };
    known.add(encoded);
    let Ok(pair) = STANDARD.decode(encoded).map(Zeroizing::new) else { return };
    let Some(colon) = pair.iter().position(|byte| *byte == b':') else { return };
    let password = pair.get(colon + 1..).unwrap_or_default();
    known.add(password);
    // Of a client secret it is the form-encoded one that stands there.
    let decoded = form_urlencoded::parse(password).next();
    if let Some((decoded, _)) = decoded {
        known.add(Zeroizing::new(decoded.into_owned()).as_bytes());
    }
}

fn header(pair: &[u8]) -> Result<HeaderValue, CredentialError> {
    let encoded = Zeroizing::new(STANDARD.encode(pair));
    let value = Zeroizing::new(format!("Basic {}", *encoded));
    // Base64 is made of visible characters only, so this never fails.
    let mut value = HeaderValue::from_str(&value).map_err(|_| CredentialError::ControlCharacter)?;
    value.set_sensitive(true);
    Ok(value)
}
