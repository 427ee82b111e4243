//! What the STS refuses of WS-Trust, what it must not refuse, and what it issues.

use std::process::Command;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use devsts::pki::{Identity, Leaf};
use devsts::sts::wstrust::{Layout, Requestor};
use devsts::{Sts, WsTrust, target_for};
use openssl::base64::{decode_block, encode_block};

use crate::wire::{Reply, Request, Wire};

const SOAP_1_1: &str = "http://schemas.xmlsoap.org/soap/envelope/";
const SOAP_1_2: &str = "http://www.w3.org/2003/05/soap-envelope";
const WST: &str = "http://docs.oasis-open.org/ws-sx/ws-trust/200512";
const WST_2005: &str = "http://schemas.xmlsoap.org/ws/2005/02/trust";
const WSS: &str = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-";
const SAML_2: &str = "urn:oasis:names:tc:SAML:2.0:assertion";
const SAML_2_TOKEN: &str =
    "http://docs.oasis-open.org/wss/oasis-wss-saml-token-profile-1.1#SAMLV2.0";
const SAML_1_TOKEN: &str =
    "http://docs.oasis-open.org/wss/oasis-wss-saml-token-profile-1.1#SAMLV1.1";

fn wstrust() -> WsTrust {
    WsTrust::at("/trust")
}

fn start(wstrust: WsTrust) -> Sts {
    Sts::builder().wstrust(wstrust).start().unwrap()
}

/// `xsd:dateTime`, so many seconds from now.
fn moment(seconds: i64) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let at = UNIX_EPOCH + Duration::from_secs(now.checked_add_signed(seconds).unwrap());
    let at = at.duration_since(UNIX_EPOCH).unwrap().as_secs();
    let date = Command::new("date")
        .args(["-u", "-d", &format!("@{at}"), "+%Y-%m-%dT%H:%M:%SZ"])
        .output()
        .unwrap();
    String::from_utf8(date.stdout).unwrap().trim().to_owned()
}

/// Another one each time.
fn uuid() -> String {
    let mut bytes = [0; 16];
    openssl::rand::rand_bytes(&mut bytes).unwrap();
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{}-{}-4{}-8{}-{}", &hex[..8], &hex[8..12], &hex[13..16], &hex[17..20], &hex[20..])
}

fn binary(token: &str) -> String {
    format!(
        "<o:BinarySecurityToken ValueType=\"urn:jwt\" \
         EncodingType=\"{WSS}soap-message-security-1.0#Base64Binary\">{}</o:BinarySecurityToken>",
        encode_block(token.as_bytes())
    )
}

fn assertion(name: &str, until: &str) -> String {
    format!(
        "<saml:Assertion xmlns:saml=\"{SAML_2}\" ID=\"_1\"><saml:Subject><saml:NameID>{name}\
         </saml:NameID></saml:Subject><saml:Conditions NotOnOrAfter=\"{until}\"/></saml:Assertion>"
    )
}

/// A good message for a token in its security header, to be changed.
fn message(token: &str) -> String {
    let id = uuid();
    format!(
        "<e:Envelope xmlns:e=\"{SOAP_1_2}\" xmlns:a=\"http://www.w3.org/2005/08/addressing\">\
         <e:Header><a:Action>{WST}/RST/Issue</a:Action><a:MessageID>urn:uuid:{id}</a:MessageID>\
         <a:To>http://sts/trust</a:To><o:Security e:mustUnderstand=\"1\" \
         xmlns:o=\"{WSS}wssecurity-secext-1.0.xsd\" xmlns:u=\"{WSS}wssecurity-utility-1.0.xsd\">\
         <u:Timestamp u:Id=\"T\"><u:Created>{}</u:Created><u:Expires>{}</u:Expires></u:Timestamp>\
         {token}</o:Security></e:Header><e:Body><t:RequestSecurityToken xmlns:t=\"{WST}\">\
         <t:TokenType>urn:jwt</t:TokenType><t:RequestType>{WST}/Issue</t:RequestType>\
         <p:AppliesTo xmlns:p=\"http://schemas.xmlsoap.org/ws/2004/09/policy\"><a:EndpointReference>\
         <a:Address>urn:app</a:Address></a:EndpointReference></p:AppliesTo>\
         <t:KeyType>{WST}/Bearer</t:KeyType></t:RequestSecurityToken></e:Body></e:Envelope>",
        moment(0),
        // It may take a second until the check, and 300 are the most.
        moment(290)
    )
}

