#!/bin/sh
# shellcheck disable=SC2154 # KB_TMP and the like come from templates/remote/driver.sh
# shellcheck disable=SC2043 # a list from a template may have one element
# shellcheck disable=SC2016 # the text of a file is not expanded
# shellcheck disable=SC2221,SC2222 # a pattern from a template may be *

# cp1 of cluster ha, each part in a subshell of its own

# ---- probe:ca-next
(
[ ! -d /etc/kubernetes/pki/rotation/new ] || kb_fact begun 1

set -- ca front-proxy-ca etcd/ca
for name; do
  [ ! -s "/etc/kubernetes/pki/$name.key" ] || kb_fact key "$name"
done

:
)

# ---- probe:ca-trust
(
past=
if [ -d /etc/kubernetes/pki/rotation/new ]; then
kb_users() { # PATTERN: the processes with this argument; brackets in it keep grep from finding itself
  grep -lzxs -e "$1" /proc/[0-9]*/cmdline
}
kb_written() { # FILE...: kb_at = when the last of them was written, seconds since 1970
  kb_at=0
  for kb_file; do
    kb_time=$(stat -c %Y "$kb_file" 2>/dev/null) || continue
    if [ "$kb_time" -gt "$kb_at" ]; then kb_at=$kb_time; fi
  done
}
kb_older() { # PATTERN FILE...: is there such a process that started before a file was written?
  kb_pattern=$1
  shift
  kb_written "$@"
  [ "$kb_at" -gt 0 ] && [ "$kb_at" -le "$(date +%s)" ] || return 1
  kb_btime=0
  while read -r kb_word kb_rest; do
    if [ "$kb_word" = btime ]; then kb_btime=$kb_rest; fi
  done </proc/stat
  for kb_file in $(kb_users "$kb_pattern"); do
    kb_file=${kb_file%/cmdline}
    kb_since "${kb_file#/proc/}"
    [ -n "$kb_born" ] || continue
    [ "$((kb_btime + kb_born / 100))" -gt "$kb_at" ] || return 0
  done
  return 1
}
  kb_fact begun 1
  rotation=/etc/kubernetes/pki/rotation
  pki=/etc/kubernetes/pki
  open=
  set -- ca front-proxy-ca etcd/ca
  for name; do
    old=$rotation/old/$name.crt new=$rotation/new/$name.crt crt=$pki/$name.crt
    stage=0
    if cmp -s "$new" "$crt"; then
      stage=3
    elif cat "$new" "$old" | cmp -s - "$crt"; then
      stage=2
    elif cat "$old" "$new" | cmp -s - "$crt"; then
      stage=1
    fi
    if [ "$stage" -ge 2 ] && ! cmp -s "$rotation/new/$name.key" "$pki/$name.key"; then stage=1; fi
    [ "$stage" -le 1 ] || past=1
    [ "$stage" = 1 ] || open="$open $name"
  done
  if [ -z "$past" ]; then
    for name in $open; do kb_fact open "$name"; done
    data=$(base64 <"$pki/ca.crt" | tr -d '\n')
    set -- /etc/kubernetes/admin.conf /etc/kubernetes/super-admin.conf /etc/kubernetes/controller-manager.conf /etc/kubernetes/scheduler.conf /etc/kubernetes/kubelet.conf
    for conf; do
      if [ -e "$conf" ] && ! grep -qsF -e "certificate-authority-data: $data" "$conf"; then kb_fact open "${conf##*/}"; fi
    done
    ! kb_older '--trusted-ca-file=/etc/kubernetes/pki/etcd/ca.cr[t]' /etc/kubernetes/pki/etcd/ca.crt || kb_fact open etcd
    ! kb_older '--kubelet-client-certificate=/etc/kubernetes/pki/apiserver-kubelet-client.cr[t]' /etc/kubernetes/pki/ca.crt /etc/kubernetes/pki/etcd/ca.crt /etc/kubernetes/pki/apiserver-kubelet-client.crt || kb_fact open kube-apiserver
    ! kb_older '--kubeconfig=/etc/kubernetes/controller-manager.con[f]' /etc/kubernetes/pki/ca.crt /etc/kubernetes/manifests/kube-controller-manager.yaml /etc/kubernetes/controller-manager.conf || kb_fact open kube-controller-manager
    ! kb_older '--kubeconfig=/etc/kubernetes/scheduler.con[f]' /etc/kubernetes/pki/ca.crt /etc/kubernetes/scheduler.conf || kb_fact open kube-scheduler
    ! kb_older '--kubeconfig=/etc/kubernetes/kubelet.con[f]' /etc/kubernetes/pki/ca.crt || kb_fact open kubelet
    manifest=/etc/kubernetes/manifests/kube-controller-manager.yaml
    while read -r _ word; do
      case $word in
      --cluster-signing-cert-file=/etc/kubernetes/pki/rotation/old/ca.crt) ;;
      --cluster-signing-cert-file="$rotation"/*/ca.crt | --cluster-signing-cert-file="$pki"/ca.crt) kb_fact open "${manifest##*/}" ;;
      esac
    done <"$manifest"
  fi
fi

:
)

# ---- probe:ca-pods
(
if [ -d /etc/kubernetes/pki/rotation/new ]; then
behind() { # is there a pod whose copy of the CA lacks the new one?
  mark=$(tail -n 2 /etc/kubernetes/pki/rotation/new/ca.crt | head -n 1)
  for file in /var/lib/kubelet/pods/*/volumes/kubernetes.io~projected/kube-api-access-*/ca.crt; do
    if [ -r "$file" ] && ! grep -qxsF -e "$mark" "$file" && [ -r "$file" ]; then return 0; fi
  done
  return 1
}
  if grep -qxsF -e "$(tail -n 2 /etc/kubernetes/pki/rotation/new/ca.crt | head -n 1)" /etc/kubernetes/pki/ca.crt; then kb_fact trusts 1; fi
  if behind; then kb_fact behind 1; fi
fi

:
)

