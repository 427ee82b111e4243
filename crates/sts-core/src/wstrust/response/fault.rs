//! Faults of SOAP 1.1 (section 4.4) and 1.2 (part 1, section 5.4), and what they mean to the client
//! of the gateway.

use std::fmt;

use roxmltree::Node;

use super::{is_trust_namespace, text};
use crate::error::{Codes, FailureKind};
use crate::excerpt::{description, excerpt};
use crate::known::Known;
use crate::wstrust::names::{SOAP_1_2, WSA, WSS4J, WSSE, WSU};
use crate::wstrust::words::TokenAs;
use crate::wstrust::xml::scan::split_name;

/// What an STS said when it refused or failed.
#[derive(Debug)]
pub struct Fault {
    blame: Blame,
    /// The local names of its codes, outermost first.
    codes: Vec<String>,
    /// One text, or one in each language.
    reasons: Vec<String>,
}

/// The side that a fault blames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Blame {
    /// A code says it.
    Known(FailureKind),
    /// The sender of the message, of which the source token is a part.
    Sender,
    /// The STS, or none at all.
    Receiver,
}

impl Fault {
    pub(super) fn read(fault: Node<'_, '_>, token_as: TokenAs) -> Self {
        let (codes, reasons) = match fault.tag_name().namespace() {
            Some(SOAP_1_2) => {
                let reason = child(fault, "Reason");
                let texts = reason.iter().flat_map(|reason| reason.children());
                let texts: Vec<_> = texts.filter(|child| child.is_element()).collect();
                // Servers err, and write the reason without the element around it.
                let texts = if texts.is_empty() { Vec::from_iter(reason) } else { texts };
                (codes_1_2(fault), texts)
            }
            _ => (
                child(fault, "faultcode").map(|node| Code::read(node)).into_iter().collect(),
                children(fault, "faultstring").collect(),
            ),
        };
        Self {
            // A fault without a code says no more than its name.
            blame: codes
                .iter()
                .rev()
                .find_map(|code| code.blame(token_as))
                .unwrap_or(Blame::Receiver),
            codes: codes.into_iter().map(|code| code.name).collect(),
            reasons: reasons.into_iter().map(words).filter(|text| !text.is_empty()).collect(),
        }
    }

    pub(super) fn blame(&self) -> Blame {
        self.blame
    }

    /// Its codes, innermost first. That of SOAP, which is the outermost one, says something only where
    /// it is alone.
    pub(super) fn codes(&self) -> Codes {
        let inner = self.codes.get(usize::from(self.codes.len() > 1)..).unwrap_or_default();
        inner.iter().rev().map(String::as_str).collect()
    }

    /// For the log.
    pub(super) fn in_words(&self, known: &Known) -> String {
        let codes: Vec<_> = self.codes.iter().map(|code| excerpt(&known.mask(code))).collect();
        let fault = format!("fault \"{}\"", codes.join("/"));
        if self.reasons.is_empty() {
            return fault;
        }
        // Together, so that the bound on what is kept holds for all languages.
        let reasons = self.reasons.join(BETWEEN);
        format!("{fault}, reason \"{}\"", description(&reasons, known))
    }
}

/// For the log.
impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.in_words(&Known::nothing()))
    }
}

/// The texts in an element: those of different elements apart from each other, those that only a
/// comment or CDATA cuts together.
fn words(node: Node<'_, '_>) -> String {
    let mut words: Vec<String> = Vec::new();
    let mut last = None;
    for text in node.descendants().filter(Node::is_text) {
        match words.last_mut().filter(|_| last == text.parent()) {
            Some(word) => word.push_str(text.text().unwrap_or_default()),
            None => words.push(text.text().unwrap_or_default().to_owned()),
        }
        last = text.parent();
    }
    let words: Vec<&str> =
        words.iter().map(|word| word.trim()).filter(|word| !word.is_empty()).collect();
    words.join(BETWEEN)
}

/// The code and its subcodes, which are nested.
fn codes_1_2(fault: Node<'_, '_>) -> Vec<Code> {
    let mut codes = Vec::new();
    let mut level = child(fault, "Code");
    while let Some(node) = level.filter(|_| codes.len() < MAX_CODES) {
        codes.extend(child(node, "Value").map(Code::read));
        level = child(node, "Subcode");
    }
    codes
}

/// A qualified name.
struct Code {
    space: Space,
    name: String,
}

/// The standard that defines a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Space {
    /// WS-Addressing.
    Addressing,
    /// Web Services Security.
    Security,
    /// WS-Trust, SOAP, or unknown: their names do not collide.
    Other,
}

