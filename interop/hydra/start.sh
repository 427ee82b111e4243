#!/usr/bin/env bash
# Ory Hydra on a PostgreSQL of its own, with clients for the gateway. Tests tell it which issuers it trusts.
# usage: start.sh fetch | start.sh run <directory>     (PORT, PORT_MANAGEMENT: where it listens)

# shellcheck source-path=SCRIPTDIR source=../lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source-path=SCRIPTDIR/.. source=../go.sh
. "$root/interop/go.sh"

sources=(start.sh go.mod go.sum)

fetch() {
    ! as_installed "${sources[@]}" || return 0
    "$root/scripts/setup.sh" interop-postgres
    say "building Ory Hydra into $installed (some minutes)"
    go_program github.com/ory/hydra/v2 "$installed/hydra"
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
    # By itself it makes a key of RSA with 4096 bits, and reads that anew for each token, one after the other.
    curl --silent --output /dev/null --header 'Content-Type: application/json' \
        --data '{"alg": "ES256", "kid": "of-the-trial", "use": "sig"}' "$admin/admin/keys/hydra.jwt.access-token"
    ready "$@"
}

# PostgreSQL refuses to run as root.
# usage: as_postgres <command> [argument...]
as_postgres() {
    local user=()
    ((EUID != 0)) || user=(setpriv --reuid=postgres --regid=postgres --clear-groups)
    ${user[@]+"${user[@]}"} "$@"
}

# A PostgreSQL without a port, which ends when this script has gone: of many calls at once, SQLite finds
# itself locked.
# usage: postgres
postgres() {
    local programs=(/usr/lib/postgresql/*/bin)
    local bin=${programs[-1]} data=$state/postgres
    chmod 711 "$state"
    if [[ ! -d $data ]]; then
        install -d "$data"
        ((EUID != 0)) || chown postgres "$data"
        (cd / && as_postgres "$bin/initdb" --username=hydra --auth=trust --no-sync --pgdata="$data")
    fi
    # What another start of it has left may take a moment to end.
    (cd / && until as_postgres "$bin/postgres" -D "$data" -k "$data" -h '' -F -N 200; do
        kill -0 "$$" 2>/dev/null || break
        sleep 0.2
    done) &
    until "$bin/pg_isready" --quiet --host="$data"; do
        kill -0 "$$" 2>/dev/null || exit 1
        sleep 0.1
    done
}

run() {
    local public admin version
    postgres
    public=$(port PORT) admin=$(port PORT_MANAGEMENT)
    version=$(sed -n 's|.*github.com/ory/hydra/v2 v\([^ ]*\).*|\1|p' "$here/go.mod")
    # A call holds more than one connection at a time: with few of them, many calls wait for each other.
    export DSN="postgres://hydra@/postgres?host=$state/postgres&sslmode=disable&max_conns=150" \
        URLS_SELF_ISSUER=http://127.0.0.1:$public SERVE_PUBLIC_PORT=$public SERVE_ADMIN_PORT=$admin
    "$installed/hydra" --config "$here/hydra.yml" migrate sql up --read-from-env --yes
    prepare "http://127.0.0.1:$admin" "VERSION=Ory Hydra $version" "ISSUER=$URLS_SELF_ISSUER" \
        "ENDPOINT=$URLS_SELF_ISSUER/oauth2/token" "JWKS=$URLS_SELF_ISSUER/.well-known/jwks.json" \
        "ADMIN=http://127.0.0.1:$admin/admin" &
    exec "$installed/hydra" --config "$here/hydra.yml" serve all --dev
}

main "$@"
