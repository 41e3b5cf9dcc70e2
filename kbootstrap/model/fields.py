"""Field types of the inventory: a validator, and its JSON Schema for editors."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, WithJsonSchema

from kbootstrap import codes
from kbootstrap.model import placeholders
from kbootstrap.model.validators import names, net, values
from kbootstrap.model.validators.base import bad


def _text(pattern: str = "", **more: Any) -> WithJsonSchema:
    shape = {"pattern": f"^(?:{pattern})$"} if pattern else {}
    return WithJsonSchema({"type": "string", **shape, **more})


def _one_or_more(value: Any) -> Any:
    return (value,) if isinstance(value, str) else value


def _split(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    return tuple(part.strip() for part in value.split(","))


def _argument_values(value: Any) -> Any:
    if value is None or isinstance(value, str | tuple):
        return _one_or_more(value)
    shown = str(value).lower() if isinstance(value, bool) else str(value)
    message = "the value of an argument must be text"
    allowed = "text, or a list of text" if isinstance(value, dict) else f'"{shown}" in quotes'
    raise bad(codes.INV_TYPE, message, allowed=allowed)


def _not_empty(value: tuple[str, ...]) -> tuple[str, ...]:
    if not value:
        raise bad(codes.INV_VALUE, "the list is empty", allowed="one value or more")
    return value


def _roles(value: Any) -> Any:
    return ("control-plane", "worker") if value == "both" else _one_or_more(value)


def _listed(item: dict[str, Any]) -> WithJsonSchema:
    array = {"type": "array", "items": item, "minItems": 1}
    return WithJsonSchema({"anyOf": [item, array]})


_STRING = {"type": "string"}
_DURATION = r"([0-9]+h)?([0-9]+m)?([0-9]+s)?"

Address = Annotated[str, AfterValidator(net.address), _text(examples=["192.0.2.10"])]
CaHash = Annotated[str, AfterValidator(values.ca_hash), _text("sha256:[0-9a-f]{64}")]
Host = Annotated[str, AfterValidator(net.host), _text(examples=["node1.example.org"])]
Endpoint = Annotated[str, AfterValidator(net.endpoint), _text(r".+:[0-9]+")]
CertSan = Annotated[str, AfterValidator(net.cert_san), _text()]
HttpUrl = Annotated[str, AfterValidator(net.url("https", "http")), _text("https?://.+")]
ArchiveUrl = Annotated[
    str,
    AfterValidator(net.url("https", "http", known=placeholders.IN_URLS)),
    _text("https?://.+"),
]
EtcdUrl = Annotated[str, AfterValidator(net.url_with_port), _text("https://.+:[0-9]+")]
RegistryHost = Annotated[str, AfterValidator(net.registry_host), _text()]
Cidr = Annotated[str, AfterValidator(net.cidr)]
Cidrs = Annotated[
    tuple[Cidr, ...], BeforeValidator(_split), AfterValidator(_not_empty), _listed(_STRING)
]
Port = Annotated[int, AfterValidator(net.port), WithJsonSchema({"type": "integer"})]

Name = Annotated[str, AfterValidator(names.name), _text(names.SUBDOMAIN, maxLength=names.MAX_NAME)]
GroupName = Annotated[str, AfterValidator(names.group_name), _text()]
DnsDomain = Annotated[str, AfterValidator(names.dns_domain), _text(names.SUBDOMAIN)]
LabelKey = Annotated[str, AfterValidator(names.label_key)]
LabelValue = Annotated[str, AfterValidator(names.label_value)]
TaintKey = Annotated[str, AfterValidator(names.taint_key)]
ArgumentName = Annotated[str, AfterValidator(names.argument)]
EnvName = Annotated[str, AfterValidator(names.env_name), _text("[A-Za-z_][A-Za-z0-9_]*")]
ArgumentValues = Annotated[
    tuple[str, ...], BeforeValidator(_argument_values), AfterValidator(_not_empty), _listed(_STRING)
]
Labels = dict[LabelKey, LabelValue | None]
TaintValue = Annotated[str, AfterValidator(names.taint_value)]
RoleWord = Literal["control-plane", "worker"]
Roles = Annotated[
    tuple[RoleWord, ...],
    BeforeValidator(_roles),
    AfterValidator(_not_empty),
    _listed({"type": "string", "enum": ["control-plane", "worker"]}),
]
ArgumentMap = dict[ArgumentName, str | None]
Free = dict[str, Any]
Arguments = dict[ArgumentName, ArgumentValues]

KubernetesVersion = Annotated[
    str,
    BeforeValidator(values.version_input),
    AfterValidator(values.version),
    _text(r"v1\.[0-9]+\.[0-9]+.*", examples=["v1.34.2"]),
]
Duration = Annotated[
    str,
    BeforeValidator(values.with_unit),
    AfterValidator(values.duration),
    _text(_DURATION, examples=["4m", "90s"]),
]
ImageRepository = Annotated[str, AfterValidator(values.image_repository), _text()]
Image = Annotated[str, AfterValidator(values.image), _text()]
ImageTag = Annotated[str, AfterValidator(values.image_tag), _text()]
NodePath = Annotated[str, AfterValidator(values.node_path), _text("/.+")]
BinaryDirectory = Annotated[str, AfterValidator(values.binary_directory), _text("/.+")]
OperatorPath = Annotated[str, AfterValidator(values.operator_path), _text()]
SourceDirectory = Annotated[str, AfterValidator(values.source_directory), _text()]
Sha256 = Annotated[str, AfterValidator(values.sha256), _text("[0-9a-f]{64}")]
Sums = dict[HttpUrl, Sha256]
Manifest = Annotated[str, AfterValidator(values.manifest), _text()]
Line = Annotated[str, AfterValidator(values.line), _text()]
Mode = Annotated[str, AfterValidator(values.mode), _text("0[0-7]{3}")]
Owner = Annotated[str, AfterValidator(values.owner), _text()]
HostKey = Annotated[str, AfterValidator(values.host_key), _text("(ssh|ecdsa)-.+")]
