#!/usr/bin/env bash
# The example server of zitadel/oidc.
# usage: start.sh fetch | start.sh run <directory>     (PORT: where it listens)

# shellcheck source-path=SCRIPTDIR source=../lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source-path=SCRIPTDIR/.. source=../go.sh
. "$root/interop/go.sh"

sources=(start.sh go.mod go.sum main.go)

fetch() {
    ! as_installed "${sources[@]}" || return 0
    say "building the example server of zitadel/oidc into $installed"
    go_program . "$installed/server"
    # Signs assertions of the service account that the example knows.
    cp "$(go -C "$here" list -m -f '{{.Dir}}' github.com/zitadel/oidc/v3)/example/server/service-key1.pem" "$installed/"
    chmod u+w "$installed/service-key1.pem"
    installed_as "${sources[@]}"
}

run() {
    local address version
    address=127.0.0.1:$(port PORT)
    version=$(sed -n 's|.*github.com/zitadel/oidc/v3 v||p' "$here/go.mod")
    when_answering "http://$address/healthz" "VERSION=zitadel/oidc $version" "BASE=http://$address" \
        "ENDPOINT=http://$address/oauth/token" "ISSUER=http://$address" "JWKS=http://$address/keys" \
        "KEY=$installed/service-key1.pem" &
    exec "$installed/server" "$address"
}

main "$@"
