#!/bin/sh
# shellcheck disable=SC2154 # KB_TMP and the like come from templates/remote/driver.sh
# shellcheck disable=SC2043 # a list from a template may have one element
# shellcheck disable=SC2016 # the text of a file is not expanded
# shellcheck disable=SC2221,SC2222 # a pattern from a template may be *

# cp1 of cluster ha, each part in a subshell of its own

# ---- probe:identity
(
while read -r key _ value _; do
  case $key in Uid:) kb_fact uid "$value"; break ;; esac
done </proc/self/status
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
for folder in /etc/cni/net.d /opt/cni/bin /usr/libexec/kubernetes /var/lib/cni /var/lib/etcd /var/lib/kubelet /var/log/containers /var/log/pods /etc/cni /etc/kubernetes /opt/cni /opt/containerd; do
  [ -d "$folder" ] && kb_fact folder "$folder"
done
for unit in /run/systemd/transient/kbootstrap-*.service; do
  name=${unit##*/kbootstrap-}
  name=${name%.service}
  [ ! -e "$unit" ] || [ -e "$KB_STATE/run/$name" ] || kb_fact orphan "$name"
done
if [ -e /var/lib/kbootstrap/before ]; then
  kb_fact recorded 1
elif ! [ -e /etc/kubernetes/kubelet.conf ] && ! [ -e /etc/kubernetes/pki/ca.crt ]; then
  for folder in /var/lib/kubelet /var/log/pods /var/log/containers /etc/kubernetes /var/lib/etcd; do
    [ ! -d "$folder" ] || find "$(cd "$folder" && pwd -P)" -xdev ! -type d ! -path "*$KB_NL*" -exec stat -c 'older=file %Y:%s %n' {} + || :
  done
  for path in /sys/class/net/kube-ipvs0 /sys/class/net/nodelocaldns /sys/class/net/flannel.* /sys/class/net/flannel-* /sys/class/net/vxlan.calico /sys/class/net/vxlan-v6.calico /sys/class/net/cali[0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f]* /sys/class/net/cilium_* /sys/class/net/lxc[0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f]* /sys/class/net/cni0; do
    [ ! -e "$path" ] || kb_fact older "link ${path##*/}"
  done
fi
member=0
if [ -e /etc/kubernetes/kubelet.conf ]; then member=1; fi
kb_fact member "$member"
if [ -e /etc/kubernetes/manifests/kube-apiserver.yaml ]; then
  kb_fact control_plane 1
  while IFS= read -r line; do
    case $line in
      *--advertise-address=*) kb_fact serves_address "${line#*=}" ;;
      *--secure-port=*[!0-9]* | *--secure-port=) ;;
      *--secure-port=*) kb_fact port "${line#*=}" ;;
    esac
  done </etc/kubernetes/manifests/kube-apiserver.yaml
fi
[ -e /var/lib/kbootstrap/etcd-restore/manifests/kube-apiserver.yaml ] && kb_fact restoring 1
[ -e /etc/kubernetes/pki/rotation ] && kb_fact rotating 1
[ -e /var/lib/etcd/member ] && kb_fact etcd_data 1
command -v containerd >/dev/null 2>&1 && kb_fact runtime 1
for tool in awk base64 cat chmod chown cmp cp curl date dd df du env find flock getent grep head ip iptables journalctl ln losetup ls mkdir mount mountpoint mv od readlink rm rmdir runc sed sha256sum sleep sort stat swapoff sync sysctl systemctl systemd-run tail timeout tr umount uname wc wget; do
  command -v "$tool" >/dev/null 2>&1 || kb_fact lacks "$tool"
done
if [ "$member" = 0 ]; then
  df -Pk /var /etc | {
    read -r _
    read -r _ _ _ free _ && kb_fact var_kib "$free"
    read -r _ _ _ free _ && kb_fact etc_kib "$free"
  }
  [ -e /var/lib/kubelet/config.yaml ] || awk -v ports='6443 10250 10257 10259 2379 2380' '
    BEGIN { n = split(ports, p, " "); for (i = 1; i <= n; i++) want[sprintf("%04X", p[i])] = p[i] }
    $4 == "0A" { split($2, a, ":"); port = a[length(a)]; if (port in want && !seen[port]++) print "taken=" want[port] }
  ' /proc/net/tcp /proc/net/tcp6 2>/dev/null || :
fi

:
)

