//! `STSAfterBody`: a token is issued when the body is there that goes with it.

use devsts::is_for;
use e2e::nginx::Nginx;
use e2e::scene::{Scene, Seen};
use e2e::wait::wait_for;

fn start(scene: &Scene, more: &str) -> Nginx {
    let server = format!(
        "location / {{ %%EXCHANGE%% STSAcceptSourceTokenIn header; STSPassTargetTokenIn header;
             {more} proxy_pass %%BACKEND%%; }}
         location = /stub {{ stub_status; }}"
    );
    scene.nginx().server(&server).start()
}

const HEAD: &str = "POST / HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer alice\r\n";

/// How the body comes: its length, or chunks; the first part of it, and the rest.
const BODIES: [(&str, &str, &str); 2] = [
    ("Content-Length: 8\r\n\r\n", "late", "body"),
    ("Transfer-Encoding: chunked\r\n\r\n", "4\r\nlate\r\n", "4\r\nbody\r\n0\r\n\r\n"),
];

#[test]
fn the_exchange_waits_for_the_body_where_that_is_asked_for() {
    for phase in ["rewrite", "access", "precontent"] {
        let scene = Scene::new();
        let nginx = start(&scene, &format!("STSAfterBody on; STSPhase {phase};"));
        for (framing, first, rest) in BODIES {
            let calls = scene.sts.call_count();
            let mut connection = nginx.connect();
            connection.send(format!("{HEAD}X-Number: {calls}\r\n{framing}{first}"));
            // The worker has seen the first part when it has served others since.
            for user in ["bob", "carol"] {
                Seen::by_backend(nginx.get("/").bearer(format!("{user}-{calls}")).send());
            }
            assert_eq!(scene.sts.call_count(), calls + 2, "{phase}, {framing}");
            connection.send(rest);
            let seen = Seen::by_backend(connection.read_response());
            let token = seen.header("Authorization").unwrap_or_default();
            assert!(is_for(token.strip_prefix("Bearer ").unwrap_or_default(), "alice"));
            assert_eq!(seen.body(), "latebody");
        }
        let stub = nginx.get("/stub").send().text();
        assert!(stub.contains("Writing: 1 "), "{stub}");
    }
}

#[test]
fn it_comes_before_the_body_where_nothing_is_said() {
    let scene = Scene::new();
    let nginx = start(&scene, "");
    let (framing, first, rest) = BODIES[0];
    let mut connection = nginx.connect();
    connection.send(format!("{HEAD}{framing}{first}"));
    wait_for("the call", || scene.sts.call_count() == 1);
    connection.send(rest);
    assert_eq!(Seen::by_backend(connection.read_response()).body(), "latebody");
}

#[test]
fn a_body_that_never_comes_ends_the_request_without_an_exchange() {
    let scene = Scene::new();
    let nginx = start(&scene, "STSAfterBody on; error_page 400 413 408 = /again;");
    nginx.allow_in_log("client sent invalid chunked body");
    let mut connection = nginx.connect();
    connection.send(format!("{HEAD}Transfer-Encoding: chunked\r\n\r\n4\r\nlate\r\nzz\r\n"));
    connection.read_response().expect_status(400);
    assert_eq!((scene.sts.call_count(), scene.backend.requests().len()), (0, 0));
}

#[test]
fn http2_bodies_are_waited_for_too() {
    let scene = Scene::new();
    let http = "server { %%LISTEN_H2%% location / { %%EXCHANGE%% STSAfterBody on;
        STSAcceptSourceTokenIn header; STSPassTargetTokenIn header; proxy_pass %%BACKEND%%; } }";
    let nginx = scene.nginx().http(http).start();
    let mut connection = nginx.connect_http2();
    let mut stream = connection.post("/", &[("authorization", "Bearer alice")]);
    Seen::by_backend(connection.get("/", &[("authorization", "Bearer bob")]).response());
    assert_eq!(scene.sts.call_count(), 1);
    stream.send_body("latebody");
    assert_eq!(Seen::by_backend(stream.response()).body(), "latebody");
    assert_eq!(scene.sts.call_count(), 2);
}
