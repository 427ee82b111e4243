//! Faults of SOAP 1.1 (section 4.4) and 1.2 (part 1, section 5.4), and what they mean to the client
//! of the gateway.

use std::fmt;

use roxmltree::Node;

use super::{is_trust_namespace, text};
use crate::error::FailureKind;
use crate::excerpt::excerpt;
use crate::wstrust::names::{SOAP_1_2, WSA, WSS4J, WSSE, WSU};
use crate::wstrust::words::TokenAs;
use crate::wstrust::xml::scan::split_name;

/// What an STS said when it refused or failed.
#[derive(Debug)]
pub struct Fault {
    /// What it means.
    pub(super) kind: FailureKind,
    /// The local names of its codes, outermost first.
    codes: Vec<String>,
    reason: String,
}

impl Fault {
    pub(super) fn read(fault: Node<'_, '_>, token_as: TokenAs) -> Self {
        let (codes, reason) = match fault.tag_name().namespace() {
            Some(SOAP_1_2) => (codes_1_2(fault), child(fault, "Reason").map(text)),
            _ => (
                child(fault, "faultcode").map(|node| Code::read(node)).into_iter().collect(),
                child(fault, "faultstring").map(text),
            ),
        };
        let known = codes.iter().rev().find_map(|code| code.kind(token_as));
        Self {
            // A fault without a code says no more than its name.
            kind: known.unwrap_or(FailureKind::Unreachable),
            codes: codes.into_iter().map(|code| code.name).collect(),
            reason: reason.unwrap_or_default().trim().to_owned(),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "fault \"{}\"", excerpt(&self.codes.join("/")))?;
        if !self.reason.is_empty() {
            write!(f, ", reason \"{}\"", excerpt(&self.reason))?;
        }
        Ok(())
    }
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

/// Whose name it is.
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

    fn kind(&self, token_as: TokenAs) -> Option<FailureKind> {
        match self.space {
            Space::Addressing => Some(addressing(&self.name)),
            Space::Security => security(&self.name, token_as),
            Space::Other => trust(&self.name, token_as).or_else(|| soap(&self.name)),
        }
    }
}

/// WS-Trust 1.3, section 11. Whoever asks is the client when its token stands in `wsse:Security`,
/// and else the gateway.
fn trust(name: &str, token_as: TokenAs) -> Option<FailureKind> {
    Some(match name {
        "FailedAuthentication" => of_requestor(token_as),
        // These are what servers say of a token in `OnBehalfOf` or `ActAs`, too. `InvalidRequest` is
        // what `invalid_request` is to OAuth.
        "ExpiredData" | "InvalidRequest" | "InvalidSecurityToken" | "RenewNeeded" => {
            FailureKind::Refused
        }
        // The token is good, but not for this: the subject may not, or not for this `AppliesTo`.
        "RequestFailed" => FailureKind::Denied,
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
fn soap(name: &str) -> Option<FailureKind> {
    Some(match name.split('.').next().unwrap_or(name) {
        "Receiver" | "Server" => FailureKind::Unreachable,
        "Client" | "DataEncodingUnknown" | "MustUnderstand" | "Sender" | "VersionMismatch" => {
            FailureKind::GatewayRefused
        }
        _ => return None,
    })
}

/// Children of a fault are in the namespace of SOAP 1.2 or, with 1.1, in none; servers err there.
fn child<'a, 'input>(node: Node<'a, 'input>, name: &str) -> Option<Node<'a, 'input>> {
    node.children().find(|child| child.tag_name().name() == name)
}

/// Nested subcodes; more than three have not been seen.
const MAX_CODES: usize = 8;
