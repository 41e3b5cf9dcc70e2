#!/bin/sh
# shellcheck disable=SC2154 # KB_TMP and the like come from templates/remote/driver.sh
# shellcheck disable=SC2043 # a list from a template may have one element
# shellcheck disable=SC2016 # the text of a file is not expanded
# shellcheck disable=SC2221,SC2222 # a pattern from a template may be *
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
