//! Which extra request parameters an operator may add to a grant.

use thiserror::Error;

use crate::profile::{Profile, Protocol};

/// Checks the name of an extra request parameter.
///
/// # Errors
/// The grant or the client authentication sends it, or it is no name.
pub fn check_name(name: &str) -> Result<(), ParameterError> {
    if name.is_empty() {
        return Err(ParameterError::Empty);
    }
    if name.chars().any(char::is_control) {
        return Err(ParameterError::ControlCharacter);
    }
    match FORBIDDEN.iter().find(|forbidden| **forbidden == name) {
        Some(name) => Err(ParameterError::Forbidden { name }),
        None => Ok(()),
    }
}

/// Checks the names of all extra request parameters of an exchange: each by itself, and that none
/// is sent twice that may not be (RFC 6749, section 3.2).
///
/// # Errors
/// A name is not allowed, repeated, or already sent by the exchange itself.
pub fn check_all<'a>(
    profile: &Profile,
    names: impl IntoIterator<Item = &'a str>,
) -> Result<(), ParameterError> {
    let mut seen: Vec<&str> = Vec::new();
    for name in names {
        check_name(name)?;
        if name == CLIENT_ID && profile.sends_client_id() {
            return Err(ParameterError::ClientId);
        }
        if name == USERNAME && profile.protocol == Protocol::Password {
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

/// Why a request parameter cannot be used.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum ParameterError {
    /// `client_id`, when the exchange sends its own.
    #[error("\"client_id\" is already sent by the client authentication of the exchange")]
    ClientId,
    /// A control character in the name.
    #[error("the name of a request parameter must not hold control characters")]
    ControlCharacter,
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
    "assertion",
    "client_secret",
    "client_assertion",
    "client_assertion_type",
];

pub(crate) const CLIENT_ID: &str = "client_id";
pub(crate) const USERNAME: &str = "username";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client_auth::ClientAuth;
    use crate::endpoint::Endpoint;

    fn profile(auth: ClientAuth, client_id: Option<&str>) -> Profile {
        Profile {
            protocol: Protocol::TokenExchange,
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
        for name in
            ["audience", "subject_token_type", "actor_token", "scope", "client_id", "x y", "ü"]
        {
            assert_eq!(check_name(name), Ok(()), "{name}");
        }
    }

    #[test]
    fn what_is_no_name_is_refused() {
        assert_eq!(check_name(""), Err(ParameterError::Empty));
        for name in ["a\r\nb", "a\0", "\x7f"] {
            assert_eq!(check_name(name), Err(ParameterError::ControlCharacter), "{name:?}");
        }
    }

    #[test]
    fn only_audience_and_resource_may_repeat() {
        let profile = profile(ClientAuth::none(), None);
        let names = ["audience", "resource", "scope", "audience", "resource"];
        assert_eq!(check_all(&profile, names), Ok(()));
        assert_eq!(
            check_all(&profile, ["scope", "audience", "scope"]),
            Err(ParameterError::Repeated { name: "scope".to_owned() })
        );
        assert_eq!(check_all(&profile, ["a", ""]), Err(ParameterError::Empty));
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
            assert_eq!(check_all(&profile, ["client_id"]), expected);
        }
    }
}
