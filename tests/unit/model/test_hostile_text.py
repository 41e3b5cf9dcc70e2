"""Texts of an inventory that would say something else where a node or a file reads them."""

from pathlib import Path

import pytest

from tests.unit.model.writing import found, inventory, problems

LINE = "2001:db8::1%x\\n6.6.6.6 registry.k8s.io"
KEYS = {
    "nodes[0].address": 'nodes:\n  - {{name: cp1, address: "{}", role: control-plane}}\n',
    "nodes[0].advertise_address": "nodes:\n  - {{name: cp1, address: 192.0.2.11,"
    ' advertise_address: "{}", role: control-plane}}\n',
    "nodes[0].second_address": "nodes:\n  - {{name: cp1, address: 192.0.2.11,"
    ' second_address: "{}", role: control-plane}}\n',
    "defaults.ssh.host": 'defaults: {{ssh: {{host: "{}"}}}}\n',
    "defaults.ssh.jump.host": 'defaults: {{ssh: {{jump: {{host: "{}"}}}}}}\n',
    "api.endpoint": 'api: {{endpoint: "[{}]:6443"}}\n',
    "api.cert_sans[0]": 'api: {{cert_sans: ["{}"]}}\n',
    "network.pod_cidr": 'network: {{pod_cidr: "{}/64"}}\n',
    "registry.mirrors[0].host": 'registry: {{mirrors: [{{host: "[{}]:5000"}}]}}\n',
    "programs.base_url": 'programs: {{base_url: "https://[{}]/"}}\n',
}


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("text", [LINE, "2001:db8::1%eth0", "2001:db8::1%'$(id)`"])
def test_an_address_has_no_zone(key: str, text: str, tmp_path: Path) -> None:
    said = found(problems(tmp_path, inventory(KEYS[key].format(text))))

    assert {where for _, where in said} == {key}


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("programs.bin_dir", 'programs: {bin_dir: "/opt/a b"}\n'),
        ("programs.bin_dir", 'programs: {bin_dir: "/opt/%h"}\n'),
        ("programs.bin_dir", "programs: {bin_dir: '/opt/\"$(id)'}\n"),
        ("programs.base_url", 'programs: {base_url: "https://a.example/\\e[2J"}\n'),
    ],
)
def test_texts_of_another_form_are_refused(key: str, text: str, tmp_path: Path) -> None:
    assert [where for _, where in found(problems(tmp_path, inventory(text)))] == [key]
