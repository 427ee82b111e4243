//! The recipes of `docs/recipes.md`, as they stand there.
#![expect(clippy::expect_used, reason = "what fails here is a test")]

use std::net::SocketAddr;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use devsts::{Sts, is_for};
use e2e::documents::{Example, examples};
use e2e::http1::Request;
use e2e::nginx::{Nginx, debian_modules, workspace};
use e2e::php::{FASTCGI_PARAMS, Php, SeenByPhp};
use e2e::scene::{Scene, Seen};

/// A token as it comes, with all that RFC 6750, section 2.1 allows.
const SOURCE: &str = "the-source.token_1~+/==";

fn all_recipes() -> Vec<Example> {
    examples(&workspace().join("docs/recipes.md"))
}

/// A recipe that runs.
struct Recipe {
    nginx: Nginx,
    address: SocketAddr,
}

impl Recipe {
    fn get(&self, target: &str) -> Request {
        Request::new(self.address, "GET", target)
    }

    fn post(&self, target: &str, body: &str) -> Request {
        let form = "application/x-www-form-urlencoded";
        Request::new(self.address, "POST", target).header("Content-Type", form).body(body)
    }
}

/// Runs the recipe under a heading: what differs from the document are addresses and the client's id.
#[track_caller]
fn recipe(scene: &Scene, heading: &str) -> Recipe {
    run(scene, heading, |text| text)
}

/// Runs a recipe with PHP as the backend.
#[track_caller]
fn php_recipe(scene: &Scene, php: &Php, heading: &str) -> Recipe {
    run(scene, heading, |text| {
        text.replace("/run/php/php-fpm.sock", &php.socket().display().to_string())
            .replace("/srv/shop", &php.root().display().to_string())
    })
}

#[track_caller]
fn run(scene: &Scene, heading: &str, change: impl Fn(String) -> String) -> Recipe {
    let mut found = all_recipes();
    found.retain(|example| example.heading == heading);
    assert_eq!(found.len(), 1, "recipes under {heading:?}");
    let Example { context, text, .. } = found.remove(0);
    let text = text
        .replace("https://sts.example.com/token", "%%STS%%")
        .replace("https://login.microsoftonline.com/TENANT/oauth2/v2.0/token", "%%STS%%")
        .replace("client_id=535fb089-9ff3-47b6-9bfb-4f1264799865&", "client_id=otxclient&")
        .replace("client_id=gateway&", "client_id=otxclient&")
        .replace("http://127.0.0.1:8081", "%%BACKEND%%")
        .replace("listen 127.0.0.1:8080", "listen 127.0.0.1:%%PORT_RECIPE%%");
    let text = change(text);
    let mut builder = scene.nginx().file("fastcgi_params", FASTCGI_PARAMS).forbid_in_log(SOURCE);
    builder = builder.file("secrets/sts", "2Federate\n");
    if context.contains("set-misc") {
        builder = builder.main(&debian_modules().expect("this NGINX is Debian's"));
    }
    let is_http = context.starts_with("http");
    builder = if is_http { builder.http(&text) } else { builder.server(&text) };
    let nginx = builder.start();
    let address = if is_http { nginx.address_of("PORT_RECIPE") } else { nginx.address() };
    Recipe { nginx, address }
}

/// The token after `Bearer` that the backend got was issued for the source.
#[track_caller]
fn assert_bearer(seen: &Seen, source: &str) {
    let header = seen.header("Authorization").expect("an Authorization");
    let token = header.strip_prefix("Bearer ").expect("a bearer token");
    assert!(is_for(token, source), "the backend got {token:?}");
}

#[test]
fn no_recipe_is_without_a_test() {
    let tests = include_str!("recipes.rs");
    let recipes = all_recipes();
    assert!(recipes.len() > 10);
    for Example { heading, place, .. } in recipes {
        assert!(tests.contains(&format!("\"{heading}\"")), "{place}: {heading}");
    }
}

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
}