# ---- probe:fitness
(
resolver=/etc/resolv.conf
if [ -r /var/lib/kubelet/config.yaml ]; then
  while read -r key value; do
    case $key in resolvConf:) value=${value#\"} resolver=${value%\"} ;; esac
  done </var/lib/kubelet/config.yaml
elif [ "$resolver" = /etc/resolv.conf ] && [ ! -e "$resolver" ] && [ -e /run/systemd/resolve/resolv.conf ]; then
  resolver=/run/systemd/resolve/resolv.conf
fi
[ -z "$resolver" ] || [ -e "$resolver" ] || kb_fact lost_resolver "$resolver"
[ -e /etc/kubernetes/kubelet.conf ] && kb_fact member 1
for path in /etc/cni/net.d/*; do
  case $path in
    /etc/cni/net.d/10-kbootstrap.conflist) ;;
    *.conf | *.conflist | *.json) [ -e "$path" ] && kb_fact network "$path" ;;
  esac
done
if [ -r /etc/cni/net.d/10-kbootstrap.conflist ]; then
  while read -r line; do
    case $line in *'"subnet": "'*) line=${line#*'"subnet": "'}; kb_fact range "${line%%\"*}" ;; esac
  done </etc/cni/net.d/10-kbootstrap.conflist
fi
if addresses=$(ip -o addr show 2>/dev/null); then
  printf '%s\n' "$addresses" | while read -r _ link family address _; do
    [ "${address%/*}" != 192.0.2.11 ] || kb_fact address 1
    case $link/$family in cni0/inet) kb_fact bridge "$address" ;; esac
  done
else
  kb_fact address 1
fi
reach() {
  reason=$(timeout 5 bash -c 'exec 3<>"/dev/tcp/$0/$1"' "$1" "$2" 2>&1) && return
  case $?,$reason in
    124,* | 143,*) reason='timed out' ;;
    *refused*) return ;;
  esac
  kb_fact blocked "$1 $2 ${reason##*: }"
}
if [ ! -e /etc/kubernetes/kubelet.conf ] && command -v bash >/dev/null 2>&1; then
  reach api.example.org 6443 &
  reach 192.0.2.12 2379 &
  reach 192.0.2.12 2380 &
  reach 192.0.2.13 2379 &
  reach 192.0.2.13 2380 &
  wait
fi

:
)

# ---- probe:host
(
if ! [ -d /sys/module/overlay ] && ! grep -qw overlay /proc/filesystems; then
  kb_fact missing_module overlay
fi
if ! [ -d /sys/module/br_netfilter ] && ! [ -d /proc/sys/net/bridge ] && ! grep -qw br_netfilter /proc/filesystems; then
  kb_fact missing_module br_netfilter
fi
kb_sha modules_sha /etc/modules-load.d/95-kbootstrap.conf sysctl_sha /etc/sysctl.d/95-kbootstrap.conf
set --
for path in /proc/sys/net/ipv4/ip_forward /proc/sys/net/bridge/bridge-nf-call-iptables /proc/sys/net/bridge/bridge-nf-call-ip6tables; do
  [ ! -r "$path" ] || set -- "$@" "$path"
done
[ $# -eq 0 ] || values=$(cat "$@")
for path; do
  case $path=${values%%"$KB_NL"*} in
    /proc/sys/net/ipv4/ip_forward=1) ;;
    /proc/sys/net/bridge/bridge-nf-call-iptables=1) ;;
    /proc/sys/net/bridge/bridge-nf-call-ip6tables=1) ;;
    /proc/sys/net/ipv4/ip_forward=*) kb_fact wrong_sysctl net.ipv4.ip_forward ;;
    /proc/sys/net/bridge/bridge-nf-call-iptables=*) kb_fact wrong_sysctl net.bridge.bridge-nf-call-iptables ;;
    /proc/sys/net/bridge/bridge-nf-call-ip6tables=*) kb_fact wrong_sysctl net.bridge.bridge-nf-call-ip6tables ;;
  esac
  values=${values#*"$KB_NL"}
done
found=$(awk -v name=cp1 '{ sub(/#.*/, ""); for (i = 2; i <= NF; i++) if ($i == name) { print $1; exit } }' /etc/hosts 2>/dev/null) || found=
[ -n "$found" ] || found=$(timeout 2 getent ahosts cp1 2>/dev/null) || found=
found=${found%%[% "$KB_NL"]*}
case $found in
  '') ;;
  127.* | ::1 | 192.0.2.11) kb_fact resolves 1 ;;
  *) if ip -o addr show | grep -qF " $found/"; then kb_fact resolves 1; fi ;;
esac

:
)

# ---- probe:files
(
kb_files file '%a %U:%G' 
if [ -r /var/lib/kbootstrap/files ]; then
  while IFS= read -r path; do [ -z "$path" ] || kb_fact recorded "$path"; done </var/lib/kbootstrap/files
fi

:
)

# ---- probe:runtime
(
version="" program=$(command -v containerd) || program=
if [ -n "$program" ]; then
  noted="" identity=$(stat -Lc '%s:%.9Y:%.9Z:%i' "$program")
  if [ -r /var/lib/kbootstrap/runtime ]; then read -r noted version </var/lib/kbootstrap/runtime || :; fi
  [ "$noted" = "$identity" ] || version=$(containerd --version 2>/dev/null) || version=
fi
for word in $version; do
  case $word in v[0-9]*.[0-9]* | [0-9]*.[0-9]*) kb_fact version "$word"; break ;; esac
