//! `STSExchange`: a whole exchange in one directive.

use devsts::{Client, Sts};
use e2e::nginx::{Checked, Nginx};
use e2e::parallel::in_parallel;
use e2e::scene::{CLIENT_BASIC, Scene, Seen, assert_exchanged};

/// Stands in each row's credentials, and in no message.
const SECRET: &str = "s3cr3t";

const GRANT: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";

/// The options of a client that the STS knows.
const AUTH: &str = "auth=client_secret_basic&client_id=otxclient&client_secret=2Federate";

fn scene() -> Scene {
    Scene::with(Sts::builder().client(Client::public("public")).anonymous())
}

/// A location with one exchange; the options are appended to the credentials.
fn location(path: &str, kind: &str, options: &str) -> String {
    format!(
        "location {path} {{
            STSExchange {kind} %%STS%% \"{AUTH}{options}\";
            STSVariables $source_token $target_token;
            %%PASS%%
        }}"
    )
}

fn sent(call: &devsts::Call) -> Vec<(&str, &str)> {
    call.parameters().iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
}

#[test]
fn an_otx_exchange_sends_what_the_directives_of_the_seed_would() {
    let scene = scene();
    let nginx = scene.nginx().server(&location("/", "otx", "")).start();

    assert_exchanged(nginx.get("/").bearer("alice").send(), "alice");

    let call = scene.only_call();
    assert_eq!(call.header("Authorization").as_deref(), Some(CLIENT_BASIC));
    assert_eq!(
        sent(&call),
        [("grant_type", GRANT), ("subject_token", "alice"), ("subject_token_type", ACCESS_TOKEN)]
    );
    nginx.get("/").send().expect_status(401);
}

#[test]
fn a_ropc_exchange_sends_the_source_token_as_password() {
    let scene = scene();
    let nginx = scene.nginx().server(&location("/", "ropc", "&username=dummy")).start();

    assert_exchanged(nginx.get("/").bearer("alice").send(), "alice");

    let call = scene.only_call();
    assert_eq!(
        sent(&call),
        [("grant_type", "password"), ("username", "dummy"), ("password", "alice")]
    );
    nginx.get("/").send().expect_status(401);
}

#[test]
fn a_ropc_exchange_without_user_name_takes_the_client_id_for_it() {
    let scene = scene();
    let nginx = scene.nginx().server(&location("/", "ropc", "")).start();

    assert_exchanged(nginx.get("/").bearer("alice").send(), "alice");
    assert_eq!(scene.only_call().parameter("username"), Some("otxclient"));
}

#[test]
fn with_basic_one_user_name_serves_the_gateway_and_the_grant() {
    let scene = scene();
    let server = "location / {
        STSExchange ropc %%STS%% auth=basic&username=otxclient&password=2Federate;
        STSVariables $source_token $target_token;
        %%PASS%%
    }";
    let nginx = scene.nginx().server(server).start();

    assert_exchanged(nginx.get("/").bearer("alice").send(), "alice");

    let call = scene.only_call();
    assert_eq!(call.header("Authorization").as_deref(), Some(CLIENT_BASIC));
    assert_eq!(call.parameter("username"), Some("otxclient"));
    assert_eq!(call.parameter("password"), Some("alice"));
}

#[test]
fn a_password_in_the_options_is_ignored_with_a_warning() {
    let scene = scene();
    let options = "&username=dummy&password=s3cr3t";
    let nginx = scene.nginx().server(&location("/", "ropc", options)).forbid_in_log(SECRET);
    let checked = nginx.check();
    assert!(checked.ok, "{}", checked.output);
    assert!(checked.output.contains("\"password\" is ignored"), "{}", checked.output);
    assert!(!checked.output.contains(SECRET), "{}", checked.output);
}

#[test]
fn a_cc_exchange_gets_one_token_for_all_users_and_needs_none_of_them() {
    let scene = scene();
    let nginx = scene.nginx().server(&location("/", "cc", "&params=scope%3Dread")).start();

    let first = Seen::by_backend(nginx.get("/").bearer("alice").send()).token();
    let second = Seen::by_backend(nginx.get("/").bearer("bob").send()).token();
    let anonymous = Seen::by_backend(nginx.get("/").send()).token();
    let bound = Seen::by_backend(nginx.get("/").header("Authorization", "DPoP x").send()).token();

    assert!(devsts::is_for(&first, "otxclient"), "{first}");
    assert_eq!([&second, &anonymous, &bound], [&first; 3]);
    let call = scene.only_call();
    assert_eq!(sent(&call), [("grant_type", "client_credentials"), ("scope", "read")]);
}

