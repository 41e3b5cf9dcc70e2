#!/bin/sh
# shellcheck disable=SC2154 # KB_TMP and the like come from templates/remote/driver.sh
# shellcheck disable=SC2043 # a list from a template may have one element
# shellcheck disable=SC2016 # the text of a file is not expanded
# shellcheck disable=SC2221,SC2222 # a pattern from a template may be *

# cp1 of cluster ha, each part in a subshell of its own

# ---- probe:leave
(
units() { # names of detached runs that systemd has loaded, or that run without it
  for path in /run/systemd/transient/kbootstrap-*.service; do
    path=${path##*/kbootstrap-}
    path=${path%.service}
    [ "$path" = '*' ] || echo "$path"
  done
  for path in "$KB_STATE"/run/*/lock; do
    path=${path%/lock}
    [ -e "/run/systemd/transient/kbootstrap-${path##*/}.service" ] || free "$path" || echo "${path##*/}"
  done
}
free() { # DIRECTORY: is its lock free? A script holds it also if its runner was killed
  [ ! -e "$1/lock" ] || (exec 9<"$1/lock" && flock -n 9)
}
kb_fact run "$(kb_run_state reset)"
for name in $(units); do
  [ "$name" = reset ] || kb_fact unit "$name"
done
command -v kubeadm >/dev/null 2>&1 && kb_fact kubeadm 1
for path in kubelet.conf bootstrap-kubelet.conf admin.conf manifests/kube-apiserver.yaml pki/ca.crt; do
  if [ -e "/etc/kubernetes/$path" ]; then
    kb_fact kubernetes 1
    kb_fact found "/etc/kubernetes/$path"
    break
  fi
done
# what may belong to others, if the node is not known
[ -z "$(find -H /etc/kubernetes/manifests ! -type d ! -path '*/lost+found/*' 2>/dev/null | head -n 1)" ] || kb_fact found 'static pod manifests, /etc/kubernetes/manifests'
[ -z "$(find -H /var/lib/kubelet/pods ! -type d ! -path '*/lost+found/*' 2>/dev/null | head -n 1)" ] || kb_fact found 'kubelet data, /var/lib/kubelet/pods'
[ -z "$(find -H /var/lib/kubelet/pki ! -type d ! -path '*/lost+found/*' 2>/dev/null | head -n 1)" ] || kb_fact found 'kubelet data, /var/lib/kubelet/pki'
[ -z "$(find -H /var/lib/kubelet/config.yaml ! -type d ! -path '*/lost+found/*' 2>/dev/null | head -n 1)" ] || kb_fact found 'kubelet data, /var/lib/kubelet/config.yaml'
[ -z "$(find -H /var/lib/etcd ! -type d ! -path '*/lost+found/*' 2>/dev/null | head -n 1)" ] || kb_fact found 'etcd data, /var/lib/etcd'
if [ -r /var/lib/kbootstrap/cluster ]; then
  {
    IFS= read -r name || :
    kb_fact marker "$name"
    if IFS= read -r name; then kb_fact marker_ca "$name"; fi
  } </var/lib/kbootstrap/cluster
fi
if [ -r /etc/kubernetes/pki/ca.crt ]; then
  while IFS= read -r line; do kb_fact ca "$line"; done </etc/kubernetes/pki/ca.crt
fi

:
)

# ---- probe:clean
(
units() { # names of detached runs that systemd has loaded, or that run without it
  for path in /run/systemd/transient/kbootstrap-*.service; do
    path=${path##*/kbootstrap-}
    path=${path%.service}
    [ "$path" = '*' ] || echo "$path"
  done
  for path in "$KB_STATE"/run/*/lock; do
    path=${path%/lock}
    [ -e "/run/systemd/transient/kbootstrap-${path##*/}.service" ] || free "$path" || echo "${path##*/}"
  done
}
free() { # DIRECTORY: is its lock free? A script holds it also if its runner was killed
  [ ! -e "$1/lock" ] || (exec 9<"$1/lock" && flock -n 9)
}
before_us=$(cat /var/lib/kbootstrap/before 2>/dev/null) || before_us=
older() { # earlier files that are unchanged
  printf '%s\n' "$before_us" | while IFS=' ' read -r kind identity path; do
    [ "$kind" = file ] || continue
    [ "$(stat -c %Y:%s "$path" 2>/dev/null)" != "$identity" ] || printf '%s\n' "$path"
  done
}
was_there() { # LINE: is it in that record?
  printf '%s\n' "$before_us" | grep -qxF -e "$1"
}
stays() { # DIRECTORY: patterns of what is retained below it
  {
    echo "$1/lost+found"
    awk '{ gsub(/\\040/, " ", $2); print $2 }' /proc/self/mounts
    older
  } | at=$1/ awk 'index($0, ENVIRON["at"]) == 1' | sed 's/[][*?\\]/\\&/g'
}
below() ( # DIRECTORY ARGUMENTS...: find what is to be removed below it, on its file system
  folder=$(cd "$1" && pwd -P)
  shift
  IFS=$KB_NL
  set -f
  for path in $(stays "$folder"); do
    set -- ! -path "$path" ! -path "$path/*" "$@"
  done
  find "$folder" -xdev -depth ! -path "$folder" "$@"
)
if [ -r /var/lib/kbootstrap/cluster ]; then
  {
    IFS= read -r name || :
    kb_fact marker "$name"
    if IFS= read -r name; then kb_fact marker_ca "$name"; fi
  } </var/lib/kbootstrap/cluster
fi
if [ -r /etc/kubernetes/pki/ca.crt ]; then
  while IFS= read -r line; do kb_fact ca "$line"; done </etc/kubernetes/pki/ca.crt
fi
for name in $(units); do kb_fact left "unit kbootstrap-$name.service"; done
for path in /var/lib/kbootstrap /run/cni-ipam-state /run/kbootstrap; do
  [ -e "$path" ] && kb_fact left "path $path"
done
for folder in /var/lib/kubelet /var/log/pods /var/log/containers /etc/kubernetes /var/lib/etcd; do
  if [ -d "$folder" ] && [ -n "$(below "$folder" ! -type d | head -n 1)" ]; then
    kb_fact left "files in $folder"
  fi
done
for path in /sys/class/net/kube-ipvs0 /sys/class/net/nodelocaldns /sys/class/net/flannel.* /sys/class/net/flannel-* /sys/class/net/vxlan.calico /sys/class/net/vxlan-v6.calico /sys/class/net/cali[0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f]* /sys/class/net/cilium_* /sys/class/net/lxc[0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f]* /sys/class/net/cni0; do
  [ ! -e "$path" ] || was_there "link ${path##*/}" || kb_fact left "link ${path##*/}"
done
if grep -q ' /var/lib/kubelet/' /proc/self/mounts; then kb_fact left 'mounts below /var/lib/kubelet'; fi
for tool in iptables iptables-legacy ip6tables ip6tables-legacy; do
  save=$tool-save
  if command -v "$save" >/dev/null 2>&1 && "$save" 2>/dev/null | grep -Eq '^:(KUBE-|FLANNEL-|CILIUM_|cali-|CNI-)'; then
    kb_fact left "chains of $tool"
  fi
done
[ -e /var/lib/kbootstrap/before ] || for folder in /opt/containerd /opt/cni/bin /opt/cni /usr/libexec/kubernetes /etc/cni/net.d /etc/cni /var/lib/cni; do
  [ ! -d "$folder" ] || kb_fact unrecorded "$folder"
done
kb_changed /etc/cni/net.d /opt/cni/bin /usr/libexec/kubernetes /var/lib/cni /var/lib/etcd /var/lib/kubelet /var/log/containers /var/log/pods /etc/cni /etc/kubernetes /opt/cni /opt/containerd | while IFS= read -r line; do kb_fact changed "$line"; done
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

# ---- leave: kubeadm reset
(
kb_detach reset 600 <<'KB_DETACHED'
before_us=$(cat /var/lib/kbootstrap/before 2>/dev/null) || before_us=
older() { # earlier files that are unchanged
  printf '%s\n' "$before_us" | while IFS=' ' read -r kind identity path; do
    [ "$kind" = file ] || continue
    [ "$(stat -c %Y:%s "$path" 2>/dev/null)" != "$identity" ] || printf '%s\n' "$path"
  done
}
was_there() { # LINE: is it in that record?
  printf '%s\n' "$before_us" | grep -qxF -e "$1"
}
# kubeadm reset empties directories that may contain files of others
older | while IFS= read -r path; do
  case $path in /etc/kubernetes/* | /var/lib/kubelet/*) ;; *) continue ;; esac
  mkdir -p "/var/lib/kbootstrap/aside${path%/*}"
  mv "$path" "/var/lib/kbootstrap/aside$path"
done
exec kubeadm reset --force --cleanup-tmp-dir --cri-socket unix:///run/containerd/containerd.sock --skip-phases=remove-etcd-member

KB_DETACHED
)

# ---- clean: remove what Kubernetes and kbootstrap made, restore what was there before
(
# Removes what kbootstrap or Kubernetes made, and nothing else; every step is idempotent.
units() { # names of detached runs that systemd has loaded, or that run without it
  for path in /run/systemd/transient/kbootstrap-*.service; do
    path=${path##*/kbootstrap-}
    path=${path%.service}
    [ "$path" = '*' ] || echo "$path"
  done
  for path in "$KB_STATE"/run/*/lock; do
    path=${path%/lock}
    [ -e "/run/systemd/transient/kbootstrap-${path##*/}.service" ] || free "$path" || echo "${path##*/}"
  done
}
free() { # DIRECTORY: is its lock free? A script holds it also if its runner was killed
  [ ! -e "$1/lock" ] || (exec 9<"$1/lock" && flock -n 9)
}
stop() { # NAME: stop a detached run, and wait until it has ended
  if [ -e "/run/systemd/transient/kbootstrap-$1.service" ]; then
    systemctl stop "kbootstrap-$1.service"
    systemctl reset-failed "kbootstrap-$1.service" 2>/dev/null || :
    return 0
  fi
  run=$KB_STATE/run/$1
  for signal in TERM KILL; do
    for process in $(session "$run"); do kill "-$signal" "$process" 2>/dev/null || :; done
    tries=100
    until free "$run"; do
      tries=$((tries - 1))
      [ "$tries" -gt 0 ] || continue 2
      kb_nap 0.2
    done
    return 0
  done
  kb_fail "the run $1 does not end"
}
session() { # DIRECTORY: every process of the runner's session
  read -r leader _ <"$1/pid" || return 0
  for process in /proc/[0-9]*; do
    read -r line 2>/dev/null <"$process/stat" || continue
    # shellcheck disable=SC2086 # fields, counted after the name, which may contain blanks
    set -- ${line##*) }
    [ "$4" != "$leader" ] || echo "${process#/proc/}"
  done
}
before_us=$(cat /var/lib/kbootstrap/before 2>/dev/null) || before_us=
older() { # earlier files that are unchanged
  printf '%s\n' "$before_us" | while IFS=' ' read -r kind identity path; do
    [ "$kind" = file ] || continue
    [ "$(stat -c %Y:%s "$path" 2>/dev/null)" != "$identity" ] || printf '%s\n' "$path"
  done
}
was_there() { # LINE: is it in that record?
  printf '%s\n' "$before_us" | grep -qxF -e "$1"
}
stays() { # DIRECTORY: patterns of what is retained below it
  {
    echo "$1/lost+found"
    awk '{ gsub(/\\040/, " ", $2); print $2 }' /proc/self/mounts
    older
  } | at=$1/ awk 'index($0, ENVIRON["at"]) == 1' | sed 's/[][*?\\]/\\&/g'
}
below() ( # DIRECTORY ARGUMENTS...: find what is to be removed below it, on its file system
  folder=$(cd "$1" && pwd -P)
  shift
  IFS=$KB_NL
  set -f
  for path in $(stays "$folder"); do
    set -- ! -path "$path" ! -path "$path/*" "$@"
  done
  find "$folder" -xdev -depth ! -path "$folder" "$@"
)
gone() { # DIRECTORY: empty it, and remove it if it did not exist before
  [ -d "$1" ] || return 0
  below "$1" ! -type d -exec rm -f {} +
  below "$1" -type d -exec rmdir {} + 2>/dev/null || :
  was_there "$1" || rmdir "$1" 2>/dev/null || :
}
[ ! -d "$KB_STATE" ] || kb_alone
for name in $(units); do stop "$name"; done
systemctl --quiet disable --now kubelet.service 2>/dev/null || :
systemctl --quiet disable --now kbootstrap-pod-network.service 2>/dev/null || :

# pods that still run without the kubelet, if there was no kubeadm to stop them
if command -v crictl >/dev/null 2>&1; then
  crictl --runtime-endpoint unix:///run/containerd/containerd.sock rmp --all --force >/dev/null 2>&1 || :
fi

# mounts, deepest first
awk '$2 ~ "^/var/lib/kubelet/" { print $2 }' /proc/self/mounts | sort -r | while read -r mount; do
  mount=$(printf %b "$mount")
  umount "$mount" || umount -l "$mount"
done

# the kubelet's slices for pods
systemctl --quiet stop kubepods.slice 2>/dev/null || :

# links of the pod network
for path in /sys/class/net/kube-ipvs0 /sys/class/net/nodelocaldns /sys/class/net/flannel.* /sys/class/net/flannel-* /sys/class/net/vxlan.calico /sys/class/net/vxlan-v6.calico /sys/class/net/cali[0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f]* /sys/class/net/cilium_* /sys/class/net/lxc[0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f]* /sys/class/net/cni0; do
  [ ! -e "$path" ] || was_there "link ${path##*/}" || ip link delete "${path##*/}" 2>/dev/null || :
done

# chains of Kubernetes and of CNI plugins only
for tool in iptables iptables-legacy ip6tables ip6tables-legacy; do
  command -v "$tool-save" >/dev/null 2>&1 || continue
  rules=$("$tool-save" 2>/dev/null) || continue
  if printf '%s\n' "$rules" | grep -Eq '^:(KUBE-|FLANNEL-|CILIUM_|cali-|CNI-)'; then
    # a line with one of them as chain, rule or jump target
    printf '%s\n' "$rules" | grep -Ev '(^:|-[AIjg] )(KUBE-|FLANNEL-|CILIUM_|cali-|CNI-)' | "$tool-restore"
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

# earlier files, which the previous step moved aside
if [ -d /var/lib/kbootstrap/aside ]; then
  (cd /var/lib/kbootstrap/aside && find . ! -type d) | while IFS= read -r path; do
    (umask 022 && mkdir -p "/${path%/*}")
    [ -e "/$path" ] || mv /var/lib/kbootstrap/aside/"$path" "/$path"
  done
fi

before=$(sha256sum /etc/containerd/config.toml /etc/crio/crio.conf.d/10-kbootstrap.conf 2>/dev/null) || :
had_networks=
[ ! -d /etc/cni/net.d ] || had_networks=1

# files that Kubernetes made
for folder in /var/lib/kubelet /var/log/pods /var/log/containers /etc/kubernetes /var/lib/etcd /run/cni-ipam-state; do
  gone "$folder"
done
for folder in /opt/containerd /opt/cni/bin /opt/cni /usr/libexec/kubernetes /etc/cni/net.d /etc/cni /var/lib/cni; do
  was_there "$folder" || gone "$folder"
done

# files that kbootstrap made or replaced; the ledger goes last, since it identifies the node
kb_undo_ledger /etc/cni/net.d /opt/cni/bin /usr/libexec/kubernetes /var/lib/cni /var/lib/etcd /var/lib/kubelet /var/log/containers /var/log/pods /etc/cni /etc/kubernetes /opt/cni /opt/containerd

# the runtime with its earlier configuration
after=$(sha256sum /etc/containerd/config.toml /etc/crio/crio.conf.d/10-kbootstrap.conf 2>/dev/null) || :
# directories that a volume of a pod made where there were none
rmdir /lib/modules 2>/dev/null || :
systemctl daemon-reload
for unit in kubelet.service kbootstrap-pod-network.service; do
  systemctl reset-failed "$unit" 2>/dev/null || :
done
# a runtime does not notice that a directory it watches was removed and created again
[ -z "$had_networks" ] || [ -d /etc/cni/net.d ] || after="$after, without its networks"
if [ "$before" != "$after" ] && systemctl --quiet is-active containerd.service; then
  systemctl restart containerd.service || echo 'containerd.service does not start with its earlier configuration'
fi
rm -rf /run/kbootstrap/*.yaml
cd / && rm -rf /var/lib/kbootstrap
rmdir /run/kbootstrap 2>/dev/null || :
)
