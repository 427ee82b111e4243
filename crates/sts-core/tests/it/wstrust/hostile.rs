//! XML that is made to hurt is refused, in time and memory that its length bounds.

use std::time::{Duration, Instant};

use proptest::prelude::*;
use sts_core::now::UnixTime;
use sts_core::wstrust::response::{self, Reply};
use sts_core::wstrust::source;
use sts_core::wstrust::words::{SourceElement, TokenAs};

use crate::wstrust::exchange::{
    SAML_2, SAML_2_TOKEN, assertion, binary, collection, envelope, exchange, response,
};

/// What a document of a megabyte may take, with a wide margin for a slow machine and a build that
/// is not optimised; without bounds these took minutes, or all memory.
const TIME: Duration = Duration::from_secs(60);

fn parse(body: &[u8]) -> Result<Reply, String> {
    response::parse(body, &exchange(|_| {}), UnixTime(0)).map_err(|error| error.to_string())
}

fn check(token: &str) -> Result<(), String> {
    source::check(
        token.as_bytes(),
        &SourceElement::default_list(TokenAs::Security),
        TokenAs::Security,
    )
    .map(|_| ())
    .map_err(|failure| failure.reason)
}

fn answer(token: &str) -> Result<(), String> {
    parse(collection(&response(SAML_2_TOKEN, "", token)).as_bytes()).map(|_| ())
}

/// The token by itself and in an answer. A token of a client may be of fewer parts.
fn refused(token: &str, reason: &str) {
    let start = Instant::now();
    let as_source = check(token).expect_err("a source");
    let in_answer = answer(token).expect_err("an answer");
    assert!(start.elapsed() < TIME, "{:?}: {reason}", start.elapsed());
    assert!(as_source.contains(reason) || as_source.contains("too many"), "{as_source}");
    assert!(in_answer.contains(reason), "{in_answer}");
}

/// What an STS may send, and a client may not.
fn for_answers_only(token: &str) {
    let start = Instant::now();
    assert_eq!(answer(token), Ok(()));
    assert!(start.elapsed() < TIME, "{:?}", start.elapsed());
    assert!(check(token).expect_err("a source").contains("too many"));
}

fn with(content: &str) -> String {
    assertion("_a").replace("joe", content)
}

#[test]
fn ten_thousand_levels() {
    for levels in [10_000, 40_000] {
        refused(&with(&("<a>".repeat(levels) + &"</a>".repeat(levels))), "nested too deeply");
        refused(&with(&"<a>".repeat(levels)), "nested too deeply");
    }
    refused(&with(&"<a>".repeat(200_000)), "too many");
    assert!(check(&with(&("<a>".repeat(90) + &"</a>".repeat(90)))).is_ok());
}

#[test]
fn a_hundred_thousand_attributes() {
    let attributes: String = (0..100_000).map(|i| format!(" a{i}=''")).collect();
    refused(&with(&format!("<a{attributes}/>")), "too many");
    // A few at each of many elements, with a namespace that takes long to compare.
    let long = "x".repeat(512);
    let attributes: String = (0..62).map(|i| format!(" b:a{i}=''")).collect();
    let elements = format!("<a xmlns:b='{long}'{attributes}/>").repeat(1500);
    for_answers_only(&with(&elements));
    refused(&with(&format!("<a{attributes}/>").repeat(20_000)), "too many");
    refused(&with(&"=".repeat(200_000)), "too many");
}

#[test]
fn a_hundred_thousand_namespaces() {
    let declarations: String = (0..100_000).map(|i| format!(" xmlns:a{i}='u'")).collect();
    refused(&with(&format!("<a{declarations}/>")), "too many");
    // In scope at once, one an element.
    let nested: String = (0..99).map(|i| format!("<a xmlns:b{i}='u' xmlns:c{i}='u'>")).collect();
    refused(&with(&(nested + &"</a>".repeat(99))), "too many");
    // Many elements that declare one.
    for_answers_only(&with(&"<c xmlns:d='v'/>".repeat(19_900)));
    let different: String = (0..19_900).map(|i| format!("<c xmlns:d='v{i}'/>")).collect();
    for_answers_only(&with(&different));
    // Where many are in scope, fewer.
    let outer: String = (0..60).map(|i| format!(" xmlns:b{i}='u{i}'")).collect();
    let inner = |count| format!("<a{outer}>{}</a>", "<c xmlns:d='v'/>".repeat(count));
    assert_eq!(check(&with(&inner(300))), Ok(()));
    for_answers_only(&with(&inner(3000)));
    refused(&with(&inner(4000)), "too many");
    let more: String = (0..20_001).map(|i| format!("<c xmlns:d='v{i}'/>")).collect();
    refused(&with(&more), "too many");
    refused(&with(&format!("<a xmlns:b='{}'/>", "u".repeat(513))), "too many");
}

