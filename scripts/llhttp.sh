#!/usr/bin/env bash
# Prepares the source of llhttp in build/llhttp: a Python package carries it.

# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

scripts/setup.sh tools

source=build/llhttp
! cmp -s scripts/llhttp.txt "$source/fetched.txt" || exit 0
say "fetching the source of llhttp"
rm -rf "$source"
mkdir -p "$source"
quietly build/llhttp.log build/tools/bin/pip download --no-input --no-deps --require-hashes \
    --no-binary :all: --dest "$source" --requirement scripts/llhttp.txt
tar -xzf "$source"/llhttp-*.tar.gz -C "$source" --strip-components=1
cp scripts/llhttp.txt "$source/fetched.txt"