#[test]
fn a_cc_exchange_needs_no_source_and_no_variable() {
    let scene = scene();
    let server = format!(
        "location /silent {{ STSExchange cc %%STS%% {AUTH}; proxy_pass %%BACKEND%%; }}
        location /empty {{
            STSExchange cc %%STS%% {AUTH};
            STSVariables '' $target_token;
            %%PASS%%
        }}"
    );
    let nginx = scene.nginx().server(&server).start();

    nginx.get("/silent").send().expect_status(200);
    assert!(Seen::by_backend(nginx.get("/empty").send()).token().starts_with("target"));
    scene.only_call();
}

#[test]
fn a_cc_exchange_names_its_target_alone() {
    let scene = scene();
    let server = format!(
        "STSVariables $target_token;
        location /option {{ STSExchange cc %%STS%% {AUTH}; %%PASS%% }}
        location /directives {{
            STSType cc;
            STSCCEndpoint %%STS%%;
            STSCCEndpointAuth client_secret_basic client_id=otxclient&client_secret=2Federate;
            %%PASS%%
        }}
        location /off {{ STSType disabled; %%PASS%% }}
        location /otx {{
            STSExchange otx %%STS%% {AUTH};
            STSVariables $source_token $target_token;
            %%PASS%%
        }}"
    );
    let nginx = scene.nginx().server(&server).start();

    let of = |path: &str| Seen::by_backend(nginx.get(path).bearer("alice").send()).token();
    let token = of("/option");
    assert!(devsts::is_for(&token, "otxclient"), "{token}");
    assert_eq!(of("/directives"), token);
    assert_eq!(of("/off"), "");
    scene.only_call();
    assert_exchanged(nginx.get("/otx").bearer("alice").send(), "alice");
}

#[test]
fn the_target_alone_is_refused_where_there_is_a_source() {
    let of = |directives: &str| {
        let builder = Nginx::builder().server(directives);
        builder.http("map $http_x $from_map { default x; }").check()
    };
    let exchange = "STSExchange otx http://127.0.0.1:9/t";
    let alone = ["source token", "STSVariables $source_token $alone", "STSVariables '' $alone"];
    let forgotten = ["\"$from_map\"", "STSVariables $source_token $target_token"];
    for (directives, parts) in [
        (format!("location / {{ {exchange}; STSVariables $alone; }}"), &alone[..]),
        (format!("STSVariables $alone; location / {{ {exchange}; }}"), &alone),
        (
            format!(
                "location / {{ {exchange}; STSAcceptSourceTokenIn header; STSVariables $alone; }}"
            ),
            &alone,
        ),
        (format!("location / {{ {exchange}; STSVariables $from_map; }}"), &forgotten),
    ] {
        let Checked { ok, output, .. } = of(&directives);
        assert!(!ok && output.contains("\"STSVariables\""), "{directives}: {output}");
        let missing = parts.iter().find(|part| !output.contains(**part));
        assert_eq!(missing, None, "{directives}: {output}");
    }
}

#[test]
fn a_cc_exchange_with_other_parameters_gets_another_token() {
    let scene = scene();
    let nginx = scene.nginx().server(&location("/", "cc", "&params=scope%3D$arg_scope")).start();

    let of = |scope| Seen::by_backend(nginx.get(&format!("/?scope={scope}")).send()).token();
    let (read, write) = (of("read"), of("write"));
    assert_ne!(read, write);
    assert_eq!(of("read"), read);
    assert_eq!(scene.sts.call_count(), 2);
}

#[test]
fn a_cc_exchange_authenticates_no_client() {
    let scene = scene();
    let server = format!(
        "location / {{
            satisfy any;
            deny all;
            STSExchange cc %%STS%% {AUTH};
            STSVariables '' $target_token;
            %%PASS%%
        }}"
    );
    let nginx = scene.nginx().server(&server).start();

    nginx.get("/").send().expect_status(403);
    assert_eq!(scene.sts.call_count(), 0);
}

