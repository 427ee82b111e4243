//! Requests by which a client tries to have a value of its own read as a token: in the query, in a form,
//! in a cookie and in a header.
//!
//! All are made of a seed, so that each can be made again. Every value that a reader could take for the
//! token holds [`MARK`].

use std::fmt::Write as _;

/// What no reader is to find under the name.
pub const MARK: &str = "EVIL";

const FORM: &str = "application/x-www-form-urlencoded";

/// One request, without the request line's path and without what it is authorised by.
#[derive(Clone, Debug)]
pub struct Hostile {
    method: &'static str,
    query: Vec<u8>,
    fields: Vec<Vec<u8>>,
    body: Option<Vec<u8>>,
    is_chunked: bool,
}

/// Numbers that look random and are the same for the same seed (SplitMix64).
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// Those of a seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A number below `end`.
    pub fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % end as u64).expect("less than a usize")
    }

    fn one_in(&mut self, number: usize) -> bool {
        self.below(number) == 0
    }

    fn of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }
}

impl Hostile {
    /// Any of them.
    pub fn random(random: &mut Random) -> Self {
        let has_body = !random.one_in(4);
        let mut fields = Vec::new();
        for _ in 0..random.below(3) {
            fields.push([b"Cookie: ", &cookies(random)[..]].concat());
        }
        for _ in 0..random.below(3) {
            fields.push([header_name(random).as_bytes(), b": ", &value(random)[..]].concat());
        }
        let mut body = None;
        if has_body {
            let content_type = content_type(random);
            body = Some(body_of(random, &content_type));
            if !content_type.is_empty() {
                fields.push([b"Content-Type: ", &content_type[..]].concat());
            }
            if random.one_in(200) {
                fields.push(b"Content-Type: multipart/form-data; boundary=b".to_vec());
            }
        }
        let mut query = parameters(random, true);
        if random.one_in(50) {
            query.extend(format!("&+AGEAYwBjAGUAcwBzAF8AdABvAGsAZQBu-={MARK}").bytes());
            fields.push(b"Content-Type: text/plain; charset=utf-7".to_vec());
        }
        Self {
            method: if has_body { random.of(&["POST", "POST", "POST", "PUT"]) } else { "GET" },
            query,
            fields,
            body,
            is_chunked: random.one_in(10),
        }
    }

    /// A request with this query, and what else there is of it.
    pub fn query(query: impl Into<Vec<u8>>) -> Self {
        Self {
            method: "GET",
            query: query.into(),
            fields: Vec::new(),
            body: None,
            is_chunked: false,
        }
    }

    /// With a body of this type.
    #[must_use]
    pub fn with_body(mut self, content_type: &[u8], body: impl Into<Vec<u8>>) -> Self {
        self.method = "POST";
        if !content_type.is_empty() {
            self.fields.push([b"Content-Type: ", content_type].concat());
        }
        self.body = Some(body.into());
        self
    }

    /// With a form.
    #[must_use]
    pub fn with_form(self, body: impl Into<Vec<u8>>) -> Self {
        self.with_body(FORM.as_bytes(), body)
    }

    /// With another field.
    #[must_use]
    pub fn with_field(mut self, field: impl Into<Vec<u8>>) -> Self {
        self.fields.push(field.into());
        self
    }

    /// How many `Cookie` fields it has.
    pub fn cookie_fields(&self) -> usize {
        self.fields.iter().filter(|field| field.starts_with(b"Cookie:")).count()
    }

    /// As it goes out to a path; `more` are fields in front of the others.
    pub fn to_bytes(&self, path: &str, more: &str) -> Vec<u8> {
        let mut bytes = format!("{} {path}", self.method).into_bytes();
        if !self.query.is_empty() {
            bytes.push(b'?');
            bytes.extend(&self.query);
        }
        bytes.extend(format!(" HTTP/1.1\r\nHost: localhost\r\n{more}").bytes());
        for field in &self.fields {
            bytes.extend(field);
            bytes.extend(b"\r\n");
        }
        match &self.body {
            None => bytes.extend(b"\r\n"),
            Some(body) if self.is_chunked => {
                bytes.extend(b"Transfer-Encoding: chunked\r\n\r\n");
                for chunk in body.chunks(1 + body.len() / 2) {
                    bytes.extend(format!("{:x}\r\n", chunk.len()).bytes());
                    bytes.extend(chunk);
                    bytes.extend(b"\r\n");
                }
                bytes.extend(b"0\r\n\r\n");
            }
            Some(body) => {
                bytes.extend(format!("Content-Length: {}\r\n\r\n", body.len()).bytes());
                bytes.extend(body);
            }
        }
        bytes
    }
}

