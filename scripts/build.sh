#!/usr/bin/env bash
# Builds the module for one NGINX, and leaves both in build/<flavour>/ and in build/.
# usage: build.sh [--only-flavour]   (for the tests: the quick build, and build/ itself stays as it is)
#        (QUICK=1: the quick build; PROFILE=name: that profile of Cargo)

# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

groups=(build)
[[ $flavour != debian ]] || groups+=(nginx)
scripts/setup.sh "${groups[@]}"
scripts/nginx.sh

cargo_for_nginx

# What users run is what is packaged and measured. The quick build is optimised a little less.
profile=dist
[[ ${1:-} != --only-flavour && -z ${QUICK:-} ]] || profile=release
profile=${PROFILE:-$profile}
say "building the module for NGINX ($flavour, $profile)"
build_crate ngx-http-sts "$profile"

files=(ngx_http_sts_module.so)
[[ ! -f $built/libngx_http_sts_module.so.dwp ]] || files+=(ngx_http_sts_module.so.dwp)
rm -f "$out/ngx_http_sts_module.so.dwp"
for file in "${files[@]}"; do
    put "$built/lib$file" "$out/$file"
done
[[ ${1:-} != --only-flavour ]] || exit 0

rm -f build/ngx_http_sts_module.so.dwp
for file in "${files[@]}"; do
    put "$out/$file" "build/$file"
done
ln -sfn "$flavour/nginx" build/nginx
rm -rf build/tool
if [[ -d crates/sts-exchange ]]; then
    say "building the command sts-exchange"
    PROFILE=$profile scripts/tool.sh build/tool
fi
say "build/ngx_http_sts_module.so is for build/nginx, $(build/nginx -v 2>&1 | sed 's/^nginx version: //')"
where=$(modules_path build/nginx)
say "'make install' (as root) puts it into $where$([[ -d $where ]] || echo ', which it makes'); by hand: copy it anywhere,"
say "and name the file at the top of nginx.conf: load_module $root/build/ngx_http_sts_module.so;"