# ---- probe:ca-sign
(
past=
if [ -d /etc/kubernetes/pki/rotation/new ]; then
kb_users() { # PATTERN: the processes with this argument; brackets in it keep grep from finding itself
  grep -lzxs -e "$1" /proc/[0-9]*/cmdline
}
kb_written() { # FILE...: kb_at = when the last of them was written, seconds since 1970
  kb_at=0
  for kb_file; do
    kb_time=$(stat -c %Y "$kb_file" 2>/dev/null) || continue
    if [ "$kb_time" -gt "$kb_at" ]; then kb_at=$kb_time; fi
  done
}
kb_older() { # PATTERN FILE...: is there such a process that started before a file was written?
  kb_pattern=$1
  shift
  kb_written "$@"
  [ "$kb_at" -gt 0 ] && [ "$kb_at" -le "$(date +%s)" ] || return 1
  kb_btime=0
  while read -r kb_word kb_rest; do
    if [ "$kb_word" = btime ]; then kb_btime=$kb_rest; fi
  done </proc/stat
  for kb_file in $(kb_users "$kb_pattern"); do
    kb_file=${kb_file%/cmdline}
    kb_since "${kb_file#/proc/}"
    [ -n "$kb_born" ] || continue
    [ "$((kb_btime + kb_born / 100))" -gt "$kb_at" ] || return 0
  done
  return 1
}
  kb_fact begun 1
  rotation=/etc/kubernetes/pki/rotation
  pki=/etc/kubernetes/pki
  open=
  set -- ca front-proxy-ca etcd/ca
  for name; do
    old=$rotation/old/$name.crt new=$rotation/new/$name.crt crt=$pki/$name.crt
    stage=0
    if cmp -s "$new" "$crt"; then
      stage=3
    elif cat "$new" "$old" | cmp -s - "$crt"; then
      stage=2
    elif cat "$old" "$new" | cmp -s - "$crt"; then
      stage=1
    fi
    if [ "$stage" -ge 2 ] && ! cmp -s "$rotation/new/$name.key" "$pki/$name.key"; then stage=1; fi
    [ "$stage" -le 2 ] || past=1
    [ "$stage" = 2 ] || open="$open $name"
  done
  if [ -z "$past" ]; then
    for name in $open; do kb_fact open "$name"; done
    data=$(base64 <"$pki/ca.crt" | tr -d '\n')
    set -- /etc/kubernetes/admin.conf /etc/kubernetes/super-admin.conf /etc/kubernetes/controller-manager.conf /etc/kubernetes/scheduler.conf /etc/kubernetes/kubelet.conf
    for conf; do
      if [ -e "$conf" ] && ! grep -qsF -e "certificate-authority-data: $data" "$conf"; then kb_fact open "${conf##*/}"; fi
    done
    ! kb_older '--trusted-ca-file=/etc/kubernetes/pki/etcd/ca.cr[t]' /etc/kubernetes/pki/etcd/ca.crt || kb_fact open etcd
    ! kb_older '--kubelet-client-certificate=/etc/kubernetes/pki/apiserver-kubelet-client.cr[t]' /etc/kubernetes/pki/ca.crt /etc/kubernetes/pki/etcd/ca.crt /etc/kubernetes/pki/apiserver-kubelet-client.crt || kb_fact open kube-apiserver
    ! kb_older '--kubeconfig=/etc/kubernetes/controller-manager.con[f]' /etc/kubernetes/pki/ca.crt /etc/kubernetes/manifests/kube-controller-manager.yaml /etc/kubernetes/controller-manager.conf || kb_fact open kube-controller-manager
    ! kb_older '--kubeconfig=/etc/kubernetes/scheduler.con[f]' /etc/kubernetes/pki/ca.crt /etc/kubernetes/scheduler.conf || kb_fact open kube-scheduler
    ! kb_older '--kubeconfig=/etc/kubernetes/kubelet.con[f]' /etc/kubernetes/pki/ca.crt || kb_fact open kubelet
    manifest=/etc/kubernetes/manifests/kube-controller-manager.yaml
    while read -r _ word; do
      case $word in
      --cluster-signing-cert-file=/etc/kubernetes/pki/rotation/new/ca.crt) ;;
      --cluster-signing-cert-file="$rotation"/*/ca.crt | --cluster-signing-cert-file="$pki"/ca.crt) kb_fact open "${manifest##*/}" ;;
      esac
    done <"$manifest"
  fi
fi

