//! Which token comes out of an answer, and how long it lives.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;
use sts_core::encoding::{Encoding, stands_as_it_is};
use sts_core::error::{Failure, FailureKind};
use sts_core::expiry::Expiry;
use sts_core::issued::{Issued, TokenType};
use sts_core::now::UnixTime;
use sts_core::wstrust::words::KeyType;

use crate::wstrust::exchange::{
    NOW, SAML_2, SAML_2_TOKEN, WST, WST_2005, WSU, assertion, binary, collection, envelope,
    exchange, receive, response, token_of,
};

const JWT: &str = "urn:ietf:params:oauth:token-type:jwt";
const SAML_1: &str = "urn:oasis:names:tc:SAML:1.0:assertion";

fn issued_as(token_type: &str, body: &str) -> Result<Issued, Failure> {
    receive(exchange(|s| s.token_type = Some(token_type.to_owned())), 200, &[], body.as_bytes())
}

fn text_as(token_type: &str, body: &str) -> String {
    let issued = issued_as(token_type, body).unwrap_or_else(|failure| panic!("{failure}\n{body}"));
    assert_eq!(issued.token_type, TokenType::Unsaid);
    String::from_utf8(issued.token.expose().to_vec()).unwrap()
}

fn unusable_as(token_type: &str, body: &str) -> String {
    let failure = issued_as(token_type, body).err().unwrap_or_else(|| panic!("{body}"));
    assert_eq!(failure.kind, FailureKind::BadAnswer, "{failure}");
    assert_eq!(failure.retry_after, None);
    failure.reason
}

#[test]
fn a_collection_and_a_single_response_are_read() {
    let token = assertion("_a");
    let one = response(SAML_2_TOKEN, "", &token);
    assert_eq!(token_of(&collection(&one)), token);
    for namespace in [WST, &format!("{WST}/"), WST_2005] {
        let single = one.replacen(
            "<wst:RequestSecurityTokenResponse>",
            &format!("<wst:RequestSecurityTokenResponse xmlns:wst=\"{namespace}\">"),
            1,
        );
        assert_eq!(token_of(&envelope(&single)), token);
        assert_eq!(token_of(&collection(&one).replace(WST, namespace)), token);
    }
    let soap_1_1 = collection(&one).replace(
        "http://www.w3.org/2003/05/soap-envelope",
        "http://schemas.xmlsoap.org/soap/envelope/",
    );
    assert_eq!(token_of(&soap_1_1), token);
    let spaced =
        collection(&format!("\n<!-- first -->\n  {one}\n")).replace("<s:Body>", "<s:Body>\n ");
    assert_eq!(token_of(&spaced), token);
    let declared = format!("\u{feff}<?xml version=\"1.0\" encoding=\"utf-8\"?>\r\n{spaced}\n");
    assert_eq!(token_of(&declared), token);
}

#[test]
fn the_right_token_is_taken_among_several() {
    let (first, second) = (assertion("_1"), assertion("_2"));
    let jwt = response(JWT, "", &binary(JWT, "and0"));
    let other = response("urn:other", "", &binary("urn:other", "b3RoZXI="));
    for (responses, wanted, expected) in [
        (format!("{other}{jwt}"), JWT, "jwt"),
        (format!("{jwt}{other}"), "urn:other", "other"),
        (format!("{jwt}{}{other}", response(SAML_2_TOKEN, "", &first)), SAML_2_TOKEN, &first),
        // What is asked for by one name may come by the other.
        (format!("{jwt}{}", response(SAML_2, "", &first)), SAML_2_TOKEN, &first),
        (format!("{jwt}{}", response(SAML_2_TOKEN, "", &first)), SAML_2, &first),
        // The one that says so comes before the one that says nothing or something else.
        (
            format!(
                "{}{}{}",
                response("urn:x", "", &first),
                response("", "", &first),
                response(SAML_2_TOKEN, "", &second)
            ),
            SAML_2_TOKEN,
            &second,
        ),
        (
            format!("{}{}", response("urn:x", "", &first), response(" ", "", &second)),
            SAML_2_TOKEN,
            &second,
        ),
        // A type of another spelling, but the element speaks for itself.
        (response("urn:saml2", "", &first), SAML_2_TOKEN, &first),
        (response("jwt", "", &binary(JWT, "and0")), JWT, "jwt"),
        // An operator's own name for what the STS calls the same.
        (response("urn:my:saml", "", &first), "urn:my:saml", &first),
        (response("urn:bogus:token", "", &binary("urn:x", "eA")), "urn:bogus:token", "x"),
        // Answers without a token are skipped, as are those with an empty one.
        (
            format!(
                "<wst:RequestSecurityTokenResponse><wst:TokenType>{JWT}</wst:TokenType>\
                 </wst:RequestSecurityTokenResponse>{}{jwt}",
                response(JWT, "", "")
            ),
            JWT,
            "jwt",
        ),
    ] {
        assert_eq!(text_as(wanted, &collection(&responses)), expected, "{responses}");
    }
}

