"""Makes a fresh lab node unlike the others: its shell, its userland, its runtime, its addresses."""

from pathlib import Path

from tests.e2e.site import Site
from tests.lab.node import Node
from tests.standin.build import archive

CRIO_UNIT = """\
[Unit]
Description=Container Runtime Interface for OCI (CRI-O)
After=network-online.target
[Service]
Type=notify
ExecStart=/usr/bin/crio
Delegate=yes
TimeoutStartSec=0
Restart=on-failure
RestartSec=2
[Install]
WantedBy=multi-user.target
"""
# Debian's packages whose commands busybox replaces; systemd needs the others as they are.
REPLACED = "coreutils dash findutils grep mawk procps sed"
BUSYBOX = f"""\
set -e
busybox=/usr/bin/busybox
for path in $(dpkg -L {REPLACED} | grep bin/) $(command -v awk flock mountpoint); do
  echo "$path"
done >/root/replaced
$busybox --list >/root/applets
$busybox awk -F / 'FNR == NR {{ applet[$1]; next }} $NF in applet' /root/applets /root/replaced |
  while read -r path; do $busybox ln -sf $busybox "$path"; done
rm /root/applets /root/replaced
"""


def bash_as_sh(node: Node) -> None:
    """As on Fedora, Arch Linux and openSUSE."""
    node.exec("ln -sf bash /bin/sh")


def busybox_userland(node: Node) -> None:
    """The shell and the commands of busybox, where Debian has one package for each."""
    (node.root / "usr/bin/busybox").write_bytes(Path("/bin/busybox").read_bytes())
    node.exec(f"chmod 755 /usr/bin/busybox; {BUSYBOX}")


def crio(node: Node, version: str) -> None:
    """The stand-in's cri-o as its package leaves a node; no containerd runs there."""
    (node.root / "usr/bin/crio").write_bytes(archive(version))
    (node.root / "usr/lib/systemd/system/crio.service").write_text(CRIO_UNIT)
    node.exec(
        "chmod 755 /usr/bin/crio; mkdir -p /etc/crio/crio.conf.d /etc/containers/registries.conf.d;"
        " printf '[crio.image]\\npause_image = \"registry.k8s.io/pause:3.9\"\\n'"
        " >/etc/crio/crio.conf.d/10-crio.conf;"
        " systemctl daemon-reload; systemctl disable -q --now containerd;"
        " systemctl enable -q --now crio"
    )


def second_addresses(site: Site) -> dict[str, str]:
    """Give every node of the lab an IPv6 address; node name -> address."""
    found = {node.name: f"fd00:90::{node.port.host}" for node in site.lab.nodes}
    for node in site.lab.nodes:
        node.exec(
            "sysctl -qw net.ipv6.conf.all.disable_ipv6=0 net.ipv6.conf.eth0.accept_dad=0"
            f" && ip -6 addr add {found[node.name]}/64 dev eth0 nodad"
            " && ip -6 route add default via fd00:90::1"
        )
    return found
