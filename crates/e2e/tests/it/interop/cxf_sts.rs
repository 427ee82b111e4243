//! The STS of Apache CXF.

use std::fs;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use e2e::interop::{Server, request};
use e2e::scene::Seen;
use e2e::wait::wait_for;
use e2e::xmlsec::Verifier;
use jiff::{Timestamp, ToSpan};

use super::{Failure, Source, Trial, Way};

const TRIAL: Trial = Trial {
    server: "cxf-sts",
    title: "Apache CXF STS",
    files: &[("secrets/sts", "gateway-secret"), ("secrets/wrong", "another-secret")],
    secrets: &["gateway-secret"],
    http: "",
    way: Way {
        what: "an assertion as `OnBehalfOf`",
        exchange: "
            STSType wstrust;
            STSEndpoint %%ENDPOINT%%;
            STSEndpointAuth username_token username=gateway&password_file=secrets/sts;
            STSWSTrustTokenAs onbehalfof;
            STSWSTrustAppliesTo https://app.example.com/;
            STSExpect subject=sub;
            STSAcceptSourceTokenIn header encoding=base64;
            STSPassTargetTokenIn header name=X-Assertion&type=&encoding=base64;",
        source: assertion,
        user,
    },
    others: &[
        Way {
            what: "the same over SOAP 1.1",
            exchange: "
                STSType wstrust;
                STSEndpoint %%BASE%%/sts11;
                STSEndpointAuth username_token username=gateway&password_file=secrets/sts;
                STSWSTrustTokenAs onbehalfof;
                STSWSTrustSOAPVersion 1.1;
                STSWSTrustAppliesTo https://app.example.com/;
                STSAcceptSourceTokenIn header encoding=base64;
                STSPassTargetTokenIn header name=X-Assertion&type=&encoding=base64;",
            source: assertion,
            user,
        },
        Way {
            what: "`usernametoken`: the source token is the user's name and password",
            exchange: "
                STSType wstrust;
                STSEndpoint %%ENDPOINT%%;
                STSWSTrustSourceAs usernametoken;
                STSWSTrustAppliesTo https://app.example.com/;
                STSPassTargetTokenIn header name=X-Assertion&type=&encoding=base64;",
            source: |_, user| {
                let user = name(user);
                Source { token: STANDARD.encode(format!("{user}:{user}")), user }
            },
            user,
        },
    ],
    failures: &[
        Failure {
            what: "the source token has expired",
            instead: &[],
            source: |server| {
                let source = issued(server, "late", "user3");
                let end = Timestamp::now() + 2.seconds();
                wait_for("the end of the assertion", || Timestamp::now() > end);
                source
            },
            status: 401,
            error: "refused",
        },
        Failure {
            what: "the source token was changed",
            instead: &[],
            source: |server| {
                let source = STANDARD.decode(issued(server, "sts", "user4")).expect("base64");
                let text = String::from_utf8(source).expect("text");
                assert!(text.contains(">user4<"), "{text}");
                STANDARD.encode(text.replace(">user4<", ">user5<"))
            },
            status: 401,
            error: "refused",
        },
        Failure {
            what: "the source token is no assertion",
            instead: &[],
            source: |_| STANDARD.encode("abc"),
            status: 401,
            error: "bad_token",
        },
        Failure {
            what: "the relying party is unknown",
            instead: &[("https://app.example.com/", "https://other.example.com/")],
            source: |server| issued(server, "sts", "user6"),
            status: 401,
            error: "refused",
        },
        Failure {
            what: "the same with `STSErrorStatus RequestFailed 502`",
            instead: &[
                ("https://app.example.com/", "https://other.example.com/"),
                ("STSType wstrust;", "STSType wstrust; STSErrorStatus RequestFailed 502;"),
            ],
            source: |server| issued(server, "sts", "user6"),
            status: 502,
            error: "refused",
        },
        Failure {
            what: "the gateway is unknown",
            instead: &[("username=gateway", "username=unknown")],
            source: |server| issued(server, "sts", "user6"),
            status: 502,
            error: "gateway_refused",
        },
        Failure {
            what: "the gateway's password is wrong",
            instead: &[("secrets/sts", "secrets/wrong")],
            source: |server| issued(server, "sts", "user6"),
            status: 502,
            error: "gateway_refused",
        },
        Failure {
            what: "the endpoint is not there",
            instead: &[("%%ENDPOINT%%", "%%BASE%%/nothing")],
            source: |server| issued(server, "sts", "user6"),
            status: 502,
            error: "gateway_refused",
        },
    ],
    more: None,
    // Its key is in a file that is read at the start.
    rotate: None,
    after_restart: (200, ""),
};

