# shellcheck shell=bash disable=SC2034,SC2154
title="Two NGINXs that share their tokens in a Redis: one call to the STS for both"
sts=(--client gateway:2Federate)
nodes=2
path=/orders/
source_token=token-of-alice
request=(-H "Authorization: Bearer $source_token")
groups=(stores)
prepare() {
    printf 'the passphrase of both nodes\n' >"$place/secrets/store"
    # One program is Redis and its tools: which one it is, its name says.
    ln -s /usr/bin/redis-check-rdb "$place/redis-server"
    run redis "$place/redis-server" --port 0 --unixsocket "$place/redis.sock" --save '' --dir "$place"
    wait_for "Redis" test -S "$place/redis.sock"
}
more=(
    "the same at this node, from its memory" "-H 'Authorization: Bearer $source_token'"
    "another token" "-H 'Authorization: Bearer token-of-bob'"
)
