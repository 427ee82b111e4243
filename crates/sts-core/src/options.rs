//! The form-encoded option strings of directives, such as `client_id=sts&client_secret=a%26b`.

mod template;

use thiserror::Error;

pub use template::Template;

use crate::form;
use crate::secret::Secret;

/// The options of one string. The code that understands a key takes its value out; a key that is
/// left at the end is unknown.
pub struct Options {
    entries: Vec<Entry>,
}

struct Entry {
    key: String,
    value: Secret,
    /// The value as it was written.
    encoded: Secret,
}

impl Options {
    /// Splits and decodes an option string in which no value holds variables; an empty one has no
    /// options.
    ///
    /// # Errors
    /// The string is not form-encoded, or a key is given twice. What has no key could be part of a
    /// secret, so the error tells the place and not the text. What looks like a variable, or like a
    /// value in quotes, would go out as it stands, and is refused.
    pub fn parse(text: &str) -> Result<Self, OptionError> {
        Self::parse_with_variables(text, &[])
    }

    /// The same, where the values of some keys may hold variables.
    ///
    /// # Errors
    /// As [`Self::parse`].
    pub fn parse_with_variables(text: &str, expanded: &[&str]) -> Result<Self, OptionError> {
        Self::parse_with_lists(text, expanded, |_| false)
    }

    /// The same, where some keys may be repeated. Only [`Self::take_texts`] takes all values of one.
    ///
    /// # Errors
    /// As [`Self::parse`].
    pub fn parse_with_lists(
        text: &str,
        expanded: &[&str],
        may_repeat: impl Fn(&str) -> bool,
    ) -> Result<Self, OptionError> {
        let mut options = Self { entries: Vec::new() };
        if text.is_empty() {
            return Ok(options);
        }
        for (index, pair) in text.split('&').enumerate() {
            let entry = Entry::parse(pair, index + 1, expanded)?;
            let is_known = options.entries.iter().any(|known| known.key == entry.key);
            if is_known && !may_repeat(&entry.key) {
                return Err(OptionError::Repeated { key: entry.key });
            }
            options.entries.push(entry);
        }
        Ok(options)
    }

    /// Takes the value of a key.
    pub fn take(&mut self, key: &str) -> Option<Secret> {
        let index = self.entries.iter().position(|entry| entry.key == key)?;
        Some(self.entries.remove(index).value)
    }

    /// Whether a key is there that has not been taken.
    pub fn contains(&self, key: &str) -> bool {
        self.entries.iter().any(|entry| entry.key == key)
    }

    /// Takes the value of a key that must be there.
    ///
    /// # Errors
    /// It is not.
    pub fn require(&mut self, key: &'static str) -> Result<Secret, OptionError> {
        self.take(key).ok_or(OptionError::Missing { key })
    }

    /// Takes the value of a key whose value is text and no secret.
    ///
    /// # Errors
    /// The value is empty, not UTF-8, or holds control characters.
    pub fn take_text(&mut self, key: &'static str) -> Result<Option<String>, OptionError> {
        let Some(value) = self.take(key) else { return Ok(None) };
        if value.is_empty() {
            return Err(OptionError::Empty { key });
        }
        match std::str::from_utf8(value.expose()) {
            Ok(text) if !text.chars().any(char::is_control) => Ok(Some(text.to_owned())),
            _ => Err(OptionError::NotText { key }),
        }
    }

