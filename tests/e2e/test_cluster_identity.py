"""A cluster that is not ours by its record, name or CA is refused by every command, and unchanged.

One control plane and one worker, made by kbootstrap; each test makes it look like another one.
"""

import base64
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from kbootstrap.node_paths import CLUSTER_NAME, STATE_DIR
from kbootstrap.pki import ca_hash
from tests.e2e.site import VERSION, Result, Site

pytestmark = [pytest.mark.lab, pytest.mark.usefixtures("as_root")]
DESTROY = ("reset", "--yes", "--destroy-cluster")
COMMANDS = (
    ("up", "--yes"),
    ("join", "node2"),
    ("upgrade", "--to", VERSION),
    ("kubeconfig",),
    ("reset", "node2", "--yes"),
    ("reset", "node2", "--yes", "--without-api"),
    DESTROY,
    ("etcd", "snapshot"),
    ("unlock", "--yes"),
)
CA_FILE = "/etc/kubernetes/pki/ca.crt"
KEPT = "/root/kept-by-the-test"
HASH = re.compile(r"sha256:[0-9a-f]{64}")
EXEC = """
- name: mallory
  user:
    exec: {apiVersion: client.authentication.k8s.io/v1, command: /bin/sh, args: [-c, id]}
"""


@pytest.fixture(scope="module")
def cluster(kind: str, make_site: Callable[..., Site]) -> Site:
    """Two nodes, up."""
    made = make_site(f"id{kind[0]}", 2)
    made.ok("up")
    return made


@pytest.fixture
def site(cluster: Site) -> Iterator[Site]:
    """The cluster, which a test changes; put back and whole at its end."""
    config = cluster.kubeconfig.read_bytes()
    for node in cluster.lab.nodes:
        node.exec(f"rm -rf {KEPT}; mkdir {KEPT}; cp -a {STATE_DIR} {CA_FILE} {KEPT}/")
        node.exec(f"cp -a /etc/kubernetes/admin.conf {KEPT}/", check=False)
    yield cluster
    for node in cluster.lab.nodes:
        node.exec(f"rm -rf {STATE_DIR}; cp -a {KEPT}/kbootstrap {STATE_DIR}")
        node.exec(f"cp -a {KEPT}/ca.crt {CA_FILE}; cp -a {KEPT}/admin.conf /etc/kubernetes/ || :")
    cluster.kubeconfig.write_bytes(config)
    cluster.write_inventory()
    assert cluster.run("up", "--exit-code").status == 3


def hash_of(site: Site) -> str:
    return ca_hash(site.node("node1").exec(["cat", CA_FILE]).stdout)


def refused(result: Result) -> str:
    """The text of the refusal."""
    assert result.status == 7, result.out[-3000:] + result.err
    assert {error["code"] for error in result.errors()} == {"KB401"}, result.errors()
    return " ".join(error["message"] for error in result.errors())


def other_ca(site: Site) -> str:
    """A CA that is not the one of the cluster, PEM."""
    return site.node("node1").exec(["cat", "/etc/kubernetes/pki/front-proxy-ca.crt"]).stdout


@pytest.mark.parametrize("held", [True, False], ids=["with-its-kubeconfig", "without"])
@pytest.mark.parametrize("name", ["", "other"])
def test_a_cluster_of_plain_kubeadm_is_refused_whatever_its_ca(
    site: Site, name: str, *, held: bool
) -> None:
    for node in site.lab.nodes:
        node.exec(f"rm -rf {STATE_DIR}")
    if name:
        site.write_inventory(cluster={"name": name})
    if not held:
        site.kubeconfig.unlink()
    elif name:
        (site.folder / f"{name}.kubeconfig").write_bytes(site.kubeconfig.read_bytes())

    for words in COMMANDS:
        assert refused(site.run(*words)), words
    assert CLUSTER_NAME in refused(site.run("up"))

    for node in site.lab.nodes:
        assert node.exec(f"ls {STATE_DIR}", check=False).returncode != 0
    (site.folder / f"{name}.kubeconfig").unlink(missing_ok=True)


