#!/usr/bin/env bash
# Runs a short soak and a set of tests under valgrind: on an NGINX with pools that are no more than
# a list of single blocks, and with a module that keeps no blocks for later, so that a use of what
# is gone shows. Fails when valgrind reports anything, but for what is known of others
# (valgrind.supp).

# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

# Tests in which time is not short: everything is about thirty times slower.
tests='
    test(=soak::many_exchanges_with_faults_and_reloads_leave_nothing_behind)
    | (test(/^aborts::/) - test(pile_up))
    | test(/^isolation::/)
    | test(/^subrequests::/)
    | (test(/^lifecycle::/) - test(time_to_shut_down) - test(upgrade))
    | (test(/^tls_verify::/) - test(=tls_verify::only_a_certificate_that_is_right_in_everything_is_accepted))
    | (test(/^transport::/) - test(idle_for_as_long))
    | (test(/^answers::/) - test(any_byte) - test(in_time))
    | (test(/^limits::/) - test(too_long))
'

scripts/setup.sh build test valgrind tools
WITH_NGINX=memcheck scripts/build.sh --only-flavour

reports=$root/build/memcheck/reports
wrapper=$root/build/memcheck/under-valgrind
rm -rf "$reports"
mkdir -p "$reports"
cat >"$wrapper" <<EOF
#!/bin/sh
exec valgrind --quiet --log-file="$reports/%p" --num-callers=40 \\
    --leak-check=full --show-leak-kinds=definite --errors-for-leak-kinds=definite \\
    --suppressions="$root/scripts/valgrind.supp" "$root/build/memcheck/nginx" "\$@"
EOF
chmod +x "$wrapper"

export STS_SOAK=${STS_SOAK:-400}
say "$STS_SOAK exchanges and a set of tests under valgrind (reports go to ${reports#"$root"/})"
failed=0
STS_TEST_VALGRIND=1 STS_TEST_NGINX=$wrapper \
    STS_TEST_MODULE=$root/build/memcheck/ngx_http_sts_module.so \
    build/tools/bin/cargo-nextest nextest run ${locked[@]+"${locked[@]}"} --package e2e \
    --profile memcheck --filterset "$tests" ${TEST:+"$TEST"} </dev/null || failed=1

# Quiet as it is, valgrind writes only what it found.
find "$reports" -type f -size +0 -print -exec head -n 100 {} \; >"$reports.txt"
if [[ -s $reports.txt ]]; then
    head -n 400 "$reports.txt"
    die "valgrind has reports (all of them are in ${reports#"$root"/})"
fi
((failed == 0)) || die "tests failed under valgrind"
say "$(find "$reports" -type f | wc -l) processes, no report"
