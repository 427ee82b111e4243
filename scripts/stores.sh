#!/usr/bin/env bash
# The module with a store that two nodes share. Puts a Redis and a memcached into build/stores: nothing of
# them is started by the system.
# usage: stores.sh        (TEST=name: only the tests with this in their name;
#                          STS_STORES_SOAK: how many requests go over a store that fails at random, 30000)

# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

installed=build/stores

scripts/setup.sh build test tools stores
mkdir -p "$installed"

# One program is Redis and its tools: which one it is, its name says.
ln -sf /usr/bin/redis-check-rdb "$installed/redis-server"
if [[ ! -x $installed/memcached/usr/bin/memcached ]]; then
    say "unpacking memcached into $installed"
    rm -f "$installed"/memcached_*.deb
    (cd "$installed" && quietly "$root/build/memcached.log" apt-get -o APT::Sandbox::User=root download memcached)
    dpkg -x "$installed"/memcached_*.deb "$installed/memcached"
fi

scripts/build.sh --only-flavour
say "stores that nodes share"
STS_TEST_STORES=$root/$installed STS_TEST_NGINX=$root/$out/nginx \
    STS_TEST_MODULE=$root/$out/ngx_http_sts_module.so \
    build/tools/bin/cargo-nextest nextest run ${locked[@]+"${locked[@]}"} --profile stores \
    --package e2e --filterset 'test(/^(stores|recipes)/)' --run-ignored all ${TEST:+"$TEST"} </dev/null
