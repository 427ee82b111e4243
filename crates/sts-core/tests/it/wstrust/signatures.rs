//! Signed assertions still verify once they have left their answer, by the judgement of xmlsec1.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};

use openssl::ec::{EcGroup, EcKey};
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::rsa::Rsa;
use sts_core::client_auth::ClientAuth;
use sts_core::error::FailureKind;
use sts_core::wstrust::words::{TokenAs, Version};
use tempfile::TempDir;

use crate::wstrust::exchange::{SAML_2, SAML_2_TOKEN, WST, exchange, profile, receive, send};

const SAML_1: &str = "urn:oasis:names:tc:SAML:1.0:assertion";
const RSA: &str = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256";
const ECDSA: &str = "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256";
const EXCLUSIVE: &str = "http://www.w3.org/2001/10/xml-exc-c14n#";
const INCLUSIVE: &str = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315";
const XS: &str = "xmlns:xs=\"http://www.w3.org/2001/XMLSchema\"";
const XSI: &str = "xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\"";

/// A key in files, and what signs and verifies with it.
struct Signer {
    directory: TempDir,
    algorithm: &'static str,
}

impl Signer {
    fn rsa() -> Self {
        Self::new(&PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap(), RSA)
    }

    fn ecdsa() -> Self {
        let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
        Self::new(&PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap(), ECDSA)
    }

    fn new(key: &PKey<Private>, algorithm: &'static str) -> Self {
        let directory = TempDir::new().unwrap();
        let write = |name: &str, pem: Vec<u8>| fs::write(directory.path().join(name), pem).unwrap();
        write("key.pem", key.private_key_to_pem_pkcs8().unwrap());
        write("public.pem", key.public_key_to_pem().unwrap());
        Self { directory, algorithm }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// A signature over the element with this id, to be filled in; with a list of prefixes.
    fn template(&self, id: &str, list: &str) -> String {
        let canonical = |list: &str| match list {
            "inclusive" => format!("Algorithm=\"{INCLUSIVE}\"/>"),
            "" => format!("Algorithm=\"{EXCLUSIVE}\"/>"),
            list => format!(
                "Algorithm=\"{EXCLUSIVE}\"><ec:InclusiveNamespaces xmlns:ec=\"{EXCLUSIVE}\" \
                 PrefixList=\"{list}\"/></ds:Transform>"
            ),
        };
        format!(
            "<ds:Signature xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\"><ds:SignedInfo>\
             <ds:CanonicalizationMethod Algorithm=\"{EXCLUSIVE}\"/><ds:SignatureMethod \
             Algorithm=\"{}\"/><ds:Reference URI=\"#{id}\"><ds:Transforms><ds:Transform \
             Algorithm=\"http://www.w3.org/2000/09/xmldsig#enveloped-signature\"/><ds:Transform \
             {}</ds:Transforms><ds:DigestMethod Algorithm=\"http://www.w3.org/2001/04/xmlenc#sha256\"/>\
             <ds:DigestValue/></ds:Reference></ds:SignedInfo><ds:SignatureValue/></ds:Signature>",
            self.algorithm,
            canonical(list)
        )
    }

    /// Fills in the signature of a document.
    fn sign(&self, document: &str) -> String {
        let (input, output) = (self.path("template.xml"), self.path("signed.xml"));
        fs::write(&input, document).unwrap();
        let done = xmlsec1(|command| {
            let key = self.path("key.pem");
            command.arg("--sign").arg("--privkey-pem").arg(key).args(IDS);
            command.arg("--output").arg(&output).arg(&input)
        });
        assert!(done.status.success(), "{}\n{document}", String::from_utf8_lossy(&done.stderr));
        fs::read_to_string(&output).unwrap()
    }

    fn verifies(&self, document: &str) -> bool {
        let input = self.path("document.xml");
        fs::write(&input, document).unwrap();
        let done = xmlsec1(|command| {
            let key = self.path("public.pem");
            command.arg("--verify").arg("--pubkey-pem").arg(key).args(IDS).arg(&input)
        });
        done.status.success()
    }
}

const IDS: [&str; 4] = [
    "--id-attr:ID",
    "urn:oasis:names:tc:SAML:2.0:assertion:Assertion",
    "--id-attr:AssertionID",
    "urn:oasis:names:tc:SAML:1.0:assertion:Assertion",
];

fn xmlsec1(arguments: impl FnOnce(&mut Command) -> &mut Command) -> Output {
    arguments(&mut Command::new("xmlsec1")).output().unwrap_or_else(|error| {
        panic!("xmlsec1 cannot be run ({error}): install it (Debian: apt-get install xmlsec1)")
    })
}

/// An answer with a token in it, and what is declared at its envelope and at the element around it.
fn answer(envelope: &str, around: &str, token_type: &str, token: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <s:Envelope xmlns:s=\"http://www.w3.org/2003/05/soap-envelope\" {envelope}><s:Body>\
         <wst:RequestSecurityTokenResponseCollection xmlns:wst=\"{WST}\">\
         <wst:RequestSecurityTokenResponse><wst:TokenType>{token_type}</wst:TokenType>\
         <wst:RequestedSecurityToken {around}>{token}</wst:RequestedSecurityToken>\
         </wst:RequestSecurityTokenResponse></wst:RequestSecurityTokenResponseCollection>\
         </s:Body></s:Envelope>"
    )
}

