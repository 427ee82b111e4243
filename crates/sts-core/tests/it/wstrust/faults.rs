//! What each fault means to the client of the gateway.

use sts_core::error::{Failure, FailureKind};
use sts_core::wstrust::words::{TokenAs, Version};

use crate::wstrust::exchange::{WSSE, WST, WST_2005, WSU, envelope, exchange, receive};

use FailureKind::{BadAnswer, Busy, GatewayRefused, Refused, Unreachable};

const SOAP_1_1: &str = "http://schemas.xmlsoap.org/soap/envelope/";

fn fault_1_2(code: &str, subcode: &str, namespace: &str, reason: &str) -> String {
    let subcode = if subcode.is_empty() {
        String::new()
    } else {
        format!("<s:Subcode><s:Value xmlns:a=\"{namespace}\">a:{subcode}</s:Value></s:Subcode>")
    };
    envelope(&format!(
        "<s:Fault><s:Code><s:Value>s:{code}</s:Value>{subcode}</s:Code>\
         <s:Reason><s:Text xml:lang=\"en\">{reason}</s:Text></s:Reason></s:Fault>"
    ))
}

fn fault_1_1(code: &str, namespace: &str, reason: &str) -> String {
    format!(
        "<e:Envelope xmlns:e=\"{SOAP_1_1}\"><e:Body><e:Fault><faultcode xmlns:a=\"{namespace}\">\
         {code}</faultcode><faultstring>{reason}</faultstring><detail/></e:Fault></e:Body></e:Envelope>"
    )
}

fn failure_as(token_as: TokenAs, status: u16, body: &str) -> Failure {
    let exchange = exchange(|s| {
        s.version = Version::Trust14;
        s.token_as = token_as;
    });
    let headers = [("retry-after", "7")];
    receive(exchange, status, &headers, body.as_bytes()).err().unwrap_or_else(|| panic!("{body}"))
}

fn failure(status: u16, body: &str) -> Failure {
    failure_as(TokenAs::Security, status, body)
}

/// Code, what it means when the client is the requestor, and when the gateway is.
const WS_TRUST: [(&str, FailureKind, FailureKind); 11] = [
    ("InvalidRequest", Refused, Refused),
    ("FailedAuthentication", Refused, GatewayRefused),
    ("RequestFailed", Refused, Refused),
    ("InvalidSecurityToken", Refused, Refused),
    ("AuthenticationBadElements", GatewayRefused, GatewayRefused),
    ("BadRequest", GatewayRefused, GatewayRefused),
    ("ExpiredData", Refused, Refused),
    ("InvalidTimeRange", GatewayRefused, GatewayRefused),
    ("InvalidScope", GatewayRefused, GatewayRefused),
    ("RenewNeeded", Refused, Refused),
    ("UnableToRenew", GatewayRefused, GatewayRefused),
];

/// As above.
const WS_SECURITY: [(&str, FailureKind, FailureKind); 8] = [
    ("UnsupportedSecurityToken", Refused, GatewayRefused),
    ("UnsupportedAlgorithm", Refused, GatewayRefused),
    ("InvalidSecurity", Refused, GatewayRefused),
    ("InvalidSecurityToken", Refused, GatewayRefused),
    ("FailedAuthentication", Refused, GatewayRefused),
    ("FailedCheck", Refused, GatewayRefused),
    ("SecurityTokenUnavailable", Refused, GatewayRefused),
    ("MessageExpired", GatewayRefused, GatewayRefused),
];

#[test]
fn every_code_has_its_kind_whatever_the_status_and_version() {
    let of_trust =
        [WST, WST_2005, &format!("{WST}/")].map(|namespace| (namespace.to_owned(), &WS_TRUST[..]));
    let of_security = [WSSE, WSU].map(|namespace| (namespace.to_owned(), &WS_SECURITY[..]));
    for (namespace, codes) in of_trust.into_iter().chain(of_security) {
        for (code, by_client, by_gateway) in codes {
            for status in [200, 202, 400, 401, 403, 500, 502] {
                for body in [
                    fault_1_2("Sender", code, &namespace, "no"),
                    fault_1_2("Receiver", code, &namespace, "no"),
                    fault_1_1(&format!("a:{code}"), &namespace, "no"),
                ] {
                    assert_eq!(failure(status, &body).kind, *by_client, "{status} {body}");
                    for token_as in [TokenAs::OnBehalfOf, TokenAs::ActAs] {
                        let failure = failure_as(token_as, status, &body);
                        assert_eq!(failure.kind, *by_gateway, "{status} {body}");
                        assert_eq!(failure.retry_after, None);
                    }
                }
            }
        }
    }
}

