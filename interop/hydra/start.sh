#!/usr/bin/env bash
# Ory Hydra, with clients for the gateway. Tests tell it which issuers it trusts.
# usage: start.sh fetch | start.sh run <directory>     (PORT, PORT_MANAGEMENT: where it listens)

# shellcheck source-path=SCRIPTDIR source=../lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source-path=SCRIPTDIR/.. source=../go.sh
. "$root/interop/go.sh"

sources=(start.sh go.mod go.sum)

fetch() {
    ! as_installed "${sources[@]}" || return 0
    say "building Ory Hydra into $installed (some minutes)"
    go_program github.com/ory/hydra/v2 "$installed/hydra" -tags sqlite,json1
    installed_as "${sources[@]}"
}

# usage: prepare <admin's URL> <KEY=value>... &
prepare() {
    local admin=$1 client
    shift
    until curl --silent --fail --output /dev/null --max-time 5 "$admin/health/ready"; do
        kill -0 "$$" 2>/dev/null || return 0
        sleep 0.2
    done
    # They are there already when this is a restart.
    for client in "$here"/clients/*.json; do
        curl --silent --output /dev/null --header 'Content-Type: application/json' \
            --data @"$client" "$admin/admin/clients"
    done
    ready "$@"
}

run() {
    local public admin version
    public=$(port PORT) admin=$(port PORT_MANAGEMENT)
    version=$(sed -n 's|.*github.com/ory/hydra/v2 v\([^ ]*\).*|\1|p' "$here/go.mod")
    # Of several connections to a SQLite, some find it locked.
    export DSN="sqlite://$state/hydra.sqlite?_fk=true&_journal_mode=WAL&_sync=0&_busy_timeout=20000&_txlock=immediate" URLS_SELF_ISSUER=http://127.0.0.1:$public \
        SERVE_PUBLIC_PORT=$public SERVE_ADMIN_PORT=$admin
    nice "$installed/hydra" --config "$here/hydra.yml" migrate sql up --read-from-env --yes
    prepare "http://127.0.0.1:$admin" "VERSION=Ory Hydra $version" "ISSUER=$URLS_SELF_ISSUER" \
        "ENDPOINT=$URLS_SELF_ISSUER/oauth2/token" "JWKS=$URLS_SELF_ISSUER/.well-known/jwks.json" \
        "ADMIN=http://127.0.0.1:$admin/admin" &
    exec "$installed/hydra" --config "$here/hydra.yml" serve all --dev
}

main "$@"
