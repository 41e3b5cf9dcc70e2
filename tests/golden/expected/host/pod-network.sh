#!/bin/sh
# Written by kbootstrap: the pod range is on this link, and this node answers for its pods.
set -eu
link=$(ip -o -4 addr show to 192.0.2.11 | awk '{ print $2; exit }')
[ -n "$link" ] || { echo "no link has address 192.0.2.11" >&2; exit 1; }
rule="-s 10.244.0.0/16 ! -d 10.244.0.0/16 ! -o cni0 -m comment --comment kbootstrap -j MASQUERADE"
if [ "${1:-up}" = down ]; then
  ip route delete 10.244.0.0/16 dev "$link" || :
  echo 0 >"/proc/sys/net/ipv4/conf/$link/proxy_arp"
  # shellcheck disable=SC2086 # the words of a rule
  iptables -w 5 -t nat -D POSTROUTING $rule || :
  exit 0
fi
ip route replace 10.244.0.0/16 dev "$link" scope link src 192.0.2.11
echo 1 >"/proc/sys/net/ipv4/conf/$link/proxy_arp"
echo 0 >"/proc/sys/net/ipv4/neigh/$link/proxy_delay"
# pods reach the world outside with the node's address
# shellcheck disable=SC2086 # the words of a rule
iptables -w 5 -t nat -C POSTROUTING $rule 2>/dev/null || iptables -w 5 -t nat -A POSTROUTING $rule
