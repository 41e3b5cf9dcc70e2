#!/bin/sh
# kb_detach: scripts that outlive the connection (kubeadm init, join, image pulls).
#
#   kb_detach NAME SECONDS <<script
#
# Directory $KB_STATE/run/NAME (0700): script, run_id, boot_id, token, pid, started, out, end, rc,
# runner, lock, start.
# The runner holds a flock on "lock" while it runs and is the only process that writes "rc". "end"
# is filled with blanks at the start, so that the status can be written to a full disk.
#   lock held                        the run is alive: attach to it, whatever its run_id is
#   lock free, same run_id           with rc: replay out, return rc; without: 98, or 97 after a reboot
#   lock free, other or no run_id    start: the directory's content is replaced
# A run is never started twice: starters wait for the lock "start"; a starter holds "lock" while it
# writes the directory; a runner exits unless it holds "lock" and finds the "token" of its own
# start; systemd refuses a second unit of the same name. The script runs under "sh -eu", umask 022
# and a clean environment; 99 means that it could not be started, 124 that SECONDS have passed.
# To run NAME again after it failed, use another run id.
#
# shellcheck disable=SC2153 # KB_* are assigned before this text, kb_* are its own

kb_boot() { # kb_booted = boot id and start of PID 1, since a container has its host's boot id
  kb_since 1
  read -r kb_booted </proc/sys/kernel/random/boot_id && kb_booted=$kb_booted.$kb_born
}

kb_since() { # kb_born = start time of process $1 in clock ticks; empty if it is gone or a zombie
  kb_born=
  read -r kb_process 2>/dev/null <"/proc/$1/stat" || return 0
  kb_ifs=$IFS
  IFS=' '
  # shellcheck disable=SC2086 # field 22, counted after the name, which may contain blanks
  set -- ${kb_process##*) }
  IFS=$kb_ifs
  [ "$1" = Z ] || kb_born=${20}
}

kb_alive() { # DIRECTORY: is the runner recorded in DIRECTORY/pid still the same process?
  read -r kb_pid kb_begin 2>/dev/null <"$1/pid" || return 1
  kb_since "$kb_pid"
  [ -n "$kb_born" ] && [ "$kb_born" = "$kb_begin" ]
}

kb_run_state() {
  kb_run=$KB_STATE/run/$1
  if [ ! -e "$kb_run/run_id" ]; then
    echo none
  elif read -r kb_rc 2>/dev/null <"$kb_run/rc"; then
    if [ "$kb_rc" -eq 0 ]; then echo ok; else echo failed; fi
  elif kb_alive "$kb_run"; then
    echo running
  else
    echo lost
  fi
}

# The detached process: $1 directory, $2 seconds, $3 token. Its lock is released when it ends or is
# killed; the script inherits the lock, so that the run is alive if only the runner was killed.
# shellcheck disable=SC2016
kb_runner='umask 077
cd / && exec 9>>"$1/lock" || exit 1
tries=50
until flock -n 9; do
  tries=$((tries - 1))
  [ "$tries" -gt 0 ] || exit 1
  sleep 0.1 2>/dev/null || sleep 1
done
read -r token <"$1/token"
[ "$token" = "$3" ] || exit 1
read -r line </proc/$$/stat
dir=$1 seconds=$2
set -- ${line##*) }
echo "$$ ${20}" >"$dir/pid"
echo "   " >"$dir/end"
exec >"$dir/out" 2>&1 </dev/null
read -r up idle </proc/uptime && echo "$up" >"$dir/started.new"
mv "$dir/started.new" "$dir/started"
umask 022
rc=0
env -i PATH="$PATH" HOME="${HOME:-/root}" LC_ALL=C \
  timeout -k 10 "$seconds" sh -eu "$dir/script" || rc=$?
umask 077
echo "$rc" 1<>"$dir/end" && mv "$dir/end" "$dir/rc"
flock -u 9'

kb_launch() { # NAME SECONDS DIRECTORY
  # From a file, since systemd would expand the dollars in an argument.
  printf '%s\n' "$kb_runner" >"$3/runner" || return 99
  if [ -d /run/systemd/system ] && [ -w /run/systemd/system ]; then
    systemd-run --unit="kbootstrap-$1" --description="kbootstrap $1" --collect --quiet \
      -p KillMode=mixed -p RuntimeMaxSec="$(($2 + 30))" -p Type=simple --setenv=PATH="$PATH" \
      sh "$3/runner" "$3" "$2" "$KB_ID" 4<&- 8>&-
  else
    setsid sh "$3/runner" "$3" "$2" "$KB_ID" </dev/null >/dev/null 2>&1 4<&- 8>&- &
  fi
}

kb_start() { # NAME SECONDS DIRECTORY, the script on stdin, both locks held
  rm -f "$3/run_id" "$3/rc" "$3/out" "$3/pid" "$3/started" "$3/end" && cat >"$3/script" &&
    echo "$kb_booted" >"$3/boot_id" && echo "$KB_ID" >"$3/token" && echo "$KB_RUN" >"$3/run_id" ||
    return 99
  exec 9>&-
  kb_launch "$@" || return 99
  kb_tries=200
  until [ -e "$3/started" ]; do
    kb_tries=$((kb_tries - 1))
    [ "$kb_tries" -gt 0 ] || kb_fail "the runner of $1 did not start" || return 99
    kb_nap 0.05
  done
}

kb_nap() {
  sleep "$1" 2>/dev/null || sleep 1
}

kb_detach() {
  exec 6<&-
  case $1 in
  '' | *[!A-Za-z0-9._-]* | .*) kb_fail "not a name for a run: $1" || return 99 ;;
  esac
  kb_run=$KB_STATE/run/$1
  [ -d "$kb_run" ] || mkdir -p "$kb_run" || return 99
  kb_boot || return 99
  kb_seen=0
  exec 8>>"$kb_run/start"
  flock 8 || return 99
  exec 9>>"$kb_run/lock"
  if kb_claim "$kb_run"; then
    kb_idle "$@" "$kb_run" || return
  fi
  exec 9>&-
  kb_attach "$1" "$2" "$kb_run"
}

kb_reattach() { # NAME: follow a running run, or replay one that has ended; never starts it
  kb_run=$KB_STATE/run/$1
  [ -e "$kb_run/started" ] || return 98
  kb_boot || return 99
  kb_seen=0
  kb_attach "$1" 0 "$kb_run"
}

kb_claim() { # DIRECTORY: take its lock (fd 9); false while a run is under way
  kb_tries=100
  until flock -n 9; do # a runner that has written its status is about to release the lock
    [ -e "$1/rc" ] && [ "$kb_tries" -gt 0 ] || return 1
    kb_tries=$((kb_tries - 1))
    kb_nap 0.05
  done
}

kb_idle() { # NAME SECONDS DIRECTORY: not running; start it unless this run id has started it before
  kb_mine=
  read -r kb_mine 2>/dev/null <"$3/run_id" || :
  if [ "$kb_mine" != "$KB_RUN" ] || [ ! -e "$3/started" ]; then
    kb_start "$@"
  fi
}

kb_offset() { # NAME DIRECTORY: kb_seen = bytes of this run's output that were already sent
  case " $KB_SEEN" in
  *" $1="*) ;;
  *) return 0 ;;
  esac
  read -r kb_mine 2>/dev/null <"$2/run_id" && [ "$kb_mine" = "$KB_RUN" ] || return 0
  kb_seen=${KB_SEEN##*"$1="}
  kb_seen=${kb_seen%% *}
  kb_size=$(wc -c <"$2/out")
  [ "$kb_size" -ge "$kb_seen" ] || kb_seen=0
}

