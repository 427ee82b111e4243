#!/usr/bin/env bash
# Tells what the shared cache costs: memory by the size of a token, time and instructions of a look-up
# by the number of tokens, and how soon those that wait for another worker's call have its answer.
# docs/operations.md has the figures.

# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

scripts/build.sh --only-flavour
scripts/setup.sh valgrind

looked=10000
tokens=(1000 100000 1000000)

cargo build --quiet ${locked[@]+"${locked[@]}"} --release --package sts-zone --package e2e --examples
examples=${CARGO_TARGET_DIR:-target}/release/examples
costs=$examples/costs

say "bytes of the zone that a token takes"
"$costs" memory

say "time of a look-up of a token of 250 bytes"
"$costs" time "${tokens[@]}"

say "how long the lock is held at most"
"$costs" pauses 1000000

say "instructions of a look-up, counted by valgrind over $looked of them (some minutes)"
for number in "${tokens[@]}"; do
    counted=$(valgrind --tool=callgrind --callgrind-out-file=/dev/null \
        --toggle-collect='*look_up*' "$costs" look-ups "$number" "$looked" 2>&1)
    total=$(sed -n 's/^.*Collected : \([0-9]*\).*$/\1/p' <<<"$counted")
    printf '%12s tokens %8s instructions\n' "$number" "$((total / looked))"
done

say "a thousand requests of two workers that wait for one call"
STS_TEST_NGINX=$root/$out/nginx STS_TEST_MODULE=$root/$out/ngx_http_sts_module.so "$examples/herd"