/// As OpenSAML writes them. A source token of more would be larger than any header.
#[test]
fn an_assertion_with_a_thousand_groups_is_not_hostile() {
    let value = "<saml2:AttributeValue xmlns:xs=\"http://www.w3.org/2001/XMLSchema\" \
                 xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" xsi:type=\"xs:string\">\
                 group</saml2:AttributeValue>";
    assert_eq!(check(&with(&value.repeat(1300))), Ok(()));
    for_answers_only(&with(&value.repeat(9000)));
}

#[test]
fn a_million_elements() {
    refused(&with(&"<a/>".repeat(1_000_000)), "too many");
    refused(&with(&"a<![CDATA[b]]>".repeat(200_000)), "too many");
    for unit in ["<a/>", "a<![CDATA[b]]>", "<!---->"] {
        for_answers_only(&with(&unit.repeat(90_000)));
        assert_eq!(check(&with(&unit.repeat(9_000))), Ok(()));
    }
}

#[test]
fn entities() {
    let bomb: String = (1..10)
        .map(|i| format!("<!ENTITY e{i} \"{}\">", format!("&e{};", i - 1).repeat(10)))
        .collect();
    for dtd in [
        "<!DOCTYPE a>".to_owned(),
        format!("<!DOCTYPE a [<!ENTITY e0 \"x\">{bomb}]>"),
        "<!DOCTYPE a [<!ENTITY e9 SYSTEM \"file:///etc/passwd\">]>".to_owned(),
        "<!DOCTYPE a SYSTEM \"http://127.0.0.1:1/a.dtd\">".to_owned(),
        "<!DOCTYPE a [<!ENTITY % p SYSTEM \"http://127.0.0.1:1/\"> %p;]>".to_owned(),
    ] {
        let token = with("&e9;");
        assert_eq!(check(&format!("{dtd}{token}")).unwrap_err(), "the source token has a DOCTYPE");
        let body = collection(&response(SAML_2_TOKEN, "", &token));
        assert_eq!(
            parse(format!("{dtd}{body}").as_bytes()).err().unwrap(),
            "the answer has a DOCTYPE"
        );
        refused(&with(&dtd), "has a DOCTYPE");
    }
    refused(&with("&e9;"), "not well-formed");
    refused(&with("&#x110000;"), "not well-formed");
}

#[test]
fn a_value_that_never_ends() {
    for token in [
        with(&format!("<a b='{}", "x".repeat(1_000_000))),
        with(&format!("<!--{}", "-".repeat(1_000_000))),
        with(&"<![CDATA[".repeat(90_000)),
        with(&"<!--".repeat(90_000)),
        with(&"<?".repeat(90_000)),
        with(&"<a ".repeat(90_000)),
        with(&"<a b='".repeat(90_000)),
        with(&"</".repeat(90_000)),
        with(&"<".repeat(99_000)),
    ] {
        refused(&token, "not well-formed");
    }
}

#[test]
fn many_candidates_and_many_prefixes_take_no_longer() {
    let start = Instant::now();
    let responses =
        response("urn:other", "", &assertion("_a").replace("saml2:Assertion", "saml2:x"))
            .repeat(4000);
    assert!(parse(collection(&responses).as_bytes()).is_err());
    let declarations: String = (0..60).map(|i| format!(" xmlns:b{i}='u{i}'")).collect();
    let token = with(&"a:b:c:".repeat(150_000));
    let body = collection(&response(SAML_2_TOKEN, "", &token))
        .replace("<s:Header/>", "")
        .replace("<s:Body>", &format!("<s:Body{declarations}>"));
    assert!(parse(body.as_bytes()).is_ok());
    assert!(start.elapsed() < TIME, "{:?}", start.elapsed());
}

#[test]
fn other_encodings() {
    let body = collection(&response(SAML_2_TOKEN, "", &assertion("_a")));
    let utf_16 =
        |bytes: fn(u16) -> [u8; 2]| body.encode_utf16().flat_map(bytes).collect::<Vec<_>>();
    let latin_1 = body.replace("joe", "j\u{f6}e").chars().map(|c| c as u8).collect::<Vec<_>>();
    for bytes in [
        utf_16(u16::to_le_bytes),
        utf_16(u16::to_be_bytes),
        [b"\xff\xfe".to_vec(), utf_16(u16::to_le_bytes)].concat(),
        latin_1,
        // An overlong "<", and a surrogate.
        body.replace("joe", "*")
            .bytes()
            .flat_map(|b| if b == b'*' { vec![0xc0, 0xbc] } else { vec![b] })
            .collect(),
        body.replace("joe", "*")
            .bytes()
            .flat_map(|b| if b == b'*' { vec![0xed, 0xa0, 0x80] } else { vec![b] })
            .collect(),
    ] {
        let reason = parse(&bytes).err().unwrap();
        assert!(
            reason == "the answer is not UTF-8" || reason.contains("not well-formed"),
            "{reason}"
        );
    }
    for encoding in ["UTF-16", "ISO-8859-1", "windows-1252", "UTF-7", "utf-32", "EBCDIC-CP-US", ""]
    {
        let body = format!("<?xml version=\"1.0\" encoding=\"{encoding}\"?>{body}");
        assert_eq!(
            parse(body.as_bytes()).err().unwrap(),
            "the answer declares an encoding that is not UTF-8"
        );
    }
}

