#!/usr/bin/env bash
# Builds an RPM of the last commit by packaging/rpm, for Debian's NGINX: that shows that the spec file
# is right. A package for another distribution is built there.

# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

scripts/setup.sh build nginx rpm
scripts/dist.sh

version=$(sed -n '/^\[workspace.package\]/,/^$/ s/^version = "\(.*\)"$/\1/p' Cargo.toml)
place=$(mktemp -d "${TMPDIR:-/tmp}/sts-rpm-XXXXXX")
trap 'rm -rf "$place"' EXIT
mkdir -p "$place/SOURCES"
cp build/dist/*.tar.xz "$place/SOURCES/"
say "building the RPM (some minutes)"
# What it requires has the names of another distribution.
quietly build/rpm.log env -u NGINX_BUILD_DIR -u NGINX_SOURCE_DIR -u CARGO_TARGET_DIR \
    rpmbuild -bb --nodeps --define "_topdir $place" --define "sts_version $version" \
    --define "nginx_source /usr/share/nginx/src" \
    --define "nginx_version $(/usr/sbin/nginx -v 2>&1 | sed 's/.*nginx.//')" \
    packaging/rpm/nginx-mod-http-sts.spec
rm -rf build/rpm
mkdir -p build/rpm
cp "$place"/RPMS/*/*.rpm build/rpm/
# usage: holds <query> <package> <pattern>   (all of the answer is read: rpm fails where a reader leaves)
holds() {
    local answer
    answer=$(rpm -qp "$1" build/rpm/"$2"-[0-9]*.rpm)
    grep --quiet "$3" <<<"$answer" || die "$2: no $3 among its $1"
}
holds --requires nginx-mod-http-sts '^nginx = '
holds --list nginx-mod-http-sts '/ngx_http_sts_module.so$'
holds --list nginx-mod-http-sts '/ngx_http_sts_module.5'
holds --list sts-exchange '/bin/sts-exchange$'
say "build/rpm: $(cd build/rpm && ls ./*.rpm)"