if [ -z "$past" ]; then
# Public certificates only, also of files that contain a key.
set --
for path in /etc/kubernetes/pki/*.crt /etc/kubernetes/pki/etcd/*.crt /etc/kubernetes/*.conf /var/lib/kubelet/pki/kubelet-client-current.pem /var/lib/kubelet/pki/kubelet-server-current.pem /var/lib/kubelet/pki/kubelet.crt; do
  if [ -f "$path" ] && [ -r "$path" ]; then set -- "$@" "$path"; fi
done
if [ "$#" -gt 0 ]; then
  awk '
    function show(text) {
      if (text ~ /^[A-Za-z0-9+\/=]+$/ && length(text) < 30000 && shown++ < 9) print "certificate=" FILENAME " " text
    }
    FNR == 1 { body = ""; inside = shown = 0 }
    $1 == "client-certificate-data:" { show($2) }
    /^-----END CERTIFICATE-----/ { if (inside) show(body); inside = 0 }
    inside { sub(/\r$/, ""); body = body $0 }
    /^-----BEGIN CERTIFICATE-----/ { inside = 1; body = "" }
  ' "$@"
fi

set -- ca front-proxy-ca etcd/ca
for name; do
  new=/etc/kubernetes/pki/rotation/new/$name.crt
  [ ! -r "$new" ] || kb_fact next "$name $(base64 <"$new" | tr -d '\n')"
done
fi

:
)

# ---- probe:ca-drop
(
past=
if [ -d /etc/kubernetes/pki/rotation/new ]; then
kb_users() { # PATTERN: the processes with this argument; brackets in it keep grep from finding itself
  grep -lzxs -e "$1" /proc/[0-9]*/cmdline
}
kb_written() { # FILE...: kb_at = when the last of them was written, seconds since 1970
  kb_at=0
  for kb_file; do
    kb_time=$(stat -c %Y "$kb_file" 2>/dev/null) || continue
    if [ "$kb_time" -gt "$kb_at" ]; then kb_at=$kb_time; fi
  done
}
kb_older() { # PATTERN FILE...: is there such a process that started before a file was written?
  kb_pattern=$1
  shift
  kb_written "$@"
  [ "$kb_at" -gt 0 ] && [ "$kb_at" -le "$(date +%s)" ] || return 1
  kb_btime=0
  while read -r kb_word kb_rest; do
    if [ "$kb_word" = btime ]; then kb_btime=$kb_rest; fi
  done </proc/stat
  for kb_file in $(kb_users "$kb_pattern"); do
    kb_file=${kb_file%/cmdline}
    kb_since "${kb_file#/proc/}"
    [ -n "$kb_born" ] || continue
    [ "$((kb_btime + kb_born / 100))" -gt "$kb_at" ] || return 0
  done
  return 1
}
  kb_fact begun 1
  rotation=/etc/kubernetes/pki/rotation
  pki=/etc/kubernetes/pki
  open=
  set -- ca front-proxy-ca etcd/ca
  for name; do
    old=$rotation/old/$name.crt new=$rotation/new/$name.crt crt=$pki/$name.crt
    stage=0
    if cmp -s "$new" "$crt"; then
      stage=3
    elif cat "$new" "$old" | cmp -s - "$crt"; then
      stage=2
    elif cat "$old" "$new" | cmp -s - "$crt"; then
      stage=1
    fi
    if [ "$stage" -ge 2 ] && ! cmp -s "$rotation/new/$name.key" "$pki/$name.key"; then stage=1; fi
    [ "$stage" -le 3 ] || past=1
    [ "$stage" = 3 ] || open="$open $name"
  done
  if [ -z "$past" ]; then
    for name in $open; do kb_fact open "$name"; done
    data=$(base64 <"$pki/ca.crt" | tr -d '\n')
    set -- /etc/kubernetes/admin.conf /etc/kubernetes/super-admin.conf /etc/kubernetes/controller-manager.conf /etc/kubernetes/scheduler.conf /etc/kubernetes/kubelet.conf
    for conf; do
      if [ -e "$conf" ] && ! grep -qsF -e "certificate-authority-data: $data" "$conf"; then kb_fact open "${conf##*/}"; fi
    done
    ! kb_older '--trusted-ca-file=/etc/kubernetes/pki/etcd/ca.cr[t]' /etc/kubernetes/pki/etcd/ca.crt || kb_fact open etcd
    ! kb_older '--kubelet-client-certificate=/etc/kubernetes/pki/apiserver-kubelet-client.cr[t]' /etc/kubernetes/pki/ca.crt /etc/kubernetes/pki/etcd/ca.crt /etc/kubernetes/pki/apiserver-kubelet-client.crt || kb_fact open kube-apiserver
    ! kb_older '--kubeconfig=/etc/kubernetes/controller-manager.con[f]' /etc/kubernetes/pki/ca.crt /etc/kubernetes/manifests/kube-controller-manager.yaml /etc/kubernetes/controller-manager.conf || kb_fact open kube-controller-manager
    ! kb_older '--kubeconfig=/etc/kubernetes/scheduler.con[f]' /etc/kubernetes/pki/ca.crt /etc/kubernetes/scheduler.conf || kb_fact open kube-scheduler
    ! kb_older '--kubeconfig=/etc/kubernetes/kubelet.con[f]' /etc/kubernetes/pki/ca.crt || kb_fact open kubelet
    manifest=/etc/kubernetes/manifests/kube-controller-manager.yaml
    while read -r _ word; do
      case $word in
      --cluster-signing-cert-file=/etc/kubernetes/pki/ca.crt) ;;
      --cluster-signing-cert-file="$rotation"/*/ca.crt | --cluster-signing-cert-file="$pki"/ca.crt) kb_fact open "${manifest##*/}" ;;
      esac
    done <"$manifest"
  fi
fi

:
)

# ---- probe:ca-clean
(
[ ! -d /etc/kubernetes/pki/rotation/new ] || kb_fact begun 1

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

# ---- ca-next: make new CAs in /etc/kubernetes/pki/rotation (kubeadm init phase certs)
(
umask 077
rotation=/etc/kubernetes/pki/rotation
made=$rotation.made # as in the configuration
rm -rf "$made"
printf '%s\n' '---
apiVersion: kubeadm.k8s.io/v1beta4
kind: InitConfiguration
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
certificatesDir: /etc/kubernetes/pki/rotation.made/new
' >"$KB_TMP/rotation.yaml"
set -- ca front-proxy-ca etcd/ca
for name; do
  case $name in etcd/ca) phase=etcd-ca ;; *) phase=$name ;; esac
  kubeadm init phase certs "$phase" --config "$KB_TMP/rotation.yaml"
  old=$made/old/$name.crt
  mkdir -p "${old%/*}"
  cp "/etc/kubernetes/pki/$name.crt" "$old"
done
sync
mv "$made" "$rotation"
sync
)

# ---- ca-trust: wait until every etcd member is healthy [not on this machine]

