//! Of strings.

use std::fmt::Write;

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use sts_json::JsonError;

use crate::budget::{Budget, Limits, Outcome, Stop, fail};
use crate::error::RunError;
use crate::json;
use crate::number::Number;
use crate::value::Value;

/// Reads with and without padding, and writes it.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// A string as it is, and everything else in JSON.
pub(crate) fn to_text(budget: &Budget, input: Value) -> Outcome<Value> {
    match input {
        Value::Text(_) => Ok(input),
        input => to_json(budget, input),
    }
}

pub(crate) fn to_json(budget: &Budget, input: Value) -> Outcome<Value> {
    // Each value in it is visited.
    budget.step(input.size().bytes >> 2)?;
    budget.text(&json::write(&input)?)
}

pub(crate) fn from_json(budget: &Budget, input: Value) -> Outcome<Value> {
    let Value::Text(text) = input else {
        return fail("fromjson needs a string");
    };
    budget.step((text.len() >> 1).saturating_add(1))?;
    let Limits { bytes, depth, .. } = *budget.limits();
    if text.len() > bytes {
        return Err(Stop::Limit(RunError::TooLarge));
    }
    let json = match sts_json::read(text.as_bytes(), depth.min(Limits::DEEPEST)) {
        Ok(json) => json,
        Err(JsonError::TooDeep) => return Err(Stop::Limit(RunError::TooDeep)),
        Err(JsonError::Twice) => return fail("the JSON of a string has a name twice"),
        Err(JsonError::Number) => return fail("the JSON of a string has too large a number"),
        Err(JsonError::NotJson) => return fail("a string is not JSON"),
    };
    budget.checked(json::from_json(&json)?)
}

pub(crate) fn to_number(budget: &Budget, input: Value) -> Outcome<Value> {
    match input {
        Value::Number(_) => Ok(input),
        Value::Text(text) => {
            // Read twice, digit by digit.
            budget.step((text.len() >> 4).saturating_add(1))?;
            // As JSON has it: no plus, no blanks, no infinity.
            let number = serde_json::from_str::<serde_json::Number>(&text).ok();
            match number.and_then(|_| Number::parse(&text)) {
                Some(number) => Ok(number.into()),
                None => fail("a string is not a number that can be kept exactly"),
            }
        }
        _ => fail("tonumber needs a string or a number"),
    }
}

pub(crate) fn to_base64(budget: &Budget, input: Value) -> Outcome<Value> {
    let text = written(budget, input)?;
    budget.bytes(text.len())?;
    budget.fits(text.len() / 3 * 4)?;
    budget.text(&BASE64.encode(text.as_bytes()))
}

pub(crate) fn from_base64(budget: &Budget, input: Value) -> Outcome<Value> {
    let text = written(budget, input)?;
    budget.bytes(text.len())?;
    let bytes = BASE64.decode(text.as_bytes()).ok();
    match bytes.and_then(|bytes| String::from_utf8(bytes).ok()) {
        Some(text) => budget.text(&text),
        None => fail("a string is not base64 of text"),
    }
}

/// All but what is unreserved in RFC 3986, section 2.3, as `%XX`.
pub(crate) fn to_uri(budget: &Budget, input: Value) -> Outcome<Value> {
    let text = written(budget, input)?;
    budget.bytes(text.len())?;
    let mut uri = String::new();
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                uri.push(char::from(byte));
            }
            // Writing to a string does not fail.
            byte => drop(write!(uri, "%{byte:02X}")),
        }
    }
    budget.text(&uri)
}

fn written(budget: &Budget, input: Value) -> Outcome<std::rc::Rc<str>> {
    string(to_text(budget, input)?, "this needs a string")
}

fn string(input: Value, about: &'static str) -> Outcome<std::rc::Rc<str>> {
    match input {
        Value::Text(text) => Ok(text),
        _ => fail(about),
    }
}

/// A string made of the input, which is one.
fn mapped(
    budget: &Budget,
    input: Value,
    about: &'static str,
    map: impl FnOnce(&str) -> String,
) -> Outcome<Value> {
    let text = string(input, about)?;
    budget.bytes(text.len())?;
    budget.text(&map(&text))
}

pub(crate) fn downcase(budget: &Budget, input: Value) -> Outcome<Value> {
    mapped(budget, input, "ascii_downcase needs a string", str::to_ascii_lowercase)
}

pub(crate) fn upcase(budget: &Budget, input: Value) -> Outcome<Value> {
    mapped(budget, input, "ascii_upcase needs a string", str::to_ascii_uppercase)
}

pub(crate) fn trim(budget: &Budget, input: Value) -> Outcome<Value> {
    mapped(budget, input, "trim needs a string", |text| text.trim().to_owned())
}

