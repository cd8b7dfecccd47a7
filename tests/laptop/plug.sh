#!/bin/sh
# Connects the network namespace of process PID with this machine's network, through a process in user
# space: no address, route or rule of this machine changes. Cut off again when this process ends.
#   plug.sh PID FILE      (FILE: an empty one, to be taken for the namespace)
set -eu
if [ "$1" != --inside ]; then
    exec setpriv --pdeathsig KILL unshare --mount --propagation private sh "$0" --inside "$@"
fi
# pasta gives its capabilities away before it looks for the namespace of a process.
mount --bind "/proc/$2/ns/net" "$3"
exec pasta --foreground --quiet --config-net --mtu 1500 --runas 0 --no-map-gw \
    --tcp-ports none --udp-ports none --tcp-ns none --udp-ns none --netns-only --netns "$3"
