#!/usr/bin/env bash
# Spring Authorization Server in a Spring Boot, with clients and users of the trial.
# usage: start.sh fetch | start.sh run <directory>     (PORT: where it listens)

# shellcheck source-path=SCRIPTDIR source=../lib.sh
. "$(dirname "$0")/../lib.sh"

sources=(start.sh pom.xml sha256sums Server.java)

fetch() {
    ! as_installed "${sources[@]}" || return 0
    "$root/scripts/setup.sh" interop-java
    say "copying Spring Authorization Server into $installed"
    rm -rf "$installed"/{jars,classes}
    jars pom.xml sha256sums "$installed/jars"
    quietly "$installed/javac.log" javac -parameters -d "$installed/classes" -cp "$installed/jars/*" "$here/Server.java"
    installed_as "${sources[@]}"
}

run() {
    local base jar version
    base=http://127.0.0.1:$(port PORT)
    jar=("$installed"/jars/spring-security-oauth2-authorization-server-*.jar)
    version=${jar[0]##*-}
    when_answering "$base/oauth2/jwks" "VERSION=Spring Authorization Server ${version%.jar}" "BASE=$base" \
        "ENDPOINT=$base/oauth2/token" "ISSUER=$base" "JWKS=$base/oauth2/jwks" &
    exec java -XX:TieredStopAtLevel=1 -cp "$installed/classes:$installed/jars/*" Server \
        --server.address=127.0.0.1 --server.port="${base##*:}" --logging.level.root=warn --spring.main.banner-mode=off
}

main "$@"
