#!/bin/sh
# shellcheck disable=SC2154 # KB_TMP and the like come from templates/remote/driver.sh
# shellcheck disable=SC2043 # a list from a template may have one element
# shellcheck disable=SC2016 # a file that is written stands there as it is
# shellcheck disable=SC2221,SC2222 # a pattern from a template may be *

# cp2 of cluster ha, each part in a subshell of its own

# ---- read:lock
(
# the record as it is, and its age by this machine's own clock; an empty one is none
IFS= read -r boot </proc/sys/kernel/random/boot_id || :
kb_fact boot "$boot"
held=
if [ -e /run/kbootstrap.lock ]; then
  held=$(cat /run/kbootstrap.lock 2>/dev/null) || held=
  stamp=$(stat -c %Y /run/kbootstrap.lock 2>/dev/null) || held=
fi
if [ -n "$held" ]; then
  kb_fact stamp "$stamp"
  kb_fact now "$(date +%s)"
  printf '%s\n' "$held"
fi
)

# ---- probe:leave
(
kb_fact run "$(kb_run_state reset)"
command -v kubeadm >/dev/null 2>&1 && kb_fact kubeadm 1
for path in kubelet.conf bootstrap-kubelet.conf admin.conf manifests/kube-apiserver.yaml pki/ca.crt; do
  if [ -e "/etc/kubernetes/$path" ]; then
    kb_fact kubernetes 1
    break
  fi
done
if [ -r /var/lib/kbootstrap/cluster ]; then
  IFS= read -r name </var/lib/kbootstrap/cluster || :
  kb_fact marker "$name"
fi
if [ -r /etc/kubernetes/pki/ca.crt ]; then
  while IFS= read -r line; do kb_fact ca "$line"; done </etc/kubernetes/pki/ca.crt
fi

:
)

# ---- probe:clean
(
for path in /etc/kubernetes /var/lib/kbootstrap /run/cni-ipam-state /run/kbootstrap; do
  [ -e "$path" ] && kb_fact left "path $path"
done
for folder in /var/lib/kubelet /var/lib/etcd; do
  for path in "$folder"/* "$folder"/.[!.]*; do
    if [ -e "$path" ]; then
      kb_fact left "files in $folder"
      break
    fi
  done
done
for path in /sys/class/net/cni0 /sys/class/net/kube-ipvs0 /sys/class/net/nodelocaldns /sys/class/net/flannel.* /sys/class/net/flannel-* /sys/class/net/vxlan.calico /sys/class/net/vxlan-v6.calico /sys/class/net/cilium_* /sys/class/net/cali[0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f]* /sys/class/net/lxc[0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f]*; do
  [ -e "$path" ] && kb_fact left "link ${path##*/}"
done
if grep -q ' /var/lib/kubelet/' /proc/self/mounts; then kb_fact left "mounts below /var/lib/kubelet"; fi
for tool in iptables iptables-legacy ip6tables ip6tables-legacy; do
  save=$tool-save
  if command -v "$save" >/dev/null 2>&1 && "$save" 2>/dev/null | grep -Eq '^:(KUBE-|CNI-|FLANNEL-|CILIUM_|cali-)'; then
    kb_fact left "chains of $tool"
  fi
done
if [ -r /var/lib/kbootstrap/was ]; then
  while IFS= read -r line; do kb_fact was "$line"; done </var/lib/kbootstrap/was
fi

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

# ---- etcd-member: remove etcd member cp2 (11) [not on this machine]

# ---- leave: kubeadm reset
(
kb_detach reset 600 <<'KB_DETACHED'
exec kubeadm reset --force --cleanup-tmp-dir --cri-socket unix:///run/containerd/containerd.sock --skip-phases=remove-etcd-member

KB_DETACHED
)

