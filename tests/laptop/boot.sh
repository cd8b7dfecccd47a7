#!/bin/bash
# Starts a "laptop": a system in separate namespaces, with the root file system that make.sh created and an
# overlay for changes, and runs COMMAND in it. Everything ends when this process ends, which ends with the
# parent's thread. Only the loopback network is available.
#   boot.sh NAME ROOT RUN USER CACHE COMMAND...
# RUN is the directory for what the laptop writes; it must be on a file system that supports overlays. CACHE is
# root's cache on this machine, with which the cache of USER starts (`-`: it starts empty).
set -eu

if [ "$1" != --inside ]; then
    name=$1
    # Its control groups are below a separate one, and it sees no others.
    for hierarchy in /sys/fs/cgroup/*/; do
        [ -f "$hierarchy/cgroup.clone_children" ] || continue
        mkdir -p "$hierarchy/$name"
        for file in cpuset.cpus cpuset.mems; do
            [ ! -f "$hierarchy/$file" ] || cat "$hierarchy/$file" >"$hierarchy/$name/$file"
        done
        echo $$ >"$hierarchy/$name/cgroup.procs"
    done
    exec setpriv --pdeathsig KILL unshare --net --mount --pid --uts --ipc --cgroup \
        --propagation private --fork --kill-child=KILL bash "$0" --inside "$@"
fi

name=$2 lower=$3 run=$4 user=$5 cache=$6
shift 6
root=$run/root
mkdir -p "$root" "$run/upper" "$run/work"
mount -t overlay -o "lowerdir=$lower,upperdir=$run/upper,workdir=$run/work" overlay "$root"
# An overlay on an overlay is not writable, so the storage of the engines is outside the overlay.
for folder in var/lib/docker var/lib/containers home; do
    mkdir -p "$run/data/$folder" "$root/$folder"
    mount --bind "$run/data/$folder" "$root/$folder"
done
if [ ! -e "$root/home/ada" ]; then
    cp -a "$root/etc/skel" "$root/home/ada"
    chroot "$root" chown -R ada:ada /home/ada
fi

mount -t proc proc "$root/proc"
mount -t sysfs sysfs "$root/sys"
# Version 1 only: next to the unified hierarchy, crun does not start anything.
mount -t tmpfs -o mode=755 tmpfs "$root/sys/fs/cgroup"
grep -v '^0:' /proc/self/cgroup | while IFS=: read -r _ names _; do
    mkdir "$root/sys/fs/cgroup/${names#name=}"
    mount -t cgroup -o "$names" cgroup "$root/sys/fs/cgroup/${names#name=}"
done
mount -t devtmpfs devtmpfs "$root/dev"
mount -t devpts -o newinstance,ptmxmode=0666,mode=620,gid=5 devpts "$root/dev/pts"
mkdir -p "$root/dev/shm"
mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm"
mount -t tmpfs -o mode=755 tmpfs "$root/run"
mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"

# Podman requests higher limits than this machine allows unless they are configured.
mkdir -p "$root/etc/containers/containers.conf.d"
printf '[containers]\ndefault_ulimits = ["nofile=%s:%s", "nproc=%s:%s"]\n' \
    "$(ulimit -Hn)" "$(ulimit -Hn)" "$(ulimit -Hu)" "$(ulimit -Hu)" \
    >"$root/etc/containers/containers.conf.d/limits.conf"
cat /etc/resolv.conf >"$root/etc/resolv.conf"
echo "$name" >"$root/etc/hostname"
printf '127.0.0.1\tlocalhost %s\n::1\tlocalhost\n' "$name" >"$root/etc/hosts"
hostname "$name"
if [ "$cache" != - ]; then
    mkdir -p "$root/mnt/cache"
    mount --bind "$cache" "$root/mnt/cache"
fi

# Not chroot: processes that enter this mount namespace, such as `docker exec`, use its root.
mkdir -p "$root/.old"
cd "$root"
pivot_root . .old
umount -l /.old
ip link set lo up
ulimit -n "$(ulimit -Hn)"

if [ "$cache" != - ]; then
    # Files of root outside belong to the user inside; writes go only to the overlay.
    mount --bind -o "X-mount.idmap=b:0:$(id -u "$user"):1" /mnt/cache /mnt/cache
    home=$(getent passwd "$user" | cut -d: -f6)
    mkdir -p "$home/.cache/todo-bootstrap" /home/.cache-upper /home/.cache-work
    chown "$user:" "$home/.cache" /home/.cache-upper
    mount -t overlay -o lowerdir=/mnt/cache,upperdir=/home/.cache-upper,workdir=/home/.cache-work \
        overlay "$home/.cache/todo-bootstrap"
fi
exec tini -g -- "$@"
