//! What `nginx -t` accepts and refuses, and what it says about it.

use e2e::nginx::{Checked, Nginx};
use e2e::parallel::in_parallel;

/// The exchange that a row of a table completes or breaks.
const EXCHANGE: &str = "
    STSType otx;
    STSOTXEndpoint http://127.0.0.1:9/token;
    STSVariables $http_x_source $target;
";

/// Stands in each row's credentials, and in no message.
const SECRET: &str = "s3cr3t";

/// Checks a configuration with a server that consists of this.
fn check(server: &str) -> Checked {
    Nginx::builder().server(server).check()
}

/// Each snippet stands in a location with an exchange.
fn accepted(snippets: &[&str]) {
    all_hold(snippets, |snippet| {
        let checked = check(&format!("location / {{ {EXCHANGE} {snippet} }}"));
        (!checked.ok).then(|| format!("refused: {snippet}\n{}", checked.output))
    });
}

/// Each snippet stands in a location, alone; the message of its refusal has each of the parts.
fn refused(rows: &[(&str, &[&str])]) {
    all_hold(rows, |(snippet, parts)| {
        let Checked { ok, output, .. } = check(&format!("location / {{ {snippet} }}"));
        if ok {
            return Some(format!("accepted: {snippet}\n{output}"));
        }
        if output.contains(SECRET) {
            return Some(format!("the refusal of {snippet} has the secret: {output}"));
        }
        let missing = parts.iter().chain(&["[emerg]"]).find(|part| !output.contains(**part));
        missing.map(|part| format!("no {part:?} in the refusal of {snippet}\n{output}"))
    });
}

