#!/usr/bin/env bash
# Builds the fuzz targets and runs each for a while, from their seeds. What one finds is kept in
# build/fuzz/<target>/.
# usage: fuzz.sh [target]...      (FUZZ_SECONDS: how long each runs, 60)

# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

scripts/setup.sh build fuzz
scripts/llhttp.sh

# The host is named, so that only the targets are instrumented and not the build scripts. These are
# options of the stable compiler; only the sanitizers would need another one.
host=$(rustc -vV | sed -n 's/^host: //p')
flags=(
    --cfg fuzzing
    -Cpasses=sancov-module
    -Cllvm-args=-sanitizer-coverage-level=4
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters
    -Cllvm-args=-sanitizer-coverage-pc-table
    -Cllvm-args=-sanitizer-coverage-trace-compares
    -Ccodegen-units=1
)
target=${CARGO_TARGET_DIR:-target}/fuzz
say "building the fuzz targets"
RUSTFLAGS="${flags[*]}" CARGO_TARGET_DIR=$target LLHTTP_SOURCE=$root/build/llhttp/lib cargo build --quiet ${locked[@]+"${locked[@]}"} \
    --manifest-path fuzz/Cargo.toml --release --target "$host"

targets=("$@")
((${#targets[@]})) || mapfile -t targets < <(sed -n 's/^name = "\(.*\)"$/\1/p' fuzz/Cargo.toml | tail -n +2)
for name in "${targets[@]}"; do
    found=build/fuzz/$name
    mkdir -p "$found/corpus"
    say "fuzzing $name for ${FUZZ_SECONDS:-60} seconds"
    # A second or a gigabyte for one input is as bad as a panic. The first directory gets what is new.
    if ! "$target/$host/release/$name" -max_total_time="${FUZZ_SECONDS:-60}" -timeout=5 \
        -rss_limit_mb=1024 -max_len=8192 -print_final_stats=1 -artifact_prefix="$found/" \
        "$found/corpus" "fuzz/seeds/$name" >"$found/log" 2>&1; then
        tail -n 40 "$found/log" >&2
        die "$name: the input that it failed on is in $found/"
    fi
    sed -n 's/^stat::number_of_executed_units: */    inputs: /p' "$found/log" >&2
    sed -n 's/^#[0-9]*\tDONE *\(cov: [0-9]*\) .*/    \1 edges of the code/p' "$found/log" >&2
done