#[test]
fn a_source_token_comes_from_a_form() {
    let scene = Scene::new();
    let recipe = recipe(&scene, "Source from a POST parameter");
    let seen = Seen::by_backend(recipe.post("/", "a=b&access_token=the-token").send());
    assert_bearer(&seen, "the-token");
    assert_eq!(seen.body(), "a=b");
}

#[test]
fn a_source_token_is_removed_from_the_cookies() {
    let scene = Scene::new();
    let recipe = recipe(&scene, "Removal from a cookie");
    for (sent, left) in [
        ("a=b; source_token=S; c=d", "a=b; c=d"),
        ("source_token=S; c=d", "; c=d"),
        ("a=b; source_token=S", "a=b"),
    ] {
        let sent = sent.replace('S', SOURCE);
        let seen = Seen::by_backend(recipe.get("/").header("Cookie", sent).send());
        assert_eq!(seen.header("Cookie").as_deref(), Some(left));
        assert_bearer(&seen, SOURCE);
    }
    let alone = format!("source_token={SOURCE}");
    let seen = Seen::by_backend(recipe.get("/").header("Cookie", alone).send());
    assert_eq!(seen.header("Cookie"), None);
}

#[test]
fn a_source_token_is_removed_from_the_headers() {
    let scene = Scene::new();
    let recipe = recipe(&scene, "Removal from a header");
    let seen = Seen::by_backend(recipe.get("/").bearer(SOURCE).send());
    assert_eq!(seen.header("Authorization"), None);
    assert!(is_for(&seen.header("X-Token").unwrap_or_default(), SOURCE));
}

#[test]
fn a_source_token_is_removed_from_the_query() {
    let scene = Scene::new();
    let recipe = recipe(&scene, "Removal from the query");
    for (sent, left) in [
        ("/p?source_token=T", "/p"),
        ("/p?source_token=T&a=b", "/p?a=b"),
        ("/p?a=b&source_token=T", "/p?a=b"),
        ("/p?a=b&source_token=T&c=d", "/p?a=b&c=d"),
    ] {
        let seen = Seen::by_backend(recipe.get(&sent.replace('T', "the-token")).send());
        assert_eq!(seen.uri(), left);
        assert_bearer(&seen, "the-token");
    }
    recipe.get("/p?a=b").send().expect_status(401);
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
}

#[test]
fn a_target_token_goes_into_a_header() {
    let scene = Scene::new();
    let recipe = recipe(&scene, "Target in a header");
    assert_bearer(&Seen::by_backend(recipe.get("/").bearer(SOURCE).send()), SOURCE);
}

#[test]
fn a_target_token_goes_into_a_cookie() {
    let scene = Scene::new();
    let recipe = recipe(&scene, "Target in a cookie");
    let request = recipe.get("/").bearer(SOURCE).header("Cookie", "STS_COOKIE=forged");
    let seen = Seen::by_backend(request.send());
    assert!(is_for(&seen.token(), SOURCE));
    assert_eq!(seen.header("Authorization"), None);
}

#[test]
fn a_target_token_goes_into_the_query() {
    let scene = Scene::new();
    let recipe = recipe(&scene, "Target in the query");
    for (sent, before) in [("/p", "/p?token="), ("/p?a=b", "/p?a=b&token=")] {
        let uri = Seen::by_backend(recipe.get(sent).bearer(SOURCE).send()).uri();
        let token = uri.strip_prefix(before).expect("the query as it was");
        assert!(is_for(token, SOURCE), "{uri}");
    }
}

#[test]
fn a_target_token_goes_into_a_form() {
    let scene = Scene::new();
    let recipe = recipe(&scene, "Target as a POST parameter");
    let body = format!("a={}", "b".repeat(60_000));
    let seen = Seen::by_backend(recipe.post("/", &body).bearer(SOURCE).send());
    let sent = seen.body();
    let token = sent.strip_prefix(&format!("{body}&token=")).expect("the body as it was");
    assert!(is_for(token, SOURCE));
    assert_eq!(seen.header("Content-Length"), Some(sent.len().to_string()));
}

