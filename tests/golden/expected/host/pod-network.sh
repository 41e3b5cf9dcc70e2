#!/bin/sh
# Written by kbootstrap: the pod range is on this link, and this node answers for its pods.
set -eu
link=$(ip -o -4 addr show to 192.0.2.11 | awk '{ print $2; exit }')
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
# pods reach the world outside with the node's address
# shellcheck disable=SC2086 # the words of a rule
iptables -w 5 -t nat -C POSTROUTING $rule 2>/dev/null || iptables -w 5 -t nat -A POSTROUTING $rule
