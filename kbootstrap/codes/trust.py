"""KB5xx: a hash, certificate or checksum does not match."""

from kbootstrap.errors import Code

CA_MISMATCH = Code(
    "KB501",
    "the API serves another CA than that of the control plane",
    "This may be an attack: compare `openssl x509 -in /etc/kubernetes/pki/ca.crt -noout "
    "-fingerprint -sha256` on the control planes with the ConfigMap cluster-info first.",
)
CHECKSUM = Code(
    "KB502",
    "a file does not have its published or pinned checksum",
    "Do not use it; check the mirror behind `programs.base_url`, then run the same command again.",
)
LOGIN_MISMATCH = Code(
    "KB503",
    "the admin kubeconfig of a control plane does not belong to its cluster",
    "No kubeconfig was written. Find out who changed the file on {node}, then move it away and "
    "recreate it there: `kubeadm init phase kubeconfig admin`.",
)
PIN_DIFFERS = Code(
    "KB510",
    "a download is not what was pinned",
    "Find out why the file at this URL changed: releases do not. If the new one is right, run "
    "`kbootstrap pin`, review what it changed, then run the same command again. See "
    "docs/programs.md.",
)
NOT_PINNED = Code(
    "KB511",
    "a download is not pinned",
    "Run `kbootstrap pin` (before an upgrade `kbootstrap pin --to VERSION`), review what it added, "
    "then run the same command again. See docs/programs.md.",
)
REDIRECT_DOWN = Code(
    "KB512",
    "a download is redirected from https to something else",
    "Do not use that site: anyone on the way could change the file. Name the https URL of the file "
    "itself in the inventory, or another mirror; then run the same command again.",
)
UNSIGNED = Code(
    "KB513",
    "the signature of a release binary is not verified",
    "Read cosign's output above. If it refuses the signature, do not use the binary. If cosign "
    "cannot work, such as without the internet, `kbootstrap pin --no-signatures` leaves it out.",
)
