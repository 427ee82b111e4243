#!/usr/bin/env bash
# Keycloak, with a realm of clients that authenticate in every way (realm.py).
# usage: start.sh fetch | start.sh run <directory>     (PORT, PORT_TLS, PORT_MANAGEMENT: where it listens)

# shellcheck source-path=SCRIPTDIR source=../lib.sh
. "$(dirname "$0")/../lib.sh"

version=26.7.3
sha256=27a6535553c3cdcd083872ba40629efafb3475e3b758e0c6f691395561dd0f1f
# Standard exchange and the grant of JWTs are on by default.
features=token-exchange:v1,admin-fine-grained-authz:v1
admin_password=admin-of-the-trial

fetch() {
    local into=$installed/keycloak-$version
    ! as_installed start.sh realm.py || return 0
    "$root/scripts/setup.sh" interop-java
    say "unpacking Keycloak $version into $installed, and giving it its realm (some minutes)"
    rm -rf "$into" "$installed/keys"
    artifact "org.keycloak:keycloak-quarkus-dist:$version:zip" "$sha256" "$installed/keycloak.zip"
    python3 -m zipfile -e "$installed/keycloak.zip" "$installed"
    rm "$installed/keycloak.zip"
    quietly "$installed/build.log" bash "$into/bin/kc.sh" build \
        --db=dev-file --features="$features" --https-client-auth=request
    keys "$installed/keys"
    python3 "$here/realm.py" "$installed/keys" >"$installed/realm.json"
    quietly "$installed/import.log" bash "$into/bin/kc.sh" import --optimized --file "$installed/realm.json"
    export ADMIN_PASSWORD=$admin_password
    quietly "$installed/admin.log" bash "$into/bin/kc.sh" bootstrap-admin user --optimized --no-prompt \
        --username admin --password:env ADMIN_PASSWORD
    installed_as start.sh realm.py
}

# The keys of the gateways, of the partner and of the server.
# usage: keys <directory>
keys() {
    certificates "$1" server gw-mtls
    openssl req -x509 -newkey rsa:2048 -nodes -days 3650 -subj /CN=gw-jwt -keyout "$1/gw-jwt.key" \
        -out "$1/gw-jwt.crt" 2>"$installed/openssl.log"
    openssl genrsa -out "$1/partner.key" 2048
    openssl rsa -in "$1/partner.key" -pubout -out "$1/partner.pub" 2>>"$installed/openssl.log"
}

# It writes into its own directory, so each run has one. The libraries are links.
own_directory() {
    local from=$installed/keycloak-$version
    mkdir "$state/keycloak"
    cp -r "$from/bin" "$from/conf" "$from/providers" "$from/data" "$state/keycloak/"
    cp -rs "$from/lib" "$state/keycloak/"
}

run() {
    local port tls management base realm keys=$installed/keys
    port=$(port PORT) tls=$(port PORT_TLS) management=$(port PORT_MANAGEMENT)
    base=http://127.0.0.1:$port realm=http://127.0.0.1:$port/realms/shop
    [[ -d $state/keycloak ]] || own_directory
    {
        answers "$realm"
        # What is written there outlives a restart.
        [[ -e $state/permitted ]] || python3 "$here/permissions.py" "$base" "$admin_password"
        touch "$state/permitted"
        ready "VERSION=Keycloak $version" "BASE=$base" "ISSUER=$realm" \
            "ENDPOINT=$realm/protocol/openid-connect/token" \
            "JWKS=$realm/protocol/openid-connect/certs" \
            "ENDPOINT_TLS=https://127.0.0.1:$tls/realms/shop/protocol/openid-connect/token" \
            "KEYS=$keys" "KCADM=$state/keycloak/bin/kcadm.sh" "ADMIN_PASSWORD=$admin_password"
    } &
    # Tokens have one issuer, whichever way the gateway comes.
    exec bash "$state/keycloak/bin/kc.sh" start --optimized --hostname="$base" \
        --http-enabled=true --http-host=127.0.0.1 --http-port="$port" --https-port="$tls" \
        --http-management-port="$management" --cache=local \
        --https-certificate-file="$keys/server.crt" --https-certificate-key-file="$keys/server.key" \
        --https-trust-store-file="$keys/ca.crt" --https-trust-store-type=PEM
}

main "$@"