/// The request in text, to be looked at.
impl std::fmt::Display for Hostile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let text = self.to_bytes("/", "");
        let length = text.len().min(2_000);
        write!(f, "{}", text[..length].escape_ascii())
    }
}

fn parameters(random: &mut Random, in_uri: bool) -> Vec<u8> {
    let mut text = Vec::new();
    if random.one_in(40) {
        // As many as some readers read, or one less.
        let many = random.of(&[997, 998, 999, 1_000, 1_001]);
        text.extend("a&".repeat(many).bytes());
    }
    for number in 0..random.below(5) {
        if number > 0 {
            text.extend(random.of(&["&", "&", "&", "&&", ";", "; ", "&amp;", "%26"]).bytes());
        }
        if random.one_in(3) {
            let other =
                random.of(&["a=b", "", "=", "a", "a[]=b", "_charset_=utf-16", "utf8=%E2%9C%93"]);
            text.extend(other.bytes());
        } else {
            text.extend(key("access_token", random, true));
            text.extend(random.of(&["=", "=", "=", "=", "]=", "%3D", "[]=", "==", ""]).bytes());
            text.extend(value(random));
        }
    }
    if in_uri {
        // What cannot stand in a request line goes. What gunicorn never answers there is encoded.
        let encode = |byte: u8| match byte {
            0..=b' ' | 127 => Vec::new(),
            128.. => format!("%{byte:02X}").into_bytes(),
            byte => vec![byte],
        };
        text = text.into_iter().flat_map(encode).collect();
    }
    text
}

/// What some reader could take for the name, and what is near to it.
fn key(name: &str, random: &mut Random, is_encoded: bool) -> Vec<u8> {
    const BEFORE: [&str; 25] = [
        "",
        "",
        "",
        "",
        "[",
        "[[",
        "]",
        "%5B",
        "%00",
        "+",
        "%20",
        " ",
        "%0B",
        "%09",
        "a[",
        "a=b;",
        "a;",
        "%EF%BB%BF",
        "%",
        "%%",
        "?",
        "#",
        "\"",
        ".",
        "my_",
    ];
    const BEHIND: [&str; 24] = [
        "", "", "", "", "[]", "[a]", "[0][b]", "]", "[", "%5B", "%5D", "%00", "%00x", "%20", "+",
        ".", "%", "%C3", "\u{a0}", ",", "\"", ";", ".x", "_hint",
    ];
    const UNDERSCORE: [&str; 12] =
        ["_", "_", "_", ".", "+", "%20", "[", "%5B", "%5F", "%2B", "%2E", "[_"];
    const ODD: [&str; 10] =
        ["%00", "%", "%C3", "%0B", "\u{b}", "%E2%80%8B", "%u005f", "]", "%25", "\\"];
    let mut text = random.of(&BEFORE).to_owned();
    let is_upper = random.one_in(8);
    for character in name.chars() {
        let odds = random.below(60);
        match character {
            '_' if random.one_in(2) => text.push_str(random.of(&UNDERSCORE)),
            _ if odds == 0 => text.push_str(random.of(&ODD)),
            _ if odds < 5 && is_encoded => {
                write!(text, "%{:02x}", u32::from(character)).expect("a String takes all");
            }
            _ if is_upper => text.push(character.to_ascii_uppercase()),
            _ => text.push(character),
        }
    }
    text.push_str(random.of(&BEHIND));
    let mut bytes = text.into_bytes();
    if random.one_in(50) {
        bytes.push(0xa0);
    }
    bytes
}

fn value(random: &mut Random) -> Vec<u8> {
    let before = random.of(&["", "", "", "Bearer+", "%20", "\"", "a=", "%"]);
    let behind = random.of(&["", "", "", "\"", "%00", "=", "%zz", "]"]);
    format!("{before}{MARK}{behind}").into_bytes()
}

