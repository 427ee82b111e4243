//! A token of XML leaves its answer byte by byte, and stands alone.

use std::collections::BTreeSet;

use proptest::prelude::*;
use roxmltree::{Document, Node};

use crate::wstrust::exchange::{SAML_2, SAML_2_TOKEN, WST, token_of};

const XS: &str = "http://www.w3.org/2001/XMLSchema";
const XSI: &str = "http://www.w3.org/2001/XMLSchema-instance";

/// An answer whose envelope declares more than its own namespaces.
fn answer(declarations: &str, token: &str) -> String {
    format!(
        "<s:Envelope xmlns:s=\"http://www.w3.org/2003/05/soap-envelope\" xmlns:wst=\"{WST}\" \
         {declarations}><s:Body><wst:RequestSecurityTokenResponseCollection>\
         <wst:RequestSecurityTokenResponse><wst:TokenType>{SAML_2_TOKEN}</wst:TokenType>\
         <wst:RequestedSecurityToken>{token}</wst:RequestedSecurityToken>\
         </wst:RequestSecurityTokenResponse></wst:RequestSecurityTokenResponseCollection>\
         </s:Body></s:Envelope>"
    )
}

/// The declarations of the envelope, the token in it, and what is added to the start of the token.
fn check(declarations: &str, token: &str, added: &str) {
    let body = answer(declarations, token);
    let extracted = token_of(&body);
    let name_end = token.find([' ', '>', '/']).unwrap();
    let (name, rest) = token.split_at(name_end);
    assert_eq!(extracted, format!("{name}{added}{rest}"), "{body}");
    assert_same_tree(&body, &extracted);
}

/// Compares all that canonicalisation looks at.
fn assert_same_tree(body: &str, extracted: &str) {
    let (inside, alone) = (Document::parse(body).unwrap(), Document::parse(extracted).unwrap());
    let inside = inside
        .descendants()
        .find(|node| node.tag_name().name() == "RequestedSecurityToken")
        .and_then(|node| node.first_element_child())
        .unwrap();
    let (mut inside, mut alone) = (inside.descendants(), alone.root_element().descendants());
    loop {
        let (a, b) = (inside.next(), alone.next());
        assert_eq!(a.is_some(), b.is_some());
        let (Some(a), Some(b)) = (a, b) else { break };
        assert_eq!(a.node_type(), b.node_type());
        assert_eq!(a.tag_name(), b.tag_name());
        assert_eq!(a.text(), b.text());
        assert_eq!(attributes(a), attributes(b));
        assert_eq!(visible(a), visible(b), "{extracted}");
    }
}

fn attributes(node: Node<'_, '_>) -> BTreeSet<(String, String, String)> {
    let attribute = |a: roxmltree::Attribute<'_, '_>| {
        (a.namespace().unwrap_or_default().to_owned(), a.name().to_owned(), a.value().to_owned())
    };
    node.attributes().map(attribute).collect()
}

/// The namespaces that the name of an element, those of its attributes, and prefixes in their values
/// refer to.
fn visible(node: Node<'_, '_>) -> Vec<(String, Option<String>)> {
    if !node.is_element() {
        return Vec::new();
    }
    let text = node.document().input_text();
    let name =
        text[node.range().start + 1..].split([' ', '>', '/', '\t', '\n', '\r']).next().unwrap();
    let mut prefixes = vec![name.split_once(':').map_or("", |(prefix, _)| prefix)];
    for attribute in node.attributes() {
        let name = &text[attribute.range_qname()];
        prefixes.extend(name.split_once(':').map(|(prefix, _)| prefix));
        prefixes.extend(attribute.value().split_once(':').map(|(prefix, _)| prefix));
        if attribute.name() == "PrefixList" {
            let listed = attribute.value().split_ascii_whitespace();
            prefixes.extend(listed.map(|p| p.trim_start_matches("#default")));
        }
    }
    prefixes
        .into_iter()
        .map(|prefix| {
            let known = node.lookup_namespace_uri(Some(prefix).filter(|p| !p.is_empty()));
            (prefix.to_owned(), known.filter(|uri| !uri.is_empty()).map(str::to_owned))
        })
        .collect()
}

#[test]
fn a_token_that_stands_alone_stays_as_it_is() {
    let token = format!(
        "<a:Assertion xmlns:a='{SAML_2}' ID=\"_1\"\n\t>\r\n<!-- x --><a:x>\u{e9}&#10;</a:x></a:Assertion >"
    );
    check("", &token, "");
    // What is around it and not used in it does not come along.
    check("xmlns:b=\"urn:b\" xmlns=\"urn:c\"", &token, "");
    // Its own declarations come first.
    check("xmlns:a=\"urn:a\"", &token, "");
    check("", &format!("<Assertion xmlns='{SAML_2}'/>"), "");
    check("xmlns=\"urn:c\"", &format!("<Assertion xmlns='{SAML_2}'><x xmlns=''/></Assertion>"), "");
}

