#!/bin/sh
# shellcheck disable=SC2154 # KB_TMP and the like come from templates/remote/driver.sh
# shellcheck disable=SC2043 # a list from a template may have one element
# shellcheck disable=SC2016 # the text of a file is not expanded
# shellcheck disable=SC2221,SC2222 # a pattern from a template may be *

# cp1 of cluster ha, each part in a subshell of its own

# ---- probe:certs-control-plane
(
for name in ca front-proxy-ca etcd/ca; do
  [ ! -s "/etc/kubernetes/pki/$name.key" ] || kb_fact key "$name"
done
# Public certificates only, also of files that contain a key.
set --
for path in /etc/kubernetes/pki/*.crt /etc/kubernetes/pki/etcd/*.crt /etc/kubernetes/*.conf /var/lib/kubelet/pki/kubelet-client-current.pem /var/lib/kubelet/pki/kubelet-server-current.pem /var/lib/kubelet/pki/kubelet.crt; do
  if [ -f "$path" ] && [ -r "$path" ]; then set -- "$@" "$path"; fi
done
for path in /root/.kube/config /home/*/.kube/config; do # a user may have put anything there
  if [ -f "$path" ] && [ "$(stat -L -c %s "$path")" -le 1048576 ]; then set -- "$@" "$path"; fi
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
! kb_older '--kubeconfig=/etc/kubernetes/controller-manager.con[f]' /etc/kubernetes/controller-manager.conf || kb_fact stale kube-controller-manager
! kb_older '--kubeconfig=/etc/kubernetes/scheduler.con[f]' /etc/kubernetes/scheduler.conf || kb_fact stale kube-scheduler
if kubectl get --raw /readyz --kubeconfig /etc/kubernetes/admin.conf --server https://192.0.2.11:6443 --request-timeout 5s >/dev/null 2>&1; then
  kb_fact ready 1
fi

:
)

# ---- probe:certs-ready
(
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
! kb_older '--kubeconfig=/etc/kubernetes/controller-manager.con[f]' /etc/kubernetes/controller-manager.conf || kb_fact stale kube-controller-manager
! kb_older '--kubeconfig=/etc/kubernetes/scheduler.con[f]' /etc/kubernetes/scheduler.conf || kb_fact stale kube-scheduler
if kubectl get --raw /readyz --kubeconfig /etc/kubernetes/admin.conf --server https://192.0.2.11:6443 --request-timeout 5s >/dev/null 2>&1; then
  kb_fact ready 1
fi
for name in etcd kube-apiserver kube-controller-manager kube-scheduler; do
  [ -e "/etc/kubernetes/manifests/$name.yaml" ] || continue
  [ -n "$(crictl ps -q --name "^$name\$" 2>/dev/null)" ] || kb_fact stopped "$name"
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

# ---- certs-control-plane: kubeadm certs renew all
(
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
' >"$KB_TMP/renew.yaml"
for name in all; do
  kubeadm certs renew "$name" --config "$KB_TMP/renew.yaml"
done
sync
)

# ---- certs-control-plane: make the kubelet's client certificate again, and restart the kubelet
(
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
kb_unit restart kubelet.service
)

# ---- certs-control-plane: restart kube-controller-manager, kube-scheduler
(
kb_static_pods() { # why the static pods do not run, which kubeadm's error does not contain
  for kb_pod in kube-controller-manager kube-scheduler; do
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
kb_restart() { # NAME PATTERN FILE...: end the process; the kubelet starts the container again
  kb_name=$1
  shift
  kb_older "$@" || return 0
  kb_pattern=$1
  shift
  kb_settled "$@"
  kb_end "$kb_pattern" TERM
  kb_tries=600
  while [ -z "$(kb_users "$kb_pattern")" ] || kb_older "$kb_pattern" "$@"; do
    kb_tries=$((kb_tries - 1))
    if [ "$kb_tries" = 0 ]; then
      kb_static_pods || :
      kb_fail "$kb_name has not started again after 120 s"
      return 1
    fi
    sleep 0.2
  done
}
systemctl start kubelet.service
kb_restart kube-controller-manager '--kubeconfig=/etc/kubernetes/controller-manager.con[f]' /etc/kubernetes/controller-manager.conf
kb_restart kube-scheduler '--kubeconfig=/etc/kubernetes/scheduler.con[f]' /etc/kubernetes/scheduler.conf
)

# ---- certs-ready: wait for the control plane (/readyz); restart the kubelet if a static pod does not run
(
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