# ---- ca-trust: trust the old and the new CAs; restart the control plane and the kubelet
(
# What control planes and workers have in common: files are replaced at once, and only if they differ.
umask 077
rotation=/etc/kubernetes/pki/rotation
pki=/etc/kubernetes/pki

place() { # SOURCE TARGET MODE
  if [ -e "$2" ] && cmp -s "$1" "$2"; then return 0; fi
  part=${2%/*}/.${2##*/}.kb # hidden, since the kubelet reads every other file of the manifests
  cp "$1" "$part"
  chmod "$3" "$part"
  sync "$part"
  mv -f "$part" "$2"
}

authorities() { # NAME: its CAs, in the order of this stage
  cat "$rotation/old/$1.crt" "$rotation/new/$1.crt"
}

trusting() { # CONF CA: the kubeconfig with these CAs
  awk -v data="$(base64 <"$2" | tr -d '\n')" '
    $1 == "certificate-authority-data:" { sub(/certificate-authority-data:.*/, ""); print $0 "certificate-authority-data: " data; next }
    { print }' "$1"
}
kb_users() { # PATTERN: the processes with this argument; brackets in it keep grep from finding itself
  grep -lzxs -e "$1" /proc/[0-9]*/cmdline
}
kb_written() { # FILE...: kb_at = when the last of them was written, seconds since 1970
  kb_at=0
  for kb_file; do
    kb_time=$(stat -c %Y "$kb_file" 2>/dev/null) || continue
    if [ "$kb_time" -gt "$kb_at" ]; then kb_at=$kb_time; fi
  done
}
kb_older() { # PATTERN FILE...: is there such a process that started before a file was written?
  kb_pattern=$1
  shift
  kb_written "$@"
  [ "$kb_at" -gt 0 ] && [ "$kb_at" -le "$(date +%s)" ] || return 1
  kb_btime=0
  while read -r kb_word kb_rest; do
    if [ "$kb_word" = btime ]; then kb_btime=$kb_rest; fi
  done </proc/stat
  for kb_file in $(kb_users "$kb_pattern"); do
    kb_file=${kb_file%/cmdline}
    kb_since "${kb_file#/proc/}"
    [ -n "$kb_born" ] || continue
    [ "$((kb_btime + kb_born / 100))" -gt "$kb_at" ] || return 0
  done
  return 1
}
kb_settled() { # FILE...: wait until a process that starts now is not taken for an older one
  kb_written "$@"
  kb_tries=50
  until [ "$(date +%s)" -gt "$((kb_at + 3))" ] || [ "$kb_tries" = 0 ]; do
    kb_tries=$((kb_tries - 1))
    sleep 0.2
  done
}
kb_end() { # PATTERN SIGNAL: end such processes
  for kb_file in $(kb_users "$1"); do
    kb_pid=${kb_file#/proc/}
    kill "-$2" "${kb_pid%/cmdline}" 2>/dev/null || :
  done
}
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
set -- ca front-proxy-ca etcd/ca
for name; do
  authorities "$name" >"$KB_TMP/ca.crt"
  place "$KB_TMP/ca.crt" "$pki/$name.crt" 0644
done
for conf in /etc/kubernetes/admin.conf /etc/kubernetes/super-admin.conf /etc/kubernetes/controller-manager.conf /etc/kubernetes/scheduler.conf /etc/kubernetes/kubelet.conf; do
  [ -e "$conf" ] || continue
  trusting "$conf" "$pki/ca.crt" >"$KB_TMP/conf"
  place "$KB_TMP/conf" "$conf" 0600
done
manifest=/etc/kubernetes/manifests/kube-controller-manager.yaml
sed "s,\(--cluster-signing-cert-file=\)$pki/\(rotation/[a-z]*/\)*ca.crt\$,\1/etc/kubernetes/pki/rotation/old/ca.crt," "$manifest" >"$KB_TMP/manifest"
place "$KB_TMP/manifest" "$manifest" 0600
sync

renewed() { # PATTERN FILE...: does it run, and with these files?
  [ -n "$(kb_users "$1")" ] && ! kb_older "$@"
}

restarted() { # NAME PATTERN FILE...: wait until it is
  name=$1 tries=600
  shift
  until renewed "$@"; do
    tries=$((tries - 1))
    case $tries in
    500) ! kb_older "$@" || kb_end "$1" KILL ;;
    300) kb_unit restart kubelet.service ;;
    0)
      kb_static_pods || :
      kb_fail "$name has not started again after 120 s"
      ;;
    esac
    sleep 0.2
  done
}

kb_settled /etc/kubernetes/pki/etcd/ca.crt /etc/kubernetes/pki/ca.crt /etc/kubernetes/pki/etcd/ca.crt /etc/kubernetes/pki/apiserver-kubelet-client.crt /etc/kubernetes/pki/ca.crt /etc/kubernetes/manifests/kube-controller-manager.yaml /etc/kubernetes/controller-manager.conf /etc/kubernetes/pki/ca.crt /etc/kubernetes/scheduler.conf /etc/kubernetes/pki/ca.crt
systemctl start kubelet.service
! kb_older '--trusted-ca-file=/etc/kubernetes/pki/etcd/ca.cr[t]' /etc/kubernetes/pki/etcd/ca.crt || kb_end '--trusted-ca-file=/etc/kubernetes/pki/etcd/ca.cr[t]' TERM
! kb_older '--kubelet-client-certificate=/etc/kubernetes/pki/apiserver-kubelet-client.cr[t]' /etc/kubernetes/pki/ca.crt /etc/kubernetes/pki/etcd/ca.crt /etc/kubernetes/pki/apiserver-kubelet-client.crt || kb_end '--kubelet-client-certificate=/etc/kubernetes/pki/apiserver-kubelet-client.cr[t]' TERM
! kb_older '--kubeconfig=/etc/kubernetes/controller-manager.con[f]' /etc/kubernetes/pki/ca.crt /etc/kubernetes/manifests/kube-controller-manager.yaml /etc/kubernetes/controller-manager.conf || kb_end '--kubeconfig=/etc/kubernetes/controller-manager.con[f]' TERM
! kb_older '--kubeconfig=/etc/kubernetes/scheduler.con[f]' /etc/kubernetes/pki/ca.crt /etc/kubernetes/scheduler.conf || kb_end '--kubeconfig=/etc/kubernetes/scheduler.con[f]' TERM
restarted etcd '--trusted-ca-file=/etc/kubernetes/pki/etcd/ca.cr[t]' /etc/kubernetes/pki/etcd/ca.crt
restarted kube-apiserver '--kubelet-client-certificate=/etc/kubernetes/pki/apiserver-kubelet-client.cr[t]' /etc/kubernetes/pki/ca.crt /etc/kubernetes/pki/etcd/ca.crt /etc/kubernetes/pki/apiserver-kubelet-client.crt
restarted kube-controller-manager '--kubeconfig=/etc/kubernetes/controller-manager.con[f]' /etc/kubernetes/pki/ca.crt /etc/kubernetes/manifests/kube-controller-manager.yaml /etc/kubernetes/controller-manager.conf
restarted kube-scheduler '--kubeconfig=/etc/kubernetes/scheduler.con[f]' /etc/kubernetes/pki/ca.crt /etc/kubernetes/scheduler.conf
(
url=https://192.0.2.11:6443
tries=300
until said=$(kubectl --kubeconfig /etc/kubernetes/admin.conf --server "$url" --request-timeout=5s get --raw=/readyz 2>&1) && [ "$said" = ok ]; do
  tries=$((tries - 1))
  if [ "$tries" = 0 ]; then
    printf '%s\n' "$said"
    echo "the API server $url is not ready (/readyz)"
    exit 1
  fi
  sleep 1
done

)
# Last: without its API server, a kubelet that has just started waits before it starts static pods.
kb_unit restart kubelet.service
# The kubelet waits up to 5 minutes before it starts a container that ended again and again; not
# after its own restart.
kb_stopped() { # the static pods of the control plane that have a manifest and do not run
  for kb_pod in etcd kube-apiserver kube-controller-manager kube-scheduler; do
    [ -e "/etc/kubernetes/manifests/$kb_pod.yaml" ] || continue
    [ -n "$(crictl --runtime-endpoint unix:///run/containerd/containerd.sock ps -q --name "^$kb_pod\$" 2>/dev/null)" ] || echo "$kb_pod"
  done
}
now() { # seconds since boot
  read -r up _ </proc/uptime
  echo "${up%.*}"
}
kb_again() { # a pod that has just ended is given 15 s
  end=$(($(now) + 15))
  while [ -n "$(kb_stopped)" ]; do
    if [ "$(now)" -ge "$end" ]; then
      kb_unit restart kubelet.service
      return
    fi
    sleep 0.2
  done
}
kb_again
rc=0
(
url=https://192.0.2.11:6443
tries=300
until said=$(kubectl --kubeconfig /etc/kubernetes/admin.conf --server "$url" --request-timeout=5s get --raw=/readyz 2>&1) && [ "$said" = ok ]; do
  tries=$((tries - 1))
  if [ "$tries" = 0 ]; then
    printf '%s\n' "$said"
    echo "the API server $url is not ready (/readyz)"
    exit 1
  fi
  sleep 1
done

) || rc=$?
if [ "$rc" != 0 ]; then
  kb_static_pods || :
  exit "$rc"
