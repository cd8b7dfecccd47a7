#!/bin/sh
# Backs up and restores the keys; the verbs are described in docs/ARCHITECTURE.md ("Backups").
#
# Runs in the container of the server: sh -c SCRIPT NAME VERB. Environment: REDIS_PASSWORD. A dump is a snapshot in the server's format (RDB).
# A second server loads it from a folder beside the data; the first one then becomes its replica for a moment,
# which replaces all keys at once, without a restart.
set -eu

# Of the second server, in seconds: to load a dump, and to pass it on.
port=6380
limit=120

# The client reads the password from this variable.
cli() {
    REDISCLI_AUTH=${REDIS_PASSWORD:-} valkey-cli -e "$@"
}

fail() {
    echo "error: $1" >&2
    exit 1
}

# setting NAME
setting() {
    cli config get "$1" | tail -n 1
}

# info SECTION FIELD
info() {
    cli info "$1" | tr -d '\r' | sed -n "s/^$2://p"
}

# wait_for TEXT COMMAND…: repeats the command until it prints the text.
wait_for() {
    text=$1
    shift
    left=$((limit * 10))
    until [ "$("$@" 2>&1)" = "$text" ]; do
        [ -z "${server:-}" ] || kill -0 "$server" 2>/dev/null || fail "$(grep " # " "$copy/log" | tail -n 3)"
        left=$((left - 1))
        [ "$left" -gt 0 ] || fail "\`$*\` did not print $text within $limit s"
        sleep 0.1
    done
}

dump() {
    wait_for 0 info persistence aof_rewrite_in_progress
    wait_for 0 info persistence rdb_bgsave_in_progress
    cli bgsave >&2
    wait_for 0 info persistence rdb_bgsave_in_progress
    [ "$(info persistence rdb_last_bgsave_status)" = ok ] || fail "the server could not write its snapshot"
    cat "$(setting dir)/$(setting dbfilename)"
}

# Starts the second server, and waits until it has loaded the dump.
start() {
    valkey-server --port "$port" --bind 127.0.0.1 --dir "$copy" --dbfilename dump.rdb --save '' \
        --appendonly no --repl-diskless-sync-delay 0 >"$copy/log" 2>&1 &
    server=$!
    trap 'kill "$server" 2>/dev/null; wait "$server" || true' EXIT
    wait_for PONG valkey-cli -p "$port" ping
}

load() {
    rm -rf "$copy"
    mkdir "$copy"
    cat >"$copy/dump.rdb"
    start
}

replace() {
    [ -s "$copy/dump.rdb" ] || fail "$copy/dump.rdb does not exist"
    start
    # However this ends, the first server must accept writes again.
    trap 'cli replicaof no one >&2; kill "$server" 2>/dev/null; wait "$server" || true' EXIT
    cli replicaof 127.0.0.1 "$port" >&2
    wait_for up info replication master_link_status
    cli replicaof no one >&2
    # Until the keys are in its append-only file, a restart would bring the old ones back.
    wait_for 0 info persistence aof_rewrite_scheduled
    wait_for 0 info persistence aof_rewrite_in_progress
    [ "$(info persistence aof_last_bgrewrite_status)" = ok ] || fail "the server could not write its append-only file"
}

copy=$(setting dir)/.todo-bootstrap
case $1 in
schema) ;;
dump) dump ;;
load) load ;;
replace) replace ;;
clean) rm -rf "$copy" ;;
*)
    echo "error: unknown verb $1" >&2
    exit 2
    ;;
esac
