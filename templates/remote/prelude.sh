#!/bin/sh
# Functions for the parts of a request. Each part may use:
#
#   kb_fact NAME VALUE               print one NAME=VALUE line
#   kb_sha NAME PATH [NAME PATH]...  kb_fact of each file's sha256; empty if there is no such file
#   kb_files NAME FORMAT PATH...     kb_fact of each that is a file: sha256, stat's FORMAT, path
#   kb_socket PATH                   does a process listen at this unix socket?
#   kb_run_state NAME                print none|running|ok|failed|lost of a detached run
#   kb_put PATH MODE OWNER SIZE SHA256   place the next blob of the request at PATH, atomically
#   kb_write PATH TEXT               prepare a small file; then, last in the part and for all:
#   kb_flush MODE OWNER              sync them and move each to its place, atomically
#   kb_replace PATH TEXT             write a file that only we read, atomically
#   kb_unit start|restart UNIT       systemctl; if it fails, the last lines of the unit's journal too
#   kb_ledger PATH                   note PATH, and keep the original, before it is first changed
#   kb_was KIND NAME VALUE           note a running value of the host before it is first changed
#   kb_wrote PATH [SHA256]           record what we wrote there, so that a later change is seen
#   kb_ours PATH                     is PATH as we wrote it, or as it was before us?
#   kb_edit PATH TEXT                change lines of a file that is not ours, atomically
#   kb_changed [FOLDER]...           print each file that was changed since we wrote it
#   kb_put_back PATH                 put one file back that the ledger notes
#   kb_undo_ledger [FOLDER]...       put everything back that the ledger notes; what was changed
#                                    since we wrote it stays, but not below these folders
#   kb_alone                         no other part does so, or writes the ledger, until this one ends
#   kb_detach NAME SECONDS <<script  run a script that outlives the connection; never twice
#   kb_reattach NAME                 follow or replay such a run, but start none
#
# and the variables KB_RUN (the run's id), KB_STATE (the state directory) and KB_TMP (a private
# folder on tmpfs, removed at the end). kb_run_state, kb_detach and kb_reattach are in detach.sh.

kb_fail() { # say why, return 1 (ends a part, which runs under set -e)
  printf 'kbootstrap: %s\n' "$*" >&2
  return 1
}

kb_fact() {
  case $2 in
  *"$KB_NL"*) kb_fail "the value of $1 has more than one line" || return 1 ;;
  esac
  printf '%s=%s\n' "$1" "$2"
}

kb_sha() { # one process, however many files
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

kb_files() { # two processes, however many files
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

kb_socket() { # 00010000 is the kernel's "accepts connections"; /var/run is a link to /run
  grep -qE "^[^ ]+ [^ ]+ [^ ]+ 00010000 .* (/var)?${1#/var}\$" /proc/net/unix
}

kb_same() { # PATH MODE OWNER SIZE SHA256: is it already so?
  [ -f "$1" ] && [ ! -h "$1" ] || return 1
  kb_stat=$(stat -c '%s %a %U:%G %u:%g' "$1") || return 1
  case $kb_stat in
  "$4 ${2#0} $3 "* | "$4 ${2#0} "*" $3") ;;
  *) return 1 ;;
  esac
  kb_sum=$(sha256sum <"$1") && [ "${kb_sum%% *}" = "$5" ]
}

# shellcheck disable=SC2154 # kb_since in detach.sh assigns kb_born
kb_stage() { # DIRECTORY: kb_new = where this driver writes in it, before all is moved into place
  kb_since $$
  kb_new=$1/.kb.$KB_ID.$$.$kb_born
}

kb_fresh() { # DIRECTORY: remove what drivers that died left there; after a reboot a pid is reused
  for kb_old in "$1"/.kb.*.*.*; do
    kb_start=${kb_old##*.}
    kb_pid=${kb_old%.*}
    kb_pid=${kb_pid##*.}
    case $kb_pid$kb_start in
    *[!0-9]*) ;;
    *)
      kb_since "$kb_pid"
      # shellcheck disable=SC2154
  [ "$kb_born" = "$kb_start" ] || rm -rf "$kb_old"
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
    kb_fail "KB-CHECKSUM $1 arrived with sha256 ${kb_sum%% *}, sent was $5" || return 1
  kb_wrote "$1" "$5" && chown "$3" "$kb_new" && chmod "$2" "$kb_new" &&
    sync "$KB_STATE/ledger" "$kb_new" && mv -f "$kb_new" "$1" || return 1
  kb_new=
}

kb_write() { # no process but for a new folder: the shell itself writes, beside the file's place
  kb_note "$1" || return 1
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
  # The shell does not say why it cannot write, cat does.
  printf '%s' "$2" 2>/dev/null >"$kb_new" || printf '%s' "$2" | cat >"$kb_new" ||
    kb_fail "cannot write $1"
}

kb_replace() { # PATH TEXT: a file of lines that only we read; whole, or as it was
  printf '%s\n' "$2" 2>/dev/null >"$1.new" || printf '%s\n' "$2" | cat >"$1.new" || {
    rm -f "$1.new"
    kb_fail "cannot write $1"
    return 1
  }
  mv -f "$1.new" "$1"
}

