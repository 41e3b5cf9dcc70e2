#!/bin/sh
# Installs what the lab needs on this host, from the Debian archive it is already set up to use.
#
# Quick and silent when nothing is missing, so the lab runs it before every start.
# Needs root. Names no archive: apt's own sources say where packages come from.
set -eu

packages="podman runc debootstrap iproute2 iptables nftables conntrack openssh-client
openssh-server skopeo docker-registry busybox-static ca-certificates util-linux"

missing=""
for package in $packages; do
    state=$(dpkg-query --show --showformat='${db:Status-Status}' "$package" 2>/dev/null || true)
    [ "$state" = installed ] || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

if [ "$(id -u)" -ne 0 ]; then
    echo "setup.sh: these Debian packages are missing and only root can install them:$missing" >&2
    exit 1
fi

echo "setup.sh: installing$missing" >&2
export DEBIAN_FRONTEND=noninteractive
apt-get update --quiet=2
# shellcheck disable=SC2086  # a list of arguments is wanted here
apt-get install --quiet=2 --yes --no-install-recommends $missing >/dev/null

# The lab starts its own registry and sshd: services which came with the packages are not wanted.
for service in docker-registry ssh; do
    case "$missing " in *" $service "* | *" openssh-server "*) ;; *) continue ;; esac
    [ ! -d /run/systemd/system ] || systemctl disable --quiet --now "$service.service"
done
