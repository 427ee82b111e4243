//! What to look out for.

use devsts::is_for;
use e2e::php::{Php, SeenByPhp};
use e2e::scene::{Scene, Seen};

use super::run::{SOURCE, assert_bearer, php_recipe, recipe};

#[test]
fn a_source_token_in_the_query_does_not_get_to_php_by_request_uri() {
    let (scene, php) = (Scene::new(), Php::start());
    let recipe = php_recipe(&scene, &php, "REQUEST_URI");
    let seen = SeenByPhp::new(recipe.get("/p?source_token=the-source").send());
    assert!(is_for(&seen.server("STS_TOKEN").unwrap_or_default(), "the-source"));
    assert_eq!(seen.server("REQUEST_URI").as_deref(), Some("/p"));
    assert!(!seen.everything().contains("source_token"));
}

#[test]
fn a_map_over_the_target_is_looked_up_again() {
    let scene = Scene::new();
    let recipe = recipe(&scene, "A map over the target");
    assert_bearer(&Seen::by_backend(recipe.get("/").header("X-Token", SOURCE).send()), SOURCE);
    assert_eq!(Seen::by_backend(recipe.get("/").send()).header("Authorization"), None);
    recipe.nginx.allow_in_log("[warn]");
}

#[test]
fn a_cached_answer_is_for_one_user() {
    let scene = Scene::new();
    let recipe = recipe(&scene, "proxy_cache");
    let number = |user: &str| {
        recipe.get("/p?a=b").header("X-Token", user).send().expect_status(200).json()["number"]
            .clone()
    };
    let (alice, bob) = (number("alice"), number("bob"));
    assert_ne!(alice, bob);
    assert_eq!((number("alice"), number("bob")), (alice, bob), "from the cache");
    assert_bearer(&Seen::by_backend(recipe.get("/p").header("X-Token", SOURCE).send()), SOURCE);
    recipe.get("/p?a=b").send().expect_status(401);
}