fi
kb_again
end=$(($(now) + 120))
until [ -z "$(kb_stopped)" ]; do
  if [ "$(now)" -ge "$end" ]; then
    kb_static_pods || :
    kb_fail "not running after 120 s: $(kb_stopped)"
  fi
  sleep 0.2
done
)

# ---- ca-pods: wait until the new CA is in the copies that pods have mounted
(
# The controller manager publishes both CAs; a kubelet renews its copies within a minute or two.
behind() { # is there a pod whose copy of the CA lacks the new one?
  mark=$(tail -n 2 /etc/kubernetes/pki/rotation/new/ca.crt | head -n 1)
  for file in /var/lib/kubelet/pods/*/volumes/kubernetes.io~projected/kube-api-access-*/ca.crt; do
    if [ -r "$file" ] && ! grep -qxsF -e "$mark" "$file" && [ -r "$file" ]; then return 0; fi
  done
  return 1
}
tries=300
while behind; do
  tries=$((tries - 1))
  [ "$tries" -gt 0 ] || kb_fail "the new CA is not in $file after 300 s"
  sleep 1
done
)

# ---- ca-workloads: restart the pods of every DaemonSet, Deployment and StatefulSet, a few at a time [not on this machine]

# ---- ca-sign: wait until every etcd member is healthy [not on this machine]

# ---- ca-sign: sign with the new CAs: kubeadm certs renew all, the kubelet's client certificate; restart the control plane and the kubelet
(
# What control planes and workers have in common: files are replaced at once, and only if they differ.
umask 077
rotation=/etc/kubernetes/pki/rotation
pki=/etc/kubernetes/pki

place() { # SOURCE TARGET MODE
  if [ -e "$2" ] && cmp -s "$1" "$2"; then return 0; fi
  part=${2%/*}/.${2##*/}.kb # hidden, since the kubelet reads every other file of the manifests
  cp "$1" "$part"
  chmod "$3" "$part"
  sync "$part"
  mv -f "$part" "$2"
}

authorities() { # NAME: its CAs, in the order of this stage
  cat "$rotation/new/$1.crt" "$rotation/old/$1.crt"
}

trusting() { # CONF CA: the kubeconfig with these CAs
  awk -v data="$(base64 <"$2" | tr -d '\n')" '
    $1 == "certificate-authority-data:" { sub(/certificate-authority-data:.*/, ""); print $0 "certificate-authority-data: " data; next }
    { print }' "$1"
}
kb_users() { # PATTERN: the processes with this argument; brackets in it keep grep from finding itself
  grep -lzxs -e "$1" /proc/[0-9]*/cmdline
}
kb_written() { # FILE...: kb_at = when the last of them was written, seconds since 1970
  kb_at=0
  for kb_file; do
    kb_time=$(stat -c %Y "$kb_file" 2>/dev/null) || continue
    if [ "$kb_time" -gt "$kb_at" ]; then kb_at=$kb_time; fi
  done
}
kb_older() { # PATTERN FILE...: is there such a process that started before a file was written?
  kb_pattern=$1
  shift
  kb_written "$@"
  [ "$kb_at" -gt 0 ] && [ "$kb_at" -le "$(date +%s)" ] || return 1
  kb_btime=0
  while read -r kb_word kb_rest; do
    if [ "$kb_word" = btime ]; then kb_btime=$kb_rest; fi
  done </proc/stat
  for kb_file in $(kb_users "$kb_pattern"); do
    kb_file=${kb_file%/cmdline}
    kb_since "${kb_file#/proc/}"
    [ -n "$kb_born" ] || continue
    [ "$((kb_btime + kb_born / 100))" -gt "$kb_at" ] || return 0
  done
  return 1
}
kb_settled() { # FILE...: wait until a process that starts now is not taken for an older one
  kb_written "$@"
  kb_tries=50
  until [ "$(date +%s)" -gt "$((kb_at + 3))" ] || [ "$kb_tries" = 0 ]; do
    kb_tries=$((kb_tries - 1))
    sleep 0.2
  done
}
kb_end() { # PATTERN SIGNAL: end such processes
  for kb_file in $(kb_users "$1"); do
    kb_pid=${kb_file#/proc/}
    kill "-$2" "${kb_pid%/cmdline}" 2>/dev/null || :
  done
}
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
set -- ca front-proxy-ca etcd/ca
for name; do
  authorities "$name" >"$KB_TMP/ca.crt"
  place "$rotation/new/$name.key" "$pki/$name.key" 0600
  place "$KB_TMP/ca.crt" "$pki/$name.crt" 0644
done
printf '%s\n' '---
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
' >"$KB_TMP/renew.yaml"
kubeadm certs renew all --config "$KB_TMP/renew.yaml"
# As in the troubleshooting page of kubeadm: a client certificate of the CA, in the kubelet's own file.
umask 077
printf '%s\n' '---
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
' >"$KB_TMP/kubelet.yaml"
rm -f "$KB_TMP/kubelet.conf"
kubeadm init phase kubeconfig kubelet --config "$KB_TMP/kubelet.yaml" --kubeconfig-dir "$KB_TMP"
current=/var/lib/kubelet/pki/kubelet-client-current.pem
pem=${current%-current.pem}-$(date -u +%Y-%m-%d-%H-%M-%S).pem
for field in client-certificate-data client-key-data; do
  while read -r key value; do
    [ "$key" != "$field:" ] || printf '%s' "$value" | base64 -d
  done <"$KB_TMP/kubelet.conf"
done >"$pem"
rm -f "$KB_TMP/kubelet.conf"
[ -s "$pem" ] || kb_fail "kubeadm wrote no client certificate"
sync "$pem"
ln -sf "$pem" "$current.new"
mv -f "$current.new" "$current"
# An old kubelet.conf holds the certificate itself, instead of the path.
if grep -q client-certificate-data: /etc/kubernetes/kubelet.conf; then
  sed -i -e "s,client-certificate-data: .*,client-certificate: $current," -e "s,client-key-data: .*,client-key: $current," /etc/kubernetes/kubelet.conf
fi
for conf in /etc/kubernetes/admin.conf /etc/kubernetes/super-admin.conf /etc/kubernetes/controller-manager.conf /etc/kubernetes/scheduler.conf /etc/kubernetes/kubelet.conf; do
  [ -e "$conf" ] || continue
  trusting "$conf" "$pki/ca.crt" >"$KB_TMP/conf"
  place "$KB_TMP/conf" "$conf" 0600
done
manifest=/etc/kubernetes/manifests/kube-controller-manager.yaml
sed "s,\(--cluster-signing-cert-file=\)$pki/\(rotation/[a-z]*/\)*ca.crt\$,\1/etc/kubernetes/pki/rotation/new/ca.crt," "$manifest" >"$KB_TMP/manifest"
place "$KB_TMP/manifest" "$manifest" 0600
sync

renewed() { # PATTERN FILE...: does it run, and with these files?
  [ -n "$(kb_users "$1")" ] && ! kb_older "$@"
}

restarted() { # NAME PATTERN FILE...: wait until it is
  name=$1 tries=600
  shift
  until renewed "$@"; do
    tries=$((tries - 1))
    case $tries in
    500) ! kb_older "$@" || kb_end "$1" KILL ;;
    300) kb_unit restart kubelet.service ;;
    0)
      kb_static_pods || :
      kb_fail "$name has not started again after 120 s"
      ;;
    esac
    sleep 0.2
  done
}