#[test]
fn another_token_than_the_wanted_one_is_refused() {
    let saml_1 = format!("<a:Assertion xmlns:a=\"{SAML_1}\" AssertionID=\"_a\"/>");
    for (responses, wanted, reason) in [
        (String::new(), SAML_2_TOKEN, "there is no token"),
        (response(SAML_2_TOKEN, "", ""), SAML_2_TOKEN, "there is no token"),
        (response(SAML_2_TOKEN, "", "text"), SAML_2_TOKEN, "there is no token"),
        (
            response(SAML_1, "", &saml_1),
            SAML_2_TOKEN,
            "there is no token of the wanted type, but \"Assertion\" of TokenType \
             \"urn:oasis:names:tc:SAML:1.0:assertion\"",
        ),
        (
            response(SAML_2_TOKEN, "", &saml_1),
            SAML_2_TOKEN,
            "there is no token of the wanted type, but \"Assertion\" of TokenType \
             \"http://docs.oasis-open.org/wss/oasis-wss-saml-token-profile-1.1#SAMLV2.0\"",
        ),
        (
            response("", "", &binary("urn:a", "YQ=="))
                + &response(JWT, "", &binary("urn:b", "YQ==")),
            "urn:c",
            "there is no token of the wanted type, but \"BinarySecurityToken\" without a \
             TokenType, and others",
        ),
        (
            response("urn:x", "", "<x xmlns='urn:x'/>"),
            "urn:x",
            "there is no token of the wanted type, but \"x\" of TokenType \"urn:x\"",
        ),
        (
            response(SAML_2_TOKEN, "", &assertion("_a").replace("saml2:Assertion", "saml2:Advice")),
            SAML_2_TOKEN,
            "there is no token of the wanted type, but \"Advice\" of TokenType \
             \"http://docs.oasis-open.org/wss/oasis-wss-saml-token-profile-1.1#SAMLV2.0\"",
        ),
        (response(JWT, "", &binary(JWT, " \n")), JWT, "the token is empty"),
        (response(JWT, "", &binary(JWT, "a.b.c")), JWT, "the BinarySecurityToken is not base64"),
        (response(JWT, "", &binary(JWT, "YQ==YQ==")), JWT, "the BinarySecurityToken is not base64"),
    ] {
        let said = unusable_as(wanted, &collection(&responses));
        assert_eq!(said, format!("HTTP 200: {reason}"), "{responses}");
    }
}

#[test]
fn what_is_no_answer_is_refused() {
    for (body, reason) in [
        (String::new(), "the answer is not well-formed XML at line 1, column 1"),
        (
            "{\"access_token\":\"t\"}".to_owned(),
            "the answer is not well-formed XML at line 1, column 1",
        ),
        ("<html><body/></html>".to_owned(), "the answer is \"html\", not an envelope of SOAP"),
        (
            "<Envelope><Body/></Envelope>".to_owned(),
            "the answer is \"Envelope\", not an envelope of SOAP",
        ),
        (envelope(""), "the envelope has nothing in its body"),
        (envelope("text"), "the envelope has nothing in its body"),
        (envelope("<x/>").replace("s:Body", "s:Bodies"), "the envelope has nothing in its body"),
        (
            envelope("<EchoResponse/>"),
            "the body of the envelope has \"EchoResponse\", not a response of WS-Trust",
        ),
        (
            envelope(&format!("<RequestSecurityToken xmlns=\"{WST}\"/>")),
            "the body of the envelope has \"RequestSecurityToken\", not a response of WS-Trust",
        ),
        (
            collection(&response(SAML_2_TOKEN, "", &assertion("_a"))).replace(WST, "urn:other"),
            "the body of the envelope has \"RequestSecurityTokenResponseCollection\", not a \
             response of WS-Trust",
        ),
        (format!("<!DOCTYPE a>{}", collection("")), "the answer has a DOCTYPE"),
        (
            format!("<?xml version='1.0' encoding='ISO-8859-1'?>{}", collection("")),
            "the answer declares an encoding that is not UTF-8",
        ),
    ] {
        let question = if body.starts_with("<html") { "; is this the token endpoint?" } else { "" };
        let reason = format!("HTTP 200: {reason}{question}");
        assert_eq!(unusable_as(SAML_2_TOKEN, &body), reason, "{body}");
    }
}

