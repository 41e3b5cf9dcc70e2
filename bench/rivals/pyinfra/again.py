"""(b) The host phases of `up` as a deploy, for hosts where nothing is to be done."""

import json
import os
import sys


sys.path.insert(0, os.path.dirname(__file__))
from common import SCENE  # noqa: E402
from pyinfra import host  # noqa: E402
from pyinfra.facts import server as facts  # noqa: E402
from pyinfra.operations import files, server  # noqa: E402

host.get_fact(facts.Arch)
host.get_fact(facts.Date)
host.get_fact(
    facts.Command,
    command="cat /proc/swaps /proc/filesystems; test -d /proc/sys/net/bridge;"
    " sysctl -n net.bridge.bridge-nf-call-iptables net.bridge.bridge-nf-call-ip6tables",
)
server.sysctl(key="net.ipv4.ip_forward", value=1)
files.line(path="/etc/hosts", line=f"127.0.1.1\t{host.name}")
for path in json.loads((SCENE / "configuration.json").read_text()):
    files.put(src=str(SCENE / "rendered" / host.name / path.lstrip("/")), dest=path)
for name in ("kubeadm", "kubelet", "kubectl", "crictl"):
    files.put(src=str(SCENE / "programs" / name), dest=f"/usr/local/bin/{name}", mode="755")
host.get_fact(
    facts.Command,
    command="containerd --version; systemctl show containerd.service -p ActiveState;"
    " systemctl show containerd.service kubelet.service -p UnitFileState;"
    " test -S /run/containerd/containerd.sock; test -e /etc/kubernetes/kubelet.conf",
)
for path in sorted((SCENE / "files").iterdir()):
    files.put(src=str(path), dest=f"/etc/bench.d/{path.name}", mode="644")
