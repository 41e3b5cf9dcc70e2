#!/bin/sh
# shellcheck disable=SC2154 # KB_TMP and the like come from templates/remote/driver.sh
# shellcheck disable=SC2043 # a list from a template may have one element
# shellcheck disable=SC2016 # the text of a file is not expanded
# shellcheck disable=SC2221,SC2222 # a pattern from a template may be *

# cp2 of cluster ha, each part in a subshell of its own

# ---- probe:etcd-stop
(
mark=/var/lib/etcd/member/kbootstrap-restored
if [ -r "$mark" ] && [ -d /var/lib/etcd/member/snap ]; then
  IFS= read -r sum <"$mark" || :
  kb_fact restored "$sum"
fi
for file in /etc/kubernetes/manifests/etcd.yaml /var/lib/kbootstrap/etcd-restore/manifests/etcd.yaml; do
  [ -r "$file" ] || continue
  while read -r dash word _; do
    case "$dash $word" in
      '- --initial-advertise-peer-urls='*) kb_fact peer "${word#*=}" ;;
    esac
  done <"$file"
  break
done
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
for name in etcd kube-apiserver kube-controller-manager kube-scheduler; do
  if [ -e "/etc/kubernetes/manifests/$name.yaml" ]; then
    kb_fact running "$name"
  elif command -v crictl >/dev/null 2>&1 && [ -n "$(crictl ps -q --name "^$name\$" 2>/dev/null)" ]; then
    kb_fact running "$name"
  fi
done

:
)

# ---- probe:etcd-restore
(
kb_fact run "$(kb_run_state etcd-restore)"
kb_sha placed /var/lib/kbootstrap/etcd-restore/snapshot.db
mark=/var/lib/etcd/member/kbootstrap-restored
if [ -r "$mark" ] && [ -d /var/lib/etcd/member/snap ]; then
  IFS= read -r sum <"$mark" || :
  kb_fact restored "$sum"
fi
for file in /etc/kubernetes/manifests/etcd.yaml /var/lib/kbootstrap/etcd-restore/manifests/etcd.yaml; do
  [ -r "$file" ] || continue
  while read -r dash word _; do
    case "$dash $word" in
      'image: '*) kb_fact image "$word" ;;
    esac
  done <"$file"
  break
done

:
)

# ---- probe:etcd-start
(
mark=/var/lib/etcd/member/kbootstrap-restored
if [ -r "$mark" ] && [ -d /var/lib/etcd/member/snap ]; then
  IFS= read -r sum <"$mark" || :
  kb_fact restored "$sum"
fi
for name in etcd kube-apiserver kube-controller-manager kube-scheduler; do
  [ -e /var/lib/kbootstrap/etcd-restore/manifests/"$name.yaml" ] && kb_fact aside "$name"
done
case $(systemctl show -p ActiveState kubelet.service) in
  ActiveState=active) kb_fact kubelet 1 ;;
esac

:
)

