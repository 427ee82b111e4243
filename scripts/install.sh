#!/usr/bin/env bash
# Puts the module of `make build` where its NGINX looks for modules, and the command sts-exchange into
# /usr/local. It loads nothing: that is a line of the configuration.
# usage: install.sh   (DESTDIR: under this directory; PREFIX: in the place of /usr/local; NGINX_BINARY: the
#                      NGINX that runs, where it is another one than that of the build)

# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

module=build/ngx_http_sts_module.so
[[ -f $module ]] || die "there is no $module yet: run 'make build'"
nginx=${NGINX_BINARY:-build/nginx}
path=$(modules_path "$nginx")
to=${DESTDIR:-}$path
mkdir -p "$to" || die "$to cannot be made: run 'make install' as root, or with DESTDIR="
install -m 644 "$module" "$to/ngx_http_sts_module.so"
if [[ -d build/tool ]]; then
    prefix=${DESTDIR:-}${PREFIX:-/usr/local}
    mkdir -p "$prefix"
    cp -r build/tool/. "$prefix/"
    say "$prefix/bin/sts-exchange is installed, with its man page and completions"
fi
say "$to/ngx_http_sts_module.so is installed. At the top of nginx.conf:"
say "    load_module $path/ngx_http_sts_module.so;"
