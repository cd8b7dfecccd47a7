#!/bin/sh
# Sets the password of the database user to POSTGRES_PASSWORD before the server starts. PostgreSQL
# images read the variable only if PGDATA has no database yet, and ignore later changes.
#
# Runs as an init container with the image, the user and the arguments of the server. Environment, as
# documented for docker.io/library/postgres: PGDATA; POSTGRES_PASSWORD; POSTGRES_USER (default: postgres);
# POSTGRES_DB (default: the user's name). Exits with 1 and an error if the password cannot be set.
set -eu

say() {
    printf '%s\n' "$@"
}

# fail WHAT HELP
fail() {
    say "error: $1" "  help: $2" >&2
    exit 1
}

# doubled MARK TEXT: prints TEXT with each MARK doubled, as SQL quotes it. TEXT is passed by standard
# input because other users can read the arguments of a program.
doubled() {
    printf '%s' "$2" | LC_ALL=C sed "s/$1/&&/g"
}

# Two servers on one PGDATA corrupt it, and PostgreSQL does not detect a server in another container,
# such as one of a pod that was deleted by force. The entrypoint of our own image holds this lock.
take_lock() {
    waited=0
    exec 9>>"$PGDATA/.lock"
    until flock -n 9; do
        [ "$waited" -gt 0 ] || say "another server uses $PGDATA; waiting until it stops"
        waited=$((waited + 1))
        [ "$waited" -lt 90 ] || fail "another server uses $PGDATA" 'stop it, or set another PGDATA'
        sleep 1
    done
}

# set_password SETTING…: runs the statements in single-user mode, without network access or other
# sessions. The server answers the first line only if both of its statements succeeded.
set_password() {
    printf '%s\n' \
        "ALTER ROLE \"$(doubled '"' "$user")\" PASSWORD '$(doubled "'" "$password")'; SELECT 'password' AS has" \
        "SELECT 'database' AS has FROM pg_database WHERE datname = '$(doubled "'" "$database")'" |
        postgres --single "$@" -D "$PGDATA" -c log_min_messages=error -c log_line_prefix= \
            -c lc_messages=C -c standard_conforming_strings=on template1 2>&1
}

# reason OUTPUT: the error lines of the server. Its other lines may quote the statement.
reason() {
    say "$1" | LC_ALL=C sed -nE 's/^(backend> )*((ERROR|FATAL|PANIC|DETAIL|postgres):)/\2/p' | tr -s '\n ' ' '
}

# As PID 1, a shell ignores these signals by default.
trap 'exit 143' TERM INT
user=${POSTGRES_USER:-postgres}
database=${POSTGRES_DB:-$user}
password=${POSTGRES_PASSWORD:-}
newline='
'
case $user$database$password in *"$newline"*)
    fail 'POSTGRES_USER, POSTGRES_DB or POSTGRES_PASSWORD has more than one line' 'use a single-line value'
    ;;
esac
if ! [ -s "$PGDATA/PG_VERSION" ]; then
    say "$PGDATA has no database yet; it will be created with the password"
    exit 0
elif [ -z "$password" ]; then
    say 'POSTGRES_PASSWORD is empty, so the password is not changed'
    exit 0
fi
# The server requires this mode, and mounting the volume again may add group permissions.
chmod 0700 "$PGDATA" || true
take_lock
# A killed server leaves this file; another process may have its PID now.
rm -f "$PGDATA/postmaster.pid"
PATH=$PATH:/usr/lib/postgresql/$(cat "$PGDATA/PG_VERSION")/bin
# Pass the server's settings: some of them (`config_file`, `wal_level`) decide whether it starts.
[ "${1:-}" != postgres ] || shift

status=0
output=$(set_password "$@") || status=$?
case $status:$output in
0:*'has = "password"'*) say "the password of role $user is set" ;;
*)
    why=$(reason "$output")
    case $why in
    *'role "'*'" does not exist'*) help='set POSTGRES_USER back: it applies only to a new volume' ;;
    *) help='fix the error that PostgreSQL reports; the pod retries automatically' ;;
    esac
    fail "cannot set the password of role $user in $PGDATA: ${why:-postgres exited with status $status}" "$help"
    ;;
esac
case $output in
*'has = "database"'*) ;;
*) say "warning: there is no database $database in $PGDATA" \
    '  help: set POSTGRES_DB back (it applies only to a new volume), or CREATE DATABASE' >&2 ;;
esac
