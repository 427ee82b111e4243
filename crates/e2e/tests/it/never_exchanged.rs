//! Configurations that load, and then do not exchange: each is refused, or warned of, with the file
//! and the line of the directive, the server, the location and the remedy. What can be meant loads.

use e2e::nginx::{Checked, Nginx};
use e2e::parallel::in_parallel;

/// Stands in each row's credentials, and in no message.
const SECRET: &str = "s3cr3t";

/// Marks the line that a message has to name.
const MARK: &str = "#!";

/// An endpoint and a client of it.
const STS: &str = "STSOTXEndpoint http://127.0.0.1:9/token;
    STSOTXEndpointAuth client_secret_basic client_id=a&client_secret=s3cr3t;";

/// What a row says, in a server of the name `localhost`, and what the message about it says.
struct Row {
    server: String,
    parts: Vec<&'static str>,
    /// The line that is named is the first one with this.
    mark: &'static str,
}

impl Row {
    fn marked(self, mark: &'static str) -> Self {
        Self { mark, ..self }
    }
}

/// A row with its directives in `location /here`.
fn row(location: &str, parts: &[&'static str]) -> Row {
    let mut row = server(&format!("location /here {{\n{location}\n}}"), parts);
    row.parts.push("location \"/here\"");
    row
}

fn server(server: &str, parts: &[&'static str]) -> Row {
    let mut parts = parts.to_vec();
    parts.push("server \"localhost\"");
    Row { server: server.replace("%%STS%%", STS), parts, mark: MARK }
}

/// Checks a configuration with a server that includes this file.
fn check(text: &str) -> Checked {
    let builder = Nginx::builder().file("case.conf", text);
    builder.server("include %%PREFIX%%/case.conf;").check()
}

/// Each row gets exactly one line of this level, which has all parts and the place of the mark.
fn said(level: &str, rows: &[Row]) {
    all_hold(rows, |Row { server, parts, mark }| {
        let Checked { ok, output, .. } = check(server);
        if ok == (level == "[emerg]") {
            return Some(format!("ok: {ok}: {server}\n{output}"));
        }
        if output.contains(SECRET) {
            return Some(format!("the secret is said of {server}\n{output}"));
        }
        let lines: Vec<_> = output.lines().filter(|line| line.contains(level)).collect();
        let [line] = lines[..] else {
            return Some(format!("{} lines {level} for {server}\n{output}", lines.len()));
        };
        let Some(mark) = server.lines().position(|line| line.contains(mark)) else {
            return Some(format!("no {mark:?} in {server}"));
        };
        let mark = mark + 1;
        let place = format!("case.conf:{mark}");
        let has_place = line.strip_suffix(&place).is_some();
        let missing = parts.iter().find(|part| !line.contains(**part));
        let missing = if has_place { missing.copied() } else { Some(place.as_str()) };
        missing.map(|part| format!("no {part:?} for {server}\n{line}"))
    });
}

fn refused(rows: &[Row]) {
    said("[emerg]", rows);
}

fn warned(rows: &[Row]) {
    said("[warn]", rows);
}

/// Each loads, and nothing is said of it.
fn accepted(servers: &[&str]) {
    all_hold(servers, |server| {
        let Checked { ok, output, .. } = check(&server.replace("%%STS%%", STS));
        let quiet = ok && !output.contains("[warn]");
        (!quiet).then(|| format!("not accepted, or not quietly: {server}\n{output}"))
    });
}

/// Fails with the problems of all rows, not only with that of the first.
fn all_hold<T: Sync>(rows: &[T], problem: impl Fn(&T) -> Option<String> + Sync) {
    let problems = in_parallel(4, rows.len(), |number| rows.get(number).and_then(&problem));
    let problems: Vec<String> = problems.into_iter().flatten().collect();
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn an_exchange_without_a_type_is_refused() {
    let parts = ["STSType otx", "STSType disabled", "no exchange is made"];
    refused(&[
        row("%%STS%%\nSTSVariables $http_a $t; proxy_set_header X $t;", &parts)
            .marked("STSOTXEndpoint"),
        row("%%STS%%\nSTSAcceptSourceTokenIn header;\nSTSPassTargetTokenIn header;", &parts)
            .marked("STSOTXEndpoint"),
        row(
            "STSWSTrustEndpoint http://127.0.0.1:9/; #!\nSTSVariables $http_a $t;",
            &["STSType wstrust"],
        ),
        row("STSROPCEndpoint http://127.0.0.1:9/; #!\nSTSVariables $http_a $t;", &["STSType ropc"]),
        row("STSCCEndpoint http://127.0.0.1:9/; #!\nSTSVariables $http_a $t;", &["STSType cc"]),
        // What one block has and the next one adds.
        server(
            "%%STS%%\nlocation /here {\nSTSVariables $http_a $t; #!\n}",
            &["location \"/here\"", "STSType otx"],
        ),
        server(
            "STSVariables $http_a $t;\nlocation /here {\nSTSOTXEndpoint http://127.0.0.1:9/; #!\n}",
            &["location \"/here\"", "STSType otx"],
        ),
        // A server of which the locations make no exchange.
        server(
            "STSOTXEndpoint http://127.0.0.1:9/; #!\nSTSVariables $http_a $t;\nlocation / { }",
            &["STSType otx"],
        ),
        // The exchange of another location is not made of this.
        server(
            "location /a { STSType otx; %%STS%% STSVariables $http_a $t; }
             location /here {
                 STSOTXEndpoint http://127.0.0.1:9/; STSVariables $http_a $t; #!
             }",
            &["location \"/here\"", "STSType otx"],
        ),
        row(
            "if ($arg_a) {\nSTSOTXEndpoint http://127.0.0.1:9/; #!\nSTSVariables $http_a $t;\n}",
            &["STSType otx"],
        ),
    ]);
}

#[test]
fn what_is_a_default_for_others_may_lack_a_type() {
    accepted(&[
        "STSOTXEndpoint http://127.0.0.1:9/; location / { }",
        "%%STS%% location / { }",
        "location / { %%STS%% }",
        "%%STS%% STSVariables $http_a $t;
         location /a { STSType otx; proxy_set_header X $t; }
         location /static/ { }",
        "%%STS%% STSVariables $http_a $t;
         location /a { if ($arg_a) { STSType otx; } }",
        "location / { STSType disabled; STSOTXEndpoint http://127.0.0.1:9/; }",
        "%%STS%% STSAcceptSourceTokenIn header;
         location /a { STSType otx; error_page 502 = @b; }
         location @b { STSPassTargetTokenIn header; }",
    ]);
    let parts = ["requests to it", "STSType otx", "STSType disabled"];
    warned(&[row("%%STS%%\nSTSVariables $http_a $t;\nlocation /here/in { STSType otx; }", &parts)
        .marked("STSOTXEndpoint")]);
}

#[test]
fn a_target_that_no_exchange_can_set_is_refused_where_it_is_used() {
    let parts = ["\"$t\"", "no exchange", "STSType"];
    refused(&[
        row("STSVariables $http_a $t; #!\nproxy_set_header X $t;", &parts),
        row("STSPassTargetTokenIn environment name=t; #!\nset $u $t;", &parts),
    ]);
    warned(&[
        row("STSVariables $http_a $t; #!", &["\"$t\"", "no exchange"]),
        row(
            "STSType disabled;\nSTSVariables $http_a $t; #!\nproxy_set_header X $t;",
            &["\"$t\"", "STSType disabled"],
        ),
    ]);
    accepted(&[
        "location /a { STSType otx; %%STS%% STSVariables $http_a $t; proxy_set_header X $t; }
         location /b { STSVariables $http_a $t; proxy_set_header X $t; }",
        "STSType otx; %%STS%% STSVariables $http_a $t;
         location /a { STSType disabled; proxy_set_header X $t; }
         location /b { }",
    ]);
}

#[test]
fn a_source_that_is_the_same_for_every_request_is_refused() {
    let parts = ["STSVariables", "$source_token", "every request"];
    refused(&[
        row("STSType otx; %%STS%%\nSTSVariables source_token $t; #!", &parts),
        row("STSExchange otx http://127.0.0.1:9/;\nSTSVariables source_token $t; #!", &parts),
        server(
            "STSVariables source_token $t; #!\nlocation /here { STSType otx; %%STS%% }",
            &["location \"/here\"", "$source_token"],
        ),
        // What is no name of a variable is not repeated: it may be a token.
        row("STSType otx; %%STS%%\nSTSVariables s3cr3t.e30.x $t; #!", &["STSVariables"]),
    ]);
    accepted(&[
        "location / { STSType cc; STSCCEndpoint http://127.0.0.1:9/; STSVariables '' $t; }",
        "location / { STSType cc; STSCCEndpoint http://127.0.0.1:9/; STSVariables none $t; }",
    ]);
}

#[test]
fn a_source_that_cannot_hold_the_token_is_refused() {
    let otx = "STSType otx; %%STS%%\n";
    let source = |text: &str, parts: &[&'static str]| {
        row(&format!("{otx}STSVariables {text} $t; #!"), &[&["STSVariables"], parts].concat())
    };
    let scheme = ["$http_authorization", "scheme", "map", "STSAcceptSourceTokenIn header"];
    refused(&[
        source("$http_authorization", &scheme),
        source("${http_authorization}", &scheme),
        source("$HTTP_Authorization", &["$HTTP_Authorization", "scheme", "map"]),
        source("\"x$http_authorization\"", &scheme),
        source("$http_proxy_authorization", &["$http_proxy_authorization", "scheme"]),
        source("$sent_http_x_token", &["$sent_http_x_token", "answer"]),
        source("$sent_trailer_x", &["$sent_trailer_x", "answer"]),
        source("$upstream_http_x_token", &["$upstream_http_x_token", "answer"]),
        source("$upstream_cookie_token", &["$upstream_cookie_token", "answer"]),
        source("$upstream_addr", &["$upstream_addr", "answer"]),
        source("$t", &["$t", "source", "target"]),
        source("$T", &["source", "target"]),
        source("\"x${t}\"", &["source", "target"]),
        row(
            &format!("{otx}STSAcceptSourceTokenIn environment name=t; #!\nSTSVariables '' $t;"),
            &["STSAcceptSourceTokenIn", "$t", "target"],
        ),
        row(
            &format!("{otx}STSAcceptSourceTokenIn environment name=http_authorization; #!"),
            &["STSAcceptSourceTokenIn", "scheme", "type=Bearer"],
        ),
        row(
            &format!("{otx}STSAcceptSourceTokenIn environment name=upstream_http_x; #!"),
            &["STSAcceptSourceTokenIn", "$upstream_http_x"],
        ),
    ]);
    let capture = ["STSVariables", "\"$1\"", "regular expression", "$source_token"];
    warned(&[source("$1", &capture), source("\"$arg_a$1\"", &capture)]);
    accepted(&[
        "location / { STSType otx; %%STS%% STSVariables $arg_token $t; }",
        "location / { STSType otx; %%STS%% STSVariables $cookie_token $t; }",
        "location / { STSType otx; %%STS%% STSVariables $http_x_token $t; }",
        "location / { STSType otx; %%STS%% STSVariables $http_authorization_token $t; }",
        "location / { STSType otx; %%STS%% STSVariables $t2 $t; set $t2 x; }",
        "location / { STSType otx; %%STS%%
            STSAcceptSourceTokenIn environment name=http_authorization&type=Bearer; }",
    ]);
}

#[test]
fn a_target_that_is_anothers_variable_is_refused() {
    let otx = "STSType otx; %%STS%%\n";
    let target = |name: &str, parts: &[&'static str]| {
        row(&format!("{otx}STSVariables $http_a {name}; #!"), &[&["STSVariables"], parts].concat())
    };
    let own = ["a variable of NGINX", "another name"];
    refused(&[
        target("$http_authorization", &own),
        target("$HTTP_x", &own),
        target("$arg_x", &own),
        target("$cookie_x", &own),
        target("$sent_http_x", &own),
        target("$sent_trailer_x", &own),
        target("$upstream_http_x", &own),
        target("$upstream_token", &own),
        target("$args", &["another name"]),
        target("$limit_rate", &["another name"]),
        target("$1", &["invalid target"]),
        target("$1st", &["invalid target"]),
        row(
            &format!(
                "{otx}STSAcceptSourceTokenIn header;\nSTSPassTargetTokenIn environment name=arg_x; #!"
            ),
            &["STSPassTargetTokenIn", "a variable of NGINX"],
        ),
    ]);
}

#[test]
fn a_target_that_is_set_is_refused_wherever_the_set_stands() {
    let otx = "STSType otx; %%STS%%\nSTSVariables $http_a $t; #!\n";
    let parts = ["\"$t\"", "\"set\"", "another name"];
    refused(&[
        row(&format!("set $t x;\n{otx}"), &parts),
        row(&format!("{otx}set $t x;"), &parts),
        row(&format!("{otx}set $T x;"), &parts),
        row(&format!("{otx}if ($arg_a) {{ set $t x; }}"), &parts),
        row(&format!("{otx}if ($arg_a ~ (?<t>.+)) {{ return 200; }}"), &parts),
        row(&format!("{otx}auth_request /auth; auth_request_set $t x;"), &parts),
        server(
            &format!("location /here {{\n{otx}}}\nlocation /b {{ set $t ''; }}"),
            &["\"$t\"", "another name", "location \"/here\""],
        ),
        server(
            &format!("location /b {{ set $t ''; }}\nlocation /here {{\n{otx}}}"),
            &["\"$t\"", "another name", "location \"/here\""],
        ),
    ]);
}

#[test]
fn a_parameter_with_its_value_in_its_name_is_refused() {
    let otx = "STSType otx; %%STS%% STSVariables $http_a $t;\n";
    let remedy = "\"STSRequestParameter audience orders\"";
    refused(&[
        row(&format!("{otx}STSRequestParameter audience=orders; #!"), &[remedy]),
        row(&format!("{otx}STSRequestParameter audience=orders x; #!"), &["audience", "="]),
        row(
            &format!("{otx}STSRequestParameter \"audience orders\"; #!"),
            &["STSRequestParameter", "name"],
        ),
        row(
            "STSVariables $http_a $t;\nSTSExchange otx http://127.0.0.1:9/ params=audience%253Dorders; #!",
            &["option \"params\"", "audience"],
        ),
    ]);
    accepted(&["location / { STSType otx; %%STS%% STSVariables $http_a $t;
            STSRequestParameter audience orders; STSRequestParameter a.b-c_d 'x=y'; }"]);
}

#[test]
fn quotes_within_options_are_refused() {
    let parts = ["quote", "around the whole argument", "%27", "%22"];
    let variables = "STSVariables $http_a $t;\n";
    refused(&[
        row("STSOTXEndpointAuth basic username=a&password='s3cr3t'; #!", &parts),
        row("STSOTXEndpointAuth basic 'username=a&password=\"s3cr3t\"'; #!", &parts),
        row("STSOTXEndpointAuth basic username='a&password=s3cr3t'; #!", &parts),
        row("STSOTXEndpointAuth basic username=a&password=s3cr3t'; #!", &parts),
        row("STSWSTrustEndpointAuth basic username=a&password='s3cr3t'; #!", &parts),
        row("STSCache shm name='tokens'; #!", &parts),
        row("STSAcceptSourceTokenIn header name='X-Token'; #!", &parts),
        row("STSPassTargetTokenIn header name='X-Token'; #!", &parts),
        row(&format!("{variables}STSExchange otx http://127.0.0.1:9/ auth='none'; #!"), &parts),
        row(
            &format!("{variables}STSExchange otx http://127.0.0.1:9/ params=scope%3D\"a\"; #!"),
            &parts,
        ),
    ]);
    accepted(&[
        "location / { STSOTXEndpointAuth basic 'username=a b&password=it%27s'; }",
        "location / { STSOTXEndpointAuth basic \"username=a&password=it's%20%22\"; }",
        "location / { STSVariables $http_a $t;
            STSExchange otx http://127.0.0.1:9/ 'challenge=Bearer+realm=\"x\"'; }",
    ]);
}

#[test]
fn what_looks_like_a_variable_where_none_is_expanded_is_refused() {
    let parts = ["\"$\"", "%24"];
    let exchange = "STSVariables $http_a $t;\nSTSExchange otx http://127.0.0.1:9/";
    refused(&[
        row("STSOTXEndpointAuth basic username=a&password=$s3cr3t; #!", &parts),
        row("STSOTXEndpointAuth basic \"username=a&password=${s3cr3t}\"; #!", &parts),
        row("STSOTXEndpointAuth client_secret_basic client_id=$c&client_secret=x; #!", &parts),
        row("STSWSTrustEndpointAuth basic username=a&password=x$1; #!", &parts),
        row("STSCache shm name=$host; #!", &parts),
        row("STSAcceptSourceTokenIn query name=$arg_name; #!", &parts),
        row(&format!("{exchange} auth=basic&username=a&password=$s3cr3t; #!"), &parts),
        row(&format!("{exchange} cache.name=$host; #!"), &parts),
        row("STSWSTrustTo https://$host/; #!", &["STSWSTrustTo", "\"$\""]),
        row("STSWSTrustTokenType $type; #!", &["STSWSTrustTokenType", "\"$\""]),
        row("STSCryptoPassphrase $s3cr3t; #!", &["STSCryptoPassphrase", "\"$\""]),
    ]);
    accepted(&[
        "location / { STSOTXEndpointAuth basic username=a&password=x%24y; }",
        "location / { STSOTXEndpointAuth basic username=a&password=x$!$; }",
        "location / { STSVariables $http_a $t; STSExchange otx http://127.0.0.1:9/
            client_id=$host&params=audience%3D$host; }",
        "location / { STSCryptoPassphrase pa$$word; }",
    ]);
}

#[test]
fn what_shows_only_when_blocks_are_put_together_has_its_place_too() {
    let otx = "STSType otx; #!\nSTSVariables $http_a $t;";
    refused(&[
        row(otx, &["STSOTXEndpoint"]),
        row("STSType otx; %%STS%%", &["STSVariables", "STSAcceptSourceTokenIn"]).marked("STSType"),
        row(
            "STSType otx; STSVariables $http_a $t;
             STSOTXEndpoint http://127.0.0.1:9/;
             STSOTXEndpointAuth client_secret_basic client_id=a&client_secret_file=/nowhere; #!",
            &["/nowhere"],
        ),
        row(
            "STSType ropc; STSROPCEndpoint http://127.0.0.1:9/; STSROPCUsername a;
             STSVariables $http_a $t;
             STSRequestParameter audience a;
             STSRequestParameter username a; #!",
            &["username"],
        ),
        row("STSVariables '' $t; #!\nSTSExchange otx http://127.0.0.1:9/;", &["STSVariables"]),
        row(
            "STSType wstrust; STSVariables $http_a $t; STSWSTrustEndpoint http://127.0.0.1:9/;
             STSWSTrustTokenAs actas; #!",
            &["STSWSTrustVersion 1.4"],
        ),
        row(
            "STSType ropc; STSVariables $http_a $t; #!
             STSROPCEndpoint http://127.0.0.1:9/;",
            &["STSROPCUsername"],
        ),
        row(
            "STSVariables $http_a $t;\nSTSExchange otx http://127.0.0.1:9/ cache.name=x; #!",
            &["cache.name"],
        ),
        row(
            "STSPhase rewrite; #!
             if ($arg_a) { STSType otx; %%STS%% STSVariables $http_a $t; }",
            &["STSPhase", "\"if\""],
        ),
        // Inherited from the server.
        server(
            "STSType otx; #!\nlocation /here { STSVariables $http_a $t; }",
            &["location \"/here\"", "STSOTXEndpoint"],
        ),
        // A server without a location.
        server("STSType otx; #!", &["STSOTXEndpoint"]),
    ]);
    warned(&[
        row(
            "STSType otx; STSVariables $http_a $t; STSOTXEndpoint https://127.0.0.1:9/;
             STSSSLValidateServer off; #!",
            &["not verified"],
        ),
        row(
            "STSType otx; STSVariables $http_a $t;
             STSOTXEndpoint http://192.0.2.1/; #!
             STSOTXEndpointAuth basic username=a&password=s3cr3t;",
            &["in clear"],
        ),
        row(
            "STSType otx; STSVariables $http_a $t;
             STSOTXEndpoint https://sts.invalid/token; #!",
            &["sts.invalid", "no address"],
        ),
        row(
            "STSType otx; %%STS%% STSVariables $http_a $t; satisfy any;
             STSPhase access; #!",
            &["satisfy any"],
        ),
        row(
            "STSVariables $http_a $t;
             STSExchange ropc http://127.0.0.1:9/ username=a&password=s3cr3t; #!",
            &["password"],
        ),
    ]);
}

#[test]
fn what_http_says_is_a_default_only_where_an_exchange_uses_it() {
    let text = "\nSTSOTXEndpoint http://127.0.0.1:9/t;\nSTSVariables $http_a $t;\n";
    let builder = || Nginx::builder().file("case.conf", text).http("include %%PREFIX%%/case.conf;");
    let checked = builder().server("location / { }").check();
    let line = checked.output.lines().find(|line| line.contains("[emerg]")).unwrap_or_default();
    assert!(line.contains("STSType otx") && line.ends_with("case.conf:2"), "{}", checked.output);
    for server in ["location / { STSType otx; }", "STSType otx;", "STSType otx; location / { }"] {
        let checked = builder().server(server).check();
        assert!(checked.ok && !checked.output.contains("[warn]"), "{}", checked.output);
    }
}

#[test]
fn a_source_that_every_exchange_within_replaces_is_warned_of() {
    let server = "
        location /a { STSType otx; STSVariables $http_b $t; }
        location /b { }
        STSVariables $http_a $t;";
    let builder = Nginx::builder().file("case.conf", server);
    let builder = builder.http("STSOTXEndpoint http://127.0.0.1:9/t;");
    let Checked { ok, output, .. } = builder.server("include %%PREFIX%%/case.conf;").check();
    let line = output.lines().find(|line| line.contains("[warn]")).unwrap_or_default();
    assert!(ok && line.contains("no exchange takes its source from here"), "{output}");
    assert!(line.contains("server \"localhost\"") && line.ends_with("case.conf:4"), "{output}");
}

#[test]
fn a_server_without_a_name_is_named_by_its_place() {
    let text = "server {\nlisten 127.0.0.1:1;\nlocation /x {\nSTSType otx;\n}\n}";
    let builder = Nginx::builder().file("case.conf", text).http("include %%PREFIX%%/case.conf;");
    let checked = builder.check();
    let line = checked.output.lines().find(|line| line.contains("[emerg]")).unwrap_or_default();
    assert!(line.contains("location \"/x\" of the server at "), "{}", checked.output);
    assert!(line.contains("case.conf:1"), "{}", checked.output);
    assert!(line.ends_with("case.conf:4"), "{}", checked.output);
}

#[test]
fn a_directive_of_http_has_no_server() {
    let text = "\nSTSType bogus;\n";
    let builder = Nginx::builder().file("case.conf", text).http("include %%PREFIX%%/case.conf;");
    let checked = builder.check();
    let line = checked.output.lines().find(|line| line.contains("[emerg]")).unwrap_or_default();
    assert!(line.ends_with("case.conf:2") && !line.contains("server"), "{}", checked.output);
}

#[test]
fn what_nginx_says_by_itself_is_followed_by_the_place() {
    let text = "STSVariables $http_a $t;\n
        STSExchange otx https://127.0.0.1:9/ ssl_trusted_certificate=/nowhere/ca.pem;";
    let Checked { ok, output, .. } = check(text);
    let line = output.lines().rfind(|line| line.contains("[emerg]")).unwrap_or_default();
    assert!(!ok && output.contains("/nowhere/ca.pem"), "{output}");
    assert!(line.contains("STSSSLTrustedCertificate") && line.ends_with("case.conf:3"), "{output}");
}