done
set -- /etc/containerd/config.toml
for path in /etc/containerd/certs.d/*/hosts.toml; do
  case " $* " in *" $path "*) continue ;; esac
  if [ -r "$path" ] && IFS= read -r line <"$path" && [ "$line" = '# Written by kbootstrap.' ]; then set -- "$@" "$path"; fi
done
kb_files file '' "$@"
outdated="" pid=0
if [ -r /var/lib/kbootstrap/runtime-outdated ]; then IFS= read -r outdated </var/lib/kbootstrap/runtime-outdated || :; fi
for line in $(systemctl show containerd.service -p ActiveState -p UnitFileState -p UMask -p MainPID); do
  case $line in
    ActiveState=active) kb_fact active 1 ;;
    UnitFileState=enabled) kb_fact enabled 1 ;;
    UMask=*) kb_fact umask "${line#*=}" ;;
    MainPID=*) pid=${line#*=} ;;
  esac
done
if [ -n "$outdated" ] && [ "$pid" != 0 ]; then
  kb_boot
  kb_since "$pid"
  if [ "$outdated" = "$kb_booted $pid $kb_born" ]; then kb_fact stale 1; fi
fi
if [ -S /run/containerd/containerd.sock ] && kb_socket /run/containerd/containerd.sock; then kb_fact answers 1; fi
if [ -e /var/lib/kbootstrap/runtime-settings ]; then
  kb_fact unfinished 1
  kb_fact trial "$(kb_run_state runtime-settings)"
fi
if [ -e /var/lib/kubelet/config.yaml ] && [ "$(systemctl show kubelet.service -p ActiveState)" = ActiveState=active ]; then kb_fact used 1; fi

:
)

# ---- probe:programs
(
noted=
if [ -r /var/lib/kbootstrap/programs ]; then noted=$KB_NL$(cat /var/lib/kbootstrap/programs)$KB_NL; fi
set --
for name in kubeadm kubelet kubectl crictl; do
  [ -f /usr/local/bin/"$name" ] && set -- "$@" /usr/local/bin/"$name"
done
for file in /opt/cni/bin/*; do
  [ -f "$file" ] && set -- "$@" "$file"
done
if [ $# -gt 0 ]; then
  stat -c '%s:%.9Y:%.9Z:%i %n' "$@" | while read -r identity path; do
    case $noted in
      *"$KB_NL$identity "*) sum=${noted#*"$KB_NL$identity "} ;;
      *) sum=$(sha256sum <"$path") ;;
    esac
    kb_fact have "${sum%% *} $path"
  done
fi

:
)

# ---- probe:kubelet
(
kb_files file '' /etc/systemd/system/kubelet.service /etc/systemd/system/kubelet.service.d/10-kubeadm.conf /etc/systemd/system/kubelet.service.d/zz-kbootstrap.conf /etc/crictl.yaml
for line in $(systemctl show kubelet.service -p UnitFileState -p NeedDaemonReload -p FragmentPath -p UMask); do
  case $line in
    UnitFileState=enabled) kb_fact enabled 1 ;;
    NeedDaemonReload=yes) kb_fact reload 1 ;;
    FragmentPath=/lib/* | FragmentPath=/usr/lib/*) kb_fact packaged 1 ;;
    UMask=*) kb_fact umask "${line#*=}" ;;
  esac
done

:
)

# ---- probe:kubeadm-config
(
kb_files file '' /var/lib/kbootstrap/kubeadm.yaml /var/lib/kbootstrap/patches/*
if [ -r /var/lib/kbootstrap/kubeadm.yaml.valid ]; then
  IFS= read -r verdict </var/lib/kbootstrap/kubeadm.yaml.valid || :
  kb_fact validated "$verdict"
fi

:
)

# ---- probe:images
(
if [ -e /etc/kubernetes/kubelet.conf ]; then
  kb_fact joined 1
elif [ -r /var/lib/kbootstrap/kubeadm.yaml ] && command -v kubeadm >/dev/null 2>&1 && command -v crictl >/dev/null 2>&1; then
  if wanted=$(kubeadm config images list --config /var/lib/kbootstrap/kubeadm.yaml 2>/dev/null) && have=$(crictl images -o json 2>/dev/null); then
    have=$(printf '%s' "$have" | tr -d ' \n')
    missing=${wanted:+0}
    for image in $wanted; do
      case $image in
        *) case $have in *[[,]"\"$image\""[],]*) ;; *) missing=1 ;; esac ;;
      esac
    done
    [ "$missing" != 0 ] || kb_fact present 1
  fi
fi

:
)

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

# ---- probe:control-plane
(
for state in /var/lib/kbootstrap/control-plane/*/; do
  [ -e "$state" ] || break
  state=${state%/}
  case $state in *.new) ;; *) kb_fact open "${state##*/}" ;; esac
done
[ "$(kb_run_state control-plane-certificate)" != running ] || kb_fact busy certificate
[ "$(kb_run_state control-plane-kube-apiserver)" != running ] || kb_fact busy kube-apiserver
[ "$(kb_run_state control-plane-kube-controller-manager)" != running ] || kb_fact busy kube-controller-manager
[ "$(kb_run_state control-plane-kube-scheduler)" != running ] || kb_fact busy kube-scheduler
[ "$(kb_run_state control-plane-etcd)" != running ] || kb_fact busy etcd
set --
for name in kube-apiserver kube-controller-manager kube-scheduler etcd; do
  [ ! -r "/etc/kubernetes/manifests/$name.yaml" ] || set -- "$@" "/etc/kubernetes/manifests/$name.yaml"