    /// Takes all values of some keys as [`Self::take_text`] does, in the order in which they are written.
    ///
    /// # Errors
    /// As [`Self::take_text`].
    pub fn take_texts(
        &mut self,
        keys: &[&'static str],
    ) -> Result<Vec<(&'static str, String)>, OptionError> {
        let of = |entry: &Entry| keys.iter().copied().find(|key| entry.key == *key);
        let mut texts = Vec::new();
        while let Some(key) = self.entries.iter().find_map(of) {
            if let Some(text) = self.take_text(key)? {
                texts.push((key, text));
            }
        }
        Ok(texts)
    }

    /// Takes the value of a key whose value is text that may hold variables.
    ///
    /// # Errors
    /// As [`Self::take_text`].
    pub fn take_template(&mut self, key: &'static str) -> Result<Option<Template>, OptionError> {
        let Some(encoded) = self.take_encoded(key) else { return Ok(None) };
        let template = Template::of_encoded(encoded.expose());
        let template = template.filter(|template| !template.has_control_characters());
        match template.ok_or(OptionError::NotText { key })? {
            template if template.is_empty() => Err(OptionError::Empty { key }),
            template => Ok(Some(template)),
        }
    }

    /// Whether the value of a key holds variables.
    pub fn has_variables(&self, key: &str) -> bool {
        let entry = self.entries.iter().find(|entry| entry.key == key);
        entry.is_some_and(|entry| entry.encoded.expose().contains(&b'$'))
    }

    /// Whether NGINX would see a variable in the value of a key, as it was written.
    pub fn names_variable(&self, key: &str) -> bool {
        let entry = self.entries.iter().find(|entry| entry.key == key);
        let text = entry.map(|entry| String::from_utf8_lossy(entry.encoded.expose()));
        text.is_some_and(|text| has_variable(&text))
    }

    /// Takes the value of a key that holds a form of its own, encoded once more: names, and values
    /// that may hold variables, in their order. A name without `=` has an empty value.
    ///
    /// # Errors
    /// The form is not form-encoded, or not UTF-8.
    pub fn take_form(
        &mut self,
        key: &'static str,
    ) -> Result<Option<Vec<(String, Template)>>, OptionError> {
        let Some(encoded) = self.take_encoded(key) else { return Ok(None) };
        let form = template::decode_outer(encoded.expose());
        let form = form.ok_or(OptionError::Form { key })?;
        if form.is_empty() {
            return Ok(Some(Vec::new()));
        }
        let pairs = form.split(|byte| *byte == b'&').map(|pair| {
            let at = pair.iter().position(|byte| *byte == b'=').unwrap_or(pair.len());
            let (name, value) = pair.split_at_checked(at)?;
            let name = form::decode(name)?;
            let name = std::str::from_utf8(name.expose()).ok()?.to_owned();
            Some((name, Template::of_encoded(value.get(1..).unwrap_or_default())?))
        });
        let pairs: Option<Vec<_>> = pairs.collect();
        pairs.map(Some).ok_or(OptionError::Form { key })
    }

    fn take_encoded(&mut self, key: &str) -> Option<Secret> {
        let index = self.entries.iter().position(|entry| entry.key == key)?;
        Some(self.entries.remove(index).encoded)
    }

    /// [`Self::take_text`] for a key that must be there.
    ///
    /// # Errors
    /// It is not, or its value is no text.
    pub fn require_text(&mut self, key: &'static str) -> Result<String, OptionError> {
        self.take_text(key)?.ok_or(OptionError::Missing { key })
    }

    /// Ends the reading.
    ///
    /// # Errors
    /// A key that is not among the allowed ones was not taken.
    pub fn finish(self, allowed: &[&'static str]) -> Result<(), OptionError> {
        match self.entries.into_iter().find(|entry| !allowed.contains(&entry.key.as_str())) {
            Some(Entry { key, .. }) => Err(OptionError::Unknown { key, allowed: allowed.to_vec() }),
            None => Ok(()),
        }
    }
}

impl Entry {
    fn parse(pair: &str, position: usize, expanded: &[&str]) -> Result<Self, OptionError> {
        let (key, written) = pair.split_once('=').ok_or(OptionError::NoValue { position })?;
        let decode = |text: &str| {
            form::decode(text.as_bytes()).ok_or(OptionError::PercentEncoding { position })
        };
        let encoded = Secret::new(written);
        let (key, value) = (decode(key)?, decode(written)?);
        let is_key_byte = |b: &u8| b.is_ascii_alphanumeric() || b"_.-".contains(b);
        match std::str::from_utf8(key.expose()) {
            Ok(key)
                if (1..=MAX_KEY).contains(&key.len()) && key.bytes().all(|b| is_key_byte(&b)) =>
            {
                let key = key.to_owned();
                if is_quoted(&key, written) {
                    return Err(OptionError::Quote { key });
                }
                if !expanded.contains(&key.as_str()) && has_variable(written) {
                    return Err(OptionError::Variable { key });
                }
                Ok(Self { key, value, encoded })
            }
            _ => Err(OptionError::Key { position }),
        }
    }
}

/// Whether a value, as it was written, has quotes that are meant for NGINX: it knows them only around
/// the whole argument, and they would be part of the value.
fn is_quoted(key: &str, written: &str) -> bool {
    const QUOTES: [char; 2] = ['"', '\''];
    match key {
        // What these hold may end with one.
        "challenge" | "jwk" => written.starts_with(QUOTES),
        // The values of a form within the string begin and end anywhere in it.
        "params" => written.contains(QUOTES),
        _ => written.starts_with(QUOTES) || written.ends_with(QUOTES),
    }
}

/// The key of a secret in an option string whose value, as it is written, has a `+`: it stands for a
/// blank (as in every form), and secrets in base64 have one that is meant as it is.
pub fn secret_with_plus(text: &str) -> Option<&'static str> {
    const SECRETS: [&str; 4] = ["client_secret", "password", "passphrase", "passphrase_old"];
    let has_plus = |key: &&str| {
        let mut pairs = text.split('&').filter_map(|pair| pair.split_once('='));
        pairs.any(|(name, value)| name == *key && value.contains('+'))
    };
    SECRETS.into_iter().find(has_plus)
}

/// Whether NGINX would see a variable in a text: `$name`, `${name}` or a capture.
pub fn has_variable(text: &str) -> bool {
    let starts_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'{');
    text.split('$').skip(1).any(|rest| rest.bytes().next().is_some_and(starts_name))
}

