#!/bin/sh
# Stage 0: the constant text of every session, sent as  sh -c '<this, on one line>'.
#
# It may pass through any login shell (bash, fish, csh) inside single quotes, so it contains no
# single quote, exclamation mark, double backslash or significant newline: kbootstrap removes the
# comments and joins the lines with blanks (kbootstrap/remote/shell_library.py, tested).
# It reads "KB1 <nonce> <size>" from stdin, then <size> bytes of script. The script must end with
# the nonce, so that a truncated text is never run. dd reads exactly <size> bytes; head may not.
# Then it waits for the next request. Each runs in a subshell, without variables of the last one.
# Not "( ... ) ||", which would disable set -e in the parts.
umask 077;
unset ENV BASH_ENV CDPATH;
LC_ALL=C;
export LC_ALL;
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/opt/bin;
export PATH;
printf "\036KB1 ready\n";
kb_status=120;
while read -r kb_magic kb_nonce kb_size; do
[ "$kb_magic" = KB1 ] || exit 121;
kb_text=$(dd bs="$kb_size" count=1 iflag=fullblock 2>/dev/null);
case $kb_text in
*"KBEND $kb_nonce") ;;
*) exit 122 ;;
esac;
(eval "$kb_text");
kb_status=$?;
kb_text=;
[ "$kb_status" -eq 0 ] || break;
done;
exit "$kb_status";
