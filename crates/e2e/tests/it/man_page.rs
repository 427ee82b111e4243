//! The manual page: what `make man` makes of the documents.
#![expect(clippy::expect_used, reason = "a test reports by panicking")]

use std::fs;
use std::io::Write;
use std::process::{Command, Stdio};

use e2e::nginx::workspace;

/// The page of the documents as they are.
fn page() -> String {
    let script = workspace().join("scripts/man.py");
    let mut command = Command::new("python3");
    command.arg(script).args(["0.0.0", "2026-01-01", "docs/directives"]);
    let output = command.current_dir(workspace()).output().expect("python3 (scripts/setup.sh man)");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}

#[test]
fn each_directive_and_variable_is_in_the_manual_page() {
    let page = page();
    let table = workspace().join("crates/ngx-http-sts/src/conf/directives.rs");
    let table = fs::read_to_string(table).expect("the table of directives");
    let names = table.split("c\"STS").skip(1).filter_map(|rest| rest.split('"').next());
    let names: Vec<String> = names.map(|name| format!("STS{name}")).collect();
    assert!(names.len() > 80, "only {} directives were found", names.len());
    for name in names {
        assert!(page.contains(&format!("\n.SS \"{name}\"\n")), "{name} has no section");
    }
    for part in ["\\fB$sts_status\\fR", "\\fB$sts_key\\fR", "\\fBmissing_token\\fR", "\n.SH NAME\n"]
    {
        assert!(page.contains(part), "{part} is not in the page");
    }
    for markup in ["](", "**", "<br>", "```"] {
        let line = page.lines().find(|line| line.contains(markup));
        assert_eq!(line, None, "{markup} was not translated");
    }
}

#[test]
fn groff_has_nothing_to_say_of_the_manual_page() {
    let mut groff = Command::new("groff")
        .args(["-ww", "-man", "-Tutf8", "-K", "utf8"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("groff (scripts/setup.sh man)");
    let page = page();
    let mut input = groff.stdin.take().expect("a pipe");
    let writer = std::thread::spawn(move || input.write_all(page.as_bytes()));
    let output = groff.wait_with_output().expect("groff ends");
    writer.join().expect("a thread").expect("groff reads all");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.is_empty(), "{said}");
    // As it is shown, without what makes it bold.
    let shown = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(shown.contains("STSExchange") && shown.lines().count() > 1000, "{shown:.200}");
}
