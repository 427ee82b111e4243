#!/usr/bin/env bash
# The STS of Metro (WSIT), on the HTTP server of the JDK.
# usage: start.sh fetch | start.sh run <directory>     (PORT: where it listens)

# shellcheck source-path=SCRIPTDIR source=../lib.sh
. "$(dirname "$0")/../lib.sh"

sources=(start.sh pom.xml sha256sums Server.java Passwords.java Assertions.java)

fetch() {
    ! as_installed "${sources[@]}" || return 0
    "$root/scripts/setup.sh" interop-java
    say "copying the STS of Metro into $installed"
    rm -rf "$installed"/{jars,classes}
    jars pom.xml sha256sums "$installed/jars"
    quietly "$installed/javac.log" javac -d "$installed/classes" -cp "$installed/jars/*" "$here"/*.java
    installed_as "${sources[@]}"
}

run() {
    local port jar version base
    port=$(port PORT)
    base=https://127.0.0.1:$port
    jar=("$installed"/jars/webservices-rt-*.jar)
    version=${jar[0]##*-}
    # Metro opens the store for each request, where one of type PKCS12 takes long.
    # Each has a key of its own, for TLS and for assertions, and a restart has the same.
    [[ -e $state/sts.jks ]] || keytool -genkeypair -alias sts -keyalg RSA -keysize 2048 -dname CN=sts \
        -ext SAN=IP:127.0.0.1 -validity 3650 -storetype JKS -storepass of-the-trial -keystore "$state/sts.jks"
    keytool -exportcert -rfc -alias sts -storepass of-the-trial -keystore "$state/sts.jks" >"$state/sts.crt"
    when_answering "$base/sts" "VERSION=Metro STS ${version%.jar}" "ENDPOINT=$base/sts" "BASE=$base" \
        "ADDRESS=127.0.0.1:$port" "CERTIFICATE=$state/sts.crt" &
    # With its monitoring, a second endpoint finds its name taken.
    exec java -XX:TieredStopAtLevel=1 -Dcom.sun.xml.ws.monitoring.endpoint=false \
        -cp "$installed/classes:$installed/jars/*" Server 127.0.0.1 "$port" "$state/sts.jks" "$here/sts.wsdl"
}

main "$@"
