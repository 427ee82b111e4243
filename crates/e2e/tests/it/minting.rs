//! `STSType jwt`: tokens that NGINX makes itself.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on has failed"
)]

mod algorithms;
mod chains;
mod claims;
mod configuration;
mod failing;
mod filters;
mod kept;
mod keys;
mod published;
mod token;
mod turns;

use e2e::nginx::Builder;
use e2e::scene::Scene;

/// A location that mints of the claims in `X-Claims`, by way of a `map`, with what a test says besides.
pub(crate) fn location(path: &str, settings: &str) -> String {
    format!(
        "location {path} {{
            STSType jwt;
            STSVariables $claims $target_token;
            {settings}
            add_header Status $sts_status always;
            add_header Error $sts_error always;
            add_header Left $sts_expires_in always;
            %%PASS%%
        }}"
    )
}

/// An NGINX with the key in `key.jwk`, and `$claims` from a header.
pub(crate) fn nginx(scene: &Scene, key: &str) -> Builder {
    scene
        .nginx()
        .file("key.jwk", key)
        .http("map $http_x_claims $claims { default $http_x_claims; }")
        .forbid_in_log("s3cr3t")
}