#[test]
fn a_binary_token_is_decoded_whatever_white_space_it_has() {
    for (content, expected) in [
        ("Zm9vYmFy", "foobar"),
        ("\n  Zm9v\r\n\tYmFy\n", "foobar"),
        ("Zm9v&#13;\nYm&#x46;y", "foobar"),
        ("<![CDATA[Zm9v]]>YmFy", "foobar"),
        ("Zm9v<!-- -->YmFy", "foobar"),
        ("Zm9vYg==", "foob"),
        ("Zm9vYg", "foob"),
        ("Zm9vYg =\n=", "foob"),
    ] {
        let body = collection(&response(JWT, "", &binary(JWT, content)));
        assert_eq!(text_as(JWT, &body), expected, "{content}");
    }
}

#[test]
fn a_binary_token_is_read_as_its_encoding_type_says() {
    const BASE: &str =
        "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-soap-message-security-1.0";
    let token = |encoding_type: &str, content: &str| {
        let attribute = format!(" EncodingType=\"{encoding_type}\" ValueType=");
        let token = binary(JWT, content).replace(" ValueType=", &attribute);
        collection(&response(JWT, "", &token))
    };
    for (encoding_type, content, expected) in [
        (format!("{BASE}#Base64Binary"), "and0", "jwt"),
        (format!("{BASE}#HexBinary"), "6a7774", "jwt"),
        (format!("{BASE}#HexBinary"), " 6A\n77 74 ", "jwt"),
        ("wsse:Base64Binary".to_owned(), "and0", "jwt"),
        ("wsse:HexBinary".to_owned(), "6A7774", "jwt"),
        // Hexadecimal digits are of base64, too.
        (format!("{BASE}#Base64Binary"), "6a77", "\u{e9}\u{ae}\u{fb}"),
    ] {
        let body = token(&encoding_type, content);
        let issued = issued_as(JWT, &body).unwrap_or_else(|failure| panic!("{failure}"));
        let expected: Vec<u8> = expected.chars().map(|c| c as u8).collect();
        assert_eq!(issued.token.expose(), expected, "{encoding_type} {content}");
    }
    for (encoding_type, content, reason) in [
        (format!("{BASE}#HexBinary"), "and0", "the BinarySecurityToken is not hexadecimal"),
        (format!("{BASE}#HexBinary"), "6a777", "the BinarySecurityToken is not hexadecimal"),
        (format!("{BASE}#HexBinary"), "+a77", "the BinarySecurityToken is not hexadecimal"),
        (format!("{BASE}#HexBinary"), "", "the token is empty"),
        (format!("{BASE}#HexBinary"), "20", "the token is empty"),
        (format!("{BASE}#Base64Binary"), "IA==", "the token is empty"),
        (
            "urn:x".to_owned(),
            "and0",
            "the BinarySecurityToken has the unknown EncodingType \"urn:x\"",
        ),
        (String::new(), "and0", "the BinarySecurityToken has the unknown EncodingType \"\""),
    ] {
        let said = unusable_as(JWT, &token(&encoding_type, content));
        assert_eq!(said, format!("HTTP 200: {reason}"), "{encoding_type} {content}");
    }
}

#[test]
fn a_jwt_is_taken_as_it_stands() {
    const TOKEN: &str = "eyJhbGciOiJub25lIn0.e30.";
    let wrapper = format!("<TokenWrapper xmlns=\"\">\n {TOKEN}\n</TokenWrapper>");
    for (said, token) in [
        (JWT, wrapper.clone()),
        ("", wrapper.clone()),
        (JWT, wrapper.replace(" xmlns=\"\"", &format!(" xmlns=\"{WST}\""))),
        (JWT, binary("urn:x", TOKEN)),
        ("", binary(JWT, TOKEN)),
        (
            JWT,
            binary(JWT, TOKEN).replace(" ValueType", " EncodingType=\"wsse:HexBinary\" ValueType"),
        ),
        (JWT, binary(JWT, &STANDARD.encode(TOKEN))),
    ] {
        let body = collection(&response(said, "", &token));
        assert_eq!(text_as(JWT, &body), TOKEN, "{token}");
    }
    for (said, token) in [
        (JWT, wrapper.replace(TOKEN, "and0")),
        (JWT, wrapper.replace(TOKEN, "")),
        (JWT, wrapper.replace(TOKEN, "<a>eyJ.e30.</a>")),
        (JWT, wrapper.replace(TOKEN, "eyJ.e30. x")),
        (JWT, wrapper.replace(TOKEN, "eyJ.\ne30.")),
        (JWT, wrapper.replace("xmlns=\"\"", "xmlns=\"urn:x\"")),
        ("urn:x", wrapper.clone()),
    ] {
        unusable_as(JWT, &collection(&response(said, "", &token)));
    }
    unusable_as("urn:other", &collection(&response("", "", &wrapper)));
    unusable_as(SAML_2_TOKEN, &collection(&response(SAML_2_TOKEN, "", &wrapper)));
}

