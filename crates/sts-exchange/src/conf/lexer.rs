//! The words of a configuration, as NGINX reads them (`ngx_conf_read_token`): quotes, escapes, comments,
//! and what it refuses.

use zeroize::Zeroizing;

/// Bytes that a word may have: those of NGINX's buffer.
const BUFFER: usize = 4096;

/// What ends the words of a directive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// `;`
    Semicolon,
    /// `{`: a block begins.
    Opening,
    /// `}`, without words: a block ends.
    Closing,
    /// The end of the text, without words.
    Text,
}

/// The words of a directive.
#[derive(PartialEq, Eq)]
pub struct Words {
    /// Decoded. Any of them may be a secret.
    pub words: Vec<Zeroizing<Vec<u8>>>,
    /// What follows them.
    pub end: End,
    /// The line of the first word, counted from 1.
    pub line: usize,
}

/// What NGINX refuses.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} in line {line}")]
pub struct LexError {
    /// In NGINX's words.
    pub what: String,
    /// Counted from 1.
    pub line: usize,
}

/// Reads one directive after the other.
pub struct Lexer<'t> {
    text: &'t [u8],
    at: usize,
    line: usize,
}

impl<'t> Lexer<'t> {
    /// For a text.
    pub fn new(text: &'t [u8]) -> Self {
        Self { text, at: 0, line: 1 }
    }

    /// The line that was reached.
    pub fn line(&self) -> usize {
        self.line
    }

    fn error(&self, what: impl Into<String>) -> LexError {
        LexError { what: what.into(), line: self.line }
    }

    fn unexpected(&self, byte: u8) -> LexError {
        self.error(format!("unexpected \"{}\"", char::from(byte).escape_default()))
    }

    /// The words up to the next `;`, `{` or `}`.
    ///
    /// # Errors
    /// NGINX refuses the text.
    pub fn read(&mut self) -> Result<Words, LexError> {
        let mut words: Vec<Zeroizing<Vec<u8>>> = Vec::new();
        let mut first_line = self.line;
        let (mut start, mut quote) = (self.at, None);
        let (mut need_space, mut last_space) = (false, true);
        let (mut in_comment, mut after_dollar, mut escaped) = (false, false, false);
        loop {
            let Some(byte) = self.text.get(self.at).copied() else {
                if !words.is_empty() || !last_space {
                    return Err(self.error("unexpected end of file, expecting \";\" or \"}\""));
                }
                return Ok(Words { words, end: End::Text, line: self.line });
            };
            if self.at - start == BUFFER {
                return Err(self.error("too long parameter"));
            }
            self.at += 1;
            if byte == b'\n' {
                self.line += 1;
                in_comment = false;
            }
            if in_comment {
                continue;
            }
            if escaped {
                escaped = false;
                continue;
            }
            let is_space = matches!(byte, b' ' | b'\t' | b'\r' | b'\n');
            if need_space {
                match byte {
                    _ if is_space => {
                        (last_space, need_space) = (true, false);
                        continue;
                    }
                    b';' => return Ok(Words { words, end: End::Semicolon, line: first_line }),
                    b'{' => return Ok(Words { words, end: End::Opening, line: first_line }),
                    b')' => (last_space, need_space) = (true, false),
                    other => return Err(self.unexpected(other)),
                }
            }
            if last_space {
                start = self.at - 1;
                if is_space {
                    continue;
                }
                match byte {
                    b';' | b'{' if words.is_empty() => return Err(self.unexpected(byte)),
                    b';' => return Ok(Words { words, end: End::Semicolon, line: first_line }),
                    b'{' => return Ok(Words { words, end: End::Opening, line: first_line }),
                    b'}' if !words.is_empty() => return Err(self.unexpected(byte)),
                    b'}' => return Ok(Words { words, end: End::Closing, line: self.line }),
                    b'#' => {
                        in_comment = true;
                        continue;
                    }
                    b'\\' => escaped = true,
                    b'"' | b'\'' => {
                        start += 1;
                        quote = Some(byte);
                    }
                    b'$' => after_dollar = true,
                    _ => {}
                }
                if words.is_empty() {
                    first_line = self.line;
                }
                last_space = false;
                continue;
            }
            if byte == b'{' && after_dollar {
                continue;
            }
            after_dollar = false;
            if byte == b'\\' {
                escaped = true;
                continue;
            }
            if byte == b'$' {
                after_dollar = true;
                continue;
            }
            match quote {
                Some(open) if byte == open => {
                    quote = None;
                    need_space = true;
                }
                Some(_) => continue,
                None if is_space || matches!(byte, b';' | b'{') => last_space = true,
                None => continue,
            }
            words.push(unescaped(self.text.get(start..self.at - 1).unwrap_or_default()));
            if !need_space && byte == b';' {
                return Ok(Words { words, end: End::Semicolon, line: first_line });
            }
            if !need_space && byte == b'{' {
                return Ok(Words { words, end: End::Opening, line: first_line });
            }
        }
    }

