#!/usr/bin/env bash
# The STS of Apache CXF, on Jetty.
# usage: start.sh fetch | start.sh run <directory>     (PORT: where it listens)

# shellcheck source-path=SCRIPTDIR source=../lib.sh
. "$(dirname "$0")/../lib.sh"

sources=(start.sh pom.xml sha256sums Server.java)

fetch() {
    ! as_installed "${sources[@]}" || return 0
    "$root/scripts/setup.sh" interop-java
    say "copying the STS of Apache CXF into $installed"
    rm -rf "$installed"/{jars,classes}
    jars pom.xml sha256sums "$installed/jars"
    quietly "$installed/javac.log" javac -d "$installed/classes" -cp "$installed/jars/*" "$here/Server.java"
    installed_as "${sources[@]}"
}

run() {
    local address jar version
    address=127.0.0.1:$(port PORT)
    jar=("$installed"/jars/cxf-services-sts-core-*.jar)
    version=${jar[0]##*-}
    # Each has a key of its own, and a restart has the same.
    [[ -e $state/sts.p12 ]] || keytool -genkeypair -alias sts -keyalg RSA -keysize 2048 -dname CN=sts -validity 3650 \
        -storetype PKCS12 -storepass of-the-trial -keystore "$state/sts.p12"
    keytool -exportcert -rfc -alias sts -storepass of-the-trial -keystore "$state/sts.p12" >"$state/sts.crt"
    when_answering "http://$address/sts" "VERSION=Apache CXF STS ${version%.jar}" "ENDPOINT=http://$address/sts" \
        "BASE=http://$address" "CERTIFICATE=$state/sts.crt" &
    exec java -XX:TieredStopAtLevel=1 -cp "$installed/classes:$installed/jars/*" Server "$address" "$state/sts.p12"
}

main "$@"
