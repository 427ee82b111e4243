//! Namespaces and other names of the standards, spelt as they are on the wire.

/// SOAP 1.1, section 3.
pub(super) const SOAP_1_1: &str = "http://schemas.xmlsoap.org/soap/envelope/";
/// SOAP 1.2 part 1, section 1.1.
pub(super) const SOAP_1_2: &str = "http://www.w3.org/2003/05/soap-envelope";

/// Web Services Addressing 1.0 Core, section 1.2.
pub(super) const WSA: &str = "http://www.w3.org/2005/08/addressing";
/// WS-Policy 1.2; WS-Trust 1.3, section 1.4 has `AppliesTo` from there.
pub(super) const WSP: &str = "http://schemas.xmlsoap.org/ws/2004/09/policy";

/// WS-Trust of February 2005, also called 1.2.
pub(super) const WST_2005_02: &str = "http://schemas.xmlsoap.org/ws/2005/02/trust";
/// WS-Trust 1.3 and 1.4, section 1.3.
pub(super) const WST_200512: &str = "http://docs.oasis-open.org/ws-sx/ws-trust/200512";
/// What WS-Trust 1.4 added, `ActAs` among it.
pub(super) const WST_200802: &str = "http://docs.oasis-open.org/ws-sx/ws-trust/200802";

/// Identity Selector Interoperability Profile 1.5: the dialect in which claims are asked for, and the
/// namespace of its elements (section 3.3.4).
pub(super) const IDENTITY: &str = "http://schemas.xmlsoap.org/ws/2005/05/identity";
/// As above, section 4.4.4: what a bearer token is called in an `RST` of WS-Trust 1.2, whose text has
/// no name of its own for it. ADFS wants this one.
pub(super) const NO_PROOF_KEY: &str = "http://schemas.xmlsoap.org/ws/2005/05/identity/NoProofKey";

/// Web Services Security: SOAP Message Security 1.1, section 2.2.
pub(super) const WSSE: &str =
    "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd";
/// As above.
pub(super) const WSU: &str =
    "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd";
/// SOAP Message Security 1.1, section 6.3.
pub(super) const BASE64_BINARY: &str = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-soap-message-security-1.0#Base64Binary";
/// The other one that its first drafts had; stacks go on knowing it.
pub(super) const HEX_BINARY: &str =
    "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-soap-message-security-1.0#HexBinary";
/// Username Token Profile 1.1, section 3.1.
pub(super) const PASSWORD_TEXT: &str = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-username-token-profile-1.0#PasswordText";
/// As above.
pub(super) const PASSWORD_DIGEST: &str = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-username-token-profile-1.0#PasswordDigest";

/// SAML 1.1 core, section 1.2. The namespace kept the name of 1.0.
pub(super) const SAML_1: &str = "urn:oasis:names:tc:SAML:1.0:assertion";
/// SAML 2.0 core, section 1.1.
pub(super) const SAML_2: &str = "urn:oasis:names:tc:SAML:2.0:assertion";
/// SAML Token Profile 1.1, section 3.4.
pub(super) const SAML_1_TOKEN: &str =
    "http://docs.oasis-open.org/wss/oasis-wss-saml-token-profile-1.1#SAMLV1.1";
/// As above.
pub(super) const SAML_2_TOKEN: &str =
    "http://docs.oasis-open.org/wss/oasis-wss-saml-token-profile-1.1#SAMLV2.0";

/// XML Signature, section 1.3.
pub(super) const DSIG: &str = "http://www.w3.org/2000/09/xmldsig#";
/// As above, section 6.6.4.
pub(super) const ENVELOPED_SIGNATURE: &str =
    "http://www.w3.org/2000/09/xmldsig#enveloped-signature";
/// Exclusive XML Canonicalization 1.0, section 4.
pub(super) const EXCLUSIVE: &str = "http://www.w3.org/2001/10/xml-exc-c14n#";
/// As above, with comments.
pub(super) const EXCLUSIVE_WITH_COMMENTS: &str =
    "http://www.w3.org/2001/10/xml-exc-c14n#WithComments";

/// XML Schema part 1, section 2.6.
pub(super) const XSI: &str = "http://www.w3.org/2001/XMLSchema-instance";

/// XML-binary Optimized Packaging, section 2.1.
pub(super) const XOP: &str = "http://www.w3.org/2004/08/xop/include";

/// XML Encryption, section 1.3.
pub(super) const XENC: &str = "http://www.w3.org/2001/04/xmlenc#";

/// What WSS4J, and so CXF and older WSO2, use for a failure of which they tell nothing.
pub(super) const WSS4J: &str = "http://ws.apache.org/wss4j";
