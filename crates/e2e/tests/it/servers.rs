//! The examples of `docs/servers.md`. That each of them loads, `documents.rs` tests.
#![expect(clippy::expect_used, clippy::panic, reason = "what fails here is a test")]

use std::fs;

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use devsts::{Answer, Call, Script, When};
use e2e::documents::{Example, examples};
use e2e::nginx::{Nginx, workspace};
use e2e::scene::Scene;

/// A server, and its example in each of the two syntaxes.
struct Pair {
    server: String,
    directives: String,
    one_directive: String,
}

impl Pair {
    fn is_wstrust(&self) -> bool {
        self.directives.contains("STSType wstrust")
    }
}

/// The servers of the document.
fn servers() -> Vec<Pair> {
    let path = workspace().join("docs/servers.md");
    let document = fs::read_to_string(&path).expect("the document");
    let headings = document.lines().filter_map(|line| line.strip_prefix("## "));
    let mut found: Vec<Example> = examples(&path);
    let mut of = |heading: &str, in_one: bool| {
        let is_it = |example: &Example| {
            example.heading == heading && example.text.contains("STSExchange ") == in_one
        };
        let at = found.iter().position(is_it);
        let at = at.unwrap_or_else(|| panic!("{heading}: no example, in one directive: {in_one}"));
        found.remove(at).text
    };
    headings
        .filter(|heading| *heading != "How to read this page")
        .map(|heading| Pair {
            server: heading.to_owned(),
            directives: of(heading, false),
            one_directive: of(heading, true),
        })
        .collect()
}

/// An example in a location of its own, with another endpoint, and open to every client.
fn at(location: &str, example: &str) -> String {
    let lines = example.lines().filter(|line| !line.contains("auth_basic"));
    let lines = lines.map(|line| {
        let names_endpoint = ["Endpoint http", "STSExchange "].iter().any(|it| line.contains(it));
        let words = line.split(' ').map(|word| match word.trim_end_matches(';') {
            url if url.starts_with("http") && names_endpoint => word.replace(url, "%%STS%%"),
            _ => word.replace("http://127.0.0.1:8081", "%%BACKEND%%"),
        });
        match line.starts_with("location ") {
            true => format!("location {location} {{"),
            false => words.collect::<Vec<_>>().join(" "),
        }
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// NGINX with both examples of a server, at `/a/` and `/b/`.
fn nginx(scene: &Scene, pair: &Pair) -> Nginx {
    let locations = at("/a/", &pair.directives) + &at("/b/", &pair.one_directive);
    scene.nginx().file("secrets/sts", "2Federate\n").server(&locations).start()
}

#[test]
fn both_syntaxes_ask_an_oauth_server_for_the_same() {
    let answer = r#"{"access_token":"the-target","token_type":"Bearer","expires_in":300}"#;
    let mut seen = 0;
    for pair in servers().into_iter().filter(|pair| !pair.is_wstrust()) {
        seen += 1;
        let scene = Scene::new();
        scene.sts.script(When::any(), Script::new().answer(Answer::new(200).body(answer)));
        let nginx = nginx(&scene, &pair);
        for path in ["/a/", "/b/"] {
            nginx.get(path).bearer("alice").send().expect_status(200);
        }
        // The second exchange is the first one, and finds its token.
        assert_eq!(scene.sts.call_count(), 1, "{}", pair.server);
    }
    assert!(seen > 10, "only {seen} servers");
}

#[test]
fn both_syntaxes_ask_a_wstrust_server_for_the_same() {
    let assertion = "<a:Assertion xmlns:a=\"urn:oasis:names:tc:SAML:2.0:assertion\"/>";
    let cookie = format!("assertion={}", STANDARD_NO_PAD.encode(assertion));
    let basic = format!("Basic {}", STANDARD_NO_PAD.encode("alice:wonderland"));
    let mut seen = 0;
    for pair in servers().into_iter().filter(Pair::is_wstrust) {
        seen += 1;
        let scene = Scene::new();
        scene.sts.script(When::any(), Script::new().answer(Answer::new(500)));
        let nginx = nginx(&scene, &pair);
        for path in ["/a/", "/b/"] {
            let authorization =
                if pair.directives.contains("type=Basic") { &basic } else { "Bearer alice" };
            let request = nginx.get(path).header("Authorization", authorization);
            request.header("Cookie", &cookie).send().expect_status(502);
        }
        nginx.allow_in_log("[error]");
        let calls: Vec<_> = scene.sts.calls().iter().map(|call| asked(call)).collect();
        assert_eq!(calls.len(), 2, "{}", pair.server);
        assert_eq!(calls[0], calls[1], "{}", pair.server);
    }
    assert!(seen > 3, "only {seen} servers");
}

/// What a message asks for, and in which version of SOAP, without what is fresh in each.
fn asked(call: &Call) -> (Option<String>, Option<String>, String) {
    let message = String::from_utf8_lossy(&call.body).into_owned();
    let body = message.split_once("RequestSecurityToken").expect("a message").1;
    (call.header("Content-Type"), call.header("Authorization"), body.to_owned())
}
