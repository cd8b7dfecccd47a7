#!/bin/sh
# Connects the network namespace of process PID to this machine's network through a user-space process:
# no address, route or rule of this machine changes. The connection ends with this process.
#   plug.sh PID FILE      (FILE: an empty file on which the namespace is mounted)
set -eu
if [ "$1" != --inside ]; then
    exec setpriv --pdeathsig KILL unshare --mount --propagation private sh "$0" --inside "$@"
fi
# pasta drops its capabilities before it opens the namespace of a process.
mount --bind "/proc/$2/ns/net" "$3"
exec pasta --foreground --quiet --config-net --mtu 1500 --runas 0 --no-map-gw \
    --tcp-ports none --udp-ports none --tcp-ns none --udp-ns none --netns-only --netns "$3"