#[test]
fn a_query_is_the_way_in_and_out() {
    let scene = Scene::new();
    let recipe = recipe(&scene, "Query to query in the rewrite phase");
    for (sent, before) in [
        ("/p?source_token=the-token", "/p?token="),
        ("/p?source_token=the-token&a=b", "/p?a=b&token="),
        ("/p?a=b&source_token=the-token&c=d", "/p?a=b&c=d&token="),
    ] {
        let uri = Seen::by_backend(recipe.get(sent).send()).uri();
        let token = uri.strip_prefix(before).expect("the query without the source");
        assert!(is_for(token, "the-token"), "{uri}");
    }
    recipe.get("/p?a=b").send().expect_status(401);
}

#[test]
fn a_source_token_in_the_query_does_not_get_to_php_by_request_uri() {
    let (scene, php) = (Scene::new(), Php::start());
    let recipe = php_recipe(&scene, &php, "REQUEST_URI");
    let seen = SeenByPhp::new(recipe.get("/p?source_token=the-source").send());
    assert!(is_for(&seen.server("STS_TOKEN").unwrap_or_default(), "the-source"));
    assert_eq!(seen.server("REQUEST_URI").as_deref(), Some("/p"));
    assert!(!seen.everything().contains("source_token"));
}

#[test]
fn a_map_over_the_target_is_looked_up_again() {
    let scene = Scene::new();
    let recipe = recipe(&scene, "A map over the target");
    assert_bearer(&Seen::by_backend(recipe.get("/").header("X-Token", SOURCE).send()), SOURCE);
    assert_eq!(Seen::by_backend(recipe.get("/").send()).header("Authorization"), None);
    recipe.nginx.allow_in_log("[warn]");
}

#[test]
fn a_cached_answer_is_for_one_user() {
    let scene = Scene::new();
    let recipe = recipe(&scene, "proxy_cache");
    let number = |user: &str| {
        recipe.get("/p?a=b").header("X-Token", user).send().expect_status(200).json()["number"]
            .clone()
    };
    let (alice, bob) = (number("alice"), number("bob"));
    assert_ne!(alice, bob);
    assert_eq!((number("alice"), number("bob")), (alice, bob), "from the cache");
}

