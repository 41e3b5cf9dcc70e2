#!/bin/sh
# shellcheck disable=SC2154 # KB_TMP and the like come from templates/remote/driver.sh
# shellcheck disable=SC2043 # a list from a template may have one element
# shellcheck disable=SC2016 # the text of a file is not expanded
# shellcheck disable=SC2221,SC2222 # a pattern from a template may be *

# w1 of cluster ha, each part in a subshell of its own

# ---- probe:ca-next
(
[ ! -d /etc/kubernetes/pki/rotation/new ] || kb_fact begun 1


:
)

# ---- probe:ca-trust-worker
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
  set -- ca
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
    [ "$stage" -le 1 ] || past=1
    [ "$stage" = 1 ] || open="$open $name"
  done
  if [ -z "$past" ]; then
    for name in $open; do kb_fact open "$name"; done
    data=$(base64 <"$pki/ca.crt" | tr -d '\n')
    set -- /etc/kubernetes/kubelet.conf
    for conf; do
      if [ -e "$conf" ] && ! grep -qsF -e "certificate-authority-data: $data" "$conf"; then kb_fact open "${conf##*/}"; fi
    done
    ! kb_older '--kubeconfig=/etc/kubernetes/kubelet.con[f]' /etc/kubernetes/pki/ca.crt || kb_fact open kubelet
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

# ---- probe:ca-sign-worker
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

set -- ca
for name; do
  new=/etc/kubernetes/pki/rotation/new/$name.crt
  [ ! -r "$new" ] || kb_fact next "$name $(base64 <"$new" | tr -d '\n')"
done
[ -e /var/lib/kubelet/pki/kubelet-client-current.pem ] || kb_fact none 1

:
)

# ---- probe:ca-drop-worker
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
  set -- ca
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
    [ "$stage" -le 3 ] || past=1
    [ "$stage" = 3 ] || open="$open $name"
  done
  if [ -z "$past" ]; then
    for name in $open; do kb_fact open "$name"; done
    data=$(base64 <"$pki/ca.crt" | tr -d '\n')
    set -- /etc/kubernetes/kubelet.conf
    for conf; do
      if [ -e "$conf" ] && ! grep -qsF -e "certificate-authority-data: $data" "$conf"; then kb_fact open "${conf##*/}"; fi
    done
    ! kb_older '--kubeconfig=/etc/kubernetes/kubelet.con[f]' /etc/kubernetes/pki/ca.crt || kb_fact open kubelet
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

:
)

# ---- read:state
(
if [ -r /var/lib/kbootstrap/state.json ]; then cat /var/lib/kbootstrap/state.json; fi
)

# ---- ca-next: read the new CAs from cp1 [on cp1]
(
cd /etc/kubernetes/pki/rotation/new || exit
set -- ca
for name; do
  printf '%s %s' "$name" "$(base64 <"$name.crt" | tr -d '\n')"
  echo
done
)

# ---- ca-next: write /run/kbootstrap/authorities (16 bytes, 0600)
(
kb_put /run/kbootstrap/authorities 0600 root:root 16 15c788d17958e571f1a22b70e230907c79fbb515493717a64b94ba8602d9c699
)

# ---- ca-next: place the new CAs, and copies of the old ones, in /etc/kubernetes/pki/rotation
(
umask 077
rotation=/etc/kubernetes/pki/rotation
rm -rf "$rotation.made"
while read -r name crt key; do
  case $name in ca) ;; *) continue ;; esac
  new=$rotation.made/new/$name old=$rotation.made/old/$name
  mkdir -p "${new%/*}" "${old%/*}"
  printf '%s' "$crt" | base64 -d >"$new.crt"
  [ -z "$key" ] || printf '%s' "$key" | base64 -d >"$new.key"
  cp "/etc/kubernetes/pki/$name.crt" "$old.crt"
done </run/kbootstrap/authorities
rm -f /run/kbootstrap/authorities # before the node counts as begun, so that no interruption leaves the keys there
sync
mv "$rotation.made" "$rotation"
sync
)

# ---- ca-next: remove /run/kbootstrap/authorities
(
rm -rf -- /run/kbootstrap/authorities
)

# ---- ca-trust-worker: trust the old and the new CA; restart the kubelet
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
conf=/etc/kubernetes/kubelet.conf
authorities ca >"$KB_TMP/ca.crt"
trusting "$conf" "$KB_TMP/ca.crt" >"$KB_TMP/kubelet.conf"
tries=30
until said=$(kubectl --kubeconfig "$KB_TMP/kubelet.conf" --request-timeout=5s get --raw=/readyz 2>&1) && [ "$said" = ok ]; do
  tries=$((tries - 1))
  if [ "$tries" = 0 ]; then
    printf '%s\n' "$said"
    kb_fail "the API server does not answer the kubelet with these CAs; its files are as before"
  fi
  sleep 2
