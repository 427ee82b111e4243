# Shared by the scripts beside it; sourced, never run.
# shellcheck shell=bash

set -euo pipefail

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
cd "$root"

# rustup puts cargo here, but only login shells find it.
PATH="$PATH:${CARGO_HOME:-${HOME:-/root}/.cargo}/bin"

say() { printf '\033[1m==> %s\033[0m\n' "$*" >&2; }
die() {
    printf 'error: %s\n' "$*" >&2
    exit 1
}

# Runs a long, talkative command quietly; what it said is shown only when it fails.
# usage: quietly <log file> <command> [argument...]
quietly() {
    local log=$1
    shift
    mkdir -p "$(dirname "$log")"
    "$@" >"$log" 2>&1 </dev/null && return
    tail -n 40 "$log" >&2
    die "'$*' failed; all it said is in $log"
}

# Copies only what differs, to a new inode: an NGINX that has the old file mapped keeps it.
# usage: put <from> <to>
put() {
    cmp -s "$1" "$2" || install -m "$(stat -c %a "$1")" "$1" "$2"
}

# Which NGINX the module is built for. Every flavour has a directory of its own, and a target
# directory of its own as the bindings differ, so that going from one to another rebuilds nothing.
#   debian    Debian's package (default)
#   vendored  the newest in the nginx-src crate (WITH_NGINX=vendored)
#   custom    a configured and built objs directory (NGINX_BUILD_DIR=...)
flavour=${WITH_NGINX:-debian}
[[ -z ${NGINX_BUILD_DIR:-} ]] || flavour=custom
case $flavour in debian | vendored | custom) ;; *)
    die "WITH_NGINX=$flavour: expected 'debian' or 'vendored' (or set NGINX_BUILD_DIR)"
    ;;
esac
# shellcheck disable=SC2034 # for the scripts that source this
out=build/$flavour
