#!/usr/bin/env bash
# Tells what the shared cache costs: memory by the size of a token, time and instructions of a look-up
# by the number of tokens. docs/operations.md has the figures.

# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

scripts/setup.sh build count

looked=10000
tokens=(1000 100000 1000000)

cargo build --quiet ${locked[@]+"${locked[@]}"} --package sts-zone --example costs --release
costs=${CARGO_TARGET_DIR:-target}/release/examples/costs

say "bytes of the zone that a token takes"
"$costs" memory

say "time of a look-up of a token of 250 bytes"
"$costs" time "${tokens[@]}"

say "instructions of a look-up, counted by valgrind over $looked of them (some minutes)"
for number in "${tokens[@]}"; do
    counted=$(valgrind --tool=callgrind --callgrind-out-file=/dev/null \
        --toggle-collect='*look_up*' "$costs" look-ups "$number" "$looked" 2>&1)
    total=$(sed -n 's/^.*Collected : \([0-9]*\).*$/\1/p' <<<"$counted")
    printf '%12s tokens %8s instructions\n' "$number" "$((total / looked))"
done
