#!/bin/sh
# Gives the database's user the password in POSTGRES_PASSWORD before the server starts. Images of
# PostgreSQL read it once, when PGDATA has no database yet, and ignore a changed one later.
#
# An init container, from the server's image, as its user and with its arguments. Environment, as
# documented for docker.io/library/postgres: PGDATA; POSTGRES_PASSWORD; POSTGRES_USER (postgres);
# POSTGRES_DB (the user's name). Ends with 1, and an error, where the password could not be set.
set -eu

say() {
    printf '%s\n' "$@"
}

# fail WHAT HELP
fail() {
    say "error: $1" "  help: $2" >&2
    exit 1
}

# doubled MARK TEXT: with each mark twice, as SQL has it between two of them. By standard input,
# as arguments of a program can be read by everyone.
doubled() {
    printf '%s' "$2" | LC_ALL=C sed "s/$1/&&/g"
}

# Two servers destroy what they write to, and PostgreSQL does not see one in another container,
# such as that of a pod that was deleted by force. The entrypoint of our own image holds this lock.
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

# set_password SETTING…: by a server without a network and other sessions. It answers the first
# line only if all of that was done.
set_password() {
    printf '%s\n' \
        "ALTER ROLE \"$(doubled '"' "$user")\" PASSWORD '$(doubled "'" "$password")'; SELECT 'password' AS has" \
        "SELECT 'database' AS has FROM pg_database WHERE datname = '$(doubled "'" "$database")'" |
        postgres --single "$@" -D "$PGDATA" -c log_min_messages=error -c log_line_prefix= \
            -c lc_messages=C -c standard_conforming_strings=on template1 2>&1
}

# What a server says of its failure. Its other lines may quote the statement.
reason() {
    say "$1" | LC_ALL=C sed -nE 's/^(backend> )*((ERROR|FATAL|PANIC|DETAIL|postgres):)/\2/p' | tr -s '\n ' ' '
}

# As the first process, a shell would not end when it is asked to.
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
# The server insists on it, and a volume that is mounted anew may give rights to its group.
chmod 0700 "$PGDATA" || true
take_lock
# What a killed server left: its number may be another process's by now.
rm -f "$PGDATA/postmaster.pid"
PATH=$PATH:/usr/lib/postgresql/$(cat "$PGDATA/PG_VERSION")/bin
# The server's settings, as some of them (`config_file`, `wal_level`) decide whether it starts.
[ "${1:-}" != postgres ] || shift

status=0
said=$(set_password "$@") || status=$?
case $status:$said in
0:*'has = "password"'*) say "the password of role $user is set" ;;
*)
    why=$(reason "$said")
    case $why in
    *'role "'*'" does not exist'*) help='set POSTGRES_USER back: it applies only to a new volume' ;;
    *) help='fix the error that PostgreSQL reports; the pod retries automatically' ;;
    esac
    fail "cannot set the password of role $user in $PGDATA: ${why:-postgres ended with $status}" "$help"
    ;;
esac
case $said in
*'has = "database"'*) ;;
*) say "warning: there is no database $database in $PGDATA" \
    '  help: set POSTGRES_DB back (it applies only to a new volume), or CREATE DATABASE' >&2 ;;
esac
