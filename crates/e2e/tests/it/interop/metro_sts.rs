//! The STS of Metro (WSIT).

use std::io::{Read, Write};
use std::net::TcpStream;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use e2e::interop::Server;
use openssl::ssl::{SslConnector, SslMethod};

use super::{Failure, Source, Trial, Way, name, saml};

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
        user: saml::user,
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
            user: saml::user,
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
            user: saml::user,
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
            user: saml::user,
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
            saml::outlive();
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
        source: of_user6,
        status: 502,
        error: "unreachable",
    },
    Failure {
        what: "`OnBehalfOf`, which the server does not look at: its token is the gateway's",
        instead: &[TO_PASSWORDS, ("STSExpect subject=sub;", ON_BEHALF_OF)],
        source: of_user6,
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
        source: of_user6,
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
        source: of_user6,
        status: 502,
        error: "gateway_refused",
    },
    Failure {
        what: "the endpoint speaks SOAP 1.1, and fails over the message",
        instead: &[("%%BASE%%/saml", "%%BASE%%/sts12")],
        source: of_user6,
        status: 502,
        error: "unreachable",
    },
    Failure {
        what: "the endpoint is not there",
        instead: &[("%%BASE%%/saml", "%%BASE%%/nothing")],
        source: of_user6,
        status: 502,
        error: "gateway_refused",
    },
    Failure {
        what: "the certificate of the server is not trusted",
        instead: &[("STSSSLTrustedCertificate %%CERTIFICATE%%;", "")],
        source: of_user6,
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

/// What Metro makes of the name of a user.
fn subject_of(user: usize) -> String {
    format!("CN={}", name(user))
}

/// An assertion of a user.
fn assertion(server: &Server, user: usize) -> Source {
    let token = STANDARD.encode(issued(server, "sts", &name(user)));
    Source { token, user: subject_of(user) }
}

/// That of the user that many failures are tried with.
fn of_user6(server: &Server) -> String {
    assertion(server, 6).token
}

/// The credentials of a user, whose password is its name.
fn password(_: &Server, user: usize) -> Source {
    Source { token: saml::credentials(&name(user)), user: subject_of(user) }
}

fn changed(server: &Server) -> String {
    let source = issued(server, "sts", "user4");
    STANDARD.encode(saml::with_another_user(&source, "CN=user4", "CN=user5"))
}

/// An assertion that a user has got for its password.
fn issued(server: &Server, endpoint: &str, user: &str) -> String {
    let url = format!("{}/{endpoint}", server.value("BASE"));
    saml::assertion_in(&posted(server, endpoint, &saml::asking(user, &url)))
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
