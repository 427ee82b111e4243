//! What `nginx -t` says about settings that have to fit together, and what it warns of.

use e2e::nginx::{Checked, Nginx};
use e2e::parallel::in_parallel;

/// An exchange that is complete.
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
fn an_exchange_that_is_incomplete_is_refused_with_what_it_lacks() {
    refused(&[
        ("STSType otx;", &["STSOTXEndpoint"]),
        ("STSType otx; STSVariables $http_a $target;", &["STSOTXEndpoint"]),
        ("STSType otx; STSOTXEndpoint http://127.0.0.1/;", &["STSVariables"]),
    ]);
}

#[test]
fn what_is_incomplete_but_disabled_is_accepted() {
    let checked = check("location / { STSType disabled; STSOTXEndpoint http://127.0.0.1/; }");
    assert!(checked.ok, "{}", checked.output);
}

#[test]
fn the_target_has_to_be_a_variable_of_this_modules_own() {
    let exchange = "STSType otx; STSOTXEndpoint http://127.0.0.1/; STSVariables $http_a";
    refused(&[
        (&format!("{exchange} target;"), &["STSVariables", "target", "$"]),
        (&format!("{exchange} $;"), &["STSVariables"]),
        (&format!("{exchange} \"\";"), &["STSVariables"]),
        (&format!("{exchange} prefix$target;"), &["STSVariables"]),
        (&format!("{exchange} $a$b;"), &["STSVariables"]),
        (&format!("{exchange} $host;"), &["STSVariables", "host"]),
        (&format!("set $target x; {exchange} $target;"), &["STSVariables", "target"]),
    ]);
}

#[test]
fn a_target_that_a_map_defines_is_refused_and_both_are_named() {
    for map_first in [true, false] {
        let map = "map $http_b $target { default x; }";
        let exchange = "server { location / { STSType otx; STSOTXEndpoint http://127.0.0.1/; \
                        STSVariables $http_a $target; } }";
        let (first, second) = if map_first { (map, exchange) } else { (exchange, map) };
        let checked = Nginx::builder().http(first).http(second).check();
        assert!(!checked.ok, "{}", checked.output);
        assert!(checked.output.contains("target"), "{}", checked.output);
        assert!(checked.output.contains("STSVariables"), "{}", checked.output);
    }
}

#[test]
fn a_source_that_is_not_defined_is_refused() {
    refused(&[(
        "STSType otx; STSOTXEndpoint http://127.0.0.1/; STSVariables $undefined_variable $target;",
        &["undefined_variable"],
    )]);
}

#[test]
fn one_target_name_serves_several_locations_and_servers() {
    let location = |path: &str| format!("location {path} {{ {EXCHANGE} }}");
    let server = format!("server {{ {} }}", location("/c"));
    let builder = Nginx::builder().http(&server).server(&location("/a")).server(&location("/b"));
    let checked = builder.check();
    assert!(checked.ok, "{}", checked.output);
}

#[test]
fn an_exchange_of_its_own_within_if_cannot_run_in_the_rewrite_phase() {
    let within = format!("STSPhase rewrite; if ($arg_a) {{ {EXCHANGE} }}");
    refused(&[(&within, &["STSPhase", "if"])]);
    let within = format!("if ($arg_a) {{ STSPhase rewrite; {EXCHANGE} }}");
    refused(&[(&within, &["STSPhase", "if"])]);
}

#[test]
fn authorities_that_cannot_be_read_are_refused() {
    let exchange = "STSType otx; STSOTXEndpoint https://127.0.0.1/; STSVariables $http_a $target;";
    let snippet = format!("{exchange} STSSSLTrustedCertificate /nowhere/ca.pem;");
    refused(&[(&snippet, &["STSSSLTrustedCertificate", "/nowhere/ca.pem"])]);
    let builder = Nginx::builder().file("ca.pem", "no certificate");
    let snippet = format!("{exchange} STSSSLTrustedCertificate %%PREFIX%%/ca.pem;");
    let checked = builder.server(&snippet).check();
    assert!(!checked.ok && checked.output.contains("ca.pem"), "{}", checked.output);
}

