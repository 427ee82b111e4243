//! Passes on what the build of NGINX can do, as `cfg(ngx_feature = "…")`, and what its version has.

fn main() {
    println!("cargo::rerun-if-env-changed=DEP_NGINX_FEATURES_CHECK");
    println!("cargo::rerun-if-env-changed=DEP_NGINX_FEATURES");
    println!("cargo::rerun-if-env-changed=DEP_NGINX_VERSION_NUMBER");
    let known = std::env::var("DEP_NGINX_FEATURES_CHECK").unwrap_or_else(|_| "any()".into());
    println!("cargo::rustc-check-cfg=cfg(ngx_feature, values({known}))");
    for feature in std::env::var("DEP_NGINX_FEATURES").unwrap_or_default().split(',') {
        println!("cargo::rustc-cfg=ngx_feature=\"{}\"", feature.trim());
    }
    // From 1.23.0 on headers of the same name are linked, where an array held the cookies before.
    println!("cargo::rustc-check-cfg=cfg(ngx_links_headers)");
    let version = std::env::var("DEP_NGINX_VERSION_NUMBER").unwrap_or_default();
    if version.trim().parse::<u32>().is_ok_and(|version| version >= 1_023_000) {
        println!("cargo::rustc-cfg=ngx_links_headers");
    }
}
