//! The right token among those of an answer.

use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use roxmltree::Node;

use super::lifetime::Life;
use super::{confirmation, is_trust_namespace, signature, text, trust_child};
use crate::encoding;
use crate::excerpt::excerpt;
use crate::hex;
use crate::issued::{Issued, TokenType, Told};
use crate::jwt;
use crate::now::UnixTime;
use crate::secret::Secret;
use crate::wstrust::names::{
    BASE64_BINARY, HEX_BINARY, SAML_1, SAML_1_TOKEN, SAML_2, SAML_2_TOKEN, WSSE, XENC,
};
use crate::wstrust::xml::extract::{self, Declaration};

/// Takes the token of the wanted type; without one, the only token that there is.
///
/// # Errors
/// There is none, or it is empty or broken, or of no use outside of the answer or without a key; the
/// error says what there is.
pub(super) fn find(
    responses: &[Node<'_, '_>],
    wanted: Option<&str>,
    now: UnixTime,
) -> Result<Issued, String> {
    let candidates: Vec<_> = responses.iter().filter_map(|node| Candidate::read(*node)).collect();
    let best = match wanted {
        Some(wanted) => {
            let best = Wanted::new(wanted).best(&candidates);
            best.ok_or_else(|| none_fits(&candidates))?
        }
        None => only(&candidates)?,
    };
    confirmation::check(best.token)?;
    signature::check(best.token)?;
    let token = match best.token {
        token if is(token, WSSE, BINARY) => decode(token)?,
        token if is_wrapper(token) => unwrap(token)?,
        token => cut(token)?,
    };
    if token.expose().trim_ascii().is_empty() {
        return Err("the token is empty".to_owned());
    }
    let Life { expires_in, expiry } = Life::read(best.response, best.token, now);
    Ok(Issued {
        token,
        token_type: TokenType::Unsaid,
        expires_in,
        expiry,
        doubt: None,
        issued_token_type: Told::Nothing,
        scope: Told::Nothing,
    })
}

/// A response with a token in it.
struct Candidate<'a, 'input> {
    response: Node<'a, 'input>,
    token_type: Option<String>,
    token: Node<'a, 'input>,
}

impl<'a, 'input> Candidate<'a, 'input> {
    fn read(response: Node<'a, 'input>) -> Option<Self> {
        let token = trust_child(response, "RequestedSecurityToken")?.first_element_child()?;
        let token_type =
            trust_child(response, "TokenType").map(|node| text(node).trim().to_owned());
        let token_type = token_type.filter(|token_type| !token_type.is_empty());
        Some(Self { response, token_type, token })
    }
}

/// What is asked for.
struct Wanted<'a> {
    token_type: &'a str,
    saml: Option<Saml>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Saml {
    V1,
    V2,
}

impl Saml {
    /// Servers name a type by the token profile or by the namespace, whatever they were asked for.
    fn of_token_type(token_type: &str) -> Option<Self> {
        match token_type {
            SAML_1_TOKEN | SAML_1 => Some(Self::V1),
            SAML_2_TOKEN | SAML_2 => Some(Self::V2),
            _ => None,
        }
    }

    fn of_element(node: Node<'_, '_>) -> Option<Self> {
        if is(node, SAML_1, "Assertion") {
            Some(Self::V1)
        } else if is(node, SAML_2, "Assertion") || is(node, SAML_2, "EncryptedAssertion") {
            Some(Self::V2)
        } else {
            None
        }
    }
}

/// What a response says of the type of its token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Says {
    Right,
    Nothing,
    Other,
}

impl<'a> Wanted<'a> {
    fn new(token_type: &'a str) -> Self {
        Self { token_type, saml: Saml::of_token_type(token_type) }
    }

    /// What the STS says the token is comes before what the token looks like.
    fn best<'c, 't, 'input>(
        &self,
        candidates: &'c [Candidate<'t, 'input>],
    ) -> Option<&'c Candidate<'t, 'input>> {
        [Says::Right, Says::Nothing, Says::Other].into_iter().find_map(|says| {
            let fits = |candidate: &&Candidate<'_, '_>| {
                self.judge(candidate) == says && self.fits(candidate.token, says)
            };
            candidates.iter().find(fits)
        })
    }

    fn judge(&self, candidate: &Candidate<'_, '_>) -> Says {
        match candidate.token_type.as_deref() {
            None => Says::Nothing,
            Some(said) if said == self.token_type => Says::Right,
            Some(said) if self.saml.is_some() && Saml::of_token_type(said) == self.saml => {
                Says::Right
            }
            Some(_) => Says::Other,
        }
    }

    /// Whether the element can be the token. The less the response says, the more it has to.
    fn fits(&self, token: Node<'_, '_>, says: Says) -> bool {
        // Only its reader knows what is inside.
        let encrypted = is(token, XENC, "EncryptedData") && says != Says::Other;
        let shape = match self.saml {
            Some(_) => Saml::of_element(token) == self.saml,
            None if says == Says::Right => {
                is(token, WSSE, BINARY) || is_wrapper(token) || Saml::of_element(token).is_some()
            }
            None if is_wrapper(token) => says == Says::Nothing && self.token_type == JWT,
            None => {
                is(token, WSSE, BINARY) && token.attribute("ValueType") == Some(self.token_type)
            }
        };
        encrypted || shape
    }
}

