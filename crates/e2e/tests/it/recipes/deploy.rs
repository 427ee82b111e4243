//! What runs in a container.

use e2e::scene::{Scene, Seen};

use super::run::{SOURCE, Written, assert_bearer, written};

/// A container has ports of its own.
const PORT: (&str, &str) = ("listen 8080;", "listen 127.0.0.1:%%PORT_RECIPE%%;");

fn contained(scene: &Scene, heading: &str) -> Written {
    written(scene, heading).with(PORT.0, PORT.1)
}

#[test]
fn a_secret_of_docker_is_that_of_the_gateway() {
    let scene = Scene::new();
    let recipe = contained(&scene, "In Docker").run();
    assert_bearer(&Seen::by_backend(recipe.get("/orders/").bearer(SOURCE).send()), SOURCE);
    recipe.get("/orders/").send().expect_status(401);
    recipe.get("/health/live").send().expect_status(204);
}

#[test]
fn a_pod_is_alive_whatever_the_sts_does_and_shows_what_it_does() {
    let scene = Scene::new();
    let recipe = contained(&scene, "In Kubernetes")
        .with("listen 8083;", "listen 127.0.0.1:%%PORT_PROBE%%;")
        .run();
    assert_bearer(&Seen::by_backend(recipe.get("/orders/").bearer(SOURCE).send()), SOURCE);
    recipe.get("/orders/").bearer("refuse").send().expect_status(401);
    let probe = recipe.nginx.address_of("PORT_PROBE");
    let get = |target| e2e::http1::Request::new(probe, "GET", target).send();
    get("/health/live").expect_status(204);
    let metrics = String::from_utf8_lossy(&get("/sts").expect_status(200).body).into_owned();
    assert!(metrics.contains("nginx_sts_requests_total"), "{metrics}");
}