fn extract(token_type: &str, answer: &str) -> String {
    let exchange = exchange(|s| s.token_type = Some(token_type.to_owned()));
    let issued = receive(exchange, 200, &[], answer.as_bytes());
    let issued = issued.unwrap_or_else(|failure| panic!("{failure}\n{answer}"));
    String::from_utf8(issued.token.expose().to_vec()).unwrap()
}

/// Signs an assertion where it stands, in its answer, and verifies it there and outside.
fn check(signer: &Signer, envelope: &str, around: &str, token: &str, token_type: &str) -> String {
    let signed = signer.sign(&answer(envelope, around, token_type, token));
    assert!(signer.verifies(&signed), "in its answer: {signed}");
    let extracted = extract(token_type, &signed);
    assert!(signer.verifies(&extracted), "outside: {extracted}");
    for (from, to) in [("joe", "eve"), ("ds:SignatureValue>", "ds:SignatureValue>AAAA")] {
        let forged = extracted.replacen(from, to, 1);
        assert!(!signer.verifies(&forged), "forged, and not noticed: {forged}");
    }
    extracted
}

/// What is in an assertion behind its signature.
fn content(prefix: &str) -> String {
    format!(
        "<{prefix}Subject><{prefix}NameID>joe</{prefix}NameID></{prefix}Subject>\
         <{prefix}AttributeStatement><{prefix}Attribute Name=\"a\">\
         <{prefix}AttributeValue>&lt;J&#xF6;rg&gt; &amp; \u{e9}&#13;</{prefix}AttributeValue>\
         </{prefix}Attribute></{prefix}AttributeStatement>"
    )
}

fn typed(own: &str) -> String {
    format!("<saml2:AttributeValue {own} xsi:type=\"xs:string\">v</saml2:AttributeValue>")
}

