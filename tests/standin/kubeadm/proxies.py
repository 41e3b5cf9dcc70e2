"""Checks that look at proxies of the environment and at an external etcd."""

from __future__ import annotations

import ipaddress
import json
import time
from pathlib import Path
from typing import Any
from urllib.request import getproxies, proxy_bypass

from tests.standin.common import http, tls

from .config import net

Found = tuple[list[str], list[str]]


def _proxy(host: str) -> str:
    proxy = getproxies().get("https", "")
    no_proxy = getproxies().get("no", "")
    for entry in no_proxy.split(","):
        try:
            if net.is_ip(host) and ipaddress.ip_address(host) in ipaddress.ip_network(
                entry.strip()
            ):
                return ""
        except ValueError:
            continue
    loopback = net.is_ip(host) and ipaddress.ip_address(host).is_loopback
    return "" if not proxy or loopback or proxy_bypass(host) else proxy


def address(host: str) -> Found:
    proxy = _proxy(host)
    text = (
        f'Connection to "https://{host}" uses proxy "{proxy}". If that is not intended, adjust your'
        " proxy settings"
    )
    return ([text] if proxy else []), []


def cidr(text: str) -> Found:
    """An empty CIDR is fine."""
    if not text:
        return [], []
    proxy = _proxy(str(net.cidrs(text)[0][1]))
    message = (
        f'connection to "{text}" uses proxy "{proxy}". This may lead to malfunctional cluster'
        f" setup."
        " Make sure that Pod and Services IP ranges specified correctly as exceptions in proxy"
        " configuration"
    )
    return ([message] if proxy else []), []


def etcd_version(cluster: dict[str, Any]) -> Found:
    """Four tries per endpoint, five seconds apart."""
    external = cluster["etcd"]["external"]
    ca, cert, key = (external.get(f) or "" for f in ("caFile", "certFile", "keyFile"))
    try:
        context = tls.client(Path(ca).read_text() if ca else "", cert, key)
    except OSError:
        return [], [
            (
                f"couldn't load external etcd's server certificate {ca}: open {ca}: no such file or"
                f" directory"
            )
        ]
    errors = []
    for endpoint in external.get("endpoints") or []:
        try:
            version = _ask(endpoint, context)
        except http.Unreachable as err:
            errors.append(f'Get "{endpoint}/version": {err}')
            continue
        if net.semantic(version) < (3, 5, 21):
            errors.append(
                "this version of kubeadm only supports external etcd version >= 3.5.21-0. Current"
                f" version: {version}"
            )
    return [], errors


def _ask(endpoint: str, context: Any) -> str:
    client = http.Client(endpoint, context, 10.0)
    for attempt in range(4):
        try:
            _, data = client.request("GET", "/version")
            return str(json.loads(data)["etcdserver"])
        except http.Unreachable:
            if attempt == 3:
                raise
        time.sleep(5)
    raise AssertionError
