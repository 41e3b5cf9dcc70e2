"""How to log in to one host; part of the `kbootstrap.model.cluster` that an inventory describes."""

from dataclasses import dataclass

from kbootstrap.secret import SecretRef

ROOT, SSH_PORT = "root", 22
NOT_IN_INVENTORY = frozenset({"host_key_alias", "known_hosts"})  # only ~/.ssh/config has them


@dataclass(frozen=True, slots=True, kw_only=True)
class SshTarget:
    """How to log in to one host."""

    host: str
    port: int = SSH_PORT
    user: str = ROOT
    key_file: str | None = None  # path of a private key; None: the agent, then default keys
    password: SecretRef | None = None
    become: bool = False  # run scripts through sudo
    become_password: SecretRef | None = None
    jump: "SshTarget | None" = None
    host_keys: tuple[str, ...] = ()  # "ssh-ed25519 AAAA..." lines; empty: use known_hosts
    host_cas: tuple[str, ...] = ()  # the same, of authorities of host certificates
    host_key_alias: str = ""  # the name by which known_hosts and certificates know it
    known_hosts: tuple[str, ...] = ()  # files instead of ~/.ssh/known_hosts
    identity_files: tuple[str, ...] = ()  # private keys that may be missing, of ~/.ssh/config
    identities_only: bool = False  # offer no others
    left_open: frozenset[str] = frozenset()  # keys of `ssh` that ~/.ssh/config may fill in
