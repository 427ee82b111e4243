//! How STSs write the names of their users.

use crate::hex;

/// The attributes of a distinguished name that name a user: `CN` and `UID` (RFC 4514, section 3), by their
/// long names (RFC 4519) and their numbers as well.
const NAMING: [&str; 6] =
    ["cn", "commonname", "2.5.4.3", "uid", "userid", "0.9.2342.19200300.100.1.1"];

/// Whether a subject is the user of this name: in any case, with the name of a realm or of a store of users
/// beside it, as in `name@realm` or `STORE/name`, and as part of a distinguished name, as in `CN=name,O=Example`.
///
/// STSs also write names that no grammar allows, with a comma or a slash that is not escaped. So the name is
/// looked for where it stands between signs that may end it, in the subject as it is and without its escapes;
/// what may be the name is it.
pub(super) fn is_name_of(subject: &str, name: &str) -> bool {
    let name = name.trim().to_lowercase();
    let has_escapes = subject.contains(['\\', '"', '#']);
    !name.is_empty()
        && (names(&subject.to_lowercase(), &name)
            || has_escapes && names(&without_escapes(subject).to_lowercase(), &name))
}

/// Whether the name stands in a subject, both in lower case. It is read once from the left to the right.
fn names(subject: &str, name: &str) -> bool {
    let subject = subject.trim();
    // Whether the attribute before the value that is read is one that names a user, and whether nothing of
    // the value was read yet.
    let (mut is_naming, mut begins) = (true, true);
    for (at, letter) in subject.char_indices() {
        let (before, rest) = subject.split_at(at);
        if let Some(behind) = rest.strip_prefix(name) {
            let is_behind_store = before.ends_with(['/', '\\']);
            let is_it = match end(behind) {
                End::OfSubject => is_naming && begins || is_behind_store,
                End::OfValue => is_naming && (begins || is_behind_store),
                End::None => false,
            };
            if is_it {
                return true;
            }
        }
        if letter == '=' {
            (is_naming, begins) = (NAMING.contains(&attribute(before)), true);
        } else if !letter.is_whitespace() {
            begins = false;
        }
    }
    false
}

/// What stands behind a name.
enum End {
    /// Nothing, or a realm.
    OfSubject,
    /// Another attribute.
    OfValue,
    /// More of the name.
    None,
}

fn end(behind: &str) -> End {
    let behind = behind.trim_start();
    if behind.is_empty() || behind.starts_with('@') {
        return End::OfSubject;
    }
    let Some(next) = behind.strip_prefix([',', ';', '+', '/']) else { return End::None };
    let next = next.trim_start();
    let length = next.find(|letter| !is_of_attribute(letter)).unwrap_or(next.len());
    let (attribute, equal) = next.split_at(length);
    let is_attribute = !attribute.is_empty() && equal.trim_start().starts_with('=');
    if is_attribute { End::OfValue } else { End::None }
}

/// The attribute at the end of a text.
fn attribute(text: &str) -> &str {
    let last = text.trim_end().rsplit(|letter| !is_of_attribute(letter)).next().unwrap_or_default();
    last.strip_prefix("oid.").unwrap_or(last)
}

fn is_of_attribute(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || matches!(letter, '.' | '-')
}

/// A subject without quotation marks, and with what is escaped as what it stands for (RFC 4514, section 2.4).
fn without_escapes(subject: &str) -> String {
    let mut plain = Vec::with_capacity(subject.len());
    let mut left = subject.as_bytes();
    let mut begins_value = false;
    while let Some((&first, rest)) = left.split_first() {
        left = rest;
        match first {
            b'"' => {}
            b'\\' => {
                let (escaped, behind) = escaped(rest);
                plain.extend(escaped);
                left = behind;
            }
            b'#' if begins_value => {
                let (content, behind) = string(rest).unwrap_or_else(|| (vec![first], rest));
                plain.extend(content);
                left = behind;
            }
            _ => plain.push(first),
        }
        begins_value = first == b'=' || begins_value && first == b' ';
    }
    String::from_utf8_lossy(&plain).into_owned()
}

/// What stands behind a backslash, two hexadecimal digits or one character, and what follows it.
fn escaped(bytes: &[u8]) -> (Option<u8>, &[u8]) {
    if let [high, low, rest @ ..] = bytes
        && let Some(byte) = hex::byte(*high, *low)
    {
        return (Some(byte), rest);
    }
    bytes.split_first().map_or((None, bytes), |(byte, rest)| (Some(*byte), rest))
}

/// The content of a string in DER (ITU-T X.690, section 8.1) that stands there in hexadecimal digits, and what
/// follows it.
fn string(text: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let length = text.iter().take_while(|digit| digit.is_ascii_hexdigit()).count();
    let (digits, rest) = text.split_at_checked(length)?;
    let pairs = digits.chunks(2);
    let bytes = pairs.map(|pair| hex::byte(*pair.first()?, *pair.get(1)?));
    let bytes: Vec<_> = bytes.collect::<Option<_>>()?;
    let (length, content) = match bytes.as_slice() {
        [_, 0x81, length, content @ ..] => (usize::from(*length), content),
        [_, 0x82, high, low, content @ ..] => {
            (usize::from(u16::from_be_bytes([*high, *low])), content)
        }
        [_, length @ ..=0x7f, content @ ..] => (usize::from(*length), content),
        _ => return None,
    };
    (content.len() == length).then(|| (content.to_vec(), rest))
}
