"""Names of what kubeadm installs and runs, as Kubernetes documents them.

https://kubernetes.io/docs/setup/production-environment/tools/kubeadm/install-kubeadm/
https://kubernetes.io/docs/concepts/architecture/
"""

KUBEADM, KUBELET, KUBECTL = "kubeadm", "kubelet", "kubectl"
BINARIES = (KUBEADM, KUBELET, KUBECTL)  # of one release, placed together

API_SERVER = "kube-apiserver"
CONTROLLER_MANAGER = "kube-controller-manager"
SCHEDULER = "kube-scheduler"
ETCD = "etcd"
CONTROL_PLANE = (API_SERVER, CONTROLLER_MANAGER, SCHEDULER)
STATIC_PODS = (ETCD, *CONTROL_PLANE)  # with an etcd that kubeadm runs
