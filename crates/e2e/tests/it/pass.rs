//! `STSPassTargetTokenIn`: where the target token goes, and that a client can never put one there.

use devsts::{Answer, Script, When, is_for};
use e2e::http1::Request;
use e2e::nginx::Nginx;
use e2e::scene::{Scene, Seen};
use serde_json::json;

/// A location that takes the source token from a header of its own.
fn location(more: &str) -> String {
    format!(
        "location / {{
            %%EXCHANGE%%
            STSAcceptSourceTokenIn header name=X-Token&type=;
            {more}
            proxy_pass %%BACKEND%%;
        }}"
    )
}

fn start(scene: &Scene, more: &str) -> Nginx {
    scene.nginx().server(&location(more)).start()
}

/// An STS that issues this.
fn issuing(target: &str, token_type: &str) -> Scene {
    let scene = Scene::new();
    let answer = json!({"access_token": target, "token_type": token_type});
    scene.sts.script(When::any(), Script::new().answer(Answer::json(200, &answer)));
    scene
}

fn form(request: Request) -> Request {
    request.header("Content-Type", "application/x-www-form-urlencoded")
}

#[test]
fn a_token_goes_into_a_header() {
    let scene = Scene::new();
    let nginx = start(&scene, "STSPassTargetTokenIn header;");
    let seen = Seen::by_backend(nginx.get("/").header("X-Token", "alice").send());
    let value = seen.header("Authorization").unwrap_or_default();
    assert!(is_for(value.strip_prefix("Bearer ").unwrap_or_default(), "alice"), "{value}");
    assert_eq!(seen.header("X-Token"), None);
}

#[test]
fn a_header_may_have_another_name_and_another_scheme_or_none() {
    let scene = issuing("target", "Bearer");
    let more = "STSPassTargetTokenIn header name=X-One&type=;
                STSPassTargetTokenIn header name=X-Two&type=Token;
                STSPassTargetTokenIn header name=X-Three;";
    let nginx = start(&scene, more);
    let seen = Seen::by_backend(nginx.get("/").header("X-Token", "alice").send());
    assert_eq!(seen.header("X-One").as_deref(), Some("target"));
    assert_eq!(seen.header("X-Two").as_deref(), Some("Token target"));
    assert_eq!(seen.header("X-Three").as_deref(), Some("Bearer target"));
}

#[test]
fn a_token_goes_before_the_other_cookies() {
    let scene = issuing("target", "Bearer");
    let nginx = start(&scene, "STSPassTargetTokenIn cookie;");
    for (sent, expected) in [
        (&[][..], &["sts_token=target"][..]),
        (&["a=b"], &["sts_token=target; a=b"]),
        (&["a=b; c=\"d\" ;"], &["sts_token=target; a=b; c=\"d\" ;"]),
        (&["a=b", "c=d"], &["sts_token=target; a=b", "c=d"]),
        (&["sts_token=forged", "c=d"], &["sts_token=target; c=d"]),
    ] {
        let mut request = nginx.get("/").header("X-Token", "alice");
        for cookie in sent {
            request = request.header("Cookie", cookie);
        }
        assert_eq!(Seen::by_backend(request.send()).headers("Cookie"), expected);
    }
}

#[test]
fn a_token_goes_before_the_rest_of_the_query_encoded() {
    let scene = issuing("a+b/c=", "Bearer");
    let nginx = start(&scene, "STSPassTargetTokenIn query;");
    for (sent, expected) in [
        ("/p", "/p?access_token=a%2Bb%2Fc%3D"),
        ("/p?", "/p?access_token=a%2Bb%2Fc%3D"),
        ("/p?a=b&&c=%20+", "/p?access_token=a%2Bb%2Fc%3D&a=b&&c=%20+"),
    ] {
        let seen = Seen::by_backend(nginx.get(sent).header("X-Token", "alice").send());
        assert_eq!(seen.uri(), expected);
    }
}

