//! Why a client authentication cannot be used.

use std::io;

use thiserror::Error;

use super::credential::MAX_CONTENT;
use super::method::Method;
use crate::jose::KeyError;
use crate::options::OptionError;

/// Why a client authentication cannot be used. No message holds a credential.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum ClientAuthError {
    /// The result of another exchange, with a method that has no assertion made elsewhere.
    #[error(
        "\"client_assertion\" is an option of private_key_jwt, and {} has no place for it: write \
         \"private_key_jwt client_assertion=@name\"",
        method.name()
    )]
    AssertionMethod {
        /// The method.
        method: Method,
    },
    /// What cannot be the `typ` of a JWT.
    #[error(
        "the value of \"typ\" must be a media type, such as \"client-authentication+jwt\" or \"JWT\""
    )]
    AssertionType,
    /// A user name that HTTP Basic cannot carry (RFC 7617, section 2).
    #[error("the value of \"username\" must not hold a colon")]
    Colon,
    /// A credential that the method cannot use.
    #[error("the value of \"{key}\" cannot be used: {error}")]
    Credential {
        /// Whose value it is.
        key: &'static str,
        /// Why.
        error: CredentialError,
    },
    /// Two options of which one makes the other meaningless.
    #[error("\"{first}\" and \"{second}\" exclude each other")]
    Exclusive {
        /// One of them.
        first: &'static str,
        /// The other.
        second: &'static str,
    },
    /// An option that the method cannot do without is not there.
    #[error("\"{key}\" is missing: {} needs {}", method.name(), method.needs())]
    Missing {
        /// Which.
        key: &'static str,
        /// The method.
        method: Method,
    },
    /// What stands where the name of a location should. It may be an assertion.
    #[error(
        "the value of \"client_assertion\" must be the name of a location that STSDependsOn names, as \
         in \"@agent\": the token of its exchange is the assertion; one that another program has signed \
         is written into a file, which \"client_assertion_file\" names"
    )]
    NoLocation,
    /// The option string is wrong.
    #[error(transparent)]
    Option(#[from] OptionError),
    /// A literal password, where only a file can have it.
    #[error(
        "a \"password\" in the configuration is not allowed here: write it into a file, and name that \
         with \"password_file\""
    )]
    PasswordOfProxy,
    /// Neither text nor digest.
    #[error("the value of \"password_type\" must be \"text\" or \"digest\"")]
    PasswordType,
    /// The method is not known.
    #[error(
        "unknown client authentication method{}: allowed are {}",
        quoted(method),
        Method::list()
    )]
    UnknownMethod {
        /// The method, if it looks like one: a forgotten method leaves the secret in its place.
        method: Option<String>,
    },
}

fn quoted(method: &Option<String>) -> String {
    method.as_ref().map(|method| format!(" \"{method}\"")).unwrap_or_default()
}

/// Why a credential cannot be used, wherever it comes from; a fragment that follows its name.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum CredentialError {
    /// A password that HTTP Basic cannot carry (RFC 7617, section 2).
    #[error("it must not hold control characters")]
    ControlCharacter,
    /// There is nothing in it.
    #[error("it is empty")]
    Empty,
    /// A private key that cannot be used.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// An assertion of another form.
    #[error("it is no JWT: three parts in base64url, with dots between them")]
    NoAssertion,
    /// A password that no message can hold.
    #[error("it must be text that XML can hold, without control characters")]
    NotText,
    /// More than any credential has.
    #[error("it is larger than {} bytes", MAX_CONTENT)]
    TooLarge,
    /// The file cannot be read.
    #[error("it cannot be read: {}", unreadable(*.0))]
    Unreadable(io::ErrorKind),
}

/// Why a file cannot be read, and what to do about it.
fn unreadable(kind: io::ErrorKind) -> String {
    match kind {
        io::ErrorKind::NotFound => {
            "there is no such file; a path without a \"/\" at its start begins \
                                    at the directory of nginx.conf"
                .into()
        }
        io::ErrorKind::PermissionDenied => {
            "permission denied; NGINX has to be allowed to read it, and \
                                            to enter the directories above it"
                .into()
        }
        // What the reader says of all else than files.
        io::ErrorKind::InvalidInput => "it is no regular file".into(),
        other => other.to_string(),
    }
}
