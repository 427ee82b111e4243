//! Compiles llhttp, which scripts/fuzz.sh has put beside the other things that are made, and what reads
//! with it.

use std::env;
use std::path::PathBuf;

fn main() {
    println!("cargo::rerun-if-env-changed=LLHTTP_SOURCE");
    println!("cargo::rerun-if-changed=oracles/llhttp.c");
    let Some(source) = env::var_os("LLHTTP_SOURCE").map(PathBuf::from) else {
        panic!("LLHTTP_SOURCE is not set: build the fuzz targets by `make fuzz-smoke`");
    };
    cc::Build::new()
        .include(&source)
        .files(["api.c", "http.c", "llhttp.c"].map(|name| source.join(name)))
        .file("oracles/llhttp.c")
        .warnings(false)
        .compile("llhttp");
}
