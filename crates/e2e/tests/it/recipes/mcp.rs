//! A gateway in front of an MCP server.

use devsts::{Answer, Script, When};
use e2e::http1::Request;
use e2e::scene::{Scene, Seen};
use serde_json::json;

use super::run::{Recipe, SOURCE, assert_asked, assert_bearer, recipe};

const METADATA: &str = "https://mcp.example.com/.well-known/oauth-protected-resource/mcp";

/// A call of a tool; of none for an empty name.
fn call(recipe: &Recipe, tool: &str) -> Request {
    let request = recipe.request("POST", "/mcp").body("{}");
    let request = request.header("Content-Type", "application/json");
    let request = request.header("MCP-Protocol-Version", "2026-07-28");
    match tool {
        "" => request.header("Mcp-Method", "tools/list"),
        tool => request.header("Mcp-Method", "tools/call").header("Mcp-Name", tool),
    }
}

fn asked(scene: &Scene) -> (String, String) {
    let calls = scene.sts.calls();
    let call = calls.last().expect("a call");
    let parameter = |name| call.parameter(name).unwrap_or_default().to_owned();
    (parameter("audience"), parameter("scope"))
}

#[test]
fn each_tool_has_an_audience_and_a_scope_of_its_own() {
    let scene = Scene::new();
    let recipe = recipe(&scene, "An MCP server");
    for (tool, audience, scope) in [
        ("search_orders", "https://orders.example.com/", "orders.read"),
        ("cancel_order", "https://orders.example.com/", "orders.write"),
        ("get_invoice", "https://invoices.example.com/", "invoices.read"),
        ("", "https://mcp.internal.example.com/", "mcp.use"),
    ] {
        let seen = Seen::by_backend(call(&recipe, tool).bearer(SOURCE).send());
        assert_bearer(&seen, SOURCE);
        assert_eq!(seen.body(), "{}");
        assert_eq!(seen.header("Mcp-Name").unwrap_or_default(), tool);
        assert_eq!(asked(&scene), (audience.to_owned(), scope.to_owned()), "{tool}");
    }
    assert_asked(
        scene.sts.calls()[0].parameters(),
        &[
            ("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"),
            ("subject_token", SOURCE),
            ("subject_token_type", "urn:ietf:params:oauth:token-type:access_token"),
            ("audience", "https://orders.example.com/"),
            ("scope", "orders.read"),
        ],
    );
    // No two of them share a token, and what is not listed shares that of the least.
    assert_eq!(scene.sts.call_count(), 4);
    for tool in ["drop_tables", "=?base64?Y2FuY2VsX29yZGVy?=", "cancel_order "] {
        Seen::by_backend(call(&recipe, tool).bearer(SOURCE).send());
    }
    assert_eq!(scene.sts.call_count(), 4);
}

#[test]
fn a_client_without_a_token_learns_where_to_get_one_for_the_tool() {
    let scene = Scene::new();
    let recipe = recipe(&scene, "An MCP server");
    for (tool, scope) in [("", "mcp.use"), ("cancel_order", "orders.write")] {
        let challenge = format!("Bearer resource_metadata=\"{METADATA}\", scope=\"{scope}\"");
        let response = call(&recipe, tool).send().expect_status(401);
        assert_eq!(response.all("WWW-Authenticate"), [challenge.as_str()]);
        let response = call(&recipe, tool).bearer("refuse").send().expect_status(401);
        let refused = format!("{challenge}, error=\"invalid_token\"");
        assert_eq!(response.all("WWW-Authenticate"), [refused.as_str()]);
    }
    assert!(scene.backend.requests().is_empty());

    // The document at that address says where (RFC 9728, section 3.2).
    let path = METADATA.trim_start_matches("https://mcp.example.com");
    let response = recipe.get(path).send().expect_status(200);
    assert_eq!(response.header("Content-Type"), Some("application/json"));
    let document = response.json();
    assert_eq!(document["resource"], "https://mcp.example.com/mcp");
    assert_eq!(document["authorization_servers"], json!(["https://idp.example.com"]));
}

#[test]
fn a_token_without_the_scope_of_the_tool_is_told_so() {
    let scene = Scene::new();
    for (scope, status, error) in
        [("orders.write", 400, "invalid_scope"), ("invoices.read", 403, "access_denied")]
    {
        let lacks = move |call: &devsts::Call| call.parameter("scope") == Some(scope);
        let answer = Answer::oauth_error(status, error, "no");
        scene.sts.script(When::matching(lacks), Script::new().answer(answer));
    }
    let recipe = recipe(&scene, "An MCP server");
    let response = call(&recipe, "cancel_order").bearer(SOURCE).send().expect_status(403);
    let challenge = format!(
        "Bearer error=\"insufficient_scope\", scope=\"orders.write\", resource_metadata=\"{METADATA}\""
    );
    assert_eq!(response.all("WWW-Authenticate"), [challenge.as_str()]);
    let request = recipe.get("/mcp").header("Mcp-Name", "cancel_order").bearer(SOURCE);
    request.header("MCP-Protocol-Version", "2026-07-28").send().expect_status(403);
    // More rights would not help here.
    let response = call(&recipe, "get_invoice").bearer(SOURCE).send().expect_status(403);
    assert_eq!(response.all("WWW-Authenticate"), [""; 0]);
    assert!(scene.backend.requests().is_empty());
    // The same client may do what its token is good for.
    assert_bearer(&Seen::by_backend(call(&recipe, "search_orders").bearer(SOURCE).send()), SOURCE);
}

#[test]
fn a_token_with_less_than_the_tool_needs_goes_no_further() {
    let scene = Scene::new();
    let less = json!({ "access_token": "t", "token_type": "Bearer", "scope": "orders.read" });
    scene.sts.script(When::any(), Script::new().answer(Answer::json(200, &less)));
    let recipe = recipe(&scene, "An MCP server");
    call(&recipe, "search_orders").bearer(SOURCE).send().expect_status(200);
    call(&recipe, "cancel_order").bearer(SOURCE).send().expect_status(502);
    assert_eq!(scene.backend.requests().len(), 1);
}

#[test]
fn the_name_that_was_looked_at_is_the_one_that_the_server_reads() {
    let scene = Scene::new();
    let recipe = recipe(&scene, "An MCP server");
    let request = call(&recipe, "search_orders").header("Mcp-Name", "cancel_order").bearer(SOURCE);
    let seen = Seen::by_backend(request.send());
    let (_, scope) = asked(&scene);
    match seen.header("Mcp-Name").as_deref() {
        // From NGINX 1.23 on a header that comes twice is one value, which no map has.
        Some("search_orders, cancel_order") => assert_eq!(scope, "mcp.use"),
        name => assert_eq!((name, scope.as_str()), (Some("search_orders"), "orders.read")),
    }
    // A server of an older version does not compare the name with the body.
    for version in ["2025-11-25", ""] {
        let request = recipe.request("POST", "/mcp").header("Mcp-Name", "cancel_order");
        let request = request.header("MCP-Protocol-Version", version).bearer(SOURCE);
        request.send().expect_status(400);
    }
    assert_eq!(scene.backend.requests().len(), 1);
}
