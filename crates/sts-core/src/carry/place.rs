//! A place, as the directives name it.

mod error;

pub use error::PlaceError;

use crate::encoding::Encoding;
use crate::options::{OptionError, Options};

/// Where in a request a token stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A variable of NGINX.
    Environment,
    /// A header field.
    Header,
    /// A parameter of the query.
    Query,
    /// A parameter of a form in the body.
    Post,
    /// A cookie.
    Cookie,
}

/// `STSAcceptSourceTokenIn`: where a source token is looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accept {
    /// The place.
    pub place: Place,
    /// Whether it is removed from what goes upstream.
    pub strip: bool,
}

/// `STSPassTargetTokenIn`: where a target token is put.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pass {
    /// The place.
    pub place: Place,
    /// Which bodies go on, for a form.
    pub bodies: Bodies,
}

/// Which bodies go on where a target token is put into forms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bodies {
    /// Forms that can be read and changed.
    Form,
    /// All: those that are no such forms as they came.
    Any,
}

/// A place in a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// What kind of place.
    pub kind: Kind,
    /// The name of the variable, header, parameter or cookie.
    pub name: String,
    /// What stands in front of the token, with a space between.
    pub scheme: Option<String>,
    /// How the token stands there, where the directive says so.
    pub encoding: Option<Option<Encoding>>,
}

const AUTHORIZATION: &str = "Authorization";
const BEARER: &str = "Bearer";

/// A place that is a header with all that can be said of it.
const BASIC: &str = "basic";

impl Kind {
    const WORDS: [(&'static str, Self); 5] = [
        ("environment", Self::Environment),
        ("header", Self::Header),
        ("query", Self::Query),
        ("post", Self::Post),
        ("cookie", Self::Cookie),
    ];

    /// The word of the directives.
    pub fn word(self) -> &'static str {
        Self::WORDS.iter().find(|(_, kind)| *kind == self).map_or("", |(word, _)| word)
    }

    fn parse(word: &str) -> Result<Self, PlaceError> {
        let found = Self::WORDS.iter().find(|(known, _)| *known == word);
        found
            .map(|(_, kind)| *kind)
            .ok_or_else(|| PlaceError::Kind(word.escape_debug().to_string()))
    }
}

fn parse_options(kind: Kind, options: Option<&str>) -> Result<Options, OptionError> {
    // What is wrong with a variable that is named with its `$` has a message of its own.
    let named: &[&str] = if kind == Kind::Environment { &["name"] } else { &[] };
    Options::parse_with_variables(options.unwrap_or_default(), named)
}

impl Accept {
    /// Reads the arguments of the directive.
    ///
    /// # Errors
    /// They do not say where.
    pub fn parse(kind: &str, options: Option<&str>) -> Result<Self, PlaceError> {
        if kind == BASIC {
            let mut options = Options::parse(options.unwrap_or_default())?;
            let strip = strip(&mut options)?;
            options.finish(&["strip"])?;
            return Ok(Self { place: Place::basic(), strip });
        }
        let kind = Kind::parse(kind)?;
        let mut options = parse_options(kind, options)?;
        let default = if kind == Kind::Header { AUTHORIZATION } else { "access_token" };
        let place = Place::take(kind, &mut options, default)?;
        let strip = strip(&mut options)?;
        options.finish(&["name", "type", "strip", "encoding"])?;
        Ok(Self { place, strip })
    }
}

impl Pass {
    /// Reads the arguments of the directive.
    ///
    /// # Errors
    /// They do not say where, or a token cannot be put there.
    pub fn parse(kind: &str, options: Option<&str>) -> Result<Self, PlaceError> {
        if kind == BASIC {
            Options::parse(options.unwrap_or_default())?.finish(&[])?;
            return Ok(Self { place: Place::basic(), bodies: Bodies::Form });
        }
        let kind = Kind::parse(kind)?;
        let mut options = parse_options(kind, options)?;
        let default = match kind {
            Kind::Environment => "mod_sts_target_token",
            Kind::Header => AUTHORIZATION,
            Kind::Query | Kind::Post => "access_token",
            Kind::Cookie => "sts_token",
        };
        let place = Place::take(kind, &mut options, default)?;
        let bodies = options.take("bodies").map(|word| bodies(word.expose())).transpose()?;
        options.finish(match kind {
            Kind::Post => &["name", "type", "encoding", "bodies"],
            _ => &["name", "type", "encoding"],
        })?;
        if kind == Kind::Cookie && place.scheme.is_some() {
            return Err(PlaceError::CookieScheme);
        }
        if kind != Kind::Post && bodies.is_some() {
            return Err(PlaceError::NoBodies);
        }
        Ok(Self { place, bodies: bodies.unwrap_or(Bodies::Form) })
    }
}