kb_settled /etc/kubernetes/pki/etcd/ca.crt /etc/kubernetes/pki/ca.crt /etc/kubernetes/pki/etcd/ca.crt /etc/kubernetes/pki/apiserver-kubelet-client.crt /etc/kubernetes/pki/ca.crt /etc/kubernetes/manifests/kube-controller-manager.yaml /etc/kubernetes/controller-manager.conf /etc/kubernetes/pki/ca.crt /etc/kubernetes/scheduler.conf /etc/kubernetes/pki/ca.crt
systemctl start kubelet.service
! kb_older '--trusted-ca-file=/etc/kubernetes/pki/etcd/ca.cr[t]' /etc/kubernetes/pki/etcd/ca.crt || kb_end '--trusted-ca-file=/etc/kubernetes/pki/etcd/ca.cr[t]' TERM
! kb_older '--kubelet-client-certificate=/etc/kubernetes/pki/apiserver-kubelet-client.cr[t]' /etc/kubernetes/pki/ca.crt /etc/kubernetes/pki/etcd/ca.crt /etc/kubernetes/pki/apiserver-kubelet-client.crt || kb_end '--kubelet-client-certificate=/etc/kubernetes/pki/apiserver-kubelet-client.cr[t]' TERM
! kb_older '--kubeconfig=/etc/kubernetes/controller-manager.con[f]' /etc/kubernetes/pki/ca.crt /etc/kubernetes/manifests/kube-controller-manager.yaml /etc/kubernetes/controller-manager.conf || kb_end '--kubeconfig=/etc/kubernetes/controller-manager.con[f]' TERM
! kb_older '--kubeconfig=/etc/kubernetes/scheduler.con[f]' /etc/kubernetes/pki/ca.crt /etc/kubernetes/scheduler.conf || kb_end '--kubeconfig=/etc/kubernetes/scheduler.con[f]' TERM
restarted etcd '--trusted-ca-file=/etc/kubernetes/pki/etcd/ca.cr[t]' /etc/kubernetes/pki/etcd/ca.crt
restarted kube-apiserver '--kubelet-client-certificate=/etc/kubernetes/pki/apiserver-kubelet-client.cr[t]' /etc/kubernetes/pki/ca.crt /etc/kubernetes/pki/etcd/ca.crt /etc/kubernetes/pki/apiserver-kubelet-client.crt
restarted kube-controller-manager '--kubeconfig=/etc/kubernetes/controller-manager.con[f]' /etc/kubernetes/pki/ca.crt /etc/kubernetes/manifests/kube-controller-manager.yaml /etc/kubernetes/controller-manager.conf
restarted kube-scheduler '--kubeconfig=/etc/kubernetes/scheduler.con[f]' /etc/kubernetes/pki/ca.crt /etc/kubernetes/scheduler.conf
(
url=https://192.0.2.11:6443
tries=300
until said=$(kubectl --kubeconfig /etc/kubernetes/admin.conf --server "$url" --request-timeout=5s get --raw=/readyz 2>&1) && [ "$said" = ok ]; do
  tries=$((tries - 1))
  if [ "$tries" = 0 ]; then
    printf '%s\n' "$said"
    echo "the API server $url is not ready (/readyz)"
    exit 1
  fi
  sleep 1
done

)
# Last: without its API server, a kubelet that has just started waits before it starts static pods.
kb_unit restart kubelet.service
# The kubelet waits up to 5 minutes before it starts a container that ended again and again; not
# after its own restart.
kb_stopped() { # the static pods of the control plane that have a manifest and do not run
  for kb_pod in etcd kube-apiserver kube-controller-manager kube-scheduler; do
    [ -e "/etc/kubernetes/manifests/$kb_pod.yaml" ] || continue
    [ -n "$(crictl --runtime-endpoint unix:///run/containerd/containerd.sock ps -q --name "^$kb_pod\$" 2>/dev/null)" ] || echo "$kb_pod"
  done
}
now() { # seconds since boot
  read -r up _ </proc/uptime
  echo "${up%.*}"
}
kb_again() { # a pod that has just ended is given 15 s
  end=$(($(now) + 15))
  while [ -n "$(kb_stopped)" ]; do
    if [ "$(now)" -ge "$end" ]; then
      kb_unit restart kubelet.service
      return
    fi
    sleep 0.2
  done
}
kb_again
rc=0
(
url=https://192.0.2.11:6443
tries=300
until said=$(kubectl --kubeconfig /etc/kubernetes/admin.conf --server "$url" --request-timeout=5s get --raw=/readyz 2>&1) && [ "$said" = ok ]; do
  tries=$((tries - 1))
  if [ "$tries" = 0 ]; then
    printf '%s\n' "$said"
    echo "the API server $url is not ready (/readyz)"
    exit 1
  fi
  sleep 1
done

) || rc=$?
if [ "$rc" != 0 ]; then
  kb_static_pods || :
  exit "$rc"