#[test]
fn no_token_gets_into_the_uri_that_logs_and_redirects_have() {
    let scene = Scene::new();
    let more = "STSPassTargetTokenIn query; proxy_set_header X-Request-Uri $request_uri;";
    let nginx = start(&scene, more);
    let request = nginx.get("/p?a=b&access_token=forged").header("X-Token", "alice");
    let seen = Seen::by_backend(request.send());
    assert_eq!(seen.header("X-Request-Uri").as_deref(), Some("/p?a=b"));
}

#[test]
fn a_token_goes_before_the_rest_of_a_form() {
    let scene = issuing("a+b", "Bearer");
    let nginx = start(&scene, "STSPassTargetTokenIn post name=token;");
    for (sent, expected) in [("a=b", "token=a%2Bb&a=b"), ("token=forged&a=b", "token=a%2Bb&a=b")] {
        let request = nginx.post("/", sent).header("X-Token", "alice");
        let seen = Seen::by_backend(form(request).send());
        assert_eq!(seen.body(), expected);
        assert_eq!(seen.header("Content-Length"), Some(expected.len().to_string()));
    }
}

#[test]
fn a_token_goes_into_a_variable() {
    let scene = issuing("target", "Bearer");
    let more = "STSPassTargetTokenIn environment;
                STSPassTargetTokenIn environment name=with_scheme&type=Bearer;
                proxy_set_header X-One $mod_sts_target_token;
                proxy_set_header X-Two $with_scheme;";
    let nginx = start(&scene, more);
    let seen = Seen::by_backend(nginx.get("/").header("X-Token", "alice").send());
    assert_eq!(seen.header("X-One").as_deref(), Some("target"));
    assert_eq!(seen.header("X-Two").as_deref(), Some("Bearer target"));
}

#[test]
fn every_place_gets_the_token() {
    let scene = issuing("target", "Bearer");
    let more = "STSPassTargetTokenIn header;
                STSPassTargetTokenIn cookie;
                STSPassTargetTokenIn query;
                STSPassTargetTokenIn post;
                STSPassTargetTokenIn environment;
                proxy_set_header X-Environment $mod_sts_target_token;";
    let nginx = start(&scene, more);
    let request = nginx.post("/", "a=b").header("X-Token", "alice");
    let seen = Seen::by_backend(form(request).send());
    assert_eq!(seen.header("Authorization").as_deref(), Some("Bearer target"));
    assert_eq!(seen.header("Cookie").as_deref(), Some("sts_token=target"));
    assert_eq!(seen.uri(), "/?access_token=target");
    assert_eq!(seen.body(), "access_token=target&a=b");
    assert_eq!(seen.header("X-Environment").as_deref(), Some("target"));
}

/// All the places, and a request with something in each of them.
const EVERYWHERE: &str = "
    STSPassTargetTokenIn header name=X-Target&type=;
    STSPassTargetTokenIn cookie;
    STSPassTargetTokenIn query;
    STSPassTargetTokenIn post;
    STSPassTargetTokenIn environment;
    proxy_set_header X-Environment $mod_sts_target_token;
";

fn forging(nginx: &Nginx, source: &str) -> Request {
    let uri = "/?access_token=forged&a=b&%61ccess%5Ftoken=forged&access.token=forged\
               &access_token[]=forged&access_token%00=forged";
    let body = "access_token=forged&c=d&+access_token=forged";
    form(nginx.post(uri, body))
        .header("X-Token", source)
        .header("X-Target", "forged")
        .header("x-target", "forged")
        .header("Cookie", "sts_token=forged; e=f; sts_token = forged; sts.token=forged")
        .header("Cookie", "sts_token=\"forged\"")
        .header("Mod-Sts-Target-Token", "forged")
}

