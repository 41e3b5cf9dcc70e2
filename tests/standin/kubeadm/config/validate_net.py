"""The checks of .networking."""

from __future__ import annotations

from typing import Any

from . import net

Config = dict[str, Any]
Errors = list[str]
_FAMILIES = (
    "expected one (IPv4 or IPv6) CIDR or two CIDRs from each family for dual-stack networking"
)


def _invalid(path: str, value: str, text: str) -> str:
    return f'networking.{path}: Invalid value: "{value}": {text}'


def networking(cluster: Config) -> Errors:
    values = cluster["networking"]
    domain, services, pods = values["dnsDomain"], values["serviceSubnet"], values.get("podSubnet")
    errors = [_invalid("dnsDomain", domain, e) for e in net.subdomain_errors(domain)]
    if services:
        errors += subnet(services, 10, "serviceSubnet")
        errors += _service_size(services)
    if pods:
        errors += subnet(pods, 14, "podSubnet")
        if _arg(cluster, "allocate-node-cidrs") != "false":
            errors += _node_mask(pods, cluster)
    return errors


def _parse(text: str) -> list[net.Network]:
    try:
        return net.cidrs(text) if all("/" in part for part in text.split(",")) else []
    except ValueError:
        return []


def subnet(text: str, minimum: int, path: str) -> Errors:
    networks = _parse(text)
    if not networks:
        return [_invalid(path, text, "couldn't parse subnet")]
    errors: Errors = []
    one_family = len(networks) == 2 and networks[0].version == networks[1].version
    if len(networks) > 2 or one_family:
        errors.append(_invalid(path, text, _FAMILIES))
    for network in networks:
        if network.num_addresses < minimum:
            size = f"subnet with {network.num_addresses} address(es) is too small"
            errors.append(_invalid(path, str(network), f"{size}, the minimum is {minimum}"))
    return errors


def _service_size(text: str) -> Errors:
    errors = []
    for network in _parse(text):
        bits = network.max_prefixlen
        if bits - network.prefixlen > 20:
            why = f"for {bits}-bit addresses, the mask must be >= {bits - 20}"
            text = f"specified service subnet is too large; {why}"
            errors.append(_invalid("serviceSubnet", str(network), text))
    return errors


def _arg(cluster: Config, name: str) -> str:
    args = cluster["controllerManager"].get("extraArgs") or []
    return str(next((a.get("value") for a in reversed(args) if a.get("name") == name), ""))


def _node_mask(text: str, cluster: Config) -> Errors:
    errors = []
    for network in _parse(text):
        given = _arg(cluster, f"node-cidr-mask-size-ipv{network.version}")
        node = int(given) if given.isdigit() else (24 if network.version == 4 else 64)
        mask = network.prefixlen
        if mask > node:
            why = (
                f"the size of pod subnet with mask {mask} is smaller than the size of node"
                f" subnet with mask {node}"
            )
            errors.append(_invalid("podSubnet", str(network), why))
        elif node - mask > 16:
            why = f"pod subnet mask ({mask}) and node-mask ({node}) difference is greater than 16"
            errors.append(_invalid("podSubnet", str(network), why))
    return errors
