#!/bin/sh
# shellcheck disable=SC2154 # KB_TMP and the like come from templates/remote/driver.sh
# shellcheck disable=SC2043 # a list from a template may have one element
# shellcheck disable=SC2016 # the text of a file is not expanded
# shellcheck disable=SC2221,SC2222 # a pattern from a template may be *

# cp1 of cluster demo, each part in a subshell of its own

# ---- probe:control-plane-repair
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

# ---- control-plane-repair: put the old settings back: certificate, kube-apiserver; restart the kubelet if the API server does not start
(
# Undoes changes that were interrupted, so that the API server of this node can start.
# The functions of a change of the control plane. What it changes is copied to $saved first, so that
# a change that was interrupted, also by a reboot, is finished or undone when it is run again.
umask 077

now() { # seconds since boot
  read -r up _ </proc/uptime
  echo "${up%.*}"
}

# shellcheck disable=SC2329 # called by the checks
get() { # SERVER PATH [FLAG...]: its answer; of another server than this node's without a login
  at=$1 path=$2
  shift 2
  if [ "$at" = "$server" ]; then set -- --kubeconfig /etc/kubernetes/admin.conf "$@"; fi
  kubectl --server "$at" --request-timeout=5s get --raw="$path" "$@" 2>&1
}

# shellcheck disable=SC2329 # given to settle by its name
serving() { # the API server of this node is ready
  said=$(get "$server" /readyz) && [ "$said" = ok ]
}

# shellcheck disable=SC2329 # not called to undo a change
keep() { # FILE...: copies of the files that the change replaces; those of an earlier run are retained
  [ ! -d "$saved" ] || return 0
  rm -rf "$saved.new"
  mkdir -p "$saved.new"
  cp -p "$@" "$saved.new"
  sync "$saved.new"/*
}

place() { # SOURCE TARGET: replace a file at once
  cmp -s "$1" "$2" && return 0
  new=${2%/*/*}/.kbootstrap.${2##*/}
  cp -p "$1" "$new"
  sync "$new"
  mv "$new" "$2"
}

settle() { # CHECK: wait until it succeeds three times in a row; 1 after 300 s, 2 if it cannot succeed
  end=$(($(now) + 300))
  good=0 missing=0
  while [ "$good" -lt 3 ]; do
    if "$1"; then good=$((good + 1)); else good=0; fi
    if absent; then missing=$((missing + 1)); else missing=0; fi
    # A kubelet that has booted without an API server may wait for it before it replaces a static
    # pod, for ever; seen with v1.34.2, see kubernetes/kubernetes#109596. After etcd was away, it
    # waits up to 5 minutes before it starts an API server that ended again and again; not after
    # its own restart.
    if [ "$missing" -eq 20 ]; then
      echo "restarting the kubelet, which does not start a static pod"
      systemctl restart kubelet
    fi
    hopeless && return 2
    [ "$(now)" -lt "$end" ] || return 1
    sleep 1
  done
}
server=https://192.0.2.11:6443
hopeless() { return 1; } # it is the last way
absent() { [ "$good" -eq 0 ]; }

for name in certificate kube-apiserver; do
  saved=/var/lib/kbootstrap/control-plane/$name
  if [ "$name" = certificate ]; then
    place "$saved/apiserver.key" /etc/kubernetes/pki/apiserver.key
    place "$saved/apiserver.crt" /etc/kubernetes/pki/apiserver.crt
  else
    place "$saved/$name.yaml" "/etc/kubernetes/manifests/$name.yaml"
  fi
done
if ! settle serving; then
  echo "the API server $server is not ready (/readyz): ${said:-}"
  exit 1
fi
for name in certificate kube-apiserver; do rm -rf /var/lib/kbootstrap/control-plane/"$name"; done
)

