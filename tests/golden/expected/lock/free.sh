#!/bin/sh
# shellcheck disable=SC2154 # KB_TMP and the like come from templates/remote/driver.sh
# shellcheck disable=SC2043 # a list from a template may have one element
# shellcheck disable=SC2016 # the text of a file is not expanded
# shellcheck disable=SC2221,SC2222 # a pattern from a template may be *
# remove /run/kbootstrap.lock
# Replaces or removes the record if it is unchanged since it was read. The flock is on a file that
# only root can open (0600, in root's directory); its holder removes it, so that none is left behind.
umask 077
guard=/run/kbootstrap.lock.guard
tries=30
# shellcheck disable=SC3013 # -ef is in every shell that is tested; another holder removed the file
until exec 9>>"$guard" && flock -n 9 && [ "$guard" -ef /proc/self/fd/9 ]; do
  tries=$((tries - 1))
  if [ "$tries" -le 0 ]; then
    read -r holder <"$guard" || holder="a process that did not write its name"
    kb_fail "$guard is locked by $holder"
  fi
  kb_nap 0.1
done
echo "process $$, run $KB_RUN" >"$guard"
held=$(cat /run/kbootstrap.lock 2>/dev/null) || held=
stamp=$(stat -c %Y /run/kbootstrap.lock 2>/dev/null) || stamp=
if [ "$held" = '{"run": "r1"}' ]; then
  rm -f /run/kbootstrap.lock
fi
rm -f "$guard"
exec 9>&-

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
