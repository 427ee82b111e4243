#!/usr/bin/env bash
# Builds the module for one NGINX, and leaves both in build/<flavour>/ and in build/.

# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

scripts/nginx.sh

target=${CARGO_TARGET_DIR:-target}
case $flavour in
debian) # what .cargo/config.toml says, so that a plain `cargo build` shares the result
    unset NGINX_BUILD_DIR NGINX_SOURCE_DIR
    ;;
vendored)
    export NGINX_BUILD_DIR=$root/$out/src/objs NGINX_SOURCE_DIR=$root/$out/src
    target=$target/vendored
    ;;
custom)
    NGINX_BUILD_DIR=$(realpath "$NGINX_BUILD_DIR")
    export NGINX_BUILD_DIR NGINX_SOURCE_DIR=${NGINX_SOURCE_DIR:-$(dirname "$NGINX_BUILD_DIR")}
    target=$target/custom
    ;;
esac

profile=${PROFILE:-release}
say "building the module for NGINX ($flavour, $profile)"
CARGO_TARGET_DIR=$target cargo build --package ngx-http-sts --profile "$profile"

built=$target/${profile/#dev/debug}
for file in ngx_http_sts_module.so ngx_http_sts_module.so.dwp; do
    [[ ! -f $built/lib$file ]] || put "$built/lib$file" "$out/$file"
    [[ ! -f $out/$file ]] || put "$out/$file" "build/$file"
done
ln -sfn "$(readlink -f "$out/nginx")" build/nginx
say "build/ngx_http_sts_module.so for $(build/nginx -v 2>&1 | sed 's/^nginx version: //')"
