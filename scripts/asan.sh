#!/usr/bin/env bash
# Runs the end-to-end tests and a short soak on an NGINX and a module that AddressSanitizer watches: each
# use of what is not there, or no longer, ends the process and leaves a report. Pools are lists of single
# blocks here (NGX_DEBUG_PALLOC), so that a use after the end of a pool shows. Nothing made here is for use.
# usage: asan.sh       (TEST: only tests with this in their name; STS_SOAK: how many exchanges, 4000)

# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

# Tests that measure time, or memory, which the sanitizer keeps back when it is freed; and one that crashes
# a worker to see whether the harness notices, which the sanitizer reports.
left_out='
    test(=aborts::connections_and_memory_do_not_pile_up)
    | test(=harness::a_worker_that_dies_fails_the_test)
    | test(=memory::a_worker_gives_back_what_a_rush_of_large_tokens_took)
    | test(=nonblocking::three_hundred_exchanges_overlap_and_a_static_location_answers_meanwhile)
    | test(=refresh_ahead::with_two_workers_each_life_costs_one_call_and_no_request_waits)
    | test(=status::a_scrape_of_many_exchanges_is_quick_and_lets_others_in)
'

scripts/setup.sh build test tools

export WITH_NGINX=asan
flavour=asan out=build/asan
reports=$root/$out/reports
mkdir -p "$out"
rm -rf "$reports"
# Workers are another user's.
mkdir -m 1777 "$reports"

# Options that a process has also where NGINX makes its environment anew (an upgrade of the binary). Leaks
# are valgrind's part (memcheck.sh): a worker that has changed its user cannot be looked at for them.
cat >"$out/options.c.new" <<END
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "detect_leaks=0:detect_stack_use_after_return=1:strict_string_checks=1:log_path=$reports/report";
}
END
if ! cmp -s "$out/options.c.new" "$out/options.c"; then
    mv "$out/options.c.new" "$out/options.c"
    gcc -c -o "$out/options.o" "$out/options.c"
    rm -f "$out/prepared"
fi
ASAN_OPTIONS=detect_leaks=0 scripts/nginx.sh

# The sanitizer's options are none of the stable compiler. Its runtime is gcc's, which NGINX brings along.
cargo_for_nginx
host=$(rustc -vV | sed -n 's/^host: //p')
say "building the module with AddressSanitizer"
RUSTC_BOOTSTRAP=1 RUSTFLAGS='-Zsanitizer=address -Zexternal-clangrt -Cforce-frame-pointers=yes' \
    CARGO_PROFILE_RELEASE_SPLIT_DEBUGINFO=off CARGO_INCREMENTAL=0 \
    cargo build ${locked[@]+"${locked[@]}"} --package ngx-http-sts --profile release --target "$host"
put "$target/$host/release/libngx_http_sts_module.so" "$out/ngx_http_sts_module.so"
# Both have to be watched, or the run says nothing.
nm -D --undefined-only "$out/ngx_http_sts_module.so" | grep __asan_report_load8 >/dev/null || die "the module is not instrumented"
nm -D "$out/nginx" | grep __asan_report_load8 >/dev/null || die "NGINX is not instrumented"

unset NGINX_BUILD_DIR NGINX_SOURCE_DIR CARGO_TARGET_DIR
say "end-to-end tests under AddressSanitizer (reports go to ${reports#"$root"/})"
failed=0
STS_TEST_ASAN=1 STS_TEST_NGINX=$root/$out/nginx STS_TEST_MODULE=$root/$out/ngx_http_sts_module.so \
    build/tools/bin/cargo-nextest nextest run ${locked[@]+"${locked[@]}"} --package e2e --profile asan \
    --filterset "all() - ($left_out)" ${TEST:+"$TEST"} </dev/null || failed=1

if compgen -G "$reports/*" >/dev/null; then
    head -n 60 "$reports"/*
    die "AddressSanitizer has reports (all of them are in ${reports#"$root"/})"
fi
((failed == 0)) || die "tests failed under AddressSanitizer"
say "no report"
