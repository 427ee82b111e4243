#!/usr/bin/env bash
# The module between clients and backends in the libraries of others: gRPC and HTTP/3 on the newest NGINX,
# Debian's modules beside it on Debian's; streams and uploads of 1 GiB on both. Installs the libraries into
# build/clients.
# usage: clients.sh       (WITH_NGINX: which half; STS_UPLOAD: how many bytes go up, 1073741824)

# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

installed=build/clients
sources=crates/e2e/clients

groups=(build test tools clients)
[[ $flavour != debian ]] || groups+=(debian-modules)
scripts/setup.sh "${groups[@]}"
mkdir -p "$installed"

if ! cmp -s "$sources/requirements.txt" "$installed/requirements.txt"; then
    say "installing grpcio and aioquic into $installed/venv"
    rm -rf "$installed/venv"
    quietly "$installed/pip.log" python3 -m venv "$installed/venv"
    quietly "$installed/pip.log" "$installed/venv/bin/pip" install --no-input --no-deps \
        --require-hashes --only-binary :all: --requirement "$sources/requirements.txt"
    cp "$sources/requirements.txt" "$installed/requirements.txt"
fi

# Debian's NGINX has no HTTP/3, and its modules load into no other.
case $flavour in
debian) tests='test(/^(streams|third_party_modules)::/) + (test(/^clients::/) - test(http_3))' ;;
*) tests='test(/^(streams|clients)::/)' ;;
esac

export STS_UPLOAD=${STS_UPLOAD:-1073741824}
scripts/build.sh --only-flavour
say "clients, backends and modules of others, on $("$out/nginx" -v 2>&1 | sed 's/^nginx version: //') ($flavour)"
STS_TEST_CLIENTS=$root/$installed STS_TEST_NGINX=$root/$out/nginx \
    STS_TEST_MODULE=$root/$out/ngx_http_sts_module.so \
    build/tools/bin/cargo-nextest nextest run ${locked[@]+"${locked[@]}"} --profile readers \
    --package e2e --filterset "$tests" --run-ignored all ${TEST:+"$TEST"} </dev/null
