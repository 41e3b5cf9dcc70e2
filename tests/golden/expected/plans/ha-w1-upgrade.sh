#!/bin/sh
# shellcheck disable=SC2154 # KB_TMP and the like come from templates/remote/driver.sh
# shellcheck disable=SC2043 # a list from a template may have one element
# shellcheck disable=SC2016 # the text of a file is not expanded
# shellcheck disable=SC2221,SC2222 # a pattern from a template may be *

# w1 of cluster ha, each part in a subshell of its own

# ---- probe:upgrade-prepare
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
for file in /var/lib/kbootstrap/upgrade/*; do
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
if command -v kubeadm >/dev/null 2>&1; then kb_fact kubeadm "$(kubeadm version -o short 2>/dev/null)"; fi
free=$(df -Pk /var/lib | awk 'NR == 2 { print $4 }')
kb_fact free_kib "${free:-0}"

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

# ---- probe:upgrade-images
(
if [ "$(kubelet --version 2>/dev/null)" = 'Kubernetes v1.35.1' ]; then
  kb_fact joined 1
elif [ -r /var/lib/kbootstrap/kubeadm.yaml ] && grep -qx 'kubernetesVersion: v1.35.1' /var/lib/kbootstrap/kubeadm.yaml && command -v kubeadm >/dev/null 2>&1 && command -v crictl >/dev/null 2>&1; then
  if wanted=$(kubeadm config images list --config /var/lib/kbootstrap/kubeadm.yaml 2>/dev/null) && have=$(crictl images -o json 2>/dev/null); then
    have=$(printf '%s' "$have" | tr -d ' \n')
    missing=${wanted:+0}
    for image in $wanted; do
      case $image in
        */kube-proxy:*|*/pause:*|*/coredns:*) case $have in *[[,]"\"$image\""[],]*) ;; *) missing=1 ;; esac ;;
      esac
    done
    [ "$missing" != 0 ] || kb_fact present 1
  fi
fi

:
)

# ---- probe:upgrade-worker
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
kb_fact run "$(kb_run_state upgrade-v1.35.1)"
if command -v kubelet >/dev/null 2>&1; then
  have=$(kubelet --version 2>/dev/null) || have=
  kb_fact kubelet "${have#Kubernetes }"
fi
for path in /var/lib/kubelet/kubeadm-flags.env /etc/default/kubelet /etc/sysconfig/kubelet /etc/systemd/system/kubelet.service.d/*.conf; do
  [ -r "$path" ] || continue
  for flag in container-runtime pod-infra-container-image; do
    if grep -q -e "--${flag}[= ]" -e "--${flag}\"" "$path"; then kb_fact flag "$flag $path"; fi
  done
done

:
)

# ---- read:state
(
if [ -r /var/lib/kbootstrap/state.json ]; then cat /var/lib/kbootstrap/state.json; fi
)

# ---- upgrade-prepare: back up /etc/kubernetes to /var/lib/kbootstrap/backup/v1.34.2
(
target=/var/lib/kbootstrap/backup/v1.34.2
umask 077
mkdir -p "$target"
rm -rf "$target/kubernetes.new"
mkdir "$target/kubernetes.new"
for path in /etc/kubernetes/*; do
  case $path in */tmp) continue ;; esac
  cp -a "$path" "$target/kubernetes.new/"
done
sync "$target/kubernetes.new"
mv "$target/kubernetes.new" "$target/kubernetes"
)

# ---- upgrade-prepare: download /var/lib/kbootstrap/upgrade/kubelet from https://dl.k8s.io/release/v1.35.1/bin/linux/amd64/kubelet (sha256 amd641111111)
(
url=https://dl.k8s.io/release/v1.35.1/bin/linux/amd64/kubelet
target=/var/lib/kbootstrap/upgrade/kubelet
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
lines=$(grep -sv ' /var/lib/kbootstrap/upgrade/kubelet$' "$record" || :; stat -c '%s:%.9Y:%.9Z:%i amd6411111111111111111111111111111111111111111111111111111111111 %n' /var/lib/kbootstrap/upgrade/kubelet)
kb_replace "$record" "$lines"
)

# ---- upgrade-prepare: place /opt/cni/bin/bridge (0.0 MB, sha256 amd642222222)
(
kb_put /opt/cni/bin/bridge 0755 root:root 70 amd6422222222222222222222222222222222222222222222222222222222222
record=/var/lib/kbootstrap/programs
lines=$(grep -sv ' /opt/cni/bin/bridge$' "$record" || :; stat -c '%s:%.9Y:%.9Z:%i amd6422222222222222222222222222222222222222222222222222222222222 %n' /opt/cni/bin/bridge)
kb_replace "$record" "$lines"
)

