#!/usr/bin/env bash
# Checks what the documents claim and no test shows: the oldest compiler, the documentation of the
# code, and the list of NGINX versions in README. Says everything that is wrong, not the first.

# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

[[ $flavour != debian ]] || scripts/setup.sh nginx
scripts/setup.sh build
scripts/nginx.sh # the module wants NGINX's headers
cargo_for_nginx

wrong() { printf 'error: %s\n' "$*" >&2; }

# usage: oldest   (prints the oldest Rust that Cargo.toml admits)
oldest() { sed -n 's/^rust-version = "\(.*\)"$/\1/p' Cargo.toml; }

# The documents name the oldest compiler as Cargo.toml does; the scripts read it there.
oldest_rust_is_named() {
    local document said ok=0
    for document in README.md CONTRIBUTING.md docs/install.md; do
        said=$(grep -oE 'Rust [0-9]+(\.[0-9]+)+ or newer' "$document" | sort -u || true)
        [[ $said == "Rust $(oldest) or newer" ]] ||
            { wrong "$document says '$said', Cargo.toml $(oldest)" && ok=1; }
    done
    return "$ok"
}

# The module and its crates compile with it. It has a directory of its own, so that neither compiler
# throws away what the other has made.
oldest_rust_builds() {
    local version
    version=$(oldest)
    if ! rustup run "$version" rustc --version >/dev/null 2>&1; then
        command -v rustup >/dev/null ||
            { wrong "no rustup here, which brings Rust $version" && return 1; }
        rustup toolchain install "$version" --profile minimal --no-self-update || return
    fi
    CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-target}/oldest-rust \
        rustup run "$version" cargo check --quiet ${locked[@]+"${locked[@]}"} --package ngx-http-sts
}

# The documentation of the code has no dead link, neither for users of a crate nor for its developers.
# A binary has no users: what it links to is private.
documentation() {
    RUSTDOCFLAGS="-D warnings -A rustdoc::private-intra-doc-links" \
        cargo doc --quiet ${locked[@]+"${locked[@]}"} --no-deps --workspace --document-private-items
}

# usage: version_of <flavour>   (the version of NGINX that `make test` builds the module for)
version_of() {
    local release
    case $1 in
    debian)
        # README names Debian's version for one release; on another one it cannot be checked.
        release=$(sed -n 's/^VERSION_ID="\(.*\)"$/\1/p' /etc/os-release)
        if grep -q "NGINX ([0-9.]* in Debian $release)" README.md; then
            dpkg-query -W -f '${Version}\n' nginx | sed 's/-.*//'
        else
            say "not checked here: README names the NGINX of another Debian than $release"
            sed -n "s/.* NGINX (\([0-9.]*\) in Debian .*/\1/p" README.md
        fi
        ;;
    vendored) sed -n '/^name = "nginx-src"$/,/^$/s/^version = ".*+\(.*\)"$/\1/p' scripts/nginx-src/Cargo.lock ;;
    *) die "no version is known of the flavour '$1'" ;;
    esac
}

# README lists the versions that `make test` builds the module for and tests it with, and no others.
nginx_versions() {
    local said built flavours
    said=$(sed -n '/^## Versions of NGINX$/,/^## Read on$/p' README.md | grep -oE '[0-9]+\.[0-9]+\.[0-9]+' | sort)
    flavours=$(make --no-print-directory --dry-run test | sed -n 's/.*WITH_NGINX=\([a-z]*\) .*test\.sh e2e$/\1/p')
    built=$(for one in $flavours; do version_of "$one"; done | sort)
    [[ -n $said && $said == "$built" ]] || { wrong "README names NGINX ${said//$'\n'/, }, 'make test' has ${built//$'\n'/, }" && return 1; }
}

failed=()
for claim in oldest_rust_is_named oldest_rust_builds documentation nginx_versions; do
    say "claims: ${claim//_/ }"
    "$claim" </dev/null || failed+=("${claim//_/ }")
done
((${#failed[@]} == 0)) || die "claims: ${failed[*]}"
