#!/usr/bin/env bash
# Checks that the module and the command compile for arm64: types and layouts are those of that machine, as
# its headers give them; nothing is linked or run. In a clean root of Debian 12. Runs as root.
# usage: arm64.sh

# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

scripts/setup.sh build dist roots
# shellcheck source=roots.sh
. scripts/roots.sh

directory=$place/arm64
dist_is_current || scripts/dist.sh
fresh bookworm "$directory"
for archive in build/dist/*.tar.xz; do
    tar --extract --file "$archive" --directory "$directory/srv" --strip-components=1
done
say "arm64: installing compilers, and the libraries of arm64"
quietly build/arm64.log inside "$directory" bash -ec "
    dpkg --add-architecture arm64
    ${apt[*]} update
    ${apt[*]} satisfy 'cargo (>= 1.88), libstd-rust-web-dev:arm64'
    ${apt[*]} install gcc gcc-aarch64-linux-gnu libc6-dev libclang-dev make nginx-dev pkgconf qemu-user \
        libc6-dev:arm64 libpcre2-dev:arm64 libssl-dev:arm64 zlib1g-dev:arm64"
# NGINX's configure runs what it compiles, to see how large things are.
cat >"$directory/usr/local/bin/arm64-cc" <<'CC'
#!/bin/sh
out= last=
for word; do
    [ "$last" != -o ] || out=$word
    last=$word
done
aarch64-linux-gnu-gcc "$@" || exit
case $out in
    *autotest)
        mv "$out" "$out.arm64"
        printf '#!/bin/sh\nexec qemu-aarch64 %s/%s.arm64\n' "$PWD" "$out" >"$out"
        chmod 755 "$out"
        ;;
esac
CC
chmod 755 "$directory/usr/local/bin/arm64-cc"
say "arm64: compiling, without a network"
# shellcheck disable=SC2016
quietly build/arm64.log inside "$directory" unshare --net bash -ec '
    cp -rL /usr/share/nginx/src /nginx
    cd /nginx
    . ./conf_flags
    ./configure "${NGX_CONF_FLAGS[@]}" --with-cc=arm64-cc --crossbuild=Linux::aarch64
    test -s objs/ngx_auto_config.h
    export NGINX_SOURCE_DIR=/nginx NGINX_BUILD_DIR=/nginx/objs CARGO_TARGET_DIR=/target
    export CC_aarch64_unknown_linux_gnu=aarch64-linux-gnu-gcc
    export PKG_CONFIG_ALLOW_CROSS=1 PKG_CONFIG_PATH=/usr/lib/aarch64-linux-gnu/pkgconfig
    cd /srv
    packages=(--package ngx-http-sts)
    [[ ! -d crates/sts-exchange ]] || packages+=(--package sts-exchange)
    cargo check --locked --offline --config vendor/config.toml --target aarch64-unknown-linux-gnu "${packages[@]}"'
tail -n 1 build/arm64.log
say "the module compiles for arm64"
