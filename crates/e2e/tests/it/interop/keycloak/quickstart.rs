//! The quickstart for Keycloak, as it is written.

use std::fs;
use std::process::{Command, Stdio};

use devsts::Backend;
use e2e::documents::examples;
use e2e::interop::{Server, post_form};
use e2e::nginx::{Nginx, workspace};
use e2e::scene::Seen;
use e2e::wait::wait_for;

use crate::interop::bearer;
use crate::interop::jwt::verified;
use crate::interop::report::Report;

/// Runs the document's commands, NGINX with its configuration, and looks at what it promises.
pub(super) fn follow(server: &Server, report: &mut Report) {
    report.step(
        "the [quickstart](quickstart/keycloak.md), its commands and configuration as they are",
        || {
            set_up(server);
            first_exchange(server)
        },
    );
}

/// The commands of kcadm, at the server of the trial.
fn set_up(server: &Server) {
    let document = workspace().join("docs/quickstart/keycloak.md");
    let document = fs::read_to_string(document).expect("the document");
    let blocks = document.split("\n\n").filter(|block| block.contains("    kcadm "));
    let lines = blocks.flat_map(str::lines).filter(|line| !line.starts_with("    alias "));
    let commands: Vec<&str> = lines.collect();
    let number = commands.iter().filter(|line| line.starts_with("    kcadm ")).count();
    assert!(number >= 7, "the document has {number} commands");
    let script = format!(
        "set -eu\nkcadm() {{ bash {} \"$@\" --config {}/kcadm.config; }}\n{}",
        server.value("KCADM"),
        server.state().display(),
        commands.join("\n"),
    );
    let script = script
        .replace("http://localhost:8080", server.value("BASE"))
        .replace("--password admin", &format!("--password {}", server.value("ADMIN_PASSWORD")));
    let output = Command::new("bash").arg("-c").arg(script).stdin(Stdio::null()).output();
    let output = output.expect("bash");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

fn first_exchange(server: &Server) -> String {
    let example = examples(&workspace().join("docs/quickstart/keycloak.md"));
    let example = example.first().expect("a configuration");
    let backend = Backend::start().expect("a backend");
    let configuration = example
        .text
        .replace("http://127.0.0.1:8180", server.value("BASE"))
        .replace("http://127.0.0.1:8081", &backend.url(""))
        .replace("/var/log/nginx/", "logs/")
        .replace("127.0.0.1:8080", "127.0.0.1:%%PORT%%");
    let nginx = Nginx::builder()
        .whole(&format!("%%MAIN%% http {{ %%HTTP%% {configuration} }}"))
        .file("secrets/sts", "quickstart-secret\n")
        .file("logs/access.log", "")
        .forbid_in_log("quickstart-secret")
        .start();
    let realm = format!("{}/realms/quickstart/protocol/openid-connect", server.value("BASE"));
    let fields = [
        ("grant_type", "password"),
        ("client_id", "shop"),
        ("username", "alice"),
        ("password", "alice"),
    ];
    let token = post_form(&format!("{realm}/token"), &fields).expect_status(200).json();
    let token = token["access_token"].as_str().expect("a token");
    for _ in 0..2 {
        let seen = Seen::by_backend(nginx.get("/orders/").bearer(token).send());
        let claims = verified(&format!("{realm}/certs"), &bearer(&seen));
        assert_eq!((&claims["aud"], &claims["azp"]), (&"orders".into(), &"gateway".into()));
        assert_eq!(claims["preferred_username"], "alice");
    }
    let promised = "200 MISS - orders\n200 HIT - orders\n";
    wait_for("the lines of the log", || nginx.read("logs/access.log").contains(promised));
    "`200 MISS`, then `200 HIT`; the token as promised".to_owned()
}
