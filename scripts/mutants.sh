#!/usr/bin/env bash
# Breaks the code in small ways and looks whether a test of sts-core notices each. First the fields of
# the key of the cache, of which none may be left out, then all that cargo-mutants can think of.
# usage: mutants.sh [fields|functions]...   (both; JOBS: how many at once, of functions)

# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

scripts/setup.sh build mutants

# A field that is gone shows in each case of a property, and not in one of many.
export PROPTEST_CASES=${PROPTEST_CASES:-16}

# What makes up the key.
keys=(cache_key.rs client_auth/credential.rs client_auth/identity.rs wstrust/settings.rs)
# What else decides which token a request gets.
others=(options.rs options/template.rs profile.rs)
source=crates/sts-core/src

# Tests a copy of the crates, in which a line is missing.
# usage: in_copy <argument of cargo test>...
in_copy() (
    cd build/mutants/tree
    CARGO_TARGET_DIR=$root/build/mutants/target nice cargo test --quiet --package sts-core "$@" \
        </dev/null >"$root/build/mutants/log" 2>&1
)

# Leaves out one field after the other: each line that adds to an identity. Counts and words that only
# keep two kinds of fields apart stay: without them nothing less than a collision of digests is the same.
fields() {
    local tree=build/mutants/tree file line text count=0 survivors=()
    rm -rf "$tree"
    mkdir -p "$tree"
    cp -a Cargo.toml Cargo.lock crates docs "$tree" # a test reads a page
    # What an earlier run has compiled may be newer, and of code that was changed.
    find "$tree" -name '*.rs' -exec touch {} +
    say "testing sts-core as it is"
    in_copy --lib --tests || { tail -n 20 build/mutants/log >&2 && die "the tests fail without a change"; }
    for file in "${keys[@]}"; do
        while IFS=: read -r line text; do
            count=$((count + 1))
            # An arm of a match becomes an empty one.
            sed -E "${line}s/( => ).*identify\(.*,\$/\1{}/; t; ${line}d" "$source/$file" >"$tree/$source/$file"
            # What does not compile cannot be left out by mistake.
            # Most show in the crate's own tests, which compile fast.
            if in_copy --lib --no-run && in_copy --lib && in_copy --tests; then
                say "not noticed: $file:$line"
                survivors+=("$file:$line: ${text#"${text%%[! ]*}"}")
            fi
        done < <(sed '/^#\[cfg(test)\]$/,$d' "$source/$file" |
            grep -nE '^ *fields\.push(_optional)?\(.*;$|\.identify\(&mut fields\)[;,]$|\.identify\(fields\)[;,]$' |
            grep -vE '\.len\(\) as u64|b"(inline|file|headers)"')
        cp "$source/$file" "$tree/$source/$file"
    done
    say "$count fields were left out"
    ((count > 20)) || die "these are too few: does the pattern still fit the code?"
    ((${#survivors[@]} == 0)) || die "no test notices that these are missing:"$'\n'"$(printf '    %s\n' "${survivors[@]}")"
}

functions() {
    local files=() file
    for file in "${keys[@]}" "${others[@]}"; do
        files+=(--file "$source/$file")
    done
    say "running cargo-mutants over the key, options and profiles (half an hour)"
    nice build/mutants/bin/cargo-mutants mutants --package sts-core "${files[@]}" --jobs "${JOBS:-1}" \
        --output build/mutants --timeout 120 -- --lib --tests
}

kinds=("$@")
((${#kinds[@]})) || kinds=(fields functions)
for kind in "${kinds[@]}"; do
    case $kind in
    fields | functions) "$kind" ;;
    *) die "usage: mutants.sh [fields|functions]..." ;;
    esac
done
