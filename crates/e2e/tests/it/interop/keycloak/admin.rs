//! What an administrator does at Keycloak.

use e2e::interop::{Server, post_form, request};
use serde_json::{Value, json};

/// Calls the REST API of the realm; what it answers, or nothing.
#[track_caller]
pub(super) fn call(server: &Server, method: &str, path: &str, body: Option<&Value>) -> Value {
    let base = server.value("BASE");
    let fields = [
        ("grant_type", "password"),
        ("client_id", "admin-cli"),
        ("username", "admin"),
        ("password", server.value("ADMIN_PASSWORD")),
    ];
    let endpoint = format!("{base}/realms/master/protocol/openid-connect/token");
    let token = post_form(&endpoint, &fields).expect_status(200).json();
    let token = token["access_token"].as_str().expect("a token");
    let mut request = request(method, &format!("{base}/admin/realms/shop{path}")).bearer(token);
    if let Some(body) = body {
        request = request.header("Content-Type", "application/json").body(body.to_string());
    }
    let answer = request.send();
    assert!(answer.status < 300, "{method} {path}: {} {}", answer.status, answer.text());
    if answer.body.is_empty() { Value::Null } else { answer.json() }
}

/// Gives the realm a new key, and removes the old one.
pub(super) fn rotate(server: &Server) -> (u16, &'static str) {
    let path = "/components?type=org.keycloak.keys.KeyProvider";
    let components = call(server, "GET", path, None);
    let components = components.as_array().expect("components");
    let old = components.iter().find(|each| each["providerId"] == "rsa-generated");
    let old = old.expect("a key for RS256");
    let new = json!({
        "name": "rsa-generated-2",
        "providerId": "rsa-generated",
        "providerType": "org.keycloak.keys.KeyProvider",
        "parentId": old["parentId"],
        "config": {"priority": ["200"], "keySize": ["2048"]},
    });
    call(server, "POST", "/components", Some(&new));
    let id = old["id"].as_str().expect("an id");
    call(server, "DELETE", &format!("/components/{id}"), None);
    (401, "refused")
}
