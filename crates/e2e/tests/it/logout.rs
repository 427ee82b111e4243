//! The example of `docs/operations.md` in which a logout forgets what came of a source token.

use e2e::documents::examples;
use e2e::http1::Request;
use e2e::nginx::workspace;
use e2e::scene::Scene;
use e2e::wait::wait_for;

#[test]
fn a_logout_forgets_the_tokens_of_its_source_and_no_others() {
    let examples = examples(&workspace().join("docs/operations.md"));
    let mut examples = examples.into_iter();
    let example = examples.find(|example| example.heading == "Sources that outlive their session");
    let text = example.expect("the example").text;
    let (_, text) = text.split_once("\n}\n").expect("a map that the scene has already");
    let text = text
        .replace("https://sts.example.com/token", "%%STS%%")
        .replace("client_id=gateway&", "client_id=otxclient&")
        .replace("http://127.0.0.1:8081", "%%BACKEND%%")
        .replace("127.0.0.1:8082", "127.0.0.1:%%PORT_PURGE%%")
        .replace("127.0.0.1:8080", "127.0.0.1:%%PORT_SITE%%");
    let scene = Scene::new();
    let nginx = scene.nginx().file("secrets/sts", "2Federate\n").http(&text).start();
    let get = |path: &str| Request::new(nginx.address_of("PORT_SITE"), "GET", path);
    let ask = |user: &str| {
        get("/orders/").bearer(user).send().expect_status(200);
        scene.sts.call_count()
    };
    assert_eq!((ask("alice"), ask("bob"), ask("alice"), ask("bob")), (1, 2, 2, 2));

    // Without a token it forgets nothing.
    get("/logout").send().expect_status(200);
    get("/logout").bearer("alice").send().expect_status(200);

    wait_for("alice is asked for again", || ask("alice") == 3);
    assert_eq!(ask("bob"), 3, "bob is still known");
    get("/forget").bearer("bob").send().expect_status(404);
    assert_eq!(ask("bob"), 3, "only a logout forgets");
}
