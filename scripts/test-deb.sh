#!/usr/bin/env bash
# Builds the Debian package for Debian 12 and 13, each in a clean root of its own, and lives with it in
# another: installed, used for an exchange, upgraded, removed and purged. One that was built for another
# NGINX is refused by apt. Runs as root, and takes the packages from the mirror that apt here uses.
# usage: test-deb.sh [suite...]

# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

suites=("$@")
((${#suites[@]})) || suites=(bookworm trixie)
scripts/setup.sh build dist roots
# shellcheck source=roots.sh
. scripts/roots.sh
scripts/dist.sh
say "building the development STS"
in_view cargo build ${locked[@]+"${locked[@]}"} --quiet --package devsts
devsts=$root/${CARGO_TARGET_DIR:-target}/debug/devsts

# An exchange in a root: STS, backend and NGINX as they would run there.
# shellcheck disable=SC2016
exchange='
    cd /srv
    devsts sts --ready-file sts --client demo:secret --path /token >sts.log 2>&1 & sts=$!
    devsts backend --ready-file backend --quiet >backend.log 2>&1 & backend=$!
    trap "kill $sts $backend 2>/dev/null || true; nginx -s stop 2>/dev/null || true" EXIT
    for _ in {1..200}; do [[ ! -s sts || ! -s backend ]] || break; sleep 0.05; done
    [[ -s sts && -s backend ]] || { cat sts.log backend.log; exit 1; }
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
    printf alice | sts-exchange --silent -c /etc/nginx/nginx.conf / | grep -q .
    nginx -s stop
    rm /etc/nginx/conf.d/sts.conf sts backend
    echo exchanged'

# usage: live <suite>
live() {
    local suite=$1 directory=$place/live-$1 package tool upgrade
    fresh "$suite" "$directory"
    mkdir -p "$directory/srv"
    cp "build/deb-$suite"/*.deb "$directory/srv/"
    install "$devsts" "$directory/usr/local/bin/devsts"
    package=$(cd "build/deb-$suite" && echo libnginx-mod-http-sts_*.deb)
    tool=$(cd "build/deb-$suite" && echo sts-exchange_*.deb)
    say "$suite: install"
    quietly "build/deb-$suite.log" inside "$directory" bash -ec "
        ${apt[*]} update
        ${apt[*]} install curl libssl3 nginx
        dpkg-query --show --showformat='\${Package}\n' | sort >/srv/before
        find / -xdev -type f -o -xdev -type l | grep -v '^/\(proc\|run\|srv\|dev\|var/lib/dpkg\|var/log\|var/cache\)' | sort >/srv/files
        ${apt[*]} install /srv/$package /srv/$tool
        test -s /usr/share/man/man1/sts-exchange.1.gz
        readlink -e /etc/nginx/modules-enabled/50-mod-http-sts.conf
        test -s /usr/share/man/man5/ngx_http_sts_module.5.gz
        test -s /usr/share/doc/libnginx-mod-http-sts/docs/directives/README.md || test -s /usr/share/doc/libnginx-mod-http-sts/docs/directives/README.md.gz"
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
        ${apt[*]} remove libnginx-mod-http-sts sts-exchange
        nginx -t
        test ! -e /usr/lib/nginx/modules/ngx_http_sts_module.so
        ${apt[*]} install /srv/upgrade.deb
        ${apt[*]} purge libnginx-mod-http-sts sts-exchange
        nginx -t
        dpkg-query --show --showformat='\${Package}\n' | sort | diff /srv/before -
        find / -xdev -type f -o -xdev -type l | grep -v '^/\(proc\|run\|srv\|dev\|var/lib/dpkg\|var/log\|var/cache\)' | sort | diff /srv/files -"
}

# usage: refused <suite> <suite that the package is for>
refused() {
    local directory=$place/live-$1 package
    package=$(cd "build/deb-$2" && echo libnginx-mod-http-sts_*.deb)
    cp "build/deb-$2/$package" "$directory/srv/"
    say "$1: the package for $2 is refused"
    ! inside "$directory" "${apt[@]}" install "/srv/$package" >"$place/refused.log" 2>&1 ||
        die "$1 took the package for $2"
    grep --quiet 'nginx-abi-' "$place/refused.log" || die "refused for another reason: $(cat "$place/refused.log")"
}

for suite in "${suites[@]}"; do
    build_packages "$suite"
    live "$suite"
done
if ((${#suites[@]} > 1)); then
    refused "${suites[0]}" "${suites[1]}"
    refused "${suites[1]}" "${suites[0]}"
fi
say "the package was built, installed, used, upgraded, removed and purged: ${suites[*]}"