impl Code {
    fn read(node: Node<'_, '_>) -> Self {
        let text = text(node);
        let (prefix, name) = split_name(text.trim());
        let namespace = node.lookup_namespace_uri(Some(prefix).filter(|prefix| !prefix.is_empty()));
        let space = match namespace {
            Some(WSSE | WSU | WSS4J) => Space::Security,
            Some(WSA) => Space::Addressing,
            Some(namespace) if is_trust_namespace(Some(namespace)) => Space::Other,
            // Not every server declares the prefix in a fault.
            _ if matches!(prefix, "wsse" | "wsu") => Space::Security,
            _ => Space::Other,
        };
        Self { space, name: name.to_owned() }
    }

    fn blame(&self, token_as: TokenAs) -> Option<Blame> {
        match self.space {
            Space::Addressing => Some(Blame::Known(addressing(&self.name))),
            Space::Security => security(&self.name, token_as).map(Blame::Known),
            Space::Other => match trust(&self.name, token_as) {
                Some(kind) => Some(Blame::Known(kind)),
                None => soap(&self.name, token_as),
            },
        }
    }
}

/// WS-Trust 1.3, section 11. The requestor is the client when its token stands in `wsse:Security`,
/// and else the gateway.
fn trust(name: &str, token_as: TokenAs) -> Option<FailureKind> {
    Some(match name {
        "FailedAuthentication" => of_requestor(token_as),
        // These are what servers say of a token in `OnBehalfOf` or `ActAs`, too. `InvalidRequest` is
        // what `invalid_request` is to OAuth, and so is `RequestFailed`: CXF says it of a token that is
        // not valid, of an `AppliesTo` and of a `TokenType` that it does not know.
        "ExpiredData"
        | "InvalidRequest"
        | "InvalidSecurityToken"
        | "RenewNeeded"
        | "RequestFailed" => FailureKind::Refused,
        "AuthenticationBadElements"
        | "BadRequest"
        | "InvalidScope"
        | "InvalidTimeRange"
        | "UnableToRenew" => FailureKind::GatewayRefused,
        _ => return None,
    })
}

/// SOAP Message Security 1.1, section 12: all are about what stands in `wsse:Security`.
fn security(name: &str, token_as: TokenAs) -> Option<FailureKind> {
    Some(match name {
        "FailedAuthentication"
        | "FailedCheck"
        | "InvalidSecurity"
        | "InvalidSecurityToken"
        | "SecurityError"
        | "SecurityTokenUnavailable"
        | "UnsupportedAlgorithm"
        | "UnsupportedSecurityToken" => of_requestor(token_as),
        // The message, not the token: the clock of the gateway is wrong.
        "MessageExpired" => FailureKind::GatewayRefused,
        _ => return None,
    })
}

const fn of_requestor(token_as: TokenAs) -> FailureKind {
    match token_as {
        TokenAs::Security => FailureKind::Refused,
        TokenAs::OnBehalfOf | TokenAs::ActAs => FailureKind::GatewayRefused,
    }
}

/// Web Services Addressing 1.0 SOAP Binding, section 6.4.
fn addressing(name: &str) -> FailureKind {
    match name {
        "EndpointUnavailable" => FailureKind::Busy,
        _ => FailureKind::GatewayRefused,
    }
}

/// SOAP 1.1, section 4.4.1, and SOAP 1.2 part 1, section 5.4.6. Those of 1.1 may go on after a dot.
fn soap(name: &str, token_as: TokenAs) -> Option<Blame> {
    Some(match name.split_once('.').unwrap_or((name, "")) {
        ("Receiver" | "Server", _) => Blame::Receiver,
        ("Client", "Authentication") => Blame::Known(of_requestor(token_as)),
        ("Client" | "Sender", _) => Blame::Sender,
        // What the gateway wrote around the token.
        ("DataEncodingUnknown" | "MustUnderstand" | "VersionMismatch", _) => {
            Blame::Known(FailureKind::GatewayRefused)
        }
        _ => return None,
    })
}

/// Children of a fault are in the namespace of SOAP 1.2 or, with 1.1, in none; servers err there.
fn child<'a, 'input>(node: Node<'a, 'input>, name: &str) -> Option<Node<'a, 'input>> {
    children(node, name).next()
}

fn children<'a, 'input: 'a>(
    node: Node<'a, 'input>,
    name: &str,
) -> impl Iterator<Item = Node<'a, 'input>> {
    node.children().filter(move |child| child.tag_name().name() == name)
}

/// Nested subcodes; more than three have not been seen.
const MAX_CODES: usize = 8;

/// Between two texts of a reason.
const BETWEEN: &str = " / ";