#[test]
fn prefixes_of_elements_and_attributes_are_declared() {
    let declarations = format!("xmlns:a=\"{SAML_2}\" xmlns:b=\"urn:b\" xmlns:c=\"urn:c\"");
    let own = format!(" xmlns:a=\"{SAML_2}\"");
    check(&declarations, "<a:Assertion/>", &own);
    check(&declarations, "<a:Assertion ID=\"_1\"><a:x/></a:Assertion>", &own);
    let all = format!("{own} xmlns:b=\"urn:b\"");
    check(&declarations, "<a:Assertion><b:x/></a:Assertion>", &all);
    check(&declarations, "<a:Assertion b:x=\"1\"/>", &all);
    check(&declarations, "<a:Assertion><a:x><a:x b:x='1'/></a:x></a:Assertion>", &all);
    // Declared further inside, but used before.
    check(&declarations, "<a:Assertion><b:x/><b:x xmlns:b='urn:d'/></a:Assertion>", &all);
    check(&declarations, "<a:Assertion><b:x xmlns:b='urn:d'/><b:x/></a:Assertion>", &all);
    // Declared where it is used.
    check(&declarations, "<a:Assertion><b:x xmlns:b='urn:b'><b:x/></b:x></a:Assertion>", &own);
}

#[test]
fn the_default_namespace_is_declared() {
    let declarations = format!("xmlns=\"{SAML_2}\"");
    let added = format!(" xmlns=\"{SAML_2}\"");
    check(&declarations, "<Assertion/>", &added);
    check(&declarations, "<Assertion><a/></Assertion>", &added);
    check(&declarations, "<Assertion><a xmlns=''><b/></a></Assertion>", &added);
    let prefixed = |inside: &str| format!("<a:Assertion xmlns:a='{SAML_2}'>{inside}</a:Assertion>");
    check("xmlns=\"urn:d\"", &prefixed("<x/>"), " xmlns=\"urn:d\"");
    check("xmlns=\"urn:d\"", &prefixed("<a:x y='1'/>"), "");
    // It was undeclared on the way.
    let body = answer("xmlns=\"urn:d\"", &prefixed("<x/>"))
        .replace("<wst:RequestedSecurityToken>", "<wst:RequestedSecurityToken xmlns=\"\">");
    assert_eq!(token_of(&body), prefixed("<x/>"));
    // The nearest one counts.
    let body = answer("xmlns=\"urn:d\"", &prefixed("<x/>"))
        .replace("<wst:RequestedSecurityToken>", "<wst:RequestedSecurityToken xmlns=\"urn:e\">");
    assert!(token_of(&body).starts_with("<a:Assertion xmlns=\"urn:e\" "));
}

#[test]
fn prefixes_in_values_and_text_are_declared() {
    let declarations = format!("xmlns:xs=\"{XS}\" xmlns:xsi=\"{XSI}\" xmlns:b=\"urn:b\"");
    let token = |inside: &str| format!("<a:Assertion xmlns:a='{SAML_2}'>{inside}</a:Assertion>");
    let (xs, xsi) = (format!(" xmlns:xs=\"{XS}\""), format!(" xmlns:xsi=\"{XSI}\""));
    check(&declarations, &token("<a:V xsi:type='xs:string'>t</a:V>"), &format!("{xs}{xsi}"));
    check(&declarations, &token(&format!("<a:V xmlns:xsi='{XSI}' xsi:type='xs:string'/>")), &xs);
    check(&declarations, &token("<a:V x='(b:y | c:z)'/>"), " xmlns:b=\"urn:b\"");
    check(&declarations, &token("<a:V>b:y</a:V>"), " xmlns:b=\"urn:b\"");
    check(&declarations, &token("<a:V><![CDATA[ b:y]]></a:V>"), " xmlns:b=\"urn:b\"");
    check(&declarations, &token("<a:V x='http://b/c'>urn:b 12:00:00Z xb:y</a:V>"), "");
    check(&declarations, &token("<!-- b:y --><a:V xmlns:c='b:y'/>"), "");
}

#[test]
fn prefixes_of_an_inclusive_list_are_declared() {
    let declarations = format!("xmlns:xs=\"{XS}\" xmlns:b=\"urn:b\" xmlns=\"urn:d\"");
    let token = |list: &str, inside: &str| {
        format!(
            "<a:Assertion xmlns:a='{SAML_2}'><e:InclusiveNamespaces \
             xmlns:e='http://www.w3.org/2001/10/xml-exc-c14n#' PrefixList='{list}'/>{inside}\
             </a:Assertion>"
        )
    };
    let (xs, b, default) =
        (format!(" xmlns:xs=\"{XS}\""), " xmlns:b=\"urn:b\"", " xmlns=\"urn:d\"");
    check(&declarations, &token("xs", ""), &xs);
    check(&declarations, &token("a xs\tb  none", ""), &format!("{xs}{b}"));
    check(&declarations, &token("#default", ""), default);
    check(&declarations, &token("", ""), "");
    // At the top of what is signed it counts, although it is declared once more where it is used.
    check(&declarations, &token("xs", &format!("<a:V xmlns:xs='{XS}' x='xs:y'/>")), &xs);
    let inner = token("xs", "").replace("PrefixList", &format!("xmlns:xs='{XS}' PrefixList"));
    check(&declarations, &inner, &xs);
    let own = token("xs", "").replace("xmlns:a", "xmlns:xs='urn:own' xmlns:a");
    check(&declarations, &own, "");
}