#[test]
fn both_syntaxes_are_one_exchange_with_one_token() {
    let scene = scene();
    let directives = "
        location /directives {
            STSType otx;
            STSOTXEndpoint %%STS%%;
            STSOTXEndpointAuth client_secret_basic client_id=otxclient&client_secret=2Federate;
            STSRequestParameter audience 'the shop';
            STSRequestParameter scope $arg_scope;
            STSVariables $source_token $target_token;
            %%PASS%%
        }";
    let options = "&params=audience%3Dthe%2Bshop%26scope%3D$arg_scope";
    let nginx =
        scene.nginx().server(directives).server(&location("/option", "otx", options)).start();

    let get = |path: &str| {
        let request = nginx.get(&format!("{path}?scope=a%2Bb")).bearer("alice");
        Seen::by_backend(request.send()).token()
    };
    assert_eq!(get("/directives"), get("/option"));
    let call = scene.only_call();
    assert_eq!(call.parameter("audience"), Some("the shop"));
}

#[test]
fn parameters_hold_variables_and_literal_dollar_signs() {
    let scene = scene();
    let options = "&params=a%3D$arg_a%26b%3D%24arg_a%26c%3D%2524arg_a%26d%3Dx%2526y%253Dz%26e%3D$arg_nothing%26f";
    let nginx = scene.nginx().server(&location("/", "otx", options)).start();

    nginx.get("/?a=one&two").bearer("alice").send().expect_status(200);

    let call = scene.only_call();
    let extra = &sent(&call)[3..];
    assert_eq!(extra, [("a", "one"), ("b", "$arg_a"), ("c", "$arg_a"), ("d", "x&y=z"), ("f", "")]);
}

#[test]
fn what_is_asked_for_stands_by_itself() {
    let scene = scene();
    let options = "&scope=read+write&audience=orders&resource=https%3A%2F%2Fa%2F%3Fb&audience=st%24ck\
        &requested_token_type=jwt&subject_token_type=id_token&params=audience%3Dfirst%26x%3D$arg_x";
    let cc = "&scope=read&audience=orders";
    let server = format!("{}{}", location("/otx", "otx", options), location("/cc", "cc", cc));
    let nginx = scene.nginx().server(&server).start();

    nginx.get("/otx?x=1").bearer("alice").send().expect_status(200);
    nginx.get("/cc").send().expect_status(200);

    let calls = scene.sts.calls();
    assert_eq!(
        sent(&calls[0]),
        [
            ("grant_type", GRANT),
            ("subject_token", "alice"),
            ("audience", "first"),
            ("x", "1"),
            ("scope", "read write"),
            ("audience", "orders"),
            ("resource", "https://a/?b"),
            ("audience", "st$ck"),
            ("requested_token_type", "urn:ietf:params:oauth:token-type:jwt"),
            ("subject_token_type", "urn:ietf:params:oauth:token-type:id_token"),
        ]
    );
    assert_eq!(
        sent(&calls[1]),
        [("grant_type", "client_credentials"), ("scope", "read"), ("audience", "orders")]
    );
}

#[test]
fn the_short_name_of_a_token_type_means_the_same_in_both_syntaxes() {
    let scene = scene();
    let directives = "
        STSType otx;
        STSOTXEndpoint %%STS%%;
        STSOTXEndpointAuth client_secret_basic client_id=otxclient&client_secret=2Federate;
        STSVariables $source_token $target_token;";
    let server = format!(
        "location /literal {{
            {directives}
            STSRequestParameter subject_token_type jwt;
            STSRequestParameter requested_token_type access_token;
            %%PASS%%
        }}
        location /variable {{
            {directives}
            STSRequestParameter subject_token_type $arg_type;
            STSRequestParameter requested_token_type access_token;
            %%PASS%%
        }}
        {}",
        location(
            "/option",
            "otx",
            "&params=subject_token_type%3Djwt&requested_token_type=access_token"
        )
    );
    let nginx = scene.nginx().server(&server).start();

    let get = |path: &str| Seen::by_backend(nginx.get(path).bearer("alice").send()).token();
    let token = get("/literal");
    assert_eq!(get("/option"), token);
    assert_eq!(get("/variable?type=jwt"), token, "it may come from a variable");
    let call = scene.only_call();
    let jwt = "urn:ietf:params:oauth:token-type:jwt";
    assert_eq!(call.parameter("subject_token_type"), Some(jwt));
    assert_eq!(call.parameter("requested_token_type"), Some(ACCESS_TOKEN));

    assert_ne!(get("/variable?type=saml2"), token);
    get("/variable?type=urn:ietf:params:oauth:token-type:saml1");
    let types: Vec<_> = scene.sts.calls()[1..]
        .iter()
        .map(|call| call.parameter("subject_token_type").map(str::to_owned))
        .collect();
    let saml = |version| Some(format!("urn:ietf:params:oauth:token-type:saml{version}"));
    assert_eq!(types, [saml(2), saml(1)]);
}

