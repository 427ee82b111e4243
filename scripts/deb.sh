#!/usr/bin/env bash
# Builds the Debian package of the last commit for the NGINX of this Debian: build/deb/*.deb.
# usage: deb.sh [--unpacked]   (from the tarballs of `make dist`; --unpacked: this is their directory)

# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

if [[ ${1:-} == --unpacked ]]; then
    # Here another Debian may build (scripts/test-deb.sh): all that is needed is there.
    rm -rf debian
    cp -r packaging/debian debian
    # Each Debian gets a version of its own: they are not built for the same NGINX.
    # shellcheck source=/dev/null
    suffix=~$(. /etc/os-release && echo "$VERSION_CODENAME")
    sed -i "1s/^\(nginx-sts ([^)]*\))/\1$suffix)/" debian/changelog
    options=()
    if [[ $(command -v cargo) != /usr/bin/cargo ]]; then
        options=(--build-profiles=pkg.nginx-sts.rustup)
        # debhelper gives programs a home of their own, where rustup would look for its toolchains.
        export RUSTUP_HOME=${RUSTUP_HOME:-$HOME/.rustup} CARGO_HOME=${CARGO_HOME:-$HOME/.cargo}
    fi
    dpkg-buildpackage --build=binary --no-sign ${options[@]+"${options[@]}"}
    exit
fi

scripts/setup.sh build nginx deb
scripts/dist.sh

place=$(mktemp -d "${TMPDIR:-/tmp}/sts-deb-XXXXXX")
trap 'rm -rf "$place"' EXIT
for archive in build/dist/*.tar.xz; do
    tar --extract --file "$archive" --directory "$place"
done
say "building the Debian package (some minutes)"
quietly build/deb.log env -u NGINX_BUILD_DIR -u NGINX_SOURCE_DIR -u CARGO_TARGET_DIR \
    "$(echo "$place"/nginx-sts-*)/scripts/deb.sh" --unpacked
rm -rf build/deb
mkdir -p build/deb
cp "$place"/*.deb "$place"/*.buildinfo "$place"/*.changes build/deb/
say "lintian"
lintian --fail-on error --allow-root build/deb/*.changes
say "build/deb: $(cd build/deb && ls ./*.deb)"