pub(crate) fn trim_start(budget: &Budget, input: Value) -> Outcome<Value> {
    mapped(budget, input, "ltrim needs a string", |text| text.trim_start().to_owned())
}

pub(crate) fn trim_end(budget: &Budget, input: Value) -> Outcome<Value> {
    mapped(budget, input, "rtrim needs a string", |text| text.trim_end().to_owned())
}

pub(crate) fn bytes(_: &Budget, input: Value) -> Outcome<Value> {
    Ok(Value::count(string(input, "utf8bytelength needs a string")?.len()))
}

/// What is no string stays as it is, as in jq.
pub(crate) fn trim_prefix(budget: &Budget, input: Value, prefix: Value) -> Outcome<Value> {
    if let (Value::Text(text), Value::Text(prefix)) = (&input, &prefix) {
        budget.compared(prefix)?;
        if let Some(rest) = text.strip_prefix(prefix.as_ref()) {
            return budget.text(rest);
        }
    }
    Ok(input)
}

/// What is no string stays as it is, as in jq.
pub(crate) fn trim_suffix(budget: &Budget, input: Value, suffix: Value) -> Outcome<Value> {
    if let (Value::Text(text), Value::Text(suffix)) = (&input, &suffix) {
        budget.compared(suffix)?;
        if let Some(rest) = text.strip_suffix(suffix.as_ref()) {
            return budget.text(rest);
        }
    }
    Ok(input)
}

pub(crate) fn starts_with(budget: &Budget, input: Value, prefix: Value) -> Outcome<Value> {
    let about = "startswith needs strings";
    let (text, prefix) = (string(input, about)?, string(prefix, about)?);
    budget.bytes(prefix.len())?;
    Ok(Value::Bool(text.starts_with(prefix.as_ref())))
}

pub(crate) fn ends_with(budget: &Budget, input: Value, suffix: Value) -> Outcome<Value> {
    let about = "endswith needs strings";
    let (text, suffix) = (string(input, about)?, string(suffix, about)?);
    budget.bytes(suffix.len())?;
    Ok(Value::Bool(text.ends_with(suffix.as_ref())))
}

pub(crate) fn split(budget: &Budget, input: Value, separator: Value) -> Outcome<Value> {
    let about = "split needs strings";
    let (text, separator) = (string(input, about)?, string(separator, about)?);
    budget.search(&text, &separator)?;
    let mut parts = Vec::new();
    if separator.is_empty() {
        for character in text.chars() {
            parts.push(budget.text(character.encode_utf8(&mut [0; 4]))?);
        }
    } else if !text.is_empty() {
        for part in text.split(separator.as_ref()) {
            parts.push(budget.text(part)?);
        }
    }
    budget.array(parts)
}

/// `null` is an empty string here.
pub(crate) fn join(budget: &Budget, input: Value, separator: Value) -> Outcome<Value> {
    let Value::Array(array) = input else {
        return fail("join needs an array");
    };
    let separator = string(separator, "join needs a string")?;
    let mut joined = String::new();
    for (index, item) in array.items().iter().enumerate() {
        budget.step(1)?;
        let part = match item {
            Value::Null => None,
            Value::Array(_) | Value::Object(_) => return fail("join needs an array of scalars"),
            item => Some(written(budget, item.clone())?),
        };
        let part = part.as_deref().unwrap_or_default();
        budget.fits(joined.len().saturating_add(separator.len()).saturating_add(part.len()))?;
        budget.bytes(separator.len().saturating_add(part.len()))?;
        if index > 0 {
            joined.push_str(&separator);
        }
        joined.push_str(part);
    }
    budget.text(&joined)
}

/// Where a string stands in a string, in characters, or an item in an array.
pub(crate) fn indices(budget: &Budget, input: Value, part: Value) -> Outcome<Value> {
    let mut found = Vec::new();
    match (&input, &part) {
        (Value::Null, _) => return Ok(Value::Null),
        (Value::Text(text), Value::Text(part)) => {
            if part.is_empty() {
                return Ok(Value::Null);
            }
            budget.bytes(text.len())?;
            for (place, (at, _)) in text.char_indices().enumerate() {
                budget.bytes(part.len().min(text.len()))?;
                if text.get(at..).is_some_and(|rest| rest.starts_with(part.as_ref())) {
                    found.push(Value::count(place));
                }
            }
        }
        (Value::Array(array), item) if !matches!(item, Value::Array(_)) => {
            for (place, other) in array.items().iter().enumerate() {
                if budget.compare(other, item)?.is_eq() {
                    found.push(Value::count(place));
                }
            }
        }
        _ => return fail("indices needs two strings, or an array and an item"),
    }
    budget.array(found)
}
