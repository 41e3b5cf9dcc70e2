#!/bin/sh
# shellcheck disable=SC2154 # KB_TMP and the like come from templates/remote/driver.sh
# shellcheck disable=SC2043 # a list from a template may have one element
# shellcheck disable=SC2016 # a file that is written stands there as it is
# shellcheck disable=SC2221,SC2222 # a pattern from a template may be *
# write /run/kbootstrap.lock (0600)
# Replaces or removes the record if it is unchanged since it was read. The flock is on the
# directory, so that no lock file is left behind.
exec 9</run
flock 9
held=$(cat /run/kbootstrap.lock 2>/dev/null) || held=
stamp=$(stat -c %Y /run/kbootstrap.lock 2>/dev/null) || stamp=
if [ "$held" = '{"run": "it'"'"'s old"}' ] && [ "$stamp" = 1700000000 ]; then
  umask 077
  printf '%s\n' '{"run": "r1"}' >/run/kbootstrap.lock.new
  mv -f /run/kbootstrap.lock.new /run/kbootstrap.lock
fi
exec 9<&-

# prints the record and its age by the node's clock; an empty record counts as none
IFS= read -r boot </proc/sys/kernel/random/boot_id || :
kb_fact boot "$boot"
held=
if [ -e /run/kbootstrap.lock ]; then
  held=$(cat /run/kbootstrap.lock 2>/dev/null) || held=
  stamp=$(stat -c %Y /run/kbootstrap.lock 2>/dev/null) || held=
fi
if [ -n "$held" ]; then
  kb_fact stamp "$stamp"
  kb_fact now "$(date +%s)"
  printf '%s\n' "$held"
fi