/// Fails with the problems of all rows, not only with that of the first.
fn all_hold<T: Sync>(rows: &[T], problem: impl Fn(&T) -> Option<String> + Sync) {
    let problems = in_parallel(4, rows.len(), |number| rows.get(number).and_then(&problem));
    let problems: Vec<String> = problems.into_iter().flatten().collect();
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn every_directive_is_known_in_http_server_location_and_if() {
    let all = "
        STSType otx;
        STSSSLValidateServer On;
        STSHTTPTimeOut 5;
        STSOTXEndpoint http://127.0.0.1:9/token;
        STSOTXEndpointAuth client_secret_basic client_id=a&client_secret=b;
        STSOTXClientID c;
        STSRequestParameter audience d;
        STSVariables $http_x_source $target;
        STSPhase precontent;
        STSOnError return;
        STSOnMissing pass;
        STSSSLTrustedCertificate %%PREFIX%%/ca.pem;
        STSMaxResponse 64k;
        STSMaxCalls 16 queue 32;
        STSBoundTokens refuse;
        STSIgnoreClientAbort on;
        STSChallenge on;
    ";
    let ca = devsts::pki::Identity::authority("the test's CA").certificate_pem();
    let builder = || Nginx::builder().file("ca.pem", ca.clone());
    let levels = [
        builder().http(all).server("location / { return 200; }"),
        builder().server(all).server("location / { return 200; }"),
        builder().server(&format!("location / {{ {all} }}")),
        builder().server(&format!("location / {{ if ($arg_a) {{ {all} }} }}")),
    ];
    for level in levels {
        let checked = level.check();
        assert!(checked.ok, "{}", checked.output);
        assert!(!checked.output.contains("[warn]"), "{}", checked.output);
    }
}

#[test]
fn no_directive_is_known_outside_of_http() {
    for snippet in ["STSType disabled;", "STSVariables $a $b;", "STSMaxCalls 3;"] {
        let checked = Nginx::builder().main(snippet).check();
        assert!(!checked.ok);
        assert!(checked.output.contains("is not allowed here"), "{}", checked.output);
    }
}

#[test]
fn values_within_their_range_are_accepted() {
    accepted(&[
        "STSSSLValidateServer On;",
        "STSSSLValidateServer on;",
        "STSSSLValidateServer ON;",
        "STSSSLValidateServer Off;",
        "STSSSLValidateServer off;",
        "STSSSLValidateServer true;",
        "STSSSLValidateServer False;",
        "STSHTTPTimeOut 1;",
        "STSHTTPTimeOut 120;",
        "STSOTXEndpointAuth none;",
        "STSOTXEndpointAuth basic username=a&password=b;",
        "STSOTXEndpointAuth client_secret_basic client_id=a&client_secret=b;",
        "STSOTXEndpointAuth client_secret_basic \"client_id=a b&client_secret=%26%3D%25\";",
        "STSOTXEndpointAuth client_secret_post client_secret=b&client_id=a;",
        "STSOTXClientID some-client;",
        "STSRequestParameter audience;",
        "STSRequestParameter audience a; STSRequestParameter audience b;",
        "STSRequestParameter resource https://a.example/; STSRequestParameter resource urn:b;",
        "STSRequestParameter scope \"read write\";",
        "STSRequestParameter audience $host:$server_port;",
        "STSRequestParameter client_id explicit;",
        "STSPhase precontent;",
        "STSPhase access;",
        "STSPhase rewrite;",
        "STSOnError return;",
        "STSOnError pass;",
        "STSOnMissing return;",
        "STSOnMissing pass;",
        "STSMaxResponse 4096;",
        "STSMaxResponse 4k;",
        "STSMaxResponse 1m;",
        "STSMaxCalls 1;",
        "STSMaxCalls 10 queue 0;",
        "STSMaxCalls 10 queue 5;",
        "STSBoundTokens allow;",
        "STSIgnoreClientAbort Off;",
        "STSChallenge off;",
        "STSChallenge on;",
        r#"STSChallenge 'Bearer realm="the shop"';"#,
        r#"STSChallenge 'Bearer resource_metadata="https://$host/.well-known/x"';"#,
    ]);
}

#[test]
fn endpoints_of_every_kind_are_accepted() {
    let endpoints = [
        "http://127.0.0.1/token",
        "http://127.0.0.1:8080",
        "https://127.0.0.1:8443/a/b/c?tenant=d",
        "http://[::1]:8080/token",
        "https://[::1]/token",
        "http://unix:/run/sts.sock:/token",
        "http://unix:/run/sts.sock",
        "http://localhost:8080/token",
    ];
    for endpoint in endpoints {
        let checked = check(&format!(
            "location / {{ STSType otx; STSOTXEndpoint {endpoint}; STSVariables $arg_a $target; }}"
        ));
        assert!(checked.ok, "{endpoint}: {}", checked.output);
    }
}

#[test]
fn unknown_values_are_refused_with_what_is_allowed() {
    refused(&[
        ("STSType bogus;", &["STSType", "bogus", "otx", "disabled"]),
        ("STSSSLValidateServer maybe;", &["STSSSLValidateServer", "maybe", "on", "off"]),
        ("STSSSLValidateServer 1;", &["STSSSLValidateServer"]),
        ("STSHTTPTimeOut soon;", &["STSHTTPTimeOut", "soon"]),
        ("STSHTTPTimeOut -1;", &["STSHTTPTimeOut"]),
        ("STSHTTPTimeOut 0;", &["STSHTTPTimeOut"]),
        ("STSHTTPTimeOut 99999999999999999999;", &["STSHTTPTimeOut"]),
        ("STSPhase content;", &["STSPhase", "content", "precontent", "access", "rewrite"]),
        ("STSOnError ignore;", &["STSOnError", "ignore", "return", "pass"]),
        ("STSOnMissing ignore;", &["STSOnMissing", "ignore", "return", "pass"]),
        ("STSMaxResponse large;", &["STSMaxResponse", "large"]),
        ("STSMaxResponse -1;", &["STSMaxResponse"]),
        ("STSMaxResponse 0;", &["STSMaxResponse"]),
        ("STSMaxCalls 0;", &["STSMaxCalls"]),
        ("STSMaxCalls many;", &["STSMaxCalls", "many"]),
        ("STSMaxCalls 3 queue;", &["STSMaxCalls"]),
        ("STSMaxCalls 3 queue many;", &["STSMaxCalls", "many"]),
        ("STSMaxCalls 3 line 4;", &["STSMaxCalls", "queue"]),
        ("STSBoundTokens maybe;", &["STSBoundTokens", "maybe", "refuse", "allow"]),
        ("STSIgnoreClientAbort maybe;", &["STSIgnoreClientAbort", "maybe", "on", "off"]),
    ]);
}

#[test]
fn endpoints_that_cannot_be_called_are_refused() {
    refused(&[
        ("STSOTXEndpoint ftp://127.0.0.1/;", &["STSOTXEndpoint", "http", "https"]),
        ("STSOTXEndpoint 127.0.0.1/token;", &["STSOTXEndpoint"]),
        ("STSOTXEndpoint token;", &["STSOTXEndpoint"]),
        ("STSOTXEndpoint http://;", &["STSOTXEndpoint"]),
        ("STSOTXEndpoint http:///token;", &["STSOTXEndpoint"]),
        ("STSOTXEndpoint http://127.0.0.1:99999/;", &["STSOTXEndpoint"]),
        ("STSOTXEndpoint http://127.0.0.1:port/;", &["STSOTXEndpoint"]),
        ("STSOTXEndpoint 'http://127.0.0.1/a b';", &["STSOTXEndpoint"]),
        ("STSOTXEndpoint \"http://127.0.0.1/\\r\\nHost: x\";", &["STSOTXEndpoint"]),
        ("STSOTXEndpoint http://[::1/;", &["STSOTXEndpoint"]),
        ("STSOTXEndpoint http://unix:;", &["STSOTXEndpoint"]),
        ("STSOTXEndpoint http://user:s3cr3t@127.0.0.1/;", &["STSOTXEndpoint"]),
        ("STSOTXEndpoint \"\";", &["STSOTXEndpoint"]),
    ]);
}

#[test]
fn a_client_authentication_that_cannot_work_is_refused_without_its_secret() {
    refused(&[
        (
            "STSOTXEndpointAuth bogus a=s3cr3t;",
            &["STSOTXEndpointAuth", "bogus", "client_secret_basic"],
        ),
        ("STSOTXEndpointAuth client_secret_basic;", &["STSOTXEndpointAuth", "client_id"]),
        (
            "STSOTXEndpointAuth client_secret_basic client_secret=s3cr3t;",
            &["STSOTXEndpointAuth", "client_id"],
        ),
        (
            "STSOTXEndpointAuth client_secret_basic client_id=a;",
            &["STSOTXEndpointAuth", "client_secret"],
        ),
        (
            "STSOTXEndpointAuth client_secret_post client_id=a;",
            &["STSOTXEndpointAuth", "client_secret"],
        ),
        ("STSOTXEndpointAuth basic username=a;", &["STSOTXEndpointAuth", "password"]),
        ("STSOTXEndpointAuth basic password=s3cr3t;", &["STSOTXEndpointAuth", "username"]),
        (
            "STSOTXEndpointAuth basic username=a&password=s3cr3t&client_id=c;",
            &["STSOTXEndpointAuth", "client_id"],
        ),
        (
            "STSOTXEndpointAuth client_secret_basic client_id=a&client_secret=s3cr3t&sekret=s3cr3t;",
            &["STSOTXEndpointAuth", "sekret"],
        ),
        (
            "STSOTXEndpointAuth client_secret_basic client_id=a&client_id=b&client_secret=s3cr3t;",
            &["STSOTXEndpointAuth", "client_id"],
        ),
        (
            "STSOTXEndpointAuth client_secret_basic client_id=a&client_secret=s3cr3t%zz;",
            &["STSOTXEndpointAuth"],
        ),
        ("STSOTXEndpointAuth none client_secret=s3cr3t;", &["STSOTXEndpointAuth"]),
        (
            "STSOTXEndpointAuth client_secret_basic client_id=a client_secret=s3cr3t;",
            &["STSOTXEndpointAuth", "the options are one word"],
        ),
    ]);
}

#[test]
fn parameters_that_belong_to_the_protocol_are_refused() {
    let names = [
        "grant_type",
        "subject_token",
        "password",
        "assertion",
        "client_secret",
        "client_assertion",
        "client_assertion_type",
    ];
    for name in names {
        refused(&[(
            &format!("STSRequestParameter {name} s3cr3t;"),
            &["STSRequestParameter", name],
        )]);
    }
}

#[test]
fn parameters_that_may_not_repeat_are_refused_twice() {
    refused(&[(
        "STSRequestParameter scope a; STSRequestParameter scope b;",
        &["STSRequestParameter", "scope"],
    )]);
}

#[test]
fn a_wrong_number_of_arguments_is_refused() {
    refused(&[
        ("STSType;", &["STSType"]),
        ("STSType otx otx;", &["STSType"]),
        ("STSSSLValidateServer;", &["STSSSLValidateServer"]),
        ("STSHTTPTimeOut;", &["STSHTTPTimeOut"]),
        ("STSHTTPTimeOut 1 2;", &["STSHTTPTimeOut"]),
        ("STSOTXEndpoint;", &["STSOTXEndpoint"]),
        ("STSOTXEndpointAuth;", &["STSOTXEndpointAuth"]),
        ("STSOTXClientID;", &["STSOTXClientID"]),
        ("STSRequestParameter;", &["STSRequestParameter"]),
        ("STSRequestParameter a b c;", &["STSRequestParameter"]),
        ("STSVariables;", &["STSVariables"]),
        ("STSVariables $a $b $c;", &["STSVariables"]),
        ("STSPhase;", &["STSPhase"]),
        ("STSOnError;", &["STSOnError"]),
        ("STSOnMissing;", &["STSOnMissing"]),
        ("STSSSLTrustedCertificate;", &["STSSSLTrustedCertificate"]),
        ("STSMaxResponse;", &["STSMaxResponse"]),
        ("STSMaxCalls;", &["STSMaxCalls"]),
        ("STSBoundTokens;", &["STSBoundTokens"]),
        ("STSIgnoreClientAbort;", &["STSIgnoreClientAbort"]),
        ("STSChallenge;", &["STSChallenge"]),
    ]);
}

#[test]
fn what_is_given_twice_in_a_block_is_refused() {
    let twice = [
        "STSType otx;",
        "STSHTTPTimeOut 3;",
        "STSOTXEndpoint http://127.0.0.1/;",
        "STSOTXEndpointAuth none;",
        "STSVariables $http_a $target;",
        "STSOnError pass;",
        "STSMaxCalls 3;",
    ];
    for directive in twice {
        let name = directive.split(' ').next().unwrap_or_default();
        refused(&[(&format!("{directive} {directive}"), &[name, "duplicate"])]);
    }
}