#[test]
fn what_is_cut_at_any_byte_is_refused() {
    let jwt = "urn:ietf:params:oauth:token-type:jwt";
    for (body, wanted) in [
        (
            collection(&response(SAML_2_TOKEN, "", &with("j\u{f6}e &amp; <![CDATA[x]]>"))),
            SAML_2_TOKEN,
        ),
        (
            format!(
                "\u{feff}<?xml version='1.0'?>{}",
                collection(&response(jwt, "", &binary(jwt, "and0")))
            ),
            jwt,
        ),
        (envelope("<s:Fault><s:Code><s:Value>s:Sender</s:Value></s:Code></s:Fault>"), jwt),
    ] {
        let exchange = exchange(|s| s.token_type = Some(wanted.to_owned()));
        let parse = |body: &[u8]| response::parse(body, &exchange, UnixTime(0));
        assert!(parse(body.as_bytes()).is_ok());
        for end in 0..body.len() {
            assert!(parse(&body.as_bytes()[..end]).is_err(), "{}", &body[..end.min(body.len())]);
        }
    }
    let token = with("j\u{f6}e");
    for end in 0..token.len() {
        let cut = &token.as_bytes()[..end];
        assert!(
            source::check(cut, &SourceElement::default_list(TokenAs::Security), TokenAs::Security)
                .is_err(),
            "{end}"
        );
    }
}

#[test]
fn what_parsers_do_not_agree_on_is_refused() {
    for tag in [
        "<:a/>",
        "<a :b='1'/>",
        "<x:a/>",
        "<a b:xmlns='u'/>",
        "<a xmlns='u' xmlns='v'/>",
        "<a xmlns:b=''/>",
        "<a xmlns:xmlns='u'/>",
        "<a xmlns:b='http://www.w3.org/XML/1998/namespace'/>",
        "<a xmlns:xml='u'/>",
        "<a xmlns:b='http://www.w3.org/2000/xmlns/'/>",
        "<xmlns:a/>",
        "<a b='1' b='2'/>",
        "<a xmlns:b='u' xmlns:c='u' b:d='1' c:d='2'/>",
        "<a b='1'c='2'/>",
        "<a b='<'/>",
        "<a\u{b}/>",
        "<?xml version='1.0'?>",
        "<?XML\tx?>",
        "</a>",
        "]]>",
        "<!-- -- -->",
        "<![cdata[]]>",
        "<!ELEMENT a ANY>",
        "&lt",
        "&#;",
        "&#x;",
        "&#xDFFF;",
        "& ",
    ] {
        refused(&with(tag), "not well-formed");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = parse(&bytes);
        let _ = source::check(&bytes, &SourceElement::default_list(TokenAs::Security), TokenAs::Security);
    }

    #[test]
    fn nothing_like_xml_panics(text in "([<>/!?=:'\"& \\[\\]-]|<a|</a>|xmlns|CDATA|;|b|\u{e9}){0,60}") {
        let _ = parse(text.as_bytes());
        let _ = parse(envelope(&text).as_bytes());
        let _ = parse(collection(&response(SAML_2_TOKEN, "", &text)).as_bytes());
        let _ = check(&text);
        let _ = check(&with(&text));
    }

    #[test]
    fn no_damaged_answer_panics_or_changes_what_is_said(
        at in any::<proptest::sample::Index>(), byte in any::<u8>(),
    ) {
        let mut body = collection(&response(SAML_2_TOKEN, "", &assertion("_a"))).into_bytes();
        let at = at.index(body.len());
        body[at] = byte;
        // Whatever comes out is XML that stands alone, and an assertion.
        if let Ok(Reply::Issued(issued)) = parse(&body) {
            let token = std::str::from_utf8(issued.token.expose()).unwrap();
            let document = roxmltree::Document::parse(token).unwrap();
            prop_assert!(document.root_element().has_tag_name((SAML_2, "Assertion")));
        }
    }

    #[test]
    fn an_accepted_source_is_one_element(
        text in "(<a/>|<b x='1'>|</b>|t|<!---->|<?p?>| |&#10;){0,8}",
    ) {
        for token in [with(&text), format!("{text}{}", assertion("_a")), format!("{}{text}", assertion("_a"))] {
            if let Ok(element) = source::check(token.as_bytes(), &SourceElement::default_list(TokenAs::Security), TokenAs::Security) {
                let wrapped = format!("<w>{element}</w>");
                let document = roxmltree::Document::parse(&wrapped).unwrap();
                let children: Vec<_> = document.root_element().children().collect();
                prop_assert_eq!(children.len(), 1);
                prop_assert!(children[0].has_tag_name((SAML_2, "Assertion")));
            }
        }
    }
}