# ---- upgrade-prepare: check that the new binaries are v1.35.1, and install kubeadm
(
want=v1.35.1
stage=/var/lib/kbootstrap/upgrade
for name in kubeadm kubelet; do
  [ -f "$stage/$name" ] || continue
  case $name in
    kubeadm) have=$("$stage/kubeadm" version -o short) || have=nothing ;;
    *) have=$("$stage/kubelet" --version) || have=nothing ;;
  esac
  have=${have#Kubernetes }
  if [ "$have" != "$want" ]; then
    echo "KB-VERSION the new $name is $have, not $want"
    rm -f "$stage"/*
    exit 1
  fi
done
if [ ! -f "$stage/kubeadm" ]; then
  echo "KB-VERSION there is no new kubeadm $want"
  exit 1
fi
for name in kubeadm; do
  from=/var/lib/kbootstrap/upgrade/$name
  to=/usr/local/bin/$name
  [ -f "$from" ] || continue
  kb_ledger "$to"
  fresh=/usr/local/bin/.kb.$name
  cp "$from" "$fresh" || {
    rm -f "$fresh"
    exit 1
  }
  chmod 0755 "$fresh"
  sum=$(sha256sum <"$fresh")
  kb_wrote "$to" "${sum%% *}"
  sync "$KB_STATE/ledger" "$fresh"
  mv -f "$fresh" "$to"
  rm -f "$from"
  lines=$(grep -sv -e " $to\$" -e " $from\$" /var/lib/kbootstrap/programs || :; stat -c "%s:%.9Y:%.9Z:%i ${sum%% *} %n" "$to")
  kb_replace /var/lib/kbootstrap/programs "$lines"
done
)

# ---- kubeadm-config: write /var/lib/kbootstrap/kubeadm.yaml (1200 bytes, 0600)
(
kb_write /var/lib/kbootstrap/kubeadm.yaml '---
apiVersion: kubeadm.k8s.io/v1beta4
kind: InitConfiguration
bootstrapTokens:
- ttl: 5m0s
  description: kbootstrap init
nodeRegistration:
  name: w1
  criSocket: unix:///run/containerd/containerd.sock
  imagePullPolicy: IfNotPresent
  kubeletExtraArgs:
  - name: node-ip
    value: 192.0.2.21
localAPIEndpoint:
  advertiseAddress: 192.0.2.21
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
kubernetesVersion: v1.35.1
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

# ---- kubeadm-config: kubeadm config validate (v1.35.1)
(
version=$(kubeadm version -o short)
if [ "$version" != v1.35.1 ]; then
  echo "KB-VERSION kubeadm on this node is $version, the inventory has v1.35.1"
  exit 1
fi
kubeadm config validate --config /var/lib/kbootstrap/kubeadm.yaml
kb_ledger /var/lib/kbootstrap/kubeadm.yaml.valid
printf '%s\n' 'dadefd5d4a6dd442529be2140f6363fc467533ed07f363eb396ccade70d0858f v1.35.1' >/var/lib/kbootstrap/kubeadm.yaml.valid
)

# ---- upgrade-images: pull kube-proxy, pause and coredns from registry.k8s.io
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
    */kube-proxy:*|*/pause:*|*/coredns:*) ;;
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

# ---- upgrade-worker: cordon the node [not on this machine]

# ---- upgrade-worker: drain the node [not on this machine]

# ---- upgrade-worker: record which process of containerd.service has the old configuration
(
pid=$(systemctl show containerd.service -p MainPID)
pid=${pid#MainPID=}
kb_boot
kb_since "$pid"
kb_replace /var/lib/kbootstrap/runtime-outdated "$kb_booted $pid $kb_born"
)

# ---- upgrade-worker: write /etc/containerd/config.toml (559 bytes, 0644)
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

# ---- upgrade-worker: systemctl enable containerd.service
(
systemctl --quiet enable containerd.service
)

# ---- upgrade-worker: systemctl restart containerd.service
(
kb_unit restart containerd.service
)

# ---- upgrade-worker: wait until containerd answers, and record its version
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

# ---- upgrade-worker: kubeadm upgrade node (v1.35.1)
(
kb_detach upgrade-v1.35.1 3600 <<'KB_DETACHED'
exec kubeadm upgrade node --certificate-renewal=true

KB_DETACHED
)

# ---- upgrade-worker: place kubelet and kubectl v1.35.1
(
if [ -f /var/lib/kbootstrap/upgrade/kubelet ]; then
  have=$(/var/lib/kbootstrap/upgrade/kubelet --version)
  if [ "$have" != 'Kubernetes v1.35.1' ]; then
    echo "KB-VERSION the new kubelet is ${have#Kubernetes }, not v1.35.1"
    exit 1
  fi
fi
for name in kubectl kubelet; do
  from=/var/lib/kbootstrap/upgrade/$name
  to=/usr/local/bin/$name
  [ -f "$from" ] || continue
  kb_ledger "$to"
  fresh=/usr/local/bin/.kb.$name
  cp "$from" "$fresh" || {
    rm -f "$fresh"
    exit 1
  }
  chmod 0755 "$fresh"
  sum=$(sha256sum <"$fresh")
  kb_wrote "$to" "${sum%% *}"
  sync "$KB_STATE/ledger" "$fresh"
  mv -f "$fresh" "$to"
  rm -f "$from"
  lines=$(grep -sv -e " $to\$" -e " $from\$" /var/lib/kbootstrap/programs || :; stat -c "%s:%.9Y:%.9Z:%i ${sum%% *} %n" "$to")
  kb_replace /var/lib/kbootstrap/programs "$lines"
done

rmdir /var/lib/kbootstrap/upgrade 2>/dev/null || :
)

# ---- upgrade-worker: remove from the kubelet's flags: --pod-infra-container-image (/var/lib/kubelet/kubeadm-flags.env)
(
sed -i -e 's/ *--pod-infra-container-image=[^ "'\'']*//g' -e 's/ *--pod-infra-container-image [^-"'\''][^ "'\'']*//g' -e 's/ *--pod-infra-container-image\(["'\'' ]\)/\1/g' /var/lib/kubelet/kubeadm-flags.env
)

# ---- upgrade-worker: restart the kubelet
(
systemctl --quiet daemon-reload
systemctl --quiet restart kubelet.service
)

# ---- upgrade-worker: wait until the node is Ready with v1.35.1 [not on this machine]

# ---- upgrade-worker: uncordon the node [not on this machine]