fi
kb_again
end=$(($(now) + 120))
until [ -z "$(kb_stopped)" ]; do
  if [ "$(now)" -ge "$end" ]; then
    kb_static_pods || :
    kb_fail "not running after 120 s: $(kb_stopped)"
  fi
  sleep 0.2
done
)

# ---- ca-drop: wait until every etcd member is healthy [not on this machine]

# ---- ca-drop: read the cluster's CA hash [not on this machine]

# ---- ca-drop: write /var/lib/kbootstrap/cluster (15 bytes, 0600)
(
kb_put /var/lib/kbootstrap/cluster 0600 root:root 15 337d875b136fe35e9959fe85e100b4cf410e506ecc4250da45a6622c5c4e998d
)

# ---- ca-drop: trust only the new CAs; restart the control plane and the kubelet
(
# What control planes and workers have in common: files are replaced at once, and only if they differ.
umask 077
rotation=/etc/kubernetes/pki/rotation
pki=/etc/kubernetes/pki

place() { # SOURCE TARGET MODE
  if [ -e "$2" ] && cmp -s "$1" "$2"; then return 0; fi
  part=${2%/*}/.${2##*/}.kb # hidden, since the kubelet reads every other file of the manifests
  cp "$1" "$part"
  chmod "$3" "$part"
  sync "$part"
  mv -f "$part" "$2"
}

authorities() { # NAME: its CAs, in the order of this stage
  cat "$rotation/new/$1.crt"
}

trusting() { # CONF CA: the kubeconfig with these CAs
  awk -v data="$(base64 <"$2" | tr -d '\n')" '
    $1 == "certificate-authority-data:" { sub(/certificate-authority-data:.*/, ""); print $0 "certificate-authority-data: " data; next }
    { print }' "$1"
}
kb_users() { # PATTERN: the processes with this argument; brackets in it keep grep from finding itself
  grep -lzxs -e "$1" /proc/[0-9]*/cmdline
}
kb_written() { # FILE...: kb_at = when the last of them was written, seconds since 1970
  kb_at=0
  for kb_file; do
    kb_time=$(stat -c %Y "$kb_file" 2>/dev/null) || continue
    if [ "$kb_time" -gt "$kb_at" ]; then kb_at=$kb_time; fi
  done
}
kb_older() { # PATTERN FILE...: is there such a process that started before a file was written?
  kb_pattern=$1
  shift
  kb_written "$@"
  [ "$kb_at" -gt 0 ] && [ "$kb_at" -le "$(date +%s)" ] || return 1
  kb_btime=0
  while read -r kb_word kb_rest; do
    if [ "$kb_word" = btime ]; then kb_btime=$kb_rest; fi
  done </proc/stat
  for kb_file in $(kb_users "$kb_pattern"); do
    kb_file=${kb_file%/cmdline}
    kb_since "${kb_file#/proc/}"
    [ -n "$kb_born" ] || continue
    [ "$((kb_btime + kb_born / 100))" -gt "$kb_at" ] || return 0
  done
  return 1
}
kb_settled() { # FILE...: wait until a process that starts now is not taken for an older one
  kb_written "$@"
  kb_tries=50
  until [ "$(date +%s)" -gt "$((kb_at + 3))" ] || [ "$kb_tries" = 0 ]; do
    kb_tries=$((kb_tries - 1))
    sleep 0.2
  done
}
kb_end() { # PATTERN SIGNAL: end such processes
  for kb_file in $(kb_users "$1"); do
    kb_pid=${kb_file#/proc/}
    kill "-$2" "${kb_pid%/cmdline}" 2>/dev/null || :
  done
}
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
set -- ca front-proxy-ca etcd/ca
for name; do
  authorities "$name" >"$KB_TMP/ca.crt"
  place "$KB_TMP/ca.crt" "$pki/$name.crt" 0644
done
for conf in /etc/kubernetes/admin.conf /etc/kubernetes/super-admin.conf /etc/kubernetes/controller-manager.conf /etc/kubernetes/scheduler.conf /etc/kubernetes/kubelet.conf; do
  [ -e "$conf" ] || continue
  trusting "$conf" "$pki/ca.crt" >"$KB_TMP/conf"
  place "$KB_TMP/conf" "$conf" 0600
done
manifest=/etc/kubernetes/manifests/kube-controller-manager.yaml
sed "s,\(--cluster-signing-cert-file=\)$pki/\(rotation/[a-z]*/\)*ca.crt\$,\1/etc/kubernetes/pki/ca.crt," "$manifest" >"$KB_TMP/manifest"
place "$KB_TMP/manifest" "$manifest" 0600
sync

renewed() { # PATTERN FILE...: does it run, and with these files?
  [ -n "$(kb_users "$1")" ] && ! kb_older "$@"
}

restarted() { # NAME PATTERN FILE...: wait until it is
  name=$1 tries=600
  shift
  until renewed "$@"; do
    tries=$((tries - 1))
    case $tries in
    500) ! kb_older "$@" || kb_end "$1" KILL ;;
    300) kb_unit restart kubelet.service ;;
    0)
      kb_static_pods || :
      kb_fail "$name has not started again after 120 s"
      ;;
    esac
    sleep 0.2
  done
}