/// Why an option string cannot be used.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum OptionError {
    /// A value that must say something is empty.
    #[error("the value of \"{key}\" must not be empty")]
    Empty {
        /// The key of the value.
        key: &'static str,
    },
    /// A value that must be a form is none.
    #[error(
        "the value of \"{key}\" is no form: it is written name=value&name=value, and then encoded \
         once more, so that = is %3D and & is %26"
    )]
    Form {
        /// The key of the value.
        key: &'static str,
    },
    /// What stands before `=` is no key.
    #[error(
        "option number {position} has no proper key: a key is made of letters, digits, \"_\", \".\" \
         and \"-\", and a literal \"&\" in a value is written %26"
    )]
    Key {
        /// Counted from 1.
        position: usize,
    },
    /// A required key is not there.
    #[error("\"{key}\" is missing")]
    Missing {
        /// Which.
        key: &'static str,
    },
    /// There is no `=`.
    #[error(
        "option number {position} has no \"=\": options are written key=value&key=value, and a \
         literal \"&\" in a value is written %26"
    )]
    NoValue {
        /// Counted from 1.
        position: usize,
    },
    /// A value that must be text is not.
    #[error("the value of \"{key}\" must be UTF-8 text without control characters")]
    NotText {
        /// The key of the value.
        key: &'static str,
    },
    /// A `%` that starts nothing.
    #[error(
        "option number {position} has a \"%\" that is not followed by two hexadecimal digits: a \
         literal \"%\" is written %25"
    )]
    PercentEncoding {
        /// Counted from 1.
        position: usize,
    },
    /// A value in quotes of its own.
    #[error(
        "the value of \"{key}\" has a quote at its end: quotes go around the whole argument, and a \
         literal one is written %27 (') or %22 (\")"
    )]
    Quote {
        /// The key of the value.
        key: String,
    },
    /// A key is given more than once.
    #[error("\"{key}\" is given more than once")]
    Repeated {
        /// Which.
        key: String,
    },
    /// A key that means nothing here.
    #[error("unknown option \"{key}\": {}", allowed_keys(allowed))]
    Unknown {
        /// Which.
        key: String,
        /// What would mean something.
        allowed: Vec<&'static str>,
    },
    /// What looks like a variable in a value that is literal.
    #[error(
        "the value of \"{key}\" holds no variables, and what begins with \"$\" in it looks like one: \
         a literal \"$\" is written %24"
    )]
    Variable {
        /// The key of the value.
        key: String,
    },
}

fn allowed_keys(allowed: &[&str]) -> String {
    match allowed {
        [] => "no options are allowed here".to_owned(),
        allowed => format!("allowed are {}", allowed.join(", ")),
    }
}

