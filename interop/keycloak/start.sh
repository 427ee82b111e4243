#!/usr/bin/env bash
# Keycloak, with a realm of clients that authenticate in every way.
# usage: start.sh fetch | start.sh run <directory>     (PORT, PORT_TLS, PORT_MANAGEMENT: where it listens)

# shellcheck source-path=SCRIPTDIR source=../lib.sh
. "$(dirname "$0")/../lib.sh"

version=26.7.3
sha256=27a6535553c3cdcd083872ba40629efafb3475e3b758e0c6f691395561dd0f1f

fetch() {
    ! as_installed start.sh || return 0
    "$root/scripts/setup.sh" interop-java
    say "unpacking Keycloak $version into $installed"
    rm -rf "$installed/keycloak-$version"
    artifact "org.keycloak:keycloak-quarkus-dist:$version:zip" "$sha256" "$installed/keycloak.zip"
    python3 -m zipfile -e "$installed/keycloak.zip" "$installed"
    rm "$installed/keycloak.zip"
    installed_as start.sh
}

run() {
    local port tls management base
    port=$(port PORT) tls=$(port PORT_TLS) management=$(port PORT_MANAGEMENT)
    base=http://127.0.0.1:$port
    # It writes into its own directory, so each run has one, of links.
    if [[ ! -d $state/keycloak ]]; then
        mkdir -p "$state/keycloak/data/import"
        cp -r "$installed/keycloak-$version/"{bin,conf} "$state/keycloak/"
        cp -rs "$installed/keycloak-$version/lib" "$state/keycloak/"
        cp -r "$installed/keycloak-$version/providers" "$state/keycloak/"
        cp "$here"/*.json "$state/keycloak/data/import/"
    fi
    when_answering "$base/realms/shop" "VERSION=Keycloak $version" "BASE=$base" \
        "ENDPOINT=$base/realms/shop/protocol/openid-connect/token" "ISSUER=$base/realms/shop" "JWKS=$base/realms/shop/protocol/openid-connect/certs" &
    KC_BOOTSTRAP_ADMIN_USERNAME=admin KC_BOOTSTRAP_ADMIN_PASSWORD=admin-of-the-trial \
        exec bash "$state/keycloak/bin/kc.sh" start-dev --import-realm --http-host=127.0.0.1 \
        --http-port="$port" --https-port="$tls" --http-management-port="$management"
}

main "$@"
