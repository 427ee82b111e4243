//! The STS of Metro (WSIT).

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use e2e::interop::Server;
use e2e::scene::Seen;
use e2e::wait::wait_for;
use e2e::xmlsec::Verifier;
use jiff::{Timestamp, ToSpan};
use openssl::ssl::{SslConnector, SslMethod};

use super::{Failure, Source, Trial, Way};

const TRIAL: Trial = Trial {
    server: "metro-sts",
    title: "Metro's STS",
    files: &[("secrets/sts", "gateway-secret"), ("secrets/wrong", "another-secret")],
    secrets: &["gateway-secret"],
    http: "",
    way: Way {
        what: "an assertion as the user's own proof, over TLS that is verified",
        exchange: "
            STSType wstrust;
            STSEndpoint %%BASE%%/saml;
            STSSSLTrustedCertificate %%CERTIFICATE%%;
            STSWSTrustAppliesTo https://app.example.com/;
            STSExpect subject=sub;
            STSAcceptSourceTokenIn header encoding=base64;
            STSPassTargetTokenIn header name=X-Assertion&type=&encoding=base64;",
        source: assertion,
        user,
    },
    others: &[
        Way {
            what: "`usernametoken`: the source token is the user's name and password",
            exchange: "
                STSType wstrust;
                STSEndpoint %%ENDPOINT%%;
                STSSSLTrustedCertificate %%CERTIFICATE%%;
                STSWSTrustSourceAs usernametoken;
                STSWSTrustAppliesTo https://app.example.com/;
                STSPassTargetTokenIn header name=X-Assertion&type=&encoding=base64;",
            source: password,
            user,
        },
        Way {
            what: "the same over WS-Trust 1.2 and SOAP 1.1, with `STSWSTrustKeyType NoProofKey`",
            exchange: "
                STSType wstrust;
                STSEndpoint %%BASE%%/sts12;
                STSSSLTrustedCertificate %%CERTIFICATE%%;
                STSWSTrustVersion 1.2;
                STSWSTrustSOAPVersion 1.1;
                STSWSTrustKeyType NoProofKey;
                STSWSTrustSourceAs usernametoken;
                STSWSTrustAppliesTo https://app.example.com/;
                STSPassTargetTokenIn header name=X-Assertion&type=&encoding=base64;",
            source: password,
            user,
        },
        Way {
            what: "`ActAs`: the token names the user, and the gateway as the actor",
            exchange: "
                STSType wstrust;
                STSEndpoint %%ENDPOINT%%;
                STSSSLTrustedCertificate %%CERTIFICATE%%;
                STSEndpointAuth username_token username=gateway&password_file=secrets/sts;
                STSWSTrustVersion 1.4;
                STSWSTrustTokenAs actas;
                STSWSTrustAppliesTo https://app.example.com/;
                STSAcceptSourceTokenIn header encoding=base64;
                STSPassTargetTokenIn header name=X-Assertion&type=&encoding=base64;",
            source: assertion,
            user,
        },
    ],
    failures: FAILURES,
    more: None,
    // Its key is in a file that is read at the start.
    rotate: None,
    after_restart: (200, ""),
};

/// What is written for a name and a password in place of an assertion.
const OF_PASSWORDS: (&str, &str) =
    ("STSAcceptSourceTokenIn header encoding=base64;", "STSWSTrustSourceAs usernametoken;");

/// The endpoint that takes names and passwords.
const TO_PASSWORDS: (&str, &str) = ("%%BASE%%/saml", "%%ENDPOINT%%");

