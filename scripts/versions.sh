#!/usr/bin/env bash
# Runs the end-to-end tests on each NGINX that the registries bring. On those of Debian's releases they run
# in a clean root of the release, with its NGINX, its OpenSSL and the module of the package that is built
# there; on that of the crate nginx-src as `make test` does. Runs as root.
# usage: versions.sh   (VERSIONS="trixie sid": on these; TEST: only tests with this in their name)

# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

read -ra versions <<<"${VERSIONS:-bookworm trixie vendored sid}"
for version in "${versions[@]}"; do
    case $version in bookworm | trixie | sid | vendored) ;; *)
        die "VERSIONS=$version: there are bookworm, trixie, sid and vendored" ;;
    esac
done
scripts/setup.sh build test tools dist roots
# shellcheck source=roots.sh
. scripts/roots.sh

# The tests as a file, which needs no Rust where it runs.
archive=$place/tests.tar.zst
archived() {
    [[ ! -f $archive ]] || return 0
    say "building the end-to-end tests"
    cargo_for_nginx
    in_view build/tools/bin/cargo-nextest nextest archive ${locked[@]+"${locked[@]}"} --package e2e \
        --archive-file "$archive"
}

failed=()
# usage: in_root <suite>
in_root() {
    local suite=$1 directory=$place/$1 packages filter=()
    [[ -z ${TEST:-} ]] || filter=("$TEST")
    # Both may be there from scripts/test-deb.sh.
    [[ $(cat "build/deb-$suite/commit" 2>/dev/null) == "$(git rev-parse HEAD)" ]] || build_packages "$suite"
    fresh "$suite" "$directory"
    mkdir -p "$directory/$root" "$directory/srv/tests"
    cp "build/deb-$suite"/libnginx-mod-http-sts_*.deb "$directory/srv/"
    cp "$archive" "$directory/srv/tests.tar.zst"
    cp build/tools/bin/cargo-nextest "$directory/usr/local/bin/"
    packages=$(scripts/setup.sh --list test modules)
    say "$suite: installing NGINX, the package and what the tests run"
    quietly "build/versions-$suite.log" inside "$directory" bash -ec "
        ${apt[*]} update
        ${apt[*]} install curl libssl3 nginx ${packages//$'\n'/ } /srv/libnginx-mod-http-sts_*.deb"
    say "$suite: the end-to-end tests on $(inside "$directory" nginx -v 2>&1 | sed 's/^nginx version: //')"
    inside "$directory" env STS_TEST_NGINX=/usr/sbin/nginx \
        STS_TEST_MODULE=/usr/lib/nginx/modules/ngx_http_sts_module.so \
        cargo-nextest nextest run --archive-file /srv/tests.tar.zst --workspace-remap "$root" \
        ${filter[@]+"${filter[@]}"} </dev/null || failed+=("$suite")
    rm -rf "$directory"
}

for version in "${versions[@]}"; do
    if [[ $version == vendored ]]; then
        WITH_NGINX=vendored scripts/test.sh e2e || failed+=("$version")
    else
        archived
        in_root "$version"
    fi
done
((${#failed[@]} == 0)) || die "the end-to-end tests fail on: ${failed[*]}"
say "the end-to-end tests pass on: ${versions[*]}"
