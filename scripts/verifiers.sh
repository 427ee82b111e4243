#!/usr/bin/env bash
# Whether three libraries verify the tokens that NGINX mints, by the keys that it publishes. Installs
# the libraries into build/verifiers.
# usage: verifiers.sh

# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

installed=build/verifiers
sources=crates/e2e/verifiers

scripts/setup.sh build test tools verifiers
mkdir -p "$installed"

# usage: current <file of the sources>   (whether it was installed as it is)
current() { cmp -s "$sources/$1" "$installed/${1//\//-}"; }
# usage: is_current <file of the sources>
is_current() { cp "$sources/$1" "$installed/${1//\//-}"; }

if ! current python/requirements.txt; then
    say "installing PyJWT into $installed/venv"
    rm -rf "$installed/venv"
    quietly "$installed/pip.log" python3 -m venv "$installed/venv"
    quietly "$installed/pip.log" "$installed/venv/bin/pip" install --no-input --no-deps \
        --require-hashes --only-binary :all: --requirement "$sources/python/requirements.txt"
    is_current python/requirements.txt
fi
if ! current node/package-lock.json; then
    say "installing jose into $installed/node"
    rm -rf "$installed/node"
    mkdir "$installed/node"
    cp "$sources/node/package.json" "$sources/node/package-lock.json" "$installed/node/"
    quietly "$installed/npm.log" npm --prefix "$installed/node" ci --ignore-scripts --no-audit --no-fund
    is_current node/package-lock.json
fi
if ! current java/pom.xml || ! current java/Verify.java; then
    say "installing jose4j into $installed/java"
    rm -rf "$installed/java"
    mkdir "$installed/java"
    quietly "$installed/mvn.log" mvn --quiet --batch-mode --file "$sources/java/pom.xml" \
        org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies \
        "-DoutputDirectory=$root/$installed/java"
    (cd "$installed/java" && quietly ../sha256sum.log sha256sum --check "$root/$sources/java/sha256sums")
    quietly "$installed/javac.log" javac -d "$installed/java" -cp "$installed/java/*" \
        "$sources/java/Verify.java"
    is_current java/pom.xml
    is_current java/Verify.java
fi

scripts/build.sh --only-flavour
say "whether three libraries verify minted tokens"
STS_TEST_VERIFIERS=$root/$installed STS_TEST_NGINX=$root/$out/nginx \
    STS_TEST_MODULE=$root/$out/ngx_http_sts_module.so \
    build/tools/bin/cargo-nextest nextest run ${locked[@]+"${locked[@]}"} --profile readers \
    --package e2e --filterset 'test(/^verifiers::/)' --run-ignored all </dev/null
