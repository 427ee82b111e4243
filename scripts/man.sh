#!/usr/bin/env bash
# Makes build/man/ngx_http_sts_module.5 of the documents on the directives, and lets groff read it.

# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

scripts/setup.sh man

version=$(sed -n 's/^version = "\(.*\)"$/\1/p' Cargo.toml | head -n 1)
# The same of the same documents, wherever it is made.
date=${SOURCE_DATE_EPOCH:+$(date --utc --date "@$SOURCE_DATE_EPOCH" +%F)}
date=${date:-$(git log -1 --format=%cs -- docs 2>/dev/null || true)}
page=build/man/ngx_http_sts_module.5

mkdir -p build/man
python3 scripts/man.py "$version" "${date:-$(date --utc +%F)}" docs/directives >"$page"
# How well a line of a table fits is not for a build to judge, and each groff sees it in its own way.
said=$(groff -ww -Wbreak -z -man -Tutf8 -K utf8 "$page" 2>&1)
[[ -z $said ]] || die "$page: $said"
say "$page: man -l $page"
