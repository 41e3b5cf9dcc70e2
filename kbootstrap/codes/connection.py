"""KB2xx: a node cannot be reached, or refuses the login."""

from kbootstrap.errors import Code

UNREACHABLE = Code(
    "KB201",
    "the host does not answer",
    "Try `ssh -p PORT USER@HOST true` from here; check address, port, firewall and that sshd"
    " runs, then run the same command again.",
)
KEY_UNKNOWN = Code(
    "KB202",
    "the host's key is not known",
    "Compare the fingerprint with `ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub` on the"
    " host's console; if it is the same, put the key under ssh.host_keys in the inventory, run"
    " `ssh-keyscan -p PORT HOST >> ~/.ssh/known_hosts`, or use --accept-new-host-keys.",
)
KEY_CHANGED = Code(
    "KB203",
    "the host's key is not the one we know",
    "Nothing was sent to it; if the machine was reinstalled, remove the old key with"
    " `ssh-keygen -R HOST` (or from ssh.host_keys) and add the new one; if not, somebody"
    " answers in its place.",
)
LOGIN_REFUSED = Code(
    "KB204",
    "the host refuses the login",
    "Check user, key and ~/.ssh/authorized_keys on the host with `ssh -v -p PORT -i KEY"
    " USER@HOST true`; one refused login stops a host, so nothing gets locked.",
)
SUDO_REFUSED = Code(
    "KB205",
    "sudo refuses, or wants a password",
    "Give ssh.become_password in the inventory, or allow `NOPASSWD: ALL` for this user; see"
    " with `sudo -l` on {node}.",
)
SUDO_PASSWORD = Code(
    "KB206",
    "sudo does not accept the password",
    "Correct what ssh.become_password refers to; it was sent once, and sudo was ended when it"
    " asked again.",
)
LOST = Code(
    "KB207",
    "the connection was lost while a script ran",
    "What ran on {node} may still be running; run the same command again: it attaches to it"
    " or goes on after it.",
)
BAD_KEY = Code(
    "KB208",
    "the private key cannot be used",
    "Check ssh.key: it must be a readable private key; for one with a passphrase run `ssh-add"
    " KEY` first, or work at a terminal to be asked.",
)
NOT_A_SHELL = Code(
    "KB209",
    "the host does not answer like a POSIX shell",
    "Try `ssh USER@HOST sh -c true`: it must end silently; look for a forced command, a"
    " restricted shell, a start-up file or session recorder that redirects stdin or stderr, or"
    " missing sh or dd on {node}.",
)
NO_COMMON_WAY = Code(
    "KB210",
    "the host's sshd and we have no algorithm in common",
    "Update OpenSSH on {node}, or allow curve25519 or ecdh key exchange in its sshd_config.",
)
NO_FORWARD = Code(
    "KB211",
    "the host does not forward connections",
    "Set `AllowTcpForwarding yes` (or local) in sshd_config of {node}, and see that the address"
    " behind it answers from there.",
)
BLOB_CHANGED = Code(
    "KB212",
    "a file changed while it was being sent",
    "See that nothing writes to it, then run the same command again.",
)
SECRET_MISSING = Code(
    "KB213",
    "a secret the inventory refers to cannot be found",
    "Set the variable, write the file, or run at a terminal where it can be asked for.",
)
SESSION_REFUSED = Code(
    "KB214",
    "the host takes our connection but no command",
    "See with `ssh USER@HOST true`; raise MaxSessions in sshd_config of {node} (10 is usual), or"
    " let the machine come to rest.",
)
SUDO_SILENT = Code(
    "KB215",
    "sudo does not ask for the password as it was told to",
    "Run `sudo -S -k -p ASK -- true </dev/null` on {node}: it must print ASK; look for"
    " `passprompt_override` in sudoers, a second factor, or a login shell that does not end.",
)
