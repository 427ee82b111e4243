#!/usr/bin/env bash
# Builds the module twice from what `make dist` packs, in two places, by NGINX's own build and without
# any network; the two are the same to the byte, name no place, and load: into an NGINX with the arguments
# of nginx.org's packages, which is built with it, and into another with --with-compat.

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

# What `nginx -V` of nginx.org's package for Debian says.
arguments=(--prefix=/etc/nginx --sbin-path=/usr/sbin/nginx --modules-path=/usr/lib/nginx/modules
    --conf-path=/etc/nginx/nginx.conf --error-log-path=/var/log/nginx/error.log
    --http-log-path=/var/log/nginx/access.log --pid-path=/run/nginx.pid --lock-path=/run/nginx.lock
    --http-client-body-temp-path=/var/cache/nginx/client_temp
    --http-proxy-temp-path=/var/cache/nginx/proxy_temp
    --http-fastcgi-temp-path=/var/cache/nginx/fastcgi_temp
    --http-uwsgi-temp-path=/var/cache/nginx/uwsgi_temp
    --http-scgi-temp-path=/var/cache/nginx/scgi_temp --user=nginx --group=nginx
    --with-compat --with-file-aio --with-threads --with-http_addition_module
    --with-http_auth_request_module --with-http_dav_module --with-http_flv_module
    --with-http_gunzip_module --with-http_gzip_static_module --with-http_mp4_module
    --with-http_random_index_module --with-http_realip_module --with-http_secure_link_module
    --with-http_slice_module --with-http_ssl_module --with-http_stub_status_module
    --with-http_sub_module --with-http_v2_module --with-http_v3_module --with-mail
    --with-mail_ssl_module --with-stream --with-stream_realip_module --with-stream_ssl_module
    --with-stream_ssl_preread_module
    "--with-cc-opt=-g -O2 -fstack-protector-strong -Wformat -Werror=format-security -Wp,-D_FORTIFY_SOURCE=2 -fPIC"
    "--with-ld-opt=-Wl,-z,relro -Wl,-z,now -Wl,--as-needed -pie")

# usage: build <directory> [argument of configure...]
# (prints nothing; leaves <directory>/nginx/objs/ngx_http_sts_module.so)
build() {
    local directory=$1 archive
    shift
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
        # The crates of this machine are no help: those beside the source have to do.
        without_crates=(env "RUSTUP_HOME=${RUSTUP_HOME:-$HOME/.rustup}" "CARGO_HOME=$directory/cargo")
        quietly "$directory/configure.log" "${without_crates[@]}" "$script" "$@" \
            --add-dynamic-module="$(echo "$directory"/nginx-sts-*)"
        quietly "$directory/make.log" "${without_network[@]}" "${without_crates[@]}" make modules
    )
}

build "$place/one" "${arguments[@]}"
quietly "$place/install.log" env "RUSTUP_HOME=${RUSTUP_HOME:-$HOME/.rustup}" "CARGO_HOME=$place/one/cargo" make -C "$place/one/nginx" -j "$(nproc)" install DESTDIR="$place/one/system"
build "$place/another/place" "${arguments[@]}"
module=$place/one/nginx/objs/ngx_http_sts_module.so
cmp "$module" "$place/another/place/nginx/objs/ngx_http_sts_module.so" || die "two builds of one commit differ"

for where in "$place" "${CARGO_HOME:-${HOME:-/root}/.cargo}" "$root"; do
    ! grep --quiet --fixed-strings "$where" "$module" || die "the module names $where"
done

mkdir -p "$place/prefix/logs"
installed=$place/one/system/usr/lib/nginx/modules/ngx_http_sts_module.so
cmp "$module" "$installed" || die "make install installs something else"
user=
((EUID != 0)) || user="user root;"
cat >"$place/nginx.conf" <<CONF
load_module $installed;
$user
pid nginx.pid;
error_log stderr;
events {}
http {
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    access_log off;
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
for nginx in "$place/one/system/usr/sbin/nginx" build/vendored/nginx; do
    "$nginx" -t -p "$place/prefix" -c "$place/nginx.conf" -e stderr 2>&1 | tee "$place/nginx.log" >&2
    grep --quiet "test is successful" "$place/nginx.log"
done
say "two builds without network are the same: $(sha256sum <"$module" | cut -c1-16), $(stat -c %s "$module") bytes"
