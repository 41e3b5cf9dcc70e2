#!/bin/sh
# The driver: runs the parts of one request, one after the other, each in its own subshell.
#
# kbootstrap adds assignments of KB_MARK KB_ID KB_RUN KB_STATE KB_SEEN KB_BIN before this text and
# calls of kb_part and kb_end after it. The reply (kbootstrap/remote/reply_reader.py):
#   stdout  frames only:    <RS>KB1 <nonce> R <id> <rc> <millis> <length><NL><bytes><NL>
#   stderr  live output of the parts, between marks with the nonce
# A part cannot forge frames or marks: stdout (fd 3) is closed in it, and the nonce in KB_MARK is
# not exported. One fork per part, none for the clock (/proc/uptime).
unset kb_text http_proxy https_proxy ftp_proxy all_proxy no_proxy socks_proxy rsync_proxy \
  HTTP_PROXY HTTPS_PROXY FTP_PROXY ALL_PROXY NO_PROXY SOCKS_PROXY RSYNC_PROXY
exec 3>&1 4<&0 1>&2 </dev/null
# sudo's secure_path and the login's PATH may lack it, or have an older kubeadm.
[ -z "$KB_BIN" ] || PATH=$KB_BIN:$PATH

# shellcheck disable=SC2034 # prelude.sh uses it
KB_NL='
'
# shellcheck disable=SC2153 # the assignments before this text
KB_TMP=/run/kbootstrap/$KB_ID
[ -w /run ] || KB_TMP=${TMPDIR:-/tmp}/kbootstrap.$KB_ID
kb_failed=0
kb_count=0
kb_left=0
kb_new=
# Pending output on stderr and stdout: few writes are few packets.
kb_marks="" kb_frames=""
# shellcheck disable=SC2034 # prelude.sh uses them
kb_held="" kb_known="" kb_stages="" kb_staged="" kb_secured=$KB_NL

kb_clean() { # at every end of the driver
  [ -d "$KB_TMP" ] || return 0
  rm -rf "$KB_TMP"
  rmdir /run/kbootstrap 2>/dev/null || :
}
trap kb_clean EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 141' PIPE
trap 'exit 143' TERM

kb_tmp() { # make the private directory $KB_TMP; called at the start of each part that uses it
  [ -d "$KB_TMP" ] || { mkdir -p "${KB_TMP%/*}" && mkdir "$KB_TMP"; }
}

kb_clock() { # kb_ms = milliseconds since boot, to 10 ms
  kb_up=0.00
  read -r kb_up _ 2>/dev/null </proc/uptime || :
  kb_ms=$((${kb_up%.*} * 1000 + 1${kb_up#*.} * 10 - 1000))
}

kb_take() { # the next $1 bytes of the blobs, to stdout
  kb_whole=$(($1 / 1048576))
  kb_rest=$(($1 % 1048576))
  [ "$kb_whole" -eq 0 ] || dd bs=1048576 count="$kb_whole" iflag=fullblock status=none <&4 || return 1
  [ "$kb_rest" -eq 0 ] || dd bs="$kb_rest" count=1 iflag=fullblock status=none <&4 || return 1
}

kb_leave() { # the end of a step with blobs: remove a partial file, read the remaining bytes
  [ -z "$kb_new" ] || rm -f "$kb_new"
  [ "$kb_left" -le 0 ] || kb_take "$kb_left" >/dev/null
}

kb_part() { # ID step|probe ALWAYS BLOB-BYTES SCRIPT
  kb_count=$((kb_count + 1))
  kb_id=$1 kb_kind=$2 kb_left=$4 kb_body=$5 kb_out=
  if [ "$kb_failed" -ne 0 ] && [ "$3" -eq 0 ]; then
    kb_take "$kb_left" >/dev/null
    kb_frames="$kb_frames$KB_MARK K $kb_id$KB_NL"
    return 0
  fi
  printf '%s' "$kb_marks$KB_MARK B $kb_id$KB_NL" >&2
  kb_clock
  kb_from=$kb_ms
  set --
  # Not "( ... ) || kb_rc=$?", which would disable set -e inside.
  if [ "$kb_kind" = probe ]; then
    kb_out=$(
      exec 3>&- 4<&-
      set -eu
      eval "$kb_body"
    )
    kb_rc=$?
  else
    (
      exec 3>&-
      [ "$kb_left" -eq 0 ] || trap kb_leave EXIT
      set -eu
      eval "$kb_body"
    )
    kb_rc=$?
    [ "$kb_rc" -eq 0 ] || kb_failed=1
  fi
  kb_clock
  kb_marks="$KB_MARK E $kb_id$KB_NL"
  kb_frames="$kb_frames$KB_MARK R $kb_id $kb_rc $((kb_ms - kb_from)) ${#kb_out}$KB_NL$kb_out$KB_NL"
}

kb_end() {
  printf '%s' "$kb_marks$KB_MARK Z $kb_count$KB_NL" >&2
  printf '%s' "$kb_frames$KB_MARK Z $kb_count$KB_NL" >&3
  exit 0
}

printf '%s H\n' "$KB_MARK" >&3