#[test]
fn the_name_of_a_namespace_is_escaped() {
    let token = "<a:Assertion><b:x/></a:Assertion>";
    for (written, expected) in [
        ("urn:x?a&amp;b&lt;c&#34;d'", "urn:x?a&amp;b&lt;c&quot;d'"),
        ("urn:\u{e9}&#xe9;", "urn:\u{e9}\u{e9}"),
        ("urn:&#9;&#10;&#13;", "urn:&#9;&#10;&#13;"),
        ("urn:a\nb", "urn:a b"),
    ] {
        let declarations = format!("xmlns:a=\"{SAML_2}\" xmlns:b=\"{written}\"");
        let added = format!(" xmlns:a=\"{SAML_2}\" xmlns:b=\"{expected}\"");
        check(&declarations, token, &added);
    }
}

/// An element with what it declares, and elements in it. Prefixes are `p0` to `p3`; 4 is none.
#[derive(Clone, Debug)]
struct Element {
    prefix: usize,
    declares: Vec<(usize, usize)>,
    attribute: Option<usize>,
    value: Option<usize>,
    text: Option<usize>,
    children: Vec<Self>,
}

fn element() -> impl Strategy<Value = Element> {
    let own = || {
        (
            0..5_usize,
            proptest::collection::vec((0..5_usize, 0..4_usize), 0..3),
            proptest::option::of(0..4_usize),
            proptest::option::of(0..4_usize),
            proptest::option::of(0..4_usize),
        )
    };
    let make = |(prefix, mut declares, attribute, value, text): (usize, Vec<_>, _, _, _),
                children| {
        declares.sort_unstable();
        declares.dedup_by_key(|(prefix, _): &mut (usize, usize)| *prefix);
        Element { prefix, declares, attribute, value, text, children }
    };
    let leaf = own().prop_map(move |own| make(own, Vec::new()));
    leaf.prop_recursive(4, 20, 4, move |inner| {
        (own(), proptest::collection::vec(inner, 0..4))
            .prop_map(move |(own, children)| make(own, children))
    })
}

impl Element {
    fn write(&self, local: &str, out: &mut String) {
        let name = match self.prefix {
            4 => local.to_owned(),
            prefix => format!("p{prefix}:{local}"),
        };
        *out += &format!("<{name}");
        for (prefix, uri) in &self.declares {
            *out += &match (prefix, uri) {
                (4, 0) => " xmlns=''".to_owned(),
                (4, uri) => format!(" xmlns='urn:{uri}'"),
                (prefix, uri) => format!(" xmlns:p{prefix}=\"urn:{uri}\""),
            };
        }
        if let Some(prefix) = self.attribute {
            *out += &format!(" p{prefix}:a='1'");
        }
        if let Some(prefix) = self.value {
            *out += &format!(" v='p{prefix}:x'");
        }
        *out += ">";
        if let Some(prefix) = self.text {
            *out += &format!("p{prefix}:y");
        }
        for child in &self.children {
            child.write("c", out);
        }
        *out += &format!("</{name}>");
    }
}

proptest! {
    #[test]
    fn extraction_changes_nothing_but_adds_what_is_needed(
        mut token in element(), around in 0..4_usize, default in any::<bool>(),
    ) {
        // The root has to be an assertion; its children may be anything.
        token.prefix = 0;
        token.declares.retain(|(prefix, _)| *prefix != 0);
        let mut written = String::new();
        token.write("Assertion", &mut written);
        let mut declarations = format!("xmlns:p0=\"{SAML_2}\"");
        for prefix in 1..4 {
            declarations += &format!(" xmlns:p{prefix}=\"urn:around:{}\"", (prefix + around) % 4);
        }
        if default {
            declarations += " xmlns=\"urn:around\"";
        }
        let body = answer(&declarations, &written);
        let extracted = token_of(&body);
        assert_same_tree(&body, &extracted);

        // Without what was added it is what it was.
        let added = extracted.len() - written.len();
        let name = "<p0:Assertion".len();
        prop_assert_eq!(format!("{}{}", &extracted[..name], &extracted[name + added..]), written);

        // And each addition is needed: without it the token is not the same, or not XML.
        let added = &extracted[name..name + added];
        for declaration in added.split(" xmlns").skip(1) {
            let without = extracted.replacen(&format!(" xmlns{declaration}"), "", 1);
            let same = std::panic::catch_unwind(|| assert_same_tree(&body, &without)).is_ok();
            let in_text = declaration.split(['=', ':']).nth(1).is_some_and(|prefix| {
                extracted.contains(&format!("{prefix}:y"))
            });
            prop_assert!(!same || in_text, "{declaration} is not needed: {extracted}");
        }
    }
}