impl Place {
    fn take(kind: Kind, options: &mut Options, default: &str) -> Result<Self, PlaceError> {
        let name = options.take_text("name")?.unwrap_or_else(|| default.to_owned());
        check_name(kind, &name)?;
        let scheme = match options.take("type") {
            None => (kind == Kind::Header).then(|| BEARER.to_owned()),
            Some(word) if word.is_empty() => None,
            Some(word) => Some(scheme(word.expose())?),
        };
        let encoding = options.take("encoding").map(|word| encoding(word.expose())).transpose()?;
        Ok(Self { kind, name, scheme, encoding })
    }

    /// What `basic` stands for: the password in `Authorization: Basic`, whatever the user name.
    fn basic() -> Self {
        Self {
            kind: Kind::Header,
            name: AUTHORIZATION.to_owned(),
            scheme: Some("Basic".to_owned()),
            encoding: Some(Some(Encoding::BasicPassword)),
        }
    }

    /// Whether the token stands behind `Bearer` in a header, where it has to be of a certain form.
    pub fn is_bearer_header(&self) -> bool {
        self.kind == Kind::Header
            && self.scheme.as_ref().is_some_and(|scheme| scheme.eq_ignore_ascii_case(BEARER))
    }

    /// Whether another place has the same name, whatever stands there.
    pub fn is_at(&self, other: &Self) -> bool {
        let same = match self.kind {
            Kind::Environment | Kind::Header => self.name.eq_ignore_ascii_case(&other.name),
            Kind::Query | Kind::Post | Kind::Cookie => self.name == other.name,
        };
        self.kind == other.kind && same
    }
}

fn check_name(kind: Kind, name: &str) -> Result<(), PlaceError> {
    match kind {
        Kind::Environment if !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') => {
            Err(PlaceError::VariableName)
        }
        Kind::Header | Kind::Cookie if !is_word(name) => Err(PlaceError::Name(kind.word())),
        Kind::Header if RESERVED.iter().any(|reserved| reserved.eq_ignore_ascii_case(name)) => {
            Err(PlaceError::Reserved(name.to_owned()))
        }
        _ => Ok(()),
    }
}

fn strip(options: &mut Options) -> Result<bool, PlaceError> {
    match options.take("strip") {
        None => Ok(true),
        Some(word) => match word.expose().to_ascii_lowercase().as_slice() {
            b"true" | b"on" => Ok(true),
            b"false" | b"off" => Ok(false),
            _ => Err(PlaceError::Strip),
        },
    }
}

fn scheme(word: &[u8]) -> Result<String, PlaceError> {
    let word = std::str::from_utf8(word).ok().filter(|word| is_word(word));
    word.map(str::to_owned).ok_or(PlaceError::Scheme)
}

fn bodies(word: &[u8]) -> Result<Bodies, PlaceError> {
    match word {
        b"form" => Ok(Bodies::Form),
        b"any" => Ok(Bodies::Any),
        _ => Err(PlaceError::Bodies),
    }
}

fn encoding(word: &[u8]) -> Result<Option<Encoding>, PlaceError> {
    let found = Encoding::WORDS.iter().find(|(known, _)| known.as_bytes() == word);
    found.map(|(_, encoding)| *encoding).ok_or(PlaceError::Encoding)
}

/// RFC 9110, section 5.6.2, `token`.
fn is_word(text: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    !text.is_empty() && text.bytes().all(allowed)
}