#[test]
fn an_envelope_is_the_root_of_an_answer_with_parts() {
    let body = collection(&response(SAML_2_TOKEN, "", &assertion("_a")));
    let part = |body: &str| {
        format!("\r\n--b\r\nContent-Type: application/xop+xml\r\n\r\n{body}\r\n--b--\r\n")
    };
    let receive = |content_type: &str, body: &str| {
        let header = [("content-type", content_type)];
        let issued = receive(exchange(|_| {}), 200, &header, body.as_bytes());
        issued.map(|issued| String::from_utf8(issued.token.expose().to_vec()).unwrap())
    };
    let related = "multipart/related; boundary=b; type=\"application/xop+xml\"";
    assert_eq!(receive(related, &part(&body)), Ok(assertion("_a")));
    let reason = |content_type: &str, body: &str| receive(content_type, body).unwrap_err().reason;
    let include = "<x:Include xmlns:x=\"http://www.w3.org/2004/08/xop/include\" href=\"cid:a\"/>";
    assert_eq!(
        reason(related, &part(&body.replace("joe", include))),
        "HTTP 200: the answer keeps a part of its envelope in an attachment (xop:Include) \
         (content type \"multipart/related; boundary=b; type=\\\"application/xop+xml\\\"\")"
    );
    assert_eq!(
        reason("multipart/mixed; boundary=b", &part(&body)),
        "HTTP 200: the answer is not well-formed XML at line 2, column 1 (content type \
         \"multipart/mixed; boundary=b\")"
    );
    assert_eq!(
        reason("multipart/related; boundary=c", &part(&body)),
        "HTTP 200: the parts of the answer do not end where they should (content type \
         \"multipart/related; boundary=c\")"
    );
    assert_eq!(
        reason("text/html", "<html/>"),
        "HTTP 200: the answer is \"html\", not an envelope of SOAP (content type \"text/html\"); is \
         this the token endpoint?"
    );
}

#[test]
fn a_coding_that_was_not_asked_for_is_named() {
    let body = collection(&response(SAML_2_TOKEN, "", &assertion("_a")));
    for (status, kind) in [(200, FailureKind::BadAnswer), (503, FailureKind::Busy)] {
        let header = [("content-encoding", "gzip"), ("content-type", "text/xml")];
        let failure = receive(exchange(|_| {}), status, &header, body.as_bytes()).err().unwrap();
        assert_eq!(failure.kind, kind);
        let reason = "the body has the Content-Encoding \"gzip\", which was not asked for";
        assert_eq!(failure.reason, format!("HTTP {status}: {reason}"));
    }
}

#[test]
fn what_is_encrypted_stays_as_it_is() {
    let data = "<xenc:EncryptedData xmlns:xenc=\"http://www.w3.org/2001/04/xmlenc#\">\
                <xenc:CipherData><xenc:CipherValue>AAAA</xenc:CipherValue></xenc:CipherData>\
                </xenc:EncryptedData>";
    let encrypted =
        format!("<a:EncryptedAssertion xmlns:a=\"{SAML_2}\">{data}</a:EncryptedAssertion>");
    for (token_type, token) in
        [(SAML_2_TOKEN, data), (SAML_2_TOKEN, &encrypted), (JWT, data), (SAML_1, data)]
    {
        let body = collection(&response(token_type, "", token));
        assert_eq!(text_as(token_type, &body), token);
    }
    // Nothing tells what is in it when the response says something else.
    unusable_as(SAML_2_TOKEN, &collection(&response(JWT, "", data)));
    unusable_as(SAML_1, &collection(&response(SAML_1, "", &encrypted)));
}

