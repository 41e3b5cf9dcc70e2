"""The operator's private keys, from files and from the agent, as paramiko's key objects.

A key file is parsed once per run, since decrypting one takes 100 ms. The agent's keys are listed
once, and it signs for one thread at a time, since its socket carries one request at a time.
"""

import base64
import binascii
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

import paramiko

from kbootstrap import codes
from kbootstrap.errors import InventoryError, LoginError
from kbootstrap.model.ssh_target import SshTarget
from kbootstrap.remote.secret_source import SecretSource
from kbootstrap.secret import SecretRef

MOST_KEYS = 5  # offered: sshd allows six tries per connection (MaxAuthTries)
_DEFAULTS = ("id_ed25519", "id_ecdsa", "id_rsa")
_KINDS = (paramiko.Ed25519Key, paramiko.ECDSAKey, paramiko.RSAKey)


class Keyring:
    """The keys of files and of the agent."""

    def __init__(self, secrets: SecretSource) -> None:
        self._secrets = secrets
        self._lock = threading.Lock()
        self._files: dict[str, Any] = {}
        self._agent_client: Any = None
        self._agent_keys: tuple[Any, ...] | None = None
        self._default_keys: tuple[Any, ...] | None = None
        self.agent_lock = threading.Lock()

    def keys(self, target: SshTarget) -> tuple[Any, ...]:
        """The keys to offer, the named ones first, since a host allows few tries.

        Those are the key of the inventory alone, or those of ~/.ssh/config or the usual files, and
        then others of the agent. None if a password is configured and no key.
        """
        with self._lock:
            if target.key_file is not None:
                return (self._given(target.key_file),)
            if target.password is not None:
                return ()
            named = tuple(map(self._unless_missing, target.identity_files)) or self._defaults()
            others = () if target.identities_only else self._agent()
            return _distinct((*named, *others))

    def close(self) -> None:
        """Close the connection to the agent."""
        with self._lock:
            if self._agent_client is not None:
                self._agent_client.close()

    def _unless_missing(self, name: str) -> Any:
        return self._given(name) if Path(name).exists() else None

    def _given(self, name: str) -> Any:
        if name not in self._files:
            self._files[name] = self._load(Path(name).expanduser())
        return self._files[name]

    def _load(self, path: Path) -> Any:
        try:
            return _parse(path, None)
        except paramiko.PasswordRequiredException:
            pass
        public = _public_blob(path)
        for key in self._agent():
            if key.asbytes() == public:
                return key
        try:
            phrase = self._secrets.resolve(SecretRef("prompt", f"passphrase of {path}"))
        except InventoryError as error:
            raise LoginError(
                codes.BAD_KEY, f"{path} has a passphrase, and {error.message}"
            ) from error
        return _parse(path, phrase.reveal())

    def _agent(self) -> tuple[Any, ...]:
        if self._agent_keys is None:
            keys: tuple[Any, ...] = ()
            with suppress(paramiko.SSHException, OSError):  # a stale socket counts as no agent
                self._agent_client = paramiko.Agent()
                keys = self._agent_client.get_keys()
            self._agent_keys = tuple(_AgentKey(key, self.agent_lock) for key in keys)
        return self._agent_keys

    def _defaults(self) -> tuple[Any, ...]:
        if self._default_keys is None:
            found = []
            for name in _DEFAULTS:
                path = Path.home() / ".ssh" / name
                # These files are not configured, so an encrypted or unusable one is skipped.
                with suppress(LoginError, paramiko.PasswordRequiredException):
                    found += [_parse(path, None)] if path.is_file() else []
            self._default_keys = tuple(found)
        return self._default_keys


def _distinct(keys: tuple[Any, ...]) -> tuple[Any, ...]:
    """Each key once; None stands for a file that is missing."""
    return tuple({key.asbytes(): key for key in reversed(keys) if key is not None}.values())[::-1]


class _AgentKey:
    """An agent's key that signs for one thread at a time."""

    def __init__(self, key: Any, lock: threading.Lock) -> None:
        self._key = key
        self._lock = lock

    def sign_ssh_data(self, data: bytes, algorithm: str | None = None) -> Any:
        with self._lock:
            return self._key.sign_ssh_data(data, algorithm)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._key, name)


def _parse(path: Path, phrase: str | None) -> Any:
    """Load a private key of any type, with the certificate beside it if there is one.

    Raises:
        LoginError: it cannot be used (KB208).
        paramiko.PasswordRequiredException: it has a passphrase, and none was given.

    """
    why = "not a supported private key"
    for kind in _KINDS:
        try:
            key = kind.from_private_key_file(str(path), phrase)
            certificate = path.with_name(f"{path.name}-cert.pub")
            if certificate.is_file():
                key.load_certificate(str(certificate))
        except paramiko.PasswordRequiredException:
            raise
        except (paramiko.SSHException, ValueError) as error:
            why = str(error)
        except OSError as error:
            raise LoginError(
                codes.BAD_KEY, f"cannot read the key {path}: {error.strerror}"
            ) from error
        else:
            return key
    wrong = "the passphrase is wrong, or it is" if phrase else "it is"
    raise LoginError(codes.BAD_KEY, f"cannot use the key {path}: {wrong} {why}")


def _public_blob(path: Path) -> bytes:
    try:
        fields = path.with_name(f"{path.name}.pub").read_text(encoding="utf-8").split()
        return base64.b64decode(fields[1], validate=True)
    except (OSError, UnicodeDecodeError, IndexError, binascii.Error):
        return b""