# ---- clean: remove what Kubernetes and kbootstrap made, put back what was there before
(
# What we or Kubernetes made, and nothing else; every step may find its work done already.
[ ! -d "$KB_STATE" ] || kb_alone
systemctl --quiet disable --now kubelet.service 2>/dev/null || :
systemctl --quiet disable --now kbootstrap-pod-network.service 2>/dev/null || :

# pods that run on without the kubelet, where kubeadm was not there to stop them
if command -v crictl >/dev/null 2>&1; then
  crictl --runtime-endpoint unix:///run/containerd/containerd.sock rmp --all --force >/dev/null 2>&1 || :
fi

# mounts, deepest first
awk '$2 ~ "^/var/lib/kubelet/" { print $2 }' /proc/self/mounts | sort -r | while read -r mount; do
  umount "$mount" || umount -l "$mount"
done

# the slices the kubelet made for pods
systemctl --quiet stop kubepods.slice 2>/dev/null || :

# links of the pod network
for path in /sys/class/net/cni0 /sys/class/net/kube-ipvs0 /sys/class/net/nodelocaldns /sys/class/net/flannel.* /sys/class/net/flannel-* /sys/class/net/vxlan.calico /sys/class/net/vxlan-v6.calico /sys/class/net/cilium_* /sys/class/net/cali[0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f]* /sys/class/net/lxc[0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f]*; do
  [ ! -e "$path" ] || ip link delete "${path##*/}" 2>/dev/null || :
done

# chains of Kubernetes and of CNI plugins, never anybody else's
for tool in iptables iptables-legacy ip6tables ip6tables-legacy; do
  command -v "$tool-save" >/dev/null 2>&1 || continue
  rules=$("$tool-save" 2>/dev/null) || continue
  if printf '%s\n' "$rules" | grep -Eq '^:(KUBE-|CNI-|FLANNEL-|CILIUM_|cali-)'; then
    # a line that names one of them, as the chain, its rule, or the place a rule jumps to
    printf '%s\n' "$rules" | grep -Ev '(^:|-[AIjg] )(KUBE-|CNI-|FLANNEL-|CILIUM_|cali-)' | "$tool-restore"
  fi
done
if command -v ipset >/dev/null 2>&1; then
  ipset list -n 2>/dev/null | grep -E '^(KUBE-|cali)' | while read -r name; do ipset destroy "$name" || :; done
fi
if command -v nft >/dev/null 2>&1; then
  for family in ip ip6; do
    nft delete table "$family" kube-proxy 2>/dev/null || :
  done
fi

# files Kubernetes made; folders that are mount points are emptied
rm -rf /etc/kubernetes /run/cni-ipam-state
for folder in /var/lib/kubelet /var/lib/etcd /var/log/pods /var/log/containers; do
  [ -d "$folder" ] || continue
  find "$folder" -mindepth 1 -delete
  grep -qx "$folder" /var/lib/kbootstrap/before 2>/dev/null || rmdir "$folder" 2>/dev/null || :
done
before_us=$(cat /var/lib/kbootstrap/before 2>/dev/null) || before_us=

# files we made or replaced, from the ledger; the runtime then runs as it did before us
before=$(sha256sum /etc/containerd/config.toml /etc/crio/crio.conf.d/10-kbootstrap.conf 2>/dev/null) || :
had_networks=
[ ! -d /etc/cni/net.d ] || had_networks=1
kb_undo_ledger
for folder in /etc/cni/net.d /etc/cni /opt/cni/bin /opt/containerd /opt/cni /usr/libexec/kubernetes /var/lib/cni; do
  case "
$before_us
" in
    *"
$folder
"*) ;;
    *) rm -rf "$folder" ;;
  esac
done
after=$(sha256sum /etc/containerd/config.toml /etc/crio/crio.conf.d/10-kbootstrap.conf 2>/dev/null) || :
rmdir /lib/modules 2>/dev/null || : # kube-proxy's volume makes it where there is none
systemctl daemon-reload
systemctl reset-failed kubelet.service 2>/dev/null || :
# a runtime that watched a folder which is gone does not see the next one of that name
[ -z "$had_networks" ] || [ -d /etc/cni/net.d ] || after="$after, without its networks"
if [ "$before" != "$after" ] && systemctl --quiet is-active containerd.service; then
  systemctl restart containerd.service || echo 'containerd.service does not start with the configuration it had before us'
fi
rm -rf /run/kbootstrap/*.yaml
cd / && rm -rf /var/lib/kbootstrap
rmdir /run/kbootstrap 2>/dev/null || :
)
