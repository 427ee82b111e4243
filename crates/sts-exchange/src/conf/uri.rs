//! The path of a request, as NGINX normalises it before it looks for a location.

use crate::problem::Problem;

/// A request's target, taken apart.
#[derive(Debug, PartialEq, Eq)]
pub struct Target {
    /// As it was written.
    pub written: String,
    /// `$uri`: decoded, without dots and double slashes.
    pub path: String,
    /// `$args`.
    pub query: String,
}

impl Target {
    /// Reads a path with or without a query.
    ///
    /// # Errors
    /// NGINX would answer it with 400.
    pub fn read(text: &str) -> Result<Self, Problem> {
        let bad = || {
            Problem::new(format!(
                "\"{}\" is no path of a request, as /orders/17, and no name of a location, as @orders",
                text.escape_debug()
            ))
        };
        let bare = text.split('#').next().unwrap_or_default();
        let (path, query) = bare.split_once('?').unwrap_or((bare, ""));
        if !path.starts_with('/') || text.chars().any(|c| c.is_control() || c == ' ') {
            return Err(bad());
        }
        let decoded = decode(path).ok_or_else(bad)?;
        let ends_with_slash = ["/", "/.", "/.."].iter().any(|end| decoded.ends_with(end));
        let mut segments: Vec<&str> = Vec::new();
        for segment in decoded.split('/') {
            match segment {
                "" | "." => {}
                ".." => {
                    segments.pop().ok_or_else(bad)?;
                }
                segment => segments.push(segment),
            }
        }
        let mut path = format!("/{}", segments.join("/"));
        if ends_with_slash && path != "/" {
            path.push('/');
        }
        Ok(Self { written: text.to_owned(), path, query: query.to_owned() })
    }
}

fn decode(path: &str) -> Option<String> {
    let mut decoded = Vec::new();
    let mut bytes = path.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            decoded.push(byte);
            continue;
        }
        let digit = |byte: Option<u8>| byte.and_then(|byte| char::from(byte).to_digit(16));
        let value = digit(bytes.next())? * 16 + digit(bytes.next())?;
        let value = u8::try_from(value).ok().filter(|value| *value != 0)?;
        decoded.push(value);
    }
    String::from_utf8(decoded).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_path_is_normalised() {
        for (text, path, query) in [
            ("/", "/", ""),
            ("/orders/", "/orders/", ""),
            ("/orders/17?a=b%20c", "/orders/17", "a=b%20c"),
            ("//a///b", "/a/b", ""),
            ("/a/./b/../c/.", "/a/c/", ""),
            ("/a%2Fb%20c", "/a/b c", ""),
            ("/a/..", "/", ""),
        ] {
            let target = Target::read(text).unwrap();
            assert_eq!((target.path.as_str(), target.query.as_str()), (path, query), "{text}");
        }
        for text in ["", "orders", "/..", "/a%", "/a%zz", "/%00", "/a b", "@a"] {
            assert!(Target::read(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text: String) {
            if let Ok(target) = Target::read(&text) {
                prop_assert!(target.path.starts_with('/') && !target.path.contains("//"));
            }
        }
    }
}
