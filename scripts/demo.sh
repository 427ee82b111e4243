#!/usr/bin/env bash
# Shows an exchange: a development STS, a backend and NGINX on 127.0.0.1, and a first request, line by
# line. Fails where the backend does not get the target token, or gets the source token.
# usage: demo.sh   (SCENE=name: a directory of demo/; ONCE=1: stop after the first exchange)

# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

scene=${SCENE:-otx}
scenes=$(cd demo && for one in */scene.sh; do echo "${one%/*}"; done)
grep --quiet --line-regexp --fixed-strings -- "$scene" <<<"$scenes" ||
    die "SCENE=$scene: there are ${scenes//$'\n'/, }"

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
# Ctrl-C is how a demonstration ends, and no failure of it.
trap 'echo; exit 0' INT
trap 'exit 143' TERM

# Started in the background, a program ignores Ctrl-C: only this script ends what it has started.
# usage: run <name> <command> [argument...]   (what it says goes to <name>.log)
run() {
    local log=$place/$1.log
    shift
    "$@" >"$log" 2>&1 &
    children=("$!" ${children[@]+"${children[@]}"})
}

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

# What a scene may set besides; see demo/*/scene.sh. A target token is in the request to the backend as
# the function writes it.
title='' path=/ source_token='' request=() sts=() nodes=1 groups=() more=()
prepare() { :; }
target() { printf '%s' "$1"; }
# shellcheck source=/dev/null
. "demo/$scene/scene.sh"

scripts/setup.sh build demo ${groups[@]+"${groups[@]}"}
scripts/build.sh --only-flavour
say "building the development STS"
in_view cargo build ${locked[@]+"${locked[@]}"} --package devsts
devsts=$root/${CARGO_TARGET_DIR:-target}/debug/devsts

