# Shared by the scripts beside it; sourced, never run.
# shellcheck shell=bash disable=SC2034

set -euo pipefail

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
cd "$root"

# rustup puts cargo here, but only login shells find it.
PATH="$PATH:${CARGO_HOME:-${HOME:-/root}/.cargo}/bin"

say() { printf '==> %s\n' "$*" >&2; }
die() {
    printf 'error: %s\n' "$*" >&2
    exit 1
}

# Says every ten seconds how long a command has taken, and the end of its log, until it is killed or the
# script is gone. No process of its own waits: a pipe that stays empty does.
# usage: tick [log file] &
tick() {
    local log=${1:-} since=$SECONDS line='' empty
    exec {empty}<> <(:)
    while kill -0 "$$" 2>/dev/null && ! read -r -t 10 -u "$empty"; do
        [[ -z $log ]] || line=$(tail -n 1 "$log" | tr -cd '[:print:]')
        printf '    %4d s  %.80s\n' "$((SECONDS - since))" "$line" >&2
    done
}

# Runs a long command: all it says goes to the log, a line now and then to the terminal, and the end of
# it when it fails.
# usage: quietly <log file> <command> [argument...]
quietly() {
    local log=$1 ticker status=0
    shift
    mkdir -p "$(dirname "$log")"
    : >"$log"
    tick "$log" &
    ticker=$!
    "$@" >"$log" 2>&1 </dev/null || status=$?
    kill "$ticker" 2>/dev/null || true
    wait "$ticker" 2>/dev/null || true
    ((status == 0)) || { tail -n 40 "$log" >&2 && die "failed: $* (all it said is in $log)"; }
}

# Runs a long command in view. On a terminal cargo shows how far it is; elsewhere it says nothing while a
# crate compiles.
# usage: in_view <command> [argument...]
in_view() {
    local ticker status=0
    if [[ -t 2 ]]; then
        "$@"
        return
    fi
    tick &
    ticker=$!
    "$@" || status=$?
    kill "$ticker" 2>/dev/null || true
    wait "$ticker" 2>/dev/null || true
    return "$status"
}

# In CI and in a package the crates are those of Cargo.lock, or none; those of a package lie beside it
# (make dist).
locked=()
[[ -z ${CI:-} ]] || locked=(--locked)
[[ ! -f vendor/config.toml ]] || locked=(--locked --offline --config vendor/config.toml)

# Copies only what differs, and to a new inode: an NGINX that has the old file mapped keeps it.
# usage: put <from> <to>
put() {
    cmp -s "$1" "$2" || install -m "$(stat -c %a "$1")" "$1" "$2"
}

# Which NGINX the module is built for. Every flavour has a directory of its own, and, as the
# bindings differ, a target directory of its own: going from one to another rebuilds nothing.
#   debian    Debian's package (default)
#   vendored  the newest in the nginx-src crate (WITH_NGINX=vendored)
#   unthreaded  the same without --with-threads, only by scripts/stores.sh
#   memcheck  the newest, only by scripts/memcheck.sh
#   asan      the newest, only by scripts/asan.sh
#   custom    a configured and built objs directory (NGINX_BUILD_DIR=...)
flavour=${WITH_NGINX:-debian}
[[ -z ${NGINX_BUILD_DIR:-} ]] || flavour=custom
case $flavour in debian | vendored | unthreaded | memcheck | asan | custom) ;; *)
    die "WITH_NGINX=$flavour: expected 'debian' or 'vendored' (or set NGINX_BUILD_DIR)"
    ;;
esac
out=build/$flavour

# Lets cargo find this NGINX.
cargo_for_nginx() {
    target=${CARGO_TARGET_DIR:-target}
    case $flavour in
    debian) # as .cargo/config.toml says, so that a plain `cargo build` shares the result
        unset NGINX_BUILD_DIR NGINX_SOURCE_DIR
        return
        ;;
    vendored | unthreaded | memcheck | asan)
        NGINX_BUILD_DIR=$root/$out/src/objs
        NGINX_SOURCE_DIR=$root/$out/src
        ;;
    custom)
        NGINX_BUILD_DIR=$(realpath "$NGINX_BUILD_DIR")
        NGINX_SOURCE_DIR=${NGINX_SOURCE_DIR:-$(dirname "$NGINX_BUILD_DIR")}
        ;;
    esac
    target=$target/$flavour
    export NGINX_BUILD_DIR NGINX_SOURCE_DIR CARGO_TARGET_DIR=$target
}

# Builds a crate, the module for the NGINX that cargo_for_nginx has chosen, and says in $built where it
# lies. Where a packaged one was built shows nowhere in it: names of source files begin the same everywhere.
# usage: build_crate <name> <profile>
build_crate() {
    local crate=$1 profile=$2 flags=${CARGO_ENCODED_RUSTFLAGS:-${RUSTFLAGS:-}} prefix
    built=$target/${profile/#dev/debug}
    if [[ $profile != dist ]]; then
        in_view cargo build ${locked[@]+"${locked[@]}"} --package "$crate" --profile "$profile"
        return
    fi
    [[ -n ${CARGO_ENCODED_RUSTFLAGS:-} ]] || flags=${flags// /$'\x1f'}
    # Of several that fit, the compiler takes the last.
    for prefix in "${CARGO_HOME:-${HOME:-/root}/.cargo}=/cargo" "$root=/nginx-sts" "$root/vendor=/cargo" \
        "$(realpath --canonicalize-missing "$target")=/build"; do
        flags+=${flags:+$'\x1f'}--remap-path-prefix=$prefix
    done
    CARGO_ENCODED_RUSTFLAGS=$flags \
        in_view cargo build ${locked[@]+"${locked[@]}"} --package "$crate" --profile dist
}

# Where an NGINX looks for its modules.
# usage: modules_path <nginx>
modules_path() {
    local arguments path prefix
    arguments=$("$1" -V 2>&1)
    path=$(sed -n 's/.*--modules-path=\([^ ]*\).*/\1/p' <<<"$arguments")
    prefix=$(sed -n 's/.*--prefix=\([^ ]*\).*/\1/p' <<<"$arguments")
    [[ -n $path ]] || path=${prefix:-/usr/local/nginx}/modules
    [[ $path == /* ]] || path=$(realpath --canonicalize-missing "$path")
    echo "$path"
}
