#!/bin/sh
# Backs up and restores the database; the verbs are described in docs/ARCHITECTURE.md ("Backups").
#
# Runs in the container of the server: sh -c SCRIPT NAME VERB. Environment, as documented for
# docker.io/library/postgres: POSTGRES_USER (default: postgres), POSTGRES_DB (default: the user's name) and
# POSTGRES_PASSWORD.
set -eu

user=${POSTGRES_USER:-postgres}
database=${POSTGRES_DB:-$user}
# Beside the database: what was loaded, and what it replaces.
loaded=todo_bootstrap_loaded
replaced=todo_bootstrap_replaced
export PGHOST=127.0.0.1 PGUSER="$user" PGPASSWORD="${POSTGRES_PASSWORD:-}" PGCONNECT_TIMEOUT=10
export PGOPTIONS='-c client_min_messages=warning'

# query DATABASE: runs the statements of standard input, and prints bare values.
query() {
    psql --no-psqlrc --quiet --tuples-only --no-align --set=ON_ERROR_STOP=1 --dbname="$1" \
        --set=database="$database" --set=loaded="$loaded" --set=replaced="$replaced"
}

# schema DATABASE: the revision of the backend's tables.
schema() {
    query "$1" <<'SQL'
SELECT format('SELECT version_num FROM %s', name)
FROM to_regclass('public.backend_alembic_version') AS name WHERE name IS NOT NULL \gexec
SQL
}

clean() {
    for name in "$loaded" "$replaced"; do
        dropdb --maintenance-db=template1 --if-exists --force "$name"
    done
}

load() {
    clean
    createdb --maintenance-db=template1 --template=template0 "$loaded"
    # The tables get the owner that the server has now.
    pg_restore --no-owner --no-privileges --single-transaction --dbname="$loaded"
    schema "$loaded"
}

# A database with connections cannot be renamed, and clients connect again at once. Once the first statement
# holds the lock of the database, new connections wait.
rename() {
    query template1 >/dev/null <<'SQL'
SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = :'database';
BEGIN;
ALTER DATABASE :"database" RENAME TO :"replaced";
ALTER DATABASE :"loaded" RENAME TO :"database";
COMMIT;
SQL
}

replace() {
    tries=5
    until rename; do
        tries=$((tries - 1))
        [ "$tries" -gt 0 ] || exit 1
    done
}

# The standard input ends when nobody reads the output any more. A dump that waits for a reader would keep its locks.
dump() {
    exec 3<&0
    pg_dump --format=custom --no-owner --no-privileges --dbname="$database" 3<&- &
    dump=$!
    { cat <&3; kill "$dump"; } >/dev/null 2>&1 &
    watch=$!
    status=0
    wait "$dump" || status=$?
    kill "$watch" 2>/dev/null || true
    exit "$status"
}

case $1 in
schema) schema "$database" ;;
dump) dump ;;
load) load ;;
replace) replace ;;
clean) clean ;;
*)
    echo "error: unknown verb $1" >&2
    exit 2
    ;;
esac
