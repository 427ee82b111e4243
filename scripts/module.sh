#!/usr/bin/env bash
# Builds the module as it is packaged, with nothing but cargo: for NGINX's own makefile (config.make)
# and for packages. It installs nothing, and with vendored crates (make dist) it needs no network.
# usage: NGINX_SOURCE_DIR=... NGINX_BUILD_DIR=.../objs module.sh <the module's file>

# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

[[ $flavour == custom ]] || die "usage: NGINX_SOURCE_DIR=... NGINX_BUILD_DIR=.../objs module.sh <file>"
to=$1
CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$NGINX_BUILD_DIR/ngx_http_sts_module_target}
cargo_for_nginx
build_crate ngx-http-sts "${PROFILE:-dist}"
put "$built/libngx_http_sts_module.so" "$to"
