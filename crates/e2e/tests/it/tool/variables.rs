//! Variables have the values that NGINX gives them, or the command says that it cannot know them.

use e2e::http1::Request;
use e2e::scene::Scene;

use super::calls::assert_same;
use super::{SOURCE, issues_one_token, located};

/// What the rewrite phase makes of variables, and what other modules do.
const HTTP: &str = r#"
    geo $zone { default outside; 127.0.0.0/8 inside; }
    split_clients $arg_kind $half { 50% left; * right; }
    map $arg_kind $mapped { default none; "~^o(.*)$" "o-$1"; }
    server {
        listen 127.0.0.1:%%PORT_RECIPE%%;
        server_name shop.example.com;
        set $tenant acme;
        set $full "$tenant-$arg_id";
        set $area of-the-server;
        STSType otx;
        STSEndpoint %%STS%%;
        STSEndpointAuth client_secret_basic client_id=otxclient&client_secret_file=secrets/sts;
        STSAcceptSourceTokenIn header;
        STSPassTargetTokenIn header;

        location ~ ^/order/(?<area>[a-z]+)/(.*)$ {
            set $tenant "$tenant-inner";
            set $early $late;
            set $late late;
            set $rest $2;
            STSRequestParameter audience $tenant;
            STSRequestParameter resource "urn:x:$area:$rest:$2";
            STSRequestParameter scope "$full $mapped";
            STSRequestParameter early "e$early";
            proxy_pass %%BACKEND%%;
        }
        location /break/ {
            set $kind first;
            break;
            set $kind second;
            STSRequestParameter audience $kind;
            STSRequestParameter resource $uri$is_args$args;
            proxy_pass %%BACKEND%%;
        }
        location /return/ {
            if ($arg_kind = no) { return 403; }
            set $kind behind;
            STSRequestParameter audience $kind;
            proxy_pass %%BACKEND%%;
        }
        location /host/ {
            STSRequestParameter audience "$host $server_name";
            proxy_pass %%BACKEND%%;
        }
        location /geo/ { STSRequestParameter audience $zone; proxy_pass %%BACKEND%%; }
        location /split/ { STSRequestParameter audience $half; proxy_pass %%BACKEND%%; }
        location /if/ {
            set $kind a;
            if ($arg_kind = oil) { set $kind b; }
            STSRequestParameter audience $kind;
            proxy_pass %%BACKEND%%;
        }
        location /rewritten/ {
            rewrite ^/rewritten/(.*)$ /rewritten/$1?kind=gas break;
            STSRequestParameter audience $arg_kind;
            proxy_pass %%BACKEND%%;
        }
        location /captured/ {
            if ($arg_kind ~ ^(?<first>.)) { set $other x; }
            STSRequestParameter audience $first;
            proxy_pass %%BACKEND%%;
        }
    }
"#;

#[test]
fn values_are_those_of_nginx_or_are_asked_for() {
    let scene = Scene::new();
    issues_one_token(&scene);
    let nginx = e2e::documents::with_files(scene.nginx()).http(HTTP);
    let nginx = nginx.allow_in_log("[warn]").start();
    let address = nginx.address_of("PORT_RECIPE");
    for (target, asked, why) in [
        ("/order/oil/17/a?id=7&kind=orders", None, ""),
        ("/break/x?kind=oil", None, ""),
        ("/return/x?kind=oil", None, ""),
        ("/host/", None, ""),
        ("/geo/", Some(("zone", "inside")), "by \"geo\" in "),
        ("/split/?kind=a", Some(("half", "")), "by \"split_clients\" in "),
        ("/if/?kind=oil", Some(("kind", "b")), "by \"set\" inside \"if\" in "),
        ("/if/?kind=gas", Some(("kind", "a")), "by \"set\" inside \"if\" in "),
        ("/rewritten/a?kind=oil", Some(("arg_kind", "gas")), "\"rewrite\" in "),
        ("/captured/?kind=oil", Some(("first", "o")), "captured by \"if\" in "),
    ] {
        let before = scene.sts.calls().len();
        let request = Request::new(address, "GET", target).header("Host", "shop.example.com");
        let status = request.bearer(SOURCE).send().status;
        assert_eq!(status, 200, "{target}: {}", nginx.error_log());
        let by_nginx = scene.sts.calls().split_off(before);
        assert_eq!(by_nginx.len(), 1, "{target}");
        let words = super::of(&nginx, target);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let server = ["--server", "shop.example.com"];
        let ran = super::tool(&[words.as_slice(), &server, &["--silent"]].concat(), SOURCE);
        let given = asked.map(|(name, value)| {
            // What NGINX has made of it.
            let made = by_nginx[0].parameter("audience").expect("an audience");
            assert!(value.is_empty() || value == made, "{target}: {made}");
            assert_eq!((ran.code, ran.output.as_str()), (3, ""), "{target}");
            let says = format!("the value of \"${name}\" cannot be told here: ");
            assert!(ran.errors.contains(&says) && ran.errors.contains(why), "{}", ran.errors);
            assert!(ran.errors.contains(&format!("--var {name}=VALUE")), "{}", ran.errors);
            assert_eq!(ran.errors.lines().count(), 1, "{}", ran.errors);
            assert_eq!(scene.sts.calls().len(), before + 1, "{target}");
            (name, made)
        });
        let before = scene.sts.calls().len() - usize::from(given.is_none());
        let (object, _) =
            located(&nginx, &[&[target], &server[..]].concat(), given.as_slice(), SOURCE);
        let by_tool = scene.sts.calls().split_off(before);
        let about = format!("{target}: {object:#}");
        assert!(!by_tool.is_empty(), "{about}");
        for call in by_tool {
            assert_same(&by_nginx[0], &call, &about);
        }
    }
}

#[test]
fn what_may_lead_to_another_exchange_is_noted() {
    let scene = Scene::new();
    issues_one_token(&scene);
    let server = "
        STSVariables $source_token $target_token;
        location /if/ {
            %%EXCHANGE%%
            if ($arg_kind) { STSRequestParameter audience other; }
            %%PASS%%
        }
        location /old/ {
            %%EXCHANGE%%
            rewrite ^/old/a /new/ last;
            %%PASS%%
        }
        location /new/ { %%EXCHANGE%% STSRequestParameter audience new; %%PASS%% }";
    let nginx = scene.nginx().server(server).start();
    for (target, expected) in [
        ("/if/", Some("\"if\" in ")),
        ("/old/a", Some("\"rewrite\" in ")),
        ("/old/b", None),
        ("/new/", None),
    ] {
        let (object, _) = located(&nginx, &[target], &[], SOURCE);
        assert_eq!(object["result"], "ok", "{target}: {object:#}");
        let notes = object["notes"].as_array().expect("notes");
        let note = notes.first().and_then(|note| note.as_str());
        assert_eq!(note.is_some(), expected.is_some(), "{target}: {note:?}");
        let says = note.zip(expected).is_none_or(|(note, expected)| note.starts_with(expected));
        assert!(says, "{target}: {note:?}");
    }
}
