//! What is wrong with a place.

use thiserror::Error;

use crate::options::OptionError;

/// Why a place cannot be used, as a fragment that says what is allowed.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum PlaceError {
    /// No such bodies.
    #[error("the value of \"bodies\" is neither \"form\" nor \"any\"")]
    Bodies,
    /// A scheme in a cookie.
    #[error("\"type\" is not possible in a cookie, which cannot hold a space")]
    CookieScheme,
    /// No such encoding.
    #[error(
        "the value of \"encoding\" is none of \"none\", \"base64\", \"base64url\", \"deflate\""
    )]
    Encoding,
    /// No such kind of place.
    #[error(
        "invalid place \"{0}\": allowed are \"environment\", \"header\", \"query\", \"post\", \
         \"cookie\", \"basic\""
    )]
    Kind(String),
    /// Bodies of something that is not in the body.
    #[error("\"bodies\" is possible with \"post\" only")]
    NoBodies,
    /// Not a name of a header or a cookie.
    #[error("the value of \"name\" is not the name of a {0}")]
    Name(&'static str),
    /// The options are not right.
    #[error(transparent)]
    Option(#[from] OptionError),
    /// A header that cannot be taken away.
    #[error("\"name={0}\" is not possible: HTTP or NGINX itself needs this header")]
    Reserved(String),
    /// Not the name of a scheme.
    #[error("the value of \"type\" is not the name of an authentication scheme, as in \"Bearer\"")]
    Scheme,
    /// Not a switch.
    #[error("the value of \"strip\" is neither \"true\" nor \"false\"")]
    Strip,
    /// Not the name of a variable.
    #[error(
        "the value of \"name\" is not the name of a variable: allowed are letters, digits and \"_\", \
         without \"$\""
    )]
    VariableName,
}
