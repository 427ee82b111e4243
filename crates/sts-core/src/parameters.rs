//! Which extra request parameters an operator may add to a grant.

use thiserror::Error;

/// Checks the name of an extra request parameter.
///
/// # Errors
/// The grant or the client authentication sends it, or it is no name.
pub fn check_name(name: &str) -> Result<(), ParameterError> {
    if name.is_empty() {
        return Err(ParameterError::Empty);
    }
    if let Some((name, value)) = name.split_once('=') {
        let (name, value) = if is_public(name) { (name, value) } else { ("name", "value") };
        let example = format!("STSRequestParameter {name} {value}").escape_debug().to_string();
        return Err(ParameterError::HoldsValue { example });
    }
    // RFC 6749, section 8.2.
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
    if !name.bytes().all(is_name) {
        return Err(ParameterError::NotAName);
    }
    match FORBIDDEN.iter().find(|forbidden| **forbidden == name) {
        Some(name) => Err(ParameterError::Forbidden { name }),
        None => Ok(()),
    }
}

/// What an exchange sends without the operator's doing.
#[derive(Clone, Copy)]
pub(crate) struct Sent {
    pub(crate) client_id: bool,
    pub(crate) username: bool,
}

/// See [`Profile::check_parameters`](crate::profile::Profile::check_parameters).
pub(crate) fn check_all<'a>(
    sent: Sent,
    names: impl IntoIterator<Item = &'a str>,
) -> Result<(), ParameterError> {
    let mut seen: Vec<&str> = Vec::new();
    for name in names {
        check_name(name)?;
        if name == CLIENT_ID && sent.client_id {
            return Err(ParameterError::ClientId);
        }
        if name == USERNAME && sent.username {
            return Err(ParameterError::Username);
        }
        if seen.contains(&name) && !may_repeat(name) {
            return Err(ParameterError::Repeated { name: name.to_owned() });
        }
        seen.push(name);
    }
    Ok(())
}

/// Whether a parameter may be sent more than once (RFC 8693, section 2.1).
pub fn may_repeat(name: &str) -> bool {
    matches!(name, "audience" | "resource")
}

/// Whether the value of a parameter is no secret, and may stand in a message.
pub fn is_public(name: &str) -> bool {
    PUBLIC.contains(&name)
}

/// The identifier of a token type that a parameter names in short: where its value is a token type, and
/// the short name of one that RFC 8693, section 3 registers (`id_token`).
pub fn token_type(name: &str, value: &[u8]) -> Option<&'static str> {
    let found = TOKEN_TYPES.iter().find(|(short, _)| short.as_bytes() == value);
    found.filter(|_| OF_TOKEN_TYPES.contains(&name)).map(|(_, identifier)| *identifier)
}

/// Why a request parameter cannot be used.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum ParameterError {
    /// `client_id`, when the exchange sends its own.
    #[error("\"client_id\" is already sent by the client authentication of the exchange")]
    ClientId,
    /// No name.
    #[error("the name of a request parameter must not be empty")]
    Empty,
    /// A parameter that the exchange itself is responsible for.
    #[error(
        "\"{name}\" is not allowed as a request parameter, nor is any of {}",
        FORBIDDEN.join(", ")
    )]
    Forbidden {
        /// Which.
        name: &'static str,
    },
    /// The value stands in the name: what would be asked for is a token without this restriction.
    #[error(
        "the name of a request parameter holds \"=\": name and value are two words, as in \
         \"{example}\", and in \"params\" the \"=\" between them is written %3D"
    )]
    HoldsValue {
        /// How it is written.
        example: String,
    },
    /// A name that no parameter has.
    #[error(
        "the name of a request parameter is made of letters, digits, \"-\", \".\" and \"_\"; its value \
         is a word of its own"
    )]
    NotAName,
    /// A parameter that may be sent only once.
    #[error("\"{name}\" is given more than once: only audience and resource may be repeated")]
    Repeated {
        /// Which.
        name: String,
    },
    /// `username`, when the grant sends it.
    #[error("\"username\" is already sent by the exchange")]
    Username,
}

/// What the grants and client authentication send; a second one would contradict the first.
const FORBIDDEN: [&str; 7] = [
    "grant_type",
    "subject_token",
    "password",
    ASSERTION,
    "client_secret",
    "client_assertion",
    "client_assertion_type",
];

/// Parameters whose value is no secret, and may stand in a message.
const PUBLIC: [&str; 6] = [
    "audience",
    "resource",
    "scope",
    "requested_token_type",
    "requested_token_use",
    "subject_token_type",
];

/// Parameters whose value is the type of a token (RFC 8693, section 2.1).
const OF_TOKEN_TYPES: [&str; 3] = ["requested_token_type", "subject_token_type", ACTOR_TOKEN_TYPE];

/// RFC 8693, section 3.
const TOKEN_TYPES: [(&str, &str); 6] = [
    ("access_token", "urn:ietf:params:oauth:token-type:access_token"),
    ("refresh_token", "urn:ietf:params:oauth:token-type:refresh_token"),
    ("id_token", "urn:ietf:params:oauth:token-type:id_token"),
    ("jwt", "urn:ietf:params:oauth:token-type:jwt"),
    ("saml1", "urn:ietf:params:oauth:token-type:saml1"),
    ("saml2", "urn:ietf:params:oauth:token-type:saml2"),
];

/// What acts for the subject (RFC 8693, section 2.1).
pub const ACTOR_TOKEN: &str = "actor_token";
/// Sent with [`ACTOR_TOKEN`], and never without.
pub const ACTOR_TOKEN_TYPE: &str = "actor_token_type";