done
if [ $# -gt 0 ]; then
# running WHAT MANIFEST...: with which arguments each component runs, or, if WHAT is pid, its process
# if that has the manifest's arguments. Of several processes of its name in the network of the host,
# the one that fits the manifest best; without a process, the manifest has the arguments.
running() {
  what=$1
  shift
  net=$(readlink /proc/self/ns/net)
  for dir in /proc/[0-9]*; do
    read -r comm 2>/dev/null <"$dir/comm" || continue
    case $comm in
    kube-apiserver | kube-controller | kube-scheduler | etcd) ;;
    *) continue ;;
    esac
    [ "$(readlink "$dir/ns/net")" = "$net" ] || continue
    printf '\n@%s\n' "${dir#/proc/}"
    tr '\0' '\n' 2>/dev/null <"$dir/cmdline" || :
  done | awk -v what="$what" '
    FILENAME != "-" {
      if (FNR == 1) {
        name = FILENAME
        sub(/.*\//, "", name)
        sub(/\.yaml$/, "", name)
        names[++total] = name
        known[name] = 1
        inside = 0
      }
      if ($1 == "image:" && !(name in image)) {
        image[name] = $2
        gsub(/["\047]/, "", image[name])
      }
      if (/^(  - |    )(command|args):$/) inside = 1
      else if (inside && /^ *- --[^ ]*$/) {
        item[name, ++items[name]] = $2
        has[name, $2] = 1
      } else if (inside && /^( *- |      )/) {
        if ($2 != name) odd[name] = 1 # quoted, or on several lines
      } else inside = 0
      next
    }
    /^@[0-9]+$/ { pid = substr($0, 2); who = ""; next }
    who == "" {
      sub(/.*\//, "")
      if ($0 in known) { who = $0; pids[who, ++found[who]] = pid }
      next
    }
    $0 != "" { arg[pid, ++args[pid]] = $0; given[pid, $0] = 1 }
    END {
      for (n = 1; n <= total; n++) {
        name = names[n]
        best = ""
        for (i = 1; i <= found[name]; i++) {
          pid = pids[name, i]
          wrong = 0
          for (j = 1; j <= items[name]; j++) if (!((pid, item[name, j]) in given)) wrong++
          for (j = 1; j <= args[pid]; j++) if (!(name in odd) && !((name, arg[pid, j]) in has)) wrong++
          if (best == "" || wrong < least) { best = pid; least = wrong }
        }
        if (what == "pid") { if (best != "" && least == 0) print best; continue }
        print "image=" name " " image[name]
        if (best == "") for (j = 1; j <= items[name]; j++) print "arg=" name " " item[name, j]
        else for (j = 1; j <= args[best]; j++) print "arg=" name " " arg[best, j]
        if (best != "" && 0 < least) print "stale=" name
      }
    }' "$@" -
}
  running arguments "$@"
# The names in the certificate: its DER is read as hexadecimal digits from its base64.
certificate=/etc/kubernetes/pki/apiserver.crt
if [ -r "$certificate" ]; then
  awk '
    function number(text, i, n) {
      n = 0
      for (i = 1; i <= length(text); i++) n = 16 * n + index("0123456789abcdef", substr(text, i, 1)) - 1
      return n
    }
    function take(digits, text) { text = substr(hex, at, digits); at += digits; return text }
    function size(n) {
      n = number(take(2))
      return n < 128 ? n : number(take(2 * (n - 128)))
    }
    /-----END/ { exit }
    /-----BEGIN/ { next }
    { sub(/\r$/, ""); body = body $0 }
    END {
      letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
      gsub(/=/, "A", body)
      for (i = 1; i < length(body); i += 2)
        hex = hex sprintf("%03x", 64 * (index(letters, substr(body, i, 1)) - 1) + index(letters, substr(body, i + 1, 1)) - 1)
      at = index(hex, "0603551d11") # OID 2.5.29.17, subjectAltName
      if (!at) exit
      at += 10
      if (substr(hex, at, 6) == "0101ff") at += 6 # critical
      take(2); size(); take(2)
      end = 2 * size()
      end += at
      while (at < end && at < length(hex)) {
        tag = take(2)
        item = take(2 * size())
        name = ""
        if (tag == "82") for (i = 1; i < length(item); i += 2) name = name sprintf("%c", number(substr(item, i, 2)))
        else if (tag == "87" && length(item) == 8)
          for (i = 1; i < 8; i += 2) name = name (i > 1 ? "." : "") number(substr(item, i, 2))
        else if (tag == "87") for (i = 1; i < length(item); i += 4) name = name (i > 1 ? ":" : "") substr(item, i, 4)
        if (name != "") print "san=" name
      }
    }' "$certificate"
fi
fi
file=/var/lib/kbootstrap/snapshots/before-settings.db
if [ -r "$file.facts" ] && [ -f "$file" ]; then
  read -r identity _ _ taken <"$file.facts" || :
  [ "$identity" != "$(stat -c '%s:%.9Y:%i' "$file")" ] || kb_fact taken "$taken"
fi

:
)

# ---- probe:endpoint
(
admin=/etc/kubernetes/admin.conf
if [ -r "$admin" ] && ! grep -qsxF '    server: https://api.example.org:6443' "$admin"; then
  said=$(kubectl get --raw /readyz --kubeconfig "$admin" --server https://api.example.org:6443 --request-timeout=5s 2>/dev/null) || said=
  [ "$said" != ok ] || kb_fact named 1
fi

:
)

# ---- probe:endpoint-files
(
if [ -e /etc/kubernetes/kubelet.conf ]; then
  kb_fact run "$(kb_run_state kubelet-endpoint)"
  [ ! -e /var/lib/kbootstrap/endpoint ] || kb_fact unfinished 1
  file='' other=''
  for word in $(grep -sH '^ *server: ' /etc/kubernetes/admin.conf /etc/kubernetes/super-admin.conf /etc/kubernetes/kubelet.conf | tr -d '"'); do
    case $word in
    /*.conf:)
      file=${word##*/}
      file=${file%:}
      ;;
    server:) ;;
    *)
      kb_fact server "$file $word"
      case $file,$word in *,https://api.example.org:6443 | kubelet.conf,https://192.0.2.11:6443) ;; *) other=1 ;; esac
      ;;
    esac
  done
  if [ "$other" ]; then
    said=$(kubectl get --raw /readyz --kubeconfig /etc/kubernetes/kubelet.conf --server https://api.example.org:6443 --tls-server-name kubernetes --request-timeout=5s 2>&1 | tr '\n\r' '  ') || :
    [ "$said" = ok ] || kb_fact silent "${said:-no answer}"
  fi
fi

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

# ---- probe:record
(
if [ -r /var/lib/kbootstrap/cluster ]; then
  {
    IFS= read -r name || :
    kb_fact marker "$name"
    if IFS= read -r name; then kb_fact marker_ca "$name"; fi
  } </var/lib/kbootstrap/cluster
fi

:
)

# ---- probe:cni-bridge
(
kb_sha conflist /etc/cni/net.d/10-kbootstrap.conflist script /var/lib/kbootstrap/pod-network.sh unit /etc/systemd/system/kbootstrap-pod-network.service
for line in $(systemctl show kbootstrap-pod-network.service -p UnitFileState); do
  case $line in UnitFileState=enabled) kb_fact enabled 1 ;; esac
done
route=$(ip -4 route show 10.244.0.0/16 2>/dev/null) || route=
address=192.0.2.11
case "$route " in
  *" src $address "*)
    link=${route#*dev }
    link=${link%% *}
    proxy=$(cat "/proc/sys/net/ipv4/conf/$link/proxy_arp")
    [ "$proxy" = 1 ] && kb_fact up 1
    ;;
esac

:
)

# ---- probe:kubelet-config
(
if [ -e /var/lib/kubelet/config.yaml ]; then
  kb_fact run "$(kb_run_state kubelet-settings)"
  [ ! -e /var/lib/kbootstrap/kubelet-settings ] || kb_fact unfinished 1
  while IFS= read -r line; do kb_fact config "$line"; done </var/lib/kubelet/config.yaml
  if [ -r /var/lib/kubelet/kubeadm-flags.env ]; then
    IFS= read -r line </var/lib/kubelet/kubeadm-flags.env || :
    kb_fact flags "$line"
  fi
  for path in /var/lib/kbootstrap/patches/kubeletconfiguration*; do
    [ -r "$path" ] || continue
    kb_fact patch ---
    while IFS= read -r line; do kb_fact patch "$line"; done <"$path"
  done
  pid=0 day='' clock=''
  for word in $(TZ=UTC systemctl show kubelet.service -p MainPID -p ExecMainStartTimestamp); do
    case $word in
    MainPID=*) pid=${word#*=} ;;
    [0-9]*-*) day=$word ;;
    [0-9]*:*) clock=$word ;;
    esac
  done
  if [ "${pid:-0}" -gt 0 ] && [ -r "/proc/$pid/cmdline" ]; then
    tr '\0' '\n' <"/proc/$pid/cmdline" | while IFS= read -r line; do kb_fact arg "$line"; done
    began=$(TZ=UTC date -d "${day} ${clock}Z" +%s 2>/dev/null) || began=
    stat -c %Y /var/lib/kubelet/config.yaml /var/lib/kubelet/kubeadm-flags.env 2>/dev/null | while read -r changed; do
      if [ "$changed" -gt "${began:-$changed}" ]; then
        kb_fact older 1
        break
      fi
    done
  fi
