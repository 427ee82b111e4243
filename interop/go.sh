# For the start scripts of servers that are written in Go; sourced after lib.sh, never run.
# shellcheck shell=bash disable=SC2154

# Builds a program of the module that lies beside the start script: the versions of its go.mod, with the
# checksums of its go.sum.
# usage: go_program <import path, . for the module itself> <to> [go build's argument...]
go_program() {
    local needs program=$1 to=$2
    shift 2
    "$root/scripts/setup.sh" interop-go
    needs=$(sed -n 's/^go //p' "$here/go.mod")
    # A go of 1.21 or newer fetches the one that go.mod names, if it may.
    sort --check --version-sort <<<"$needs"$'\n'"$(go env GOVERSION | sed 's/^go//')" 2>/dev/null ||
        export GOTOOLCHAIN=auto
    quietly "$installed/go.log" nice go -C "$here" build -mod=readonly -trimpath -o "$to" "$@" "$program"
}
