"""Longer texts that kubeadm prints."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.standin.common import yamlio

from .phase import say

_INIT = """
Your Kubernetes control-plane has initialized successfully!

To start using your cluster, you need to run the following as a regular user:

  mkdir -p $HOME/.kube
  sudo cp -i {0} $HOME/.kube/config
  sudo chown $(id -u):$(id -g) $HOME/.kube/config

Alternatively, if you are the root user, you can run:

  export KUBECONFIG=/etc/kubernetes/admin.conf

You should now deploy a pod network to the cluster.
Run "kubectl apply -f [podnetwork].yaml" with one of the options listed at:
  https://kubernetes.io/docs/concepts/cluster-administration/addons/

"""
_UPLOADED = """You can now join any number of control-plane nodes running the following command on each as root:

  {0}

Please note that the certificate-key gives access to cluster sensitive data, keep it secret!
As a safeguard, uploaded-certs will be deleted in two hours; If necessary, you can use
"kubeadm init phase upload-certs --upload-certs" to reload certs afterward.

"""  # noqa: E501
_NOT_UPLOADED = """You can now join any number of control-plane nodes by copying certificate authorities
and service account keys on each node and then running the following as root:

  {0}

"""  # noqa: E501
_WORKERS = """Then you can join any number of worker nodes by running the following on each as root:

{0}"""
JOIN_WORKER = """
This node has joined the cluster:
* Certificate signing request was sent to apiserver and a response was received.
* The Kubelet was informed of the new secure connection details.

Run 'kubectl get nodes' on the control-plane to see this node join the cluster.
"""
JOIN_PLANE = """
This node has joined the cluster and a new control plane instance was created:

* Certificate signing request was sent to apiserver and approval was received.
* The Kubelet was informed of the new secure connection details.
* Control plane label and taint were applied to the new node.
* The Kubernetes control plane instances scaled up.
{0}
To start administering your cluster from this node, you need to run the following as a regular user:

	mkdir -p $HOME/.kube
	sudo cp -i /etc/kubernetes/admin.conf $HOME/.kube/config
	sudo chown $(id -u):$(id -g) $HOME/.kube/config

Run 'kubectl get nodes' to see this node join the cluster.
"""
ETCD_ADDED = "* A new etcd member was added to the local/stacked etcd cluster.\n"
RESET = """
The reset process does not perform cleanup of CNI plugin configuration,
network filtering rules and kubeconfig files.

For information on how to perform this cleanup manually, please see:
    https://k8s.io/docs/reference/setup-tools/kubeadm/kubeadm-reset/
"""
NOT_READY = """
One or more conditions for hosting a new control plane instance is not satisfied.

{0}

Please ensure that:
* The cluster has a stable controlPlaneEndpoint address.
* The certificates that must be shared among control plane instances are provided.

"""


def init_done(plane: str | None, worker: str, admin: Path, *, uploaded: bool) -> str:
    """What init prints at the end."""
    out = _INIT.format(admin)
    if plane is not None:
        out += (_UPLOADED if uploaded else _NOT_UPLOADED).format(plane)
    return out + _WORKERS.format(worker)


def pulling(prefix: str) -> None:
    say(f"[{prefix}] Pulling images required for setting up a Kubernetes cluster")
    say(
        f"[{prefix}] This might take a minute or two, depending on the speed of your internet"
        f" connection"
    )
    say(
        f"[{prefix}] You can also perform this action beforehand using 'kubeadm config images pull'"
    )


def cluster_info(cluster: dict[str, Any]) -> str:
    """The kubeconfig in cluster-info: one cluster without a name, no user."""
    kept = {k: v for k, v in cluster.items() if k in {"certificate-authority-data", "server"}}
    config = {
        "apiVersion": "v1",
        "clusters": [{"cluster": kept, "name": ""}],
        "contexts": None,
        "current-context": "",
        "kind": "Config",
        "users": None,
    }
    return str(yamlio.dump(config))