kb_attach() { # NAME SECONDS DIRECTORY: stream its output until it ends, return its status
  exec 8>&-
  kb_offset "$1" "$3"
  printf '%s A %s %s\n' "$KB_MARK" "$1" "$kb_seen" >&2
  exec 7<"$3/out"
  # Not tail: that of uutils reopens the file and would print the output twice.
  [ "$kb_seen" -eq 0 ] || (exec 4<&7 && kb_take "$kb_seen") >/dev/null
  kb_follow "$3"
  cat <&7
  exec 7<&-
  printf '%s D %s\n' "$KB_MARK" "$1" >&2
  if read -r kb_rc 2>/dev/null <"$3/rc"; then
    [ "$kb_rc" -eq 0 ] || kb_room "$3"
    return "$kb_rc"
  fi
  kb_boot
  read -r kb_line <"$3/boot_id"
  [ "$kb_line" = "$kb_booted" ] || return 97
  return 98
}

kb_room() { # DIRECTORY: report a full disk, which a failed command could not write to its output
  (echo . >"$1/room") 2>/dev/null || echo "No space left on device: $1"
  rm -f "$1/room"
}

kb_follow() { # DIRECTORY: copy its output until there is an rc, or no process that could write one
  kb_ticks=0
  kb_pause=0.05
  while [ ! -e "$1/rc" ]; do
    cat <&7
    if ! kb_alive "$1" && (exec 9>>"$1/lock" && flock -n 9); then
      return 0
    fi
    kb_ticks=$((kb_ticks + 1))
    case $kb_ticks in
    4) kb_pause=0.1 ;;
    30) kb_pause=0.2 ;;
    esac
    # A regular sign of life, which also ends this loop if the connection is closed.
    [ $((kb_ticks % 25)) -ne 0 ] || printf '%s W\n' "$KB_MARK" >&2
    kb_nap "$kb_pause"
  done
}
