#!/usr/bin/env bash
# Prepares the NGINX that the module is built for: build/<flavour>/nginx, and a configured source
# tree in build/<flavour>/src (not for a custom one, which comes configured).

# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

# Done already, from these very inputs?
prepared() {
    [[ -e $out/nginx && -f $out/src/objs/ngx_auto_config.h && -f $out/prepared ]] &&
        [[ $(<"$out/prepared") == "$1" ]]
}

# usage: copy_source <source tree>
copy_source() {
    rm -rf "$out/src" "$out/prepared"
    mkdir -p "$out"
    cp -rL "$1" "$out/src"
    chmod -R u+w "$out/src"
}

# usage: configure <configure script> <flag>...
configure() (
    cd "$out/src"
    quietly "$root/$out/configure.log" "$@"
)

# Debian's headers, configured with the flags of Debian's own dynamic modules (conf_flags): a
# module built so loads into the packaged binary.
debian() {
    local inputs NGX_CONF_FLAGS=()
    inputs="nginx-dev $(dpkg-query -W -f '${Version}' nginx-dev) in $root"
    prepared "$inputs" && return
    say "configuring NGINX's headers (nginx-dev)"
    copy_source /usr/share/nginx/src
    # shellcheck source=/dev/null
    . "$out/src/conf_flags"
    configure ./configure "${NGX_CONF_FLAGS[@]}"
    ln -sfn /usr/sbin/nginx "$out/nginx"
    echo "$inputs" >"$out/prepared"
}

vendored() {
    newest '-O2 -g' --with-threads
}

# The same without threads (stores.sh): files are for a tmpfs alone there.
unthreaded() {
    newest '-O2 -g'
}

# The same for valgrind: what is taken from a pool of NGINX is a block of its own, and gone with the
# pool. The module for the vendored one loads into it.
memcheck() {
    newest '-O1 -g -DNGX_DEBUG_PALLOC=1' --with-threads
}

# The same for AddressSanitizer (asan.sh).
asan() {
    newest '-O1 -g -fno-omit-frame-pointer -fsanitize=address -DNGX_DEBUG_PALLOC=1' --with-threads \
        --with-ld-opt="-fsanitize=address $root/$out/options.o"
}

# The newest NGINX that a crate carries, with all that the tests use. Its paths are relative to the
# prefix (-p), so that it runs anywhere, as any user.
# usage: newest <options of the compiler> [flag of configure]...
newest() {
    local source inputs flags=(
        --prefix=. --error-log-path=stderr --pid-path=nginx.pid --lock-path=nginx.lock
        --with-cc-opt="$1" "${@:2}"
        --with-compat --with-debug --with-pcre-jit
        --with-http_ssl_module --with-http_v2_module --with-http_v3_module
        --with-http_realip_module --with-http_auth_request_module --with-http_slice_module
        --with-http_stub_status_module --with-http_addition_module --with-http_sub_module
        --with-http_gunzip_module --with-http_gzip_static_module --with-http_dav_module
        --with-http_secure_link_module --with-http_random_index_module
        --with-http_mp4_module --with-http_flv_module
        --with-stream --with-stream_ssl_module --with-stream_realip_module
    )
    source=$(nginx_src)
    inputs="$source ${flags[*]} in $root"
    prepared "$inputs" && return
    say "building NGINX from ${source##*/} (about a minute)"
    copy_source "$source/nginx"
    local script=./configure
    [[ -f $out/src/configure ]] || script=auto/configure
    configure "$script" "${flags[@]}"
    quietly "$out/make.log" make -C "$out/src" -j "$(nproc)"
    ln -sfn src/objs/nginx "$out/nginx"
    echo "$inputs" >"$out/prepared"
}

# Where cargo keeps the nginx-src crate.
nginx_src() {
    local pin=scripts/nginx-src/Cargo.toml metadata
    metadata=$(cargo metadata --locked --offline --format-version 1 --manifest-path "$pin" 2>/dev/null) || {
        say "fetching the source of NGINX (nginx-src)"
        quietly build/nginx-src.log cargo fetch --locked --manifest-path "$pin"
        metadata=$(cargo metadata --locked --offline --format-version 1 --manifest-path "$pin")
    }
    grep -o '"manifest_path":"[^"]*/nginx-src-[^"]*/Cargo.toml"' <<<"$metadata" |
        sed 's/^"manifest_path":"//; s/\/Cargo.toml"$//'
}

custom() {
    local binary=${NGINX_BINARY:-$NGINX_BUILD_DIR/nginx}
    [[ -f $NGINX_BUILD_DIR/ngx_auto_config.h ]] ||
        die "NGINX_BUILD_DIR=$NGINX_BUILD_DIR holds no configured NGINX (ngx_auto_config.h)"
    [[ -x $binary ]] || die "no NGINX at $binary: build it, or name one with NGINX_BINARY="
    mkdir -p "$out"
    ln -sfn "$(realpath "$binary")" "$out/nginx"
}

"$flavour"