# ---- probe:etcd-ready
(
mark=/var/lib/etcd/member/kbootstrap-restored
if [ -r "$mark" ] && [ -d /var/lib/etcd/member/snap ]; then
  IFS= read -r sum <"$mark" || :
  kb_fact restored "$sum"
fi
for name in etcd kube-apiserver kube-controller-manager kube-scheduler; do
  [ -e /var/lib/kbootstrap/etcd-restore/manifests/"$name.yaml" ] && kb_fact aside "$name"
done
if kubectl get --raw /readyz --kubeconfig /etc/kubernetes/admin.conf --server https://192.0.2.12:6443 --request-timeout 5s >/dev/null 2>&1; then
  kb_fact ready 1
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

# ---- etcd-stop: stop etcd, kube-apiserver, kube-controller-manager, kube-scheduler (manifests are moved to /var/lib/kbootstrap/etcd-restore/manifests)
(
# The kubelet stops static pods whose manifests are removed; start.sh.j2 restores the manifests.
folder=/var/lib/kbootstrap/etcd-restore/manifests
umask 077
mkdir -p "$folder"
systemctl start kubelet.service
for name in etcd kube-apiserver kube-controller-manager kube-scheduler; do
  file=/etc/kubernetes/manifests/$name.yaml
  [ -e "$file" ] || continue
  cp -a "$file" "$folder/.$name.yaml"
  sync "$folder/.$name.yaml"
  mv "$folder/.$name.yaml" "$folder/$name.yaml"
  rm "$file"
done
tries=750
until running=$(crictl --runtime-endpoint unix:///run/containerd/containerd.sock ps -q --name '^(etcd|kube-apiserver|kube-controller-manager|kube-scheduler)$') && [ -z "$running" ]; do
  tries=$((tries - 1))
  if [ "$tries" = 0 ]; then
    crictl ps
    echo "the control plane is still running after 150 s; is the kubelet running?"
    exit 1
  fi
  sleep 0.2
done
)

# ---- etcd-restore: place /var/lib/kbootstrap/etcd-restore/snapshot.db (0.0 MB, sha256 edededededed)
(
kb_put /var/lib/kbootstrap/etcd-restore/snapshot.db 0600 root:root 20512 edededededededededededededededededededededededededededededededed
)

# ---- etcd-restore: restore /var/lib/etcd from the snapshot; move the old data aside
(
kb_detach etcd-restore 1200 <<'KB_DETACHED'
# Runs etcdutl of the node's etcd image in a separate container. The kubelet would stop unknown
# containers, so it is stopped meanwhile; running containers continue.
crictl() { command crictl --runtime-endpoint unix:///run/containerd/containerd.sock "$@"; }
folder=/var/lib/kbootstrap/etcd-restore
data=/var/lib/etcd
work=$data/kbootstrap-restore
pod=

forget() { # remove containers of an earlier attempt
  for old in $(crictl pods -q --name '^kbootstrap-etcd-restore$'); do
    crictl rmp -f "$old" >/dev/null
  done
}
finish() {
  [ -z "$pod" ] || forget || :
  systemctl start kubelet.service
}
attempt() { # FILE: run the container that it describes to its end
  rm -rf "$work" "$folder/restore.log"
  container=$(crictl create "$pod" "$1" "$folder/pod.json") && crictl start "$container" >/dev/null || return 1
  until [ -n "$(crictl ps -a -q --id "$container" --state Exited)" ]; do sleep 0.2; done
  crictl logs "$container" 2>&1 || :
  crictl inspect "$container" | grep -Eq '"exitCode": *0,?$'
}

cat >"$folder/pod.json" <<'KB_JSON'
{
  "metadata": {"name": "kbootstrap-etcd-restore", "namespace": "kube-system", "uid": "kbootstrap-etcd-restore", "attempt": 0},
  "log_directory": "/var/lib/kbootstrap/etcd-restore",
  "linux": {"cgroup_parent": "system.slice", "security_context": {"namespace_options": {"network": 2}}}
}
KB_JSON
cat >"$folder/container-0.json" <<'KB_JSON'
{
  "metadata": {"name": "kbootstrap-etcd-restore", "attempt": 0},
  "image": {"image": "registry.k8s.io/etcd:3.6.4-0"},
  "command": ["etcdutl", "snapshot", "restore", "/var/lib/kbootstrap/etcd-restore/snapshot.db", "--name", "cp2", "--initial-cluster", "cp1=https://192.0.2.11:2380,cp2=https://192.0.2.12:2380,cp3=https://192.0.2.13:2380", "--initial-cluster-token", "kbootstrap-edededededededed", "--initial-advertise-peer-urls", "https://192.0.2.12:2380", "--data-dir", "/var/lib/etcd/kbootstrap-restore", "--bump-revision", "1000000000", "--mark-compacted"],
  "mounts": [
    {"container_path": "/var/lib/kbootstrap/etcd-restore", "host_path": "/var/lib/kbootstrap/etcd-restore", "readonly": true},
    {"container_path": "/var/lib/etcd", "host_path": "/var/lib/etcd"}
  ],
  "log_path": "restore.log",
  "linux": {}
}
KB_JSON
cat >"$folder/container-1.json" <<'KB_JSON'
{
  "metadata": {"name": "kbootstrap-etcd-restore", "attempt": 1},
  "image": {"image": "registry.k8s.io/etcd:3.6.4-0"},
  "command": ["etcdutl", "snapshot", "restore", "/var/lib/kbootstrap/etcd-restore/snapshot.db", "--name", "cp2", "--initial-cluster", "cp1=https://192.0.2.11:2380,cp2=https://192.0.2.12:2380,cp3=https://192.0.2.13:2380", "--initial-cluster-token", "kbootstrap-edededededededed", "--initial-advertise-peer-urls", "https://192.0.2.12:2380", "--data-dir", "/var/lib/etcd/kbootstrap-restore"],
  "mounts": [
    {"container_path": "/var/lib/kbootstrap/etcd-restore", "host_path": "/var/lib/kbootstrap/etcd-restore", "readonly": true},
    {"container_path": "/var/lib/etcd", "host_path": "/var/lib/etcd"}
  ],
  "log_path": "restore.log",
  "linux": {}
}
KB_JSON
cat >"$folder/container-2.json" <<'KB_JSON'
{
  "metadata": {"name": "kbootstrap-etcd-restore", "attempt": 2},
  "image": {"image": "registry.k8s.io/etcd:3.6.4-0"},
  "command": ["etcdctl", "snapshot", "restore", "/var/lib/kbootstrap/etcd-restore/snapshot.db", "--name", "cp2", "--initial-cluster", "cp1=https://192.0.2.11:2380,cp2=https://192.0.2.12:2380,cp3=https://192.0.2.13:2380", "--initial-cluster-token", "kbootstrap-edededededededed", "--initial-advertise-peer-urls", "https://192.0.2.12:2380", "--data-dir", "/var/lib/etcd/kbootstrap-restore"],
  "mounts": [
    {"container_path": "/var/lib/kbootstrap/etcd-restore", "host_path": "/var/lib/kbootstrap/etcd-restore", "readonly": true},
    {"container_path": "/var/lib/etcd", "host_path": "/var/lib/etcd"}
  ],
  "log_path": "restore.log",
  "linux": {}
}
KB_JSON
if [ -n "$(crictl ps -q --name '^etcd$')" ]; then
  echo "KB-RESTORE etcd is running on this node; it must be stopped first"
  exit 1
fi
[ -d "$data" ] || (umask 077 && mkdir -p "$data")
trap finish EXIT
trap 'exit 143' TERM
systemctl stop kubelet.service
forget
crictl inspecti -q registry.k8s.io/etcd:3.6.4-0 >/dev/null 2>&1 || crictl pull registry.k8s.io/etcd:3.6.4-0
pod=$(crictl runp "$folder/pod.json")
done=
for number in 0 1 2; do
  if said=$(attempt "$folder/container-$number.json" 2>&1); then
    done=1
    break
  fi
  printf '%s\n' "$said"
  case $said in
    *"unknown flag"* | *"executable file not found"* | *"no such file or directory"*) ;; # an older image
    *) break ;;
  esac
done
if [ -z "$done" ] || [ ! -d "$work/member/snap" ]; then
  echo "KB-RESTORE etcdutl did not restore the snapshot"
  exit 1
fi

# One rename places data and mark together; the old data is retained.
echo edededededededededededededededededededededededededededededededed >"$work/member/kbootstrap-restored"
sync
if [ -e "$data/member" ]; then
  stamp=$(date -u +%Y%m%dT%H%M%SZ)
  aside=$data.kbootstrap-$stamp
  ! mountpoint -q "$data" || aside=$data/kbootstrap-old-$stamp
  mkdir -m 0700 "$aside"
  mv "$data/member" "$aside/member"
  echo "the old data is in $aside"
fi
mv "$work/member" "$data/member"
rm -rf "$work"
echo "restored $data from the snapshot"

KB_DETACHED
)

# ---- etcd-restore: remove /var/lib/kbootstrap/etcd-restore/snapshot.db
(
rm -rf -- /var/lib/kbootstrap/etcd-restore/snapshot.db
)

# ---- etcd-start: start etcd, kube-apiserver, kube-controller-manager, kube-scheduler
(
folder=/var/lib/kbootstrap/etcd-restore/manifests
for name in etcd kube-apiserver kube-controller-manager kube-scheduler; do
  [ -e "$folder/$name.yaml" ] || continue
  cp -a "$folder/$name.yaml" "/etc/kubernetes/manifests/.$name.yaml"
  sync "/etc/kubernetes/manifests/.$name.yaml"
  mv "/etc/kubernetes/manifests/.$name.yaml" "/etc/kubernetes/manifests/$name.yaml"
  rm "$folder/$name.yaml"
done
systemctl start kubelet.service
)

# ---- etcd-ready: wait until etcd and the API server are ready
(
tries=600
until said=$(kubectl get --raw /readyz --kubeconfig /etc/kubernetes/admin.conf --server https://192.0.2.12:6443 --request-timeout 5s 2>&1); do
  tries=$((tries - 1))
  if [ "$tries" = 0 ]; then
    printf '%s\n' "$said"
    crictl ps -a --name '^(etcd|kube-apiserver)$'
    echo "KB-READY the API server is not ready after 300 s"
    exit 1
  fi
  sleep 0.5
done
)