/// The only one, whatever its type is: none was asked for.
fn only<'c, 'a, 'input>(
    candidates: &'c [Candidate<'a, 'input>],
) -> Result<&'c Candidate<'a, 'input>, String> {
    let [only] = candidates else {
        return Err(match candidates {
            [] => "there is no token".to_owned(),
            _ => "there are several tokens, and no \"STSWSTrustTokenType\" to choose by".to_owned(),
        });
    };
    let token = only.token;
    let is_token = is(token, WSSE, BINARY)
        || is_wrapper(token)
        || is(token, XENC, "EncryptedData")
        || Saml::of_element(token).is_some();
    if is_token {
        return Ok(only);
    }
    let element = excerpt(token.tag_name().name());
    Err(format!("there is no token of a form that is known, but \"{element}\""))
}

fn none_fits(candidates: &[Candidate<'_, '_>]) -> String {
    let Some(first) = candidates.first() else { return "there is no token".to_owned() };
    let element = excerpt(first.token.tag_name().name());
    let said = match &first.token_type {
        Some(token_type) => format!("of TokenType \"{}\"", excerpt(token_type)),
        None => "without a TokenType".to_owned(),
    };
    let more = if candidates.len() > 1 { ", and others" } else { "" };
    format!("there is no token of the wanted type, but \"{element}\" {said}{more}")
}

/// The element with its own bytes.
fn cut(token: Node<'_, '_>) -> Result<Secret, String> {
    let around: Vec<_> = token
        .parent_element()
        .into_iter()
        .flat_map(|parent| parent.namespaces())
        .map(|namespace| Declaration {
            prefix: namespace.name().unwrap_or_default(),
            uri: namespace.uri(),
        })
        // An undeclared default namespace is none.
        .filter(|declaration| !declaration.uri.is_empty())
        .collect();
    token
        .document()
        .input_text()
        .get(token.range())
        .and_then(|element| extract::standalone(element, &around))
        .ok_or_else(|| "the token cannot be taken out of the answer".to_owned())
}

/// The bytes of a `BinarySecurityToken`. Base64 is the only encoding that the standard goes on having,
/// and what holds where none is named (SOAP Message Security 1.1, section 6.3); a JWT is put there as
/// it is by some.
fn decode(token: Node<'_, '_>) -> Result<Secret, String> {
    let decode = match token.attribute("EncodingType") {
        None | Some(BASE64_BINARY | "wsse:Base64Binary") => base64,
        Some(HEX_BINARY | "wsse:HexBinary") => hex_binary,
        Some(other) => {
            let other = excerpt(other);
            return Err(format!(
                "the BinarySecurityToken has the unknown EncodingType \"{other}\""
            ));
        }
    };
    let content = content(token);
    if let Some(jwt) = plain_jwt(&content) {
        return Ok(jwt);
    }
    let mut encoded = Secret::with_capacity(content.len());
    for part in content.expose().split(u8::is_ascii_whitespace) {
        encoded.append(part);
    }
    decode(encoded.expose())
}

/// A JWT that stands somewhere as it is, but for white space around it.
fn plain_jwt(content: &Secret) -> Option<Secret> {
    let token = content.expose().trim_ascii();
    jwt::is_compact(token).then(|| Secret::new(token))
}

fn base64(text: &[u8]) -> Result<Secret, String> {
    encoding::decode(&BASE64, text)
        .ok_or_else(|| "the BinarySecurityToken is not base64".to_owned())
}

/// `xsd:hexBinary` (XML Schema part 2, section 3.2.15).
fn hex_binary(text: &[u8]) -> Result<Secret, String> {
    let mut bytes = Secret::with_capacity(text.len() / 2);
    let (pairs, rest) = text.as_chunks::<2>();
    for [high, low] in pairs {
        let byte = hex::byte(*high, *low).ok_or(NO_HEX)?;
        bytes.append(&[byte]);
    }
    if rest.is_empty() { Ok(bytes) } else { Err(NO_HEX.into()) }
}

/// What CXF has for tokens that are no XML: an element in no namespace, with a JWT as it is.
fn is_wrapper(token: Node<'_, '_>) -> bool {
    let namespace = token.tag_name().namespace();
    token.tag_name().name() == "TokenWrapper"
        && (namespace.is_none_or(str::is_empty) || is_trust_namespace(namespace))
}

fn unwrap(token: Node<'_, '_>) -> Result<Secret, String> {
    let has_elements = token.children().any(|child| child.is_element());
    plain_jwt(&content(token))
        .filter(|_| !has_elements)
        .ok_or_else(|| "the TokenWrapper holds no JWT".to_owned())
}

/// The text in an element.
fn content(token: Node<'_, '_>) -> Secret {
    let mut content = Secret::with_capacity(token.range().len());
    for text in token.descendants().filter(Node::is_text).filter_map(|node| node.text()) {
        content.append(text.as_bytes());
    }
    content
}

fn is(node: Node<'_, '_>, namespace: &str, name: &str) -> bool {
    node.tag_name().name() == name && node.tag_name().namespace() == Some(namespace)
}

const BINARY: &str = "BinarySecurityToken";

/// RFC 8693, section 3.
const JWT: &str = "urn:ietf:params:oauth:token-type:jwt";

const NO_HEX: &str = "the BinarySecurityToken is not hexadecimal";

/// With or without padding.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);
