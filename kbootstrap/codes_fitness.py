"""Codes KB312 to KB318, KB325: a node that is not fit for pods, and pods that do not run."""

from kbootstrap.errors import Code

NO_RESOLVER = Code(
    "KB312",
    "the resolv.conf of the node leads nowhere",
    "Make the file named above on {node} (or start the service that writes it, such as "
    "systemd-resolved), or name another one as `kubelet.resolvConf`: no pod can start without it.",
)
OTHER_NETWORK = Code(
    "KB313",
    "another pod network is on the node",
    "Remove what is named above on {node} if nothing uses it; if it is your own pod network, set "
    "`cni.type` to manifest or none.",
)
UMASK = Code(
    "KB314",
    "a service's umask closes its files to containers",
    "On {node}: `systemctl edit --drop-in=zz-umask UNIT` with the lines `[Service]` and "
    "`UMask=0022` for the unit named above, then `systemctl restart UNIT`.",
)
NO_ADDRESS = Code(
    "KB315",
    "no interface of the node has its address",
    "Correct `advertise_address` (or `address`) of {node} in the inventory; `ip -br addr` on the "
    "node shows what it has.",
)
UNREACHED = Code(
    "KB316",
    "the node cannot reach a port of the cluster",
    "Open the port named above for {node} in the firewalls on the way (nftables, firewalld, "
    "security groups); `curl -vk https://HOST:PORT` on {node} shows whether it is open.",
)
SAME_MACHINE = Code(
    "KB317",
    "two nodes are one machine",
    "Correct the addresses in the inventory: one machine can be one node only.",
)
CLONED = Code(
    "KB318",
    "two nodes have the same machine-id",
    "On all of them but one: `rm /etc/machine-id && systemd-machine-id-setup`, then reboot; DHCP "
    "servers and some pod networks take such nodes for one.",
)
PODS_DOWN = Code(
    "KB325",
    "pods of Kubernetes itself do not run on the node",
    "Look at `kubectl -n kube-system describe pod` of the pods named above and at "
    "`journalctl -u kubelet -n 50` on {node}; then run the same command again.",
)