kb_unit() { # VERB UNIT
  systemctl --quiet "$@" && return 0
  kb_rc=$?
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
  chown "$kb_owner" "$@" && chmod "$kb_mode" "$@" && sync "$KB_STATE/ledger" "$@" || return 1
  for kb_new in $kb_stages; do
    set --
    for kb_path in $kb_staged; do
      [ "${kb_path%/*}" != "$kb_new" ] || set -- "$@" "$kb_path"
    done
    mv -f "$@" "${kb_new%.kb.*}" && rmdir "$kb_new" || return 1
  done
  kb_stages=""
}

kb_unstage() { # the end of a part that could not flush
  IFS=$KB_NL
  set -f
  for kb_new in $kb_stages; do
    rm -rf "$kb_new"
  done
}

kb_alone() { # steps whose connection broke may still be at work; one that detaches a run lets go
  [ -z "$kb_held" ] || return 0
  exec 6<"$KB_STATE" || return 1
  kb_tries=60
  until flock -n 6; do
    kb_tries=$((kb_tries - 1))
    [ "$kb_tries" -gt 0 ] || kb_fail "steps of an earlier run have been at work for a minute" || return 1
    sleep 1
  done
  kb_held=1
}

kb_ledger() {
  kb_added=
  kb_note "$1" || return 1
  [ -z "$kb_added" ] || sync "$KB_STATE/ledger"
}

kb_note() { # write PATH in the ledger, unless it is there; kb_added = it was not
  case $1 in
  *"$KB_NL"* | [!/]*) kb_fail "not an absolute path on one line: $1" || return 1 ;;
  esac
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
    kb_note="replaced $1"
  else
    kb_note="created $1"
    kb_above=${1%/*}
    while [ -n "$kb_above" ] && [ ! -d "$kb_above" ]; do
      kb_note="mkdir $kb_above$KB_NL$kb_note"
      kb_above=${kb_above%/*}
    done
  fi
  kb_record "$kb_note" && kb_added=1
}

kb_read() { # kb_known = the ledger's lines
  [ -z "$kb_known" ] && [ -e "$KB_STATE/ledger" ] || return 0
  kb_known=$KB_NL$(cat "$KB_STATE/ledger")$KB_NL
}

kb_record() { # LINE: at the ledger's end, unless it is there
  case $kb_known in
  *"$KB_NL$1$KB_NL"*) return 0 ;;
  esac
  printf '%s\n' "$1" >>"$KB_STATE/ledger" || return 1
  kb_known=${kb_known:-$KB_NL}$1$KB_NL
}

kb_wrote() { # before the file takes its place: each version of ours counts, also one cut off
  if [ -z "${2-}" ]; then
    kb_sum=$(sha256sum <"$1") || return 1
    set -- "$1" "${kb_sum%% *}"
  fi
  kb_read && kb_record "wrote $1 $2"
}

kb_ours() { # a file we made counts also where the ledger does not say what we wrote
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

kb_edit() { # PATH TEXT: our lines begin with "# kbootstrap: " or end with " # kbootstrap"
  kb_ledger "$1" && kb_record "edited $1" && sync "$KB_STATE/ledger" && kb_rewrite "$1" "$2"
}

kb_rewrite() { # PATH TEXT: whole, or as it was; owner and mode stay
  kb_path=$1
  [ ! -h "$1" ] || kb_path=$(readlink -f "$1") || return 1
  kb_fresh "${kb_path%/*}"
  if [ -e "$kb_path" ]; then cp -a "$kb_path" "$kb_new"; else (umask 022 && : >"$kb_new"); fi || return 1
  if ! { printf '%s\n' "$2" | cat >"$kb_new" && sync "$kb_new"; }; then
    rm -f "$kb_new"
    kb_fail "cannot write $1" || return 1
  fi
  kb_move "$kb_path"
}

kb_move() { # PATH: $kb_new takes its place; a mount, as in a container, can only be written
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

kb_keeps() { # PATH [FOLDER]...: does undoing lose nothing that somebody else wrote?
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

kb_undo_lines() { # goes on after a failure, and then fails; doing it twice does no harm
  kb_bad=0
  while IFS= read -r kb_line; do
    case $kb_line in
    'created '* | 'replaced '*)
      kb_path=${kb_line#* }
      kb_fresh "${kb_path%/*}"
      kb_undo "${kb_line%% *}" "$kb_path" "$@" || kb_bad=1
      ;;
    'mkdir '*) rmdir "${kb_line#* }" 2>/dev/null || : ;;
    esac
  done
  return "$kb_bad"
}

kb_undo() { # created|replaced PATH [FOLDER]...
  kb_kind=$1
  shift
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

kb_put_back() { # PATH: one file as it was before us; its line stays, for it may be written again
  kb_alone || return 1
  kb_read
  case $kb_known in
  *"${KB_NL}created $1$KB_NL"*) kb_undo created "$1" ;;
  *"${KB_NL}replaced $1$KB_NL"*) kb_undo replaced "$1" ;;
  esac
}

kb_set_aside() { # PATH KIND: what somebody changed stays, the original lies beside it
  if [ "$2" = created ]; then
    echo "kept $1: changed since kbootstrap wrote it"
    return
  fi
  cp -a "$KB_STATE/original$1" "$1.kbootstrap-original" || return 1
  echo "kept $1: changed since kbootstrap wrote it; the original is $1.kbootstrap-original"
}

kb_take_out() { # PATH KIND: our lines; byte for byte as before if nobody else changed it
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
