//! Answers in the shape that known servers give them: see the README beside them.

use std::fmt::Write;

use sts_core::expiry::Expiry;
use sts_core::now::UnixTime;
use sts_core::wstrust::words::{TokenAs, Version};

use crate::wstrust::exchange::{SAML_2_TOKEN, exchange, receive};

#[test]
fn tokens() {
    let mut shown = String::new();
    for (name, body, version, token_type) in [
        (
            "adfs-13",
            include_str!("../../vectors/wstrust/adfs-13.xml"),
            Version::Trust13,
            SAML_2_TOKEN,
        ),
        (
            "adfs-2005",
            include_str!("../../vectors/wstrust/adfs-2005.xml"),
            Version::Trust12,
            "urn:oasis:names:tc:SAML:1.0:assertion",
        ),
        ("cxf", include_str!("../../vectors/wstrust/cxf.xml"), Version::Trust14, SAML_2_TOKEN),
        (
            "pingfederate",
            include_str!("../../vectors/wstrust/pingfederate.xml"),
            Version::Trust13,
            "urn:bogus:token",
        ),
        ("wso2", include_str!("../../vectors/wstrust/wso2.xml"), Version::Trust13, SAML_2_TOKEN),
    ] {
        let exchange = exchange(|s| {
            s.version = version;
            s.token_type = Some(token_type.to_owned());
        });
        let issued = receive(exchange, 200, &[], body.as_bytes());
        let issued = issued.unwrap_or_else(|failure| panic!("{name}: {failure}"));
        let token = std::str::from_utf8(issued.token.expose()).unwrap();
        let life = issued.expires_in.unwrap();
        let Expiry::At(UnixTime(end)) = issued.expiry else { panic!("{name} has no end") };
        writeln!(shown, "{name}, for {life} s, until {end}:\n{token}\n").unwrap();
    }
    insta::assert_snapshot!(shown);
}

#[test]
fn faults() {
    let mut shown = String::new();
    for (name, body) in [
        ("adfs", include_str!("../../vectors/wstrust/adfs-fault.xml")),
        ("cxf", include_str!("../../vectors/wstrust/cxf-fault.xml")),
        ("pingfederate", include_str!("../../vectors/wstrust/pingfederate-fault.xml")),
    ] {
        for token_as in [TokenAs::Security, TokenAs::OnBehalfOf] {
            let exchange = exchange(|s| s.token_as = token_as);
            let failure = receive(exchange, 500, &[], body.as_bytes()).err().unwrap();
            writeln!(shown, "{name}, {token_as:?}: {:?}, {failure}", failure.kind).unwrap();
        }
    }
    insta::assert_snapshot!(shown);
}
