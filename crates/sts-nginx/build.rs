//! Tells the crate what the build of NGINX can do, as `cfg(ngx_feature = "…")`, and what its
//! version has; and compiles what only the compiler of NGINX can know.

fn main() {
    println!("cargo::rerun-if-env-changed=DEP_NGINX_FEATURES_CHECK");
    println!("cargo::rerun-if-env-changed=DEP_NGINX_FEATURES");
    println!("cargo::rerun-if-env-changed=DEP_NGINX_VERSION_NUMBER");
    let known = std::env::var("DEP_NGINX_FEATURES_CHECK").unwrap_or_else(|_| "any()".into());
    println!("cargo::rustc-check-cfg=cfg(ngx_feature, values({known}))");
    for feature in std::env::var("DEP_NGINX_FEATURES").unwrap_or_default().split(',') {
        println!("cargo::rustc-cfg=ngx_feature=\"{}\"", feature.trim());
    }
    let version = std::env::var("DEP_NGINX_VERSION_NUMBER").unwrap_or_default();
    let version = version.trim().parse::<u32>().unwrap_or_default();
    for (since, name) in [
        // Headers of the same name are linked, where an array held the cookies before.
        (1_023_000, "ngx_links_headers"),
        // A resolver knows `ipv4=off`, and has flags where it had one number.
        (1_023_001, "ngx_resolver_has_families"),
    ] {
        println!("cargo::rustc-check-cfg=cfg({name})");
        if version >= since {
            println!("cargo::rustc-cfg={name}");
        }
    }

    println!("cargo::rerun-if-changed=src/flags.c");
    println!("cargo::rerun-if-env-changed=DEP_NGINX_INCLUDE");
    let include = std::env::var_os("DEP_NGINX_INCLUDE").unwrap_or_default();
    cc::Build::new()
        .file("src/flags.c")
        .includes(std::env::split_paths(&include))
        // A header of NGINX is its own matter; and the names of places are kept out of the module.
        .warnings(false)
        .debug(false)
        .flag("-fvisibility=hidden")
        .compile("ngx_sts_flags");
}
