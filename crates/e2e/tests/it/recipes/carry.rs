//! Tokens in and out, by NGINX's own directives.

use devsts::is_for;
use e2e::nginx::debian_modules;
use e2e::php::{Php, SeenByPhp};
use e2e::scene::{Scene, Seen};

use super::run::{Recipe, SOURCE, assert_bearer, php_recipe, recipe};

#[test]
fn a_source_token_comes_from_a_cookie() {
    let scene = Scene::new();
    let recipe = recipe(&scene, "Source from a cookie");
    let cookies = format!("a=b; MyCookieName={SOURCE}; c=d");
    assert_bearer(&Seen::by_backend(recipe.get("/").header("Cookie", cookies).send()), SOURCE);
    recipe.get("/").header("Cookie", "a=b").send().expect_status(401);
}

#[test]
fn a_source_token_comes_from_a_header() {
    let scene = Scene::new();
    let recipe = recipe(&scene, "Source from a header");
    assert_bearer(&Seen::by_backend(recipe.get("/").bearer(SOURCE).send()), SOURCE);
    recipe.get("/").header("Authorization", "Basic abc").send().expect_status(401);
}

#[test]
fn a_source_token_comes_from_the_query() {
    let scene = Scene::new();
    let recipe = recipe(&scene, "Source from the query");
    let request = recipe.get("/?a=b&token=the-token");
    assert_bearer(&Seen::by_backend(request.send()), "the-token");
    recipe.get("/?a=b").send().expect_status(401);
}

#[test]
fn a_source_token_comes_from_what_another_module_sets() {
    if debian_modules().is_none() {
        // Debian's set-misc loads into Debian's NGINX alone.
        return;
    }
    let scene = Scene::new();
    let recipe = recipe(&scene, "Source from another module");
    let request = recipe.get("/?a=b&token=the-source.token_1~%2B%2F%3D%3D");
    assert_bearer(&Seen::by_backend(request.send()), SOURCE);
    recipe.get("/?a=b").send().expect_status(401);
}

#[test]
fn two_directives_carry_a_token_in_and_out() {
    let scene = Scene::new();
    let recipe = recipe(&scene, "In two lines");
    assert_bearer(&Seen::by_backend(recipe.get("/").bearer(SOURCE).send()), SOURCE);
    recipe.get("/").send().expect_status(401);
    recipe.get("/").bearer("refuse").send().expect_status(401);
}

#[test]
fn a_source_token_comes_from_a_form() {
    let scene = Scene::new();
    let recipe = recipe(&scene, "Source from a POST parameter");
    let seen = Seen::by_backend(recipe.post("/", "a=b&access_token=the-token").send());
    assert_bearer(&seen, "the-token");
    assert_eq!(seen.body(), "a=b");
    recipe.post("/", "a=b").send().expect_status(401);
}

#[test]
fn a_source_token_is_removed_from_the_cookies() {
    let scene = Scene::new();
    let recipe = recipe(&scene, "Removal from a cookie");
    for (sent, left) in [
        ("a=b; source_token=S; c=d", Some("a=b; c=d")),
        ("source_token=S; c=d", Some("c=d")),
        ("source_token=S", None),
    ] {
        let sent = sent.replace('S', SOURCE);
        let seen = Seen::by_backend(recipe.get("/").header("Cookie", sent).send());
        assert_eq!(seen.header("Cookie").as_deref(), left);
        assert_bearer(&seen, SOURCE);
    }
    recipe.get("/").header("Cookie", "a=b").send().expect_status(401);
    assert_no_second_cookie(&scene, &recipe, &[]);
}

#[test]
fn a_source_token_is_removed_from_the_cookies_by_set() {
    let scene = Scene::new();
    let recipe = recipe(&scene, "Removal from a cookie by set");
    for (sent, left) in [
        ("a=b; source_token=S; c=d", "a=b; c=d"),
        ("source_token=S; c=d", "; c=d"),
        ("a=b; source_token=S", "a=b"),
        ("a=b; Source_Token=S", "a=b"),
    ] {
        let sent = sent.replace("=S", &format!("={SOURCE}"));
        let seen = Seen::by_backend(recipe.get("/").header("Cookie", sent).send());
        assert_eq!(seen.header("Cookie").as_deref(), Some(left));
        assert_bearer(&seen, SOURCE);
    }
    let alone = format!("source_token={SOURCE}");
    let seen = Seen::by_backend(recipe.get("/").header("Cookie", alone).send());
    assert_eq!(seen.header("Cookie"), None);
    recipe.get("/").header("Cookie", "a=b").send().expect_status(401);
    assert_no_second_cookie(&scene, &recipe, &ODD_COOKIES);
}

