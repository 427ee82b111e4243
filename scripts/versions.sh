#!/usr/bin/env bash
# Runs the end-to-end tests on each NGINX that the registries bring: those of Debian's releases, and
# that of the crate nginx-src. Where this machine runs one of these releases, that is its packaged NGINX.
# usage: versions.sh   (VERSIONS="trixie sid": on these; TEST: only tests with this in their name)

# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

read -ra flavours <<<"${VERSIONS:-bookworm trixie vendored sid}"
here=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
done=() failed=()
for flavour in "${flavours[@]}"; do
    [[ $flavour != "$here" ]] || flavour=debian
    if WITH_NGINX=$flavour scripts/test.sh e2e; then
        done+=("$("build/$flavour/nginx" -v 2>&1 | sed 's/^nginx version: //') ($flavour)")
    else
        failed+=("$flavour")
    fi
done
for one in ${done[@]+"${done[@]}"}; do say "the end-to-end tests pass on $one"; done
((${#failed[@]} == 0)) || die "not on: ${failed[*]}"
