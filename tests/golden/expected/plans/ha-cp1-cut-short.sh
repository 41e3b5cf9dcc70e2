#!/bin/sh
# shellcheck disable=SC2154 # KB_TMP and the like come from templates/remote/driver.sh
# shellcheck disable=SC2043 # a list from a template may have one element
# shellcheck disable=SC2016 # the text of a file is not expanded
# shellcheck disable=SC2221,SC2222 # a pattern from a template may be *

# cp1 of cluster ha, each part in a subshell of its own

# ---- probe:init
(
kb_fact run "$(kb_run_state init)"
for path in /etc/kubernetes/admin.conf /etc/kubernetes/kubelet.conf /etc/kubernetes/manifests/kube-apiserver.yaml /var/lib/etcd/member; do
  [ -e "$path" ] && kb_fact here "$path"
done
if grep -qs kubelet-client-current.pem /etc/kubernetes/kubelet.conf; then kb_fact finalized 1; fi
[ -e /var/lib/kbootstrap/etcd-restore/manifests/kube-apiserver.yaml ] && kb_fact restoring 1
if [ -e /etc/kubernetes/pki/ca.crt ] || [ -e /etc/kubernetes/admin.conf ]; then kb_fact begun 1; fi
for run in "$KB_STATE"/run/upgrade-*; do
  [ -e "$run" ] || break
  case $(kb_run_state "${run##*/}") in running|lost) kb_fact upgrading "${run##*/upgrade-}" ;; esac
done

:
)

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

# ---- init: resume the interrupted kubeadm init (v1.34.2, endpoint api.example.org:6443)
(
kb_detach init 1620 <<'KB_DETACHED'
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
rc=0
kubeadm init --config /var/lib/kbootstrap/kubeadm.yaml --skip-token-print --ignore-preflight-errors=FileAvailable--etc-kubernetes-manifests-kube-apiserver.yaml,FileAvailable--etc-kubernetes-manifests-kube-controller-manager.yaml,FileAvailable--etc-kubernetes-manifests-kube-scheduler.yaml,FileAvailable--etc-kubernetes-manifests-etcd.yaml,Port-6443,Port-10250,Port-10257,Port-10259,Port-2379,Port-2380,DirAvailable--var-lib-etcd || rc=$?
[ "$rc" = 0 ] || kb_static_pods || :
exit "$rc"

KB_DETACHED
)