/// How a message travels.
fn request(message: &str) -> Request {
    let action = between(message, "<a:Action>", "<");
    let (content_type, action) = if message.contains(SOAP_1_1) {
        ("text/xml; charset=utf-8".to_owned(), Some(format!("\"{action}\"")))
    } else {
        (format!("application/soap+xml; charset=utf-8; action=\"{action}\""), None)
    };
    let request = Request::get("/trust").method("POST").body(message.as_bytes());
    let request = request.without_header("Host").header("Host", "sts");
    let request = request.header("Content-Type", &content_type);
    match action {
        Some(action) => request.header("SOAPAction", &action),
        None => request,
    }
}

fn ask(sts: &Sts, message: &str) -> Reply {
    Wire::connect(sts).ask(&request(message))
}

fn text(reply: &Reply) -> String {
    String::from_utf8(reply.body.clone()).unwrap()
}

/// What stands between two texts.
fn between<'a>(text: &'a str, before: &str, behind: &str) -> &'a str {
    let (_, rest) = text.split_once(before).unwrap_or_else(|| panic!("no {before} in {text}"));
    rest.split_once(behind).unwrap_or_else(|| panic!("no {behind} in {text}")).0
}

#[test]
fn a_good_message_gets_a_token_in_a_collection() {
    let sts = start(wstrust().applies_to("urn:app").value_type("urn:jwt"));
    let message = message(&binary("alice"));
    let reply = ask(&sts, &message);
    let body = text(&reply);
    assert_eq!(reply.status, 200, "{body}");
    assert_eq!(reply.header("Content-Type"), Some("application/soap+xml; charset=utf-8"));
    assert!(body.contains("<wst:RequestSecurityTokenResponseCollection>"), "{body}");
    assert!(body.contains(&format!("{WST}/RSTRC/IssueFinal")), "{body}");
    assert!(body.contains("<wst:Lifetime><wsu:Created>"), "{body}");
    let id = between(&message, "<a:MessageID>", "<");
    assert!(body.contains(&format!("<a:RelatesTo>{id}</a:RelatesTo>")), "{body}");
    let token = between(&body, "Base64Binary\">", "<");
    assert_eq!(decode_block(token).unwrap(), target_for("alice", 1).as_bytes());
    assert_eq!(sts.source_of(&target_for("alice", 1)).as_deref(), Some("alice"));
}

#[test]
fn older_versions_are_spoken_as_they_were() {
    let sts = start(wstrust());
    let old = message(&binary("alice"))
        .replace(
            &format!("{WST}/Bearer"),
            "http://schemas.xmlsoap.org/ws/2005/05/identity/NoProofKey",
        )
        .replace(WST, WST_2005);
    let reply = ask(&sts, &old);
    assert_eq!(reply.status, 200, "{}", text(&reply));
    assert!(!text(&reply).contains("Collection"));
    assert!(text(&reply).contains(&format!("{WST_2005}/RSTR/Issue")));

    let reply = ask(&sts, &message(&binary("alice")).replace(SOAP_1_2, SOAP_1_1));
    assert_eq!(reply.status, 200, "{}", text(&reply));
    assert_eq!(reply.header("Content-Type"), Some("text/xml; charset=utf-8"));
    assert!(text(&reply).contains(SOAP_1_1));
}