/// Header fields that HTTP and NGINX themselves live on.
const RESERVED: [&str; 26] = [
    "Accept",
    "Accept-Encoding",
    "Accept-Language",
    "Connection",
    "Content-Encoding",
    "Content-Length",
    "Content-Type",
    "Cookie",
    "Date",
    "Expect",
    "Host",
    "If-Match",
    "If-Modified-Since",
    "If-None-Match",
    "If-Range",
    "If-Unmodified-Since",
    "Keep-Alive",
    "Range",
    "Referer",
    "TE",
    "Trailer",
    "Transfer-Encoding",
    "Upgrade",
    "User-Agent",
    "Via",
    "X-Forwarded-For",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn accept(kind: &str, options: &str) -> Result<(String, Option<String>, bool), PlaceError> {
        let accept = Accept::parse(kind, Some(options))?;
        Ok((accept.place.name, accept.place.scheme, accept.strip))
    }

    fn pass(kind: &str, options: &str) -> Result<(String, Option<String>), PlaceError> {
        let pass = Pass::parse(kind, Some(options))?;
        Ok((pass.place.name, pass.place.scheme))
    }

    fn owned(word: &str) -> Option<String> {
        Some(word.to_owned())
    }

    #[test]
    fn each_place_has_its_defaults() {
        let token = || "access_token".to_owned();
        assert_eq!(accept("header", ""), Ok(("Authorization".into(), owned("Bearer"), true)));
        assert_eq!(pass("header", ""), Ok(("Authorization".into(), owned("Bearer"))));
        for kind in ["environment", "query", "post", "cookie"] {
            assert_eq!(accept(kind, ""), Ok((token(), None, true)), "{kind}");
        }
        for kind in ["query", "post"] {
            assert_eq!(pass(kind, ""), Ok((token(), None)), "{kind}");
        }
        assert_eq!(pass("cookie", ""), Ok(("sts_token".into(), None)));
        assert_eq!(pass("environment", ""), Ok(("mod_sts_target_token".into(), None)));
        assert_eq!(Accept::parse("query", None), Accept::parse("query", Some("")));
    }

    #[test]
    fn each_option_can_be_given() {
        let all = accept("header", "name=X-Token&type=Token&strip=false");
        assert_eq!(all, Ok(("X-Token".into(), owned("Token"), false)));
        assert_eq!(accept("header", "name=X-Token").unwrap().1, owned("Bearer"));
        assert_eq!(accept("header", "name=X-Token&type=").unwrap().1, None);
        assert_eq!(accept("query", "name=a%26b&strip=TRUE"), Ok(("a&b".into(), None, true)));
        assert_eq!(pass("query", "type=Bearer").unwrap().1, owned("Bearer"));
    }

    #[test]
    fn basic_is_a_header_with_all_that_can_be_said_of_it() {
        let basic = ("Authorization".to_owned(), owned("Basic"));
        assert_eq!(accept("basic", ""), Ok((basic.0.clone(), basic.1.clone(), true)));
        assert!(!accept("basic", "strip=false").unwrap().2);
        assert_eq!(pass("basic", ""), Ok(basic));
        let place = Pass::parse("basic", None).unwrap().place;
        assert_eq!(place.encoding, Some(Some(Encoding::BasicPassword)));
        assert!(place.is_at(&Pass::parse("header", None).unwrap().place));
        for options in ["name=X-Token", "type=Bearer", "encoding=base64"] {
            let unknown =
                |result| matches!(result, Err(PlaceError::Option(OptionError::Unknown { .. })));
            assert!(unknown(accept("basic", options).map(|_| ())), "{options}");
            assert!(unknown(pass("basic", options).map(|_| ())), "{options}");
        }
        assert!(pass("basic", "strip=true").is_err());
    }

    #[test]
    fn an_encoding_is_that_of_the_location_unless_it_is_given() {
        let encoding = |options| Pass::parse("header", Some(options)).unwrap().place.encoding;
        assert_eq!(encoding(""), None);
        assert_eq!(encoding("encoding=none"), Some(None));
        assert_eq!(encoding("encoding=base64url"), Some(Some(Encoding::Base64Url)));
    }

    #[test]
    fn only_forms_go_on_unless_any_body_may() {
        let bodies = |options| Pass::parse("post", Some(options)).unwrap().bodies;
        assert_eq!((bodies(""), bodies("bodies=form")), (Bodies::Form, Bodies::Form));
        assert_eq!(bodies("name=a&bodies=any"), Bodies::Any);
    }

    #[test]
    fn what_means_nothing_is_refused() {
        use PlaceError as E;
        for (kind, options, expected) in [
            ("body", "", E::Kind("body".into())),
            ("Header", "", E::Kind("Header".into())),
            ("header", "name=a b", E::Name("header")),
            ("header", "name=a%3Ab", E::Name("header")),
            ("cookie", "name=a%3Db", E::Name("cookie")),
            ("header", "name=host", E::Reserved("host".into())),
            ("header", "name=Cookie", E::Reserved("Cookie".into())),
            ("environment", "name=$a", E::VariableName),
            ("header", "type=a b", E::Scheme),
            ("query", "strip=yes", E::Strip),
            ("query", "strip=", E::Strip),
            ("query", "encoding=hex", E::Encoding),
            ("query", "name=", E::Option(OptionError::Empty { key: "name" })),
        ] {
            assert_eq!(accept(kind, options), Err(expected), "{kind} {options}");
        }
        assert!(matches!(accept("query", "label=a"), Err(E::Option(OptionError::Unknown { .. }))));
        assert!(matches!(pass("query", "strip=true"), Err(E::Option(OptionError::Unknown { .. }))));
        assert_eq!(pass("cookie", "type=Bearer"), Err(E::CookieScheme));
        assert_eq!(pass("post", "bodies=all"), Err(E::Bodies));
        assert_eq!(pass("post", "bodies="), Err(E::Bodies));
        assert_eq!(pass("query", "bodies=any"), Err(E::NoBodies));
        assert!(matches!(
            accept("post", "bodies=any"),
            Err(E::Option(OptionError::Unknown { .. }))
        ));
    }

    #[test]
    fn a_place_is_known_by_kind_and_name() {
        let at = |kind: &str, name: &str| Pass::parse(kind, Some(name)).unwrap().place;
        assert!(at("header", "name=X-Token").is_at(&at("header", "name=x-token&type=")));
        assert!(!at("query", "name=a").is_at(&at("query", "name=A")));
        assert!(!at("query", "name=a").is_at(&at("post", "name=a")));
        assert!(at("header", "type=bearer").is_bearer_header());
        assert!(!at("query", "type=bearer").is_bearer_header());
    }
}
