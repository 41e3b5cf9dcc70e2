#!/bin/sh
# Functions that the parts of a request may call:
#
#   kb_fact NAME VALUE               print one NAME=VALUE line
#   kb_sha NAME PATH [NAME PATH]...  kb_fact of each file's sha256; empty if the file does not exist
#   kb_files NAME FORMAT PATH...     kb_fact of each existing file: sha256, stat's FORMAT, path
#   kb_socket PATH                   does a process listen on this unix socket?
#   kb_run_state NAME                print none|running|ok|failed|lost of a detached run
#   kb_put PATH MODE OWNER SIZE SHA256   write the next blob of the request to PATH, atomically
#   kb_write PATH TEXT               stage a small file; then, once, at the end of the part:
#   kb_flush MODE OWNER              sync the staged files and move each to its path, atomically
#   kb_replace PATH TEXT             write a file of kbootstrap's own, atomically
#   kb_unit start|restart UNIT       systemctl; if it fails, the last lines of the unit's journal too
#   kb_ledger PATH                   record PATH and its original, before its first change
#   kb_was KIND NAME VALUE           record a running value of the host before its first change
#   kb_wrote PATH [SHA256]           record what kbootstrap wrote, so that later changes are detected
#   kb_ours PATH                     is PATH unchanged since kbootstrap wrote it, or the original?
#   kb_edit PATH TEXT                change lines of a file of the system, atomically
#   kb_changed [DIRECTORY]...        print each file that was changed after kbootstrap wrote it
#   kb_put_back PATH                 restore one file from the ledger
#   kb_undo_ledger [DIRECTORY]...    restore everything in the ledger; files that were changed after
#                                    kbootstrap wrote them are retained, except below the directories
#   kb_secure DIRECTORY              refuse a path on which another user than root can change a name
#   kb_alone                         exclude other parts with kb_alone or the ledger until this one ends
#   kb_detach NAME SECONDS <<script  run a script that outlives the connection; never twice
#   kb_reattach NAME                 follow or replay such a run, but never start it
#
# and the variables KB_RUN (the run's id), KB_STATE (the state directory) and KB_TMP (a private
# directory on tmpfs, removed at the end). kb_run_state, kb_detach and kb_reattach are in detach.sh.

kb_fail() { # print the reason, return 1 (ends a part, which runs under set -e)
  printf 'kbootstrap: %s\n' "$*" >&2
  return 1
}

kb_fact() {
  case $2 in
  *"$KB_NL"*) kb_fail "the value of $1 has more than one line" || return 1 ;;
  esac
  printf '%s=%s\n' "$1" "$2"
}