#[test]
fn what_a_client_sends_in_the_places_of_the_token_never_arrives() {
    for (source, policy, issued) in [
        ("alice", "", true),
        ("refuse", "STSOnError pass;", false),
        ("", "STSOnMissing pass;", false),
        ("status-500", "STSOnError pass;", false),
    ] {
        for phase in ["rewrite", "access", "precontent"] {
            let scene = Scene::new();
            let nginx = start(&scene, &format!("STSPhase {phase}; {policy} {EVERYWHERE}"));
            let seen = Seen::by_backend(forging(&nginx, source).send());
            let target = seen.header("X-Target");
            assert_eq!(target.is_some(), issued, "{source}");
            let (uri, body, cookies) = (seen.uri(), seen.body(), seen.headers("Cookie"));
            for text in [&uri, &body, &cookies.join(";"), &seen.headers("X-Environment").join("")] {
                assert!(!text.contains("forged"), "{source} {phase}: {text}");
            }
            match target {
                Some(target) => {
                    assert!(is_for(&target, source));
                    assert_eq!(uri, format!("/?access_token={target}&a=b"));
                    assert_eq!(body, format!("access_token={target}&c=d"));
                    assert_eq!(cookies, [format!("sts_token={target}; e=f")]);
                }
                None => {
                    assert_eq!((uri.as_str(), body.as_str()), ("/?a=b", "c=d"));
                    assert_eq!(cookies, ["e=f"]);
                }
            }
        }
    }
}

#[test]
fn what_a_client_sends_does_not_get_to_the_backend_of_an_error_page() {
    let scene = Scene::new();
    let server = format!(
        "STSPassTargetTokenIn header name=X-Target&type=;
        STSPassTargetTokenIn query;
        STSPassTargetTokenIn cookie;
        {}
        location @error {{ STSType disabled; proxy_pass %%BACKEND%%; }}",
        location("error_page 401 = @error;")
    );
    let nginx = scene.nginx().server(&server).start();
    for source in ["refuse", ""] {
        let request = nginx.get("/?access_token=forged&a=b").header("X-Token", source);
        let request = request.header("X-Target", "forged").header("Cookie", "sts_token=forged");
        let seen = Seen::by_backend(request.send());
        assert_eq!(seen.uri(), "/?a=b");
        assert_eq!(seen.header("X-Target"), None);
        assert_eq!(seen.header("Cookie"), None);
    }
}

#[test]
fn a_header_that_cgi_would_take_for_the_name_is_removed_too() {
    let scene = Scene::new();
    let server = format!(
        "underscores_in_headers on; {}",
        location("STSPassTargetTokenIn header name=X-Target&type=;")
    );
    let nginx = scene.nginx().server(&server).start();
    let request = nginx.get("/").header("X-Token", "alice").header("X_Target", "forged");
    let seen = Seen::by_backend(request.send());
    assert_eq!(seen.header("X_Target"), None);
    assert!(is_for(&seen.header("X-Target").unwrap_or_default(), "alice"));
}

#[test]
fn variables_that_were_read_before_do_not_keep_what_the_client_sent() {
    let scene = issuing("target", "Bearer");
    let more = "set $before $http_x_target$cookie_sts_token$http_cookie$request_uri;
                STSPassTargetTokenIn header name=X-Target&type=;
                STSPassTargetTokenIn cookie;
                STSPassTargetTokenIn query;
                proxy_set_header X-See \"$http_x_target|$cookie_sts_token|$http_cookie|$request_uri\";";
    let nginx = start(&scene, more);
    let request = nginx.get("/?access_token=forged").header("X-Target", "forged");
    let request = request.header("Cookie", "sts_token=forged").header("X-Token", "alice");
    let seen = Seen::by_backend(request.send());
    assert_eq!(seen.header("X-See").as_deref(), Some("target|target|sts_token=target|/"));
}