#[test]
fn what_is_asked_for_twice_is_refused_unless_it_may_repeat() {
    let exchange = "STSVariables $arg_a $target; STSExchange otx http://127.0.0.1:9/t";
    let both = ["scope", "requested_token_type", "subject_token_type"];
    for key in both {
        refused(&[
            (&format!("{exchange} {key}=a&{key}=b;"), &[key, "more than once"]),
            (&format!("{exchange} {key}=a&params={key}%3Db;"), &[key, "twice", "audience"]),
        ]);
    }
    let none = "STSVariables $arg_a $target;";
    refused(&[
        (
            &format!("{none} STSExchange ropc http://127.0.0.1:9/t username=a&scope=b;"),
            &["\"scope\"", "params"],
        ),
        (
            &format!("{none} STSExchange wstrust http://127.0.0.1:9/t audience=a&audience=b;"),
            &["\"audience\"", "applies_to"],
        ),
    ]);
    for key in ["audience", "resource"] {
        let checked = check(&format!("{exchange} {key}=a&params={key}%3Db&{key}=c;"));
        assert!(checked.ok, "{}", checked.output);
    }
}

#[test]
fn names_of_clients_and_users_may_depend_on_the_request() {
    let scene = scene();
    let server = "
        location /client {
            STSExchange otx %%STS%% client_id=$arg_client;
            STSVariables $source_token $target_token;
            %%PASS%%
        }
        location /user {
            STSExchange ropc %%STS%% username=$arg_user%24;
            STSVariables $source_token $target_token;
            %%PASS%%
        }
        location /directive {
            STSType ropc;
            STSROPCEndpoint %%STS%%;
            STSROPCClientID public;
            STSROPCUsername $arg_user;
            STSVariables $source_token $target_token;
            %%PASS%%
        }";
    let nginx = scene.nginx().server(server).start();

    assert_exchanged(nginx.get("/client?client=public").bearer("alice").send(), "alice");
    assert_exchanged(nginx.get("/client").bearer("alice").send(), "alice");
    assert_exchanged(nginx.get("/user?user=bob").bearer("pass").send(), "pass");
    let carol = Seen::by_backend(nginx.get("/directive?user=carol").bearer("pass").send()).token();
    let dave = Seen::by_backend(nginx.get("/directive?user=dave").bearer("pass").send()).token();
    assert_ne!(carol, dave, "a token of one user is not another's");
    nginx.get("/directive").bearer("pass").send().expect_status(401);

    let calls = scene.sts.calls();
    let names: Vec<_> = calls
        .iter()
        .map(|call| (call.parameter("client_id"), call.parameter("username")))
        .collect();
    assert_eq!(
        names,
        [
            (Some("public"), None),
            (None, None),
            (None, Some("bob$")),
            (Some("public"), Some("carol")),
            (Some("public"), Some("dave")),
        ]
    );
}

