//! Which source tokens go verbatim.

use sts_core::error::FailureKind;
use sts_core::wstrust::source;
use sts_core::wstrust::words::{SourceElement, TokenAs};

use crate::wstrust::exchange::{SAML_2, WSSE, assertion};

fn check(token: &[u8]) -> Result<String, String> {
    check_as(token, TokenAs::Security, &SourceElement::default_list(TokenAs::Security))
}

fn check_as(token: &[u8], place: TokenAs, list: &[SourceElement]) -> Result<String, String> {
    match source::check(token, list, place) {
        Ok(element) => Ok(element.to_owned()),
        Err(failure) => {
            assert_eq!(failure.kind, FailureKind::BadToken);
            assert_eq!(failure.retry_after, None);
            Err(failure.reason)
        }
    }
}

#[test]
fn the_elements_of_the_default_list_are_accepted() {
    for token in [
        assertion("_a"),
        "<Assertion xmlns='urn:oasis:names:tc:SAML:1.0:assertion' MajorVersion='1'/>".to_owned(),
        format!("<w:UsernameToken xmlns:w='{WSSE}'><w:Username>joe</w:Username></w:UsernameToken>"),
    ] {
        assert_eq!(check(token.as_bytes()).unwrap(), token);
    }
}

/// A `UsernameToken` with this behind the name.
fn username_token(more: &str) -> String {
    format!(
        "<w:UsernameToken xmlns:w='{WSSE}'><w:Username>joe</w:Username>{more}</w:UsernameToken>"
    )
}

#[test]
fn a_gateway_asks_for_others_by_assertions_only_unless_another_element_is_named() {
    let saml_1 = "<Assertion xmlns='urn:oasis:names:tc:SAML:1.0:assertion' MajorVersion='1'/>";
    for place in [TokenAs::OnBehalfOf, TokenAs::ActAs] {
        let list = SourceElement::default_list(place);
        for token in [assertion("_a"), saml_1.to_owned()] {
            assert_eq!(check_as(token.as_bytes(), place, &list).unwrap(), token);
        }
        for token in [username_token(""), username_token("<w:Password>secret</w:Password>")] {
            let said = check_as(token.as_bytes(), place, &list).unwrap_err();
            assert!(said.contains("is not one of the elements that are allowed"), "{said}");
        }
    }
}

#[test]
fn a_name_without_a_password_lets_a_gateway_ask_for_no_user() {
    let word = SourceElement::parse("usernametoken").unwrap();
    let braces = SourceElement::parse(&format!("{{{WSSE}}}UsernameToken")).unwrap();
    let digest = "<w:Password Type='urn:d'>weYI3nXd8LjMNVksCKFV8t3rgHh3Rw==</w:Password>";
    let accepted =
        ["<w:Password>secret</w:Password>", digest, "<w:Password><![CDATA[ s ]]></w:Password>"];
    let bare = [
        "",
        "<w:Password/>",
        "<w:Password></w:Password>",
        "<w:Password> \n\t</w:Password>",
        "<w:Password><!-- secret --></w:Password>",
        "<w:Password><w:Password>secret</w:Password></w:Password>",
        "<w:Nonce><w:Password>secret</w:Password></w:Nonce>",
        "<!-- <w:Password>secret</w:Password> -->",
        "<Password>secret</Password>",
        "<o:Password xmlns:o='urn:other'>secret</o:Password>",
        "<w:password>secret</w:password>",
        "<w:Password>secret</w:Password><w:Password/>",
    ];
    for list in [[word], [braces]] {
        for place in [TokenAs::OnBehalfOf, TokenAs::ActAs] {
            for more in accepted {
                let token = username_token(more);
                assert_eq!(check_as(token.as_bytes(), place, &list).unwrap(), token);
            }
            for more in bare {
                let token = username_token(more);
                let said = check_as(token.as_bytes(), place, &list).expect_err(&token);
                assert_eq!(said, "the source token is a UsernameToken without a password");
            }
        }
        // In `wsse:Security` the name asks for itself, and the STS judges it.
        let token = username_token("");
        assert_eq!(check_as(token.as_bytes(), TokenAs::Security, &list).unwrap(), token);
    }
}

#[test]
fn what_is_around_the_element_stays_out() {
    let token = assertion("_a");
    for document in [
        format!(" \r\n\t{token}\n"),
        format!("\u{feff}{token}"),
        format!("<?xml version=\"1.0\"?>{token}"),
        format!("<?xml version='1.0' encoding=\"UTF-8\" standalone='yes' ?>\n{token}\n\n"),
        format!("\u{feff}<?xml\tversion='1.0' encoding='utf8'?>{token}"),
        format!("<?xml version='1.0' encoding='us-ascii'?>{token}"),
    ] {
        assert_eq!(check(document.as_bytes()).unwrap(), token, "{document}");
    }
}

