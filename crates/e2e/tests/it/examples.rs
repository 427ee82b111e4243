//! The configurations in `examples/`, each started as it stands there, but for addresses.
#![expect(clippy::expect_used, reason = "a test reports by panicking")]

use std::fs;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use devsts::sts::wstrust::Requestor;
use devsts::{Client, Sts, WsTrust, is_for};
use e2e::documents::{with_files, within_prefix};
use e2e::http1::Request;
use e2e::nginx::{Builder, Nginx, workspace};
use e2e::scene::{CLIENT_ID, CLIENT_SECRET, Scene, Seen};
use serde_json::{Value, json};

/// An example with what a test needs in the place of what stands before `http`.
struct Example {
    text: String,
}

/// What stands before `http` in each of them, as it is on a server.
const HEAD: &str = "load_module modules/ngx_http_sts_module.so;

user www-data;
worker_processes auto;
error_log /var/log/nginx/error.log warn;
pid /run/nginx.pid;

events {
    worker_connections 4096;
}

http {
";

impl Example {
    #[track_caller]
    fn new(scene: &Scene, name: &str) -> Self {
        let path = workspace().join("examples").join(name).join("nginx.conf");
        let text = fs::read_to_string(&path).expect("an example");
        let (says, rest) = text.split_once("\n\n").expect("a first line");
        assert!(says.starts_with("# ") && says.ends_with('.'), "{name} says what it is");
        let body = rest.strip_prefix(HEAD).expect("the head that all have");
        let text = format!("%%MAIN%%\nhttp {{\n%%HTTP%%\n{}", within_prefix(body));
        let example = Self { text }
            .with("listen 8080;", "listen 127.0.0.1:%%PORT%%;")
            .with("http://127.0.0.1:8081", &scene.backend.url(""));
        // Not all have these.
        let text = example
            .text
            .replace("https://sts.example.com/token", &scene.sts.endpoint())
            .replace("client_id=gateway&", &format!("client_id={CLIENT_ID}&"));
        Self { text }
    }

    /// Puts a value of the test in the place of one that stands there.
    #[track_caller]
    fn with(self, from: &str, to: &str) -> Self {
        assert!(self.text.contains(from), "{from} is not in the example");
        Self { text: self.text.replace(from, to) }
    }

    fn builder(&self) -> Builder {
        with_files(Nginx::builder()).forbid_in_log(CLIENT_SECRET).whole(&self.text)
    }

    fn start(&self) -> Nginx {
        self.builder().start()
    }
}

/// The backend got, behind `Bearer`, the token that was issued for the source.
#[track_caller]
fn assert_bearer(seen: &Seen, source: &str) {
    let header = seen.header("Authorization").expect("an Authorization");
    let token = header.strip_prefix("Bearer ").expect("a bearer token");
    assert!(is_for(token, source), "the backend got {token:?}");
}

fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
}

/// A JWT for alice, with a signature that no server here looks at.
fn jwt(audience: &str) -> String {
    let claims = json!({ "iss": "idp", "sub": "alice", "aud": audience, "exp": 9_999_999_999_u64 });
    format!("eyJhbGciOiJSUzI1NiJ9.{}.c2ln", URL_SAFE_NO_PAD.encode(claims.to_string()))
}

#[test]
fn no_example_is_without_a_test() {
    let here = fs::read_to_string(workspace().join("crates/e2e/tests/it/examples.rs"));
    let here = here.expect("this file");
    let index = fs::read_to_string(workspace().join("examples/README.md")).expect("the index");
    let mut seen = 0;
    for entry in fs::read_dir(workspace().join("examples")).expect("the examples") {
        let entry = entry.expect("an example");
        if entry.path().is_dir() {
            let name = entry.file_name().into_string().expect("a name");
            assert!(here.contains(&format!("\"{name}\"")), "{name} is not run");
            assert!(index.contains(&format!("({name}/nginx.conf)")), "{name} is not in the index");
            seen += 1;
        }
    }
    assert!(seen >= 9, "only {seen} examples were found");
}