#[test]
fn a_fault_without_a_code_of_ws_trust_is_of_the_side_that_soap_names() {
    for (body, kind) in [
        // It may be the token, which is a part of the message.
        (fault_1_2("Sender", "", "", "no"), Refused),
        (fault_1_2("Sender", "Whatever", "urn:x", "no"), Refused),
        (fault_1_2("Sender", "Whatever", WST, "no"), Refused),
        (fault_1_2("Sender", "Whatever", WSSE, "no"), Refused),
        (fault_1_2("Receiver", "", "", "no"), Unreachable),
        (fault_1_2("Receiver", "Whatever", "urn:x", "no"), Unreachable),
        (fault_1_2("MustUnderstand", "", "", "no"), GatewayRefused),
        (fault_1_2("VersionMismatch", "", "", "no"), GatewayRefused),
        (fault_1_2("DataEncodingUnknown", "", "", "no"), GatewayRefused),
        (fault_1_1("e:Client", "urn:x", "no"), Refused),
        (fault_1_1("e:Client.Authentication", "urn:x", "no"), Refused),
        (fault_1_1("Client", "urn:x", "no"), Refused),
        (fault_1_1("e:Server", "urn:x", "no"), Unreachable),
        (fault_1_1("a:Unheard", "urn:x", "no"), Unreachable),
        (fault_1_1("", "urn:x", "no"), Unreachable),
        (envelope("<s:Fault/>"), Unreachable),
        // Web Services Addressing 1.0 SOAP Binding, section 6.4.
        (fault_1_2("Sender", "ActionNotSupported", WSA, "no"), GatewayRefused),
        (fault_1_2("Sender", "InvalidAddressingHeader", WSA, "no"), GatewayRefused),
        (fault_1_2("Receiver", "EndpointUnavailable", WSA, "no"), Busy),
        // What WSS4J says of every failure, so as not to help an attacker.
        (fault_1_2("Sender", "SecurityError", "http://ws.apache.org/wss4j", "no"), Refused),
        (fault_1_1("a:SecurityError", "http://ws.apache.org/wss4j", "no"), Refused),
    ] {
        for status in [200, 400, 500] {
            assert_eq!(failure(status, &body).kind, kind, "{status} {body}");
        }
    }
}

#[test]
fn the_http_status_counts_where_the_fault_names_no_more_than_a_side() {
    for (status, body, kind) in [
        (401, fault_1_2("Receiver", "", "", "no"), GatewayRefused),
        (401, fault_1_2("Sender", "", "", "no"), GatewayRefused),
        (401, fault_1_1("e:Server", "urn:x", "no"), GatewayRefused),
        (403, fault_1_2("Receiver", "Whatever", "urn:x", "no"), GatewayRefused),
        (404, envelope("<s:Fault/>"), GatewayRefused),
        (407, fault_1_2("Sender", "", "", "no"), Unreachable),
        (502, fault_1_2("Sender", "", "", "no"), Refused),
        (401, fault_1_2("Sender", "FailedAuthentication", WST, "no"), Refused),
        (401, fault_1_2("Sender", "BadRequest", WST, "no"), GatewayRefused),
    ] {
        assert_eq!(failure(status, &body).kind, kind, "{status} {body}");
    }
    let body = fault_1_1("e:Client.Authentication", "urn:x", "no");
    assert_eq!(failure_as(TokenAs::ActAs, 500, &body).kind, GatewayRefused);
    let body = fault_1_2("Sender", "", "", "no");
    let alone = failure_as(TokenAs::OnBehalfOf, 500, &body);
    assert_eq!(alone.kind, Refused);
    assert!(alone.codes.iter().eq(["Sender"]));
}

