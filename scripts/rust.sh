#!/usr/bin/env bash
# Says whether the Rust that is here can build the project, and how to get one that can, before
# anything is downloaded.

# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

needed=$(sed -n 's/^rust-version = "\(.*\)"$/\1/p' Cargo.toml)
remedy="Rust $needed or newer is needed: 'rustup update stable'; rustup is Debian's package of that name from Debian 13 on, and on its own site"
command -v cargo >/dev/null || die "no cargo here. $remedy"
found=$(cargo --version 2>/dev/null | awk '{ print $2 }')
oldest=$(printf '%s\n%s\n' "$needed" "${found%%-*}" | sort --version-sort | head -n 1)
[[ -n $found && $oldest == "$needed" ]] || die "cargo is of Rust ${found:-(no version)}. $remedy"
