#!/usr/bin/env bash
# Prepares the NGINX that the module is built for: build/<flavour>/nginx, and a configured source
# tree in build/<flavour>/src (not for a custom one, which comes configured).

# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

# Done already, with these very inputs?
prepared() {
    [[ -e $out/nginx && -f $out/src/objs/ngx_auto_config.h && -f $out/prepared ]] &&
        [[ $(<"$out/prepared") == "$1" ]]
}

# Debian's headers, configured with the flags of Debian's own dynamic modules (conf_flags): a
# module built so loads into the packaged binary.
debian() {
    local inputs
    inputs="nginx-dev $(dpkg-query -W -f '${Version}' nginx-dev) in $root"
    prepared "$inputs" && return
    say "configuring NGINX's headers of $inputs"
    rm -rf "$out/src" "$out/prepared"
    mkdir -p "$out"
    cp -rL /usr/share/nginx/src "$out/src"
    (
        cd "$out/src"
        NGX_CONF_FLAGS=()
        # shellcheck source=/dev/null
        . ./conf_flags
        quietly "$root/$out/configure.log" ./configure "${NGX_CONF_FLAGS[@]}"
    )
    ln -sfn /usr/sbin/nginx "$out/nginx"
    echo "$inputs" >"$out/prepared"
}

custom() {
    local binary=${NGINX_BINARY:-$NGINX_BUILD_DIR/nginx}
    [[ -f $NGINX_BUILD_DIR/ngx_auto_config.h ]] ||
        die "NGINX_BUILD_DIR=$NGINX_BUILD_DIR holds no configured NGINX (ngx_auto_config.h)"
    [[ -x $binary ]] || die "no NGINX binary at $binary; name it with NGINX_BINARY="
    mkdir -p "$out"
    ln -sfn "$(realpath "$binary")" "$out/nginx"
}

"$flavour"
