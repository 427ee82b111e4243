//! `upstream` blocks of the name of an endpoint or proxy: they are not used, and `nginx -t` says so.
#![allow(clippy::panic, reason = "a test that cannot go on has failed")]

use e2e::nginx::{Checked, Nginx};
use e2e::parallel::in_parallel;

const WHOLE: &str = "
%%MAIN%%
http {
    %%HTTP%%
    %%BEFORE%%
    server {
        listen 127.0.0.1:%%PORT%%;
        server_name localhost;
        location / {
            %%SERVER%%
        }
    }
    %%AFTER%%
}
";

const UPSTREAM: &str = "upstream LocalHost { server 127.0.0.1:9; }";
const NOWHERE: &str = "upstream nowhere.invalid { server 127.0.0.1:9; }";

/// The warnings of a configuration that is accepted.
fn warnings(before: &str, location: &str, after: &str) -> Vec<String> {
    let builder = Nginx::builder().whole(WHOLE).set("BEFORE", before).set("AFTER", after);
    let Checked { ok, output, .. } = builder.server(location).check();
    assert!(ok, "{output}");
    let about = output.lines().filter(|line| line.contains("[warn]") && line.contains("upstream"));
    about.map(str::to_owned).collect()
}

fn otx(endpoint: &str) -> String {
    format!("STSType otx;\nSTSOTXEndpoint {endpoint};\nSTSVariables $http_x $target;")
}

/// The line of the configuration that has this text.
fn line(before: &str, location: &str, after: &str, text: &str) -> String {
    let builder = Nginx::builder().whole(WHOLE).set("BEFORE", before).set("AFTER", after);
    // NGINX prints the line of what it does not know.
    let broken = format!("{location}\nno_such_directive;");
    let Checked { output, .. } = builder.server(&broken).check();
    let end: usize = output
        .split("nginx.conf:")
        .nth(1)
        .and_then(|rest| rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok())
        .unwrap_or_else(|| panic!("no line in {output}"));
    let back = broken.lines().rev().position(|line| line.contains(text));
    format!("nginx.conf:{}", end - back.unwrap_or_else(|| panic!("no {text:?} in {broken}")))
}

#[test]
fn an_upstream_of_the_name_is_told_of_wherever_it_stands() {
    let http = otx("http://localhost/token");
    let https = otx("https://LOCALHOST/token");
    let exchange =
        "STSExchange otx http://localhost/token;\nSTSVariables $http_x $target;".to_owned();
    let proxy = format!("{}\nSTSOutgoingProxy localhost;", otx("https://127.0.0.1/token"));
    let proxied = format!("{}\nSTSOutgoingProxy 127.0.0.1:9;", otx("https://localhost/token"));
    let option = "STSExchange otx https://127.0.0.1/token outgoing_proxy=http://localhost;
        STSVariables $http_x $target;"
        .to_owned();
    for (location, directive, name) in [
        (http, "STSOTXEndpoint", "the name of the STS"),
        (https, "STSOTXEndpoint", "the name of the STS"),
        (exchange, "STSExchange", "the name of the STS"),
        (proxied, "STSOTXEndpoint", "the name of the STS"),
        (proxy, "STSOutgoingProxy", "the name of the proxy"),
        (option, "STSExchange", "the name of the proxy"),
    ] {
        for (before, after) in [(UPSTREAM, ""), ("", UPSTREAM)] {
            let found = warnings(before, &location, after);
            let [warning] = &found[..] else { panic!("{found:?} for {location}") };
            let at = line(before, &location, after, directive);
            for part in
                ["\"localhost\"", "is not used", "write the name or address", name, at.as_str()]
            {
                assert!(warning.contains(part), "no {part:?} in {warning}");
            }
        }
    }
}

#[test]
fn with_a_port_a_name_that_leads_somewhere_is_meant_as_it_stands() {
    assert_eq!(warnings(UPSTREAM, &otx("http://localhost:9/token"), ""), [""; 0]);
    let found = warnings(NOWHERE, &otx("http://nowhere.invalid:9/token"), "");
    assert!(found.iter().any(|line| line.contains("is not used")), "{found:?}");
}

#[test]
fn what_is_no_upstream_of_the_name_is_not_told_of() {
    let elsewhere = "location /other { proxy_pass http://localhost; }";
    let rows = [
        (UPSTREAM, otx("http://127.0.0.1/token")),
        (UPSTREAM, otx("http://unix:/run/sts.sock:/token")),
        // It is the name of a host, and of no upstream.
        (UPSTREAM, otx("http://localhost./token")),
        ("", format!("{elsewhere} {}", otx("http://localhost/token"))),
        ("upstream localhost2 { server 127.0.0.1:9; }", otx("http://localhost/token")),
    ];
    let problems = in_parallel(4, rows.len(), |number| {
        let (before, location) = rows.get(number)?;
        let found = warnings(before, location, "");
        (!found.is_empty()).then(|| format!("{location}: {found:?}"))
    });
    let problems: Vec<String> = problems.into_iter().flatten().collect();
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}