#[test]
fn a_token_that_cannot_stand_there_is_the_gateways_trouble() {
    for (place, token) in [
        ("header", "secret one"),
        ("header", "<secret/>"),
        ("header name=X-Target&type=", "secret\u{1}two"),
        ("header name=X-Target&type=", " secret"),
        ("cookie", "secret;three"),
        ("cookie", "secret four"),
    ] {
        let scene = issuing(token, "Bearer");
        let nginx = start(&scene, &format!("STSPassTargetTokenIn {place};"));
        nginx.get("/").header("X-Token", "alice").send().expect_status(502);
        assert!(scene.backend.requests().is_empty());
        let log = nginx.wait_for_log("failed: bad_answer: the token cannot stand in the");
        assert!(log.contains("STSTargetEncoding"), "{log}");
        nginx.forbid_in_log("secret");
    }
}

#[test]
fn an_encoded_token_can_stand_everywhere() {
    let scene = issuing("<a> \"b\"; ~~~???</a>", "Bearer");
    let base64 = "PGE+ICJiIjsgfn5+Pz8/PC9hPg==";
    let base64_url = "PGE-ICJiIjsgfn5-Pz8_PC9hPg";
    let more = "STSTargetEncoding base64;
                STSPassTargetTokenIn header;
                STSPassTargetTokenIn cookie encoding=base64url;
                STSPassTargetTokenIn query encoding=none;
                STSPassTargetTokenIn environment encoding=base64url;
                STSVariables '' $target_token;
                proxy_set_header X-Environment $mod_sts_target_token;
                proxy_set_header X-Variable $target_token;";
    let nginx = start(&scene, more);
    let seen = Seen::by_backend(nginx.get("/").header("X-Token", "alice").send());
    assert_eq!(seen.header("Authorization"), Some(format!("Bearer {base64}")));
    assert_eq!(seen.header("Cookie"), Some(format!("sts_token={base64_url}")));
    assert_eq!(seen.header("X-Environment").as_deref(), Some(base64_url));
    assert_eq!(seen.header("X-Variable").as_deref(), Some(base64));
    let query = "/?access_token=%3Ca%3E+%22b%22%3B+%7E%7E%7E%3F%3F%3F%3C%2Fa%3E";
    assert_eq!(seen.uri(), query);
}

#[test]
fn a_token_that_is_no_access_token_does_not_go_behind_bearer() {
    let scene = issuing("target", "N_A");
    let nginx = start(&scene, "STSPassTargetTokenIn header;");
    nginx.get("/").header("X-Token", "alice").send().expect_status(502);
    nginx.wait_for_log("token_type N_A");
    let nginx = start(&scene, "STSPassTargetTokenIn header type=Token;");
    let seen = Seen::by_backend(nginx.get("/").header("X-Token", "alice").send());
    assert_eq!(seen.header("Authorization").as_deref(), Some("Token target"));
}

#[test]
fn only_a_requests_own_token_is_passed_on() {
    let scene = Scene::new();
    let nginx = start(&scene, EVERYWHERE);
    e2e::parallel::in_parallel(8, 64, |number| {
        let user = format!("user-{}", number % 16);
        let request = nginx.post("/?a=b", "c=d").header("X-Token", &user);
        let seen = Seen::by_backend(form(request).send());
        let target = seen.header("X-Target").unwrap_or_default();
        assert!(is_for(&target, &user), "{target} for {user}");
        assert_eq!(seen.uri(), format!("/?access_token={target}&a=b"));
        assert_eq!(seen.body(), format!("access_token={target}&c=d"));
        assert_eq!(seen.header("Cookie"), Some(format!("sts_token={target}")));
        assert_eq!(seen.header("X-Environment"), Some(target));
    });
}

#[test]
fn a_token_that_is_passed_on_stays_out_of_the_error_log() {
    let scene = issuing("the-target-token", "Bearer");
    let nginx = start(&scene, EVERYWHERE);
    nginx.forbid_in_log("the-target-token");
    let request = nginx.post("/", "a=b").header("X-Token", "alice");
    Seen::by_backend(form(request).send());
}