#[test]
fn what_is_out_of_order_is_refused() {
    let expired = assertion("alice", &moment(-5));
    let good = || message(&binary("alice"));
    let change = |from: &str, to: &str| {
        let good = good();
        assert!(good.contains(from), "{from} is not there");
        good.replacen(from, to, 1)
    };
    let timestamp = |created: i64, expires: i64| {
        let message = good();
        let stamp = between(&message, "<u:Created>", "</u:Timestamp>").to_owned();
        let other =
            format!("{}</u:Created><u:Expires>{}</u:Expires>", moment(created), moment(expires));
        message.replace(&stamp, &other)
    };
    let to = "<a:To>http://sts/trust</a:To>";
    let token = binary("alice");
    let rows = [
        ("BadRequest", change("<t:TokenType>urn:jwt</t:TokenType>", "<t:TokenType></t:TokenType>")),
        ("BadRequest", change("<t:TokenType>", "<t:TokenType/><t:TokenType>")),
        ("BadRequest", change("<t:KeyType>", "<t:KeySize>128</t:KeySize><t:KeyType>")),
        ("BadRequest", change("/Bearer", "/SymmetricKey")),
        ("BadRequest", change("/Issue</t:RequestType>", "/Validate</t:RequestType>")),
        ("BadRequest", good().replace("t:RequestSecurityToken", "t:RequestSecurityTokens")),
        ("InvalidScope", change("urn:app", "urn:other")),
        ("ActionNotSupported", change("<t:RequestSecurityToken xmlns:t", "<t:RequestSecurityToken xmlns:t=\"http://schemas.xmlsoap.org/ws/2005/02/trust\" xmlns:x").replace(&format!("{WST}/Issue"), &format!("{WST_2005}/Issue"))),
        ("MessageAddressingHeaderRequired", change(to, "")),
        ("MessageAddressingHeaderRequired", change(to, &format!("{to}{to}"))),
        ("DestinationUnreachable", change(to, "<a:To>http://sts/other</a:To>")),
        ("InvalidAddressingHeader", change("urn:uuid:", "uuid:")),
        ("MustUnderstand", change("<a:To>", "<x e:mustUnderstand=\"1\"/><a:To>")),
        ("Sender", change("<a:To>", "<x/><a:To>")),
        ("Sender", change("<e:Body>", "<e:Body><x/>")),
        ("Sender", change("<e:Body>", "text<e:Body>")),
        ("Sender", change("<e:Envelope", "<!DOCTYPE e [<!ENTITY x \"y\">]><e:Envelope")),
        ("Sender", change(SOAP_1_2, "urn:soap")),
        ("InvalidSecurity", change(" e:mustUnderstand=\"1\"", "")),
        ("InvalidSecurity", change("<u:Expires>", "<u:Expired>").replace("</u:Expires>", "</u:Expired>")),
        ("InvalidSecurity", change("</u:Created>", ".</u:Created>")),
        ("InvalidSecurity", timestamp(0, 301)),
        ("MessageExpired", timestamp(-300, -1)),
        ("MessageExpired", timestamp(120, 300)),
        ("InvalidSecurity", message(&format!("{token}<x xmlns=\"\"/>"))),
        ("InvalidSecurity", change("<o:BinarySecurityToken", "<o:BinarySecurityToken u:Id=\"T\"")),
        ("SecurityTokenUnavailable", message("")),
        ("UnsupportedSecurityToken", message("<x xmlns=\"\"/>")),
        ("UnsupportedSecurityToken", change("urn:jwt\" E", "urn:other\" E")),
        ("InvalidSecurityToken", change("#Base64Binary", "#HexBinary")),
        ("InvalidSecurityToken", message(&token.replace("YWxpY2U=", "YWxpY2U"))),
        ("ExpiredData", message(&expired)),
        ("InvalidSecurityToken", message(&expired.replace("NameID", "Name"))),
    ];
    for (code, message) in rows {
        let sts = start(wstrust().applies_to("urn:app").value_type("urn:jwt"));
        let reply = ask(&sts, &message);
        let body = text(&reply);
        assert!(matches!(reply.status, 400 | 500), "{code}: {body}\n{message}");
        assert!(body.contains(&format!(":{code}<")), "{code}: {body}\n{message}");
        assert!(sts.issued().is_empty());
    }
}

