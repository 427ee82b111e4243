#!/usr/bin/env bash
# node oidc-provider, with a handler of token exchange (server.mjs).
# usage: start.sh fetch | start.sh run <directory>     (PORT, PORT_TLS: where it listens)

# shellcheck source-path=SCRIPTDIR source=../lib.sh
. "$(dirname "$0")/../lib.sh"

files=(start.sh package.json package-lock.json)

fetch() {
    ! as_installed "${files[@]}" || return 0
    "$root/scripts/setup.sh" interop-node
    say "installing oidc-provider into $installed"
    rm -rf "$installed/node" "$installed/keys"
    mkdir "$installed/node"
    cp "$here/package.json" "$here/package-lock.json" "$installed/node/"
    quietly "$installed/npm.log" npm --prefix "$installed/node" ci --ignore-scripts --no-audit --no-fund
    certificates "$installed/keys" server gw-mtls gw-jwt
    openssl ecparam -name prime256v1 -genkey -noout -out "$installed/keys/gw-ec.key"
    installed_as "${files[@]}"
}

run() {
    local port tls base version
    port=$(port PORT) tls=$(port PORT_TLS) base=http://127.0.0.1:$port
    version=$(sed -n 's/^ *"version": "\(.*\)",$/\1/p' "$installed/node/node_modules/oidc-provider/package.json")
    # Modules are found beside the program.
    cp "$here/server.mjs" "$installed/node/"
    when_answering "$base/.well-known/openid-configuration" "VERSION=oidc-provider $version on Node $(node --version)" \
        "BASE=$base" "ISSUER=$base" "ENDPOINT=$base/token" "JWKS=$base/jwks" "KEYS=$installed/keys" \
        "ENDPOINT_TLS=https://127.0.0.1:$tls/token" &
    exec node "$installed/node/server.mjs" "$installed/keys" "$port" "$tls"
}

main "$@"
