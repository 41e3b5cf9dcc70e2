#!/bin/sh
# shellcheck disable=SC2154 # KB_TMP and the like come from templates/remote/driver.sh
# shellcheck disable=SC2043 # a list from a template may have one element
# shellcheck disable=SC2016 # the text of a file is not expanded
# shellcheck disable=SC2221,SC2222 # a pattern from a template may be *

# w1 of cluster ha, each part in a subshell of its own

# ---- probe:join-worker
(
kb_fact run "$(kb_run_state join)"
joined=1
[ -e /etc/kubernetes/kubelet.conf ] || joined=0
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

# ---- join-worker: clear the half-done join (kubeadm reset)
(
kubeadm reset --force --cri-socket unix:///run/containerd/containerd.sock --skip-phases=remove-etcd-member 2>&1
)

# ---- join-worker: create a bootstrap token (valid 15 min) [not on this machine]

# ---- join-worker: write /run/kbootstrap/join.yaml (532 bytes, 0600)
(
kb_put /run/kbootstrap/join.yaml 0600 root:root 532 95ce5bc82233a74bfe0a8c07e626ce9392091f0a48d617a230d429f853f308d3
)

# ---- join-worker: kubeadm join as worker (api.example.org:6443)
(
kb_detach join 1680 <<'KB_DETACHED'
trap 'rm -f /run/kbootstrap/join.yaml' EXIT
rc=0
kubeadm join --config /run/kbootstrap/join.yaml || rc=$?
exit "$rc"

KB_DETACHED
)

# ---- join-worker: remove /run/kbootstrap/join.yaml
(
rm -rf -- /run/kbootstrap/join.yaml
)

# ---- join-worker: delete the bootstrap token of this join [not on this machine]