#[test]
fn what_is_risky_is_warned_of() {
    let exchange = "STSType otx; STSVariables $http_a $target;";
    let auth = "STSOTXEndpointAuth client_secret_basic client_id=a&client_secret=s3cr3t;";
    let rows = [
        (format!("{exchange} STSOTXEndpoint https://127.0.0.1/; STSSSLValidateServer Off;"), true),
        (format!("{exchange} STSOTXEndpoint http://192.0.2.1/; {auth}"), true),
        (format!("{exchange} STSOTXEndpoint http://[2001:db8::1]/; {auth}"), true),
        (format!("{exchange} STSOTXEndpoint https://192.0.2.1/; {auth}"), false),
        (format!("{exchange} STSOTXEndpoint http://127.0.0.1/; {auth}"), false),
        (format!("{exchange} STSOTXEndpoint http://127.9.9.9/; {auth}"), false),
        (format!("{exchange} STSOTXEndpoint http://[::1]/; {auth}"), false),
        (format!("{exchange} STSOTXEndpoint http://localhost/; {auth}"), false),
        (format!("{exchange} STSOTXEndpoint http://unix:/run/sts.sock:/; {auth}"), false),
        (format!("{exchange} STSOTXEndpoint http://127.0.0.1/; STSSSLValidateServer On;"), false),
    ];
    for (snippet, warned) in rows {
        let checked = check(&format!("location / {{ {snippet} }}"));
        assert!(checked.ok, "{}", checked.output);
        assert_eq!(checked.output.contains("[warn]"), warned, "{snippet}\n{}", checked.output);
        assert!(!checked.output.contains(SECRET), "{}", checked.output);
    }
}

#[test]
fn credentials_that_can_be_read_on_the_way_to_the_sts_are_warned_of() {
    let exchange = "STSType otx; STSVariables $http_a $target;
        STSOTXEndpointAuth client_secret_basic client_id=a&client_secret=s3cr3t;";
    for (endpoint, proxy, warned) in [
        ("http://127.0.0.1/", "192.0.2.1:3128", true),
        ("http://192.0.2.1/", "127.0.0.1:3128", true),
        ("http://127.0.0.1/", "127.0.0.1:3128", false),
        ("https://127.0.0.1/", "192.0.2.1:3128", false),
        ("http://127.0.0.1/", "off", false),
        // No proxy is asked for a socket.
        ("http://unix:/run/sts.sock:/", "192.0.2.1:3128", false),
    ] {
        let server = format!(
            "location / {{ {exchange} STSOTXEndpoint {endpoint}; STSOutgoingProxy {proxy}; }}"
        );
        let checked = check(&server);
        assert!(checked.ok, "{}", checked.output);
        assert_eq!(checked.output.contains("in clear"), warned, "{server}\n{}", checked.output);
        assert!(!checked.output.contains(SECRET), "{}", checked.output);
    }
}

#[test]
fn credentials_in_the_place_of_the_type_are_not_repeated() {
    let options = "auth=client_secret_post&client_id=a&client_secret=s3cr3t";
    refused(&[(
        &format!("STSExchange {options} http://127.0.0.1:9/t;"),
        &["STSExchange", "invalid value", "\"otx\""],
    )]);
}

#[test]
fn an_if_in_a_server_may_leave_its_exchange_incomplete() {
    let server = "STSType otx; STSOTXEndpoint http://127.0.0.1:9/t;
        if ($scheme = https) { return 403; }
        location /";
    let checked = check(&format!("{server} {{ STSVariables $http_a $target; }}"));
    assert!(checked.ok, "{}", checked.output);
    let checked = check(&format!("{server} {{ return 200; }}"));
    assert!(!checked.ok && checked.output.contains("location \"/\""), "{}", checked.output);
}

