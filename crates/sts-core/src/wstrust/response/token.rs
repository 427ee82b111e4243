//! The right token among those of an answer.

use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use roxmltree::Node;
use zeroize::Zeroizing;

use super::lifetime::Life;
use super::{text, trust_child};
use crate::encoding;
use crate::excerpt::excerpt;
use crate::issued::{Issued, TokenType};
use crate::now::UnixTime;
use crate::secret::Secret;
use crate::wstrust::names::{SAML_1, SAML_1_TOKEN, SAML_2, SAML_2_TOKEN, WSSE, XENC};
use crate::wstrust::xml::extract::{self, Declaration};

/// Takes the token of the wanted type.
///
/// # Errors
/// There is none, or it is empty or broken; the error says what there is.
pub(super) fn find(
    responses: &[Node<'_, '_>],
    wanted: &str,
    now: UnixTime,
) -> Result<Issued, String> {
    let candidates: Vec<_> = responses.iter().filter_map(|node| Candidate::read(*node)).collect();
    let wanted = Wanted::new(wanted);
    // What the STS says the token is comes before what the token looks like.
    let best = [Says::Right, Says::Nothing, Says::Other].into_iter().find_map(|says| {
        let fits = |candidate: &&Candidate<'_, '_>| {
            wanted.judge(candidate) == says && wanted.fits(candidate.token, says)
        };
        candidates.iter().find(fits)
    });
    let best = best.ok_or_else(|| none_fits(&candidates))?;
    let token = if is(best.token, WSSE, BINARY) { decode(best.token)? } else { cut(best.token)? };
    if token.is_empty() {
        return Err("the token is empty".to_owned());
    }
    let life = Life::read(best.response, best.token, now);
    Ok(Issued {
        token,
        token_type: TokenType::Bearer,
        expires_in: life.map(|life| life.expires_in),
        expires_at: life.map(|life| life.expires_at),
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
                is(token, WSSE, BINARY) || Saml::of_element(token).is_some()
            }
            None => {
                is(token, WSSE, BINARY) && token.attribute("ValueType") == Some(self.token_type)
            }
        };
        encrypted || shape
    }
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

/// The bytes of a `BinarySecurityToken`. Base64 is the only encoding that there is (SOAP Message
/// Security 1.1, section 6.3), so it is not looked at.
fn decode(token: Node<'_, '_>) -> Result<Secret, String> {
    let mut encoded = Zeroizing::new(Vec::with_capacity(token.range().len()));
    for text in token.descendants().filter(Node::is_text).filter_map(|node| node.text()) {
        encoded.extend(text.bytes().filter(|b| !b.is_ascii_whitespace()));
    }
    encoding::decode(&BASE64, &encoded)
        .ok_or_else(|| "the BinarySecurityToken is not base64".to_owned())
}

fn is(node: Node<'_, '_>, namespace: &str, name: &str) -> bool {
    node.tag_name().name() == name && node.tag_name().namespace() == Some(namespace)
}

const BINARY: &str = "BinarySecurityToken";

/// With or without padding.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);