# ---- control-plane: certificate of kube-apiserver: add 192.0.2.5; add api.example.org
(
kb_detach control-plane-certificate 2400 <<'KB_DETACHED'
# Makes a new serving certificate for kube-apiserver, and waits until it is served; else undoes it.
# kube-apiserver reads the pair again when the files change, without a restart.
server=https://192.0.2.11:6443
pki=/etc/kubernetes/pki
saved=/var/lib/kbootstrap/control-plane/certificate
work=/run/kbootstrap/control-plane-certificate
# The functions of a change of the control plane. What it changes is copied to $saved first, so that
# a change that was interrupted, also by a reboot, is finished or undone when it is run again.
umask 077

now() { # seconds since boot
  read -r up _ </proc/uptime
  echo "${up%.*}"
}

# shellcheck disable=SC2329 # called by the checks
get() { # SERVER PATH [FLAG...]: its answer; of another server than this node's without a login
  at=$1 path=$2
  shift 2
  if [ "$at" = "$server" ]; then set -- --kubeconfig /etc/kubernetes/admin.conf "$@"; fi
  kubectl --server "$at" --request-timeout=5s get --raw="$path" "$@" 2>&1
}

# shellcheck disable=SC2329 # given to settle by its name
serving() { # the API server of this node is ready
  said=$(get "$server" /readyz) && [ "$said" = ok ]
}

# shellcheck disable=SC2329 # not called to undo a change
keep() { # FILE...: copies of the files that the change replaces; those of an earlier run are retained
  [ ! -d "$saved" ] || return 0
  rm -rf "$saved.new"
  mkdir -p "$saved.new"
  cp -p "$@" "$saved.new"
  sync "$saved.new"/*
}

place() { # SOURCE TARGET: replace a file at once
  cmp -s "$1" "$2" && return 0
  new=${2%/*/*}/.kbootstrap.${2##*/}
  cp -p "$1" "$new"
  sync "$new"
  mv "$new" "$2"
}

settle() { # CHECK: wait until it succeeds three times in a row; 1 after 300 s, 2 if it cannot succeed
  end=$(($(now) + 300))
  good=0 missing=0
  while [ "$good" -lt 3 ]; do
    if "$1"; then good=$((good + 1)); else good=0; fi
    if absent; then missing=$((missing + 1)); else missing=0; fi
    # A kubelet that has booted without an API server may wait for it before it replaces a static
    # pod, for ever; seen with v1.34.2, see kubernetes/kubernetes#109596. After etcd was away, it
    # waits up to 5 minutes before it starts an API server that ended again and again; not after
    # its own restart.
    if [ "$missing" -eq 20 ]; then
      echo "restarting the kubelet, which does not start a static pod"
      systemctl restart kubelet
    fi
    hopeless && return 2
    [ "$(now)" -lt "$end" ] || return 1
    sleep 1
  done
}
trap 'rm -rf "$work"' EXIT

hopeless() { return 1; } # nothing restarts
absent() { return 1; }

served() { # its names, as a client checks them
  for san in 10.96.0.1 192.0.2.11 192.0.2.5 api.example.org cp1 kubernetes kubernetes.default kubernetes.default.svc kubernetes.default.svc.cluster.local; do
    said=$(get "$server" /readyz --tls-server-name "$san") && [ "$said" = ok ] || return 1
  done
  serving
}

undo() {
  echo "kube-apiserver does not serve the new certificate: ${said:-}"
  place "$saved/apiserver.key" "$pki/apiserver.key"
  place "$saved/apiserver.crt" "$pki/apiserver.crt"
  if settle serving; then
    echo "the old certificate is back, and kube-apiserver is ready"
  else
    echo "the old certificate is back, but kube-apiserver is not ready: ${said:-}"
  fi
  rm -rf "$saved"
  exit 1
}

rm -rf "$work"
mkdir -p "$work"
printf '%s' '---
apiVersion: kubeadm.k8s.io/v1beta4
kind: InitConfiguration
nodeRegistration:
  name: cp1
  criSocket: unix:///run/containerd/containerd.sock
  imagePullPolicy: IfNotPresent
  kubeletExtraArgs:
  - name: node-ip
    value: 192.0.2.11
  ignorePreflightErrors:
  - Mem
  - NumCPU
localAPIEndpoint:
  advertiseAddress: 192.0.2.11
  bindPort: 6443
timeouts:
  controlPlaneComponentHealthCheck: 300s
  kubeletHealthCheck: 240s
  kubernetesAPICall: 60s
  etcdAPICall: 120s
  tlsBootstrap: 300s
  discovery: 300s
---
apiServer:
  certSANs:
  - 192.0.2.5
  extraArgs:
  - name: audit-log-maxage
    value: '"'"'30'"'"'
  - name: audit-log-path
    value: /var/log/audit.log
apiVersion: kubeadm.k8s.io/v1beta4
clusterName: demo
controlPlaneEndpoint: api.example.org:6443
controllerManager:
  extraArgs:
  - name: v
    value: '"'"'4'"'"'
dns:
  imageTag: v1.11.1
etcd:
  local:
    dataDir: /srv/etcd
    extraArgs:
    - name: quota-backend-bytes
      value: '"'"'8589934592'"'"'
imageRepository: registry.example.org:5000/k8s
kind: ClusterConfiguration
kubernetesVersion: v1.34.2
networking:
  dnsDomain: cluster.local
  podSubnet: 10.244.0.0/16
  serviceSubnet: 10.96.0.0/12
scheduler:
  extraArgs:
  - name: v
    value: '"'"'4'"'"'
certificatesDir: /run/kbootstrap/control-plane-certificate
' >"$work/kubeadm.yaml" # its certificatesDir is this directory
ln -s "$pki/ca.crt" "$pki/ca.key" "$work"
if ! kubeadm init phase certs apiserver --config "$work/kubeadm.yaml" >"$work/output" 2>&1; then
  cat "$work/output"
  [ ! -d "$saved" ] || undo
  exit 1
fi
if [ ! -d "$saved" ]; then
  keep "$pki/apiserver.crt" "$pki/apiserver.key"
  mv "$saved.new" "$saved"
fi
place "$work/apiserver.key" "$pki/apiserver.key"
place "$work/apiserver.crt" "$pki/apiserver.crt"
settle served || undo
rm -rf "$saved"

KB_DETACHED
)