#[test]
fn a_token_may_need_encoding_before_it_can_go_on() {
    let pretty = assertion("_a").replace("><", ">\r\n<");
    let body = collection(&response(SAML_2_TOKEN, "", &pretty));
    let issued = issued_as(SAML_2_TOKEN, &body).unwrap_or_else(|failure| panic!("{failure}"));
    assert!(!stands_as_it_is(issued.token.expose()));
    let encoded = Encoding::Base64.encode(issued.token.expose()).unwrap();
    assert_eq!(encoded.expose(), STANDARD.encode(&pretty).as_bytes());
    let flat = collection(&response(SAML_2_TOKEN, "", &assertion("_a")));
    let issued = issued_as(SAML_2_TOKEN, &flat).unwrap_or_else(|failure| panic!("{failure}"));
    assert!(stands_as_it_is(issued.token.expose()));
    for bytes in ["a\0b", "a\rb", "a\nb"] {
        let body = collection(&response(JWT, "", &binary(JWT, &STANDARD.encode(bytes))));
        let issued = issued_as(JWT, &body).unwrap_or_else(|failure| panic!("{failure}"));
        assert!(!stands_as_it_is(issued.token.expose()));
    }
}

#[test]
fn the_lifetime_is_told_by_both_clocks() {
    let now = NOW.wall.0;
    let lifetime = |created: &str, expires: &str| {
        let element = |name: &str, text: &str| {
            if text.is_empty() { String::new() } else { format!("<u:{name}>{text}</u:{name}>") }
        };
        format!(
            "<wst:Lifetime xmlns:u=\"{WSU}\">{}{}</wst:Lifetime>",
            element("Created", created),
            element("Expires", expires)
        )
    };
    let at = |seconds| Expiry::At(UnixTime(seconds));
    for (rest, expires_in, expiry) in [
        (String::new(), None, Expiry::Unsaid),
        (lifetime("", ""), None, Expiry::Unsaid),
        (lifetime("2026-11-24T12:00:00Z", ""), None, Expiry::Unsaid),
        (lifetime("", "2026-11-24T12:10:00Z"), Some(600), at(now + 600)),
        (
            lifetime("2026-11-24T12:00:00.000Z", "2026-11-24T12:10:00.000Z"),
            Some(600),
            at(now + 600),
        ),
        (
            lifetime("2026-11-24T13:00:00+01:00", "2026-11-24T13:10:00+01:00"),
            Some(600),
            at(now + 600),
        ),
        // The clock of the STS is a minute ahead, or ours is behind: no longer than the STS meant.
        (lifetime("2026-11-24T12:01:00Z", "2026-11-24T12:11:00Z"), Some(600), at(now + 660)),
        // The token was made a minute ago.
        (lifetime("2026-11-24T11:59:00Z", "2026-11-24T12:09:00Z"), Some(540), at(now + 540)),
        (lifetime("2026-11-24T11:00:00Z", "2026-11-24T11:59:59Z"), Some(0), at(now - 1)),
        (lifetime("2026-11-24T12:20:00Z", "2026-11-24T12:10:00Z"), Some(0), at(now + 600)),
        (lifetime("nonsense", "2026-11-24T12:10:00Z"), Some(600), at(now + 600)),
        (lifetime("", "9999-12-31T23:59:59Z"), Some(253_402_300_799 - now), at(253_402_300_799)),
        (lifetime("", "nonsense"), Some(0), Expiry::Unreadable),
        (lifetime("", " "), Some(0), Expiry::Unreadable),
        (
            lifetime("", "2026-11-24T12:10:00Z").replace("<u:", "<wst:").replace("</u:", "</wst:"),
            None,
            Expiry::Unsaid,
        ),
    ] {
        let body = collection(&response(JWT, &rest, &binary(JWT, "and0")));
        let issued = issued_as(JWT, &body).unwrap_or_else(|failure| panic!("{failure}"));
        assert_eq!(issued.expires_in, expires_in, "{rest}");
        assert_eq!(issued.expiry, expiry, "{rest}");
    }
}