#[test]
fn two_reasons_do_not_run_together() {
    for (reason, told) in [
        (r#"<s:Text xml:lang="en">no</s:Text><s:Text xml:lang="de">nein</s:Text>"#, "no / nein"),
        ("<s:Text>one<b>two</b> <c>three</c></s:Text>", "one / two / three"),
        ("<s:Text>no<!-- x --><![CDATA[ne]]></s:Text>", "none"),
        ("bare", "bare"),
        ("<s:Text> </s:Text><s:Text>no</s:Text>", "no"),
    ] {
        let body = envelope(&format!(
            "<s:Fault><s:Code><s:Value>s:Sender</s:Value></s:Code><s:Reason>{reason}</s:Reason>\
             </s:Fault>"
        ));
        let expected = format!("HTTP 500, fault \"Sender\", reason \"{told}\"");
        assert_eq!(failure(500, &body).reason, expected);
    }
}

const WSA: &str = "http://www.w3.org/2005/08/addressing";

#[test]
fn codes_are_known_without_a_declared_prefix_too() {
    for (code, by_client, by_gateway) in [
        ("wst:InvalidSecurityToken", Refused, Refused),
        ("InvalidRequest", Refused, Refused),
        ("wsse:InvalidSecurityToken", Refused, GatewayRefused),
        ("wsse:FailedCheck", Refused, GatewayRefused),
        ("ns1:FailedAuthentication", Refused, GatewayRefused),
    ] {
        let body = fault_1_1(code, "urn:x", "no");
        assert_eq!(failure(500, &body).kind, by_client, "{code}");
        assert_eq!(failure_as(TokenAs::OnBehalfOf, 500, &body).kind, by_gateway, "{code}");
    }
}

#[test]
fn the_innermost_code_that_is_known_decides() {
    let nested = |inner: &str| {
        envelope(&format!(
            "<s:Fault xmlns:w=\"{WST}\"><s:Code><s:Value>s:Sender</s:Value><s:Subcode>\
             <s:Value>w:RequestFailed</s:Value><s:Subcode><s:Value>{inner}</s:Value></s:Subcode>\
             </s:Subcode></s:Code></s:Fault>"
        ))
    };
    assert_eq!(failure(500, &nested("w:ExpiredData")).kind, Refused);
    let unknown = failure(500, &nested("w:Unheard"));
    assert_eq!(unknown.kind, Refused);
    assert!(unknown.codes.iter().eq(["Unheard", "RequestFailed"]));
    assert_eq!(unknown.reason, "HTTP 500, fault \"Sender/RequestFailed/Unheard\"");
}

#[test]
fn the_status_of_an_overloaded_server_is_heard_first() {
    let body = fault_1_2("Sender", "InvalidRequest", WST, "no");
    for status in [429, 503] {
        let failure = failure(status, &body);
        assert_eq!(failure.kind, Busy);
        assert_eq!(failure.retry_after.as_deref(), Some("7"));
    }
    let unavailable = failure(500, &fault_1_2("Receiver", "EndpointUnavailable", WSA, "no"));
    assert_eq!(unavailable.retry_after.as_deref(), Some("7"));
    for status in [300, 302, 307, 100] {
        assert_eq!(failure(status, &body).kind, BadAnswer);
    }
}

#[test]
fn a_status_without_a_fault_has_its_kind() {
    for (status, kind) in [
        (100, BadAnswer),
        (200, BadAnswer),
        (204, BadAnswer),
        (301, BadAnswer),
        (400, GatewayRefused),
        (401, GatewayRefused),
        (404, GatewayRefused),
        (415, GatewayRefused),
        (429, Busy),
        (500, Unreachable),
        (502, Unreachable),
        (503, Busy),
        (504, Unreachable),
        (600, BadAnswer),
    ] {
        for body in ["", "<html/>", "{}", "no", "<!DOCTYPE html><html></html>", "\u{0}"] {
            let failure = failure(status, body);
            assert_eq!(failure.kind, kind, "{status} {body}");
            let told = if status == 301 { ", a redirect" } else { ": the answer " };
            assert!(failure.reason.starts_with(&format!("HTTP {status}{told}")), "{failure}");
            let retry_after = (kind == Busy).then(|| "7".to_owned());
            assert_eq!(failure.retry_after, retry_after);
        }
    }
}

#[test]
fn the_log_gets_the_code_and_an_excerpt_of_the_reason() {
    let token = "A".repeat(2000);
    for (body, expected) in [
        (
            fault_1_2("Sender", "FailedAuthentication", WST, "ID3242: no."),
            "HTTP 500, fault \"Sender/FailedAuthentication\", reason \"ID3242: no.\"".to_owned(),
        ),
        (
            fault_1_1("a:InvalidSecurity", WSSE, " \n Bad\r\n\tthings &amp; &quot;more&quot; "),
            "HTTP 500, fault \"InvalidSecurity\", reason \"Bad\\n\\tthings & \\\"more\\\"\""
                .to_owned(),
        ),
        (
            fault_1_2("Sender", "RequestFailed", WST, &format!("token {token} is bad")),
            "HTTP 500, fault \"Sender/RequestFailed\", reason \"token AAAAAAAAAAAA... is bad\""
                .to_owned(),
        ),
        (
            fault_1_1(&token, "urn:x", "no"),
            "HTTP 500, fault \"AAAAAAAAAAAA...\", reason \"no\"".to_owned(),
        ),
        (
            fault_1_2("Sender", "", "", &"word ".repeat(1000)),
            format!(
                "HTTP 500, fault \"Sender\", reason \"{}w...{}word\"",
                "word ".repeat(51),
                "ord ".to_owned() + &"word ".repeat(49)
            ),
        ),
    ] {
        assert_eq!(failure(500, &body).reason, expected);
    }
}
