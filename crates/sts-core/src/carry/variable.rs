//! Which variables of NGINX a token comes from and goes to.

use thiserror::Error;

/// The names of the variables in a text, as NGINX finds them (`ngx_http_script_compile`): behind `$`,
/// with braces around or not. A capture is a digit.
pub fn names(text: &str) -> impl Iterator<Item = &str> {
    text.split('$').skip(1).filter_map(|rest| {
        let name = match rest.strip_prefix('{') {
            Some(rest) => rest.split_once('}').map_or(rest, |(name, _)| name),
            None if rest.starts_with(is_capture) => rest.get(..1).unwrap_or_default(),
            None => {
                let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
                rest.split_once(|c| !is_part(c)).map_or(rest, |(name, _)| name)
            }
        };
        (!name.is_empty()).then_some(name)
    })
}

/// Whether a name can be that of a target: what begins with a digit is a capture.
pub fn is_target_name(name: &str) -> bool {
    name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        && name.starts_with(|first: char| !first.is_ascii_digit())
}

/// A capture without a name in a text: by the time of the exchange it may be that of another regular
/// expression than the one that is meant.
pub fn capture(text: &str) -> Option<&str> {
    names(text).find(|name| name.starts_with(|first: char| first.is_ascii_digit()))
}

/// Checks the text of a source against what a variable can hold when the exchange runs.
///
/// # Errors
/// It can never be the token that is meant.
pub fn check_source(text: &str, target: &str) -> Result<(), VariableError> {
    for name in names(text) {
        check_origin(name)?;
        if has_scheme(name) {
            return Err(VariableError::Scheme { name: name.to_owned() });
        }
        check_is_other(name, target)?;
    }
    Ok(())
}

/// The same for a variable alone, of which a scheme is taken off or not.
///
/// # Errors
/// As [`check_source`].
pub fn check_environment(name: &str, takes_scheme: bool) -> Result<(), VariableError> {
    check_origin(name)?;
    if has_scheme(name) && !takes_scheme {
        return Err(VariableError::SchemeInPlace { name: name.to_owned() });
    }
    Ok(())
}

/// Checks that a source is not the target: it would be empty until the exchange has run.
///
/// # Errors
/// It is.
pub fn check_is_other(source: &str, target: &str) -> Result<(), VariableError> {
    // NGINX compares the names of variables without case.
    if source.eq_ignore_ascii_case(target) {
        return Err(VariableError::IsTarget { name: target.to_owned() });
    }
    Ok(())
}

/// Whether the value of a variable begins with the scheme of credentials (RFC 9110, section 11.4).
fn has_scheme(name: &str) -> bool {
    ["http_authorization", "http_proxy_authorization"]
        .iter()
        .any(|header| header.eq_ignore_ascii_case(name))
}

fn check_origin(name: &str) -> Result<(), VariableError> {
    let lower = name.to_ascii_lowercase();
    if ["sent_http_", "sent_trailer_", "upstream_"].iter().any(|start| lower.starts_with(start)) {
        return Err(VariableError::OfAnswer { name: name.to_owned() });
    }
    Ok(())
}

fn is_capture(first: char) -> bool {
    matches!(first, '1'..='9')
}

/// Why a variable cannot hold a source token.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum VariableError {
    /// The same variable on both sides.
    #[error(
        "\"${name}\" is both source and target, and empty until the exchange has run: the source \
         has to be another variable"
    )]
    IsTarget {
        /// Without `$`.
        name: String,
    },
    /// What NGINX knows too late.
    #[error(
        "\"${name}\" belongs to an answer, which comes after the exchange: name a variable of the \
         request, or one that \"set\" or \"auth_request_set\" gives a value to"
    )]
    OfAnswer {
        /// Without `$`.
        name: String,
    },
    /// Credentials with their scheme.
    #[error(
        "\"${name}\" holds the scheme and the token, and any text without a scheme would be taken \
         for a token: take the scheme off with a \"map\", or write \"STSAcceptSourceTokenIn \
         header\" in the place of this source"
    )]
    Scheme {
        /// Without `$`.
        name: String,
    },
    /// The same in a place that can take it off.
    #[error(
        "\"${name}\" holds the scheme and the token: add \"type=Bearer\" to take the scheme off"
    )]
    SchemeInPlace {
        /// Without `$`.
        name: String,
    },
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn all(text: &str) -> Vec<&str> {
        names(text).collect()
    }

    #[test]
    fn names_are_found_as_nginx_finds_them() {
        assert_eq!(all("$a"), ["a"]);
        assert_eq!(all("x$a_1-${B}y$c.$d$e"), ["a_1", "B", "c", "d", "e"]);
        assert_eq!(all("$1a${1a}$10$0"), ["1", "1a", "1", "0"]);
        assert!(all("abc").is_empty() && all("a$").is_empty() && all("${}$-").is_empty());
    }

    #[test]
    fn a_source_can_be_what_a_request_has() {
        for text in [
            "$arg_token",
            "$cookie_token",
            "$http_x_token",
            "$http_authorization_token",
            "$http_cookie",
            "$source_token",
            "$remote_user",
            "$sent_token",
            "${a}${b}",
            "$1",
            "",
        ] {
            assert_eq!(check_source(text, "target"), Ok(()), "{text}");
        }
    }

    #[test]
    fn a_source_cannot_be_what_holds_something_else() {
        use VariableError as E;
        let name = |name: &str| name.to_owned();
        for (text, expected) in [
            ("$http_authorization", E::Scheme { name: name("http_authorization") }),
            ("a${HTTP_Authorization}", E::Scheme { name: name("HTTP_Authorization") }),
            ("$http_proxy_authorization", E::Scheme { name: name("http_proxy_authorization") }),
            ("$sent_http_a", E::OfAnswer { name: name("sent_http_a") }),
            ("$Sent_Trailer_a", E::OfAnswer { name: name("Sent_Trailer_a") }),
            ("$upstream_addr", E::OfAnswer { name: name("upstream_addr") }),
            ("$target", E::IsTarget { name: name("target") }),
            ("x${TARGET}", E::IsTarget { name: name("target") }),
        ] {
            assert_eq!(check_source(text, "target"), Err(expected), "{text}");
        }
    }

    #[test]
    fn a_place_that_takes_the_scheme_off_may_have_one() {
        assert_eq!(check_environment("http_authorization", true), Ok(()));
        let name = "http_authorization".to_owned();
        let error = Err(VariableError::SchemeInPlace { name });
        assert_eq!(check_environment("http_authorization", false), error);
        assert_eq!(check_environment("http_x", false), Ok(()));
        assert!(check_environment("upstream_http_x", true).is_err());
    }

    #[test]
    fn captures_without_a_name_are_found() {
        assert_eq!(capture("$a$2b"), Some("2"));
        assert_eq!(capture("${1}"), Some("1"));
        assert_eq!(capture("$a1-1"), None);
    }

    #[test]
    fn a_target_has_a_name_that_is_no_capture() {
        for name in ["t", "_", "T_1", "sts_target_token"] {
            assert!(is_target_name(name), "{name}");
        }
        for name in ["", "1", "1st", "a-b", "a b", "ü", "{a}"] {
            assert!(!is_target_name(name), "{name}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "[$a1_{} é]{0,20}") {
            let _ = all(&text);
        }
    }
}
