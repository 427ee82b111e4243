#!/usr/bin/env bash
# NGINX's own tests (nginx-tests), on NGINX alone and with this module, whose handlers are in all phases. Fails
# for each test that fails with the module only. They are in no registry, so this takes the path of a checkout.
# usage: nginx-tests.sh <path of nginx-tests> [file.t]...   (WITH_NGINX: on which NGINX)

# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

[[ -n ${1:-} && -d $1 ]] || die "NGINX_TESTS=/path: the directory of NGINX's tests, with its *.t and its lib/"
tests=$(realpath "$1")
shift

scripts/build.sh --only-flavour
scripts/setup.sh nginx-tests

results=$root/$out/nginx-tests
rm -rf "$results"
mkdir -p "$results"/{alone,module,server,loaded}

# An exchange in each phase: the module's handlers are called for each request of the tests, whose own
# locations have no exchange. Nothing asks this server.
socket=$results/server.sock
exchange='STSType otx; STSOTXEndpoint http://127.0.0.1:9/token; STSAcceptSourceTokenIn header; STSPassTargetTokenIn header;'
locations=
for phase in rewrite access precontent; do
    locations+="location /$phase { STSPhase $phase; $exchange proxy_pass http://127.0.0.1:9; } "
done
start="server { listen unix:$socket; server_name none;"
load="load_module $root/$out/ngx_http_sts_module.so;"

# A worker of another user could not read what the tests of root write.
user=
((EUID != 0)) || user="user root;"

# What failed in one file, a line each: the names of tests without their numbers, and how the file ended.
# usage: run <alone|module|server|loaded> <file>
# (server: with another server as the module has one, but without the module; loaded: the other way round)
run() {
    local log rc=0
    log=$results/$1/$(basename "$2").log
    rm -f "$socket"
    (
        cd "$(dirname "$2")"
        export TEST_NGINX_BINARY=$root/$out/nginx
        export TEST_NGINX_GLOBALS="$user ${TEST_NGINX_GLOBALS:-}"
        case $1 in module | loaded) TEST_NGINX_GLOBALS="$load $TEST_NGINX_GLOBALS" ;; esac
        case $1 in
            module) export TEST_NGINX_GLOBALS_HTTP="$start $locations } ${TEST_NGINX_GLOBALS_HTTP:-}" ;;
            server) export TEST_NGINX_GLOBALS_HTTP="$start } ${TEST_NGINX_GLOBALS_HTTP:-}" ;;
        esac
        timeout 300 perl "$2"
    ) >"$log" 2>&1 </dev/null || rc=$?
    # Tests that are expected to fail say TODO.
    sed -n '/# TODO/d; s/^not ok [0-9]* *-* */not ok: /p' "$log" | sort
    ((rc == 0)) || echo "exit $rc"
}

files=("$@")
((${#files[@]})) || mapfile -t files < <(find "$tests" -maxdepth 1 -name '*.t' | sort)
((${#files[@]})) || die "no *.t in $tests"
say "${#files[@]} files of NGINX's tests, with and without the module, on $("$out/nginx" -v 2>&1 | sed 's/^nginx version: //')"
passed=0 skipped=0 alone_failed=0 failed=0 slips=0

# Many of them measure time, and one that needs a second takes longer on a machine that does other work: it has
# to do three times with the module what it does without it.
repeats() {
    local _
    for _ in 1 2 3; do
        [[ $(run module "$file") == "$alone" ]] || return
    done
}

for file in "${files[@]}"; do
    name=$(basename "$file")
    alone=$(run alone "$file")
    with=$(run module "$file")
    new=$(comm -13 <(sort <<<"$alone") <(sort <<<"$with"))
    if [[ -n $new ]] && repeats; then
        say "$name fails once in four runs with the module"
        slips=$((slips + 1))
        with=$alone new=
    fi
    if [[ -n $new && $(run server "$file") == "$with" ]]; then
        # A server more is what it does not bear, as with one that inherits a key without its password.
        say "$name fails with a server more, whose module is not loaded: tried with the module and without that server"
        with=$(run loaded "$file")
        new=$(comm -13 <(sort <<<"$alone") <(sort <<<"$with"))
    fi
    if [[ -n $new ]]; then
        printf '%s fails with the module only:\n%s\n' "$name" "$new"
        failed=$((failed + 1))
    elif [[ -n $alone ]]; then
        alone_failed=$((alone_failed + 1))
    elif grep -q '^1\.\.0' "$results/module/$name.log"; then
        # One that is skipped with the module and not without it has found its configuration refused.
        if grep -q '^1\.\.0' "$results/alone/$name.log"; then
            skipped=$((skipped + 1))
        else
            printf '%s is skipped with the module only\n' "$name"
            failed=$((failed + 1))
        fi
    else
        passed=$((passed + 1))
    fi
done
say "$passed files passed, $skipped skipped, $alone_failed fail without the module too, $failed fail with it only, $slips once in four times (logs are in ${results#"$root"/})"
((failed == 0 && passed + alone_failed > 0)) || exit 1