#[test]
fn in_every_situation_of_namespaces() {
    let signer = Signer::rsa();
    let saml = format!("xmlns:saml2=\"{SAML_2}\"");
    let default = format!("xmlns=\"{SAML_2}\"");
    let prefixed = |declares: &str, list: &str, rest: &str| {
        let (signature, content) = (signer.template("_a", list), content("saml2:"));
        format!(
            "<saml2:Assertion {declares} ID=\"_a\" Version=\"2.0\">{signature}{content}{rest}\
             </saml2:Assertion>"
        )
    };
    let unprefixed = |declares: &str, list: &str, rest: &str| {
        let (signature, content) = (signer.template("_a", list), content(""));
        format!(
            "<Assertion {declares} ID=\"_a\" Version=\"2.0\">{signature}{content}{rest}</Assertion>"
        )
    };
    let other = "xmlns:o=\"urn:other?a&amp;b\" xmlns=\"urn:default\" xmlns:unused=\"urn:u\"";
    let both = format!("{XS} {XSI}");
    for (envelope, around, token) in [
        // It stands alone already, whatever is around it.
        (other, "", prefixed(&saml, "", "")),
        (other, "xmlns=\"\"", prefixed(&saml, "", "<plain/>")),
        ("", "", unprefixed(&default, "", "")),
        // Its own prefix, at the envelope or just around it, or at both with another meaning.
        (&*saml, "", prefixed("", "", "")),
        ("", &*saml, prefixed("", "", "")),
        ("xmlns:saml2=\"urn:wrong\"", &*saml, prefixed("", "", "")),
        ("xmlns:saml2=\"urn:wrong\"", "", prefixed(&saml, "", "")),
        // The default namespace.
        (&*default, "", unprefixed("", "", "")),
        ("xmlns=\"urn:wrong\"", &*default, unprefixed("", "", "")),
        (&*default, "", unprefixed("", "", "<inner xmlns=\"\"><more/></inner>")),
        (other, "", prefixed(&saml, "", "<child/><o:child o:a=\"1\"/>")),
        (other, "", prefixed(&saml, "#default", "")),
        (other, "", prefixed(&saml, "#default o unused", "")),
        // Prefixes in attribute values only.
        (&*both, "", prefixed(&saml, "", &typed(""))),
        (&*both, "", prefixed(&saml, "xs", &typed(""))),
        (&*both, "", prefixed(&saml, "xs xsi", &typed(""))),
        (XS, "", prefixed(&saml, "xs", &typed(XSI))),
        (XS, "", prefixed(&saml, "xs", &typed(&both))),
        (XS, "xmlns:xs=\"urn:wrong\"", prefixed(&saml, "xs", &typed(&both))),
        (&*both, "", prefixed(&format!("{saml} {both}"), "xs", &typed(""))),
        // A list that names what is used nowhere, and what is declared nowhere.
        (other, "", prefixed(&saml, "o nowhere", "")),
        // The same prefix outside, at the token, and inside, with three meanings.
        ("xmlns:o=\"urn:1\"", "", prefixed(&saml, "o", "<o:x><o:y xmlns:o=\"urn:2\"/></o:x>")),
        // xml: attributes are not inherited by exclusive canonicalisation.
        ("xml:lang=\"en\" xml:space=\"preserve\"", "xml:base=\"urn:b\"", prefixed(&saml, "", "")),
    ] {
        check(&signer, envelope, around, &token, SAML_2_TOKEN);
    }
}

#[test]
fn in_every_layout() {
    let signer = Signer::rsa();
    let token = format!(
        "<saml2:Assertion\n\tID='_a'\r\n  Version = \"2.0\" >\n  {}\n  <!-- a comment -->\r\n  {}\
         <saml2:Advice><![CDATA[<not> &markup;]]></saml2:Advice >\n<saml2:Empty  />\n\
         </saml2:Assertion\n>",
        signer.template("_a", "").replace("><", ">\n    <"),
        content("saml2:").replace("><", ">\r\n  <")
    );
    let around = format!("xmlns:saml2='{SAML_2}'");
    let extracted = check(&signer, "", &around, &token, SAML_2_TOKEN);
    assert!(extracted.contains('\n'));
    assert!(extracted.contains("<!-- a comment -->"));
}

#[test]
fn with_other_keys_and_versions() {
    for signer in [Signer::rsa(), Signer::ecdsa()] {
        let token = format!(
            "<a:Assertion AssertionID=\"_1\" MajorVersion=\"1\" MinorVersion=\"1\">{}{}</a:Assertion>",
            content("a:"),
            signer.template("_1", "a")
        );
        check(&signer, &format!("xmlns:a=\"{SAML_1}\""), "", &token, SAML_1);
    }
}

/// A server signs an assertion by itself, and the writer of the answer moves declarations outwards.
#[test]
fn what_was_signed_alone_verifies_alone() {
    let signer = Signer::rsa();
    let token = format!(
        "<saml2:Assertion xmlns:saml2=\"{SAML_2}\" ID=\"_a\">{}{}</saml2:Assertion>",
        signer.template("_a", ""),
        content("saml2:")
    );
    let signed = signer.sign(&token);
    let signed = signed.split_once("?>").unwrap().1.trim();
    assert!(signer.verifies(signed));
    let declaration = format!(" xmlns:saml2=\"{SAML_2}\"");
    let moved = signed.replacen(&declaration, "", 1);
    let answer = answer(&declaration, "", SAML_2_TOKEN, &moved);
    assert!(signer.verifies(&extract(SAML_2_TOKEN, &answer)));
}