#[test]
fn an_exchange_replaces_the_inherited_one_whatever_its_syntax() {
    let scene = scene();
    let server = format!(
        "STSVariables $source_token $target_token;
        STSOnMissing pass;
        location /directives/ {{
            STSType otx;
            STSOTXEndpoint http://127.0.0.1:9/never;
            STSRequestParameter scope outer;
            STSHTTPTimeOut 1;
            location /directives/exchange {{ STSExchange otx %%STS%% {AUTH}; %%PASS%% }}
        }}
        location /exchange/ {{
            STSExchange cc http://127.0.0.1:9/never {AUTH}&on_error=pass&on_missing=return&params=scope%3Douter;
            location /exchange/exchange {{ STSExchange otx %%STS%% {AUTH}; %%PASS%% }}
            location /exchange/directives {{
                STSType otx;
                STSOTXEndpoint %%STS%%;
                STSOTXEndpointAuth client_secret_post client_id=otxclient&client_secret=2Federate;
                %%PASS%%
            }}
        }}"
    );
    let nginx = scene.nginx().server(&server).start();

    for path in ["/directives/exchange", "/exchange/exchange", "/exchange/directives"] {
        let user = format!("user-of{}", path.replace('/', "-"));
        assert_exchanged(nginx.get(path).bearer(&user).send(), &user);
        // Of the outer exchange nothing is left: neither its parameters nor its options.
        assert_eq!(scene.sts.calls().last().and_then(|call| call.parameter("scope")), None);
        nginx.get(path).bearer("refuse").send().expect_status(401);
        // What goes with either syntax is inherited past it.
        assert_eq!(Seen::by_backend(nginx.get(path).send()).token(), "");
    }
}

#[test]
fn single_settings_change_an_inherited_exchange() {
    let scene = scene();
    let server = format!(
        "STSExchange otx %%STS%% {AUTH}&on_error=pass&params=scope%3Da%26audience%3Db;
        STSVariables $source_token $target_token;
        location /as-it-is {{ %%PASS%% }}
        location /returns {{ STSOnError return; %%PASS%% }}
        location /asks-for-less {{ STSRequestParameter scope c; %%PASS%% }}
        location /off {{ STSType disabled; %%PASS%% }}"
    );
    let nginx = scene.nginx().server(&server).start();

    nginx.get("/as-it-is").bearer("refuse").send().expect_status(200);
    nginx.get("/returns").bearer("refuse.x").send().expect_status(401);
    assert_exchanged(nginx.get("/asks-for-less").bearer("alice").send(), "alice");
    let calls = scene.sts.calls();
    assert_eq!(sent(calls.last().unwrap())[3..], [("scope", "c")]);
    assert_eq!(Seen::by_backend(nginx.get("/off").bearer("alice").send()).token(), "");
    assert_eq!(scene.sts.calls().len(), calls.len());
}

#[test]
fn an_exchange_in_an_if_replaces_that_of_its_location() {
    let scene = scene();
    let server = format!(
        "location / {{
            STSExchange otx %%STS%% {AUTH}&params=scope%3Done;
            STSVariables $source_token $target_token;
            if ($arg_two) {{ STSExchange otx %%STS%% {AUTH}&params=scope%3Dtwo; }}
            %%PASS%%
        }}"
    );
    let nginx = scene.nginx().server(&server).start();

    assert_exchanged(nginx.get("/").bearer("alice").send(), "alice");
    assert_exchanged(nginx.get("/?two=1").bearer("alice").send(), "alice");
    let calls = scene.sts.calls();
    let scopes: Vec<_> = calls.iter().map(|call| call.parameter("scope")).collect();
    assert_eq!(scopes, [Some("one"), Some("two")]);
}

/// Checks a location that consists of this.
fn check(snippet: &str) -> Checked {
    Nginx::builder().server(&format!("location / {{ {snippet} }}")).check()
}