#[test]
fn a_key_that_takes_long_to_sign_with_is_warned_of() {
    let server = "location / {
        STSExchange otx http://127.0.0.1/ auth=private_key_jwt&client_id=a&jwk_file=key.pem;
        STSVariables $http_a $target;
    }";
    for (bits, warned) in [(2048, false), (3072, true)] {
        let key = openssl::rsa::Rsa::generate(bits).unwrap().private_key_to_pem().unwrap();
        let checked = Nginx::builder().file("key.pem", key).server(server).check();
        assert!(checked.ok, "{}", checked.output);
        assert_eq!(checked.output.contains("[warn]"), warned, "{}", checked.output);
        assert_eq!(checked.output.contains("3072 bits"), warned, "{}", checked.output);
    }
}

#[test]
fn a_name_that_does_not_resolve_is_a_warning_and_no_obstacle() {
    let checked = check(
        "location / {
            STSType otx;
            STSOTXEndpoint https://sts.invalid/token;
            STSVariables $http_a $target;
        }",
    );
    assert!(checked.ok, "{}", checked.output);
    assert!(checked.output.contains("[warn]"), "{}", checked.output);
    assert!(checked.output.contains("sts.invalid"), "{}", checked.output);
}

#[test]
fn access_phase_with_satisfy_any_is_warned_of() {
    let checked = check(&format!("location / {{ {EXCHANGE} STSPhase access; satisfy any; }}"));
    assert!(checked.ok, "{}", checked.output);
    let warned = checked.output.lines().any(|line| {
        ["[warn]", "\"STSPhase access\" with \"satisfy any\"", "\"STSPhase precontent\""]
            .iter()
            .all(|part| line.contains(part))
    });
    assert!(warned, "{}", checked.output);
    let checked = check(&format!("location / {{ {EXCHANGE} STSPhase access; satisfy all; }}"));
    assert!(checked.ok && !checked.output.contains("[warn]"), "{}", checked.output);
}

#[test]
fn error_pages_that_a_refused_request_never_sees_are_named() {
    let backup = "location @backup { proxy_pass http://127.0.0.1:9; }";
    let page = "location /page { proxy_pass http://127.0.0.1:9; }";
    let here = "@backup { STSType disabled; proxy_pass http://127.0.0.1:9; }";
    let rows: &[(String, &[&str])] = &[
        (format!("error_page 401 = @backup; {backup}"), &["error_page 401 @backup", "\"/\""]),
        (format!("error_page 502 504 /page/x?a; {page}"), &["502 /page/x", "504 /page/x"]),
        (format!("error_page 502 /x; {page} location = /x {{ proxy_pass http://127.0.0.1:9; }}"), &["502 /x"]),
        ("error_page 415 =200 /again;".to_owned(), &["415 /again", "STSType disabled"]),
        // These are served, or NGINX alone knows where they lead.
        (format!("error_page 404 = @backup; {backup}"), &[]),
        (format!("error_page 401 = @backup; location {here}"), &[]),
        (format!("error_page 401 /page; location ~ x {{ }} {page}"), &[]),
        ("error_page 401 /page; location /page { }".to_owned(), &[]),
        (format!("set $page @backup; error_page 401 = $page; {backup}"), &[]),
        (
            "error_page 401 502 /page; location /page { STSOnError pass; proxy_pass http://127.0.0.1:9; }"
                .to_owned(),
            &[],
        ),
    ];
    all_hold(rows, |(pages, parts)| {
        let server = format!("{pages} location / {{ {EXCHANGE} proxy_pass http://127.0.0.1:9; }}");
        let Checked { ok, output, .. } = check(&server);
        let warned = output.contains("is not shown when the exchange fails");
        if !ok || warned == parts.is_empty() {
            return Some(format!("{pages}: {output}"));
        }
        let missing = parts.iter().find(|part| !output.contains(**part));
        missing.map(|part| format!("no {part:?} for {pages}: {output}"))
    });
}