mkdir -m 700 "$place/secrets"
echo 2Federate >"$place/secrets/sts"
"$devsts" pki --dir "$place/pki" --name localhost --name 127.0.0.1 >/dev/null
if ((${#sts[@]})); then
    run sts "$devsts" sts --ready-file "$place/sts" --show-requests "${sts[@]}" \
        --tls-cert "$place/pki/server.crt" --tls-key "$place/pki/server.key"
    wait_for "the STS" test -s "$place/sts"
fi
run backend "$devsts" backend --ready-file "$place/backend" --show-requests
wait_for "the backend" test -s "$place/backend"
prepare

urls=() statuses=()
# usage: start_nginx <number>
start_nginx() {
    local node=$place/nginx-$1 port status_port user=
    port=$(free_port)
    status_port=$(free_port)
    ((EUID != 0)) || user="user root;"
    mkdir "$node"
    for file in nginx.conf "$scene/nginx.conf"; do
        sed -e "s|@MODULE@|$root/$out/ngx_http_sts_module.so|" -e "s|@USER@|$user|" \
            -e "s|@PORT@|$port|g" -e "s|@STATUS_PORT@|$status_port|" -e "s|@PLACE@|$place|g" \
            -e "s|@SCENE@|$node/$scene.conf|" -e "s|@BACKEND@|http://$(cat "$place/backend")|" \
            -e "s|@STS@|https://$(cat "$place/sts" 2>/dev/null || true)|" \
            "demo/$file" >"$node/$([[ $file == nginx.conf ]] && echo nginx.conf || echo "$scene.conf")"
    done
    run "nginx-$1" "$out/nginx" -p "$node/" -c "$node/nginx.conf" -e "$node/error.log"
    urls+=("http://127.0.0.1:$port")
    statuses+=("http://127.0.0.1:$status_port/sts")
    wait_for "NGINX" curl --silent --output /dev/null "http://127.0.0.1:$status_port/sts"
}
for ((number = 1; number <= nodes; number++)); do start_nginx "$number"; done

# usage: ask <url>   (the request of the scene; leaves the headers of the answer in $answer)
ask() {
    answer=$(curl --silent --show-error --output "$place/body" --dump-header - "${request[@]}" "$1") || true
    grep --quiet '^HTTP/[0-9.]* 200' <<<"$answer" ||
        { cat "$place"/nginx-*/error.log >&2 && die "the exchange failed: $answer $(cat "$place/body")"; }
}
# usage: picture <heading>   (of the lines that come in, the beginning of long ones)
picture() {
    printf '\n%s\n' "$1"
    sed --regexp-extended 's/^(.{140}).{10,}$/\1.../; s/^/    /'
}
# usage: details <log>   (the first request in a log of devsts, line by line)
details() { awk '/^#/ { requests++ } /^    / && requests == 1 { sub(/^    /, ""); print }' "$1"; }

# usage: whole <token>   (prints it, an assertion by elements, and below a JWT what it says)
whole() {
    printf '%s\n' "${1//></>$'\n'<}"
    [[ $1 == *.*.* && $1 != "<"* ]] || return 0
    local claims=${1#*.}
    claims=${claims%%.*}
    claims=$(tr -- '-_' '+/' <<<"$claims$(head -c $(((4 - ${#claims} % 4) % 4)) <<<===)" | base64 -d 2>/dev/null) || return 0
    [[ $claims != "{"* ]] || printf '%s\n' "$claims"
}

ask "${urls[0]}$path"
seen=$(details "$place/backend.log")
if ((${#sts[@]})); then
    target_token=$(sed -n '0,/^#/ s/^#[0-9]* client .*: target //p' "$place/sts.log")
else
    target_token=$(sed -n 's/^Authorization: Bearer //p' <<<"$seen")
fi
[[ -n $target_token ]] || die "no target token was issued: $(cat "$place/sts.log")"
passed_on=$(target "$target_token")
grep --quiet --fixed-strings -- "$passed_on" <<<"$seen" || die "the backend got no target token: $seen"
! grep --quiet --fixed-strings -- "$source_token" <<<"$seen" || die "the backend got the source token: $seen"

printf '\n%s\n' "$title"
{
    echo "curl ${urls[0]}$path"
    for ((i = 1; i < ${#request[@]}; i += 2)); do printf '%s\n' "${request[i]}"; done
} | picture "1  client -> NGINX: the source token"
if ((${#sts[@]})); then
    details "$place/sts.log" | picture "2  NGINX -> STS: what it is asked for"
    whole "$target_token" | picture "3  STS -> NGINX: the target token"
    step=4
else
    whole "$target_token" | picture "2  NGINX makes the target token"
    step=3
fi
printf '%s\n' "$seen" | picture "$step  NGINX -> backend: the target token, and not the source token"
for ((number = 2; number <= nodes; number++)); do
    ask "${urls[number - 1]}$path"
    grep -i '^STS-Status: HIT' <<<"$answer" | tr -d '\r' |
        picture "   the same at node $number: no call to the STS" || die "node $number had no token: $answer"
done
echo
[[ -z ${ONCE:-} ]] || exit 0

echo "Now try, in another terminal:"
echo
for ((i = 0; i < ${#more[@]}; i += 2)); do
    arguments=${more[i + 1]} where=$path
    [[ $arguments != @* ]] || { where=${arguments#@} && arguments=; }
    printf '  %s\n      curl -i %s %s\n' "${more[i]}" "$arguments" "${urls[0]}$where"
done
cat <<TEXT

  what is exchanged, and how it goes    ${statuses[0]}
  the configuration                     $place/nginx-1/$scene.conf
  what NGINX says                       $place/nginx-1/error.log
  another scene                         make demo SCENE=${scenes//$'\n'/|}

Ctrl-C stops everything. What the STS and the backend get from now on:

TEXT
logs=("$place/backend.log")
((${#sts[@]} == 0)) || logs+=("$place/sts.log")
tail --quiet --lines=0 --follow "${logs[@]}" &
children=("$!" "${children[@]}")
wait "${children[1]}"