/// Longer than any key; what is longer is a value whose `&` was not encoded.
const MAX_KEY: usize = 64;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn error(text: &str) -> Option<OptionError> {
        Options::parse(text).err()
    }

    #[test]
    fn values_are_decoded_after_the_string_is_split() {
        let mut options =
            Options::parse("client_id=a+b%2B&client_secret=2%26%3D%25%C3%BC=x&e=").unwrap();
        assert_eq!(options.require_text("client_id"), Ok("a b+".to_owned()));
        let secret = options.take("client_secret").unwrap();
        assert!(secret.expose() == "2&=%ü=x".as_bytes());
        assert!(options.take("e").unwrap().is_empty());
        assert_eq!(options.finish(&[]), Ok(()));
    }

    #[test]
    fn a_plus_in_a_secret_is_found_as_it_is_written() {
        assert_eq!(secret_with_plus("client_id=a+b&client_secret=ab+c/d="), Some("client_secret"));
        assert_eq!(secret_with_plus("username=a&password=a+b"), Some("password"));
        assert_eq!(secret_with_plus("passphrase_old=+"), Some("passphrase_old"));
        for text in ["", "client_id=a+b", "client_secret=a%2Bb%20c", "password_file=a+b"] {
            assert_eq!(secret_with_plus(text), None, "{text}");
        }
    }

    #[test]
    fn an_empty_string_has_no_options() {
        assert_eq!(Options::parse("").unwrap().finish(&[]), Ok(()));
    }

    #[test]
    fn what_is_not_form_encoded_is_refused() {
        use OptionError as E;
        for (text, expected) in [
            ("a", E::NoValue { position: 1 }),
            ("a=1&", E::NoValue { position: 2 }),
            ("&a=1", E::NoValue { position: 1 }),
            ("a=1&&b=2", E::NoValue { position: 2 }),
            ("=1", E::Key { position: 1 }),
            ("a=1&b c=2", E::Key { position: 2 }),
            ("a=1&%00=2", E::Key { position: 2 }),
            ("a=1&%FF=2", E::Key { position: 2 }),
            ("a=1&b%=2", E::PercentEncoding { position: 2 }),
            ("a=%2", E::PercentEncoding { position: 1 }),
            ("a=100%&b=2", E::PercentEncoding { position: 1 }),
            ("a=1&b=2&a=1", E::Repeated { key: "a".to_owned() }),
            ("a=1&%61=1", E::Repeated { key: "a".to_owned() }),
        ] {
            assert_eq!(error(text), Some(expected), "{text}");
        }
        let long = format!("{}=1", "k".repeat(65));
        assert_eq!(error(&long), Some(E::Key { position: 1 }));
    }

    #[test]
    fn keys_are_required_taken_once_and_accounted_for() {
        let mut options = Options::parse("a=1&b=2&c=3").unwrap();
        assert!(options.take("a").is_some());
        assert!(options.take("a").is_none());
        assert!(options.require("a").err() == Some(OptionError::Missing { key: "a" }));
        assert_eq!(options.require_text("a"), Err(OptionError::Missing { key: "a" }));
        assert_eq!(
            options.finish(&["a", "b"]),
            Err(OptionError::Unknown { key: "c".to_owned(), allowed: vec!["a", "b"] })
        );
    }

    #[test]
    fn text_is_text() {
        for (text, expected) in [
            ("a=", OptionError::Empty { key: "a" }),
            ("a=%FF", OptionError::NotText { key: "a" }),
            ("a=x%0Ay", OptionError::NotText { key: "a" }),
            ("a=%C2%85", OptionError::NotText { key: "a" }),
        ] {
            assert_eq!(Options::parse(text).unwrap().take_text("a"), Err(expected), "{text}");
        }
        assert_eq!(Options::parse("a=%C3%BC").unwrap().take_text("a"), Ok(Some("ü".to_owned())));
        assert_eq!(Options::parse("").unwrap().take_text("a"), Ok(None));
    }

    #[test]
    fn what_may_be_repeated_is_taken_in_its_order() {
        let text = "audience=a&scope=x+y&b=1&audience=c%24&resource=urn%3Ar";
        let mut options = Options::parse_with_lists(text, &[], |key| key == "audience").unwrap();
        let pair = |key, value: &str| (key, value.to_owned());
        assert_eq!(
            options.take_texts(&["resource", "scope", "audience"]),
            Ok(vec![
                pair("audience", "a"),
                pair("scope", "x y"),
                pair("audience", "c$"),
                pair("resource", "urn:r"),
            ])
        );
        assert_eq!(options.take_texts(&["audience"]), Ok(vec![]));
        assert!(options.take("b").is_some());
        assert_eq!(options.finish(&[]), Ok(()));
        for (text, expected) in [
            ("a=x&a=", OptionError::Empty { key: "a" }),
            ("a=x&a=%FF", OptionError::NotText { key: "a" }),
        ] {
            let mut options = Options::parse_with_lists(text, &[], |key| key == "a").unwrap();
            assert_eq!(options.take_texts(&["a"]), Err(expected), "{text}");
        }
        let repeated = Err(OptionError::Repeated { key: "b".to_owned() });
        assert_eq!(
            Options::parse_with_lists("b=1&b=1", &[], |key| key == "a").map(|_| ()),
            repeated
        );
    }

    #[test]
    fn a_value_with_variables_is_text_too() {
        let parse = |text: &str| Options::parse_with_variables(text, &["a", "b"]).unwrap();
        let take = |text: &str| parse(text).take_template("a");
        assert_eq!(take("a=x+%24$y"), Ok(Some(Template::of_argument("x %24$y"))));
        assert_eq!(take(""), Ok(None));
        assert_eq!(take("a="), Err(OptionError::Empty { key: "a" }));
        assert_eq!(take("a=%FF"), Err(OptionError::NotText { key: "a" }));
        assert_eq!(take("a=$x%0A"), Err(OptionError::NotText { key: "a" }));
        let options = parse("a=%24&b=$x");
        assert!(!options.has_variables("a") && options.has_variables("b"));
        assert!(!options.has_variables("c"));
    }

    #[test]
    fn what_looks_like_a_variable_is_refused_where_none_is_expanded() {
        let refused = |key: &str| Some(OptionError::Variable { key: key.to_owned() });
        for text in ["a=$b", "a=x$b", "a=${b}", "a=$1", "a=$_", "a=$$b", "a=%24$b"] {
            assert_eq!(error(text), refused("a"), "{text}");
        }
        for text in ["a=$", "a=$$", "a=x$.$", "a=%24b", "a=$%62", "a=%24%7Bb}"] {
            assert_eq!(error(text), None, "{text}");
        }
        assert!(Options::parse_with_variables("a=$x", &["a"]).is_ok());
        assert_eq!(Options::parse_with_variables("a=$x&b=$x", &["a"]).err(), refused("b"));
    }

    #[test]
    fn a_value_in_quotes_of_its_own_is_refused() {
        let refused = |key: &str| Some(OptionError::Quote { key: key.to_owned() });
        for text in ["a='b'", "a=\"b\"", "a='b", "a=b'", "a=b\"", "a='"] {
            assert_eq!(error(text), refused("a"), "{text}");
        }
        for text in ["a=it's", "a=%27b%27", "a=%22", "jwk={\"k\":\"v\"}", "challenge=a=\"b\""] {
            assert_eq!(error(text), None, "{text}");
        }
        for text in ["jwk='{}'", "challenge=\"Bearer\""] {
            assert!(matches!(error(text), Some(OptionError::Quote { .. })), "{text}");
        }
        assert_eq!(error("params=scope%3D'a'%26b%3Dc"), refused("params"));
    }

    #[test]
    fn a_form_within_the_string_is_encoded_once_more() {
        let take = |text: &str| {
            Options::parse_with_variables(text, &["params"]).unwrap().take_form("params")
        };
        let pair = |name: &str, value: &str| (name.to_owned(), Template::of_argument(value));
        let written = "params=scope%3Da%2Bb%26audience%3D%24%2524$host%26empty%3D%26none";
        assert_eq!(
            take(written),
            Ok(Some(vec![
                pair("scope", "a b"),
                pair("audience", "%24%24$host"),
                pair("empty", ""),
                pair("none", ""),
            ]))
        );
        assert_eq!(take("params="), Ok(Some(Vec::new())));
        assert_eq!(take(""), Ok(None));
        // Not encoded once more: what it holds is an option of its own.
        assert_eq!(take("params=a%3Db&c=d"), Ok(Some(vec![pair("a", "b")])));
        for form in ["params=a%3D%25", "params=a%3D%25FF", "params=%25zz%3Da"] {
            assert_eq!(take(form), Err(OptionError::Form { key: "params" }), "{form}");
        }
    }

    #[test]
    fn no_error_holds_a_part_of_a_value() {
        for text in [
            "s3cret",
            "k=1&s3cret",
            "k=s3cret%",
            "k=1&s3 cret=1",
            "k=s3cret&k=s3cret",
            "k='s3cret'",
            "k=$s3cret",
        ] {
            let shown = error(text).unwrap();
            assert!(!format!("{shown} {shown:?}").contains("s3"), "{shown:?}");
        }
    }

    proptest! {
        #[test]
        fn what_another_writer_encodes_is_read_back(
            pairs in prop::collection::btree_map("[a-z_.]{1,64}", any::<String>(), 0..8),
        ) {
            let text =
                form_urlencoded::Serializer::new(String::new()).extend_pairs(&pairs).finish();
            let mut options = Options::parse(&text).unwrap();
            for (key, value) in &pairs {
                prop_assert!(options.take(key).unwrap().expose() == value.as_bytes());
            }
            prop_assert_eq!(options.finish(&[]), Ok(()));
        }

        #[test]
        fn no_string_panics(text in "[a-c=&%+0-9é\u{0}]{0,40}") {
            let _ = Options::parse(&text);
        }
    }
}
