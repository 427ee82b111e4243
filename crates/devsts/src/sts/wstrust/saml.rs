//! Signed assertions, of SAML 1.1 and 2.0.
//!
//! They are written in their canonical form (Exclusive XML Canonicalization 1.0), so that what is
//! digested is what is written, but for the signature and for where namespaces are declared.

use openssl::bn::BigNumRef;
use openssl::ecdsa::EcdsaSig;
use openssl::error::ErrorStack;
use openssl::sha::sha256;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::Layout;
use super::answer::Reply;
use super::names::{DSIG, EXC_C14N, SAML_1, SAML_1_TOKEN, SAML_2, SAML_2_TOKEN, XS, XSI};
use super::subject::Subject;
use super::time;
use super::xml::{escape, escape_text};
use crate::pki::Identity;

/// Signs with the key of a certificate.
pub(super) struct Signer {
    identity: Identity,
    certificate: String,
}

/// The versions of SAML that are issued.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Version {
    V1,
    V2,
}

impl Version {
    /// SAML Token Profile 1.1, section 3.4.
    pub(super) fn of(token_type: &str) -> Option<Self> {
        match token_type {
            SAML_1_TOKEN | SAML_1 => Some(Self::V1),
            SAML_2_TOKEN | SAML_2 => Some(Self::V2),
            _ => None,
        }
    }
}

/// An assertion as it stands in the answer, and as it stands alone.
pub(super) struct Assertion {
    pub(super) written: String,
    pub(super) alone: String,
}

/// An assertion before it is signed, in pieces; all are canonical.
struct Unsigned {
    id: String,
    prefix: &'static str,
    declares: String,
    attributes: String,
    before: String,
    after: String,
}

impl Signer {
    pub(super) fn new(identity: Identity) -> Result<Self, ErrorStack> {
        let certificate = STANDARD.encode(identity.certificate().to_der()?);
        Ok(Self { identity, certificate })
    }

    pub(super) fn assertion(
        &self,
        version: Version,
        reply: &Reply<'_, '_>,
        subject: &Subject,
        call: u64,
    ) -> Assertion {
        let unsigned = match version {
            Version::V1 => saml_1(reply, subject, call),
            Version::V2 => saml_2(reply, subject, call),
        };
        let Unsigned { id, prefix, declares, attributes, before, after } = unsigned;
        let start = format!("<{prefix}:Assertion");
        let end = format!("</{prefix}:Assertion>");
        let digested = format!("{start}{declares}{attributes}>{before}{after}{end}");
        let signature = self.signature(&id, &digested, reply.gap());
        let written = |declares: &str| {
            format!("{start}{declares}{attributes}>{before}{signature}{after}{end}")
        };
        let inside = match (reply.layout, version) {
            (Layout::PrefixesOutside, Version::V2) => "",
            _ => declares.as_str(),
        };
        Assertion { written: written(inside), alone: written(&declares) }
    }

    /// XML Signature, section 4: over all but itself.
    fn signature(&self, id: &str, digested: &str, gap: &str) -> String {
        let digest = STANDARD.encode(sha256(digested.as_bytes()));
        let info = |declares: &str| {
            format!(
                "<ds:SignedInfo{declares}>{gap}<ds:CanonicalizationMethod Algorithm=\"{EXC_C14N}\">\
                 </ds:CanonicalizationMethod>{gap}<ds:SignatureMethod Algorithm=\
                 \"http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256\"></ds:SignatureMethod>{gap}\
                 <ds:Reference URI=\"#{id}\">{gap}<ds:Transforms>{gap}<ds:Transform \
                 Algorithm=\"http://www.w3.org/2000/09/xmldsig#enveloped-signature\"></ds:Transform>\
                 {gap}<ds:Transform Algorithm=\"{EXC_C14N}\"><ec:InclusiveNamespaces \
                 xmlns:ec=\"{EXC_C14N}\" PrefixList=\"xs\"></ec:InclusiveNamespaces></ds:Transform>\
                 {gap}</ds:Transforms>{gap}<ds:DigestMethod \
                 Algorithm=\"http://www.w3.org/2001/04/xmlenc#sha256\"></ds:DigestMethod>{gap}\
                 <ds:DigestValue>{digest}</ds:DigestValue>{gap}</ds:Reference>{gap}</ds:SignedInfo>"
            )
        };
        // Its namespace is that of the signature around it.
        let value = self.sign(&info(&format!(" xmlns:ds=\"{DSIG}\""))).unwrap_or_default();
        format!(
            "<ds:Signature xmlns:ds=\"{DSIG}\">{gap}{}{gap}<ds:SignatureValue>{value}\
             </ds:SignatureValue>{gap}<ds:KeyInfo><ds:X509Data><ds:X509Certificate>{}\
             </ds:X509Certificate></ds:X509Data></ds:KeyInfo>{gap}</ds:Signature>",
            info(""),
            self.certificate
        )
    }

