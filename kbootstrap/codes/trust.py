"""KB5xx: a hash, certificate or checksum does not match."""

from kbootstrap.errors import Code

CA_MISMATCH = Code(
    "KB501",
    "the API serves another CA than the control plane holds",
    "Somebody may stand between: compare `openssl x509 -in /etc/kubernetes/pki/ca.crt -noout "
    "-fingerprint -sha256` on the control planes with the cluster-info ConfigMap before going on.",
)
CHECKSUM = Code(
    "KB502",
    "a file does not have its published checksum",
    "Do not use it; check the mirror behind `programs.base_url`, then run the same command again.",
)