done
place "$KB_TMP/kubelet.conf" "$conf" 0600
place "$KB_TMP/ca.crt" "$pki/ca.crt" 0644
kb_settled /etc/kubernetes/pki/ca.crt
kb_unit restart kubelet.service
tries=300
while [ -z "$(kb_users '--kubeconfig=/etc/kubernetes/kubelet.con[f]')" ] || kb_older '--kubeconfig=/etc/kubernetes/kubelet.con[f]' /etc/kubernetes/pki/ca.crt; do
  tries=$((tries - 1))
  if [ "$tries" = 0 ]; then
    journalctl --no-pager -q -o cat -n 15 -u kubelet.service || :
    kb_fail "the kubelet has not started again after 60 s"
  fi
  sleep 0.2
done
)

# ---- ca-trust-worker: wait until the node is Ready [not on this machine]

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

# ---- ca-sign-worker: create a bootstrap token (valid 15 min) [not on this machine]

# ---- ca-sign-worker: write /run/kbootstrap/kubelet-token (10 bytes, 0600)
(
kb_put /run/kbootstrap/kubelet-token 0600 root:root 10 d439a4561e8153494db928230757b4f11f4c15f926c732ee5e60fba28ed2e6be
)

# ---- ca-sign-worker: restart the kubelet with a bootstrap configuration, until it has a client certificate
(
# The kubelet requests a certificate with bootstrap-kubelet.conf when that of kubelet.conf has expired.
umask 077
config=/etc/kubernetes/bootstrap-kubelet.conf
current=/var/lib/kubelet/pki/kubelet-client-current.pem
trap 'rm -f "$config" /run/kbootstrap/kubelet-token' EXIT
read -r token </run/kbootstrap/kubelet-token
ca=$(base64 </etc/kubernetes/pki/ca.crt | tr -d '\n')
endpoint=
while read -r key value; do
  if [ "$key" = server: ]; then endpoint=$value; fi
done </etc/kubernetes/kubelet.conf
printf '%s\n' 'apiVersion: v1' 'kind: Config' 'current-context: bootstrap' \
  'clusters:' '- name: cluster' '  cluster:' \
  "    certificate-authority-data: $ca" "    server: $endpoint" \
  'contexts:' '- name: bootstrap' '  context:' '    cluster: cluster' '    user: bootstrap' \
  'users:' '- name: bootstrap' '  user:' "    token: $token" >"$config"
before=$(readlink "$current") || before=
rm -f "$current" # the kubelet would use it until it expires
kb_unit restart kubelet.service
tries=1500
until now=$(readlink "$current") && [ "$now" != "$before" ] && [ -s "$current" ]; do
  tries=$((tries - 1))
  if [ "$tries" = 0 ]; then
    [ -z "$before" ] || [ -e "$current" ] || ln -s "$before" "$current"
    journalctl --no-pager -q -o cat -n 15 -u kubelet.service || :
    kb_fail "the kubelet has no new client certificate after 300 s"
  fi
  sleep 0.2
done
)

# ---- ca-sign-worker: remove /run/kbootstrap/kubelet-token
(
rm -rf -- /run/kbootstrap/kubelet-token
)

# ---- ca-sign-worker: delete the bootstrap token of this join [not on this machine]

# ---- ca-drop-worker: read the cluster's CA hash [not on this machine]

# ---- ca-drop-worker: write /var/lib/kbootstrap/cluster (15 bytes, 0600)
(
kb_put /var/lib/kbootstrap/cluster 0600 root:root 15 337d875b136fe35e9959fe85e100b4cf410e506ecc4250da45a6622c5c4e998d
)

# ---- ca-drop-worker: trust only the new CA; restart the kubelet
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
conf=/etc/kubernetes/kubelet.conf
authorities ca >"$KB_TMP/ca.crt"
trusting "$conf" "$KB_TMP/ca.crt" >"$KB_TMP/kubelet.conf"
tries=30
until said=$(kubectl --kubeconfig "$KB_TMP/kubelet.conf" --request-timeout=5s get --raw=/readyz 2>&1) && [ "$said" = ok ]; do
  tries=$((tries - 1))
  if [ "$tries" = 0 ]; then
    printf '%s\n' "$said"
    kb_fail "the API server does not answer the kubelet with these CAs; its files are as before"
  fi
  sleep 2
done
place "$KB_TMP/kubelet.conf" "$conf" 0600
place "$KB_TMP/ca.crt" "$pki/ca.crt" 0644
kb_settled /etc/kubernetes/pki/ca.crt
kb_unit restart kubelet.service
tries=300
while [ -z "$(kb_users '--kubeconfig=/etc/kubernetes/kubelet.con[f]')" ] || kb_older '--kubeconfig=/etc/kubernetes/kubelet.con[f]' /etc/kubernetes/pki/ca.crt; do
  tries=$((tries - 1))
  if [ "$tries" = 0 ]; then
    journalctl --no-pager -q -o cat -n 15 -u kubelet.service || :
    kb_fail "the kubelet has not started again after 60 s"
  fi
  sleep 0.2
done
)

# ---- ca-drop-worker: wait until the node is Ready [not on this machine]

# ---- ca-clean: remove /etc/kubernetes/pki/rotation
(
rm -rf -- /etc/kubernetes/pki/rotation
)

# ---- ready: wait until the node is Ready [not on this machine]

# ---- ready: wait until the node's own pods run [not on this machine]
