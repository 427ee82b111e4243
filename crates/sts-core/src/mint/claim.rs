//! Claims that the configuration writes one by one (`STSJWTClaim`). Each is made as its type, so that no
//! value of a request can become another claim.

use serde_json::{Number, Value};
use std::str;
use thiserror::Error;

use super::MAX_DEPTH;

/// How the text of a claim is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ClaimType {
    /// As it stands.
    #[default]
    String,
    /// A number of JSON.
    Number,
    /// `true` or `false`.
    Boolean,
    /// Texts with commas between them; blanks around them, and what is empty, do not count.
    List,
    /// Any value of JSON.
    Json,
}

impl ClaimType {
    /// The words of `STSJWTClaim`.
    pub const WORDS: [(&'static str, Self); 5] = [
        ("string", Self::String),
        ("number", Self::Number),
        ("boolean", Self::Boolean),
        ("list", Self::List),
        ("json", Self::Json),
    ];

    /// The word for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::String => "string",
            Self::Number => "number",
            Self::Boolean => "boolean",
            Self::List => "list",
            Self::Json => "json",
        }
    }
}

/// A claim with its text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claim<'c> {
    /// Its name.
    pub name: &'c str,
    /// How its text is read.
    pub claim_type: ClaimType,
    /// The text.
    pub value: &'c [u8],
}

impl Claim<'_> {
    /// The value that it is.
    ///
    /// # Errors
    /// Its text is none of its type.
    pub fn read(&self) -> Result<Value, ClaimError> {
        let text = str::from_utf8(self.value).map_err(|_| ClaimError::Encoding)?;
        match self.claim_type {
            ClaimType::String => Ok(Value::from(text)),
            ClaimType::Number => number(text).map(Value::Number).ok_or(ClaimError::Number),
            ClaimType::Boolean => match text {
                "true" => Ok(Value::Bool(true)),
                "false" => Ok(Value::Bool(false)),
                _ => Err(ClaimError::Boolean),
            },
            ClaimType::List => {
                let words = text.split(',').map(str::trim).filter(|word| !word.is_empty());
                Ok(words.map(Value::from).collect())
            }
            ClaimType::Json => {
                sts_json::read(text.as_bytes(), MAX_DEPTH).map_err(|_| ClaimError::Json)
            }
        }
    }
}

fn number(text: &str) -> Option<Number> {
    match sts_json::read(text.as_bytes(), 0).ok()? {
        // White space may stand around a value of JSON, and belongs to no number.
        Value::Number(number) if text.trim() == text => Some(number),
        _ => None,
    }
}

/// Why a text is no value of its type; a fragment that follows what it is the value of, and shows none of
/// it.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum ClaimError {
    /// Of a boolean.
    #[error("is neither \"true\" nor \"false\"")]
    Boolean,
    /// Not even a text.
    #[error("is not UTF-8")]
    Encoding,
    /// Of JSON.
    #[error(
        "is no JSON that can be used: a name twice, more than {MAX_DEPTH} levels, or a whole number of more \
         than 64 bits are refused as well"
    )]
    Json,
    /// Of a number.
    #[error("is no number as JSON writes it, or a whole one of more than 64 bits")]
    Number,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn read(claim_type: ClaimType, value: &[u8]) -> Result<Value, ClaimError> {
        Claim { name: "a", claim_type, value }.read()
    }

    #[test]
    fn a_text_becomes_a_value_of_its_type() {
        use ClaimType as T;
        for (claim_type, text, expected) in [
            (T::String, r#"a","admin":true,"b":"c"#, Ok(json!(r#"a","admin":true,"b":"c"#))),
            (T::String, "", Ok(json!(""))),
            (T::String, "a\r\nb\0\u{1f600}", Ok(json!("a\r\nb\0\u{1f600}"))),
            (T::Number, "42", Ok(json!(42))),
            (T::Number, "-1.5e3", Ok(json!(-1500.0))),
            (T::Number, "18446744073709551615", Ok(json!(u64::MAX))),
            (T::Number, "18446744073709551616", Err(ClaimError::Number)),
            (T::Number, "1e999", Err(ClaimError::Number)),
            (T::Number, "", Err(ClaimError::Number)),
            (T::Number, " 1", Err(ClaimError::Number)),
            (T::Number, "01", Err(ClaimError::Number)),
            (T::Number, "0x10", Err(ClaimError::Number)),
            (T::Number, "1,\"a\":2", Err(ClaimError::Number)),
            (T::Number, "NaN", Err(ClaimError::Number)),
            (T::Boolean, "true", Ok(json!(true))),
            (T::Boolean, "false", Ok(json!(false))),
            (T::Boolean, "True", Err(ClaimError::Boolean)),
            (T::Boolean, "1", Err(ClaimError::Boolean)),
            (T::List, "a, b c ,,d", Ok(json!(["a", "b c", "d"]))),
            (T::List, r#"a","b"#, Ok(json!(["a\"", "\"b"]))),
            (T::List, "", Ok(json!([]))),
            (T::Json, r#" {"a":[1,null]} "#, Ok(json!({ "a": [1, null] }))),
            (T::Json, r#"{"a":1,"a":2}"#, Err(ClaimError::Json)),
            (T::Json, r#"{"a":1},"b":2"#, Err(ClaimError::Json)),
            (T::Json, "", Err(ClaimError::Json)),
        ] {
            assert_eq!(read(claim_type, text.as_bytes()), expected, "{claim_type:?} {text:?}");
        }
        for (_, claim_type) in ClaimType::WORDS {
            assert_eq!(read(claim_type, b"\xff"), Err(ClaimError::Encoding), "{claim_type:?}");
        }
    }

    proptest! {
        #[test]
        fn no_text_is_more_than_one_value(text: String, bytes: Vec<u8>) {
            for (_, claim_type) in ClaimType::WORDS {
                for bytes in [text.as_bytes(), &bytes] {
                    let Ok(value) = read(claim_type, bytes) else { continue };
                    // What is written is read again as the only claim.
                    let object = json!({ "a": value }).to_string();
                    let again: super::super::Claims = serde_json::from_str(&object).unwrap();
                    prop_assert_eq!(again.len(), 1);
                    prop_assert_eq!(&again["a"], &value);
                }
            }
            prop_assert_eq!(read(ClaimType::String, text.as_bytes()), Ok(json!(text)));
        }
    }
}
