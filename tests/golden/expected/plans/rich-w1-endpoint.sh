#!/bin/sh
# shellcheck disable=SC2154 # KB_TMP and the like come from templates/remote/driver.sh
# shellcheck disable=SC2043 # a list from a template may have one element
# shellcheck disable=SC2016 # the text of a file is not expanded
# shellcheck disable=SC2221,SC2222 # a pattern from a template may be *

# w1 of cluster demo, each part in a subshell of its own

# ---- probe:endpoint-files
(
if [ -e /etc/kubernetes/kubelet.conf ]; then
  kb_fact run "$(kb_run_state kubelet-endpoint)"
  [ ! -e /var/lib/kbootstrap/endpoint ] || kb_fact unfinished 1
  file='' other=''
  for word in $(grep -sH '^ *server: ' /etc/kubernetes/kubelet.conf | tr -d '"'); do
    case $word in
    /*.conf:)
      file=${word##*/}
      file=${file%:}
      ;;
    server:) ;;
    *)
      kb_fact server "$file $word"
      case $file,$word in *,https://api.example.org:6443 | kubelet.conf,'') ;; *) other=1 ;; esac
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

# ---- read:state
(
if [ -r /var/lib/kbootstrap/state.json ]; then cat /var/lib/kbootstrap/state.json; fi
)

# ---- endpoint-files: name api.example.org:6443 in admin.conf, kubelet.conf and restart the kubelet
(
kb_detach kubelet-endpoint 1320 <<'KB_DETACHED'
# Names another endpoint in kubeconfigs; if kubelet.conf is one of them, the kubelet restarts with
# it and has to renew its lease. The old files exist until then, and are put back otherwise.
etc=/etc/kubernetes
keep=/var/lib/kbootstrap/endpoint
server=https://api.example.org:6443
umask 077

look() { # pid of the kubelet, 0 if it does not run; count of its restarts by systemd
  pid=0 count=0
  for line in $(systemctl show kubelet.service -p MainPID -p NRestarts); do
    case $line in
    MainPID=*) pid=${line#*=} ;;
    NRestarts=*) count=${line#*=} ;;
    esac
  done
}

last_lines() { # of the kubelet itself since the change; its errors, if it has logged any
  journalctl --sync >/dev/null 2>&1 || :
  said=$(journalctl --quiet --no-pager -o cat --since "@$began" -n 200 _SYSTEMD_UNIT=kubelet.service 2>/dev/null) || said=
  errors=$(printf '%s\n' "$said" | grep -e '^[EF][0-9][0-9][0-9][0-9] ' -e '^Error' | tail -n 5) || :
  printf '%s\n' "${errors:-$said}" | tail -n 15 | sed 's/^/kubelet: /'
}

ask() { # FILE PATH: the answer to a kubeconfig
  kubectl --kubeconfig "$1" --request-timeout=5s get --raw="$2" 2>&1
}

renewed() { # when the kubelet last renewed its lease, as the server of kubelet.conf has it
  ask "$etc/kubelet.conf" /apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/w1 |
    tr -d '\n' | sed -n 's/.*"renewTime": *"\([^"]*\)".*/\1/p'
}

answers() { # FILE: its server, within 30 tries
  tries=30
  until said=$(ask "$1" /readyz) && [ "$said" = ok ]; do
    case $said in *x509:*) return 1 ;; esac # another CA or name does not pass
    tries=$((tries - 1))
    [ "$tries" -gt 0 ] || return 1
    sleep 1
  done
}

works() { # stop or restart: after a stop, the kubelet has to renew its lease within the timeout
  systemctl "$1" kubelet.service || return 1
  before=
  if [ "$1" = stop ]; then
    before=$(renewed) || before=
    systemctl start kubelet.service || return 1
  fi
  look
  first=$count left=240
  while [ "$left" -gt 0 ]; do
    look
    [ "$count" -lt $((first + 3)) ] || return 1
    if [ "$pid" -gt 0 ]; then
      [ "$1" = stop ] || return 0
      after=$(renewed) || after=
      [ "$after" = "$before" ] || [ -z "$after" ] || return 0
    fi
    left=$((left - 1))
    sleep 1
  done
  return 1
}

put_back() {
  for path in "$keep"/*.conf; do
    cp -p "$path" "$etc/${path##*/}.kb"
    sync "$etc/${path##*/}.kb"
    mv -f "$etc/${path##*/}.kb" "$etc/${path##*/}"
  done
}

resumed=1 # the kubelet may run with a file that was not checked
if [ ! -d "$keep" ]; then
  resumed=
  rm -rf "$keep.new"
  mkdir -p "$keep.new"
  for file in admin.conf kubelet.conf; do cp -p "$etc/$file" "$keep.new"; done
  sync "$keep.new"/*
  mv "$keep.new" "$keep"
  sync "$keep"
fi

began=$(date +%s)
new=''
trap 'rm -f "$etc"/*.conf.kb' EXIT
for file in admin.conf kubelet.conf; do
  cp -p "$etc/$file" "$etc/$file.kb" # with its mode and owner
  awk -v server="$server" -v old=https://192.0.2.11:6443 '
    BEGIN { n = split(old, list, " "); for (i = 1; i <= n; i++) left[list[i]] = 1 }
    $1 == "server:" { url = $2; gsub(/"/, "", url); if (url in left) { sub(/server:.*/, ""); print $0 "server: " server; next } }
    { print }' "$etc/$file" >"$etc/$file.kb"
  new="$new $file"
  answers "$etc/$file.kb" && continue
  printf '%s\n' "$said"
  if [ "$resumed" ]; then
    put_back
    [ ! -e "$keep/kubelet.conf" ] || works restart || :
  fi
  rm -rf "$keep"
  echo "KB-ENDPOINT the server of $file would not answer; the node has its old files"
  exit 1
done
for file in $new; do
  sync "$etc/$file.kb"
  mv -f "$etc/$file.kb" "$etc/$file"
done
if [ ! -e "$keep/kubelet.conf" ] || works stop; then
  rm -rf "$keep"
  exit 0
fi
echo "the kubelet does not work with the endpoint $server:"
last_lines
put_back
if works restart; then
  echo "it runs with its old files again"
else
  echo "its old files are in place again, but it does not run with these either"
fi
rm -rf "$keep"
exit 1

KB_DETACHED
)

# ---- endpoint-files: wait until the node is Ready [not on this machine]
