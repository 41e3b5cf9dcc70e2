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
    " host's console; if it is the same, put the key under ssh.host_keys in the inventory (or the"
    " authority of its host certificate under ssh.host_ca), run"
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
    " USER@HOST true`. A host allows few keys per login: name the right one with ssh.key or with"
    " IdentityFile in ~/.ssh/config. A refused login is not tried again, so that the account is not"
    " locked.",
)
SUDO_REFUSED = Code(
    "KB205",
    "sudo does not allow the command, or requires a password",
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
    " restricted shell, a start-up file or session recorder that redirects stdin or stderr,"
    " NOEXEC in sudoers, or missing sh or dd.",
)
NO_COMMON_WAY = Code(
    "KB210",
    "the host's sshd has no algorithm in common with kbootstrap",
    "Update OpenSSH on {node}, or allow in its sshd_config a key exchange with curve25519 or ecdh,"
    " ciphers aes-ctr or aes-gcm, MACs with SHA-2 and a host key that is not ssh-rsa with SHA-1:"
    " older algorithms are not used.",
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
TOO_SLOW = Code(
    "KB216",
    "the host answers too slowly, or without end",
    "Try `time ssh -p PORT USER@HOST true` on the workstation. If it is slow, too, look at the"
    " load, the disk and the name service of {node}; if something else than sshd listens on the"
    " port, correct the port. The other nodes are not affected; run the same command again.",
)
SUDO_MISSING = Code(
    "KB217",
    "sudo is not installed on the node",
    "Install sudo on {node}, or log in as root (ssh.user). doas is not supported.",
)
SUDO_TTY = Code(
    "KB218",
    "sudo requires a terminal",
    "Exempt the login in sudoers on {node} with `visudo`: `Defaults:USER !requiretty`. kbootstrap"
    " uses no terminal.",
)
PASSWORD_EXPIRED = Code(
    "KB219",
    "the password of the login has expired",
    "Log in to {node} with `ssh -t USER@HOST` and set a new password, or exempt the login with"
    " `chage --maxdays -1 USER`; the server refuses commands until then, also with a key.",
)
SSH_CONFIG = Code(
    "KB220",
    "~/.ssh/config cannot be used",
    "Correct the line or the permissions; `ssh -G HOST` reads the same file. Or set `ssh.config:"
    " false` in the inventory, which then says all.",
)
