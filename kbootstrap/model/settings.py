"""Settings of a node, which may be written in `defaults`, in a group and at the node.

Later layers win: defaults, then the node's groups in their order, then the node
(`kbootstrap.model.merge`).
"""

from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, GetJsonSchemaHandler, model_validator
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from kbootstrap import codes
from kbootstrap.model import fields as f
from kbootstrap.model.validators import names
from kbootstrap.model.validators.base import bad


class Strict(BaseModel):
    """Base of all inventory models: no unknown keys, no conversions, frozen."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Layer(Strict):
    """A mapping that merges key by key; ``null`` removes an inherited value."""


class SecretAt(Strict):
    """Where a secret is stored; exactly one of the keys."""

    env: f.EnvName | None = Field(default=None, description="name of an environment variable")
    file: f.OperatorPath | None = Field(
        default=None, description="a local file that holds only the secret"
    )
    prompt: f.Line | None = Field(default=None, description="ask for it with this prompt")

    @model_validator(mode="before")
    @classmethod
    def _no_value(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            message = "a secret must not be written into the inventory"
            allowed = "{env: NAME}, {file: PATH} or {prompt: TEXT}"
            raise bad(codes.INV_SECRET, message, allowed=allowed)
        return data

    @model_validator(mode="after")
    def _one(self) -> Self:
        if sum(value is not None for value in (self.env, self.file, self.prompt)) != 1:
            message = "a secret has exactly one source"
            raise bad(codes.INV_SECRET, message, allowed="one of env, file and prompt")
        return self


class Jump(Layer):
    """A jump host; nodes that name the same one share its connection."""

    host: f.Host | None = Field(default=None, description="its address or DNS name")
    port: f.Port | None = Field(default=None, description="its SSH port; default 22")
    user: f.Line | None = Field(default=None, description="the login there; default: the node's")
    key: f.OperatorPath | None = Field(
        default=None, description="private key file; default: the node's"
    )
    password: SecretAt | None = Field(
        default=None, description="where its login password is stored"
    )
    host_keys: tuple[f.HostKey, ...] | None = Field(
        default=None, description="its public host keys; default: those of known_hosts"
    )
    host_ca: tuple[f.HostKey, ...] | None = Field(
        default=None, description="public keys of the authorities of its host certificate"
    )


class Ssh(Layer):
    """How to log in."""

    host: f.Host | None = Field(
        default=None,
        description="where to connect to, an address or DNS name; default: the address",
    )
    port: f.Port | None = Field(default=None, description="SSH port; default 22")
    user: f.Line | None = Field(default=None, description="login name; default root")
    key: f.OperatorPath | None = Field(
        default=None,
        description="local private key file, ~ allowed; default: agent, then the usual keys",
    )
    password: SecretAt | None = Field(
        default=None, description="where the login password is stored"
    )
    host_keys: tuple[f.HostKey, ...] | None = Field(
        default=None,
        description="the node's public host keys, type and key; default: those of known_hosts",
    )
    host_ca: tuple[f.HostKey, ...] | None = Field(
        default=None,
        description="public keys of the authorities of its host certificate, as @cert-authority"
        " in known_hosts",
    )
    become: bool | None = Field(
        default=None, description="run as root through sudo; default: true unless the user is root"
    )
    become_password: SecretAt | None = Field(
        default=None, description="where sudo's password is stored; default: sudo asks for none"
    )
    jump: Jump | None = Field(default=None, description="a jump host")
    config: bool | None = Field(
        default=None,
        description="fill in what is not written here from ~/.ssh/config, for the node's name, then"
        " its address; default: true",
    )


class TaintSection(Strict):
    """A taint: text ``key=value:Effect``, or these keys."""

    key: f.TaintKey = Field(description="[prefix/]name")
    value: f.TaintValue = Field(default="", description="may be empty")
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] = Field(
        description="what happens to pods that do not tolerate it"
    )

    @model_validator(mode="before")
    @classmethod
    def _from_text(cls, data: Any) -> Any:
        return names.split_taint(data) if isinstance(data, str) else data

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        mapping = handler.resolve_ref_schema(handler(core_schema))
        return {
            "anyOf": [{"type": "string", "pattern": f"^.+:({'|'.join(names.EFFECTS)})$"}, mapping]
        }


class Settings(Layer):
    """Settings of a node, in `defaults`, `groups` and `nodes`."""

    ssh: Ssh | None = Field(default=None, description="how to log in")
    role: Literal["control-plane", "worker", "both"] | None = Field(
        default=None, description="what the node is for; both: a control plane that runs workloads"
    )
    roles: f.Roles | None = Field(
        default=None, description="the same as a list; use one of the two"
    )
    labels: f.Labels | None = Field(
        default=None,
        description="node labels, set through the API; null removes an inherited one",
    )
    taints: tuple[TaintSection, ...] | None = Field(
        default=None,
        description="node taints; default: kubeadm's (control planes that are not workers get"
        " node-role.kubernetes.io/control-plane:NoSchedule); [] means none",
    )
    kubelet_args: f.ArgumentMap | None = Field(
        default=None, description="command-line arguments of the kubelet, without leading dashes"
    )
    ignore_preflight: tuple[str, ...] | None = Field(
        default=None,
        description="preflight checks of kubeadm to ignore on this node, by exact name",
    )


class NodeEntry(Settings):
    """One node."""

    name: f.Name = Field(description="the Node's name; RFC 1123, unique")
    address: f.Address = Field(description="the IP address by which other nodes reach it")
    advertise_address: f.Address | None = Field(
        default=None,
        description="the IP address that the API server, etcd and kubelet advertise"
        "; default: the address",
    )
    second_address: f.Address | None = Field(
        default=None,
        description="its IP address of the other family in a dual-stack cluster; the kubelet "
        "advertises both",
    )
    groups: tuple[str, ...] = Field(default=(), description="groups it belongs to; later ones win")
