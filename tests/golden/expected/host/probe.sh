#!/bin/sh
# shellcheck disable=SC2154 # KB_TMP and the like come from templates/remote/driver.sh
# shellcheck disable=SC2043 # a list from a template may have one element
# shellcheck disable=SC2016 # the text of a file is not expanded
# shellcheck disable=SC2221,SC2222 # a pattern from a template may be *
# the facts about a host
kb_fact clock "$(date +%s)"
[ -d /run/systemd/system ] && kb_fact systemd 1
[ -e /sys/fs/cgroup/cgroup.controllers ] || kb_fact cgroup 1
for name in apt-get dnf yum zypper iptables nft; do
  command -v "$name" >/dev/null 2>&1 && kb_fact tool "$name"
done
for name in firewalld iptables nftables chrony chronyd ntpd ntpsec systemd-timesyncd; do
  [ -h "/run/systemd/units/invocation:$name.service" ] && kb_fact unit "$name"
done
cd /proc && [ -e sys/kernel/arch ] || kb_fact arch "$(uname -m)"
for path in sys/kernel/arch sys/kernel/hostname sys/kernel/osrelease sys/kernel/random/boot_id net/ip_tables_names /etc/machine-id /sys/fs/selinux/enforce /sys/module/apparmor/parameters/enabled; do
  line=
  { read -r line <"$path"; } 2>/dev/null || :
  [ -z "$line" ] || kb_fact "${path##*/}" "$line"
done
os=/etc/os-release
[ -r "$os" ] || os=/usr/lib/os-release
sed -nE '
/^(ID|ID_LIKE|VERSION_ID)=/p
s/^MemTotal: *([0-9]+).*/mem=\1/p
s/^Cpus_allowed_list:\s*/cpus=/p
s/^(\/\S+) +(partition|file)\s.*/swap=\1/p
/^\s*#/!s/^\s*(\S+)\s+\S+\s+swap(\s.*)?$/fstab=\1/p
s/^ENABLED=yes/unit=ufw/p
s/^(\S+)\t0{8}\t(.{8})(\t\S+){4}\t0{8}\t.*/route=\1 \2/p
s@^[0-9]+ [0-9]+ \S+ \S+ (/|/(etc|opt|usr|var)|/usr/local|/var/lib(/\w+)?) (r[ow]\S*) .*- (\S+) \S+ (r[ow]).*@mount=\1 \5 \4 \6@p
' meminfo self/status swaps /etc/fstab /etc/ufw/ufw.conf net/route self/mountinfo "$os" 2>/dev/null || :

:
