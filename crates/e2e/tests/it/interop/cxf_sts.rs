//! The STS of Apache CXF.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use e2e::interop::{Server, request};

use super::{Failure, Source, Trial, Way, name, saml};

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
        user: saml::user,
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
            user: saml::user,
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
                Source { token: saml::credentials(&user), user }
            },
            user: saml::user,
        },
    ],
    failures: &[
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
            source: |server| {
                let source = issued(server, "sts", "user4");
                STANDARD.encode(saml::with_another_user(&source, "user4", "user5"))
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
            source: of_user6,
            status: 401,
            error: "refused",
        },
        Failure {
            what: "the same with `STSErrorStatus RequestFailed 502`",
            instead: &[
                ("https://app.example.com/", "https://other.example.com/"),
                ("STSType wstrust;", "STSType wstrust; STSErrorStatus RequestFailed 502;"),
            ],
            source: of_user6,
            status: 502,
            error: "refused",
        },
        Failure {
            what: "the gateway is unknown",
            instead: &[("username=gateway", "username=unknown")],
            source: of_user6,
            status: 502,
            error: "gateway_refused",
        },
        Failure {
            what: "the gateway's password is wrong",
            instead: &[("secrets/sts", "secrets/wrong")],
            source: of_user6,
            status: 502,
            error: "gateway_refused",
        },
        Failure {
            what: "the endpoint is not there",
            instead: &[("%%ENDPOINT%%", "%%BASE%%/nothing")],
            source: of_user6,
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

fn assertion(server: &Server, user: usize) -> Source {
    let user = name(user);
    Source { token: STANDARD.encode(issued(server, "sts", &user)), user }
}

/// An assertion of the user that many failures are tried with.
fn of_user6(server: &Server) -> String {
    assertion(server, 6).token
}

/// An assertion that a user has got for its password.
fn issued(server: &Server, endpoint: &str, user: &str) -> String {
    let url = format!("{}/{endpoint}", server.value("BASE"));
    let request =
        request("POST", &url).header("Content-Type", "application/soap+xml; charset=utf-8");
    let answer = request.body(saml::asking(user, &url)).send().expect_status(200).text();
    saml::assertion_in(&answer)
}