#[test]
fn the_conditions_of_an_assertion_cap_its_life() {
    let now = NOW.wall.0;
    let conditions = |text: &str| {
        format!("<saml2:Conditions NotBefore=\"2026-11-24T11:00:00Z\" NotOnOrAfter=\"{text}\"/>")
    };
    let confirmed = |text: &str| {
        format!(
            "<saml2:Subject><saml2:SubjectConfirmation><saml2:SubjectConfirmationData \
             NotOnOrAfter=\"{text}\"/></saml2:SubjectConfirmation></saml2:Subject>"
        )
    };
    let lifetime = format!(
        "<wst:Lifetime><u:Expires xmlns:u=\"{WSU}\">2026-11-24T12:10:00Z</u:Expires></wst:Lifetime>"
    );
    let advice = |inner: &str| {
        format!("<saml2:Advice><saml2:Assertion>{inner}</saml2:Assertion></saml2:Advice>")
    };
    for (rest, inside, expected) in [
        ("", conditions("2026-11-24T12:05:00Z"), Some(300)),
        ("", confirmed("2026-11-24T12:05:00.5Z"), Some(300)),
        ("", conditions("2026-11-24T12:05:00Z") + &confirmed("2026-11-24T12:01:00Z"), Some(60)),
        (&lifetime, conditions("2026-11-24T12:05:00Z"), Some(300)),
        (&lifetime, conditions("2026-11-24T13:05:00Z"), Some(600)),
        (&lifetime, conditions("2026-11-24T11:05:00Z"), Some(0)),
        // Of another assertion.
        (&lifetime, advice(&conditions("2026-11-24T12:01:00Z")), Some(600)),
        ("", advice(&conditions("2026-11-24T12:01:00Z")), None),
        ("", advice(&confirmed("2026-11-24T12:01:00Z")), None),
        ("", "<saml2:Conditions/>".to_owned(), None),
        // Another element's attribute of that name means nothing here.
        ("", "<x NotOnOrAfter=\"2026-11-24T11:05:00Z\"/>".to_owned(), None),
    ] {
        let token =
            assertion("_a").replace("</saml2:Assertion>", &format!("{inside}</saml2:Assertion>"));
        let body = collection(&response(SAML_2_TOKEN, rest, &token));
        let issued = issued_as(SAML_2_TOKEN, &body).unwrap_or_else(|failure| panic!("{failure}"));
        assert_eq!(issued.expires_in, expected, "{rest} {inside}");
        let end = expected.map_or(Expiry::Unsaid, |seconds| Expiry::At(UnixTime(now + seconds)));
        let is_over = expected == Some(0);
        assert!(issued.expiry == end || is_over, "{rest} {inside}: {:?}", issued.expiry);
    }
}

#[test]
fn an_assertion_for_the_holder_of_a_key_is_none_for_a_bearer() {
    const METHOD: &str = "urn:oasis:names:tc:SAML:2.0:cm:";
    let confirmed = |methods: &[&str]| {
        let all: String = methods
            .iter()
            .map(|method| format!("<saml2:SubjectConfirmation Method=\"{METHOD}{method}\"/>"))
            .collect();
        assertion("_a").replace("</saml2:Subject>", &format!("{all}</saml2:Subject>"))
    };
    let saml_1 = |method: &str| {
        format!(
            "<a:Assertion xmlns:a=\"{SAML_1}\"><a:AttributeStatement><a:Subject>\
             <a:SubjectConfirmation><a:ConfirmationMethod>urn:oasis:names:tc:SAML:1.0:cm:{method}\
             </a:ConfirmationMethod></a:SubjectConfirmation></a:Subject></a:AttributeStatement>\
             </a:Assertion>"
        )
    };
    let said = "HTTP 200: the assertion is for the holder of a key, which no backend sees";
    for (token_type, token) in [
        (SAML_2_TOKEN, confirmed(&["holder-of-key"])),
        (SAML_2_TOKEN, confirmed(&["holder-of-key", "holder-of-key"])),
        (SAML_1, saml_1("holder-of-key")),
    ] {
        assert_eq!(unusable_as(token_type, &collection(&response(token_type, "", &token))), said);
    }
    for (token_type, token) in [
        (SAML_2_TOKEN, confirmed(&[])),
        (SAML_2_TOKEN, confirmed(&["bearer"])),
        (SAML_2_TOKEN, confirmed(&["holder-of-key", "bearer"])),
        (SAML_2_TOKEN, confirmed(&["sender-vouches"])),
        (SAML_1, saml_1("bearer")),
    ] {
        let body = collection(&response(token_type, "", &token));
        assert_eq!(text_as(token_type, &body), token);
    }
}

#[test]
fn an_assertion_for_one_use_has_no_life() {
    for (condition, expiry) in [
        ("<saml2:OneTimeUse/>", Expiry::OneUse),
        (
            "<a:DoNotCacheCondition xmlns:a=\"urn:oasis:names:tc:SAML:1.0:assertion\"/>",
            Expiry::OneUse,
        ),
        ("<OneTimeUse/>", Expiry::Unsaid),
        (
            "<saml2:AudienceRestriction><saml2:OneTimeUse/></saml2:AudienceRestriction>",
            Expiry::Unsaid,
        ),
    ] {
        let conditions =
            format!("<saml2:Conditions>{condition}</saml2:Conditions></saml2:Assertion>");
        let token = assertion("_a").replace("</saml2:Assertion>", &conditions);
        let body = collection(&response(SAML_2_TOKEN, "", &token));
        let issued = issued_as(SAML_2_TOKEN, &body).unwrap_or_else(|failure| panic!("{failure}"));
        assert_eq!(issued.expiry, expiry, "{condition}");
        assert_eq!(issued.expires_in, (expiry == Expiry::OneUse).then_some(0), "{condition}");
    }
}

