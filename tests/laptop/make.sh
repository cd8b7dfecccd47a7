#!/bin/sh
# Creates the root file system of a laptop with current engines: Debian sid with Docker (containerd
# image store, buildx), Podman, and a user `ada` without root who is in the group docker.
#   make.sh TARGET RUNC_WRAPPER
# Needs root and mmdebstrap; takes about 50 CPU seconds. TARGET exists only once it is complete.
set -eu
target=$1 wrapper=$2

# No `git`, no recommended packages, no documentation. Each engine with the programs that it calls.
docker=docker.io,docker-cli,docker-buildx,iptables,tini
podman=podman,crun,netavark,aardvark-dns,passt,nftables,uidmap,fuse-overlayfs
rest=ca-certificates,curl,iproute2,procps

# Uses the same package mirror as this machine.
# shellcheck disable=SC2016  # the syntax of apt
mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Origin: Debian' | head -n 1)
[ -n "$mirror" ] || { echo "apt knows no Debian mirror (apt-get update?)" >&2; exit 1; }

part=$target.part
rm -rf "$part"
# A mirror may serve an expired Release file. Data does not have to survive a power failure.
mmdebstrap --variant=minbase --mode=root --include="$docker,$podman,$rest" \
    --aptopt='Acquire::Check-Valid-Until "false"' \
    --dpkgopt=force-unsafe-io \
    --dpkgopt='path-exclude=/usr/share/doc/*' \
    --dpkgopt='path-exclude=/usr/share/man/*' \
    --dpkgopt='path-exclude=/usr/share/locale/*' \
    sid "$part" "$mirror"

# Certificates that this machine trusts are trusted inside too, for a TLS-inspecting gateway.
cp -r /usr/local/share/ca-certificates/. "$part/usr/local/share/ca-certificates/"
chroot "$part" update-ca-certificates
# Images built from source contain this file, so the images in this machine's cache are up to date only if
# the file is the same: Debian sid has other authorities.
cp /etc/ssl/certs/ca-certificates.crt "$part/etc/ssl/certs/ca-certificates.crt"
chroot "$part" useradd --create-home --shell /bin/bash --groups docker ada

# The image store that new installations of Docker 29 use. If the machine lacks a capability, the wrapper
# limits what containers request; with all capabilities, the wrapper does nothing.
install -D -m 755 "$wrapper" "$part/usr/local/lib/runc-bounded"
cat >"$part/etc/docker/daemon.json" <<JSON
{
  "features": {"containerd-snapshotter": true},
  "default-runtime": "bounded",
  "runtimes": {"bounded": {"path": "/usr/local/lib/runc-bounded"}}
}
JSON
# kind mounts this directory into its nodes, and Podman requires it to exist.
mkdir -p "$part/usr/lib/modules"
# There is no systemd inside.
cat >"$part/etc/containers/containers.conf" <<TOML
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
TOML
mv "$part" "$target"
