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
    "a file does not have its published checksum",
    "Do not use it; check the mirror behind `programs.base_url`, then run the same command again.",
)