/// The type of an actor token as it is written: the short name of one or its identifier. Without one it
/// is an access token.
///
/// # Errors
/// It is no URI (RFC 8693, section 3), as a lower-case fragment.
pub fn actor_token_type(word: Option<&str>) -> Result<String, &'static str> {
    let word = word.unwrap_or("access_token");
    if let Some(identifier) = token_type(ACTOR_TOKEN_TYPE, word.as_bytes()) {
        return Ok(identifier.to_owned());
    }
    let is_uri = |(scheme, rest): (&str, &str)| {
        let is_scheme = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
        scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme.bytes().all(is_scheme)
            && !rest.is_empty()
            && rest.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'$')
    };
    if word.split_once(':').is_some_and(is_uri) {
        return Ok(word.to_owned());
    }
    Err("the type must be access_token, refresh_token, id_token, jwt, saml1, saml2 or a URI")
}

/// RFC 7521, section 4.1.
pub(crate) const ASSERTION: &str = "assertion";
pub(crate) const CLIENT_ID: &str = "client_id";
pub(crate) const USERNAME: &str = "username";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client_auth::ClientAuth;
    use crate::endpoint::Endpoint;
    use crate::oauth::token_exchange;
    use crate::profile::{Profile, Protocol};

    fn profile(auth: ClientAuth, client_id: Option<&str>) -> Profile {
        Profile {
            protocol: Protocol::OAuth(&token_exchange::GRANT),
            endpoint: Endpoint::parse("http://sts").unwrap(),
            auth,
            client_id: client_id.map(str::to_owned),
        }
    }

    #[test]
    fn names_that_the_exchange_needs_for_itself_are_refused() {
        for name in FORBIDDEN {
            assert_eq!(check_name(name), Err(ParameterError::Forbidden { name }));
        }
        for name in ["audience", "subject_token_type", "actor_token", "client_id", "a.b-c_1"] {
            assert_eq!(check_name(name), Ok(()), "{name}");
        }
    }

    #[test]
    fn what_is_no_name_is_refused() {
        assert_eq!(check_name(""), Err(ParameterError::Empty));
        for name in ["a\r\nb", "a\0", "\x7f", "x y", "audience orders", "audience:a", "$a", "ü"] {
            assert_eq!(check_name(name), Err(ParameterError::NotAName), "{name:?}");
        }
    }

    #[test]
    fn a_name_with_its_value_is_refused_with_what_was_meant() {
        for (name, example) in [
            ("audience=orders", "STSRequestParameter audience orders"),
            ("resource=https://a/?b=c", "STSRequestParameter resource https://a/?b=c"),
            ("client_secret=s3cret", "STSRequestParameter name value"),
            ("x_key=s3cret", "STSRequestParameter name value"),
            ("=s3cret", "STSRequestParameter name value"),
        ] {
            let error = ParameterError::HoldsValue { example: example.to_owned() };
            assert!(!error.to_string().contains("s3cret"), "{error}");
            assert_eq!(check_name(name), Err(error));
        }
    }

    #[test]
    fn only_audience_and_resource_may_repeat() {
        let profile = profile(ClientAuth::none(), None);
        let names = ["audience", "resource", "scope", "audience", "resource"];
        assert_eq!(profile.check_parameters(names), Ok(()));
        assert_eq!(
            profile.check_parameters(["scope", "audience", "scope"]),
            Err(ParameterError::Repeated { name: "scope".to_owned() })
        );
        assert_eq!(profile.check_parameters(["a", ""]), Err(ParameterError::Empty));
    }

    #[test]
    fn a_token_type_has_a_short_name_where_one_is_named() {
        for name in OF_TOKEN_TYPES {
            for short in ["access_token", "refresh_token", "id_token", "jwt", "saml1", "saml2"] {
                let identifier = format!("urn:ietf:params:oauth:token-type:{short}");
                assert_eq!(token_type(name, short.as_bytes()), Some(identifier.as_str()));
                assert_eq!(token_type(name, identifier.as_bytes()), None, "it stays as it is");
            }
            for value in ["", "ID_TOKEN", "id_token ", "saml", "jwt\0", "bogustoken"] {
                assert_eq!(token_type(name, value.as_bytes()), None, "{value:?}");
            }
        }
        for name in ["scope", "audience", "resource", "token_type", "x_requested_token_type"] {
            assert_eq!(token_type(name, b"id_token"), None, "{name}");
        }
    }

    #[test]
    fn the_type_of_an_actor_token_is_one() {
        let identifier = |name: &str| Ok(format!("urn:ietf:params:oauth:token-type:{name}"));
        assert_eq!(actor_token_type(None), identifier("access_token"));
        for word in ["access_token", "jwt", "id_token", "saml2"] {
            assert_eq!(actor_token_type(Some(word)), identifier(word));
        }
        for word in ["urn:example:agent", "https://example.com/t#a"] {
            assert_eq!(actor_token_type(Some(word)), Ok(word.to_owned()));
        }
        for word in ["", "optional", "JWT", "$type", "urn:$type", ":x", "1:x", "urn:", "urn:a b"] {
            assert!(actor_token_type(Some(word)).is_err(), "{word}");
        }
    }

    #[test]
    fn a_client_id_is_sent_once() {
        let options = "client_id=a&client_secret=b";
        let post = || ClientAuth::parse("client_secret_post", Some(options)).unwrap();
        let basic = || ClientAuth::parse("client_secret_basic", Some(options)).unwrap();
        for (profile, expected) in [
            (profile(ClientAuth::none(), None), Ok(())),
            (profile(ClientAuth::none(), Some("a")), Err(ParameterError::ClientId)),
            (profile(post(), None), Err(ParameterError::ClientId)),
            (profile(basic(), None), Ok(())),
            (profile(basic(), Some("a")), Ok(())),
        ] {
            assert_eq!(profile.check_parameters(["client_id"]), expected);
        }
    }
}