fi

:
)

# ---- probe:cleanup
(
kb_fact run "$(kb_run_state init)"
for path in /etc/kubernetes/admin.conf /etc/kubernetes/kubelet.conf /etc/kubernetes/manifests/kube-apiserver.yaml /var/lib/etcd/member; do
  [ -e "$path" ] && kb_fact here "$path"
done
if grep -qs kubelet-client-current.pem /etc/kubernetes/kubelet.conf; then kb_fact finalized 1; fi

:
)

# ---- probe:member
(
if [ -e /etc/kubernetes/kubelet.conf ] || [ -e /var/lib/kubelet/config.yaml ]; then
  set -- /etc/kubernetes/pki/ca.crt /etc/kubernetes/pki/ca.key /etc/kubernetes/pki/apiserver.crt /etc/kubernetes/pki/apiserver.key /etc/kubernetes/pki/apiserver-kubelet-client.crt /etc/kubernetes/pki/apiserver-kubelet-client.key /etc/kubernetes/pki/front-proxy-ca.crt /etc/kubernetes/pki/front-proxy-ca.key /etc/kubernetes/pki/front-proxy-client.crt /etc/kubernetes/pki/front-proxy-client.key /etc/kubernetes/pki/etcd/ca.crt /etc/kubernetes/pki/etcd/ca.key /etc/kubernetes/pki/etcd/server.crt /etc/kubernetes/pki/etcd/server.key /etc/kubernetes/pki/etcd/peer.crt /etc/kubernetes/pki/etcd/peer.key /etc/kubernetes/pki/etcd/healthcheck-client.crt /etc/kubernetes/pki/etcd/healthcheck-client.key /etc/kubernetes/pki/apiserver-etcd-client.crt /etc/kubernetes/pki/apiserver-etcd-client.key /etc/kubernetes/pki/sa.key /etc/kubernetes/pki/sa.pub
  for path; do
    shift
    if [ -f "$path" ]; then set -- "$@" "$path"; else kb_fact damaged "$path"; fi
  done
  [ $# -eq 0 ] || grep -L -e '-----BEGIN ' "$@" | while read -r path; do kb_fact damaged "$path"; done
  set -- /etc/kubernetes/kubelet.conf /etc/kubernetes/admin.conf /etc/kubernetes/controller-manager.conf /etc/kubernetes/scheduler.conf
  for path; do
    shift
    if [ -f "$path" ]; then set -- "$@" "$path"; else kb_fact damaged "$path"; fi
  done
  [ $# -eq 0 ] || grep -L -e 'kind: Config' "$@" | while read -r path; do kb_fact damaged "$path"; done
  set -- /var/lib/kubelet/config.yaml
  for path; do
    shift
    if [ -f "$path" ]; then set -- "$@" "$path"; else kb_fact damaged "$path"; fi
  done
  [ $# -eq 0 ] || grep -L -e 'kind: KubeletConfiguration' "$@" | while read -r path; do kb_fact damaged "$path"; done
  set -- /var/lib/kubelet/kubeadm-flags.env
  for path; do
    shift
    if [ -f "$path" ]; then set -- "$@" "$path"; else kb_fact damaged "$path"; fi
  done
  [ $# -eq 0 ] || grep -L -e KUBELET_KUBEADM_ARGS "$@" | while read -r path; do kb_fact damaged "$path"; done
  set -- /etc/kubernetes/manifests/kube-apiserver.yaml /etc/kubernetes/manifests/kube-controller-manager.yaml /etc/kubernetes/manifests/kube-scheduler.yaml /etc/kubernetes/manifests/etcd.yaml
  for path; do
    shift
    if [ -f "$path" ]; then set -- "$@" "$path"; else kb_fact damaged "$path"; fi
  done
  [ $# -eq 0 ] || grep -L -e 'kind: Pod' "$@" | while read -r path; do kb_fact damaged "$path"; done
  [ ! -e /etc/cni/net.d/10-kbootstrap.conflist ] || kb_fact bridge 1
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

# ---- identity: write /var/lib/kbootstrap/cluster (3 bytes, 0600)
(
kb_write /var/lib/kbootstrap/cluster 'ha
'
kb_flush 0600 root:root
)

# ---- identity: write /var/lib/kbootstrap/before (0 bytes, 0600)
(
kb_write /var/lib/kbootstrap/before ''
kb_flush 0600 root:root
)

# ---- host: turn swap off
(
while read -r device _; do
  case $device in
    Filename) ;;
    *) kb_was swap "$device" on ;;
  esac
done </proc/swaps
swapoff -a
)

# ---- host: comment out the swap lines of /etc/fstab
(
text=$(awk '!/^[ \t]*#/ && $3 == "swap" { print "# kbootstrap: " $0; next } { print }' /etc/fstab)
kb_edit /etc/fstab "$text"
)

# ---- host: write /etc/modules-load.d/95-kbootstrap.conf (79 bytes, 0644)
(
kb_write /etc/modules-load.d/95-kbootstrap.conf '# Written by kbootstrap: kernel modules Kubernetes needs.
overlay
br_netfilter
'
kb_flush 0644 root:root
)

# ---- host: modprobe overlay br_netfilter
(
kb_was module overlay unloaded
kb_was module br_netfilter unloaded
modprobe -a overlay br_netfilter
)

# ---- host: write /etc/sysctl.d/95-kbootstrap.conf (162 bytes, 0644)
(
kb_write /etc/sysctl.d/95-kbootstrap.conf '# Written by kbootstrap: kernel settings Kubernetes needs.
net.ipv4.ip_forward = 1
net.bridge.bridge-nf-call-iptables = 1
net.bridge.bridge-nf-call-ip6tables = 1
'
kb_flush 0644 root:root
)

# ---- host: set net.ipv4.ip_forward=1 net.bridge.bridge-nf-call-iptables=1 net.bridge.bridge-nf-call-ip6tables=1
(
file=/proc/sys/net/ipv4/ip_forward
if [ -e "$file" ]; then
  kb_was sysctl net.ipv4.ip_forward "$(cat "$file")"
  sysctl -q -w net.ipv4.ip_forward=1
fi
file=/proc/sys/net/bridge/bridge-nf-call-iptables
if [ -e "$file" ]; then
  kb_was sysctl net.bridge.bridge-nf-call-iptables "$(cat "$file")"
  sysctl -q -w net.bridge.bridge-nf-call-iptables=1
fi
file=/proc/sys/net/bridge/bridge-nf-call-ip6tables
if [ -e "$file" ]; then
  kb_was sysctl net.bridge.bridge-nf-call-ip6tables "$(cat "$file")"
  sysctl -q -w net.bridge.bridge-nf-call-ip6tables=1
fi
)

# ---- host: add cp1 to /etc/hosts
(
text=
[ ! -e /etc/hosts ] || text=$(cat /etc/hosts)
# at the top, since the first line with a name is used
kb_edit /etc/hosts '192.0.2.11 cp1 # kbootstrap'"${text:+$KB_NL$text}"
)

# ---- runtime: record which process of containerd.service has the old configuration
(
pid=$(systemctl show containerd.service -p MainPID)
pid=${pid#MainPID=}
kb_boot
kb_since "$pid"
kb_replace /var/lib/kbootstrap/runtime-outdated "$kb_booted $pid $kb_born"
)

# ---- runtime: write /etc/containerd/config.toml (559 bytes, 0644)
(
kb_write /etc/containerd/config.toml '# Written by kbootstrap; settings come from `runtime.settings` in the inventory.
version = 2

[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "registry.k8s.io/pause:3.10.1"

[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "/opt/cni/bin"
conf_dir = "/etc/cni/net.d"

[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"

[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
SystemdCgroup = true

[plugins."io.containerd.grpc.v1.cri".registry]
config_path = "/etc/containerd/certs.d"
'
kb_flush 0644 root:root
)

# ---- runtime: systemctl restart containerd.service
(
kb_unit restart containerd.service
)

# ---- runtime: wait until containerd answers, and record its version
(
tries=150
until [ -S /run/containerd/containerd.sock ] && kb_socket /run/containerd/containerd.sock; do
  tries=$((tries - 1))
  if [ "$tries" = 0 ]; then
    journalctl --sync >/dev/null 2>&1 || :
    journalctl --no-pager -q -n 15 -u containerd.service
    echo "containerd.service does not answer at /run/containerd/containerd.sock after 30 s"
    exit 1
  fi
  sleep 0.2
done
# Recorded, so that a probe does not start the binary, which takes longer than everything else.
if [ -d "$KB_STATE" ] && version=$(containerd --version); then
  kb_replace /var/lib/kbootstrap/runtime "$(stat -Lc '%s:%.9Y:%.9Z:%i' "$(command -v containerd)") $version"
fi
)

# ---- programs: download /usr/local/bin/kubelet from https://dl.k8s.io/release/v1.34.2/bin/linux/amd64/kubelet (sha256 amd641111111)
(
url=https://dl.k8s.io/release/v1.34.2/bin/linux/amd64/kubelet
target=/usr/local/bin/kubelet
kb_secure "${target%/*}"
part=${target%/*}/.kb.${target##*/} # in the target's directory, since a tmpfs may be too small
(umask 022 && mkdir -p "${target%/*}")
trap 'rm -f "$part"' EXIT
if command -v curl >/dev/null 2>&1; then
  (
    ulimit -f 524288
    curl --disable --proto =https \
      --fail --silent --show-error --location --retry 3 --connect-timeout 20 --speed-limit 32768 \
      --speed-time 60 --max-time 1800 --output "$part" "$url"
  )
elif command -v wget >/dev/null 2>&1; then
  wget --quiet --tries=3 --timeout=20 --output-document="$part" "$url"
else
  echo "neither curl nor wget is installed, so $url cannot be downloaded"
  exit 1
fi
want=amd6411111111111111111111111111111111111111111111111111111111111
got=$(sha256sum <"$part")
if [ "${got%% *}" != "$want" ]; then
  echo "KB-CHECKSUM $url has sha256 ${got%% *}, but $want is published"
  exit 1
fi
kb_ledger "$target"
kb_wrote "$target" "$want"
chmod 0755 "$part"
kb_still "${target%/*}"
mv -f "$part" "$target"

record=/var/lib/kbootstrap/programs
lines=$(grep -sv ' /usr/local/bin/kubelet$' "$record" || :; stat -c '%s:%.9Y:%.9Z:%i amd6411111111111111111111111111111111111111111111111111111111111 %n' /usr/local/bin/kubelet)
kb_replace "$record" "$lines"
)

# ---- programs: place /opt/cni/bin/bridge (0.0 MB, sha256 amd642222222)
(
kb_put /opt/cni/bin/bridge 0755 root:root 70 amd6422222222222222222222222222222222222222222222222222222222222
record=/var/lib/kbootstrap/programs
lines=$(grep -sv ' /opt/cni/bin/bridge$' "$record" || :; stat -c '%s:%.9Y:%.9Z:%i amd6422222222222222222222222222222222222222222222222222222222222 %n' /opt/cni/bin/bridge)
kb_replace "$record" "$lines"
)

# ---- kubelet: write /etc/systemd/system/kubelet.service (308 bytes, 0644)
(
kb_write /etc/systemd/system/kubelet.service '# Written by kbootstrap.
[Unit]
Description=kubelet: The Kubernetes Node Agent
Documentation=https://kubernetes.io/docs/
Wants=network-online.target
After=network-online.target

[Service]
ExecStart=/usr/local/bin/kubelet
Restart=always
StartLimitInterval=0
RestartSec=2

[Install]
WantedBy=multi-user.target
'
kb_flush 0644 root:root
)

# ---- kubelet: write /etc/systemd/system/kubelet.service.d/10-kubeadm.conf (632 bytes, 0644)
(
kb_write /etc/systemd/system/kubelet.service.d/10-kubeadm.conf '# Written by kbootstrap; the same as kubeadm'"'"'s own packages bring.
[Service]
Environment="KUBELET_KUBECONFIG_ARGS=--bootstrap-kubeconfig=/etc/kubernetes/bootstrap-kubelet.conf --kubeconfig=/etc/kubernetes/kubelet.conf"
Environment="KUBELET_CONFIG_ARGS=--config=/var/lib/kubelet/config.yaml"
# kubeadm init and join write this file
EnvironmentFile=-/var/lib/kubelet/kubeadm-flags.env
# for your own flags, as the last resort; prefer kubelet_args in the inventory
EnvironmentFile=-/etc/default/kubelet
ExecStart=
ExecStart=/usr/local/bin/kubelet $KUBELET_KUBECONFIG_ARGS $KUBELET_CONFIG_ARGS $KUBELET_KUBEADM_ARGS $KUBELET_EXTRA_ARGS
'
kb_flush 0644 root:root
)

# ---- kubelet: write /etc/systemd/system/kubelet.service.d/zz-kbootstrap.conf (101 bytes, 0644)
(
kb_write /etc/systemd/system/kubelet.service.d/zz-kbootstrap.conf '# Written by kbootstrap: containers of other users read what the kubelet makes.
[Service]
UMask=0022
'
kb_flush 0644 root:root
)

# ---- kubelet: write /etc/crictl.yaml (149 bytes, 0644)
(
kb_write /etc/crictl.yaml '# Written by kbootstrap.
runtime-endpoint: unix:///run/containerd/containerd.sock
image-endpoint: unix:///run/containerd/containerd.sock
timeout: 10
'
kb_flush 0644 root:root
)

# ---- kubelet: systemctl daemon-reload
(
systemctl --quiet daemon-reload
)

# ---- kubelet: systemctl enable kubelet.service
(
systemctl --quiet enable kubelet.service
)

# ---- kubeadm-config: write /var/lib/kbootstrap/kubeadm.yaml (1201 bytes, 0600)
(
kb_write /var/lib/kbootstrap/kubeadm.yaml '---
apiVersion: kubeadm.k8s.io/v1beta4
kind: InitConfiguration
bootstrapTokens:
- ttl: 5m0s
  description: kbootstrap init
nodeRegistration:
  name: cp1
  criSocket: unix:///run/containerd/containerd.sock
  imagePullPolicy: IfNotPresent
  kubeletExtraArgs:
  - name: node-ip
    value: 192.0.2.11
localAPIEndpoint:
  advertiseAddress: 192.0.2.11
  bindPort: 6443
skipPhases:
- show-join-command
timeouts:
  controlPlaneComponentHealthCheck: 240s
  kubeletHealthCheck: 240s
  kubernetesAPICall: 60s
  etcdAPICall: 120s
  tlsBootstrap: 300s
  discovery: 300s
---
apiVersion: kubeadm.k8s.io/v1beta4
kind: ClusterConfiguration
clusterName: ha
kubernetesVersion: v1.34.2
controlPlaneEndpoint: api.example.org:6443
imageRepository: registry.k8s.io
networking:
  podSubnet: 10.244.0.0/16
  serviceSubnet: 10.96.0.0/12
  dnsDomain: cluster.local
apiServer:
  extraArgs:
  - name: audit-log-maxage
    value: '"'"'30'"'"'
  - name: audit-log-path
    value: /var/log/kubernetes/audit.log
  certSANs:
  - 192.0.2.5
etcd:
  local:
    dataDir: /var/lib/etcd
---
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
cgroupDriver: systemd
evictionHard:
  memory.available: 200Mi
serializeImagePulls: false
'
kb_flush 0600 root:root
)

# ---- kubeadm-config: kubeadm config validate (v1.34.2)
(
version=$(kubeadm version -o short)
if [ "$version" != v1.34.2 ]; then
  echo "KB-VERSION kubeadm on this node is $version, the inventory has v1.34.2"
  exit 1
fi
kubeadm config validate --config /var/lib/kbootstrap/kubeadm.yaml
kb_ledger /var/lib/kbootstrap/kubeadm.yaml.valid
printf '%s\n' 'cb11615618f3f61a3a7755d05b60fb35e6ddd354690b613d59110d1defd64524 v1.34.2' >/var/lib/kbootstrap/kubeadm.yaml.valid
)

# ---- images: pull all images from registry.k8s.io
(
kb_detach images 1800 <<'KB_DETACHED'
set -euf
images=$(kubeadm config images list --config /var/lib/kbootstrap/kubeadm.yaml)
if [ -z "$images" ]; then
  echo "KB-PULL kubeadm lists no images"
  exit 1
fi
for image in $images; do
  case $image in
    -* | *[!A-Za-z0-9._:/@-]*)
      printf 'KB-PULL kubeadm lists %s, which is no image\n' "$image"
      exit 1
      ;;
  esac
done
have=$(crictl images -o json)
have=$(printf '%s' "$have" | tr -d ' \n')
for image in $images; do
  case $image in
    *) ;;
    *) continue ;;
  esac
  case $have in *[[,]"\"$image\""[],]*) continue ;; esac # a tag; an annotation has a name
  echo "pulling $image"
  if ! crictl pull "$image"; then
    printf '\nKB-PULL cannot pull %s\n' "$image" # a registry's text may lack its newline
    exit 1
  fi
done

KB_DETACHED
)

# ---- init: kubeadm init (v1.34.2, endpoint api.example.org:6443)
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
kubeadm init --config /var/lib/kbootstrap/kubeadm.yaml --skip-token-print || rc=$?
[ "$rc" = 0 ] || kb_static_pods || :
exit "$rc"

KB_DETACHED
)

# ---- cluster-config: record which fields of kubelet-config the inventory sets [not on this machine]

# ---- kubeconfig: write the local file /home/operator/demo.kubeconfig (kubeconfig, 0600) [not on this machine]

# ---- record: read the cluster's CA hash [not on this machine]

# ---- record: write /var/lib/kbootstrap/cluster (15 bytes, 0600)
(
kb_put /var/lib/kbootstrap/cluster 0600 root:root 15 337d875b136fe35e9959fe85e100b4cf410e506ecc4250da45a6622c5c4e998d
)

# ---- cni-bridge: write /var/lib/kbootstrap/pod-network.sh (1257 bytes, 0755)
(
kb_write /var/lib/kbootstrap/pod-network.sh '#!/bin/sh
# Written by kbootstrap: the pod range is on this link, and this node answers for its pods.
set -eu
link=$(ip -o -4 addr show to 192.0.2.11 | awk '"'"'{ print $2; exit }'"'"')
[ -n "$link" ] || { echo "no link has address 192.0.2.11" >&2; exit 1; }
arp=/proc/sys/net/ipv4/conf/$link/proxy_arp
delay=/proc/sys/net/ipv4/neigh/$link/proxy_delay
before=/run/kbootstrap-pod-network # what these two were; a reboot forgets it as it forgets them
rule="-s 10.244.0.0/16 ! -d 10.244.0.0/16 ! -o cni0 -m comment --comment kbootstrap -j MASQUERADE"
if [ "${1:-up}" = down ]; then
  ip route delete 10.244.0.0/16 dev "$link" || :
  if [ -s "$before" ]; then
    read -r old_arp old_delay <"$before"
    echo "$old_arp" >"$arp"
    echo "$old_delay" >"$delay"
    rm "$before"
  fi
  # shellcheck disable=SC2086 # the words of a rule
  iptables -w 5 -t nat -D POSTROUTING $rule || :
  exit 0
fi
ip route replace 10.244.0.0/16 dev "$link" scope link src 192.0.2.11
[ -s "$before" ] || echo "$(cat "$arp") $(cat "$delay")" >"$before"
echo 1 >"$arp"
echo 0 >"$delay"
# pods reach the world outside with the node'"'"'s address
# shellcheck disable=SC2086 # the words of a rule
iptables -w 5 -t nat -C POSTROUTING $rule 2>/dev/null || iptables -w 5 -t nat -A POSTROUTING $rule
'
kb_flush 0755 root:root
)

# ---- cni-bridge: write /etc/systemd/system/kbootstrap-pod-network.service (344 bytes, 0644)
(
kb_write /etc/systemd/system/kbootstrap-pod-network.service '# Written by kbootstrap.
[Unit]
Description=Pod network of kbootstrap
After=network-online.target
Wants=network-online.target
Before=kubelet.service

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/sh /var/lib/kbootstrap/pod-network.sh up
ExecStop=/bin/sh /var/lib/kbootstrap/pod-network.sh down

[Install]
WantedBy=multi-user.target
'
kb_flush 0644 root:root
)

# ---- cni-bridge: systemctl enable kbootstrap-pod-network.service
(
systemctl --quiet enable kbootstrap-pod-network.service
)

# ---- cni-bridge: systemctl restart kbootstrap-pod-network.service
(
kb_unit restart kbootstrap-pod-network.service
)

# ---- cni-bridge: read the node's pod CIDR [not on this machine]

# ---- cni-bridge: write /etc/cni/net.d/10-kbootstrap.conflist (487 bytes, 0644)
(
kb_put /etc/cni/net.d/10-kbootstrap.conflist 0644 root:root 487 88ee56818af65b17abace4b2ed0eefea3515965c6899acc5b705d3c868c29086
)

# ---- labels: set on the node: topology.kubernetes.io/zone=rack1 [not on this machine]

# ---- ready: wait until the node is Ready [not on this machine]

# ---- ready: wait until the node's own pods run [not on this machine]

# ---- cleanup: delete the bootstrap token of init [not on this machine]
