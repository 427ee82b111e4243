#!/usr/bin/env bash
# Builds the Debian package for Debian 12 and 13, each in a clean root of its own, and lives with it in
# another: installed, used for an exchange, upgraded, removed and purged. One that was built for another
# NGINX is refused by apt. Runs as root, and takes the packages from the mirror that apt here uses.
# usage: test-deb.sh [suite...]

# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

((EUID == 0)) || die "roots are made by root only"
suites=("$@")
((${#suites[@]})) || suites=(bookworm trixie)
scripts/setup.sh build dist roots
scripts/dist.sh
say "building the development STS"
cargo build ${locked[@]+"${locked[@]}"} --quiet --package devsts
devsts=$root/${CARGO_TARGET_DIR:-target}/debug/devsts
rust=$(rustc --print sysroot)
[[ -x $rust/bin/cargo ]] || die "$rust holds no cargo: a toolchain of rustup is needed"
# shellcheck disable=SC2016
mirror=$(apt-get indextargets --format '$(SITE)' 'Created-By: Packages' | grep '/debian$' | head -n 1)
[[ -n $mirror ]] || die "apt here uses no mirror of Debian"

place=$(mktemp -d "${TMPDIR:-/tmp}/sts-test-deb-XXXXXX")
trap 'rm -rf "$place"' EXIT

# A root as debootstrap makes it, kept for the next time. Its services do not start.
# usage: fresh <suite> <directory>
fresh() {
    local suite=$1 directory=$2 base=build/roots/$1.tar
    if [[ ! -f $base ]]; then
        say "making a root of Debian's $suite"
        mkdir -p build/roots
        quietly "build/roots/$suite.log" debootstrap --variant=minbase --include=ca-certificates \
            "$suite" "$place/$suite" "$mirror"
        printf '#!/bin/sh\nexit 101\n' >"$place/$suite/usr/sbin/policy-rc.d"
        chmod 755 "$place/$suite/usr/sbin/policy-rc.d"
        tar --create --file "$base.new" --directory "$place/$suite" .
        mv "$base.new" "$base"
        rm -rf "${place:?}/$suite"
    fi
    mkdir -p "$directory"
    tar --extract --file "$base" --directory "$directory"
    cp /etc/resolv.conf "$directory/etc/resolv.conf"
}

# What is mounted for a command goes with it.
# usage: inside <root> <command> [argument...]
inside() {
    local directory=$1
    shift
    # shellcheck disable=SC2016
    unshare --mount --pid --fork bash -ec '
        directory=$1 rust=$2
        shift 2
        mount -t proc proc "$directory/proc"
        mount --rbind /dev "$directory/dev"
        if [[ -d $directory/opt/rust ]]; then
            mount --bind -o ro "$rust" "$directory/opt/rust"
        fi
        exec chroot "$directory" env -i HOME=/root LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive \
            PATH=/opt/rust/bin:/usr/sbin:/usr/bin:/sbin:/bin "$@"
    ' inside "$directory" "$rust" "$@"
}

apt=(apt-get -q -y --no-install-recommends)

# usage: build <suite>   (leaves the package in build/deb-<suite>)
build() {
    local suite=$1 directory=$place/build-$1 archive
    fresh "$suite" "$directory"
    mkdir -p "$directory/opt/rust" "$directory/srv"
    for archive in build/dist/*.tar.xz; do
        tar --extract --file "$archive" --directory "$directory/srv" --strip-components=1
    done
    cp -r packaging/debian "$directory/srv/debian"
    say "$suite: installing what the build needs"
    quietly "build/deb-$suite.log" inside "$directory" bash -ec "
        ${apt[*]} update
        ${apt[*]} install dpkg-dev lintian xz-utils
        ${apt[*]} build-dep /srv"
    say "$suite: building the package, without a network"
    quietly "build/deb-$suite.log" unshare --net bash -c "$(declare -f inside); rust=$rust; inside '$directory' /srv/scripts/deb.sh --unpacked"
    say "$suite: lintian"
    inside "$directory" bash -ec 'lintian --fail-on error --allow-root /*.changes'
    rm -rf "build/deb-$suite"
    mkdir -p "build/deb-$suite"
    cp "$directory"/libnginx-mod-http-sts_*.deb "build/deb-$suite/"
    rm -rf "$directory"
}

# An exchange in a root: STS, backend and NGINX as they would run there.
# shellcheck disable=SC2016
exchange='
    cd /srv
    devsts sts --ready-file sts --client demo:secret --path /token >sts.log 2>&1 & sts=$!
    devsts backend --ready-file backend --quiet >backend.log 2>&1 & backend=$!
    trap "kill $sts $backend 2>/dev/null || true; nginx -s stop 2>/dev/null || true" EXIT
    for _ in {1..200}; do [[ ! -s sts || ! -s backend ]] || break; sleep 0.05; done
    cat >/etc/nginx/conf.d/sts.conf <<CONF
server {
    listen 127.0.0.1:8917;
    location / {
        STSExchange otx http://$(cat sts)/token
            auth=client_secret_basic&client_id=demo&client_secret=secret;
        STSAcceptSourceTokenIn header;
        STSPassTargetTokenIn header;
        proxy_pass http://$(cat backend);
    }
}
CONF
    nginx -t
    nginx
    seen=$(curl -sS --fail-with-body -H "Authorization: Bearer alice" http://127.0.0.1:8917/)
    if grep -q "Bearer alice" <<<"$seen" || ! grep -q "Bearer " <<<"$seen"; then
        echo "the backend saw: $seen"
        exit 1
    fi
    nginx -s stop
    rm /etc/nginx/conf.d/sts.conf sts backend
    echo exchanged'

# usage: live <suite>
live() {
    local suite=$1 directory=$place/live-$1 package upgrade
    fresh "$suite" "$directory"
    mkdir -p "$directory/srv"
    cp "build/deb-$suite"/*.deb "$devsts" "$directory/srv/"
    install "$devsts" "$directory/usr/local/bin/devsts"
    package=$(basename "build/deb-$suite"/*.deb)
    say "$suite: install"
    quietly "build/deb-$suite.log" inside "$directory" bash -ec "
        ${apt[*]} update
        ${apt[*]} install curl libssl3 nginx
        dpkg-query --show --showformat='\${Package}\n' | sort >/srv/before
        find / -xdev -type f -o -xdev -type l | grep -v '^/\(proc\|srv\|dev\|var/lib/dpkg\|var/log\|var/cache\)' | sort >/srv/files
        ${apt[*]} install /srv/$package
        readlink -e /etc/nginx/modules-enabled/50-mod-http-sts.conf
        test -s /usr/share/man/man5/ngx_http_sts_module.5.gz
        test -s /usr/share/doc/libnginx-mod-http-sts/directives.md.gz || test -s /usr/share/doc/libnginx-mod-http-sts/directives.md"
    say "$suite: an exchange"
    inside "$directory" bash -ec "$exchange" | tail -n 1 | grep --quiet '^exchanged$' || die "$suite: no exchange"
    say "$suite: upgrade"
    upgrade=$place/upgrade-$suite
    dpkg-deb --raw-extract "$directory/srv/$package" "$upgrade"
    sed -i 's/^\(Version: .*\)$/\1+1/' "$upgrade/DEBIAN/control"
    dpkg-deb --root-owner-group --build "$upgrade" "$directory/srv/upgrade.deb" >/dev/null
    quietly "build/deb-$suite.log" inside "$directory" "${apt[@]}" install /srv/upgrade.deb
    inside "$directory" bash -ec "$exchange" | tail -n 1 | grep --quiet '^exchanged$' || die "$suite: no exchange after the upgrade"
    say "$suite: remove and purge"
    quietly "build/deb-$suite.log" inside "$directory" bash -ec "
        ${apt[*]} remove libnginx-mod-http-sts
        nginx -t
        test ! -e /usr/lib/nginx/modules/ngx_http_sts_module.so
        ${apt[*]} install /srv/upgrade.deb
        ${apt[*]} purge libnginx-mod-http-sts
        nginx -t
        dpkg-query --show --showformat='\${Package}\n' | sort | diff /srv/before -
        find / -xdev -type f -o -xdev -type l | grep -v '^/\(proc\|srv\|dev\|var/lib/dpkg\|var/log\|var/cache\)' | sort | diff /srv/files -"
}

# usage: refused <suite> <suite that the package is for>
refused() {
    local directory=$place/live-$1 package
    package=$(basename "build/deb-$2"/*.deb)
    cp "build/deb-$2/$package" "$directory/srv/"
    say "$1: the package for $2 is refused"
    ! inside "$directory" "${apt[@]}" install "/srv/$package" >"$place/refused.log" 2>&1 ||
        die "$1 took the package for $2"
    grep --quiet 'nginx-abi-' "$place/refused.log" || die "refused for another reason: $(cat "$place/refused.log")"
}

for suite in "${suites[@]}"; do
    build "$suite"
    live "$suite"
done
if ((${#suites[@]} > 1)); then
    refused "${suites[0]}" "${suites[1]}"
    refused "${suites[1]}" "${suites[0]}"
fi
say "the package was built, installed, used, upgraded, removed and purged: ${suites[*]}"