#[test]
fn an_expiry_that_cannot_be_read_is_none() {
    for text in ["soon", "", "2026-13-24T12:05:00Z", "1795521900"] {
        let conditions = format!("<saml2:Conditions NotOnOrAfter=\"{text}\"/></saml2:Assertion>");
        let token = assertion("_a").replace("</saml2:Assertion>", &conditions);
        let body = collection(&response(SAML_2_TOKEN, "", &token));
        let issued = issued_as(SAML_2_TOKEN, &body).unwrap_or_else(|failure| panic!("{failure}"));
        assert_eq!(issued.expiry, Expiry::Unreadable, "{text}");
        assert_eq!(issued.expires_in, Some(0), "{text}");
    }
}

#[test]
fn a_declared_character_set_has_to_be_the_one_that_is_read() {
    let body = collection(&response(SAML_2_TOKEN, "", &assertion("_a")));
    let beyond_ascii = body.replace("joe", "j\u{f6}e");
    let receive = |content_type: &str, body: &str| {
        let header = [("content-type", content_type)];
        receive(exchange(|_| {}), 200, &header, body.as_bytes()).map(|_| ())
    };
    for charset in ["utf-8", "UTF-8", "\"utf-8\"", "us-ascii"] {
        let content_type = format!("application/soap+xml; charset={charset};action=\"x\"");
        assert_eq!(receive(&content_type, &beyond_ascii), Ok(()), "{charset}");
    }
    // Application servers say so for every text/xml, whatever is in it.
    assert_eq!(receive("text/xml;charset=ISO-8859-1", &body), Ok(()));
    for content_type in ["text/xml; charset=ISO-8859-1", "text/xml;Charset=\"utf-16\""] {
        let failure = receive(content_type, &beyond_ascii).unwrap_err();
        assert_eq!(failure.kind, FailureKind::BadAnswer);
        assert_eq!(failure.reason, "HTTP 200: the answer is in an encoding that is not UTF-8");
    }
    for content_type in ["text/html", "application/octet-stream", ""] {
        assert_eq!(receive(content_type, &beyond_ascii), Ok(()), "{content_type}");
    }
}

#[test]
fn a_token_counts_only_with_a_status_of_success() {
    let body = collection(&response(SAML_2_TOKEN, "", &assertion("_a")));
    for (status, kind) in [
        (100, FailureKind::BadAnswer),
        (302, FailureKind::BadAnswer),
        (400, FailureKind::GatewayRefused),
        (401, FailureKind::GatewayRefused),
        (429, FailureKind::Busy),
        (500, FailureKind::Unreachable),
        (503, FailureKind::Busy),
    ] {
        let failure = receive(exchange(|_| {}), status, &[], body.as_bytes()).err().unwrap();
        assert_eq!(failure.kind, kind, "{status}");
        let told = match status {
            302 => ", a redirect, which is not followed; is this the token endpoint?",
            _ => " with a token",
        };
        assert_eq!(failure.reason, format!("HTTP {status}{told}"));
    }
    for status in [200, 201, 202] {
        assert!(receive(exchange(|_| {}), status, &[], body.as_bytes()).is_ok(), "{status}");
    }
}

proptest! {
    #[test]
    fn a_binary_token_arrives_as_it_was(
        token in proptest::collection::vec(any::<u8>(), 1..2000),
        width in 4_usize..200,
    ) {
        prop_assume!(!token.trim_ascii().is_empty());
        let encoded = STANDARD.encode(&token);
        let lines: Vec<_> = encoded.as_bytes().chunks(width).map(|line| {
            std::str::from_utf8(line).unwrap()
        }).collect();
        let body = collection(&response(JWT, "", &binary(JWT, &lines.join("\r\n"))));
        let issued = issued_as(JWT, &body).unwrap_or_else(|failure| panic!("{failure}"));
        prop_assert_eq!(issued.token.expose(), token);
    }
}

fn confirmed_2(methods: &[&str]) -> String {
    let confirmations: String = methods
        .iter()
        .map(|method| {
            format!(
                "<saml2:SubjectConfirmation Method=\"urn:oasis:names:tc:SAML:2.0:cm:{method}\"/>"
            )
        })
        .collect();
    assertion("_a").replace("</saml2:NameID>", &format!("</saml2:NameID>{confirmations}"))
}

