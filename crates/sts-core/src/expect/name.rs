//! How STSs write the names of their users.

use std::mem;

/// The attributes of a distinguished name that name a user (RFC 4514, section 3): `CN` and `UID`.
const NAMING: [&str; 4] = ["cn", "uid", "2.5.4.3", "0.9.2342.19200300.100.1.1"];

/// Whether a subject is the user of this name: in any case, with the name of a realm or of a store of users
/// beside it, as in `name@realm` or `STORE/name`, and as part of a distinguished name, as in `CN=name,O=Example`.
pub(super) fn is_name_of(subject: &str, name: &str) -> bool {
    is_bare_name_of(subject, name)
        || names_in_distinguished(subject).iter().any(|found| is_bare_name_of(found, name))
}

fn is_bare_name_of(subject: &str, name: &str) -> bool {
    let (subject, name) = (subject.trim().to_lowercase(), name.trim().to_lowercase());
    if name.is_empty() {
        return false;
    }
    let with_store = |rest: &str| rest.ends_with(['/', '\\']);
    let with_realm = |rest: &str| rest.starts_with('@');
    let bare = subject.rfind(['/', '\\']).and_then(|at| subject.get(at + 1..));
    subject == name
        || subject.strip_suffix(&name).is_some_and(with_store)
        || subject.strip_prefix(&name).is_some_and(with_realm)
        || bare.and_then(|bare| bare.strip_prefix(&name)).is_some_and(with_realm)
}

/// The users that a distinguished name is of, as RFC 4514 writes it, in whichever order, or with slashes
/// as OpenSSL does.
fn names_in_distinguished(subject: &str) -> Vec<String> {
    let parts = parts(subject.trim());
    let attributes = parts.iter().filter_map(|part| part.split_once('='));
    let naming = attributes.filter(|(attribute, _)| {
        let attribute = attribute.trim().to_ascii_lowercase();
        NAMING.contains(&attribute.strip_prefix("oid.").unwrap_or(&attribute))
    });
    naming.map(|(_, value)| value.to_owned()).collect()
}

/// The parts of a distinguished name, without quotation marks and with what is escaped as what it stands for.
fn parts(subject: &str) -> Vec<String> {
    let separators: &[u8] = if subject.starts_with('/') { b"/" } else { b",;+" };
    let (mut parts, mut part, mut is_quoted) = (Vec::new(), Vec::new(), false);
    let mut left = subject.as_bytes();
    while let Some((&byte, rest)) = left.split_first() {
        left = rest;
        match byte {
            b'\\' => {
                let (escaped, rest) = unescaped(rest);
                part.extend(escaped);
                left = rest;
            }
            b'"' => is_quoted = !is_quoted,
            _ if !is_quoted && separators.contains(&byte) => parts.push(mem::take(&mut part)),
            _ => part.push(byte),
        }
    }
    parts.push(part);
    parts.iter().map(|part| String::from_utf8_lossy(part).into_owned()).collect()
}

/// What stands behind a backslash, two hexadecimal digits or one character, and what follows it.
fn unescaped(bytes: &[u8]) -> (Option<u8>, &[u8]) {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    if let [high, low, rest @ ..] = bytes
        && let (Some(high), Some(low)) = (digit(*high), digit(*low))
    {
        return (Some(high << 4 | low), rest);
    }
    bytes.split_first().map_or((None, bytes), |(byte, rest)| (Some(*byte), rest))
}
