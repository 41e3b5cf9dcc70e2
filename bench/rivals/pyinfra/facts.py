"""(a) The facts kbootstrap's `up` needs, with pyinfra's own facts where it has them."""

import json
import os
import sys

sys.path.insert(0, os.path.dirname(__file__))
from common import SCENE  # noqa: E402
from pyinfra import host  # noqa: E402
from pyinfra.facts import files, server  # noqa: E402

host.get_fact(server.Arch)
host.get_fact(server.Date)
host.get_fact(server.User)
for path in json.loads((SCENE / "paths.json").read_text()):
    host.get_fact(files.Sha256File, path=path)
host.get_fact(
    server.Command,
    command="cat /proc/swaps /proc/filesystems /proc/meminfo /proc/net/tcp /proc/net/tcp6;"
    " sysctl -n net.ipv4.ip_forward net.bridge.bridge-nf-call-iptables"
    " net.bridge.bridge-nf-call-ip6tables; df -Pk /var /etc;"
    f" ls -d /proc/sys/net/bridge; getent ahosts {host.name}",
)
host.get_fact(
    server.Command,
    command="containerd --version; systemctl show containerd.service -p ActiveState;"
    " systemctl show kubelet.service -p UnitFileState; test -S /run/containerd/containerd.sock",
)
