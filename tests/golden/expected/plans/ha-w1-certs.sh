#!/bin/sh
# shellcheck disable=SC2154 # KB_TMP and the like come from templates/remote/driver.sh
# shellcheck disable=SC2043 # a list from a template may have one element
# shellcheck disable=SC2016 # the text of a file is not expanded
# shellcheck disable=SC2221,SC2222 # a pattern from a template may be *

# w1 of cluster ha, each part in a subshell of its own

# ---- probe:certs-worker
(
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

:
)

# ---- read:state
(
if [ -r /var/lib/kbootstrap/state.json ]; then cat /var/lib/kbootstrap/state.json; fi
)

# ---- certs-worker: create a bootstrap token (valid 15 min) [not on this machine]

# ---- certs-worker: write /run/kbootstrap/kubelet-token (10 bytes, 0600)
(
kb_put /run/kbootstrap/kubelet-token 0600 root:root 10 d439a4561e8153494db928230757b4f11f4c15f926c732ee5e60fba28ed2e6be
)

# ---- certs-worker: restart the kubelet with a bootstrap configuration, until it has a client certificate
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
kb_unit restart kubelet.service
tries=1500
until now=$(readlink "$current") && [ "$now" != "$before" ] && [ -s "$current" ]; do
  tries=$((tries - 1))
  if [ "$tries" = 0 ]; then
    journalctl --no-pager -q -o cat -n 15 -u kubelet.service || :
    kb_fail "the kubelet has no new client certificate after 300 s"
  fi
  sleep 0.2
done
)

# ---- certs-worker: remove /run/kbootstrap/kubelet-token
(
rm -rf -- /run/kbootstrap/kubelet-token
)

# ---- certs-worker: delete the bootstrap token of this join [not on this machine]