#[test]
fn entra_issues_a_token_on_behalf_of_the_user() {
    let scene = Scene::with(Sts::builder().audience("api://gateway").on_behalf_of());
    let recipe = recipe(&scene, "On behalf of the user at Microsoft Entra ID");
    let jwt = |audience: &str, until: u64| {
        let claims = format!(r#"{{"iss":"entra","sub":"alice","aud":"{audience}","exp":{until}}}"#);
        format!("eyJhbGciOiJSUzI1NiJ9.{}.c2ln", URL_SAFE_NO_PAD.encode(claims))
    };
    let source = jwt("api://gateway", 9_999_999_999);
    let seen = Seen::by_backend(recipe.get("/orders/").bearer(&source).send());
    assert_bearer(&seen, &source);
    let call = scene.only_call();
    let names: Vec<_> = call.parameters().iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(
        names,
        ["grant_type", "assertion", "requested_token_use", "scope", "client_id", "client_secret"]
    );
    assert_eq!(call.parameter("requested_token_use"), Some("on_behalf_of"));
    assert_eq!(call.parameter("scope"), Some("api://orders/.default"));
    for refused in [jwt("api://other", 9_999_999_999), jwt("api://gateway", 1_000_000_000)] {
        recipe.get("/orders/").bearer(&refused).send().expect_status(401);
    }
    recipe.get("/orders/").send().expect_status(401);
}

#[test]
fn a_preflight_request_needs_no_token() {
    let scene = Scene::new();
    let recipe = recipe(&scene, "Preflight requests of browsers");
    let response = Request::new(recipe.address, "OPTIONS", "/").send().expect_status(204);
    assert_eq!(response.header("Access-Control-Allow-Headers"), Some("Authorization"));
    assert_eq!(scene.sts.call_count(), 0);
    recipe.get("/").send().expect_status(401);
    assert_bearer(&Seen::by_backend(recipe.get("/").bearer(SOURCE).send()), SOURCE);
}

/// Runs a recipe that mints. At port 8082 there is a service that knows `alice`, and `nobody` without a name.
#[track_caller]
fn minting_recipe(scene: &Scene, heading: &str) -> Nginx {
    let mut found = all_recipes();
    found.retain(|example| example.heading == heading);
    let text = found.pop().expect("the recipe").text;
    let text = text
        .replace("https://login.salesforce.com/services/oauth2/token", "%%STS%%")
        .replace("https://login.salesforce.com", "%%STS%%")
        .replace("http://127.0.0.1:8081", "%%BACKEND%%")
        .replace("http://127.0.0.1:8082", "http://127.0.0.1:%%PORT_AUTH%%");
    let auth = "map $http_x_session $user_of_session { default ''; alice alice@example.com; }
        server {
            listen 127.0.0.1:%%PORT_AUTH%%;
            location / {
                add_header X-User $user_of_session;
                add_header X-Groups 'staff, \"x\",admin';
                return 204;
            }
        }";
    let key = devsts::pki::Identity::authority("a key").key_pem();
    scene.nginx().file("secrets/jwt.pem", key).http(auth).server(&text).start()
}

/// The claims of a JWT, without the times and the id.
fn claims_of(token: &str) -> serde_json::Value {
    let payload = token.split('.').nth(1).expect("a JWT");
    let payload = URL_SAFE_NO_PAD.decode(payload).expect("base64url");
    let mut claims: serde_json::Value = serde_json::from_slice(&payload).expect("JSON");
    let members = claims.as_object_mut().expect("an object");
    assert!(["iat", "exp", "jti"].iter().all(|name| members.remove(*name).is_some()));
    claims
}

#[test]
fn what_auth_request_found_becomes_a_jwt() {
    let scene = Scene::new();
    let nginx = minting_recipe(&scene, "What auth_request found, as a JWT for the backend");
    let response = nginx.get("/orders/").header("X-Session", "alice").bearer("mine").send();
    let header = Seen::by_backend(response).header("Authorization").expect("an Authorization");
    let token = header.strip_prefix("Bearer ").expect("a bearer token").to_owned();
    let expected = serde_json::json!({
        "iss": "https://gateway.example.com", "sub": "alice@example.com", "aud": "orders",
        "groups": ["staff", "\"x\"", "admin"],
    });
    assert_eq!(claims_of(&token), expected);
    let set = nginx.get("/jwks.json").send().expect_status(200).json();
    let header = URL_SAFE_NO_PAD.decode(token.split('.').next().expect("a header"));
    let header: serde_json::Value =
        serde_json::from_slice(&header.expect("base64url")).expect("JSON");
    assert_eq!(set["keys"][0]["kid"], header["kid"]);
    nginx.get("/orders/").header("X-Session", "other").send().expect_status(401);
}

#[test]
fn a_service_account_of_salesforce_gets_an_access_token() {
    let scene = Scene::with(Sts::builder().anonymous());
    let nginx = minting_recipe(&scene, "A service account of Salesforce");
    let seen = Seen::by_backend(nginx.get("/services/data").send());
    let call = scene.only_call();
    let assertion = call.parameter("assertion").expect("an assertion");
    assert_bearer(&seen, assertion);
    let expected = serde_json::json!({
        "iss": "CONSUMER_KEY", "sub": "integration@example.com", "aud": scene.sts.endpoint(),
    });
    assert_eq!(claims_of(assertion), expected);
}
