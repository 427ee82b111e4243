#!/usr/bin/env bash
# Builds the command sts-exchange, and lays it with its man page and completions into a directory, as in
# /usr or /usr/local. It needs no NGINX, and with vendored crates no network.
# usage: tool.sh <directory>   (PROFILE=release: that of cargo; in packages dist)

# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

to=$1
target=${CARGO_TARGET_DIR:-target}
made=$(mktemp -d "${TMPDIR:-/tmp}/sts-tool-XXXXXX")
trap 'rm -rf "$made"' EXIT

build_crate sts-exchange "${PROFILE:-dist}"
"$built/sts-exchange" generate "$made"
install -D -m 755 "$built/sts-exchange" "$to/bin/sts-exchange"
# usage: place <file of those that were made> <to>
place() { install -D -m 644 "$made/$1" "$to/share/$2"; }
for page in "$made"/*.1; do place "${page##*/}" "man/man1/${page##*/}"; done
place sts-exchange.bash bash-completion/completions/sts-exchange
place _sts-exchange zsh/site-functions/_sts-exchange
place sts-exchange.fish fish/vendor_completions.d/sts-exchange.fish
