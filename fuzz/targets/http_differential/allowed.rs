//! Where this client reads what another one refuses or reads in another way, and why it may.

use crate::{Oracle, Read};

/// An answer that this client reads, and what the other one makes of it.
pub struct Difference<'d> {
    pub text: &'d [u8],
    pub ours: &'d Read,
    pub theirs: &'d Result<Read, String>,
}

impl Difference<'_> {
    /// The text has this in it, in any case.
    fn has(&self, part: &[u8]) -> bool {
        self.text.windows(part.len()).any(|window| window.eq_ignore_ascii_case(part))
    }

    /// The text has an interim answer in it.
    fn has_interim_answer(&self) -> bool {
        self.has(b"HTTP/1.1 1")
    }

    /// The text has an answer in it that ends with its head because of its status.
    fn has_bare_answer(&self) -> bool {
        matches!(self.ours.status, 204 | 304) || self.has_interim_answer()
    }
}

/// One reason for differences.
pub struct Entry {
    pub name: &'static str,
    pub oracle: Oracle,
    /// In which texts it may be.
    fits: fn(&Difference<'_>) -> bool,
    /// Texts with this difference and no other, each with what the other reader says of it.
    pub witnesses: &'static [(&'static str, &'static [u8])],
}

impl Entry {
    /// Whether it explains that the other reader refuses the text.
    pub fn explains(&self, difference: &Difference<'_>) -> bool {
        let is_reason = |theirs: &String| self.witnesses.iter().any(|(reason, _)| reason == theirs);
        difference.theirs.as_ref().is_err_and(is_reason) && (self.fits)(difference)
    }
}

macro_rules! entry {
    ($oracle:ident, $fits:ident, $($reason:literal: $witness:literal),+ $(,)?) => {
        Entry {
            name: stringify!($fits),
            oracle: Oracle::$oracle,
            fits: $fits,
            witnesses: &[$(($reason, $witness)),+],
        }
    };
}

pub static ENTRIES: &[Entry] = &[
    entry!(
        Llhttp,
        lines_end_in_lf,
        "Missing expected CR after response line": b"HTTP/1.1 200 OK\nContent-Length: 1\n\nx",
        "Invalid response status": b"HTTP/1.1 200\nContent-Length: 1\n\nx",
    ),
    entry!(
        Llhttp,
        values_are_folded,
        "Unexpected whitespace after header value": b"HTTP/1.1 200 OK\r\nA: 1\r\n 2\r\n\r\nx",
        "Invalid header value char":
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n",
    ),
    entry!(
        Llhttp,
        length_is_a_list,
        "Invalid character in Content-Length":
            b"HTTP/1.1 200 OK\r\nContent-Length: 1, 1\r\n\r\nx",
    ),
    entry!(
        Llhttp,
        tab_around_the_length,
        "Invalid character in Content-Length":
            b"HTTP/1.1 200 OK\r\nContent-Length: 1\t\r\n\r\nx",
    ),
    entry!(
        Llhttp,
        length_is_repeated,
        "Duplicate Content-Length":
            b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx",
    ),
    entry!(
        Llhttp,
        space_in_an_extension,
        "Invalid character in chunk size":
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1 ;a\r\nx\r\n0\r\n\r\n",
        "Invalid character in chunk extensions":
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0; a\r\n\r\n",
        "Invalid character in chunk extensions name":
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0;a =b\r\n\r\n",
        "Invalid character in chunk extensions value":
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0;a=b ;c\r\n\r\n",
        "Invalid character in chunk extensions quote value":
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0;a=\"b\" ;c\r\n\r\n",
    ),
    entry!(
        Llhttp,
        trailers_say_where_it_ends,
        "Content-Length can't be present with Transfer-Encoding":
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nContent-Length: 1\r\n\r\n",
    ),
    entry!(
        Llhttp,
        interim_answer_says_close,
        "Data after `Connection: close`":
            b"HTTP/1.1 100 C\r\nConnection: close\r\n\r\nHTTP/1.1 204 N\r\n\r\n",
    ),
    entry!(
        Llhttp,
        status_has_no_body,
        "Invalid character in Content-Length": b"HTTP/1.1 204 N\r\nContent-Length: x\r\n\r\n",
        "Content-Length overflow":
            b"HTTP/1.1 304 N\r\nContent-Length: 99999999999999999999\r\n\r\n",
        "Duplicate Content-Length":
            b"HTTP/1.1 304 N\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        "Empty Content-Length": b"HTTP/1.1 304 N\r\nContent-Length:\r\n\r\n",
        "Transfer-Encoding can't be present with Content-Length":
            b"HTTP/1.1 204 N\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        "Content-Length can't be present with Transfer-Encoding":
            b"HTTP/1.1 204 N\r\nTransfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n",
        "Invalid character in Content-Length":
            b"HTTP/1.1 100 C\r\nContent-Length: x\r\n\r\nHTTP/1.1 200 N\r\n\r\nx",
    ),
];

/// RFC 9112, section 2.2: a reader may take a single LF for the end of a line, and NGINX does, too. This
/// client takes it in heads only, and only if all lines of a head end so.
fn lines_end_in_lf(difference: &Difference<'_>) -> bool {
    difference.has(b"\n\n")
}

/// RFC 9112, section 5.2: a client has to read a folded value as one line.
fn values_are_folded(difference: &Difference<'_>) -> bool {
    difference.has(b"\n ") || difference.has(b"\n\t")
}

/// RFC 9112, section 6.3: a length is valid if it is a list of which all members are the same.
fn length_is_a_list(difference: &Difference<'_>) -> bool {
    difference.has(b",") && !difference.has_bare_answer()
}

/// RFC 9110, sections 5.5 and 5.6.3: a tab around a value is no part of it.
fn tab_around_the_length(difference: &Difference<'_>) -> bool {
    difference.has(b"\t") && !difference.has(b",") && !difference.has_bare_answer()
}

/// RFC 9110, sections 5.3 and 8.6: several fields are such a list, too.
fn length_is_repeated(difference: &Difference<'_>) -> bool {
    !difference.has_bare_answer()
}

/// RFC 9112, section 7.1.1: white space may stand around the semicolon and the equals sign.
fn space_in_an_extension(difference: &Difference<'_>) -> bool {
    let places: [&[u8]; 8] = [b" ;", b"\t;", b"; ", b";\t", b" =", b"\t=", b"= ", b"=\t"];
    places.into_iter().any(|place| difference.has(place))
}

/// RFC 9112, section 7.1.2, and RFC 9110, section 6.5.1: trailers are no headers, and a reader may leave
/// them out. This client takes nothing from them.
fn trailers_say_where_it_ends(difference: &Difference<'_>) -> bool {
    difference.has(b"\r\n0") && !difference.has_bare_answer()
}

/// RFC 9112, section 9.6: the connection ends after the final answer, and an interim one is none.
fn interim_answer_says_close(difference: &Difference<'_>) -> bool {
    difference.has_interim_answer() && difference.has(b"close")
}

/// RFC 9112, section 6.3, first rule: an interim answer, 204 and 304 end with their head, whatever it says.
/// This client does not use the connection again after a 204 or 304 that announces a body.
fn status_has_no_body(difference: &Difference<'_>) -> bool {
    difference.has_bare_answer()
}
