"""A pod network from manifests: applied once, changed when the file changes, and its failures."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from kbootstrap.model.load import load
from tests.e2e.site import Result, Site

pytestmark = [pytest.mark.lab, pytest.mark.usefixtures("as_root")]

WITHIN = 60  # seconds for an error that 600 s would bring as well
CONFLIST = {
    "cniVersion": "0.4.0",
    "name": "lab",
    "plugins": [
        {
            "type": "bridge",
            "bridge": "lab0",
            "isGateway": True,
            "ipam": {"type": "host-local", "ranges": [[{"subnet": "10.244.0.0/24"}]]},
        }
    ],
}


@pytest.fixture(scope="module")
def site(make_site: Callable[..., Site], kind: str) -> Site:
    """One control plane whose pod network is a DaemonSet, a ConfigMap and a conflist."""
    site = make_site(f"man{kind[0]}", 1)
    site.extra = {
        "cni": {"type": "manifest", "manifests": [str(_file(site))]},
        "files": [
            {"path": "/etc/cni/net.d/10-lab.conflist", "content": json.dumps(CONFLIST, indent=1)}
        ],
    }
    site.write_inventory()
    write(site)
    return site


def _file(site: Site) -> Path:
    return site.folder / "network.yaml"


def write(site: Site, image: str = "", value: str = "one") -> None:
    """The manifest, by default with an image that the registry has."""
    meta = {"name": "agent", "namespace": "lab-net"}
    container = {
        "name": "agent",
        "image": image or pause(site),
        "env": [{"name": "MODE", "value": value}],
    }
    objects: list[dict[str, Any]] = [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "lab-net"}},
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": {"mode": value}},
        {
            "apiVersion": "apps/v1",
            "kind": "DaemonSet",
            "metadata": meta,
            "spec": {
                "selector": {"matchLabels": {"app": "agent"}},
                "template": {
                    "metadata": {"labels": {"app": "agent"}},
                    "spec": {
                        "hostNetwork": True,
                        "terminationGracePeriodSeconds": 1,
                        "tolerations": [{"operator": "Exists"}],
                        "containers": [container],
                    },
                },
            },
        },
    ]
    _file(site).write_text(yaml.safe_dump_all(objects))


def pause(site: Site) -> str:
    """An image that every site has."""
    if not _file(site).exists():
        _file(site).write_text("")
    return load(site.inventory).images.pause


def modes(site: Site) -> list[str]:
    """What the running pods were started with."""
    items = json.loads(site.kubectl("-n", "lab-net", "get", "pods", "-o", "json"))["items"]
    return [
        pod["spec"]["containers"][0]["env"][0]["value"]
        for pod in items
        if not pod["metadata"].get("deletionTimestamp")
        and all(status["ready"] for status in pod["status"]["containerStatuses"])
    ]


def applied(result: Result) -> list[str]:
    """The kinds of the objects that were applied."""
    return [text.split()[1] for _, _, text in result.actions if text.startswith("apply ")]


def test_a_second_up_has_nothing_to_do(site: Site) -> None:
    first = site.ok("up")

    assert applied(first) == ["Namespace", "ConfigMap", "DaemonSet"]
    assert site.ready_nodes() == {"node1": True}
    again = site.run("up", "--exit-code")
    assert (again.status, again.plan) == (3, []), again.out
    dry = site.run("up", "--dry-run", "--exit-code")
    assert (dry.status, dry.plan) == (3, []), dry.out


def test_a_changed_manifest_is_applied_and_waited_for(site: Site) -> None:
    write(site, value="two")

    result = site.ok("up")

    assert applied(result) == ["ConfigMap", "DaemonSet"]
    assert modes(site) == ["two"]
    assert site.run("up", "--exit-code").status == 3


def test_an_image_nobody_has_is_an_error_within_seconds(site: Site) -> None:
    wrong = f"{site.repository}/nobody-has-this:1"
    write(site, image=wrong, value="three")

    result = site.run("up")

    (error,) = result.errors()
    assert error["code"] == "KB334", result.out
    assert "nobody-has-this" in json.dumps(error)
    assert "ImagePull" in json.dumps(error)
    assert result.seconds < WITHIN

    write(site, value="three")
    site.ok("up")
    assert modes(site) == ["three"]
    assert site.run("up", "--exit-code").status == 3
