"""What ``kubeadm upgrade apply`` writes into the objects of its addons, in every release.

From cmd/kubeadm/app/phases/addons/dns/manifests.go and proxy/manifests.go. Fields that differ from
one release to another, such as the ports of CoreDNS's probes, are left out.
"""

from collections.abc import Mapping
from functools import cache
from typing import Any

from kbootstrap import plain_yaml

_WRITTEN = """\
Deployment coredns:
  metadata:
    labels: {k8s-app: kube-dns}
  spec:
    strategy: {type: RollingUpdate, rollingUpdate: {maxUnavailable: 1}}
    template:
      metadata:
        labels: {k8s-app: kube-dns}
      spec:
        priorityClassName: system-cluster-critical
        serviceAccountName: coredns
        tolerations:
          - {key: CriticalAddonsOnly, operator: Exists}
          - {key: node-role.kubernetes.io/control-plane, effect: NoSchedule}
        nodeSelector: {kubernetes.io/os: linux}
        containers:
          - name: coredns
            image: the image of the new release
            imagePullPolicy: IfNotPresent
            resources:
              limits: {memory: 170Mi}
              requests: {cpu: 100m, memory: 70Mi}
            args: [-conf, /etc/coredns/Corefile]
            volumeMounts:
              - {name: config-volume, mountPath: /etc/coredns, readOnly: true}
        dnsPolicy: Default
        volumes:
          - name: config-volume
            configMap: {name: coredns, items: [{key: Corefile, path: Corefile}]}
DaemonSet kube-proxy:
  metadata:
    labels: {k8s-app: kube-proxy}
  spec:
    updateStrategy: {type: RollingUpdate}
    template:
      metadata:
        labels: {k8s-app: kube-proxy}
      spec:
        priorityClassName: system-node-critical
        containers:
          - name: kube-proxy
            image: the image of the new release
            imagePullPolicy: IfNotPresent
            command:
              - /usr/local/bin/kube-proxy
              - --config=/var/lib/kube-proxy/config.conf
              - --hostname-override=$(NODE_NAME)
            securityContext: {privileged: true}
            volumeMounts:
              - {mountPath: /var/lib/kube-proxy, name: kube-proxy}
              - {mountPath: /run/xtables.lock, name: xtables-lock}
              - {mountPath: /lib/modules, name: lib-modules, readOnly: true}
            env:
              - name: NODE_NAME
                valueFrom: {fieldRef: {fieldPath: spec.nodeName}}
        hostNetwork: true
        serviceAccountName: kube-proxy
        volumes:
          - {name: kube-proxy, configMap: {name: kube-proxy}}
          - {name: xtables-lock, hostPath: {path: /run/xtables.lock, type: FileOrCreate}}
          - {name: lib-modules, hostPath: {path: /lib/modules}}
        tolerations: [{operator: Exists}]
        nodeSelector: {kubernetes.io/os: linux}
Service kube-dns:
  metadata:
    annotations: {prometheus.io/port: "9153", prometheus.io/scrape: "true"}
    labels: {k8s-app: kube-dns, kubernetes.io/cluster-service: "true", kubernetes.io/name: CoreDNS}
  spec:
    selector: {k8s-app: kube-dns}
ConfigMap coredns:
  data: {Corefile: the Corefile of kubeadm}
ConfigMap kube-proxy:
  metadata:
    labels: {app: kube-proxy}
  data:
    kubeconfig.conf: the kubeconfig of kubeadm
    config.conf: the settings of kube-proxy
ConfigMap kubelet-config:
  data: {kubelet: the settings of the kubelets}
"""


@cache
def objects() -> Mapping[tuple[str, str], Mapping[str, Any]]:
    """Kind and name of each object of kube-system -> the fields that kubeadm writes."""
    found = plain_yaml.load(_WRITTEN)
    return {tuple(key.split(" ")): fields for key, fields in found.items()}