kb_sha() { # one process for all files
  kb_names="" kb_pairs=$(($# / 2))
  while [ "$kb_pairs" -gt 0 ]; do
    kb_pairs=$((kb_pairs - 1))
    if [ -f "$2" ]; then
      kb_names="$kb_names $1"
      set -- "$@" "$2"
    else
      printf '%s=\n' "$1"
    fi
    shift 2
  done
  [ $# -gt 0 ] || return 0
  kb_sums=$(sha256sum "$@") || return 1
  for kb_name in $kb_names; do
    kb_sum=${kb_sums%% *}
    kb_sums=${kb_sums#*"$KB_NL"}
    printf '%s=%s\n' "$kb_name" "${kb_sum#\\}"
  done
}

kb_files() { # two processes for all files
  kb_field=$1 kb_format=$2 kb_stats=
  shift 2
  for kb_path; do
    shift
    [ ! -f "$kb_path" ] || set -- "$@" "$kb_path"
  done
  [ $# -gt 0 ] || return 0
  kb_sums=$(sha256sum "$@") || return 1
  [ -z "$kb_format" ] || kb_stats=$(stat -c "$kb_format" "$@") || return 1
  for kb_path; do
    kb_sum=${kb_sums%% *}
    kb_sums=${kb_sums#*"$KB_NL"}
    kb_fact "$kb_field" "${kb_sum#\\} ${kb_format:+${kb_stats%%"$KB_NL"*} }$kb_path" || return 1
    kb_stats=${kb_stats#*"$KB_NL"}
  done
}

kb_socket() { # flag 00010000: it accepts connections; /var/run is a link to /run
  grep -qE "^[^ ]+ [^ ]+ [^ ]+ 00010000 .* (/var)?${1#/var}\$" /proc/net/unix
}

kb_same() { # PATH MODE OWNER SIZE SHA256: is the file already like this?
  [ -f "$1" ] && [ ! -h "$1" ] || return 1
  kb_stat=$(stat -c '%s %a %U:%G %u:%g' "$1") || return 1
  case $kb_stat in
  "$4 ${2#0} $3 "* | "$4 ${2#0} "*" $3") ;;
  *) return 1 ;;
  esac
  kb_sum=$(sha256sum <"$1") && [ "${kb_sum%% *}" = "$5" ]
}

kb_secure() { # DIRECTORY: can only root change a name on the path to it? It may not exist yet.
  case $kb_secured in
  *"$KB_NL$1$KB_NL"*) return ;;
  esac
  kb_way=$1
  for kb_hop in 1 2 3 4 5 6 7 8; do
    kb_walk / || return 1
    if [ ! -h "$kb_at" ]; then
      kb_secured=$kb_secured$1$KB_NL
      return
    fi
    kb_to=$(readlink "$kb_at") || return 1
    [ "${kb_to#/}" != "$kb_to" ] || kb_to=${kb_at%/*}/$kb_to
    kb_way=$kb_to${kb_way#"$kb_at"}
  done
  kb_fail "KB-UNSAFE $1: more than $kb_hop links"
}

kb_walk() { # /: is each directory of kb_way root's, up to its end or to kb_at, its first link?
  kb_at="" kb_rest=${kb_way#/}/
  while [ -n "$kb_rest" ] && [ ! -h "$kb_at" ]; do
    kb_at=$kb_at/${kb_rest%%/*}
    kb_rest=${kb_rest#*/}
    [ -h "$kb_at" ] || [ -e "$kb_at" ] || break
    set -- "$@" "$kb_at"
  done
  kb_stats=$(stat -c '%u %A' "/proc/$$" "$@") || return 1
  kb_me=${kb_stats%% *}
  while [ $# -gt 0 ]; do
    kb_stats=${kb_stats#*"$KB_NL"}
    kb_stat=${kb_stats%%"$KB_NL"*}
    # The rest begins with a blank if the owner is this user or root.
    kb_bits=${kb_stat#"$kb_me"}
    # In a sticky directory, root's entries are safe, but nothing is made there.
    case ${kb_bits#0}$(($# > 1)) in
    " l"* | " d"????-??-* | " d"????????[tT]1) ;;
    *) kb_fail "KB-UNSAFE $1: other users than root can change it ($kb_stat)" || return 1 ;;
    esac
    shift
  done
}

kb_still() { # DIRECTORY: kb_secure once more, without a process: is all on the path root's?
  kb_at=$1
  # shellcheck disable=SC3067 # -O is in every shell that is tested
  until [ -z "$kb_at" ] || [ ! -O / ]; do
    [ -O "$kb_at" ] || kb_fail "KB-UNSAFE $kb_at: it has another owner now" || return 1
    kb_at=${kb_at%/*}
  done
}

kb_chown() { # OWNER FILE...: without a process if root made them and they are to be root's
  # shellcheck disable=SC3066,SC3067 # -O and -G are in every shell that is tested
  [ "$1" = root:root ] && [ -O / ] && [ -G / ] || {
    chown -h "$@"
    return
  }
  shift
  for kb_path; do
    # shellcheck disable=SC3066
    [ -G "$kb_path" ] || chown -h root:root "$kb_path" || return 1
  done
}

# shellcheck disable=SC2154 # kb_since in detach.sh assigns kb_born
kb_stage() { # DIRECTORY: kb_new = where this driver writes in it, before all is moved into place
  kb_since $$
  kb_new=$1/.kb.$KB_ID.$$.$kb_born
}

kb_fresh() { # DIRECTORY: remove what drivers that died left there; after a reboot a pid is reused
  for kb_old in "$1"/.kb.*.*.*; do
    kb_begin=${kb_old##*.}
    kb_pid=${kb_old%.*}
    kb_pid=${kb_pid##*.}
    case $kb_pid$kb_begin in
    *[!0-9]*) ;;
    *)
      kb_since "$kb_pid"
      # shellcheck disable=SC2154
  [ "$kb_born" = "$kb_begin" ] || rm -rf "$kb_old"
      ;;
    esac
  done
  kb_stage "$1"
}

kb_put() {
  kb_left=$((kb_left - $4))
  if kb_same "$@"; then
    kb_take "$4" >/dev/null
    return
  fi
  kb_ledger "$1" || return 1
  kb_dir=${1%/*}
  if [ -n "$kb_dir" ] && [ ! -d "$kb_dir" ]; then
    umask 022
    mkdir -p "$kb_dir" || return 1
    umask 077
  fi
  kb_fresh "$kb_dir"
  kb_take "$4" >"$kb_new" || kb_fail "cannot write $kb_new" || return 1
  kb_sum=$(sha256sum <"$kb_new") || return 1
  [ "${kb_sum%% *}" = "$5" ] ||
    kb_fail "KB-CHECKSUM $1 was received with sha256 ${kb_sum%% *}, but sent with $5" || return 1
  kb_wrote "$1" "$5" && kb_chown "$3" "$kb_new" && chmod "$2" "$kb_new" &&
    sync "$KB_STATE/ledger" "$kb_new" && kb_still "$kb_dir" && mv -f "$kb_new" "$1" || return 1
  kb_new=
}

kb_write() { # PATH TEXT: the shell itself writes, beside the file, so that no process is needed
  kb_add "$1" || return 1
  kb_dir=${1%/*}
  if [ ! -d "$kb_dir/" ]; then
    sync "$KB_STATE/ledger" || return 1
    umask 022
    mkdir -p "$kb_dir" || return 1
    umask 077
  fi
  kb_stage "$kb_dir"
  case $KB_NL$kb_stages in
  *"$KB_NL$kb_new$KB_NL"*) ;;
  *)
    trap kb_unstage EXIT
    kb_fresh "$kb_dir"
    mkdir "$kb_new" || return 1
    kb_stages=$kb_stages$kb_new$KB_NL
    ;;
  esac
  kb_staged=$kb_staged$kb_new/${1##*/}$KB_NL
  kb_new=$kb_new/${1##*/}
  # cat prints why it cannot write; the shell does not.
  printf '%s' "$2" 2>/dev/null >"$kb_new" || printf '%s' "$2" | cat >"$kb_new" ||
    kb_fail "cannot write $1"
}

kb_replace() { # PATH TEXT: a file of lines of kbootstrap's own; either replaced or unchanged
  printf '%s\n' "$2" 2>/dev/null >"$1.new" || printf '%s\n' "$2" | cat >"$1.new" || {
    rm -f "$1.new"
    kb_fail "cannot write $1"
    return 1
  }
  mv -f "$1.new" "$1"
}

kb_unit() { # COMMAND UNIT
  systemctl --quiet "$@" && return 0
  kb_rc=$?
  journalctl --sync >/dev/null 2>&1 || : # what a process that has just ended said
  journalctl --no-pager -q -o cat -n 15 -u "$2" || :
  return "$kb_rc"
}

kb_flush() { # MODE OWNER
  kb_mode=$1 kb_owner=$2
  IFS=$KB_NL
  set -f
  # shellcheck disable=SC2086 # lists of lines
  set -- $kb_staged
  kb_sums=$(sha256sum "$@") || return 1
  for kb_path; do
    kb_sum=${kb_sums%% *}
    kb_sums=${kb_sums#*"$KB_NL"}
    kb_wrote "${kb_path%/.kb.*}/${kb_path##*/}" "${kb_sum#\\}" || return 1
  done
  kb_chown "$kb_owner" "$@" && chmod "$kb_mode" "$@" && sync "$KB_STATE/ledger" "$@" || return 1
  for kb_new in $kb_stages; do
    kb_still "${kb_new%/.kb.*}" || return 1
    set --
    for kb_path in $kb_staged; do
      [ "${kb_path%/*}" != "$kb_new" ] || set -- "$@" "$kb_path"
    done
    mv -f "$@" "${kb_new%.kb.*}" && rmdir "$kb_new" || return 1
  done
  kb_stages=""
}

kb_unstage() { # the end of a part that did not flush
  IFS=$KB_NL
  set -f
  for kb_new in $kb_stages; do
    rm -rf "$kb_new"
  done
}

kb_alone() { # steps of lost connections may still be running; a step that detaches a run releases it
  [ -z "$kb_held" ] || return 0
  exec 6<"$KB_STATE" || return 1
  kb_tries=60
  until flock -n 6; do
    kb_tries=$((kb_tries - 1))
    [ "$kb_tries" -gt 0 ] || kb_fail "steps of an earlier run have been running for a minute" || return 1
    sleep 1
  done
  kb_held=1
}

kb_ledger() {
  kb_added=
  kb_add "$1" || return 1
  [ -z "$kb_added" ] || sync "$KB_STATE/ledger"
}

kb_add() { # add PATH to the ledger, unless it is in it; kb_added = it was not
  case $1 in
  *"$KB_NL"* | [!/]*) kb_fail "not an absolute path on one line: $1" || return 1 ;;
  esac
  kb_dir=${1%/*}
  kb_secure "${kb_dir:-/}" || return 1
  if [ -d "$1" ] || { [ -e "$1" ] && [ ! -h "$1" ] && [ ! -f "$1" ]; }; then
    kb_fail "$1 is not a file" || return 1
  fi
  [ -d "$KB_STATE" ] || mkdir -p "$KB_STATE" || return 1
  kb_alone && kb_read || return 1
  case $kb_known in
  *"${KB_NL}created $1$KB_NL"* | *"${KB_NL}replaced $1$KB_NL"*) return 0 ;;
  esac
  if [ -h "$1" ] || [ -f "$1" ]; then
    kb_keep=$KB_STATE/original$1
    mkdir -p "${kb_keep%/*}" && rm -f "$kb_keep" && cp -a "$1" "$kb_keep" || return 1
    kb_entry="replaced $1"
  else
    kb_entry="created $1"
    kb_above=${1%/*}
    while [ -n "$kb_above" ] && [ ! -d "$kb_above" ]; do
      kb_entry="mkdir $kb_above$KB_NL$kb_entry"
      kb_above=${kb_above%/*}
    done
  fi
  kb_record "$kb_entry" && kb_added=1
}

kb_read() { # kb_known = the ledger's lines
  [ -z "$kb_known" ] && [ -e "$KB_STATE/ledger" ] || return 0
  kb_known=$KB_NL$(cat "$KB_STATE/ledger")$KB_NL
}

kb_record() { # LINE: append it to the ledger, unless it is in it
  case $kb_known in
  *"$KB_NL$1$KB_NL"*) return 0 ;;
  esac
  printf '%s\n' "$1" >>"$KB_STATE/ledger" || return 1
  kb_known=${kb_known:-$KB_NL}$1$KB_NL
}

kb_wrote() { # called before the file is moved to its path, so that an interrupted write counts
  if [ -z "${2-}" ]; then
    kb_sum=$(sha256sum <"$1") || return 1
    set -- "$1" "${kb_sum%% *}"
  fi
  kb_read && kb_record "wrote $1 $2"
}

kb_ours() { # also true for a file that kbootstrap created without a recorded sha256
  kb_read
  kb_keep=$KB_STATE/original$1
  [ -e "$1" ] || [ -h "$1" ] || return 0
  if [ -h "$1" ]; then
    [ -h "$kb_keep" ] && [ "$(readlink "$1")" = "$(readlink "$kb_keep")" ]
    return
  fi
  kb_sum=$(sha256sum <"$1") || return 1
  case $kb_known in
  *"${KB_NL}wrote $1 ${kb_sum%% *}$KB_NL"*) return 0 ;;
  *"${KB_NL}replaced $1$KB_NL"*) [ -f "$kb_keep" ] && cmp -s "$1" "$kb_keep" ;;
  *"${KB_NL}wrote $1 "*) return 1 ;;
  esac
}

kb_edit() { # PATH TEXT: marked lines begin with "# kbootstrap: " or end with " # kbootstrap"
  kb_ledger "$1" && kb_record "edited $1" && sync "$KB_STATE/ledger" && kb_rewrite "$1" "$2"
}

kb_rewrite() { # PATH TEXT: either replaced or unchanged; owner and mode are retained
  kb_path=$1
  [ ! -h "$1" ] || kb_path=$(readlink -f "$1") || return 1
  kb_dir=${kb_path%/*}
  kb_secure "${kb_dir:-/}" || return 1
  kb_fresh "${kb_path%/*}"
  if [ -e "$kb_path" ]; then cp -a "$kb_path" "$kb_new"; else (umask 022 && : >"$kb_new"); fi || return 1
  if ! { printf '%s\n' "$2" | cat >"$kb_new" && sync "$kb_new"; }; then
    rm -f "$kb_new"
    kb_fail "cannot write $1" || return 1
  fi
  kb_move "$kb_path"
}

kb_move() { # PATH: replace it by $kb_new; a mount point, as in a container, can only be written to
  if grep -qF " $1 " /proc/self/mounts; then
    cat "$kb_new" >"$1" && rm -f "$kb_new"
  else
    mv -f "$kb_new" "$1"
  fi
}

kb_was() {
  [ -d "$KB_STATE" ] || mkdir -p "$KB_STATE" || return 1
  if [ -e "$KB_STATE/was" ] && grep -qF "$1 $2 " "$KB_STATE/was"; then return 0; fi
  printf '%s %s %s\n' "$1" "$2" "$3" >>"$KB_STATE/was" && sync "$KB_STATE/was"
}

kb_changed() {
  [ -e "$KB_STATE/ledger" ] || return 0
  while IFS= read -r kb_line; do
    case $kb_line in
    'created '* | 'replaced '*) kb_keeps "${kb_line#* }" "$@" || printf '%s\n' "$kb_line" ;;
    esac
  done <"$KB_STATE/ledger"
}

kb_keeps() { # PATH [DIRECTORY]...: can it be undone without losing changes of others?
  kb_path=$1
  shift
  for kb_dir in "$KB_STATE" "$@"; do
    case $kb_path in
    "$kb_dir"/*) return 0 ;;
    esac
  done
  kb_read
  case $kb_known in
  *"${KB_NL}edited $kb_path$KB_NL"*) return 0 ;;
  esac
  kb_ours "$kb_path"
}

kb_undo_ledger() {
  [ -e "$KB_STATE/ledger" ] || return 0
  sed '1!G;h;$!d' "$KB_STATE/ledger" | kb_undo_lines "$@" || return 1
  rm -rf "$KB_STATE/ledger" "$KB_STATE/original"
}

kb_undo_lines() { # continues after a failure, and fails at the end; idempotent
  kb_bad=0
  while IFS= read -r kb_line; do
    case $kb_line in
    'created '* | 'replaced '*)
      kb_path=${kb_line#* }
      kb_undo "${kb_line%% *}" "$kb_path" "$@" || kb_bad=1
      ;;
    'mkdir '*) rmdir "${kb_line#* }" 2>/dev/null || : ;;
    esac
  done
  return "$kb_bad"
}

kb_undo() { # created|replaced PATH [DIRECTORY]...
  kb_kind=$1
  shift
  kb_dir=${1%/*}
  if ! kb_secure "${kb_dir:-/}"; then
    echo "retained $1"
    return 0
  fi
  kb_fresh "$kb_dir"
  kb_read
  case $kb_known in
  *"${KB_NL}edited $1$KB_NL"*)
    kb_take_out "$1" "$kb_kind"
    return
    ;;
  esac
  if ! kb_keeps "$@"; then
    kb_set_aside "$1" "$kb_kind"
  elif [ "$kb_kind" = created ]; then
    rm -f "$1"
  else
    kb_restore "$1"
  fi
}

kb_put_back() { # PATH: restore one file; its line stays, since the file may be written again
  kb_alone || return 1
  kb_read
  case $kb_known in
  *"${KB_NL}created $1$KB_NL"*) kb_undo created "$1" ;;
  *"${KB_NL}replaced $1$KB_NL"*) kb_undo replaced "$1" ;;
  esac
}

kb_set_aside() { # PATH KIND: retain a changed file, restore the original beside it
  if [ "$2" = created ]; then
    echo "retained $1: changed after kbootstrap wrote it"
    return
  fi
  cp -a "$KB_STATE/original$1" "$1.kbootstrap-original" || return 1
  echo "retained $1: changed after kbootstrap wrote it; the original is $1.kbootstrap-original"
}

kb_take_out() { # PATH KIND: remove marked lines; restores the exact bytes if others changed nothing
  [ -e "$1" ] || return 0
  kb_text=$(sed -e '/ # kbootstrap$/d' -e 's/^# kbootstrap: //' "$1") || return 1
  if [ "$2" = created ]; then
    if [ -z "$kb_text" ]; then rm -f "$1"; else kb_rewrite "$1" "$kb_text"; fi
  elif [ ! -h "$1" ] && [ "$kb_text" = "$(cat "$KB_STATE/original$1")" ]; then
    kb_restore "$1"
  else
    kb_rewrite "$1" "$kb_text"
  fi
}

kb_restore() {
  kb_dir=${1%/*}
  [ -d "$kb_dir/" ] || mkdir -p "$kb_dir" || return 1
  kb_fresh "$kb_dir"
  cp -a "$KB_STATE/original$1" "$kb_new" && kb_move "$1"
}
