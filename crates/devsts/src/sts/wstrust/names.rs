//! Names of the standards, as they are on the wire. Written down here once more on purpose: what the
//! module has wrong must not be right for the STS.

pub(super) const SOAP_1_1: &str = "http://schemas.xmlsoap.org/soap/envelope/";
pub(super) const SOAP_1_2: &str = "http://www.w3.org/2003/05/soap-envelope";
pub(super) const WSA: &str = "http://www.w3.org/2005/08/addressing";
pub(super) const WSP: &str = "http://schemas.xmlsoap.org/ws/2004/09/policy";
pub(super) const WST_1_2: &str = "http://schemas.xmlsoap.org/ws/2005/02/trust";
pub(super) const WST_1_3: &str = "http://docs.oasis-open.org/ws-sx/ws-trust/200512";
pub(super) const WST_1_4: &str = "http://docs.oasis-open.org/ws-sx/ws-trust/200802";
pub(super) const WSSE: &str =
    "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd";
pub(super) const WSU: &str =
    "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd";
pub(super) const BASE64_BINARY: &str = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-soap-message-security-1.0#Base64Binary";
pub(super) const PASSWORD_TEXT: &str = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-username-token-profile-1.0#PasswordText";
pub(super) const PASSWORD_DIGEST: &str = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-username-token-profile-1.0#PasswordDigest";
pub(super) const NO_PROOF_KEY: &str = "http://schemas.xmlsoap.org/ws/2005/05/identity/NoProofKey";
pub(super) const IDENTITY: &str = "http://schemas.xmlsoap.org/ws/2005/05/identity";
pub(super) const SAML_1: &str = "urn:oasis:names:tc:SAML:1.0:assertion";
pub(super) const SAML_2: &str = "urn:oasis:names:tc:SAML:2.0:assertion";
pub(super) const SAML_1_TOKEN: &str =
    "http://docs.oasis-open.org/wss/oasis-wss-saml-token-profile-1.1#SAMLV1.1";
pub(super) const SAML_2_TOKEN: &str =
    "http://docs.oasis-open.org/wss/oasis-wss-saml-token-profile-1.1#SAMLV2.0";
pub(super) const XS: &str = "http://www.w3.org/2001/XMLSchema";
pub(super) const XSI: &str = "http://www.w3.org/2001/XMLSchema-instance";
pub(super) const DSIG: &str = "http://www.w3.org/2000/09/xmldsig#";
pub(super) const EXC_C14N: &str = "http://www.w3.org/2001/10/xml-exc-c14n#";
pub(super) const C14N: &str = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315";