const COMMENTS: &str = "#WithComments";
const INCLUSIVE_1_1: &str = "http://www.w3.org/2006/12/xml-c14n11";
const ENVELOPED: &str = "http://www.w3.org/2000/09/xmldsig#enveloped-signature";

/// An assertion with a signature that is made so: its own canonicalisation, and the transforms of what
/// is signed.
fn signed_by(signer: &Signer, method: &str, transforms: &[&str]) -> String {
    let transforms: String = transforms
        .iter()
        .map(|algorithm| format!("<ds:Transform Algorithm=\"{algorithm}\"/>"))
        .collect();
    let template = signer.template("_a", "");
    let (before, rest) = template.split_once("<ds:CanonicalizationMethod").unwrap();
    let (_, rest) = rest.split_once("/>").unwrap();
    let (between, rest) = rest.split_once("<ds:Transforms>").unwrap();
    let (_, behind) = rest.split_once("</ds:Transforms>").unwrap();
    let signature = format!(
        "{before}<ds:CanonicalizationMethod Algorithm=\"{method}\"/>{between}<ds:Transforms>\
         {transforms}</ds:Transforms>{behind}"
    );
    format!(
        "<saml2:Assertion xmlns:saml2=\"{SAML_2}\" ID=\"_a\">{signature}{}</saml2:Assertion>",
        content("saml2:")
    )
}

fn refusal(answer: &str) -> String {
    let failure = receive(exchange(|_| {}), 200, &[], answer.as_bytes()).err();
    let failure = failure.unwrap_or_else(|| panic!("{answer}"));
    assert_eq!(failure.kind, FailureKind::BadAnswer);
    failure.reason
}

/// Inclusive canonicalisation renders every namespace in scope, needed or not: a signature that was
/// made inside the envelope does not verify outside of it.
#[test]
fn an_inclusive_signature_that_was_made_in_the_envelope_is_refused() {
    let signer = Signer::rsa();
    let inclusive = [INCLUSIVE, INCLUSIVE_1_1];
    let inclusive =
        inclusive.iter().flat_map(|one| [(*one).to_owned(), format!("{one}{COMMENTS}")]);
    for algorithm in inclusive {
        for token in [
            signed_by(&signer, &algorithm, &[ENVELOPED, EXCLUSIVE]),
            signed_by(&signer, EXCLUSIVE, &[ENVELOPED, &algorithm]),
            signed_by(&signer, &algorithm, &[ENVELOPED, &algorithm]),
        ] {
            let signed = signer.sign(&answer(XS, "", SAML_2_TOKEN, &token));
            assert!(signer.verifies(&signed), "in its answer: {signed}");
            // As it would go on.
            let start = signed.find("<saml2:Assertion").unwrap();
            let end = signed.find("</saml2:Assertion>").unwrap() + "</saml2:Assertion>".len();
            assert!(!signer.verifies(&signed[start..end]), "{algorithm}");
            let said = refusal(&signed);
            assert!(said.contains("does not outlive") && said.contains("xml-exc-c14n#"), "{said}");
        }
    }
}

/// Where a signature does not say how, the inclusive form is meant (XML Signature, section 4.4.3.2).
#[test]
fn a_signature_without_a_canonical_form_is_inclusive() {
    let signer = Signer::rsa();
    let token = signed_by(&signer, EXCLUSIVE, &[ENVELOPED]);
    let signed = signer.sign(&answer(XS, "", SAML_2_TOKEN, &token));
    assert!(signer.verifies(&signed), "{signed}");
    assert!(refusal(&signed).contains("no Transform for a canonical form"));
    let token = signed_by(&signer, EXCLUSIVE, &[ENVELOPED, EXCLUSIVE]);
    let other = token.replace(ENVELOPED, "http://www.w3.org/TR/1999/REC-xslt-19991116");
    assert!(refusal(&answer(XS, "", SAML_2_TOKEN, &other)).contains("the Transform"));
}

