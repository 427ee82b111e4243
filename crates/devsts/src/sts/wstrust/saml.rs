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
use super::names::{
    C14N, DSIG, EXC_C14N, SAML_1, SAML_1_TOKEN, SAML_2, SAML_2_TOKEN, WSA, WSU, XS, XSI,
};
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
        let context = Context::of(reply, prefix, &declares);
        let digested =
            format!("{start}{}{attributes}>{before}{after}{end}", context.declares(false));
        let signature = self.signature(&id, &digested, &context, reply.gap());
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
    fn signature(&self, id: &str, digested: &str, context: &Context<'_>, gap: &str) -> String {
        let digest = STANDARD.encode(sha256(digested.as_bytes()));
        let algorithm = context.algorithm();
        let list = context.list();
        let info = |declares: &str| {
            format!(
                "<ds:SignedInfo{declares}>{gap}<ds:CanonicalizationMethod Algorithm=\"{algorithm}\">\
                 </ds:CanonicalizationMethod>{gap}<ds:SignatureMethod Algorithm=\
                 \"http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256\"></ds:SignatureMethod>{gap}\
                 <ds:Reference URI=\"#{id}\">{gap}<ds:Transforms>{gap}<ds:Transform \
                 Algorithm=\"http://www.w3.org/2000/09/xmldsig#enveloped-signature\"></ds:Transform>\
                 {gap}<ds:Transform Algorithm=\"{algorithm}\">{list}</ds:Transform>\
                 {gap}</ds:Transforms>{gap}<ds:DigestMethod \
                 Algorithm=\"http://www.w3.org/2001/04/xmlenc#sha256\"></ds:DigestMethod>{gap}\
                 <ds:DigestValue>{digest}</ds:DigestValue>{gap}</ds:Reference>{gap}</ds:SignedInfo>"
            )
        };
        // Its namespace is that of the signature around it.
        let value = self.sign(&info(&context.declares(true))).unwrap_or_default();
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

/// What of the namespaces around an element a canonical form has.
enum Context<'r> {
    /// Those that it uses itself.
    Exclusive(&'r str),
    /// All that are in scope, with the namespace of WS-Trust, that of SOAP, and the prefix and the
    /// namespace of SAML among them.
    Inclusive { trust: &'r str, soap: &'static str, saml: (&'static str, &'static str) },
}

impl<'r> Context<'r> {
    fn of(reply: &Reply<'r, '_>, prefix: &'static str, declares: &'r str) -> Self {
        if !reply.manners.inclusive {
            return Self::Exclusive(declares);
        }
        let saml = if prefix == "saml" { SAML_1 } else { SAML_2 };
        Self::Inclusive {
            trust: reply.request.namespace,
            soap: reply.envelope.soap.namespace(),
            saml: (prefix, saml),
        }
    }

    const fn algorithm(&self) -> &'static str {
        match self {
            Self::Exclusive(_) => EXC_C14N,
            Self::Inclusive { .. } => C14N,
        }
    }

    fn list(&self) -> String {
        match self {
            Self::Exclusive(_) => format!(
                "<ec:InclusiveNamespaces xmlns:ec=\"{EXC_C14N}\" PrefixList=\"xs\">\
                 </ec:InclusiveNamespaces>"
            ),
            Self::Inclusive { .. } => String::new(),
        }
    }

    /// What the element that is signed declares, in the order of its prefixes; or what `SignedInfo`
    /// does.
    fn declares(&self, of_info: bool) -> String {
        let own = if of_info { format!(" xmlns:ds=\"{DSIG}\"") } else { String::new() };
        match self {
            Self::Exclusive(_) if of_info => own,
            Self::Exclusive(declares) => (*declares).to_owned(),
            Self::Inclusive { trust, soap, saml: (prefix, saml) } => format!(
                " xmlns:a=\"{WSA}\"{own} xmlns:s=\"{soap}\" xmlns:{prefix}=\"{saml}\" \
                 xmlns:wst=\"{trust}\" xmlns:wsu=\"{WSU}\" xmlns:xs=\"{XS}\""
            ),
        }
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
    let method = if reply.manners.holder_of_key { "holder-of-key" } else { "bearer" };
    let claims: String = reply
        .claims
        .iter()
        .map(|(uri, value)| {
            format!(
                "<saml2:Attribute Name=\"{}\">{gap}<saml2:AttributeValue>{}</saml2:AttributeValue>{gap}\
                 </saml2:Attribute>{gap}",
                escape(uri),
                escape_text(value)
            )
        })
        .collect();
    Unsigned {
        prefix: "saml2",
        declares: format!(" xmlns:saml2=\"{SAML_2}\" xmlns:xs=\"{XS}\""),
        attributes: format!(" ID=\"{id}\" IssueInstant=\"{now}\" Version=\"2.0\""),
        before: format!("{gap}<saml2:Issuer>devsts</saml2:Issuer>{gap}"),
        after: format!(
            "{gap}<saml2:Subject>{gap}<saml2:NameID>{}</saml2:NameID>{gap}\
             <saml2:SubjectConfirmation Method=\"urn:oasis:names:tc:SAML:2.0:cm:{method}\">\
             </saml2:SubjectConfirmation>{gap}</saml2:Subject>{gap}\
             <saml2:Conditions NotBefore=\"{now}\"{until}>{gap}{audience}</saml2:Conditions>{gap}\
             <saml2:AttributeStatement>{gap}<saml2:Attribute Name=\"call\">{gap}\
             <saml2:AttributeValue xmlns:xsi=\"{XSI}\" xsi:type=\"xs:string\">{call}\
             </saml2:AttributeValue>{gap}</saml2:Attribute>{gap}{claims}</saml2:AttributeStatement>{gap}",
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