const FAILURES: &[Failure] = &[
    Failure {
        what: "the source token has expired",
        instead: &[],
        source: |server| {
            let source = issued(server, "late", "user3");
            let end = Timestamp::now() + 2.seconds();
            wait_for("the end of the assertion", || Timestamp::now() > end);
            STANDARD.encode(source)
        },
        status: 401,
        error: "refused",
    },
    Failure {
        what: "the source token was changed",
        instead: &[],
        source: changed,
        status: 401,
        error: "refused",
    },
    Failure {
        what: "the source token has no signature",
        instead: &[],
        source: |server| {
            let source = issued(server, "sts", "user4");
            let (before, rest) = source.split_once("<ds:Signature>").expect("a signature");
            let (_, after) = rest.split_once("</ds:Signature>").expect("its end");
            STANDARD.encode(format!("{before}{after}"))
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
        what: "the source token is a name and a password, where the server wants an assertion",
        instead: &[OF_PASSWORDS],
        source: |server| password(server, 6).token,
        status: 401,
        error: "refused",
    },
    Failure {
        what: "with `usernametoken`: the password is wrong",
        instead: &[OF_PASSWORDS, TO_PASSWORDS],
        source: |_| STANDARD.encode("user3:user4"),
        status: 401,
        error: "refused",
    },
    Failure {
        what: "with `usernametoken`: the user is unknown",
        instead: &[OF_PASSWORDS, TO_PASSWORDS],
        source: |_| STANDARD.encode("other:other"),
        status: 401,
        error: "refused",
    },
    Failure {
        what: "with `usernametoken` and `STSExpect subject=sub`: the server names a user otherwise",
        instead: &[OF_PASSWORDS, TO_PASSWORDS],
        source: |server| password(server, 6).token,
        status: 502,
        error: "bad_answer",
    },
    Failure {
        what: "the relying party is unknown, for which the server blames itself",
        instead: &[("https://app.example.com/", "https://other.example.com/")],
        source: |server| STANDARD.encode(issued(server, "sts", "user6")),
        status: 502,
        error: "unreachable",
    },
    Failure {
        what: "`OnBehalfOf`, which the server does not look at: its token is the gateway's",
        instead: &[TO_PASSWORDS, ("STSExpect subject=sub;", ON_BEHALF_OF)],
        source: |server| STANDARD.encode(issued(server, "sts", "user6")),
        status: 502,
        error: "bad_answer",
    },
    Failure {
        what: "with `ActAs`: the source token was changed, which the server does not look at",
        instead: &[
            TO_PASSWORDS,
            ("STSExpect subject=sub;", ON_BEHALF_OF),
            ("onbehalfof;", "actas; STSWSTrustVersion 1.4;"),
        ],
        source: changed,
        status: 200,
        error: "",
    },
    Failure {
        what: "with `OnBehalfOf`: the gateway is unknown",
        instead: &[
            TO_PASSWORDS,
            ("STSExpect subject=sub;", ON_BEHALF_OF),
            ("username=gateway", "username=unknown"),
        ],
        source: |server| STANDARD.encode(issued(server, "sts", "user6")),
        status: 502,
        error: "gateway_refused",
    },
    Failure {
        what: "with `OnBehalfOf`: the gateway's password is wrong",
        instead: &[
            TO_PASSWORDS,
            ("STSExpect subject=sub;", ON_BEHALF_OF),
            ("secrets/sts", "secrets/wrong"),
        ],
        source: |server| STANDARD.encode(issued(server, "sts", "user6")),
        status: 502,
        error: "gateway_refused",
    },
    Failure {
        what: "the endpoint speaks SOAP 1.1, and fails over the message",
        instead: &[("%%BASE%%/saml", "%%BASE%%/sts12")],
        source: |server| STANDARD.encode(issued(server, "sts", "user6")),
        status: 502,
        error: "unreachable",
    },
    Failure {
        what: "the endpoint is not there",
        instead: &[("%%BASE%%/saml", "%%BASE%%/nothing")],
        source: |server| STANDARD.encode(issued(server, "sts", "user6")),
        status: 502,
        error: "gateway_refused",
    },
    Failure {
        what: "the certificate of the server is not trusted",
        instead: &[("STSSSLTrustedCertificate %%CERTIFICATE%%;", "")],
        source: |server| STANDARD.encode(issued(server, "sts", "user6")),
        status: 502,
        error: "unreachable",
    },
];

/// The gateway asks for the user of the source token. What is expected is the default.
const ON_BEHALF_OF: &str = "STSWSTrustTokenAs onbehalfof;
    STSEndpointAuth username_token username=gateway&password_file=secrets/sts;";

#[test]
#[ignore = "make interop has the server"]
fn exchanges_and_failures() {
    TRIAL.run();
}

fn name(user: usize) -> String {
    format!("user{user}")
}

/// What Metro makes of the name of a user.
fn subject_of(user: usize) -> String {
    format!("CN={}", name(user))
}

/// An assertion of a user.
fn assertion(server: &Server, user: usize) -> Source {
    let token = STANDARD.encode(issued(server, "sts", &name(user)));
    Source { token, user: subject_of(user) }
}

/// The credentials of a user, whose password is its name.
fn password(_: &Server, user: usize) -> Source {
    let name = name(user);
    Source { token: STANDARD.encode(format!("{name}:{name}")), user: subject_of(user) }
}

/// An assertion in which stands another user than the one that it was issued for.
fn changed(server: &Server) -> String {
    let source = issued(server, "sts", "user4");
    assert!(source.contains(">CN=user4<"), "{source}");
    STANDARD.encode(source.replace(">CN=user4<", ">CN=user5<"))
}

/// An assertion that a user has got for its password.
fn issued(server: &Server, endpoint: &str, user: &str) -> String {
    const WSS: &str = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity";
    const TRUST: &str = "http://docs.oasis-open.org/ws-sx/ws-trust/200512";
    const WSA: &str = "http://www.w3.org/2005/08/addressing";
    let text = |time: Timestamp| time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let (from, to) = (text(Timestamp::now()), text(Timestamp::now() + 60.seconds()));
    let url = format!("{}/{endpoint}", server.value("BASE"));
    let envelope = format!(
        r#"<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"><s:Header>
        <a:Action xmlns:a="{WSA}" s:mustUnderstand="1">{TRUST}/RST/Issue</a:Action>
        <a:MessageID xmlns:a="{WSA}">urn:of-the-trial:{user}</a:MessageID>
        <a:To xmlns:a="{WSA}" s:mustUnderstand="1">{url}</a:To>
        <o:Security xmlns:o="{WSS}-secext-1.0.xsd" xmlns:u="{WSS}-utility-1.0.xsd" s:mustUnderstand="1">
        <u:Timestamp><u:Created>{from}</u:Created><u:Expires>{to}</u:Expires></u:Timestamp>
        <o:UsernameToken><o:Username>{user}</o:Username><o:Password>{user}</o:Password></o:UsernameToken>
        </o:Security></s:Header>
        <s:Body><t:RequestSecurityToken xmlns:t="{TRUST}"><t:RequestType>{TRUST}/Issue</t:RequestType>
        <t:KeyType>{TRUST}/Bearer</t:KeyType>
        <p:AppliesTo xmlns:p="http://schemas.xmlsoap.org/ws/2004/09/policy">
        <a:EndpointReference xmlns:a="{WSA}"><a:Address>https://app.example.com/</a:Address>
        </a:EndpointReference></p:AppliesTo></t:RequestSecurityToken></s:Body></s:Envelope>"#
    );
    let answer = posted(server, endpoint, &envelope);
    let begin = answer.find("<saml2:Assertion").unwrap_or_else(|| panic!("no assertion: {answer}"));
    let end = answer.find("</saml2:Assertion>").expect("its end") + "</saml2:Assertion>".len();
    answer.get(begin..end).expect("an assertion").to_owned()
}

/// The answer to an envelope.
fn posted(server: &Server, endpoint: &str, envelope: &str) -> String {
    let mut connector = SslConnector::builder(SslMethod::tls_client()).expect("a connector");
    connector.set_ca_file(server.value("CERTIFICATE")).expect("a certificate");
    let stream = TcpStream::connect(server.value("ADDRESS")).expect("the server listens");
    let mut stream = connector.build().connect("127.0.0.1", stream).expect("a handshake");
    // With version 1.0 of HTTP the answer comes without chunks, and ends with the connection.
    let head = format!(
        "POST /{endpoint} HTTP/1.0\r\nContent-Type: application/soap+xml; charset=utf-8\r\n\
         Content-Length: {}\r\n\r\n",
        envelope.len()
    );
    stream.write_all(format!("{head}{envelope}").as_bytes()).expect("the request goes out");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    answer
}

/// The subject of an assertion that the server has signed.
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
