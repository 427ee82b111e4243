//! The answer: a `RequestSecurityTokenResponse` (WS-Trust 1.3, section 4.4), alone or, as 1.3 and
//! later have it, in a collection.

use std::time::{Duration, SystemTime};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::envelope::Envelope;
use super::names::{BASE64_BINARY, SAML_2, WSA, WSP, WSSE, WST_1_2, WSU, XS};
use super::request::Request;
use super::time;
use super::xml::escape;
use super::{Layout, Manners};
use crate::http::answer::Answer;

/// What an answer is made of.
pub(super) struct Reply<'r, 'a> {
    pub(super) envelope: &'r Envelope<'a>,
    pub(super) request: &'r Request<'a>,
    pub(super) layout: Layout,
    pub(super) manners: Manners,
    /// Types and values of those that were asked for.
    pub(super) claims: Vec<&'r (String, String)>,
    /// Seconds.
    pub(super) lifetime: Option<u64>,
    pub(super) now: SystemTime,
}

impl Reply<'_, '_> {
    /// When the token expires.
    pub(super) fn expires(&self) -> Option<SystemTime> {
        self.lifetime.map(|seconds| self.now + Duration::from_secs(seconds))
    }

    /// What stands between two elements.
    pub(super) fn gap(&self) -> &'static str {
        match self.layout {
            Layout::Compact | Layout::PrefixesOutside => "",
            Layout::Pretty => "\n  ",
        }
    }

    /// A binary token.
    pub(super) fn binary(&self, target: &str) -> String {
        format!(
            "<wsse:BinarySecurityToken xmlns:wsse=\"{WSSE}\" ValueType=\"{}\" \
             EncodingType=\"{BASE64_BINARY}\">{}</wsse:BinarySecurityToken>",
            escape(&self.request.token_type),
            STANDARD.encode(target)
        )
    }

    /// The answer with this token in it.
    pub(super) fn answer(&self, token: &str) -> Answer {
        let gap = self.gap();
        let namespace = self.request.namespace;
        let now = time::format(self.now);
        let lifetime = self.expires().map_or_else(String::new, |expires| {
            format!(
                "<wst:Lifetime>{gap}<wsu:Created>{now}</wsu:Created>{gap}\
                 <wsu:Expires>{}</wsu:Expires>{gap}</wst:Lifetime>{gap}",
                time::format(expires)
            )
        });
        let applies_to = self.request.applies_to.as_ref().map_or_else(String::new, |address| {
            format!(
                "<wsp:AppliesTo xmlns:wsp=\"{WSP}\"><a:EndpointReference><a:Address>{}\
                 </a:Address></a:EndpointReference></wsp:AppliesTo>{gap}",
                escape(address)
            )
        });
        let response = format!(
            "<wst:RequestSecurityTokenResponse>{gap}<wst:TokenType>{}</wst:TokenType>{gap}{applies_to}\
             {lifetime}<wst:RequestedSecurityToken>{token}</wst:RequestedSecurityToken>{gap}\
             <wst:RequestType>{namespace}/Issue</wst:RequestType>{gap}\
             </wst:RequestSecurityTokenResponse>",
            escape(&self.request.token_type)
        );
        let (action, response) = if namespace == WST_1_2 {
            (format!("{namespace}/RSTR/Issue"), response)
        } else {
            let collection = format!(
                "<wst:RequestSecurityTokenResponseCollection>{gap}{response}{gap}\
                 </wst:RequestSecurityTokenResponseCollection>"
            );
            (format!("{namespace}/RSTRC/IssueFinal"), collection)
        };
        let outside = match self.layout {
            Layout::Compact | Layout::Pretty => String::new(),
            Layout::PrefixesOutside => format!(" xmlns:saml2=\"{SAML_2}\" xmlns:xs=\"{XS}\""),
        };
        let soap = self.envelope.soap;
        let body = format!(
            "<s:Envelope xmlns:s=\"{}\" xmlns:a=\"{WSA}\" xmlns:wst=\"{namespace}\" \
             xmlns:wsu=\"{WSU}\"{outside}>{gap}<s:Header>{gap}<a:Action s:mustUnderstand=\"1\">\
             {action}</a:Action>{gap}<a:RelatesTo>{}</a:RelatesTo>{gap}</s:Header>{gap}<s:Body>{gap}\
             {response}{gap}</s:Body>{gap}</s:Envelope>",
            soap.namespace(),
            escape(&self.envelope.message_id)
        );
        Answer::new(200).header("Content-Type", soap.content_type()).body(body)
    }
}