fn cookies(random: &mut Random) -> Vec<u8> {
    const SEPARATORS: [&str; 10] = ["; ", "; ", ";", " ", ",", "\t", "\"", ", ", ";;", " ; "];
    let mut text = Vec::new();
    for number in 0..1 + random.below(4) {
        if number > 0 {
            text.extend(random.of(&SEPARATORS).bytes());
        }
        if random.one_in(3) {
            let others =
                ["a=b", "a", "=b", "a=\"b", "\"", "$Version=1", "a=\"b;c\"", "[]=1", "a=b\\"];
            text.extend(random.of(&others).bytes());
        } else {
            text.extend(key("sts_token", random, random.clone().one_in(2)));
            text.extend(random.of(&["=", "=", "=", " = ", "\t=", "=\"", " =", "%3D", ""]).bytes());
            text.extend(value(random));
        }
    }
    text.retain(|byte| !matches!(byte, 0..=8 | 10..=31 | 127));
    text
}

fn header_name(random: &mut Random) -> String {
    random
        .of(&[
            "X-Target",
            "x-target",
            "X_Target",
            "x_TARGET",
            "X-Target-Hint",
            "X--Target",
            "XTarget",
        ])
        .to_owned()
}

fn content_type(random: &mut Random) -> Vec<u8> {
    const CHARSETS: [&str; 14] = [
        "",
        "",
        "",
        "",
        "; charset=utf-8",
        ";charset=\"UTF-8\"",
        "; charset=iso-8859-1",
        "; charset=us-ascii",
        "; charset=cp037",
        "; charset=utf-16be",
        "; charset=utf-7",
        ";",
        "; boundary=b",
        "; charset=utf-8; charset=cp037",
    ];
    const OTHERS: [&str; 8] = [
        "",
        "multipart/form-data; boundary=b",
        "multipart/mixed; boundary=b",
        "multipart/related; boundary=b",
        "multipart/form-data x; boundary=b",
        "text/plain",
        "application/json",
        "Application/X-WWW-Form-Urlencoded, multipart/form-data; boundary=b",
    ];
    if random.one_in(6) {
        return random.of(&OTHERS).as_bytes().to_vec();
    }
    let mut text = FORM.as_bytes().to_vec();
    if random.one_in(20) {
        text.extend(random.of::<&[u8]>(&[b"\xa0", b" ", b"\t", b" x", b"\x85", b","]));
    }
    text.extend(random.of(&CHARSETS).bytes());
    text
}

fn body_of(random: &mut Random, content_type: &[u8]) -> Vec<u8> {
    if content_type.starts_with(b"multipart") {
        return format!(
            "--b\r\nContent-Disposition: form-data; name=\"access_token\"\r\n\r\n{MARK}\r\n--b--\r\n"
        )
        .into_bytes();
    }
    let text = parameters(random, false);
    if content_type.ends_with(b"utf-16be") {
        return text.iter().flat_map(|byte| [0, *byte]).collect();
    }
    if content_type.ends_with(b"cp037") {
        return in_cp037(&format!("access_token={MARK}"));
    }
    if content_type == b"application/json" {
        return format!("{{\"access_token\":\"{MARK}\"}}").into_bytes();
    }
    text
}

/// A charset of mainframes, in which no letter is where ASCII has it.
pub fn in_cp037(text: &str) -> Vec<u8> {
    let byte = |character: u8| match character {
        b'a'..=b'i' => character - b'a' + 0x81,
        b'j'..=b'r' => character - b'j' + 0x91,
        b's'..=b'z' => character - b's' + 0xa2,
        b'A'..=b'I' => character - b'A' + 0xc1,
        b'J'..=b'R' => character - b'J' + 0xd1,
        b'S'..=b'Z' => character - b'S' + 0xe2,
        b'0'..=b'9' => character - b'0' + 0xf0,
        b'_' => 0x6d,
        b'=' => 0x7e,
        b'&' => 0x50,
        _ => 0x40,
    };
    text.bytes().map(byte).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_the_same_request_again() {
        let bytes = |seed| Hostile::random(&mut Random::new(seed)).to_bytes("/", "");
        let requests: Vec<_> = (0..100).map(bytes).collect();
        assert_eq!(requests, (0..100).map(bytes).collect::<Vec<_>>());
        let different = requests.iter().collect::<std::collections::HashSet<_>>().len();
        assert!(different > 95, "{different} of 100 differ");
    }
}