kb_settled /etc/kubernetes/pki/etcd/ca.crt /etc/kubernetes/pki/ca.crt /etc/kubernetes/pki/etcd/ca.crt /etc/kubernetes/pki/apiserver-kubelet-client.crt /etc/kubernetes/pki/ca.crt /etc/kubernetes/manifests/kube-controller-manager.yaml /etc/kubernetes/controller-manager.conf /etc/kubernetes/pki/ca.crt /etc/kubernetes/scheduler.conf /etc/kubernetes/pki/ca.crt
systemctl start kubelet.service
! kb_older '--trusted-ca-file=/etc/kubernetes/pki/etcd/ca.cr[t]' /etc/kubernetes/pki/etcd/ca.crt || kb_end '--trusted-ca-file=/etc/kubernetes/pki/etcd/ca.cr[t]' TERM
! kb_older '--kubelet-client-certificate=/etc/kubernetes/pki/apiserver-kubelet-client.cr[t]' /etc/kubernetes/pki/ca.crt /etc/kubernetes/pki/etcd/ca.crt /etc/kubernetes/pki/apiserver-kubelet-client.crt || kb_end '--kubelet-client-certificate=/etc/kubernetes/pki/apiserver-kubelet-client.cr[t]' TERM
! kb_older '--kubeconfig=/etc/kubernetes/controller-manager.con[f]' /etc/kubernetes/pki/ca.crt /etc/kubernetes/manifests/kube-controller-manager.yaml /etc/kubernetes/controller-manager.conf || kb_end '--kubeconfig=/etc/kubernetes/controller-manager.con[f]' TERM
! kb_older '--kubeconfig=/etc/kubernetes/scheduler.con[f]' /etc/kubernetes/pki/ca.crt /etc/kubernetes/scheduler.conf || kb_end '--kubeconfig=/etc/kubernetes/scheduler.con[f]' TERM
restarted etcd '--trusted-ca-file=/etc/kubernetes/pki/etcd/ca.cr[t]' /etc/kubernetes/pki/etcd/ca.crt
restarted kube-apiserver '--kubelet-client-certificate=/etc/kubernetes/pki/apiserver-kubelet-client.cr[t]' /etc/kubernetes/pki/ca.crt /etc/kubernetes/pki/etcd/ca.crt /etc/kubernetes/pki/apiserver-kubelet-client.crt
restarted kube-controller-manager '--kubeconfig=/etc/kubernetes/controller-manager.con[f]' /etc/kubernetes/pki/ca.crt /etc/kubernetes/manifests/kube-controller-manager.yaml /etc/kubernetes/controller-manager.conf
restarted kube-scheduler '--kubeconfig=/etc/kubernetes/scheduler.con[f]' /etc/kubernetes/pki/ca.crt /etc/kubernetes/scheduler.conf
(
url=https://192.0.2.11:6443
tries=300
until said=$(kubectl --kubeconfig /etc/kubernetes/admin.conf --server "$url" --request-timeout=5s get --raw=/readyz 2>&1) && [ "$said" = ok ]; do
  tries=$((tries - 1))
  if [ "$tries" = 0 ]; then
    printf '%s\n' "$said"
    echo "the API server $url is not ready (/readyz)"
    exit 1
  fi
  sleep 1
done

)
# Last: without its API server, a kubelet that has just started waits before it starts static pods.
kb_unit restart kubelet.service
# The kubelet waits up to 5 minutes before it starts a container that ended again and again; not
# after its own restart.
kb_stopped() { # the static pods of the control plane that have a manifest and do not run
  for kb_pod in etcd kube-apiserver kube-controller-manager kube-scheduler; do
    [ -e "/etc/kubernetes/manifests/$kb_pod.yaml" ] || continue
    [ -n "$(crictl --runtime-endpoint unix:///run/containerd/containerd.sock ps -q --name "^$kb_pod\$" 2>/dev/null)" ] || echo "$kb_pod"
  done
}
now() { # seconds since boot
  read -r up _ </proc/uptime
  echo "${up%.*}"
}
kb_again() { # a pod that has just ended is given 15 s
  end=$(($(now) + 15))
  while [ -n "$(kb_stopped)" ]; do
    if [ "$(now)" -ge "$end" ]; then
      kb_unit restart kubelet.service
      return
    fi
    sleep 0.2
  done
}
kb_again
rc=0
(
url=https://192.0.2.11:6443
tries=300
until said=$(kubectl --kubeconfig /etc/kubernetes/admin.conf --server "$url" --request-timeout=5s get --raw=/readyz 2>&1) && [ "$said" = ok ]; do
  tries=$((tries - 1))
  if [ "$tries" = 0 ]; then
    printf '%s\n' "$said"
    echo "the API server $url is not ready (/readyz)"
    exit 1
  fi
  sleep 1
done

) || rc=$?
if [ "$rc" != 0 ]; then
  kb_static_pods || :
  exit "$rc"
fi
kb_again
end=$(($(now) + 120))
until [ -z "$(kb_stopped)" ]; do
  if [ "$(now)" -ge "$end" ]; then
    kb_static_pods || :
    kb_fail "not running after 120 s: $(kb_stopped)"
  fi
  sleep 0.2
done
)

# ---- ca-end: name only the new CA in kube-public/cluster-info and kube-system/extension-apiserver-authentication; record the end of the rotation [not on this machine]

# ---- ca-clean: remove /etc/kubernetes/pki/rotation
(
rm -rf -- /etc/kubernetes/pki/rotation
)

# ---- cleanup: delete the bootstrap token of init [not on this machine]

# ---- ready: wait until the node is Ready [not on this machine]

# ---- ready: wait until the node's own pods run [not on this machine]
