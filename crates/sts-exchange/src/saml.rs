//! A SAML assertion, looked into without being verified.

use base64::Engine;
use base64::alphabet::{Alphabet, STANDARD, URL_SAFE};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use jiff::Timestamp;
use roxmltree::{Document, Node};
use sts_core::encoding::Encoding;

/// What an assertion says.
#[derive(Default)]
pub(crate) struct Assertion {
    pub(crate) is_saml_1: bool,
    pub(crate) issuer: Option<String>,
    pub(crate) subject: Option<String>,
    pub(crate) audiences: Vec<String>,
    pub(crate) attributes: Vec<(String, Vec<String>)>,
    /// As they are written.
    pub(crate) times: Vec<(String, String)>,
    pub(crate) is_signed: bool,
    pub(crate) is_holder_of_key: bool,
}

const SAML_1: &str = "urn:oasis:names:tc:SAML:1.0:assertion";
const SAML_2: &str = "urn:oasis:names:tc:SAML:2.0:assertion";

/// Bytes of a document that is looked into.
const MAX_BYTES: usize = 1024 * 1024;

/// Reads an assertion: as it is, in base64 or base64url, or deflated.
pub(crate) fn read(token: &[u8]) -> Option<Assertion> {
    if token.len() > MAX_BYTES {
        return None;
    }
    let trimmed = token.trim_ascii();
    if trimmed.first() == Some(&b'<') {
        return of_xml(std::str::from_utf8(trimmed).ok()?);
    }
    let bare: Vec<u8> =
        trimmed.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
    let in_base64 =
        [engine(&STANDARD), engine(&URL_SAFE)].into_iter().filter_map(|it| it.decode(&bare).ok());
    let decoded =
        in_base64.filter(|it| it.first() == Some(&b'<')).find_map(|it| String::from_utf8(it).ok());
    let decoded = decoded.or_else(|| {
        let inflated = Encoding::Deflate.decode(&bare).ok()?;
        String::from_utf8(inflated.expose().to_vec()).ok()
    });
    of_xml(&decoded?)
}

fn engine(alphabet: &Alphabet) -> GeneralPurpose {
    let config =
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    GeneralPurpose::new(alphabet, config)
}

fn of_xml(text: &str) -> Option<Assertion> {
    let document = Document::parse(text).ok()?;
    let is_it = |node: &Node<'_, '_>| {
        node.tag_name().name() == "Assertion"
            && matches!(node.tag_name().namespace(), Some(SAML_1 | SAML_2))
    };
    let root = document.descendants().find(is_it)?;
    let is_saml_1 = root.tag_name().namespace() == Some(SAML_1);
    let texts = |name: &str| -> Vec<String> {
        let found = root.descendants().filter(|node| node.tag_name().name() == name);
        found.filter_map(|node| node.text()).map(|text| text.trim().to_owned()).collect()
    };
    let first = |name: &str| texts(name).into_iter().next();
    let mut attributes = Vec::new();
    for node in root.descendants().filter(|node| node.tag_name().name() == "Attribute") {
        let name = node.attribute("Name").or_else(|| node.attribute("AttributeName"));
        let values = node.children().filter(|child| child.tag_name().name() == "AttributeValue");
        let values = values.filter_map(|value| value.text()).map(|text| text.trim().to_owned());
        attributes.extend(name.map(|name| (name.to_owned(), values.collect())));
    }
    let mut times = Vec::new();
    times.extend(
        root.attribute("IssueInstant").map(|it| ("IssueInstant".to_owned(), it.to_owned())),
    );
    let conditions = root.children().find(|node| node.tag_name().name() == "Conditions");
    for name in ["NotBefore", "NotOnOrAfter"] {
        let found = conditions.and_then(|node| node.attribute(name));
        times.extend(found.map(|text| (name.to_owned(), text.to_owned())));
    }
    let methods = root.descendants().filter_map(|node| {
        let is_one = node.tag_name().name() == "SubjectConfirmation";
        if is_one { node.attribute("Method") } else { None }
    });
    let confirmations: Vec<String> =
        methods.map(str::to_owned).chain(texts("ConfirmationMethod")).collect();
    Some(Assertion {
        is_saml_1,
        issuer: root.attribute("Issuer").map(str::to_owned).or_else(|| first("Issuer")),
        subject: first("NameID").or_else(|| first("NameIdentifier")),
        audiences: texts("Audience"),
        attributes,
        times,
        is_signed: root.children().any(|node| node.tag_name().name() == "Signature"),
        is_holder_of_key: !confirmations.is_empty()
            && confirmations.iter().all(|method| method.ends_with("holder-of-key")),
    })
}

/// A point in time, in seconds since 1970.
pub(crate) fn time(text: &str) -> Option<u64> {
    let at: Timestamp = text.trim().parse().ok()?;
    u64::try_from(at.as_second()).ok()
}