/// Each snippet stands in a location; the message of its refusal has each of the parts.
fn refused(rows: &[(&str, &[&str])]) {
    let problems = in_parallel(4, rows.len(), |number| {
        let (snippet, parts) = rows.get(number)?;
        let Checked { ok, output, .. } = check(snippet);
        if ok {
            return Some(format!("accepted: {snippet}\n{output}"));
        }
        if output.contains(SECRET) {
            return Some(format!("the refusal of {snippet} has the secret: {output}"));
        }
        let missing = parts.iter().chain(&["[emerg]"]).find(|part| !output.contains(**part));
        missing.map(|part| format!("no {part:?} in the refusal of {snippet}\n{output}"))
    });
    let problems: Vec<String> = problems.into_iter().flatten().collect();
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn what_does_not_fit_together_is_refused() {
    let exchange = "STSExchange otx http://127.0.0.1:9/t auth=none";
    let seed = [
        "STSType otx;",
        "STSType disabled;",
        "STSSSLValidateServer on;",
        "STSHTTPTimeOut 3;",
        "STSOTXEndpoint http://127.0.0.1:9/t;",
        "STSOTXEndpointAuth none;",
        "STSROPCUsername x;",
        "STSCCClientID x;",
        "STSWSTrustAppliesTo urn:x;",
        "STSRequestParameter scope x;",
        "STSCacheExpiresIn 3;",
    ];
    let mixed: Vec<String> = seed
        .iter()
        .flat_map(|directive| {
            [format!("{exchange}; {directive}"), format!("{directive} {exchange};")]
        })
        .collect();
    let rows: Vec<(&str, &[&str])> =
        mixed.iter().map(|row| (row.as_str(), &["STSExchange", "mixed"][..])).collect();
    refused(&rows);
    refused(&[
        (&format!("{exchange}; {exchange};"), &["STSExchange", "duplicate"]),
        (&format!("{exchange}&on_error=pass; STSOnError pass;"), &["STSOnError", "STSExchange"]),
        (&format!("STSOnError pass; {exchange}&on_error=pass;"), &["STSOnError", "on_error"]),
        (&format!("{exchange};"), &["STSVariables", "otx"]),
        (&format!("{exchange}; STSVariables '' $target;"), &["STSVariables", "source"]),
        (
            &format!("{exchange}&cache.name=unknown; STSVariables $arg_a $target;"),
            &["STSCache", "unknown"],
        ),
        (
            &format!("{exchange}&params=client_id%3Da&client_id=b; STSVariables $arg_a $b;"),
            &["client_id"],
        ),
        (
            "STSExchange ropc http://127.0.0.1:9/t auth=none; STSVariables $arg_a $target;",
            &["STSROPCUsername", "ropc"],
        ),
        (
            "STSExchange ropc http://127.0.0.1:9/t username=*&phase=access; STSVariables $arg_a $b;",
            &["STSROPCUsername", "precontent"],
        ),
    ]);
}

#[test]
fn an_exchange_within_if_cannot_run_in_the_rewrite_phase_in_this_syntax_either() {
    let exchange = "STSExchange otx http://127.0.0.1:9/t auth=none";
    refused(&[
        (
            &format!("STSVariables $arg_a $b; if ($arg_c) {{ {exchange}&phase=rewrite; }}"),
            &["STSPhase rewrite", "if"],
        ),
        (
            &format!("STSVariables $arg_a $b; STSPhase rewrite; if ($arg_c) {{ {exchange}; }}"),
            &["STSPhase rewrite", "if"],
        ),
    ]);
}

#[test]
fn what_is_risky_is_warned_of_in_this_syntax_too() {
    let secret = "auth=client_secret_post&client_id=a&client_secret=s3cr3t";
    for (url, options, warned) in [
        ("https://127.0.0.1:9/t", "ssl_verify=false", "not verified"),
        ("http://192.0.2.1/t", secret, "in clear"),
        ("http://127.0.0.1:9/t", secret, ""),
        ("https://127.0.0.1:9/t", secret, ""),
    ] {
        let exchange = format!("STSExchange otx {url} {options}; STSVariables $arg_a $target;");
        let Checked { ok, output, .. } = check(&exchange);
        assert!(ok && !output.contains(SECRET), "{output}");
        assert_eq!(output.contains("[warn]"), !warned.is_empty(), "{output}");
        assert!(output.contains(warned), "{output}");
    }
}

#[test]
fn what_goes_with_either_syntax_stands_beside_an_exchange() {
    let checked = check(
        "STSExchange otx http://127.0.0.1:9/t auth=none&cache.name=tokens&cache.expiry=60;
        STSVariables $http_x_token $target;
        STSCache shm name=tokens;
        STSCryptoPassphrase s3cr3t;
        STSPhase access;
        STSOnError pass;
        STSOnMissing return;
        STSMaxResponse 64k;
        STSKeepalive 4 30s;
        STSMaxCalls 8 queue 16;
        STSExpiryLeeway 5s;
        STSBoundTokens allow;
        STSIgnoreClientAbort on;
        STSChallenge off;
        STSSSLProtocols TLSv1.3;
        STSHTTPRetries 0;
        STSHTTPRetryInterval 100;
        STSOutgoingProxy 127.0.0.1:3128;",
    );
    assert!(checked.ok, "{}", checked.output);
}
