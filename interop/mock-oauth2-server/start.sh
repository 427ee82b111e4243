#!/usr/bin/env bash
# The standalone server of navikt's mock-oauth2-server.
# usage: start.sh fetch | start.sh run <directory>     (PORT: where it listens)

# shellcheck source-path=SCRIPTDIR source=../lib.sh
. "$(dirname "$0")/../lib.sh"

sources=(start.sh pom.xml sha256sums)

fetch() {
    ! as_installed "${sources[@]}" || return 0
    "$root/scripts/setup.sh" interop-java
    say "copying mock-oauth2-server into $installed"
    rm -rf "$installed"/{jars,keys}
    jars pom.xml sha256sums "$installed/jars"
    certificates "$installed/keys" gateway
    installed_as "${sources[@]}"
}

run() {
    local base jar version
    base=http://127.0.0.1:$(port PORT)
    jar=("$installed"/jars/mock-oauth2-server-*.jar)
    version=${jar[0]##*-}
    # Each first part of a path is an issuer.
    when_answering "$base/isalive" "VERSION=mock-oauth2-server ${version%.jar}" "BASE=$base" \
        "ENDPOINT=$base/shop/token" "ISSUER=$base/shop" "JWKS=$base/shop/jwks" "KEYS=$installed/keys" &
    SERVER_HOSTNAME=127.0.0.1 SERVER_PORT=${base##*:} LOG_LEVEL=WARN exec java -cp "$installed/jars/*" \
        no.nav.security.mock.oauth2.StandaloneMockOAuth2ServerKt
}

main "$@"
