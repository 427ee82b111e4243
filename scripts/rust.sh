#!/usr/bin/env bash
# Says whether the Rust that is here can build the project, and how to get one that can, before
# anything is downloaded.

# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

needed=$(sed -n 's/^rust-version = "\(.*\)"$/\1/p' Cargo.toml)

# usage: new_enough <version>
new_enough() { [[ $(printf '%s\n' "$needed" "$1" | sort --version-sort | head -n 1) == "$needed" ]]; }

# usage: remedy   (prints what to do on this machine)
remedy() {
    local packaged
    echo -n "Rust $needed or newer is needed: "
    if command -v rustup >/dev/null; then
        echo "'rustup update stable', and 'rustup default stable'"
        return
    fi
    # Debian's stable releases have a newer one beside their own, for browsers. It is what apt installs
    # for either name.
    packaged=$(apt-cache policy cargo-web 2>/dev/null | awk '/Candidate:/ { print $2 }')
    if [[ ${packaged:-(none)} != "(none)" ]] && new_enough "${packaged%%[-+~]*}"; then
        echo "'apt-get install cargo-web' (as root) brings ${packaged%%[-+~]*}, in place of Debian's rustc and cargo; or rustup"
    else
        echo "by rustup ('apt-get install rustup' from Debian 13 on, or from its own site), or by Debian's package cargo-web ('apt-get update' makes apt know it)"
    fi
}

command -v cargo >/dev/null || die "no cargo here. $(remedy)"
found=$(cargo --version 2>/dev/null | awk '{ print $2 }')
[[ -n $found ]] || die "cargo does not say its version. $(remedy)"
new_enough "${found%%-*}" || die "cargo is of Rust $found. $(remedy)"
