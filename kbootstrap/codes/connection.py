"""KB2xx: a node cannot be reached, or refuses the login."""

from kbootstrap.errors import Code

UNREACHABLE = Code(
    "KB201",
    "the host does not answer",
    "Try `ssh -p PORT USER@HOST true` on the workstation; check address, port, firewall and that"
    " sshd runs, then run the same command again.",
)
KEY_UNKNOWN = Code(
    "KB202",
    "the host key is not known",
    "Compare the fingerprint with `ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub` on the"
    " host's console; if it is the same, put the key under ssh.host_keys in the inventory, run"
    " `ssh-keyscan -p PORT HOST >> ~/.ssh/known_hosts`, or use --accept-new-host-keys.",
)
KEY_CHANGED = Code(
    "KB203",
    "the host key differs from the known one",
    "No credentials were sent. If the host was reinstalled, remove the old key with"
    " `ssh-keygen -R HOST` (or from ssh.host_keys) and add the new one; if not, this may be an"
    " attack: see docs/security.md.",
)
LOGIN_REFUSED = Code(
    "KB204",
    "the host refuses the login",
    "Check user, key and ~/.ssh/authorized_keys on the host with `ssh -v -p PORT -i KEY"
    " USER@HOST true`. A refused login is not tried again, so that the account is not locked.",
)
SUDO_REFUSED = Code(
    "KB205",
    "sudo refuses the command, or requires a password",
    "Set ssh.become_password in the inventory, or allow `NOPASSWD: ALL` for this user; `sudo -l`"
    " on {node} shows what is allowed.",
)
SUDO_PASSWORD = Code(
    "KB206",
    "sudo does not accept the password",
    "Correct the secret of ssh.become_password. It was sent once; sudo was ended when it asked"
    " again.",
)
LOST = Code(
    "KB207",
    "the connection was lost while a script ran",
    "The script may still be running on {node}. Run the same command again: it attaches to the"
    " script or resumes after it.",
)
BAD_KEY = Code(
    "KB208",
    "the private key cannot be used",
    "Check ssh.key: it must be a readable private key; for one with a passphrase run `ssh-add"
    " KEY` first, or run the command in a terminal, which asks for it.",
)
NOT_A_SHELL = Code(
    "KB209",
    "the host does not answer like a POSIX shell",
    "Try `ssh USER@HOST sh -c true`: it must print nothing. Check {node} for a forced command, a"
    " restricted shell, a start-up file or session recorder that redirects stdin or stderr, or"
    " missing sh or dd.",
)
NO_COMMON_WAY = Code(
    "KB210",
    "the host's sshd has no algorithm in common with kbootstrap",
    "Update OpenSSH on {node}, or allow curve25519 or ecdh key exchange in its sshd_config.",
)
NO_FORWARD = Code(
    "KB211",
    "the host does not allow port forwarding",
    "Set `AllowTcpForwarding yes` (or local) in sshd_config of {node}, and check that the address"
    " named above can be reached from {node}.",
)
BLOB_CHANGED = Code(
    "KB212",
    "a file changed while it was being sent",
    "Stop what writes to it, then run the same command again.",
)
SECRET_MISSING = Code(
    "KB213",
    "a secret the inventory refers to cannot be found",
    "Set the variable, write the file, or run the command in a terminal, which asks for it.",
)
SESSION_REFUSED = Code(
    "KB214",
    "the host accepts the connection but refuses a session",
    "Try `ssh USER@HOST true`; raise MaxSessions in sshd_config of {node} (default 10), or wait"
    " until its load drops.",
)
SUDO_SILENT = Code(
    "KB215",
    "sudo does not ask for the password",
    "Run `sudo -S -k -p ASK -- true </dev/null` on {node}: it must print ASK. Check for"
    " `passprompt_override` in sudoers, a second factor, or a login shell that does not end.",
)
