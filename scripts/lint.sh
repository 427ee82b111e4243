#!/usr/bin/env bash
# All that can be judged without running the module. Says everything that is wrong, not the first.

# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

[[ $flavour != debian ]] || scripts/setup.sh nginx
scripts/setup.sh build lint tools
scripts/nginx.sh # clippy compiles the module, which wants NGINX's headers
cargo_for_nginx
if ! { cargo fmt --version && cargo clippy --version; } >/dev/null 2>&1; then
    say "installing rustfmt and clippy"
    rustup component add rustfmt clippy || die "no 'cargo fmt' or 'cargo clippy' here"
fi

failed=()
# usage: check <name> <command> [argument...]
check() {
    say "lint: $1"
    "${@:2}" </dev/null || failed+=("$1")
}

check format cargo fmt --all --check
check "format of the fuzz targets" cargo fmt --manifest-path fuzz/Cargo.toml --check
check clippy cargo clippy ${locked[@]+"${locked[@]}"} --workspace --all-targets -- -D warnings
check crates build/tools/bin/cargo-deny --log-level warn check licenses bans sources
check "crates of the fuzz targets" \
    build/tools/bin/cargo-deny --log-level error --manifest-path fuzz/Cargo.toml check licenses bans sources
check spelling build/tools/bin/typos
check claims scripts/claims.sh
check scripts shellcheck --external-sources scripts/*.sh demo/*/scene.sh interop/*.sh interop/*/start.sh .ci/run
((${#failed[@]} == 0)) || die "lint: ${failed[*]}"
