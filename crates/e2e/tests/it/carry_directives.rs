//! What `nginx -t` says of `STSAcceptSourceTokenIn`, `STSPassTargetTokenIn` and `STSMaxForm`, and how
//! they are inherited.

use devsts::is_for;
use e2e::nginx::{Checked, Nginx};
use e2e::parallel::in_parallel;
use e2e::scene::{Scene, Seen};

const EXCHANGE: &str = "STSType otx; STSOTXEndpoint http://127.0.0.1:9/token;";

fn check(location: &str) -> Checked {
    Nginx::builder().server(&format!("location / {{ {EXCHANGE} {location} }}")).check()
}

#[test]
fn each_place_and_option_is_accepted() {
    let rows = [
        "STSAcceptSourceTokenIn header;",
        "STSAcceptSourceTokenIn header name=X-Token&type=Token&strip=false&encoding=base64;",
        "STSAcceptSourceTokenIn header; STSAcceptSourceTokenIn header type=Token;",
        "STSAcceptSourceTokenIn query name=a&strip=true&encoding=none;",
        "STSAcceptSourceTokenIn post encoding=deflate;",
        "STSAcceptSourceTokenIn cookie name=__Host-session;",
        "set $access_token x; STSAcceptSourceTokenIn environment;",
        "STSAcceptSourceTokenIn environment name=http_x_token&type=Bearer;",
        "STSAcceptSourceTokenIn query; STSVariables $http_x_token $target;",
        "STSAcceptSourceTokenIn query; STSVariables '' $target;",
        "STSAcceptSourceTokenIn query; STSPassTargetTokenIn header;",
        "STSVariables $http_x $t; STSPassTargetTokenIn header name=X-Token&type=&encoding=base64url;",
        "STSVariables $http_x $t; STSPassTargetTokenIn query; STSPassTargetTokenIn query name=b;",
        "STSVariables $http_x $t; STSPassTargetTokenIn post; STSPassTargetTokenIn cookie;",
        "STSVariables $http_x $t; STSPassTargetTokenIn post name=t&bodies=form;",
        "STSVariables $http_x $t; STSPassTargetTokenIn post bodies=any&encoding=base64;",
        "STSVariables $http_x $t; STSPassTargetTokenIn environment name=t;",
        "STSAcceptSourceTokenIn post; STSMaxForm 64k;",
        "STSAcceptSourceTokenIn post; STSMaxForm 64m;",
    ];
    let problems = in_parallel(4, rows.len(), |number| {
        let Checked { ok, output, .. } = check(rows[number]);
        (!ok).then(|| format!("{}: {output}", rows[number]))
    });
    let problems: Vec<_> = problems.into_iter().flatten().collect();
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn what_means_nothing_is_refused_by_name() {
    let rows: &[(&str, &[&str])] = &[
        ("", &["STSVariables", "STSAcceptSourceTokenIn"]),
        ("STSPassTargetTokenIn header;", &["STSVariables", "STSAcceptSourceTokenIn"]),
        ("STSAcceptSourceTokenIn body;", &["STSAcceptSourceTokenIn", "\"body\"", "\"post\""]),
        ("STSAcceptSourceTokenIn header label=a;", &["\"label\"", "name, type, strip, encoding"]),
        ("STSAcceptSourceTokenIn header name=a&name=b;", &["\"name\"", "more than once"]),
        ("STSAcceptSourceTokenIn header name=;", &["\"name\"", "empty"]),
        ("STSAcceptSourceTokenIn header name=Host;", &["name=Host"]),
        ("STSAcceptSourceTokenIn header 'type=a b';", &["\"type\""]),
        ("STSAcceptSourceTokenIn header strip=maybe;", &["\"strip\"", "\"true\""]),
        ("STSAcceptSourceTokenIn header encoding=hex;", &["\"encoding\"", "\"base64url\""]),
        ("STSAcceptSourceTokenIn environment name=$a;", &["\"name\"", "\"$\""]),
        ("STSAcceptSourceTokenIn environment name=no_such_name;", &["no_such_name"]),
        ("STSAcceptSourceTokenIn query; STSAcceptSourceTokenIn query;", &["given twice"]),
        ("STSAcceptSourceTokenIn;", &["STSAcceptSourceTokenIn"]),
        ("STSAcceptSourceTokenIn query a=b c;", &["STSAcceptSourceTokenIn"]),
        ("STSPassTargetTokenIn elsewhere;", &["STSPassTargetTokenIn", "\"elsewhere\""]),
        ("STSPassTargetTokenIn header strip=true;", &["\"strip\"", "name, type, encoding"]),
        ("STSPassTargetTokenIn post strip=true;", &["\"strip\"", "name, type, encoding, bodies"]),
        ("STSPassTargetTokenIn post bodies=all;", &["\"bodies\"", "\"form\"", "\"any\""]),
        ("STSPassTargetTokenIn query bodies=any;", &["\"bodies\"", "\"post\""]),
        ("STSAcceptSourceTokenIn post bodies=any;", &["\"bodies\"", "name, type, strip, encoding"]),
        ("STSPassTargetTokenIn cookie type=Bearer;", &["\"type\"", "cookie"]),
        ("STSPassTargetTokenIn environment name=host;", &["STSPassTargetTokenIn", "host"]),
        ("STSPassTargetTokenIn header; STSPassTargetTokenIn header type=A;", &["given twice"]),
        ("STSVariables '' $target;", &["STSVariables", "empty"]),
        ("STSMaxForm 10;", &["STSMaxForm", "1024"]),
        ("STSMaxForm 1g;", &["STSMaxForm"]),
        ("STSMaxForm 2k; STSMaxForm 2k;", &["duplicate"]),
    ];
    let problems = in_parallel(4, rows.len(), |number| {
        let (snippet, parts) = rows[number];
        let Checked { ok, output, .. } = check(snippet);
        let missing = parts.iter().chain(&["[emerg]"]).find(|part| !output.contains(**part));
        (ok || missing.is_some()).then(|| format!("{snippet}: no {missing:?} in {output}"))
    });
    let problems: Vec<_> = problems.into_iter().flatten().collect();
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn a_variable_that_another_directive_sets_is_no_environment() {
    let server = "location / { set $mod_sts_target_token x; STSType otx;
        STSOTXEndpoint http://127.0.0.1:9/; STSVariables $http_x $t;
        STSPassTargetTokenIn environment; }";
    let Checked { ok, output, .. } = Nginx::builder().server(server).check();
    assert!(!ok && output.contains("$mod_sts_target_token"), "{output}");
}

#[test]
fn lists_are_inherited_as_a_whole() {
    let scene = Scene::new();
    let server = "
        %%EXCHANGE%%
        STSAcceptSourceTokenIn header;
        STSAcceptSourceTokenIn query;
        STSPassTargetTokenIn header;
        STSPassTargetTokenIn cookie;
        location / { proxy_pass %%BACKEND%%; }
        location /in { STSAcceptSourceTokenIn cookie; proxy_pass %%BACKEND%%; }
        location /out { STSPassTargetTokenIn query; proxy_pass %%BACKEND%%; }
        location /off { STSType disabled; proxy_pass %%BACKEND%%; }";
    let nginx = scene.nginx().server(server).start();

    let seen = Seen::by_backend(nginx.get("/?access_token=alice").send());
    let target = scene.sts.issued()[0].target.clone();
    assert!(is_for(&target, "alice"));
    assert_eq!(seen.header("Authorization"), Some(format!("Bearer {target}")));
    assert_eq!(seen.header("Cookie"), Some(format!("sts_token={target}")));

    nginx.get("/in").bearer("alice").send().expect_status(401);
    let seen = Seen::by_backend(nginx.get("/in").header("Cookie", "access_token=alice").send());
    assert_eq!(seen.header("Authorization"), Some(format!("Bearer {target}")));

    let seen = Seen::by_backend(nginx.get("/out").bearer("alice").send());
    assert_eq!(seen.uri(), format!("/out?access_token={target}"));
    assert_eq!((seen.header("Authorization"), seen.header("Cookie")), (None, None));

    let seen = Seen::by_backend(nginx.get("/off").bearer("alice").send());
    assert_eq!(seen.header("Authorization").as_deref(), Some("Bearer alice"));
}

#[test]
fn locations_that_accept_a_token_in_the_same_places_have_the_same_exchange() {
    let scene = Scene::new();
    let server = "
        %%EXCHANGE%%
        STSAcceptSourceTokenIn header;
        location /one { STSPassTargetTokenIn header; proxy_pass %%BACKEND%%; }
        location /two { STSPassTargetTokenIn cookie; proxy_pass %%BACKEND%%; }";
    let nginx = scene.nginx().server(server).start();
    nginx.get("/one").bearer("alice").send().expect_status(200);
    nginx.get("/two").bearer("alice").send().expect_status(200);
    assert_eq!(scene.sts.call_count(), 1);
}

#[test]
fn an_exchange_in_one_directive_goes_with_them() {
    let scene = Scene::new();
    let server = "location / {
        STSExchange otx %%STS%% auth=client_secret_basic&client_id=otxclient&client_secret=2Federate&max_form=2k;
        STSAcceptSourceTokenIn post;
        STSPassTargetTokenIn header;
        proxy_pass %%BACKEND%%;
    }";
    let nginx = scene.nginx().server(server).start();
    let form = |body: String| {
        nginx.post("/", body).header("Content-Type", "application/x-www-form-urlencoded")
    };
    let seen = Seen::by_backend(form("access_token=alice".into()).send());
    let value = seen.header("Authorization").unwrap_or_default();
    assert!(is_for(value.trim_start_matches("Bearer "), "alice"), "{value}");
    form("a".repeat(3_000)).send().expect_status(413);
}

#[test]
fn client_credentials_need_no_source_and_can_be_passed_on_everywhere() {
    let scene = Scene::new();
    let server = "location / {
        STSType cc;
        STSCCEndpoint %%STS%%;
        STSCCEndpointAuth client_secret_basic client_id=otxclient&client_secret=2Federate;
        STSAcceptSourceTokenIn query;
        STSPassTargetTokenIn header;
        STSPassTargetTokenIn cookie;
        proxy_pass %%BACKEND%%;
    }";
    let nginx = scene.nginx().server(server).start();
    let seen = Seen::by_backend(nginx.get("/?access_token=x").bearer("forged").send());
    let target = scene.sts.issued()[0].target.clone();
    assert_eq!(seen.header("Authorization"), Some(format!("Bearer {target}")));
    assert_eq!(seen.header("Cookie"), Some(format!("sts_token={target}")));
    // What is accepted does not go on, although no exchange uses it.
    assert_eq!(seen.uri(), "/");
}