#[test]
fn http_has_to_say_the_same_as_the_message() {
    let sts = start(wstrust());
    let good = || request(&message(&binary("alice")));
    let soap_1_1 = || request(&message(&binary("alice")).replace(SOAP_1_2, SOAP_1_1));
    let retyped = |content_type: &str| {
        good().without_header("Content-Type").header("Content-Type", content_type)
    };
    for (name, request, status) in [
        ("GET", good().method("PUT"), 405),
        ("a query", good().target("/trust?a=b"), 400),
        ("no type", good().without_header("Content-Type"), 415),
        ("no action", retyped("application/soap+xml; charset=utf-8"), 400),
        ("another action", retyped("application/soap+xml; charset=utf-8; action=\"urn:x\""), 400),
        ("a type of SOAP 1.1", retyped("text/xml; charset=utf-8"), 400),
        ("an action of SOAP 1.1", good().header("SOAPAction", "\"urn:x\""), 400),
        ("no SOAPAction", soap_1_1().without_header("SOAPAction"), 500),
        (
            "a bare SOAPAction",
            soap_1_1()
                .without_header("SOAPAction")
                .header("SOAPAction", &format!("{WST}/RST/Issue")),
            500,
        ),
    ] {
        let reply = Wire::connect(&sts).ask(&request);
        assert_eq!(reply.status, status, "{name}: {}", text(&reply));
    }
    assert!(sts.issued().is_empty());
}

#[test]
fn nothing_is_accepted_twice() {
    let sts = start(wstrust());
    let message = message(&binary("alice"));
    assert_eq!(ask(&sts, &message).status, 200);
    let again = ask(&sts, &message);
    assert_eq!(again.status, 400);
    assert!(text(&again).contains("InvalidSecurity"), "{}", text(&again));
}

/// A `UsernameToken` that is made when the message is.
fn username_token(message: &str, kind: &str, password: &str, nonce: &[u8]) -> String {
    let created = between(message, "<u:Created>", "<").to_owned();
    let password = match kind {
        "Digest" => {
            let digested = [nonce, created.as_bytes(), password.as_bytes()].concat();
            encode_block(&openssl::sha::sha1(&digested))
        }
        _ => password.to_owned(),
    };
    let token = format!(
        "<o:UsernameToken><o:Username>gateway</o:Username><o:Password \
         Type=\"{WSS}username-token-profile-1.0#Password{kind}\">{password}</o:Password>\
         <o:Nonce EncodingType=\"{WSS}soap-message-security-1.0#Base64Binary\">{}</o:Nonce>\
         <u:Created>{created}</u:Created></o:UsernameToken>",
        encode_block(nonce)
    );
    message.replace("</o:Security>", &format!("{token}</o:Security>"))
}

/// A message in which the gateway asks for another subject.
fn on_behalf_of(token: &str) -> String {
    let token = token.replacen(
        "<o:BinarySecurityToken",
        &format!("<o:BinarySecurityToken xmlns:o=\"{WSS}wssecurity-secext-1.0.xsd\""),
        1,
    );
    message("").replace("<t:KeyType>", &format!("<t:OnBehalfOf>{token}</t:OnBehalfOf><t:KeyType>"))
}

