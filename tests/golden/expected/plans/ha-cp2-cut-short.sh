#!/bin/sh
# shellcheck disable=SC2154 # KB_TMP and the like come from templates/remote/driver.sh
# shellcheck disable=SC2043 # a list from a template may have one element
# shellcheck disable=SC2016 # the text of a file is not expanded
# shellcheck disable=SC2221,SC2222 # a pattern from a template may be *

# cp2 of cluster ha, each part in a subshell of its own

# ---- probe:join-control-plane
(
kb_fact run "$(kb_run_state join)"
joined=1
[ -e /etc/kubernetes/kubelet.conf ] || joined=0
[ -e /etc/kubernetes/manifests/kube-apiserver.yaml ] || joined=0
[ -e /etc/kubernetes/manifests/etcd.yaml ] || joined=0
kb_fact joined "$joined"
if [ "$joined" = 0 ]; then
  for path in kubelet.conf bootstrap-kubelet.conf pki/ca.crt manifests/kube-apiserver.yaml manifests/etcd.yaml; do
    if [ -e "/etc/kubernetes/$path" ]; then
      kb_fact begun 1
      break
    fi
  done
fi
for path in admin.conf manifests/kube-apiserver.yaml pki/ca.key; do
  if [ -e "/etc/kubernetes/$path" ]; then
    kb_fact plane 1
    break
  fi
done

:
)

# ---- read:state
(
if [ -r /var/lib/kbootstrap/state.json ]; then cat /var/lib/kbootstrap/state.json; fi
)

# ---- read:kubeconfig
(
if [ -r /etc/kubernetes/admin.conf ]; then cat /etc/kubernetes/admin.conf; fi
)

# ---- read:etcd-ca
(
if [ -r /etc/kubernetes/pki/etcd/ca.crt ]; then cat /etc/kubernetes/pki/etcd/ca.crt; fi
)

# ---- read:etcd-pair
(
if [ -r /etc/kubernetes/pki/apiserver-etcd-client.key ]; then cat /etc/kubernetes/pki/apiserver-etcd-client.crt /etc/kubernetes/pki/apiserver-etcd-client.key; fi
)

# ---- join-control-plane: clear the half-done join (kubeadm reset; removes its etcd member)
(
kubeadm reset --force --cri-socket unix:///run/containerd/containerd.sock 2>&1
)

# ---- join-control-plane: wait until etcd can take a new member [not on this machine]

# ---- join-control-plane: create a bootstrap token (valid 15 min) [not on this machine]

# ---- join-control-plane: make a certificate key [not on this machine]

# ---- join-control-plane: write /run/kbootstrap/upload-certs.yaml (1239 bytes, 0600) [on cp1]
(
kb_put /run/kbootstrap/upload-certs.yaml 0600 root:root 1239 37ccad1d751291643196ce782b37b174cea57a0846e0c040fbb6787d683cef73
)

# ---- join-control-plane: kubeadm init phase upload-certs, on cp1 [on cp1]
(
trap 'rm -f /run/kbootstrap/upload-certs.yaml' EXIT
# its output contains the key
kubeadm init phase upload-certs --upload-certs --config /run/kbootstrap/upload-certs.yaml >/dev/null
)

# ---- join-control-plane: let the uploaded certificates expire after 15 min [not on this machine]

# ---- join-control-plane: write /run/kbootstrap/join.yaml (659 bytes, 0600)
(
kb_put /run/kbootstrap/join.yaml 0600 root:root 659 4be55770dca8fc4c6885f54f109f29b609041b4103bc5b559e1b34811db50968
)

# ---- join-control-plane: kubeadm join as control plane (api.example.org:6443)
(
kb_detach join 1680 <<'KB_DETACHED'
kb_static_pods() { # why the static pods do not run, which kubeadm's error does not contain
  for kb_pod in etcd kube-apiserver kube-controller-manager kube-scheduler; do
    [ -e "/etc/kubernetes/manifests/$kb_pod.yaml" ] || continue
    if ! kb_runs=$(crictl ps -q --name "^$kb_pod\$" 2>/dev/null); then
      crictl ps -q 2>&1 # the runtime does not answer
      return 0
    fi
    [ -z "$kb_runs" ] || continue
    echo "$kb_pod does not run on this node:"
    kb_ended=$(crictl ps -a -q --name "^$kb_pod\$" 2>/dev/null | head -n 1)
    [ -z "$kb_ended" ] || crictl logs --tail 5 "$kb_ended" 2>&1
    journalctl --no-pager -q -o cat -n 500 -u kubelet.service 2>/dev/null |
      sed -n "s,.* err=\"\(.*\)\" pod=\"kube-system/$kb_pod-.*,\1,p" | grep -v back-off |
      tail -n 1 | tr -d '\134'
  done
}
trap 'rm -f /run/kbootstrap/join.yaml' EXIT
rc=0
kubeadm join --config /run/kbootstrap/join.yaml || rc=$?
[ "$rc" = 0 ] || kb_static_pods || :
exit "$rc"

KB_DETACHED
)

# ---- join-control-plane: remove /run/kbootstrap/join.yaml
(
rm -rf -- /run/kbootstrap/join.yaml
)

# ---- join-control-plane: delete the bootstrap token of this join [not on this machine]

# ---- join-control-plane: delete the uploaded certificates (secret kubeadm-certs) [not on this machine]
