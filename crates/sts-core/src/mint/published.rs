//! With which keys tokens were signed that may still be in use, and until when. A key is published for that
//! long, whatever became of it.

use serde_json::{Value, json};

use crate::jose::PublicKey;
use crate::now::UnixTime;

/// Keys that are noted at once.
const MOST: usize = 16;

/// Keys, each with the time in seconds since 1970 until which what it signed may be in use.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Published(Vec<(PublicKey, u64)>);

impl Published {
    /// Reads what [`to_text`](Self::to_text) has written, without what is over. What is nothing of that kind
    /// holds no keys.
    pub fn read(text: &[u8], now: UnixTime) -> Self {
        let Ok(Value::Array(list)) = serde_json::from_slice(text) else { return Self::default() };
        let one = |entry: Value| {
            let until = entry.get("until")?.as_u64().filter(|until| *until > now.0)?;
            Some((PublicKey::from_json(entry.get("key")?.clone())?, until))
        };
        Self(list.into_iter().filter_map(one).collect())
    }

    /// As it is kept.
    pub fn to_text(&self) -> String {
        let entry =
            |(key, until): &(PublicKey, u64)| json!({ "key": key.to_json(), "until": until });
        Value::Array(self.0.iter().map(entry).collect()).to_string()
    }

    /// Notes that what a key signs may be in use until then. Of too many, those go that end first.
    pub fn note(&mut self, key: &PublicKey, until: u64) {
        match self.0.iter_mut().find(|(known, _)| known == key) {
            Some((_, known)) => *known = until.max(*known),
            None => self.0.push((key.clone(), until)),
        }
        self.0.sort_by_key(|(_, until)| std::cmp::Reverse(*until));
        self.0.truncate(MOST);
    }

    /// When the last of them is over.
    pub fn last(&self) -> u64 {
        self.0.iter().map(|(_, until)| *until).max().unwrap_or_default()
    }

    /// The keys.
    pub fn into_keys(self) -> impl Iterator<Item = PublicKey> {
        self.0.into_iter().map(|(key, _)| key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixTime = UnixTime(1000);

    fn key(name: &str) -> PublicKey {
        PublicKey::from_json(json!({ "kid": name })).unwrap()
    }

    fn names(published: &Published) -> Vec<String> {
        let keys = published.clone().into_keys();
        keys.map(|key| key.to_json()["kid"].as_str().unwrap().to_owned()).collect()
    }

    #[test]
    fn a_key_is_there_until_its_last_token_is_over() {
        let mut published = Published::default();
        published.note(&key("a"), 1060);
        published.note(&key("b"), 1120);
        published.note(&key("a"), 1050);
        assert_eq!((names(&published), published.last()), (vec!["b".into(), "a".into()], 1120));
        let text = published.to_text();
        assert_eq!(Published::read(text.as_bytes(), NOW), published);
        assert_eq!(names(&Published::read(text.as_bytes(), UnixTime(1059))), ["b", "a"]);
        assert_eq!(names(&Published::read(text.as_bytes(), UnixTime(1060))), ["b"]);
        assert_eq!(names(&Published::read(text.as_bytes(), UnixTime(1120))), [""; 0]);
    }

    #[test]
    fn of_too_many_those_go_that_end_first() {
        let mut published = Published::default();
        (0..20_u64).for_each(|number| published.note(&key(&number.to_string()), 2000 + number));
        let names = names(&published);
        assert_eq!((names.len(), names[0].as_str(), names[15].as_str()), (16, "19", "4"));
    }

    #[test]
    fn what_is_something_else_holds_no_keys() {
        for text in ["", "{}", "[1]", r#"[{"key":1,"until":2000}]"#, r#"[{"key":{},"until":-1}]"#] {
            assert_eq!(Published::read(text.as_bytes(), NOW), Published::default(), "{text}");
        }
    }
}