#[test]
fn a_requestor_that_asks_for_another_subject_authenticates() {
    let user = |of: fn(String, String) -> Requestor| of("gateway".to_owned(), "secret".to_owned());
    let token = binary("alice");
    let nonce = || uuid().into_bytes();

    let sts = start(wstrust());
    let anonymous = ask(&sts, &on_behalf_of(&token));
    assert!(text(&anonymous).contains("wst:FailedAuthentication"), "{}", text(&anonymous));

    for (requestor, kind) in
        [(user(Requestor::UsernameText), "Text"), (user(Requestor::UsernameDigest), "Digest")]
    {
        let sts = start(wstrust().requestor(requestor));
        let with = |kind, password, nonce: &[u8]| {
            username_token(&on_behalf_of(&token), kind, password, nonce)
        };
        let good = ask(&sts, &with(kind, "secret", &nonce()));
        assert_eq!(good.status, 200, "{}", text(&good));
        let other = if kind == "Text" { "Digest" } else { "Text" };
        for (kind, password) in [(kind, "secrets"), (other, "secret")] {
            let reply = ask(&sts, &with(kind, password, &nonce()));
            assert!(text(&reply).contains("wsse:FailedAuthentication"), "{}", text(&reply));
        }
        let nonce = nonce();
        assert_eq!(ask(&sts, &with(kind, "secret", &nonce)).status, 200);
        let again = ask(&sts, &with(kind, "secret", &nonce));
        assert!(text(&again).contains("the nonce has come before"), "{}", text(&again));
        let short = ask(&sts, &with(kind, "secret", b"short"));
        assert!(text(&short).contains("InvalidSecurity"), "{}", text(&short));
        let both = with(kind, "secret", uuid().as_bytes())
            .replace("</o:Security>", &format!("{token}</o:Security>"));
        assert!(text(&ask(&sts, &both)).contains("there are two tokens"));
    }

    let sts = start(wstrust().requestor(user(Requestor::Basic)));
    let basic = |credentials| request(&on_behalf_of(&token)).basic(credentials);
    assert_eq!(Wire::connect(&sts).ask(&basic("gateway:secret")).status, 200);
    let wrong = Wire::connect(&sts).ask(&basic("gateway:secrets"));
    assert_eq!(wrong.status, 401);
    assert!(wrong.header("WWW-Authenticate").unwrap().starts_with("Basic "));
}

#[test]
fn a_source_token_can_ask_for_its_answer() {
    let sts = start(wstrust().fault_status(200));
    for (token, code) in [
        ("refuse.alice", "wst:ExpiredData"),
        ("error-FailedCheck", "wsse:FailedCheck"),
        ("error-InvalidScope", "wst:InvalidScope"),
        ("error-Receiver", "s:Receiver"),
    ] {
        for token in [binary(token), assertion(token, &moment(60))] {
            let reply = ask(&sts, &message(&token));
            assert_eq!(reply.status, 200, "as some servers do");
            assert!(text(&reply).contains(&format!(">{code}<")), "{}", text(&reply));
        }
    }
    assert_eq!(ask(&sts, &message(&binary("status-503.x"))).status, 503);
    let reply = ask(&sts, &message(&binary("life-none.x")));
    assert!(!text(&reply).contains("Lifetime"), "{}", text(&reply));
}

#[test]
fn assertions_are_signed_by_the_judgement_of_another() {
    let directory = tempfile::tempdir().unwrap();
    let identity = Identity::self_signed(&Leaf::server().common_name("signing"));
    let (certificate, _) = identity.write(directory.path(), "signing");
    let verifies = |document: &str| {
        let file = directory.path().join("document.xml");
        std::fs::write(&file, document).unwrap();
        let done = Command::new("xmlsec1")
            .args(["--verify", "--id-attr:ID", "urn:oasis:names:tc:SAML:2.0:assertion:Assertion"])
            .args(["--id-attr:AssertionID", "urn:oasis:names:tc:SAML:1.0:assertion:Assertion"])
            .arg("--pubkey-cert-pem")
            .arg(&certificate)
            .arg(&file)
            .output()
            .expect("xmlsec1 (Debian: apt-get install xmlsec1)");
        done.status.success()
    };
    for layout in [Layout::Compact, Layout::Pretty, Layout::PrefixesOutside] {
        let sts = start(wstrust().layout(layout).signed_by(&identity));
        for token_type in [SAML_2_TOKEN, SAML_1_TOKEN] {
            let token = assertion("j\u{f6}rg &amp; &lt;\"x\"&gt;", &moment(60));
            let asked = message(&token)
                .replace("<t:TokenType>urn:jwt", &format!("<t:TokenType>{token_type}"));
            let reply = ask(&sts, &asked);
            assert_eq!(reply.status, 200, "{}", text(&reply));
            let alone = sts.issued().last().unwrap().target.clone();
            for document in [text(&reply), alone] {
                assert!(verifies(&document), "{layout:?} {token_type} {document}");
                assert!(!verifies(&document.replacen("rg &amp;", "rg +", 1)), "{document}");
            }
        }
    }
}