#[test]
#[ignore = "make interop has the server"]
fn exchanges_and_failures() {
    TRIAL.run();
}

fn name(user: usize) -> String {
    format!("user{user}")
}

fn assertion(server: &Server, user: usize) -> Source {
    let user = name(user);
    Source { token: issued(server, "sts", &user), user }
}

/// An assertion that a user has got for its password, in base64.
fn issued(server: &Server, endpoint: &str, user: &str) -> String {
    const WSS: &str = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity";
    const TRUST: &str = "http://docs.oasis-open.org/ws-sx/ws-trust/200512";
    const PASSWORD: &str = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-username-token-profile-1.0#PasswordText";
    let text = |time: Timestamp| time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let (from, to) = (text(Timestamp::now()), text(Timestamp::now() + 60.seconds()));
    let envelope = format!(
        r#"<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"><s:Header>
        <o:Security xmlns:o="{WSS}-secext-1.0.xsd" xmlns:u="{WSS}-utility-1.0.xsd" s:mustUnderstand="1">
        <u:Timestamp><u:Created>{from}</u:Created><u:Expires>{to}</u:Expires></u:Timestamp>
        <o:UsernameToken><o:Username>{user}</o:Username>
        <o:Password Type="{PASSWORD}">{user}</o:Password></o:UsernameToken></o:Security></s:Header>
        <s:Body><t:RequestSecurityToken xmlns:t="{TRUST}"><t:RequestType>{TRUST}/Issue</t:RequestType>
        <t:TokenType>http://docs.oasis-open.org/wss/oasis-wss-saml-token-profile-1.1#SAMLV2.0</t:TokenType>
        <t:KeyType>{TRUST}/Bearer</t:KeyType>
        <a:AppliesTo xmlns:a="http://schemas.xmlsoap.org/ws/2004/09/policy">
        <d:EndpointReference xmlns:d="http://www.w3.org/2005/08/addressing">
        <d:Address>https://app.example.com/</d:Address></d:EndpointReference></a:AppliesTo>
        </t:RequestSecurityToken></s:Body></s:Envelope>"#
    );
    let request = request("POST", &format!("{}/{endpoint}", server.value("BASE")))
        .header("Content-Type", "application/soap+xml; charset=utf-8");
    let answer = request.body(envelope).send().expect_status(200).text();
    let begin = answer.find("<saml2:Assertion").expect("an assertion");
    let end = answer.find("</saml2:Assertion>").expect("its end") + "</saml2:Assertion>".len();
    STANDARD.encode(answer.get(begin..end).expect("an assertion"))
}

/// The user of an assertion that the server has signed.
fn user(server: &Server, seen: &Seen) -> String {
    let passed = seen.header("X-Assertion").expect("a token");
    let assertion = String::from_utf8(STANDARD.decode(passed).expect("base64")).expect("text");
    let certificate = fs::read_to_string(server.value("CERTIFICATE")).expect("a certificate");
    let der: String = certificate.lines().filter(|line| !line.starts_with("-----")).collect();
    assert!(Verifier::of_certificate(&der).verifies(&assertion), "{assertion}");
    assert!(assertion.contains(">https://app.example.com/</saml2:Audience>"), "{assertion}");
    let (_, rest) = assertion.split_once("<saml2:NameID ").expect("a subject");
    let (_, rest) = rest.split_once('>').expect("the end of a tag");
    rest.split('<').next().expect("a name").to_owned()
}