fn confirmed_1(statements: &[&[&str]]) -> String {
    let statement = |methods: &&[&str]| {
        let methods: String = methods
            .iter()
            .map(|method| {
                format!(
                    "<s:ConfirmationMethod> urn:oasis:names:tc:SAML:1.0:cm:{method}\n\
                     </s:ConfirmationMethod>"
                )
            })
            .collect();
        format!(
            "<s:AttributeStatement><s:Subject><s:NameIdentifier>joe</s:NameIdentifier>\
             <s:SubjectConfirmation>{methods}</s:SubjectConfirmation></s:Subject>\
             </s:AttributeStatement>"
        )
    };
    let statements: String = statements.iter().map(statement).collect();
    format!(
        "<s:Assertion xmlns:s=\"urn:oasis:names:tc:SAML:1.0:assertion\">{statements}</s:Assertion>"
    )
}

#[test]
fn an_assertion_for_the_holder_of_a_key_is_not_taken_for_a_bearers() {
    const SAML_1_TOKEN: &str = "urn:oasis:names:tc:SAML:1.0:assertion";
    let key = "holder-of-key";
    for (token_type, token) in [
        (SAML_2_TOKEN, confirmed_2(&[key])),
        (SAML_2_TOKEN, confirmed_2(&["sender-vouches", key])),
        (SAML_1_TOKEN, confirmed_1(&[&[key]])),
        (SAML_1_TOKEN, confirmed_1(&[&["bearer"], &[key]])),
    ] {
        let body = collection(&response(token_type, "", &token));
        for key_type in [KeyType::Bearer, KeyType::Unset] {
            let exchange = exchange(|s| {
                s.token_type = Some(token_type.to_owned());
                s.key_type = key_type;
            });
            let failure = receive(exchange, 200, &[], body.as_bytes()).err().unwrap();
            assert_eq!(failure.kind, FailureKind::BadAnswer);
            assert!(failure.reason.contains("holder of a key"), "{failure}");
        }
    }
    for (token_type, token) in [
        (SAML_2_TOKEN, confirmed_2(&[])),
        (SAML_2_TOKEN, confirmed_2(&["bearer"])),
        (SAML_2_TOKEN, confirmed_2(&[key, "bearer"])),
        (SAML_2_TOKEN, confirmed_2(&["sender-vouches"])),
        (SAML_1_TOKEN, confirmed_1(&[&["bearer"]])),
        (SAML_1_TOKEN, confirmed_1(&[&[key, "bearer"], &["bearer"]])),
    ] {
        assert_eq!(text_as(token_type, &collection(&response(token_type, "", &token))), token);
    }
}

#[test]
fn what_apache_cxf_issues_for_a_key_is_refused() {
    // As its answer to KeyType SymmetricKey has it, cut down.
    let proof = "<wst:RequestedProofToken><wst:BinarySecret>AAAA</wst:BinarySecret>\
                 </wst:RequestedProofToken>";
    let body = collection(&response(SAML_2_TOKEN, proof, &confirmed_2(&["holder-of-key"])));
    assert!(unusable_as(SAML_2_TOKEN, &body).contains("holder of a key"));
}

#[test]
fn without_a_token_type_the_only_token_is_taken_whatever_it_is() {
    let any = |responses: &str| {
        let exchange = exchange(|s| s.token_type = None);
        let issued = receive(exchange, 200, &[], collection(responses).as_bytes());
        issued.map(|issued| issued.token.expose().to_vec()).map_err(|failure| failure.reason)
    };
    let saml_2 = assertion("_a");
    let saml_1 = "<Assertion xmlns='urn:oasis:names:tc:SAML:1.0:assertion'/>";
    let encrypted = "<x:EncryptedData xmlns:x='http://www.w3.org/2001/04/xmlenc#'/>";
    for token in [saml_2.as_str(), saml_1, encrypted] {
        for token_type in ["urn:any", SAML_2_TOKEN, ""] {
            assert_eq!(any(&response(token_type, "", token)), Ok(token.as_bytes().to_vec()));
        }
    }
    assert_eq!(any(&response("urn:any", "", &binary("urn:other", "Zm9v"))), Ok(b"foo".to_vec()));
    assert!(any(&response("urn:any", "", "<x/>")).unwrap_err().contains("but \"x\""));
    assert!(any("").unwrap_err().contains("there is no token"));
    let two = response("urn:a", "", &saml_2) + &response("urn:b", "", saml_1);
    assert!(any(&two).unwrap_err().contains("several tokens"));
}
