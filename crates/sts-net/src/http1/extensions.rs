//! What may stand after the size of a chunk (RFC 9112, section 7.1.1).

/// Whether these bytes are extensions and nothing else. Their names and values say nothing to this
/// client, but another reader may see the end of the line in what is not allowed there.
pub(super) fn are_extensions(mut bytes: &[u8]) -> bool {
    while !bytes.is_empty() {
        match extension(bytes) {
            Some(rest) => bytes = rest,
            None => return false,
        }
    }
    true
}

/// Takes one off: `BWS ";" BWS chunk-ext-name [ BWS "=" BWS chunk-ext-val ]`.
fn extension(bytes: &[u8]) -> Option<&[u8]> {
    let name = space(bytes).strip_prefix(b";")?;
    let rest = token(space(name))?;
    match space(rest).strip_prefix(b"=").map(space) {
        None => Some(rest),
        Some(value) => value.strip_prefix(b"\"").map_or_else(|| token(value), quoted),
    }
}

/// Takes white space off.
fn space(bytes: &[u8]) -> &[u8] {
    after(bytes, |byte| matches!(byte, b' ' | b'\t'))
}

/// Takes a token off (RFC 9110, section 5.6.2).
fn token(bytes: &[u8]) -> Option<&[u8]> {
    let rest =
        after(bytes, |byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte));
    (rest.len() < bytes.len()).then_some(rest)
}

/// Takes the rest of a quoted string off, of which the first quote is gone (RFC 9110, section 5.6.4).
fn quoted(mut bytes: &[u8]) -> Option<&[u8]> {
    loop {
        match bytes {
            [b'"', rest @ ..] => return Some(rest),
            [b'\\', byte, rest @ ..] if is_text(*byte) => bytes = rest,
            [byte, rest @ ..] if is_text(*byte) && *byte != b'\\' => bytes = rest,
            _ => return None,
        }
    }
}

fn is_text(byte: u8) -> bool {
    byte == b'\t' || !byte.is_ascii_control()
}

fn after(bytes: &[u8], belongs: impl Fn(u8) -> bool) -> &[u8] {
    let end = bytes.iter().position(|byte| !belongs(*byte)).unwrap_or(bytes.len());
    bytes.get(end..).unwrap_or_default()
}
