#!/usr/bin/env bash
# What backends in many frameworks read as the target token, whatever a client sends. Installs the
# frameworks into build/readers.
# usage: readers.sh       (STS_READERS_REQUESTS: how many generated requests each gets, 20000;
#                          STS_READERS_SEED: those of an earlier run again)

# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

installed=build/readers
sources=crates/e2e/readers

scripts/setup.sh build test tools readers
mkdir -p "$installed"

# usage: current <file of the sources>   (whether it was installed as it is)
current() { cmp -s "$sources/$1" "$installed/${1//\//-}"; }
# usage: is_current <file of the sources>
is_current() { cp "$sources/$1" "$installed/${1//\//-}"; }

if ! current python/requirements.txt; then
    say "installing Django, Flask and aiohttp into $installed/venv"
    rm -rf "$installed/venv"
    quietly build/readers/pip.log python3 -m venv "$installed/venv"
    quietly build/readers/pip.log "$installed/venv/bin/pip" install --no-input --no-deps \
        --require-hashes --only-binary :all: --requirement "$sources/python/requirements.txt"
    is_current python/requirements.txt
fi
if ! current node/package-lock.json; then
    say "installing Express into $installed/node"
    rm -rf "$installed/node"
    mkdir "$installed/node"
    cp "$sources/node/package.json" "$sources/node/package-lock.json" "$installed/node/"
    quietly build/readers/npm.log npm --prefix "$installed/node" ci --ignore-scripts --no-audit --no-fund
    is_current node/package-lock.json
fi
if ! current tomcat/Reader.java; then
    say "compiling the servlet for Tomcat"
    rm -rf "$installed/tomcat"
    quietly build/readers/javac.log javac -d "$installed/tomcat" \
        -cp /usr/share/java/tomcat10-embed-core.jar "$sources/tomcat/Reader.java"
    is_current tomcat/Reader.java
fi

scripts/build.sh --only-flavour
say "what backends read as the token"
STS_TEST_READERS=$root/$installed STS_TEST_NGINX=$root/$out/nginx \
    STS_TEST_MODULE=$root/$out/ngx_http_sts_module.so \
    build/tools/bin/cargo-nextest nextest run ${locked[@]+"${locked[@]}"} --profile readers \
    --package e2e --filterset 'test(/^readers::/)' --run-ignored all </dev/null