#[test]
fn one_service() {
    let scene = Scene::new();
    let nginx = Example::new(&scene, "one-service").start();
    let seen = Seen::by_backend(nginx.get("/a").header("Cookie", "a=b").bearer("user").send());
    assert_bearer(&seen, "user");
    assert_eq!(seen.header("Cookie").as_deref(), Some("a=b"));
    assert_eq!(scene.only_call().parameter("audience"), Some("orders"));
    nginx.get("/a").send().expect_status(401);
    nginx.get("/a").bearer("refuse").send().expect_status(401);
    assert_eq!(scene.backend.requests().len(), 1);
}

#[test]
fn several_services() {
    let scene = Scene::new();
    let nginx = Example::new(&scene, "several-services").start();
    for (path, audience) in
        [("/orders/", "orders"), ("/stock/", "stock"), ("/catalogue/", "catalogue")]
    {
        assert_bearer(&Seen::by_backend(nginx.get(path).bearer("user").send()), "user");
        let calls = scene.sts.calls();
        let call = calls.last().expect("a call");
        assert_eq!(call.parameter("audience"), Some(audience));
    }
    nginx.get("/orders/").send().expect_status(401);
    nginx.get("/catalogue/").bearer("refuse").send().expect_status(401);
    for request in
        [nginx.get("/catalogue/"), nginx.get("/public/"), nginx.get("/public/").bearer("user")]
    {
        assert_eq!(Seen::by_backend(request.send()).header("Authorization"), None);
    }
    nginx.get("/health").send().expect_status(204);
}

#[test]
fn a_browser() {
    let scene = Scene::new();
    let nginx = Example::new(&scene, "browser").start();
    let origin = "https://shop.example.com";
    let preflight = nginx.request("OPTIONS", "/api/").header("Origin", origin).send();
    let preflight = preflight.expect_status(204);
    assert_eq!(preflight.header("Access-Control-Allow-Origin"), Some(origin));
    let refused = nginx.get("/api/").header("Origin", origin).send().expect_status(401);
    assert_eq!(refused.header("Access-Control-Allow-Origin"), Some(origin));
    assert_eq!(refused.header("WWW-Authenticate"), Some("Bearer realm=\"api\""));
    let request = nginx.get("/api/").header("Origin", origin).bearer("user");
    assert_bearer(&Seen::by_backend(request.send()), "user");
}

#[test]
fn what_an_operator_wants() {
    let scene = Scene::new();
    let example = Example::new(&scene, "monitored")
        .with("listen 127.0.0.1:8083;", "listen 127.0.0.1:%%PORT_ADMIN%%;");
    let nginx = example.start();
    assert_bearer(&Seen::by_backend(nginx.get("/").bearer("user").send()), "user");
    let admin = nginx.address_of("PORT_ADMIN");
    let status = Request::new(admin, "GET", "/sts?format=json").send().expect_status(200);
    assert!(String::from_utf8_lossy(&status.body).contains("\"orders\""));
    let purged = Request::new(admin, "POST", "/purge").send().expect_status(200);
    assert!(String::from_utf8_lossy(&purged.body).contains('1'), "{purged:?}");
    e2e::wait::wait_for("a line", || nginx.read("logs/access.log").lines().count() == 1);
    let line: Value = serde_json::from_str(nginx.read("logs/access.log").trim()).expect("JSON");
    assert_eq!((&line["outcome"], &line["exchange"]), (&json!("MISS"), &json!("orders")));
}

#[test]
fn a_token_of_the_gateway_itself() {
    let scene = Scene::new();
    let nginx = Example::new(&scene, "service-token").start();
    let get = |password| {
        let request = nginx.get("/reports/").header("X-User", "root");
        request.header("Authorization", basic("alice", password)).send()
    };
    let seen = Seen::by_backend(get("wonderland"));
    assert!(seen.header("Authorization").expect("a token").starts_with("Bearer "));
    assert_eq!(seen.header("X-User").as_deref(), Some("alice"));
    assert_eq!(scene.only_call().parameter("grant_type"), Some("client_credentials"));
    get("wrong").expect_status(401);
    nginx.get("/reports/").send().expect_status(401);
    assert_eq!(scene.backend.requests().len(), 1);
}

