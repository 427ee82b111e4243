//! What Prometheus's own tool says of the metrics (`make test-promtool`, which installs it).

use std::io::Write;
use std::process::{Command, Stdio};

use e2e::scene::{Scene, assert_exchanged};

#[test]
#[ignore = "make test-promtool installs promtool, and runs this"]
fn promtool_has_nothing_to_say_of_the_metrics() {
    let scene = Scene::new();
    let server = "
        location = /sts { allow 127.0.0.1; deny all; STSStatus; }
        location /a { %%OTX%% STSName a; %%PASS%% }
        location /b { %%OTX%% STSRequestParameter scope b; %%PASS%% }";
    let nginx = scene.nginx().server(server).start();
    for _ in 0..2 {
        assert_exchanged(nginx.get("/a").bearer("user").send(), "user");
    }
    nginx.get("/b").bearer("refuse").send().expect_status(401);
    let text = nginx.get("/sts").send().expect_status(200).text();

    let check = |text: &str| {
        let mut promtool = Command::new("promtool")
            .args(["check", "metrics"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("promtool, of Debian's package prometheus");
        let stdin = promtool.stdin.as_mut().expect("a pipe");
        stdin.write_all(text.as_bytes()).expect("promtool reads");
        let output = promtool.wait_with_output().expect("promtool ends");
        let said = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8_lossy(&said).into_owned())
    };
    assert_eq!(check(&text), (true, String::new()), "{text}");
    // It does look at what it is given.
    let (is_good, said) = check(&text.replace("nginx_sts_requests_total", "nginx_sts_requests"));
    assert!(!is_good && said.contains("nginx_sts_requests"), "{said}");
}