@pytest.mark.parametrize("recorded", [True, False])
def test_a_record_of_our_name_beside_another_ca_is_refused_with_both(
    site: Site, *, recorded: bool
) -> None:
    node = site.node("node2")
    node.exec(["tee", CA_FILE], stdin=other_ca(site))
    if not recorded:  # as an earlier kbootstrap left it
        node.exec(f"echo {site.name} >{CLUSTER_NAME}")
    both = {hash_of(site), ca_hash(other_ca(site))}

    for words in (("up", "--yes"), ("join", "node2"), ("reset", "node2", "--yes")):
        assert set(HASH.findall(refused(site.run(*words)))) == both, words
    if recorded:
        said = refused(site.run("reset", "node2", "--yes", "--without-api"))
        assert set(HASH.findall(said)) == both


def test_the_hash_in_the_inventory_has_to_be_the_one_of_the_cluster(site: Site) -> None:
    wrong = f"sha256:{'ab' * 32}"
    site.write_inventory(cluster={"ca_hash": wrong})
    for words in COMMANDS:
        assert set(HASH.findall(refused(site.run(*words)))) == {hash_of(site), wrong}, words

    site.write_inventory(cluster={"ca_hash": hash_of(site)})
    assert site.run("up", "--exit-code").status == 3


def test_a_kubeconfig_of_another_cluster_is_no_proof_of_this_one(site: Site) -> None:
    config = yaml.safe_load(site.kubeconfig.read_text())
    data = base64.b64encode(other_ca(site).encode()).decode()
    config["clusters"][0]["cluster"]["certificate-authority-data"] = data
    site.kubeconfig.write_text(yaml.safe_dump(config))

    for words in COMMANDS:
        said = refused(site.run(*words))
        assert set(HASH.findall(said)) == {hash_of(site), ca_hash(other_ca(site))}, words


def test_another_name_in_kubeadm_s_configuration_is_refused(site: Site) -> None:
    edit = (
        "get cm kubeadm-config -o yaml | sed 's/clusterName: .*/clusterName: {}/' | {} apply -f -"
    )
    kubectl = "env HOME=/tmp kubectl --kubeconfig /etc/kubernetes/admin.conf -n kube-system"
    site.node("node1").exec(f"{kubectl} {edit.format('other', kubectl)}")
    try:
        for words in COMMANDS[:5]:
            assert "'other'" in refused(site.run(*words)), words
    finally:
        site.node("node1").exec(f"{kubectl} {edit.format(site.name, kubectl)}")


def test_a_lost_record_is_written_again_where_others_have_theirs(site: Site) -> None:
    node = site.node("node2")
    before = node.exec(["cat", CLUSTER_NAME]).stdout
    assert before == f"{site.name}\n{hash_of(site)}\n"
    node.exec(["rm", CLUSTER_NAME])

    site.ok("up")

    assert node.exec(["cat", CLUSTER_NAME]).stdout == before


def test_the_kubeconfig_has_nothing_of_a_hostile_admin_conf(site: Site, tmp_path: Path) -> None:
    conf = site.node("node1").exec(["cat", "/etc/kubernetes/admin.conf"]).stdout
    hostile = yaml.safe_load(conf)
    hostile["users"] += yaml.safe_load(EXEC)
    hostile["contexts"][0]["context"]["user"] = "mallory"
    site.node("node1").exec(["tee", "/etc/kubernetes/admin.conf"], stdin=yaml.safe_dump(hostile))

    site.ok("kubeconfig", "--write", str(tmp_path / "config"))

    assert "exec" not in (tmp_path / "config").read_text()
    assert "mallory" not in (tmp_path / "config").read_text()
    assert len(yaml.safe_load((tmp_path / "config").read_text())["users"]) == 1