/// Cookies that NGINX takes for the source, too: it looks for the name without regard to case, and with a
/// blank behind it or a comma before.
const ODD_COOKIES: [&str; 3] = [
    "source_token=A; SOURCE_TOKEN=B",
    "source_token =A; source_token=B",
    "a=b,source_token=A; source_token=B",
];

/// A cookie that is there twice is refused: the one that NGINX exchanges need not be the one that is removed.
#[track_caller]
fn assert_no_second_cookie(scene: &Scene, recipe: &Recipe, more: &[&str]) {
    let before = scene.backend.requests().len();
    let twice = ["source_token=A; source_token=B", "source_token=A; a=b; source_token=B"];
    for cookies in twice.iter().chain(more) {
        let response = recipe.get("/").header("Cookie", *cookies).send();
        assert_eq!(response.status, 400, "{cookies}");
    }
    assert_eq!(scene.backend.requests().len(), before);
}

#[test]
fn a_source_token_is_removed_from_the_headers() {
    let scene = Scene::new();
    let recipe = recipe(&scene, "Removal from a header");
    let seen = Seen::by_backend(recipe.get("/").bearer(SOURCE).send());
    assert_eq!(seen.header("Authorization"), None);
    assert!(is_for(&seen.header("X-Token").unwrap_or_default(), SOURCE));
    recipe.get("/").header("X-Token", SOURCE).send().expect_status(401);
}

#[test]
fn a_source_token_is_removed_from_the_query() {
    for (heading, more) in [
        ("Removal from the query", &[][..]),
        ("Removal from the query by set", &["source_token=A&SOURCE_TOKEN=B"]),
    ] {
        let scene = Scene::new();
        let recipe = recipe(&scene, heading);
        for (sent, left) in [
            ("/p?source_token=T", "/p"),
            ("/p?source_token=T&a=b", "/p?a=b"),
            ("/p?a=b&source_token=T", "/p?a=b"),
            ("/p?a=b&source_token=T&c=d", "/p?a=b&c=d"),
        ] {
            let seen = Seen::by_backend(recipe.get(&sent.replace('T', "the-token")).send());
            assert_eq!(seen.uri(), left, "{heading}");
            assert_bearer(&seen, "the-token");
        }
        recipe.get("/p?a=b").send().expect_status(401);
        assert_no_second_parameter(&scene, &recipe, more);
    }
}

/// A source that is there twice is refused: NGINX exchanges the first one, and the last one is removed.
#[track_caller]
fn assert_no_second_parameter(scene: &Scene, recipe: &Recipe, more: &[&str]) {
    let before = scene.backend.requests().len();
    let twice = ["source_token=A&source_token=B", "source_token=A&a=b&source_token=B"];
    for query in twice.iter().chain(more) {
        let response = recipe.get(&format!("/p?{query}")).send();
        assert_eq!(response.status, 400, "{query}");
    }
    assert_eq!(scene.backend.requests().len(), before);
}

#[test]
fn a_source_token_stays_behind_no_name_that_ends_alike() {
    for heading in ["Removal from the query by set", "Query to query in the rewrite phase"] {
        let scene = Scene::new();
        let recipe = recipe(&scene, heading);
        recipe.get("/p?source_token=A&my_source_token=B").send().expect_status(400);
        // NGINX looks for the name without regard to case.
        let uri = Seen::by_backend(recipe.get("/p?a=b&Source_Token=the-token").send()).uri();
        assert!(uri.starts_with("/p?a=b") && !uri.contains("the-token&"), "{heading}: {uri}");
        assert!(!uri.to_ascii_lowercase().contains("source_token"), "{heading}: {uri}");
        assert_eq!(scene.backend.requests().len(), 1);
    }
}

