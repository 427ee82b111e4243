#!/usr/bin/env bash
# The status page in a browser without a window. Installs the driver and axe-core into build/page.
# usage: page.sh [URL]     (URL: an STSStatus that runs, whose page is looked at; UPDATE=1: makes the
#                           pictures in docs/img anew; TEST=name: only such tests)

# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

installed=build/page/node
sources=crates/e2e/page

scripts/setup.sh page
if ! cmp -s "$sources/package-lock.json" build/page/package-lock.json; then
    say "installing playwright-core and axe-core into $installed"
    rm -rf "$installed"
    mkdir -p "$installed"
    cp "$sources/package.json" "$sources/package-lock.json" "$installed/"
    quietly build/page/npm.log npm --prefix "$installed" ci --ignore-scripts --no-audit --no-fund
    cp "$sources/package-lock.json" build/page/package-lock.json
fi

STS_TEST_PAGE=$root/$installed
STS_TEST_CHROMIUM=$(command -v chromium-headless-shell || command -v chromium) || die "no Chromium here"
export STS_TEST_PAGE STS_TEST_CHROMIUM

if [[ ${UPDATE:-} == 1 ]]; then
    say "pictures of the page"
    scripts/setup.sh pictures
    node "$sources/pictures.mjs" docs/img
    pngquant --force --ext .png --strip --speed 1 --quality 60-90 docs/img/status-light.png docs/img/status-dark.png
    exit
fi
if [[ -n ${1:-} ]]; then
    say "the status page of $1"
    node "$sources/live.mjs" "$1"
    exit
fi

say "the status page in Chromium"
only=()
[[ -z ${TEST:-} ]] || only=(--test-name-pattern "$TEST")
node --test --test-reporter=spec ${only[@]+"${only[@]}"} "$sources/page.test.mjs"
[[ -z ${TEST:-} ]] || exit 0

scripts/setup.sh build test tools
scripts/build.sh --only-flavour
say "the status page of an NGINX under load"
STS_TEST_NGINX=$root/$out/nginx STS_TEST_MODULE=$root/$out/ngx_http_sts_module.so \
    build/tools/bin/cargo-nextest nextest run ${locked[@]+"${locked[@]}"} --package e2e --filterset 'test(/^watched::/)' --run-ignored all page </dev/null
