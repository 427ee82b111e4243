#!/usr/bin/env bash
# Builds the module twice from what `make dist` packs, in two places, by NGINX's own build and without
# any network; the two are the same to the byte, name no place, and load.

# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

scripts/setup.sh build dist
WITH_NGINX=vendored scripts/nginx.sh
scripts/dist.sh

place=$(mktemp -d "${TMPDIR:-/tmp}/sts-test-dist-XXXXXX")
trap 'rm -rf "$place"' EXIT
(cd build/dist && sha512sum --check --quiet ./*.sha512)

without_network=(unshare --net)
((EUID == 0)) || without_network=(unshare --map-root-user --net)

# usage: build <directory>   (prints nothing; leaves <directory>/nginx/objs/ngx_http_sts_module.so)
build() {
    local directory=$1 archive
    mkdir -p "$directory"
    for archive in build/dist/*.tar.xz; do
        tar --extract --file "$archive" --directory "$directory"
    done
    cp -r build/vendored/src "$directory/nginx"
    rm -rf "$directory/nginx/objs"
    # As in scripts/nginx.sh: the source of a release has its script at the top.
    local script=./configure
    [[ -f $directory/nginx/configure ]] || script=auto/configure
    say "building in $directory"
    (
        cd "$directory/nginx"
        unset NGINX_BUILD_DIR NGINX_SOURCE_DIR CARGO_TARGET_DIR
        quietly "$directory/configure.log" "$script" --with-compat --with-threads --with-http_ssl_module \
            --with-http_v2_module --with-http_v3_module --with-http_realip_module \
            --add-dynamic-module="$(echo "$directory"/nginx-sts-*)"
        quietly "$directory/make.log" "${without_network[@]}" make modules
    )
}

build "$place/one"
quietly "$place/install.log" make -C "$place/one/nginx" -j "$(nproc)" install DESTDIR="$place/one/root"
build "$place/another/place"
module=$place/one/nginx/objs/ngx_http_sts_module.so
cmp "$module" "$place/another/place/nginx/objs/ngx_http_sts_module.so" || die "two builds of one commit differ"

for where in "$place" "${CARGO_HOME:-${HOME:-/root}/.cargo}" "$root"; do
    ! grep --quiet --fixed-strings "$where" "$module" || die "the module names $where"
done

mkdir -p "$place/prefix/logs"
installed=$(find "$place/one/root" -name ngx_http_sts_module.so)
cmp "$module" "$installed" || die "make install installs something else"
cat >"$place/nginx.conf" <<CONF
load_module $installed;
events {}
http {
    server {
        listen 127.0.0.1:1;
        location / {
            STSExchange otx https://127.0.0.1:2/token auth=none;
            STSVariables \$http_x_token \$target;
            proxy_set_header X-Token \$target;
            proxy_pass http://127.0.0.1:3;
        }
    }
}
CONF
build/vendored/nginx -t -p "$place/prefix" -c "$place/nginx.conf" 2>&1 | tee "$place/nginx.log" >&2
grep --quiet "test is successful" "$place/nginx.log"
say "two builds without network are the same: $(sha256sum <"$module" | cut -c1-16), $(stat -c %s "$module") bytes"