#[test]
fn a_target_token_goes_to_php_as_an_environment_variable() {
    let (scene, php) = (Scene::new(), Php::start());
    let recipe = php_recipe(&scene, &php, "Target as a FastCGI parameter");

    // What a client may try in order to set it.
    let request = recipe.get("/?STS_TOKEN=forged").bearer(SOURCE);
    let seen = SeenByPhp::new(request.header("STS-TOKEN", "forged").send());

    assert!(is_for(&seen.server("STS_TOKEN").unwrap_or_default(), SOURCE));
    assert!(!seen.everything().contains(SOURCE));
    recipe.get("/").header("STS-TOKEN", "forged").send().expect_status(401);
}

#[test]
fn a_target_token_goes_into_a_header() {
    let scene = Scene::new();
    let recipe = recipe(&scene, "Target in a header");
    assert_bearer(&Seen::by_backend(recipe.get("/").bearer(SOURCE).send()), SOURCE);
    recipe.get("/").bearer("refuse").send().expect_status(401);
    assert_eq!(scene.backend.requests().len(), 1);
}

#[test]
fn a_target_token_goes_into_a_cookie() {
    let scene = Scene::new();
    let recipe = recipe(&scene, "Target in a cookie");
    let request = recipe.get("/").bearer(SOURCE).header("Cookie", "STS_COOKIE=forged");
    let seen = Seen::by_backend(request.send());
    assert!(is_for(&seen.token(), SOURCE));
    assert_eq!(seen.header("Authorization"), None);
    recipe.get("/").header("Cookie", "STS_COOKIE=forged").send().expect_status(401);
}

/// Queries in which a client has a `token` of its own, in the ways in which backends read names.
const FORGED: [&str; 6] = [
    "token=forged",
    "a=b&token=forged",
    "%74oken=forged",
    "a=b;token=forged",
    "TOKEN=forged",
    "token&a=b",
];

#[test]
fn a_target_token_goes_into_the_query() {
    let scene = Scene::new();
    let recipe = recipe(&scene, "Target in the query");
    for (sent, after) in [("/p", ""), ("/p?a=b", "&a=b"), ("/p?token=forged&a=b", "&a=b")] {
        let seen = Seen::by_backend(recipe.get(sent).bearer(SOURCE).send());
        let uri = seen.uri();
        let token = uri.strip_prefix("/p?token=").and_then(|rest| rest.strip_suffix(after));
        assert!(is_for(token.expect("the token before the query"), SOURCE), "{uri}");
        assert_eq!(seen.header("Authorization"), None);
    }
    for query in FORGED {
        let uri = Seen::by_backend(recipe.get(&format!("/p?{query}")).bearer(SOURCE).send()).uri();
        assert!(!uri.contains("forged"), "{query}: {uri}");
    }
    recipe.get("/p?token=forged").send().expect_status(401);
}

#[test]
fn a_target_token_goes_into_the_query_by_set() {
    let scene = Scene::new();
    let recipe = recipe(&scene, "Target in the query by set");
    for (sent, before) in [
        ("/p", "/p?token="),
        ("/p?a=b", "/p?a=b&token="),
        ("/p?a=1&b_c=%20x&d", "/p?a=1&b_c=%20x&d&token="),
    ] {
        let seen = Seen::by_backend(recipe.get(sent).bearer(SOURCE).send());
        let uri = seen.uri();
        let token = uri.strip_prefix(before).expect("the query as it was");
        assert!(is_for(token, SOURCE), "{uri}");
        assert_eq!(seen.header("Authorization"), None);
    }
    for query in FORGED {
        let response = recipe.get(&format!("/p?{query}")).bearer(SOURCE).send();
        assert_eq!(response.status, 400, "{query}");
    }
    recipe.get("/p?a=b").send().expect_status(401);
    assert_eq!(scene.backend.requests().len(), 3);
}

#[test]
fn a_target_token_goes_into_a_form() {
    let scene = Scene::new();
    let recipe = recipe(&scene, "Target as a POST parameter");
    for (body, after) in
        [("a=b", "&a=b"), ("token=forged&a=b", "&a=b"), ("a=b&%74oken=forged", "&a=b")]
    {
        let seen = Seen::by_backend(recipe.post("/", body).bearer(SOURCE).send());
        let sent = seen.body();
        let token = sent.strip_prefix("token=").and_then(|rest| rest.strip_suffix(after));
        assert!(is_for(token.expect("the token before the form"), SOURCE), "{sent}");
        assert_eq!(seen.header("Authorization"), None);
    }
    assert_only_forms(&scene, &recipe);
    recipe.post("/", "a=b").send().expect_status(401);
}

