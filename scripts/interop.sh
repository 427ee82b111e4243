#!/usr/bin/env bash
# The module with real servers, each of which is fetched into build/interop and started by its directory of
# interop/. What came of it is in build/interop/results, and with UPDATE=1 in docs/interop.md.
# usage: interop.sh       (SERVER="keycloak oidc-provider": these alone; UPDATE=1)

# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

installed=build/interop

all=(interop/*/start.sh)
all=("${all[@]%/start.sh}")
read -ra servers <<<"${SERVER:-${all[*]#interop/}}"
scripts/setup.sh build test tools interop
mkdir -p "$installed/results"

tests=()
for server in "${servers[@]}"; do
    [[ -x interop/$server/start.sh ]] || die "SERVER=$server: there is no interop/$server/start.sh"
    "interop/$server/start.sh" fetch
    tests+=("test(/^interop::${server//-/_}::/)")
    rm -f "$installed/results/$server.md"
done

scripts/build.sh --only-flavour
say "exchanges at ${servers[*]}"
filter=$(printf ' + %s' "${tests[@]}")
status=0
STS_TEST_INTEROP=$root/$installed STS_TEST_NGINX=$root/$out/nginx \
    STS_TEST_MODULE=$root/$out/ngx_http_sts_module.so \
    build/tools/bin/cargo-nextest nextest run ${locked[@]+"${locked[@]}"} --profile interop \
    --package e2e --filterset "${filter# + }" --run-ignored all </dev/null || status=$?

if [[ -n ${UPDATE:-} ]]; then
    ((status == 0)) || die "docs/interop.md stays as it is: not all succeeded"
    for server in "${servers[@]}"; do
        grep -qxF "<!-- $server -->" docs/interop.md ||
            printf '\n%s\n%s\n' "<!-- $server -->" "<!-- /$server -->" >>docs/interop.md
        awk -v begin="<!-- $server -->" -v end="<!-- /$server -->" -v table="$installed/results/$server.md" '
            $0 == end { inside = 0 }
            !inside { print }
            $0 == begin { inside = 1; while ((getline line < table) > 0) print line }
        ' docs/interop.md >"$installed/interop.md"
        cp "$installed/interop.md" docs/interop.md
    done
    say "docs/interop.md has what came of it"
fi
exit "$status"