fn user(name: &str, password: &str) -> String {
    format!(
        "<o:UsernameToken u:Id=\"U\" xmlns:o=\"{WSS}wssecurity-secext-1.0.xsd\" \
         xmlns:u=\"{WSS}wssecurity-utility-1.0.xsd\"><o:Username>{name}</o:Username><o:Password \
         Type=\"{WSS}username-token-profile-1.0#PasswordText\">{password}</o:Password><o:Nonce \
         EncodingType=\"{WSS}soap-message-security-1.0#Base64Binary\">{}</o:Nonce>\
         <u:Created>{}</u:Created></o:UsernameToken>",
        encode_block(uuid().as_bytes()),
        moment(0)
    )
}

#[test]
fn a_user_with_a_password_is_a_source_where_it_is_known() {
    let sts = start(wstrust().user("alice", "secret"));
    // Both are of one second.
    let good = || loop {
        let token = user("alice", "secret");
        let message = message(&token);
        if message.matches(between(&token, "<u:Created>", "<")).count() == 2 {
            return message;
        }
    };
    assert_eq!(ask(&sts, &good()).status, 200);
    for (from, to) in [(">alice<", ">bob<"), (">secret<", ">wrong<"), ("PasswordText", "Other")] {
        let body = text(&ask(&sts, &good().replacen(from, to, 1)));
        assert!(body.contains("FailedAuthentication"), "{to}: {body}");
    }
}

#[test]
fn claims_are_asked_for_in_the_dialect_of_identity_selectors() {
    const IDENTITY: &str = "http://schemas.xmlsoap.org/ws/2005/05/identity";
    let sts = start(wstrust().claim("urn:role", "boss"));
    let with = |claims: &str| {
        let saml = message(&binary("alice")).replace("<t:TokenType>urn:jwt</t:TokenType>", "");
        text(&ask(&sts, &saml.replacen("<t:KeyType>", &format!("{claims}<t:KeyType>"), 1)))
    };
    let claims = |dialect: &str, claim: &str| {
        format!("<t:Claims Dialect=\"{dialect}\" xmlns:i=\"{IDENTITY}\">{claim}</t:Claims>")
    };
    let role = "<i:ClaimType Uri=\"urn:role\"/>";
    let body = with(&claims(IDENTITY, role));
    assert!(body.contains("<saml2:Attribute Name=\"urn:role\">"), "{body}");
    assert!(!with("").contains("urn:role"));
    for (dialect, claim, fault) in [
        ("urn:other", role, "BadRequest"),
        (IDENTITY, "", "BadRequest"),
        (IDENTITY, "<t:ClaimType Uri=\"urn:role\"/>", "BadRequest"),
        (IDENTITY, "<i:ClaimType Uri=\"role\"/>", "BadRequest"),
        (IDENTITY, "<i:ClaimType Uri=\"urn:role\">x</i:ClaimType>", "BadRequest"),
        (IDENTITY, "<i:ClaimType Uri=\"urn:unknown\"/>", "RequestFailed"),
    ] {
        let body = with(&claims(dialect, claim));
        assert!(body.contains(fault), "{dialect} {claim}: {body}");
    }
}

#[test]
fn an_address_of_its_own_has_to_be_named() {
    let sts = start(wstrust().to("urn:sts"));
    let message = || message(&binary("alice"));
    assert!(text(&ask(&sts, &message())).contains("DestinationUnreachable"));
    let named = message().replace("http://sts/trust", "urn:sts");
    assert_eq!(ask(&sts, &named).status, 200);
}

#[test]
fn a_wrapped_token_is_a_jwt_and_nothing_else() {
    let sts = start(wstrust());
    let ask = |wrapper: &str| ask(&sts, &message(wrapper));
    assert_eq!(ask("<TokenWrapper>a.b.c</TokenWrapper>").status, 200);
    for wrapper in [
        "<TokenWrapper>opaque</TokenWrapper>",
        "<TokenWrapper a=\"1\">a.b.c</TokenWrapper>",
        "<TokenWrapper><x/>a.b.c</TokenWrapper>",
        "<o:TokenWrapper>a.b.c</o:TokenWrapper>",
    ] {
        assert_ne!(ask(wrapper).status, 200, "{wrapper}");
    }
}
