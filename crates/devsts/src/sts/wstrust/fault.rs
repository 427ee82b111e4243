//! Faults, as real servers have them.

use std::fmt;

use super::envelope::{Essence, Soap};
use super::names::{SOAP_1_1, SOAP_1_2, WSA, WSSE, WST_1_2, WST_1_3};
use super::xml::escape;
use crate::http::answer::Answer;

/// Why a message is refused.
#[derive(Debug)]
pub(super) struct Fault {
    space: Space,
    name: String,
    reason: String,
}

/// Which specification defines the code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Space {
    Addressing,
    Security,
    Soap,
    Trust,
}

/// The codes of SOAP Message Security 1.1, section 12.
const SECURITY: [&str; 7] = [
    "FailedCheck",
    "InvalidSecurity",
    "MessageExpired",
    "SecurityTokenUnavailable",
    "UnsupportedAlgorithm",
    "UnsupportedSecurityToken",
    "SecurityError",
];

impl Fault {
    /// The message is not what it has to be.
    pub(super) fn sender(reason: &str) -> Self {
        Self::new(Space::Soap, "Sender", reason)
    }

    /// WS-Trust 1.3, section 11.
    pub(super) fn wst(name: &str, reason: &str) -> Self {
        Self::new(Space::Trust, name, reason)
    }

    pub(super) fn wsse(name: &str, reason: &str) -> Self {
        Self::new(Space::Security, name, reason)
    }

    /// Web Services Addressing 1.0 SOAP Binding, section 6.4.
    pub(super) fn wsa(name: &str, reason: &str) -> Self {
        Self::new(Space::Addressing, name, reason)
    }

    pub(super) fn must_understand(name: &str) -> Self {
        Self::new(Space::Soap, "MustUnderstand", &format!("the header {name} is not understood"))
    }

    /// CXF and WSO2 say it like this.
    pub(super) fn replayed(reason: &str) -> Self {
        Self::wsse("InvalidSecurity", reason)
    }

    /// What a source token asked for.
    pub(super) fn asked_for(name: &str) -> Self {
        let reason = "the source token asks for this fault";
        match name {
            "invalid_grant" => Self::wst("ExpiredData", "the source token asks to be refused"),
            "Receiver" | "Server" => Self::new(Space::Soap, "Receiver", reason),
            name if SECURITY.contains(&name) => Self::wsse(name, reason),
            name => Self::wst(name, reason),
        }
    }

    fn new(space: Space, name: &str, reason: &str) -> Self {
        Self { space, name: name.to_owned(), reason: reason.to_owned() }
    }

    /// In the version of SOAP that was spoken, or in 1.2 where none was.
    pub(super) fn answer(&self, to: Option<&Essence>, status: Option<u16>) -> Answer {
        let soap = to.map_or(Soap::V1_2, |to| to.soap);
        let known = to.filter(|to| !to.message_id.is_empty());
        let relates = known.map_or_else(String::new, |to| {
            format!(
                "<s:Header xmlns:a=\"{WSA}\"><a:Action>{}</a:Action><a:RelatesTo>{}</a:RelatesTo>\
                 </s:Header>",
                "http://www.w3.org/2005/08/addressing/soap/fault",
                escape(&to.message_id)
            )
        });
        let trust = to.map_or(WST_1_3, |to| if to.trust_1_2 { WST_1_2 } else { WST_1_3 });
        let (prefix, namespace) = match self.space {
            Space::Addressing => ("a", WSA),
            Space::Security => ("wsse", WSSE),
            Space::Soap => ("s", soap.namespace()),
            Space::Trust => ("wst", trust),
        };
        let name = match (soap, self.name.as_str()) {
            (Soap::V1_1, "Sender") => "Client",
            (Soap::V1_1, "Receiver") => "Server",
            (_, name) => name,
        };
        let declares = match self.space {
            Space::Soap => String::new(),
            _ => format!(" xmlns:{prefix}=\"{namespace}\""),
        };
        let (name, reason) = (escape(name), escape(&self.reason));
        let (fault, usual) = match soap {
            Soap::V1_1 => (
                format!(
                    "<s:Fault{declares}><faultcode>{prefix}:{name}</faultcode>\
                     <faultstring xml:lang=\"en\">{reason}</faultstring></s:Fault>"
                ),
                500,
            ),
            Soap::V1_2 => {
                let (code, sub) = match self.space {
                    Space::Soap => (name, String::new()),
                    _ => (
                        "Sender".to_owned(),
                        format!("<s:Subcode><s:Value>{prefix}:{name}</s:Value></s:Subcode>"),
                    ),
                };
                // SOAP 1.2 part 2, table 20.
                let usual = if code == "Sender" { 400 } else { 500 };
                (
                    format!(
                        "<s:Fault{declares}><s:Code><s:Value>s:{code}</s:Value>{sub}</s:Code>\
                         <s:Reason><s:Text xml:lang=\"en\">{reason}</s:Text></s:Reason></s:Fault>"
                    ),
                    usual,
                )
            }
        };
        let namespace = match soap {
            Soap::V1_1 => SOAP_1_1,
            Soap::V1_2 => SOAP_1_2,
        };
        let body = format!(
            "<s:Envelope xmlns:s=\"{namespace}\">{relates}<s:Body>{fault}</s:Body></s:Envelope>"
        );
        Answer::new(status.unwrap_or(usual)).header("Content-Type", soap.content_type()).body(body)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.name, self.reason)
    }
}