#[test]
fn a_token_that_nginx_signs() {
    let scene = Scene::new();
    let nginx = Example::new(&scene, "minted-token").start();
    let request = nginx.get("/orders/").header("Authorization", basic("alice", "wonderland"));
    let header = Seen::by_backend(request.send()).header("Authorization").expect("a token");
    let token = header.strip_prefix("Bearer ").expect("a bearer token");
    let claims = token.split('.').nth(1).and_then(|part| URL_SAFE_NO_PAD.decode(part).ok());
    let claims: Value = serde_json::from_slice(&claims.expect("claims")).expect("JSON");
    assert_eq!((&claims["sub"], &claims["aud"]), (&json!("alice"), &json!("orders")));
    assert_eq!(claims["iss"], "https://gateway.example.com");
    let keys = nginx.get("/jwks.json").send().expect_status(200).json();
    assert_eq!(keys["keys"].as_array().map(Vec::len), Some(1));
    nginx.get("/orders/").send().expect_status(401);
    assert_eq!(scene.sts.call_count(), 0);
}

#[test]
fn entra_on_behalf_of_the_user() {
    let scene = Scene::with(Sts::builder().audience("api://gateway").on_behalf_of());
    let nginx = Example::new(&scene, "entra-on-behalf-of")
        .with("https://login.microsoftonline.com/TENANT/oauth2/v2.0/token", &scene.sts.endpoint())
        .with("535fb089-9ff3-47b6-9bfb-4f1264799865", CLIENT_ID)
        .start();
    let source = jwt("api://gateway");
    assert_bearer(&Seen::by_backend(nginx.get("/orders/").bearer(&source).send()), &source);
    let call = scene.only_call();
    assert_eq!(call.parameter("requested_token_use"), Some("on_behalf_of"));
    nginx.get("/orders/").bearer(jwt("api://other")).send().expect_status(401);
}

#[test]
fn the_api_of_another_organisation() {
    const PARTNER: &str = "https://as.partner.example.com/";
    const SECRET: &str = "s3cret of the partner";
    let scene = Scene::with(Sts::builder().known_server(PARTNER, "gateway-of-acme"));
    let client = Client::new("gateway-of-acme", SECRET);
    let partner = Sts::builder().client(client).audience(PARTNER).start().expect("an STS");
    let example = Example::new(&scene, "two-organisations")
        .with("https://idp.example.com/token", &scene.sts.endpoint())
        .with("https://as.partner.example.com/token", &partner.endpoint());
    let nginx = example
        .builder()
        .file("secrets/idp", CLIENT_SECRET)
        .file("secrets/partner", SECRET)
        .start();
    let seen = Seen::by_backend(nginx.get("/calendar/").bearer(jwt(CLIENT_ID)).send());
    assert!(seen.header("Authorization").expect("a token").starts_with("Bearer "));
    assert_eq!((scene.sts.call_count(), partner.call_count()), (1, 1));
    nginx.get("/calendar/").bearer(jwt("other")).send().expect_status(401);
    assert_eq!(partner.call_count(), 1);
}

#[test]
fn an_assertion_for_another_one() {
    let user = Requestor::Basic("gateway".to_owned(), CLIENT_SECRET.to_owned());
    let wstrust =
        WsTrust::at("/services/trust").requestor(user).applies_to("https://app.example.com/");
    let scene = Scene::with(Sts::builder().wstrust(wstrust));
    let nginx = Example::new(&scene, "saml")
        .with("https://sts.example.com/services/trust", &scene.sts.endpoint())
        .start();
    let assertion = "<saml:Assertion xmlns:saml=\"urn:oasis:names:tc:SAML:2.0:assertion\" ID=\"a\" \
         Version=\"2.0\"><saml:Issuer>idp</saml:Issuer><saml:Subject><saml:NameID>alice\
         </saml:NameID></saml:Subject></saml:Assertion>";
    let request = nginx.get("/app/").header("X-Assertion", STANDARD.encode(assertion));
    let target = Seen::by_backend(request.send()).header("X-Assertion").expect("an assertion");
    let target = String::from_utf8(STANDARD.decode(target).expect("base64")).expect("XML");
    assert!(target.contains("Assertion") && target != assertion, "{target}");
    nginx.get("/app/").header("X-Assertion", STANDARD.encode("<a/>")).send().expect_status(401);
    assert_eq!(scene.backend.requests().len(), 1);
}
