#!/bin/sh
# Runs once, chrooted, in a new node root filesystem after its packages are installed.
# OPSPW_PASSWORD comes from the environment.
set -eu

# A container has no hardware, no getty and its network is made from outside.
systemctl mask --quiet systemd-udevd.service systemd-udevd-kernel.socket \
    systemd-udevd-control.socket systemd-udev-trigger.service systemd-networkd.service \
    systemd-resolved.service systemd-timesyncd.service getty.target console-getty.service \
    getty@.service
systemctl disable --quiet apt-daily.timer apt-daily-upgrade.timer e2scrub_all.timer e2scrub_reap.service \
    fstrim.timer
systemctl enable --quiet ssh.service lab-host-keys.service

for user in ops opspw; do
    # "*": no password, yet not locked, which an sshd without PAM would refuse even with a key.
    useradd --create-home --shell /bin/bash --password '*' "$user"
done
echo "opspw:$OPSPW_PASSWORD" | chpasswd
chmod 0440 /etc/sudoers.d/lab
for home in /root /home/ops /home/opspw; do
    install --directory --mode=0700 --owner="${home##*/}" --group="${home##*/}" "$home/.ssh"
done

# Each node makes its own at first boot.
rm -f /etc/ssh/ssh_host_*
: >/etc/machine-id
rm -f /var/lib/dbus/machine-id
