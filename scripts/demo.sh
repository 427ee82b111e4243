#!/usr/bin/env bash
# Shows an exchange: a development STS, a backend and NGINX on 127.0.0.1, and a first request.
# usage: demo.sh   (ONCE=1: stop after the first exchange)

# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

scripts/setup.sh build demo
scripts/build.sh --only-flavour
say "building the development STS"
cargo build ${locked[@]+"${locked[@]}"} --quiet --package devsts
devsts=$root/${CARGO_TARGET_DIR:-target}/debug/devsts

place=$(mktemp -d "${TMPDIR:-/tmp}/sts-demo-XXXXXX")
children=()

stop() {
    trap - EXIT INT TERM
    # The servers were started last to first; each has a moment to end by itself.
    for child in ${children[@]+"${children[@]}"}; do kill -TERM "$child" 2>/dev/null || true; done
    for child in ${children[@]+"${children[@]}"}; do wait "$child" 2>/dev/null || true; done
    rm -rf "$place"
}
trap stop EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# Started in the background, a program ignores Ctrl-C: only this script ends what it has started.
# usage: wait_for <what> <command>...
wait_for() {
    local what=$1
    shift
    for _ in {1..200}; do
        ! "$@" 2>/dev/null || return 0
        sleep 0.05
    done
    cat "$place"/*.log >&2
    die "$what did not start"
}

free_port() {
    local port
    # Below those that the kernel takes for outgoing connections, which look free and are not.
    while port=$((RANDOM % 12000 + 20000)); (: <"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do :; done
    echo "$port"
}

"$devsts" pki --dir "$place/pki" --name localhost --name 127.0.0.1 >/dev/null
"$devsts" sts --ready-file "$place/sts" --show-tokens \
    --client otxclient:2Federate --path /auth/realms/master/protocol/openid-connect/token \
    --tls-cert "$place/pki/server.crt" --tls-key "$place/pki/server.key" >"$place/sts.log" 2>&1 &
children+=($!)
"$devsts" backend --ready-file "$place/backend" --quiet >"$place/backend.log" 2>&1 &
children+=($!)
wait_for "the STS" test -s "$place/sts"
wait_for "the backend" test -s "$place/backend"

port=$(free_port)
user=
((EUID != 0)) || user="user root;"
sed -e "s|@MODULE@|$root/$out/ngx_http_sts_module.so|" -e "s|@USER@|$user|" -e "s|@PORT@|$port|" \
    -e "s|@STS@|https://$(cat "$place/sts")|" -e "s|@BACKEND@|http://$(cat "$place/backend")|" \
    demo/nginx.conf >"$place/nginx.conf"
"$out/nginx" -p "$place/" -c "$place/nginx.conf" -e "$place/error.log" >"$place/nginx.log" 2>&1 &
children=("$!" "${children[@]}")
url=http://127.0.0.1:$port/sts/otx
wait_for "NGINX" curl -s -o /dev/null "$url"

source_token=token-of-alice
seen=$(curl -sS --fail-with-body -H "Authorization: Bearer $source_token" "$url") ||
    { cat "$place/error.log" >&2; die "the exchange failed"; }
target_token=$(grep -o 'STS_COOKIE=[^"]*' <<<"$seen" | head -n 1 | cut -d= -f2-)
[[ -n $target_token && $target_token != "$source_token" ]] ||
    die "the backend saw no target token: $seen"

cat <<TEXT

The client came with the source token     $source_token
the STS issued the target token           $target_token
and the backend at the end saw

$seen

TEXT
[[ -z ${ONCE:-} ]] || exit 0

cat <<TEXT
Now try, in another terminal:

  the same again, from the cache            curl -i -H 'Authorization: Bearer $source_token' $url
  a token that the STS refuses              curl -i -H 'Authorization: Bearer refuse.bob' $url
  no token                                  curl -i $url
  an STS that takes two seconds             curl -i -H 'Authorization: Bearer wait-2000.carol' $url

  the configuration                         $place/nginx.conf
  what NGINX says                           $place/error.log

Ctrl-C stops everything.

TEXT
tail -n +1 -f "$place/sts.log" &
children=("$!" "${children[@]}")
wait "${children[1]}"
