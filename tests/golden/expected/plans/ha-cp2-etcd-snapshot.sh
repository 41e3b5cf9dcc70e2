#!/bin/sh
# shellcheck disable=SC2154 # KB_TMP and the like come from templates/remote/driver.sh
# shellcheck disable=SC2043 # a list from a template may have one element
# shellcheck disable=SC2016 # the text of a file is not expanded
# shellcheck disable=SC2221,SC2222 # a pattern from a template may be *

# cp2 of cluster ha, each part in a subshell of its own

# ---- probe:etcd-snapshot
(
kb_fact run "$(kb_run_state etcd-snapshot)"
if cat /proc/net/tcp /proc/net/tcp6 2>/dev/null | grep -qE ':094B [0-9A-F:]+ 0A '; then kb_fact serves 1; fi
file=/var/lib/kbootstrap/snapshots/manual.db
if [ -r "$file.facts" ] && [ -f "$file" ]; then
  read -r identity _ _ taken <"$file.facts" || :
  if [ "$identity" = "$(stat -c '%s:%.9Y:%i' "$file")" ]; then
    kb_fact taken "$taken"
  fi
fi

:
)

# ---- probe:etcd-copy
(
file=/var/lib/kbootstrap/snapshots/manual.db
if [ -r "$file.facts" ] && [ -f "$file" ]; then
  read -r identity sum _ <"$file.facts" || :
  if [ "$identity" = "$(stat -c '%s:%.9Y:%i' "$file")" ]; then
    kb_fact sha256 "$sum"
  fi
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

# ---- etcd-snapshot: take a snapshot of etcd, check it and store it as /var/lib/kbootstrap/snapshots/manual.db
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

temporary=/var/lib/etcd/kbootstrap-snapshot.db
folder=/var/lib/kbootstrap/snapshots
file=$folder/manual.db
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

# ---- etcd-copy: copy /var/lib/kbootstrap/snapshots/manual.db to the local file /home/operator/etcd.db.part
(
cat /var/lib/kbootstrap/snapshots/manual.db.sha256 /var/lib/kbootstrap/snapshots/manual.db
)

# ---- etcd-copy: check the copy and rename it to the local file /home/operator/etcd.db (0600) [not on this machine]