#[test]
fn the_list_can_be_another() {
    let list =
        [SourceElement::parse("{urn:x}Ticket").unwrap(), SourceElement::parse("{}t").unwrap()];
    for (token, is_accepted) in [
        ("<x:Ticket xmlns:x='urn:x'/>".to_owned(), true),
        ("<t/>".to_owned(), true),
        ("<Ticket/>".to_owned(), false),
        (assertion("_a"), false),
    ] {
        assert_eq!(
            source::check(token.as_bytes(), &list, TokenAs::Security).is_ok(),
            is_accepted,
            "{token}"
        );
    }
}

#[test]
fn what_is_not_one_element_that_stands_alone_is_refused() {
    let token = assertion("_a");
    let not_allowed = "is not one of the elements that are allowed";
    let malformed = "is not well-formed XML at line ";
    for (document, reason) in [
        ("eyJhbGciOiJub25lIn0.e30.".to_owned(), malformed),
        (String::from(" "), malformed),
        (format!("x{token}"), malformed),
        (format!("{token}x"), malformed),
        (format!("{token}{token}"), malformed),
        (format!("{token}</wsse:Security>"), malformed),
        (format!("{token}<!-- -->"), "has a comment beside its element"),
        (format!("<!-- -->{token}"), "has a comment beside its element"),
        (format!("<?pi?>{token}"), "has a processing instruction"),
        (format!("{token}<?pi?>"), "has a processing instruction"),
        (token.replace("joe", "<?pi?>"), "has a processing instruction"),
        (format!("<!DOCTYPE a>{token}"), "has a DOCTYPE"),
        (format!("\n<!DOCTYPE a [<!ENTITY b \"c\">]>{token}"), "has a DOCTYPE"),
        (format!("<!doctype a>{token}"), malformed),
        (token.replace("joe", "&b;"), malformed),
        (token.replace("joe", "&#0;"), malformed),
        (token.replace("joe", "&#xFFFF;"), malformed),
        (token.replace("joe", "\0"), malformed),
        (token.replace("joe", "\u{b}"), malformed),
        (token.replace("joe", "]]>"), malformed),
        (token.replace("saml2:Subject", "other:Subject"), malformed),
        (token.replace("</saml2:Subject>", "</saml2:NameID>"), malformed),
        (
            format!("<?xml version='1.0' encoding='ISO-8859-1'?>{token}"),
            "encoding that is not UTF-8",
        ),
        (format!("<?xml version='1.0' encoding='UTF-16'?>{token}"), "encoding that is not UTF-8"),
        (format!("<?xml version='1.1'?>{token}"), "is not XML 1.0"),
        (format!("<?xml encoding='UTF-8'?>{token}"), "XML declaration that is not well-formed"),
        (format!("<?xml version='1.0' version='1.0'?>{token}"), "that is not well-formed"),
        (format!("<?xml version='1.0' standalone='no' encoding='UTF-8'?>{token}"), "well-formed"),
        (format!("<?xml version='1.0'{token}"), "XML declaration that is not well-formed"),
        (format!("<?xml version='1.0><x/>?>{token}"), "XML declaration that is not well-formed"),
        (format!("<?xml version='1.0'?><?xml version='1.0'?>{token}"), malformed),
        (format!(" <?xml version='1.0'?>{token}"), malformed),
        (format!("<a>{token}</a>"), not_allowed),
        (token.replace("saml2:Assertion", "saml2:assertion"), not_allowed),
        (token.replace(SAML_2, "urn:oasis:names:tc:SAML:2.0:protocol"), not_allowed),
        (token.replace(SAML_2, &format!("{SAML_2}/")), not_allowed),
        ("<Assertion/>".to_owned(), not_allowed),
        ("<UsernameToken/>".to_owned(), not_allowed),
    ] {
        let said = check(document.as_bytes()).expect_err(&document);
        assert!(said.starts_with("the source token "), "{said}");
        assert!(said.contains(reason), "{said}: {document}");
    }
    for bytes in [&b"\xff\xfe<\0a\0/\0>\0"[..], b"\xfe\xff\0<\0a\0/\0>", b"<a>\xe9</a>"] {
        assert_eq!(check(bytes).unwrap_err(), "the source token is not UTF-8");
    }
}

#[test]
fn no_reason_holds_a_part_of_the_token() {
    let token = assertion("_a");
    for document in [
        token.replace("saml2:Subject", "s3cret:Subject"),
        token.replace("</saml2:Subject>", "</s3cret>"),
        token.replace("joe", "&s3cret;"),
        token.replace("ID=", "s3cret='1' s3cret="),
        format!("<!DOCTYPE s3cret>{token}"),
        format!("<?s3cret?>{token}"),
        "<s3cret/>".to_owned(),
        "s3cret".to_owned(),
    ] {
        let reason = check(document.as_bytes()).expect_err(&document);
        assert!(!reason.contains("s3cret"), "{reason}");
    }
}

#[test]
fn the_place_of_a_mistake_is_told() {
    let reason = check(b"<a>\n<b>\xc3\xa9</c></a>").unwrap_err();
    assert_eq!(reason, "the source token is not well-formed XML at line 2, column 5");
    let reason = check(b"<a>\n<b x=\xc3\xa9/></a>").unwrap_err();
    assert_eq!(reason, "the source token is not well-formed XML at line 2, column 1");
}