# ---- control-plane: kube-apiserver: --audit-log-maxage=30 (now unset); --audit-log-path=/var/log/audit.log (now unset); image registry.example.org:5000/k8s/kube-apiserver:v1.34.2 (now registry.k8s.io/kube-apiserver:v1.34.2); remove --v=2, changed by hand
(
kb_detach control-plane-kube-apiserver 2400 <<'KB_DETACHED'
# Replaces the manifest of one component, and waits until it runs with it; else undoes it.
name=kube-apiserver
server=https://192.0.2.11:6443
health=''
manifest=/etc/kubernetes/manifests/$name.yaml
saved=/var/lib/kbootstrap/control-plane/$name
work=/run/kbootstrap/control-plane-$name
# The functions of a change of the control plane. What it changes is copied to $saved first, so that
# a change that was interrupted, also by a reboot, is finished or undone when it is run again.
umask 077

now() { # seconds since boot
  read -r up _ </proc/uptime
  echo "${up%.*}"
}

# shellcheck disable=SC2329 # called by the checks
get() { # SERVER PATH [FLAG...]: its answer; of another server than this node's without a login
  at=$1 path=$2
  shift 2
  if [ "$at" = "$server" ]; then set -- --kubeconfig /etc/kubernetes/admin.conf "$@"; fi
  kubectl --server "$at" --request-timeout=5s get --raw="$path" "$@" 2>&1
}

# shellcheck disable=SC2329 # given to settle by its name
serving() { # the API server of this node is ready
  said=$(get "$server" /readyz) && [ "$said" = ok ]
}

# shellcheck disable=SC2329 # not called to undo a change
keep() { # FILE...: copies of the files that the change replaces; those of an earlier run are retained
  [ ! -d "$saved" ] || return 0
  rm -rf "$saved.new"
  mkdir -p "$saved.new"
  cp -p "$@" "$saved.new"
  sync "$saved.new"/*
}

place() { # SOURCE TARGET: replace a file at once
  cmp -s "$1" "$2" && return 0
  new=${2%/*/*}/.kbootstrap.${2##*/}
  cp -p "$1" "$new"
  sync "$new"
  mv "$new" "$2"
}

settle() { # CHECK: wait until it succeeds three times in a row; 1 after 300 s, 2 if it cannot succeed
  end=$(($(now) + 300))
  good=0 missing=0
  while [ "$good" -lt 3 ]; do
    if "$1"; then good=$((good + 1)); else good=0; fi
    if absent; then missing=$((missing + 1)); else missing=0; fi
    # A kubelet that has booted without an API server may wait for it before it replaces a static
    # pod, for ever; seen with v1.34.2, see kubernetes/kubernetes#109596. After etcd was away, it
    # waits up to 5 minutes before it starts an API server that ended again and again; not after
    # its own restart.
    if [ "$missing" -eq 20 ]; then
      echo "restarting the kubelet, which does not start a static pod"
      systemctl restart kubelet
    fi
    hopeless && return 2
    [ "$(now)" -lt "$end" ] || return 1
    sleep 1
  done
}
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
crictl() { command crictl --runtime-endpoint unix:///run/containerd/containerd.sock "$@"; }
trap 'rm -rf "$work"' EXIT

containers() { # all, and exited ones first seen after the change began
  crictl ps -a -q --name "^$name\$" "$@" 2>/dev/null || :
}

process() { # the one that runs the manifest; of another image only one that began after the change
  running pid "$manifest" | while read -r pid; do
    read -r line 2>/dev/null <"/proc/$pid/stat" || continue
    # shellcheck disable=SC2086 # field 22, counted after the name, is the start time
    set -- ${line##*) }
    cmp -s "$manifest" "$saved/$name.yaml" || ! grep -qx "$pid ${20}" "$saved/processes" || continue
    echo "$pid ${20}"
  done
}

works() {
  found=$(process)
  [ -n "$found" ] || return 1
  if [ "$found" != "$last" ]; then good=0; fi
  last=$found
  if [ -n "$health" ]; then
    # Anyone may ask; kubectl only wants a login, which the component ignores.
    said=$(get "$health" /healthz --kubeconfig=/dev/null --insecure-skip-tls-verify --username=none --password=none) && [ "$said" = ok ] || return 1
  fi
  serving
}

ended=
hopeless() { # it has ended three times since the change began
  for id in $(containers --state Exited); do
    case " $ended " in *" $id "*) continue ;; esac
    grep -qx "$id" "$saved/containers" || ended="$ended $id"
  done
  # shellcheck disable=SC2086 # one word for each container
  set -- $ended
  [ $# -ge 3 ]
}

seen=
absent() { # the component or the API server does not run, and no container began in the last second
  before=$seen
  seen=$(containers; crictl ps -a -q --name '^kube-apiserver$' 2>/dev/null) || :
  [ "$seen" = "$before" ] || return 1
  [ -z "$found" ] || [ -z "$(crictl ps -q --name '^kube-apiserver$' 2>/dev/null)" ]
}

messages() { # the last lines of its log, indented, so that they are not taken for kubeadm's own log
  rm -f "$work/errors" "$work/newest"
  containers | while read -r id; do # the newest first, which may have just started
    grep -qx "$id" "$saved/containers" && continue
    crictl logs --tail 400 "$id" >"$work/log" 2>&1 || continue
    [ -s "$work/newest" ] || cp "$work/log" "$work/newest"
    if grep -E 'rror: |^[EF][0-9]{4} |"level":"(error|fatal|panic)|^panic: |not defined|nvalid' "$work/log" >"$work/errors"; then break; fi
  done
  [ -s "$work/errors" ] || cp "$work/newest" "$work/errors" 2>/dev/null || return 0
  echo "$name ended with:"
  # The same line of several starts is printed once.
  awk '!seen[$0]++ { print "  " substr($0, 1, 400) }' "$work/errors" | tail -n 5
}

undo() {
  messages
  last='' ended=''
  containers >"$saved/containers"
  place "$saved/$name.yaml" "$manifest"
  if settle works; then
    echo "the old manifest of $name is back, and $name runs with it"
  else
    echo "the old manifest of $name is back, but $name is not ready: ${said:-}"
  fi
  rm -rf "$saved"
  exit 1
}

fail() { # without a change there is nothing to undo
  if [ -d "$saved" ]; then undo; fi
  exit 1
}

rm -rf "$work"
mkdir -p "$work"
printf '%s' '---
apiVersion: kubeadm.k8s.io/v1beta4
kind: InitConfiguration
nodeRegistration:
  name: cp1
  criSocket: unix:///run/containerd/containerd.sock
  imagePullPolicy: IfNotPresent
  kubeletExtraArgs:
  - name: node-ip
    value: 192.0.2.11
  ignorePreflightErrors:
  - Mem
  - NumCPU
localAPIEndpoint:
  advertiseAddress: 192.0.2.11
  bindPort: 6443
timeouts:
  controlPlaneComponentHealthCheck: 300s
  kubeletHealthCheck: 240s
  kubernetesAPICall: 60s
  etcdAPICall: 120s
  tlsBootstrap: 300s
  discovery: 300s
---
apiServer:
  certSANs:
  - 192.0.2.5
  extraArgs:
  - name: audit-log-maxage
    value: '"'"'30'"'"'
  - name: audit-log-path
    value: /var/log/audit.log
apiVersion: kubeadm.k8s.io/v1beta4
clusterName: demo
controlPlaneEndpoint: api.example.org:6443
controllerManager:
  extraArgs:
  - name: v
    value: '"'"'4'"'"'
dns:
  imageTag: v1.11.1
etcd:
  local:
    dataDir: /srv/etcd
    extraArgs:
    - name: quota-backend-bytes
      value: '"'"'8589934592'"'"'
imageRepository: registry.example.org:5000/k8s
kind: ClusterConfiguration
kubernetesVersion: v1.34.2
networking:
  dnsDomain: cluster.local
  podSubnet: 10.244.0.0/16
  serviceSubnet: 10.96.0.0/12
scheduler:
  extraArgs:
  - name: v
    value: '"'"'4'"'"'
' >"$work/kubeadm.yaml"
set -- init phase control-plane apiserver --dry-run --config "$work/kubeadm.yaml"
for patch in /var/lib/kbootstrap/patches/*; do
  if [ -e "$patch" ]; then set -- "$@" --patches /var/lib/kbootstrap/patches; fi
  break
done
# A dry run writes the manifest to the directory and changes nothing else.
if ! KUBEADM_INIT_DRYRUN_DIR=$work kubeadm "$@" >"$work/output" 2>&1; then
  cat "$work/output"
  fail
fi
image=$(sed -n "s/^    image: *[\"']\{0,1\}\([^\"']*\).*/\1/p" "$work/$name.yaml" | head -n 1)
if ! crictl inspecti -q "$image" >/dev/null 2>&1; then
  echo "pulling $image"
  if ! crictl pull "$image"; then
    echo "KB-PULL cannot pull $image"
    fail
  fi
fi
if [ ! -d "$saved" ]; then
  keep "$manifest"
  containers >"$saved.new/containers"
  running pid "$manifest" | while read -r pid; do
    read -r line 2>/dev/null <"/proc/$pid/stat" || continue
    # shellcheck disable=SC2086 # as above
    set -- ${line##*) }
    echo "$pid ${20}"
  done >"$saved.new/processes"
  mv "$saved.new" "$saved"
fi
last=''
place "$work/$name.yaml" "$manifest"
settle works || undo
rm -rf "$saved"

KB_DETACHED
)

# ---- control-plane: kube-scheduler: --v=4 (now 2)
(
kb_detach control-plane-kube-scheduler 2400 <<'KB_DETACHED'
# Replaces the manifest of one component, and waits until it runs with it; else undoes it.
name=kube-scheduler
server=https://192.0.2.11:6443
health=https://127.0.0.1:10259
manifest=/etc/kubernetes/manifests/$name.yaml
saved=/var/lib/kbootstrap/control-plane/$name
work=/run/kbootstrap/control-plane-$name
# The functions of a change of the control plane. What it changes is copied to $saved first, so that
# a change that was interrupted, also by a reboot, is finished or undone when it is run again.
umask 077

now() { # seconds since boot
  read -r up _ </proc/uptime
  echo "${up%.*}"
}

# shellcheck disable=SC2329 # called by the checks
get() { # SERVER PATH [FLAG...]: its answer; of another server than this node's without a login
  at=$1 path=$2
  shift 2
  if [ "$at" = "$server" ]; then set -- --kubeconfig /etc/kubernetes/admin.conf "$@"; fi
  kubectl --server "$at" --request-timeout=5s get --raw="$path" "$@" 2>&1
}

# shellcheck disable=SC2329 # given to settle by its name
serving() { # the API server of this node is ready
  said=$(get "$server" /readyz) && [ "$said" = ok ]
}

# shellcheck disable=SC2329 # not called to undo a change
keep() { # FILE...: copies of the files that the change replaces; those of an earlier run are retained
  [ ! -d "$saved" ] || return 0
  rm -rf "$saved.new"
  mkdir -p "$saved.new"
  cp -p "$@" "$saved.new"
  sync "$saved.new"/*
}

place() { # SOURCE TARGET: replace a file at once
  cmp -s "$1" "$2" && return 0
  new=${2%/*/*}/.kbootstrap.${2##*/}
  cp -p "$1" "$new"
  sync "$new"
  mv "$new" "$2"
}

settle() { # CHECK: wait until it succeeds three times in a row; 1 after 300 s, 2 if it cannot succeed
  end=$(($(now) + 300))
  good=0 missing=0
  while [ "$good" -lt 3 ]; do
    if "$1"; then good=$((good + 1)); else good=0; fi
    if absent; then missing=$((missing + 1)); else missing=0; fi
    # A kubelet that has booted without an API server may wait for it before it replaces a static
    # pod, for ever; seen with v1.34.2, see kubernetes/kubernetes#109596. After etcd was away, it
    # waits up to 5 minutes before it starts an API server that ended again and again; not after
    # its own restart.
    if [ "$missing" -eq 20 ]; then
      echo "restarting the kubelet, which does not start a static pod"
      systemctl restart kubelet
    fi
    hopeless && return 2
    [ "$(now)" -lt "$end" ] || return 1
    sleep 1
  done
}
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
crictl() { command crictl --runtime-endpoint unix:///run/containerd/containerd.sock "$@"; }
trap 'rm -rf "$work"' EXIT

containers() { # all, and exited ones first seen after the change began
  crictl ps -a -q --name "^$name\$" "$@" 2>/dev/null || :
}

process() { # the one that runs the manifest; of another image only one that began after the change
  running pid "$manifest" | while read -r pid; do
    read -r line 2>/dev/null <"/proc/$pid/stat" || continue
    # shellcheck disable=SC2086 # field 22, counted after the name, is the start time
    set -- ${line##*) }
    cmp -s "$manifest" "$saved/$name.yaml" || ! grep -qx "$pid ${20}" "$saved/processes" || continue
    echo "$pid ${20}"
  done
}

works() {
  found=$(process)
  [ -n "$found" ] || return 1
  if [ "$found" != "$last" ]; then good=0; fi
  last=$found
  if [ -n "$health" ]; then
    # Anyone may ask; kubectl only wants a login, which the component ignores.
    said=$(get "$health" /healthz --kubeconfig=/dev/null --insecure-skip-tls-verify --username=none --password=none) && [ "$said" = ok ] || return 1
  fi
  serving
}

ended=
hopeless() { # it has ended three times since the change began
  for id in $(containers --state Exited); do
    case " $ended " in *" $id "*) continue ;; esac
    grep -qx "$id" "$saved/containers" || ended="$ended $id"
  done
  # shellcheck disable=SC2086 # one word for each container
  set -- $ended
  [ $# -ge 3 ]
}

seen=
absent() { # the component or the API server does not run, and no container began in the last second
  before=$seen
  seen=$(containers; crictl ps -a -q --name '^kube-apiserver$' 2>/dev/null) || :
  [ "$seen" = "$before" ] || return 1
  [ -z "$found" ] || [ -z "$(crictl ps -q --name '^kube-apiserver$' 2>/dev/null)" ]
}

messages() { # the last lines of its log, indented, so that they are not taken for kubeadm's own log
  rm -f "$work/errors" "$work/newest"
  containers | while read -r id; do # the newest first, which may have just started
    grep -qx "$id" "$saved/containers" && continue
    crictl logs --tail 400 "$id" >"$work/log" 2>&1 || continue
    [ -s "$work/newest" ] || cp "$work/log" "$work/newest"
    if grep -E 'rror: |^[EF][0-9]{4} |"level":"(error|fatal|panic)|^panic: |not defined|nvalid' "$work/log" >"$work/errors"; then break; fi
  done
  [ -s "$work/errors" ] || cp "$work/newest" "$work/errors" 2>/dev/null || return 0
  echo "$name ended with:"
  # The same line of several starts is printed once.
  awk '!seen[$0]++ { print "  " substr($0, 1, 400) }' "$work/errors" | tail -n 5
}

undo() {
  messages
  last='' ended=''
  containers >"$saved/containers"
  place "$saved/$name.yaml" "$manifest"
  if settle works; then
    echo "the old manifest of $name is back, and $name runs with it"
  else
    echo "the old manifest of $name is back, but $name is not ready: ${said:-}"
  fi
  rm -rf "$saved"
  exit 1
}

fail() { # without a change there is nothing to undo
  if [ -d "$saved" ]; then undo; fi
  exit 1
}

rm -rf "$work"
mkdir -p "$work"
printf '%s' '---
apiVersion: kubeadm.k8s.io/v1beta4
kind: InitConfiguration
nodeRegistration:
  name: cp1
  criSocket: unix:///run/containerd/containerd.sock
  imagePullPolicy: IfNotPresent
  kubeletExtraArgs:
  - name: node-ip
    value: 192.0.2.11
  ignorePreflightErrors:
  - Mem
  - NumCPU
localAPIEndpoint:
  advertiseAddress: 192.0.2.11
  bindPort: 6443
timeouts:
  controlPlaneComponentHealthCheck: 300s
  kubeletHealthCheck: 240s
  kubernetesAPICall: 60s
  etcdAPICall: 120s
  tlsBootstrap: 300s
  discovery: 300s
---
apiServer:
  certSANs:
  - 192.0.2.5
  extraArgs:
  - name: audit-log-maxage
    value: '"'"'30'"'"'
  - name: audit-log-path
    value: /var/log/audit.log
apiVersion: kubeadm.k8s.io/v1beta4
clusterName: demo
controlPlaneEndpoint: api.example.org:6443
controllerManager:
  extraArgs:
  - name: v
    value: '"'"'4'"'"'
dns:
  imageTag: v1.11.1
etcd:
  local:
    dataDir: /srv/etcd
    extraArgs:
    - name: quota-backend-bytes
      value: '"'"'8589934592'"'"'
imageRepository: registry.example.org:5000/k8s
kind: ClusterConfiguration
kubernetesVersion: v1.34.2
networking:
  dnsDomain: cluster.local
  podSubnet: 10.244.0.0/16
  serviceSubnet: 10.96.0.0/12
scheduler:
  extraArgs:
  - name: v
    value: '"'"'4'"'"'
' >"$work/kubeadm.yaml"
set -- init phase control-plane scheduler --dry-run --config "$work/kubeadm.yaml"
for patch in /var/lib/kbootstrap/patches/*; do
  if [ -e "$patch" ]; then set -- "$@" --patches /var/lib/kbootstrap/patches; fi
  break
done
# A dry run writes the manifest to the directory and changes nothing else.
if ! KUBEADM_INIT_DRYRUN_DIR=$work kubeadm "$@" >"$work/output" 2>&1; then
  cat "$work/output"
  fail
fi
image=$(sed -n "s/^    image: *[\"']\{0,1\}\([^\"']*\).*/\1/p" "$work/$name.yaml" | head -n 1)
if ! crictl inspecti -q "$image" >/dev/null 2>&1; then
  echo "pulling $image"
  if ! crictl pull "$image"; then
    echo "KB-PULL cannot pull $image"
    fail
  fi
fi
if [ ! -d "$saved" ]; then
  keep "$manifest"
  containers >"$saved.new/containers"
  running pid "$manifest" | while read -r pid; do
    read -r line 2>/dev/null <"/proc/$pid/stat" || continue
    # shellcheck disable=SC2086 # as above
    set -- ${line##*) }
    echo "$pid ${20}"
  done >"$saved.new/processes"
  mv "$saved.new" "$saved"
fi
last=''
place "$work/$name.yaml" "$manifest"
settle works || undo
rm -rf "$saved"

KB_DETACHED
)

# ---- control-plane: wait until every etcd member is healthy [not on this machine]

# ---- control-plane: take a snapshot of etcd, check it and store it as /var/lib/kbootstrap/snapshots/before-settings.db
(
kb_detach etcd-snapshot 1800 <<'KB_DETACHED'
# A snapshot by the running etcd, checked in three ways, then moved to kbootstrap's directory.
crictl() { command crictl --runtime-endpoint unix:///run/containerd/containerd.sock "$@"; }
etcd=$(crictl ps -q --name '^etcd$' --state Running)
etcd=${etcd%%[!0-9a-f]*}
if [ -z "$etcd" ]; then
  echo "no etcd container is running on this node"
  exit 1
fi
pki=/etc/kubernetes/pki/etcd
etcdctl() {
  crictl exec "$etcd" etcdctl --endpoints https://127.0.0.1:2379 --cacert "$pki/ca.crt" \
    --cert "$pki/healthcheck-client.crt" --key "$pki/healthcheck-client.key" "$@"
}
number() { # NAME: the first number of that name in JSON on stdin
  sed -n "s/.*\"$1\" *: *\([0-9][0-9]*\).*/\1/p" | head -n 1
}

temporary=/srv/etcd/kbootstrap-snapshot.db
folder=/var/lib/kbootstrap/snapshots
file=$folder/before-settings.db
rm -f "$temporary" "$temporary.part"
trap 'rm -f "$temporary" "$temporary.part" "$file.new" "$file.facts.new"' EXIT
# Checked first, since `snapshot save` would wait forever for an etcd that refuses its certificate.
if ! status=$(etcdctl --dial-timeout 10s --command-timeout 10s endpoint status -w json); then
  echo "KB-SNAPSHOT etcd does not answer etcdctl within 10 s"
  exit 1
fi
before=$(printf '%s\n' "$status" | number revision)
etcdctl snapshot save "$temporary"
said=$(crictl exec "$etcd" etcdutl snapshot status "$temporary" -w json 2>/dev/null) ||
  said=$(etcdctl snapshot status "$temporary" -w json)
revision=$(printf '%s\n' "$said" | number revision)
echo "etcd was at revision ${before:-unknown}, the snapshot is at ${revision:-unknown}"
if [ -z "$before" ] || [ -z "$revision" ] || [ "$revision" -lt "$before" ]; then
  echo "KB-SNAPSHOT the snapshot has an older revision than etcd had before it"
  exit 1
fi
# etcdctl appends the sha256 of the content before it
sum=$(head -c -32 "$temporary" | sha256sum)
end=$(tail -c 32 "$temporary" | od -An -v -tx1 | tr -d ' \n')
if [ "${sum%% *}" != "$end" ]; then
  echo "KB-SNAPSHOT the snapshot does not match the sha256 at its end"
  exit 1
fi

umask 077
mkdir -p "$folder"
cp "$temporary" "$file.new"
sync "$file.new"
mv "$file.new" "$file"
sum=$(sha256sum <"$file")
echo "${sum%% *}" >"$file.sha256"
printf '%s %s %s %s\n' "$(stat -c '%s:%.9Y:%i' "$file")" "${sum%% *}" "$revision" "$(date +%s)" >"$file.facts.new"
sync "$file.facts.new"
mv "$file.facts.new" "$file.facts"
# shellcheck disable=SC2012 # the names contain no blanks
ls -1t "$folder"/*.db | tail -n +4 | while read -r old; do
  rm -f "$old.facts" "$old.sha256" "$old"
done
echo "$file: ${sum%% *}"

KB_DETACHED
)

# ---- control-plane: etcd: --quota-backend-bytes=8589934592 (now unset); remove --log-level=info, changed by hand
(
kb_detach control-plane-etcd 2400 <<'KB_DETACHED'
# Replaces the manifest of one component, and waits until it runs with it; else undoes it.
name=etcd
server=https://192.0.2.11:6443
health=''
manifest=/etc/kubernetes/manifests/$name.yaml
saved=/var/lib/kbootstrap/control-plane/$name
work=/run/kbootstrap/control-plane-$name
# The functions of a change of the control plane. What it changes is copied to $saved first, so that
# a change that was interrupted, also by a reboot, is finished or undone when it is run again.
umask 077

now() { # seconds since boot
  read -r up _ </proc/uptime
  echo "${up%.*}"
}

# shellcheck disable=SC2329 # called by the checks
get() { # SERVER PATH [FLAG...]: its answer; of another server than this node's without a login
  at=$1 path=$2
  shift 2
  if [ "$at" = "$server" ]; then set -- --kubeconfig /etc/kubernetes/admin.conf "$@"; fi
  kubectl --server "$at" --request-timeout=5s get --raw="$path" "$@" 2>&1
}

# shellcheck disable=SC2329 # given to settle by its name
serving() { # the API server of this node is ready
  said=$(get "$server" /readyz) && [ "$said" = ok ]
}

# shellcheck disable=SC2329 # not called to undo a change
keep() { # FILE...: copies of the files that the change replaces; those of an earlier run are retained
  [ ! -d "$saved" ] || return 0
  rm -rf "$saved.new"
  mkdir -p "$saved.new"
  cp -p "$@" "$saved.new"
  sync "$saved.new"/*
}

place() { # SOURCE TARGET: replace a file at once
  cmp -s "$1" "$2" && return 0
  new=${2%/*/*}/.kbootstrap.${2##*/}
  cp -p "$1" "$new"
  sync "$new"
  mv "$new" "$2"
}

settle() { # CHECK: wait until it succeeds three times in a row; 1 after 300 s, 2 if it cannot succeed
  end=$(($(now) + 300))
  good=0 missing=0
  while [ "$good" -lt 3 ]; do
    if "$1"; then good=$((good + 1)); else good=0; fi
    if absent; then missing=$((missing + 1)); else missing=0; fi
    # A kubelet that has booted without an API server may wait for it before it replaces a static
    # pod, for ever; seen with v1.34.2, see kubernetes/kubernetes#109596. After etcd was away, it
    # waits up to 5 minutes before it starts an API server that ended again and again; not after
    # its own restart.
    if [ "$missing" -eq 20 ]; then
      echo "restarting the kubelet, which does not start a static pod"
      systemctl restart kubelet
    fi
    hopeless && return 2
    [ "$(now)" -lt "$end" ] || return 1
    sleep 1
  done
}
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
crictl() { command crictl --runtime-endpoint unix:///run/containerd/containerd.sock "$@"; }
trap 'rm -rf "$work"' EXIT

containers() { # all, and exited ones first seen after the change began
  crictl ps -a -q --name "^$name\$" "$@" 2>/dev/null || :
}

process() { # the one that runs the manifest; of another image only one that began after the change
  running pid "$manifest" | while read -r pid; do
    read -r line 2>/dev/null <"/proc/$pid/stat" || continue
    # shellcheck disable=SC2086 # field 22, counted after the name, is the start time
    set -- ${line##*) }
    cmp -s "$manifest" "$saved/$name.yaml" || ! grep -qx "$pid ${20}" "$saved/processes" || continue
    echo "$pid ${20}"
  done
}

works() {
  found=$(process)
  [ -n "$found" ] || return 1
  if [ "$found" != "$last" ]; then good=0; fi
  last=$found
  if [ -n "$health" ]; then
    # Anyone may ask; kubectl only wants a login, which the component ignores.
    said=$(get "$health" /healthz --kubeconfig=/dev/null --insecure-skip-tls-verify --username=none --password=none) && [ "$said" = ok ] || return 1
  fi
  serving
}

ended=
hopeless() { # it has ended three times since the change began
  for id in $(containers --state Exited); do
    case " $ended " in *" $id "*) continue ;; esac
    grep -qx "$id" "$saved/containers" || ended="$ended $id"
  done
  # shellcheck disable=SC2086 # one word for each container
  set -- $ended
  [ $# -ge 3 ]
}

seen=
absent() { # the component or the API server does not run, and no container began in the last second
  before=$seen
  seen=$(containers; crictl ps -a -q --name '^kube-apiserver$' 2>/dev/null) || :
  [ "$seen" = "$before" ] || return 1
  [ -z "$found" ] || [ -z "$(crictl ps -q --name '^kube-apiserver$' 2>/dev/null)" ]
}

messages() { # the last lines of its log, indented, so that they are not taken for kubeadm's own log
  rm -f "$work/errors" "$work/newest"
  containers | while read -r id; do # the newest first, which may have just started
    grep -qx "$id" "$saved/containers" && continue
    crictl logs --tail 400 "$id" >"$work/log" 2>&1 || continue
    [ -s "$work/newest" ] || cp "$work/log" "$work/newest"
    if grep -E 'rror: |^[EF][0-9]{4} |"level":"(error|fatal|panic)|^panic: |not defined|nvalid' "$work/log" >"$work/errors"; then break; fi
  done
  [ -s "$work/errors" ] || cp "$work/newest" "$work/errors" 2>/dev/null || return 0
  echo "$name ended with:"
  # The same line of several starts is printed once.
  awk '!seen[$0]++ { print "  " substr($0, 1, 400) }' "$work/errors" | tail -n 5
}

undo() {
  messages
  last='' ended=''
  containers >"$saved/containers"
  place "$saved/$name.yaml" "$manifest"
  if settle works; then
    echo "the old manifest of $name is back, and $name runs with it"
  else
    echo "the old manifest of $name is back, but $name is not ready: ${said:-}"
  fi
  rm -rf "$saved"
  exit 1
}

fail() { # without a change there is nothing to undo
  if [ -d "$saved" ]; then undo; fi
  exit 1
}

rm -rf "$work"
mkdir -p "$work"
printf '%s' '---
apiVersion: kubeadm.k8s.io/v1beta4
kind: InitConfiguration
nodeRegistration:
  name: cp1
  criSocket: unix:///run/containerd/containerd.sock
  imagePullPolicy: IfNotPresent
  kubeletExtraArgs:
  - name: node-ip
    value: 192.0.2.11
  ignorePreflightErrors:
  - Mem
  - NumCPU
localAPIEndpoint:
  advertiseAddress: 192.0.2.11
  bindPort: 6443
timeouts:
  controlPlaneComponentHealthCheck: 300s
  kubeletHealthCheck: 240s
  kubernetesAPICall: 60s
  etcdAPICall: 120s
  tlsBootstrap: 300s
  discovery: 300s
---
apiServer:
  certSANs:
  - 192.0.2.5
  extraArgs:
  - name: audit-log-maxage
    value: '"'"'30'"'"'
  - name: audit-log-path
    value: /var/log/audit.log
apiVersion: kubeadm.k8s.io/v1beta4
clusterName: demo
controlPlaneEndpoint: api.example.org:6443
controllerManager:
  extraArgs:
  - name: v
    value: '"'"'4'"'"'
dns:
  imageTag: v1.11.1
etcd:
  local:
    dataDir: /srv/etcd
    extraArgs:
    - name: quota-backend-bytes
      value: '"'"'8589934592'"'"'
imageRepository: registry.example.org:5000/k8s
kind: ClusterConfiguration
kubernetesVersion: v1.34.2
networking:
  dnsDomain: cluster.local
  podSubnet: 10.244.0.0/16
  serviceSubnet: 10.96.0.0/12
scheduler:
  extraArgs:
  - name: v
    value: '"'"'4'"'"'
' >"$work/kubeadm.yaml"
set -- init phase etcd local --dry-run --config "$work/kubeadm.yaml"
for patch in /var/lib/kbootstrap/patches/*; do
  if [ -e "$patch" ]; then set -- "$@" --patches /var/lib/kbootstrap/patches; fi
  break
done
# A dry run writes the manifest to the directory and changes nothing else.
if ! KUBEADM_INIT_DRYRUN_DIR=$work kubeadm "$@" >"$work/output" 2>&1; then
  cat "$work/output"
  fail
fi
image=$(sed -n "s/^    image: *[\"']\{0,1\}\([^\"']*\).*/\1/p" "$work/$name.yaml" | head -n 1)
if ! crictl inspecti -q "$image" >/dev/null 2>&1; then
  echo "pulling $image"
  if ! crictl pull "$image"; then
    echo "KB-PULL cannot pull $image"
    fail
  fi
fi
if [ ! -d "$saved" ]; then
  keep "$manifest"
  containers >"$saved.new/containers"
  running pid "$manifest" | while read -r pid; do
    read -r line 2>/dev/null <"/proc/$pid/stat" || continue
    # shellcheck disable=SC2086 # as above
    set -- ${line##*) }
    echo "$pid ${20}"
  done >"$saved.new/processes"
  mv "$saved.new" "$saved"
fi
last=''
place "$work/$name.yaml" "$manifest"
settle works || undo
rm -rf "$saved"

KB_DETACHED
)