    /// RFC 4050, section 3.3: both numbers, each as long as the order of the curve.
    fn sign(&self, text: &str) -> Result<String, ErrorStack> {
        let key = self.identity.key().ec_key()?;
        let signature = EcdsaSig::sign(&sha256(text.as_bytes()), &key)?;
        let fixed = |number: &BigNumRef| number.to_vec_padded(32);
        Ok(STANDARD.encode([fixed(signature.r())?, fixed(signature.s())?].concat()))
    }
}

/// SAML 2.0 core, section 2.3.3.
fn saml_2(reply: &Reply<'_, '_>, subject: &Subject, call: u64) -> Unsigned {
    let gap = reply.gap();
    let id = id(reply, call);
    let now = time::format(reply.now);
    let until = not_on_or_after(reply);
    let audience = reply.request.applies_to.as_ref().map_or_else(String::new, |address| {
        format!(
            "<saml2:AudienceRestriction>{gap}<saml2:Audience>{}</saml2:Audience>{gap}\
             </saml2:AudienceRestriction>{gap}",
            escape_text(address)
        )
    });
    Unsigned {
        prefix: "saml2",
        declares: format!(" xmlns:saml2=\"{SAML_2}\" xmlns:xs=\"{XS}\""),
        attributes: format!(" ID=\"{id}\" IssueInstant=\"{now}\" Version=\"2.0\""),
        before: format!("{gap}<saml2:Issuer>devsts</saml2:Issuer>{gap}"),
        after: format!(
            "{gap}<saml2:Subject>{gap}<saml2:NameID>{}</saml2:NameID>{gap}\
             <saml2:SubjectConfirmation Method=\"urn:oasis:names:tc:SAML:2.0:cm:bearer\">\
             </saml2:SubjectConfirmation>{gap}</saml2:Subject>{gap}\
             <saml2:Conditions NotBefore=\"{now}\"{until}>{gap}{audience}</saml2:Conditions>{gap}\
             <saml2:AttributeStatement>{gap}<saml2:Attribute Name=\"call\">{gap}\
             <saml2:AttributeValue xmlns:xsi=\"{XSI}\" xsi:type=\"xs:string\">{call}\
             </saml2:AttributeValue>{gap}</saml2:Attribute>{gap}</saml2:AttributeStatement>{gap}",
            escape_text(&subject.steering)
        ),
        id,
    }
}

/// SAML 1.1 core, section 2.3.2.
fn saml_1(reply: &Reply<'_, '_>, subject: &Subject, call: u64) -> Unsigned {
    let gap = reply.gap();
    let id = id(reply, call);
    let now = time::format(reply.now);
    let until = not_on_or_after(reply);
    Unsigned {
        prefix: "saml",
        declares: format!(" xmlns:saml=\"{SAML_1}\" xmlns:xs=\"{XS}\""),
        attributes: format!(
            " AssertionID=\"{id}\" IssueInstant=\"{now}\" Issuer=\"devsts\" MajorVersion=\"1\" \
             MinorVersion=\"1\""
        ),
        before: format!(
            "{gap}<saml:Conditions NotBefore=\"{now}\"{until}></saml:Conditions>{gap}\
             <saml:AttributeStatement>{gap}<saml:Subject>{gap}<saml:NameIdentifier>{}\
             </saml:NameIdentifier>{gap}</saml:Subject>{gap}<saml:Attribute AttributeName=\"call\" \
             AttributeNamespace=\"urn:devsts\">{gap}<saml:AttributeValue xmlns:xsi=\"{XSI}\" \
             xsi:type=\"xs:string\">{call}</saml:AttributeValue>{gap}</saml:Attribute>{gap}\
             </saml:AttributeStatement>{gap}",
            escape_text(&subject.steering)
        ),
        after: gap.to_owned(),
        id,
    }
}

/// In the order of canonical XML it comes behind `NotBefore`.
fn not_on_or_after(reply: &Reply<'_, '_>) -> String {
    reply.expires().map_or_else(String::new, |expires| {
        format!(" NotOnOrAfter=\"{}\"", escape(&time::format(expires)))
    })
}

fn id(reply: &Reply<'_, '_>, call: u64) -> String {
    format!("_{}.{call}", reply.envelope.message_id.trim_start_matches("urn:uuid:"))
}