/// A body that is no form could hide a token, and is refused.
#[track_caller]
fn assert_only_forms(scene: &Scene, recipe: &Recipe) {
    let before = scene.backend.requests().len();
    for (content_type, body) in [
        ("application/json", "{\"token\":\"forged\"}"),
        (
            "multipart/form-data; boundary=x",
            "--x\r\nContent-Disposition: form-data; name=token\r\n\r\nforged\r\n--x--\r\n",
        ),
        ("application/x-www-form-urlencoded; charset=cp037", "a=b"),
        ("text/plain", "token=forged"),
    ] {
        let request = recipe.request("POST", "/").header("Content-Type", content_type).body(body);
        let response = request.bearer(SOURCE).send();
        assert_eq!(response.status, 415, "{content_type}");
    }
    assert_eq!(scene.backend.requests().len(), before);
}

#[test]
fn a_target_token_goes_into_a_form_by_proxy_set_body() {
    let scene = Scene::new();
    let recipe = recipe(&scene, "Target as a POST parameter by proxy_set_body");
    let body = format!("a={}", "b".repeat(60_000));
    let seen = Seen::by_backend(recipe.post("/", &body).bearer(SOURCE).send());
    let sent = seen.body();
    let token = sent.strip_prefix(&format!("{body}&token=")).expect("the body as it was");
    assert!(is_for(token, SOURCE));
    assert_eq!(seen.header("Content-Length"), Some(sent.len().to_string()));
    assert_eq!(seen.header("Authorization"), None);
    // As many parameters as fit into the buffer.
    let many = "a=b&".repeat(15_000) + "c=d";
    let sent = Seen::by_backend(recipe.post("/", &many).bearer(SOURCE).send()).body();
    assert!(sent.starts_with(&format!("{many}&token=")));
    assert_eq!(scene.backend.requests().len(), 2);

    for body in FORGED {
        let response = recipe.post("/", body).bearer(SOURCE).send();
        assert_eq!(response.status, 400, "{body}");
    }
    assert_only_forms(&scene, &recipe);
    // A body that would not stay in the buffer, and a request without a token.
    let larger = "a=".to_owned() + &"b".repeat(65_536);
    recipe.post("/", &larger).bearer(SOURCE).send().expect_status(413);
    recipe.post("/", "a=b").send().expect_status(401);
    assert_eq!(scene.backend.requests().len(), 2);
}

#[test]
fn a_query_is_the_way_in_and_out() {
    let scene = Scene::new();
    let recipe = recipe(&scene, "Query to query");
    for (sent, after) in [
        ("/p?source_token=the-token", ""),
        ("/p?a=b&source_token=the-token&token=forged&c=d", "&a=b&c=d"),
    ] {
        let uri = Seen::by_backend(recipe.get(sent).send()).uri();
        let token = uri.strip_prefix("/p?token=").and_then(|rest| rest.strip_suffix(after));
        assert!(is_for(token.expect("the token before the query"), "the-token"), "{uri}");
    }
    recipe.get("/p?a=b").send().expect_status(401);
    assert_no_second_parameter(&scene, &recipe, &[]);
}

#[test]
fn a_query_is_the_way_in_and_out_in_the_rewrite_phase() {
    let scene = Scene::new();
    let recipe = recipe(&scene, "Query to query in the rewrite phase");
    for (sent, before) in [
        ("/p?source_token=the-token", "/p?token="),
        ("/p?source_token=the-token&a=b", "/p?a=b&token="),
        ("/p?a=b&source_token=the-token&c=d", "/p?a=b&c=d&token="),
        ("/p?a=b&source_token=the-token", "/p?a=b&token="),
    ] {
        let uri = Seen::by_backend(recipe.get(sent).send()).uri();
        let token = uri.strip_prefix(before).expect("the query without the source");
        assert!(is_for(token, "the-token"), "{uri}");
    }
    recipe.get("/p?a=b").send().expect_status(401);
    assert_no_second_parameter(&scene, &recipe, &["source_token=A&SOURCE_TOKEN=B"]);
    for query in FORGED {
        let response = recipe.get(&format!("/p?source_token=the-token&{query}")).send();
        assert_eq!(response.status, 400, "{query}");
    }
}
