#!/bin/sh
# Makes the root file system of a laptop with current engines: Debian sid with Docker (containerd
# image store, buildx), Podman, and a user `ada` without root who is in the group docker.
#   make.sh TARGET RUNC_WRAPPER
# Needs root and mmdebstrap; takes about 50 CPU seconds. TARGET is there only when it is whole.
set -eu
target=$1 wrapper=$2

# No `git`, no recommended packages; documents are left out. Each engine with what it calls.
docker=docker.io,docker-cli,docker-buildx,iptables,tini
podman=podman,crun,netavark,aardvark-dns,passt,nftables,uidmap,fuse-overlayfs
rest=ca-certificates,curl,iproute2,procps

# Where this machine gets its own packages from, whatever mirror that is.
# shellcheck disable=SC2016  # apt's own notation
mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Origin: Debian' | head -n 1)
[ -n "$mirror" ] || { echo "apt knows no Debian mirror (apt-get update?)" >&2; exit 1; }

part=$target.part
rm -rf "$part"
# A mirror may serve a Release file that has expired. Nothing here has to survive a power cut.
mmdebstrap --variant=minbase --mode=root --include="$docker,$podman,$rest" \
    --aptopt='Acquire::Check-Valid-Until "false"' \
    --dpkgopt=force-unsafe-io \
    --dpkgopt='path-exclude=/usr/share/doc/*' \
    --dpkgopt='path-exclude=/usr/share/man/*' \
    --dpkgopt='path-exclude=/usr/share/locale/*' \
    sid "$part" "$mirror"

# What comes through a TLS-inspecting gateway is trusted inside as it is outside.
cp -r /usr/local/share/ca-certificates/. "$part/usr/local/share/ca-certificates/"
chroot "$part" update-ca-certificates
# Images made from source hold this file, so those in this machine's cache are only current where it is
# the same: Debian sid knows other authorities.
cp /etc/ssl/certs/ca-certificates.crt "$part/etc/ssl/certs/ca-certificates.crt"
chroot "$part" useradd --create-home --shell /bin/bash --groups docker ada

# The store that new installations of Docker 29 have. A machine that lacks a capability bounds what
# containers ask for; with all of them, the wrapper is plain runc.
install -D -m 755 "$wrapper" "$part/usr/local/lib/runc-bounded"
cat >"$part/etc/docker/daemon.json" <<JSON
{
  "features": {"containerd-snapshotter": true},
  "default-runtime": "bounded",
  "runtimes": {"bounded": {"path": "/usr/local/lib/runc-bounded"}}
}
JSON
# kind shows it to its nodes, and Podman insists on its being there.
mkdir -p "$part/usr/lib/modules"
# Nobody runs systemd in there.
cat >"$part/etc/containers/containers.conf" <<TOML
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
TOML
mv "$part" "$target"
