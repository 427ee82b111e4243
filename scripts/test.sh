#!/usr/bin/env bash
# Runs the tests: the crates' own (no NGINX needed), or those on a real NGINX.
# usage: test.sh unit|e2e|soak|doors|refresh|promtool (WITH_NGINX, NGINX_BUILD_DIR: on which NGINX; TEST: only tests
#                                     with this in their name; STS_SOAK: how many exchanges;
#                                     STS_DOORS: how many configurations; STS_REFRESH: seconds)

# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

kind=$1
scripts/setup.sh build test tools

# usage: nextest <argument>...
nextest() {
    local filter=()
    # A filter that fits no test of one kind may fit some of another.
    [[ -z ${TEST:-} ]] || filter=(--no-tests=warn "$TEST")
    build/tools/bin/cargo-nextest nextest run ${locked[@]+"${locked[@]}"} "$@" \
        ${filter[@]+"${filter[@]}"} </dev/null
}

unit() {
    say "unit tests"
    if [[ -z ${TEST:-} ]]; then # nextest leaves out the examples in the documentation
        cargo test --quiet --doc ${locked[@]+"${locked[@]}"} --workspace --exclude ngx-http-sts
    fi
    nextest --workspace --exclude ngx-http-sts --exclude e2e
}

# usage: on_nginx <what> <argument>...
on_nginx() {
    [[ $flavour != debian ]] || scripts/setup.sh modules
    scripts/build.sh --only-flavour
    say "$1 on $("$out/nginx" -v 2>&1 | sed 's/^nginx version: //') ($flavour)"
    shift
    STS_TEST_NGINX=$root/$out/nginx STS_TEST_MODULE=$root/$out/ngx_http_sts_module.so \
        nextest --package e2e "$@"
}

e2e() {
    on_nginx "end-to-end tests"
}

soak() {
    export STS_SOAK=${STS_SOAK:-200000}
    on_nginx "$STS_SOAK exchanges" --profile soak --filterset 'test(/^soak::/)'
}

doors() {
    export STS_DOORS=${STS_DOORS:-600}
    on_nginx "$STS_DOORS configurations" --profile doors --filterset 'test(/^doors::/)'
}

refresh() {
    export STS_REFRESH=${STS_REFRESH:-120}
    on_nginx "tokens are renewed for $STS_REFRESH seconds" --profile soak --run-ignored only \
        --filterset 'test(/^refresh_ahead::/)'
}

# What it runs is ignored elsewhere: most do not need all of Prometheus for it.
promtool() {
    scripts/setup.sh promtool
    on_nginx "promtool" --filterset 'test(/^promtool::/)' --run-ignored all
}

case $kind in
unit | e2e | soak | doors | refresh | promtool) "$kind" ;;
*) die "usage: test.sh unit|e2e|soak|doors|refresh|promtool" ;;
esac