/// It cannot be seen whether such a signature was made before or after the assertion came into its
/// envelope, unless nothing of the envelope is in scope there.
#[test]
fn an_inclusive_signature_lives_on_where_nothing_around_it_is_in_scope() {
    let signer = Signer::rsa();
    let signature = signer.template("_a", "inclusive").replacen(EXCLUSIVE, INCLUSIVE, 1);
    let token =
        format!("<Assertion xmlns=\"{SAML_2}\" ID=\"_a\">{signature}{}</Assertion>", content(""));
    let answer = |more: &str| {
        format!(
            "<Envelope xmlns=\"http://www.w3.org/2003/05/soap-envelope\"{more}><Body>\
             <RequestSecurityTokenResponse xmlns=\"{WST}\"><TokenType>{SAML_2_TOKEN}</TokenType>\
             <RequestedSecurityToken>{token}</RequestedSecurityToken></RequestSecurityTokenResponse>\
             </Body></Envelope>"
        )
    };
    let signed = signer.sign(&answer(""));
    assert!(signer.verifies(&signed), "{signed}");
    assert!(signer.verifies(&extract(SAML_2_TOKEN, &signed)));
    for more in [" xmlns:x=\"urn:x\"", " xml:lang=\"en\""] {
        let signed = signer.sign(&answer(more));
        assert!(signer.verifies(&signed), "{signed}");
        assert!(refusal(&signed).contains("CanonicalizationMethod"), "{more}");
    }
}

#[test]
fn what_is_signed_inside_of_an_assertion_is_its_own_affair() {
    let signer = Signer::rsa();
    let inner = signed_by(&signer, INCLUSIVE, &[ENVELOPED, INCLUSIVE]).replace("_a", "_b");
    let token = format!(
        "<saml2:Assertion xmlns:saml2=\"{SAML_2}\" ID=\"_a\"><saml2:Advice>{inner}</saml2:Advice>\
         {}</saml2:Assertion>",
        content("saml2:")
    );
    assert_eq!(extract(SAML_2_TOKEN, &answer(XS, "", SAML_2_TOKEN, &token)), token);
}

/// The bytes alone would not do: so the tests above can fail.
#[test]
fn without_its_namespaces_a_token_does_not_verify() {
    let signer = Signer::rsa();
    let token = |list: &str| {
        format!(
            "<saml2:Assertion xmlns:saml2=\"{SAML_2}\" ID=\"_a\">{}{}</saml2:Assertion>",
            signer.template("_a", list),
            content("saml2:") + &typed(XSI)
        )
    };
    let signed = signer.sign(&answer(XS, "", SAML_2_TOKEN, &token("xs")));
    let extracted = extract(SAML_2_TOKEN, &signed);
    assert!(signer.verifies(&extracted));
    let bare = extracted.replacen(&format!(" {XS}"), "", 1);
    assert_ne!(bare, extracted);
    assert!(!signer.verifies(&bare));
}

/// An assertion that goes to the STS verifies there.
#[test]
fn a_source_token_still_verifies_in_the_request() {
    let signer = Signer::rsa();
    for (token_as, list) in [
        (TokenAs::Security, ""),
        (TokenAs::OnBehalfOf, "xs xsi saml2 ds"),
        (TokenAs::ActAs, "#default"),
    ] {
        let token = format!(
            "<saml2:Assertion xmlns:saml2=\"{SAML_2}\" {XS} ID=\"_a\">{}{}</saml2:Assertion>",
            signer.template("_a", list),
            content("saml2:") + &typed(XSI)
        );
        let signed = signer.sign(&token);
        let exchange = exchange(|s| {
            s.version = Version::Trust14;
            s.token_as = token_as;
        });
        let profile = profile(exchange, ClientAuth::none());
        let outgoing = send(&profile, signed).unwrap();
        let envelope = std::str::from_utf8(outgoing.body.expose()).unwrap();
        assert!(signer.verifies(envelope), "{envelope}");
    }
}
