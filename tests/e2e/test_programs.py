"""Where binaries come from: a release site's layout, and what is installed already."""

import hashlib
import threading
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.e2e.site import Site

pytestmark = [pytest.mark.lab, pytest.mark.usefixtures("as_root")]


class Quiet(SimpleHTTPRequestHandler):
    """Serves a directory and says nothing."""

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
        """Keep the test log clean."""


@pytest.fixture(scope="module")
def site(make_site: Callable[..., Site], kind: str) -> Site:
    """One fresh node."""
    return make_site(f"p{kind[0]}", 1)


@pytest.fixture(scope="module")
def release(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """A site with the official layout: VERSION/bin/linux/ARCH/NAME and NAME.sha256."""
    root = tmp_path_factory.mktemp("release")
    folder = root / site.version / "bin" / "linux" / "amd64"
    folder.mkdir(parents=True)
    for name in ("kubeadm", "kubelet", "kubectl"):
        data = (site.programs / name).read_bytes()
        (folder / name).write_bytes(data)
        (folder / f"{name}.sha256").write_text(hashlib.sha256(data).hexdigest())
    server = ThreadingHTTPServer((site.lab.network.gateway, 0), partial(Quiet, directory=str(root)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://{site.lab.network.gateway}:{server.server_port}", folder
    server.shutdown()
    server.server_close()


def test_nodes_download_from_a_release_site_and_check(
    site: Site, release: tuple[str, Path]
) -> None:
    url, folder = release
    site.write_inventory(
        programs={"source": "release", "base_url": url, "folder": None, "insecure": True}
    )

    site.ok("up", "--until", "kubelet")

    node = site.lab.nodes[0]
    for name in ("kubeadm", "kubelet", "kubectl"):
        want = hashlib.sha256((folder / name).read_bytes()).hexdigest()
        assert node.exec(f"sha256sum </usr/local/bin/{name}").stdout.split()[0] == want
    assert site.run("up", "--until", "kubelet", "--exit-code").status == 3


def test_a_download_that_is_not_what_was_published(site: Site, release: tuple[str, Path]) -> None:
    url, folder = release
    (folder / "kubectl.sha256").write_text("0" * 64)
    before = site.lab.nodes[0].exec("sha256sum </usr/local/bin/kubectl").stdout

    result = site.run("up", "--until", "kubelet")

    assert url in result.out
    assert [error["code"] for error in result.errors()] == ["KB502"]
    assert result.status == 8
    assert site.lab.nodes[0].exec("sha256sum </usr/local/bin/kubectl").stdout == before


def test_preinstalled_binaries_must_be_the_wanted_version(site: Site) -> None:
    unused = dict.fromkeys(("folder", "base_url", "insecure", "cni_plugins_folder"))
    preinstalled = {"source": "preinstalled", **unused}
    site.write_inventory(programs=preinstalled)
    good = site.run("up", "--until", "kubelet", "--exit-code")
    site.write_inventory(programs=preinstalled, kubernetes={"version": "v1.34.9"})
    bad = site.run("up", "--until", "kubelet")

    assert good.status == 3
    assert {error["code"] for error in bad.errors()} == {"KB310"}
    assert bad.status == 6


def test_a_registry_that_is_no_longer_mirrored(site: Site) -> None:
    """Its settings go, in one step; the user's own and those of the others stay."""
    node, certs = site.lab.nodes[0], "/etc/containerd/certs.d"
    node.exec(f"mkdir -p {certs}/hand.example; echo '# mine' >{certs}/hand.example/hosts.toml")
    site.write_inventory()
    data = site.inventory_data()
    mirrors = data["registry"]["mirrors"]
    mirrors.append({"host": "old.example", "endpoints": ["https://mirror.example"]})
    site.save(data)
    site.ok("up", "--until", "runtime")
    mirrors.pop()
    site.save(data)

    result = site.ok("up", "--until", "runtime")

    assert [text for _, _, text in result.actions] == [f"remove {certs}/old.example/hosts.toml"]
    left = node.exec(f"cd {certs} && ls */hosts.toml").stdout.split()
    assert left == sorted([f"{mirrors[0]['host']}/hosts.toml", "hand.example/hosts.toml"])
    assert site.run("up", "--until", "runtime", "--exit-code").status == 3


def test_binaries_in_a_directory_that_no_path_has(site: Site) -> None:
    """They are the ones that run, also where another kubeadm is in the PATH."""
    node, elsewhere = site.lab.nodes[0], "/usr/local/bin/kubeadm"
    node.exec(
        f"rm -f {elsewhere}; printf '#!/bin/sh\\nexit 66\\n' >{elsewhere}; chmod +x {elsewhere}"
    )
    site.write_inventory(programs={"bin_dir": "/opt/kubernetes/bin"})

    site.ok("up", "--until", "images")

    assert node.exec("ls /opt/kubernetes/bin").stdout.split() == [
        "crictl",
        "kubeadm",
        "kubectl",
        "kubelet",
    ]
    assert site.run("up", "--until", "images", "--exit-code").status == 3