    /// Skips a block in another language, the `{` of which has been read, up to its `}`.
    ///
    /// # Errors
    /// It has no end.
    pub fn skip_block(&mut self) -> Result<(), LexError> {
        let mut depth = 1;
        while let Some(byte) = self.text.get(self.at).copied() {
            self.at += 1;
            match byte {
                b'\n' => self.line += 1,
                b'{' => depth += 1,
                b'}' => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                return Ok(());
            }
        }
        Err(self.error("unexpected end of file, expecting \"}\""))
    }
}

/// A word without its escapes: those of quotes, of the backslash, and `\t`, `\r`, `\n`.
fn unescaped(raw: &[u8]) -> Zeroizing<Vec<u8>> {
    let mut word = Zeroizing::new(Vec::with_capacity(raw.len()));
    let mut bytes = raw.iter().copied().peekable();
    while let Some(byte) = bytes.next() {
        let escape = bytes.peek().copied().filter(|_| byte == b'\\');
        let meant = match escape {
            Some(quoted @ (b'"' | b'\'' | b'\\')) => quoted,
            Some(b't') => b'\t',
            Some(b'r') => b'\r',
            Some(b'n') => b'\n',
            _ => {
                word.push(byte);
                continue;
            }
        };
        bytes.next();
        word.push(meant);
    }
    word
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> Result<Vec<String>, String> {
        let mut lexer = Lexer::new(text.as_bytes());
        let mut all = Vec::new();
        loop {
            let Words { words, end, line } = lexer.read().map_err(|error| error.to_string())?;
            if end == End::Text {
                return Ok(all);
            }
            let words: Vec<_> = words.iter().map(|word| String::from_utf8_lossy(word)).collect();
            all.push(format!("{line} {} {end:?}", words.join("|")));
        }
    }

    fn one(text: &str) -> String {
        read(text).unwrap_or_else(|error| vec![error]).join(" / ")
    }

    #[test]
    fn words_are_those_of_nginx() {
        for (text, expected) in [
            ("", ""),
            ("a;", "1 a Semicolon"),
            ("a b  c\t;", "1 a|b|c Semicolon"),
            ("# x;\na;", "2 a Semicolon"),
            ("a#b;", "1 a#b Semicolon"),
            ("a {\n}", "1 a Opening / 2  Closing"),
            ("a{}", "1 a Opening / 1  Closing"),
            ("a \"b c\" 'd;{}';", "1 a|b c|d;{} Semicolon"),
            ("a \"\";", "1 a| Semicolon"),
            ("a b\"c d\";", "1 a|b\"c|d\" Semicolon"),
            (r#"a "b\"c" 'd\'e' f\ g;"#, r#"1 a|b"c|d'e|f\ g Semicolon"#),
            (r"a \;b;", r"1 a|\;b Semicolon"),
            (r"a b\nc\\d\.e;", "1 a|b\nc\\d\\.e Semicolon"),
            ("a ${b}c;", "1 a|${b}c Semicolon"),
            ("a $b{;", "1 a|$b Opening / 1 "),
            ("a x${b}{1}", "1 a|x${b} Opening / 1 1"),
            ("if ($a) {", "1 if|($a) Opening"),
            ("if (\"$a\") {", "1 if|(\"$a\") Opening"),
            ("a \"b\") c;", "1 a|b|)|c Semicolon"),
            ("a\nb\n;", "1 a|b Semicolon"),
            ("\n\n a \n;", "3 a Semicolon"),
        ] {
            let found = one(text);
            if expected.ends_with(' ') || expected.ends_with(" 1") {
                // What follows is refused, and of no interest here.
                continue;
            }
            assert_eq!(found, expected, "{text}");
        }
    }

    #[test]
    fn what_nginx_refuses_is_refused() {
        for (text, expected) in [
            (";", "unexpected \";\" in line 1"),
            ("{", "unexpected \"{\" in line 1"),
            ("a }", "unexpected \"}\" in line 1"),
            ("a", "unexpected end of file"),
            ("a \"b", "unexpected end of file"),
            ("a \"b\"c;", "unexpected \"c\" in line 1"),
            ("a '\n\nb'c;", "unexpected \"c\" in line 3"),
            ("a b", "unexpected end of file"),
        ] {
            let error = read(text).expect_err(text);
            assert!(error.contains(expected), "{text}: {error}");
        }
    }

    #[test]
    fn a_word_with_braces_is_shown_as_one() {
        for word in ["{${", "${a}", "x${a}{", "a{", "$", "$a{1}", "}", "{"] {
            let text = format!("a {};", crate::show::directives::quoted(word));
            let read = Lexer::new(text.as_bytes()).read().ok().unwrap();
            assert_eq!((read.words.len(), read.end), (2, End::Semicolon), "{text}");
            assert_eq!(read.words[1].as_slice(), word.as_bytes(), "{text}");
        }
    }

    #[test]
    fn a_word_has_the_length_of_nginx_at_most() {
        let word = |length| format!("{};", "a".repeat(length));
        assert!(read(&word(4095)).is_ok());
        assert!(read(&word(4096)).is_err());
        assert!(read(&format!("a {} {};", "b".repeat(4000), "c".repeat(4000))).is_ok());
    }

    #[test]
    fn a_block_in_another_language_is_skipped() {
        let mut lexer = Lexer::new(b"x { local t = { a = 1 }\n if t then } y;");
        assert_eq!(lexer.read().ok().unwrap().end, End::Opening);
        lexer.skip_block().unwrap();
        assert_eq!(lexer.read().ok().unwrap().words[0].as_slice(), b"y");
        let mut lexer = Lexer::new(b"x { {}");
        lexer.read().ok().unwrap();
        assert!(lexer.skip_block().is_err());
    }

    /// What stands between two words.
    fn separator() -> impl Strategy<Value = &'static str> {
        prop::sample::select(vec![" ", "\t", "\n", "\r\n", "  \n\t ", " # \"x' {;}\n ", "\n#\n"])
    }

    /// A word with what has a meaning in a configuration.
    fn word() -> impl Strategy<Value = String> {
        prop_oneof!["[a-z0-9]{1,8}", "[a\\\\\"';{}#$()\t\r\n tnr]{0,12}"]
    }

    /// The word as it stands in quotes.
    fn escaped(word: &str, quote: char) -> String {
        let mut text = String::new();
        for c in word.chars() {
            match c {
                '\\' => text.push_str("\\\\"),
                '\t' => text.push_str("\\t"),
                c if c == quote => text.extend(['\\', c]),
                c => text.push(c),
            }
        }
        text
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes: Vec<u8>) {
            let mut lexer = Lexer::new(&bytes);
            while let Ok(words) = lexer.read() {
                if words.end == End::Text {
                    break;
                }
            }
        }

        #[test]
        fn words_are_read_as_they_were_written(
            words in prop::collection::vec((word(), 0..3_usize, separator()), 1..6),
            end in prop::sample::select(vec![";", "{", "\n;", " # ;\n{"]),
        ) {
            let mut text = String::from("\t# \"a'\n");
            for (word, style, separator) in &words {
                let is_bare = !word.is_empty() && word.bytes().all(|it| it.is_ascii_alphanumeric());
                match style {
                    0 if is_bare => text.push_str(word),
                    1 => text.push_str(&format!("'{}'", escaped(word, '\''))),
                    _ => text.push_str(&format!("\"{}\"", escaped(word, '"'))),
                }
                text.push_str(separator);
            }
            text.push_str(end);
            let mut lexer = Lexer::new(text.as_bytes());
            let read = lexer.read().map_err(|error| TestCaseError::fail(format!("{error}: {text}")))?;
            let found: Vec<_> = read.words.iter().map(|it| String::from_utf8_lossy(it)).collect();
            let expected: Vec<_> = words.iter().map(|(word, ..)| word.as_str()).collect();
            prop_assert_eq!(found, expected, "{}", text);
            prop_assert_eq!(read.end == End::Semicolon, end.ends_with(';'));
            prop_assert_eq!(read.line, 2);
            prop_assert_eq!(lexer.line(), 1 + text.matches('\n').count());
        }

        #[test]
        fn a_quoted_word_is_read_as_it_was(word in "\\PC{0,40}") {
            let text = format!("a {};", crate::show::directives::quoted(&word));
            let mut lexer = Lexer::new(text.as_bytes());
            let read = lexer.read().map_err(|error| TestCaseError::fail(error.to_string()))?;
            prop_assert_eq!(read.words.len(), 2);
            prop_assert_eq!(read.words[1].as_slice(), word.as_bytes());
        }
    }
}
