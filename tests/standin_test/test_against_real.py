"""The stand-in beside the real binaries, for what needs no node: same arguments, same output."""

import base64
import json
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.lab.registry import KUBERNETES
from tests.standin import build
from tests.standin_test.conftest import Server

VERSION = "v1.34.2"
REAL = KUBERNETES / VERSION
pytestmark = pytest.mark.skipif(
    not (REAL / "kubeadm").is_file(), reason=f"NOT RUN: the real binaries are not in {REAL}"
)
LINES = """\
kubeadm version -o short
kubeadm version -o nope
kubeadm nope
kubeadm token generate
kubeadm token nope
kubeadm token create abc
kubeadm token create --ttl 1x
kubeadm token create --nope
kubeadm config nope
kubeadm config images list --kubernetes-version v1.34.2
kubeadm config images list --kubernetes-version v1.34.2 --image-repository 10.90.0.1:5000/k8s
kubeadm config print init-defaults
kubeadm config print join-defaults
kubeadm config validate --config /nonexistent
kubeadm certs certificate-key
kubeadm certs nope
kubeadm upgrade nope
kubeadm upgrade node --nope
kubeadm init --nope
kubeadm join --nope
kubeadm reset --nope
kubectl get --nope
kubelet --version
kubelet --nope
"""
# What differs from run to run: klog's header, tokens, keys.
RANDOM = re.compile(
    r"^[EWI]\d{4} [\d:.]+ +\d+ |^[a-z0-9]{6}\.[a-z0-9]{16}$|^[0-9a-f]{64}$", re.MULTILINE
)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The stand-in's binaries."""
    folder = tmp_path_factory.mktemp("programs")
    build.build(VERSION, folder)
    return folder


def said(binary: Path, words: Sequence[str], stdin: str = "") -> tuple[int, str, str]:
    """Exit status, stdout and stderr."""
    done = subprocess.run(
        [binary, *words], input=stdin, capture_output=True, text=True, check=False, timeout=60
    )
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("line", LINES.splitlines())
def test_the_stand_in_prints_what_the_real_binary_prints(made: Path, line: str) -> None:
    name, *words = line.split()

    (real, out, err), (ours, our_out, our_err) = (said(at / name, words) for at in (REAL, made))

    assert (ours, RANDOM.sub("", our_out), RANDOM.sub("", our_err)) == (
        real,
        RANDOM.sub("", out),
        RANDOM.sub("", err),
    )


def kubeconfig(server: Server, file: Path) -> Path:
    """Of an administrator of the stand-in's API server."""
    cert, key = server.user("kubernetes-admin", "system:masters")

    def data(path: str | Path) -> str:
        return base64.b64encode(Path(path).read_bytes()).decode()

    cluster = {
        "server": f"https://127.0.0.1:{server.port}",
        "certificate-authority-data": data(server.folder / "ca.crt"),
    }
    user = {"client-certificate-data": data(cert), "client-key-data": data(key)}
    context = {"cluster": "c", "user": "u"}
    text = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "c", "cluster": cluster}],
        "users": [{"name": "u", "user": user}],
        "contexts": [{"name": "x", "context": context}],
        "current-context": "x",
    }
    file.write_text(json.dumps(text))
    return file


NODE = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n1", "labels": {"a": "b"}}}
MAPS = [
    {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": f"m{n}"}, "data": {"n": str(n)}}
    for n in range(3)
]
TEMPLATE = {
    "metadata": {"labels": {"app": "web"}},
    "spec": {"containers": [{"name": "web", "image": "pause"}]},
}
WEB = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "web"},
    "spec": {"replicas": 1, "selector": {"matchLabels": {"app": "web"}}, "template": TEMPLATE},
}
LIST = json.dumps({"apiVersion": "v1", "kind": "List", "items": [NODE, *MAPS, WEB]})
# What both kubectls print alike; each is done by the real one and by ours, in this order.
SAME = """\
get nodes -o name
get nodes -o jsonpath={.items[*].metadata.name}
get configmaps -n default -l a=b
get configmaps m1 -o json
get configmaps --field-selector metadata.name=m2 -o name
get deployment web -o json
get --raw /readyz
get nope
get node nope
get node nope --ignore-not-found
label node n1 x=y
label node n1 x-
cordon n1
uncordon n1
delete configmap nope
nope
"""
# The API's calls, by the real kubectl: arguments and what its output has.
CALLS = {
    "get configmaps -l a!=b --chunk-size 2 -o name": "configmap/m2",
    "get configmaps -o name --watch --request-timeout 2s": "configmap/m0",
    "get node n1 --watch --request-timeout 2s -o name": "node/n1",
    "get node n1 --subresource status -o name": "node/n1",
    'patch cm m1 --type merge -p {"data":{"n":"5"}}': "configmap/m1 patched",
    'patch cm m1 --type strategic -p {"data":{"n":"6"}}': "configmap/m1 patched",
    'patch cm m1 --type json -p [{"op":"remove","path":"/data/n"}]': "configmap/m1 patched",
    "delete cm m2 --dry-run=server": "(server dry run)",
    "delete cm m2 --grace-period 0 --force": "deleted",
    "api-resources --api-group apps -o name": "deployments.apps",
    "version": "Server Version: v1.34.2",
    "cluster-info": "is running at",
}


# Of our kubectl alone, which prints less.
OURS = {
    "version": "Server Version: v1.34.2",
    "cluster-info": "is running at",
    "apply --server-side -f -": "configmap/m2 serverside-applied",
    "delete cm/m0 cm/m1 cm/m2": 'configmap "m2" deleted',
}


def test_the_real_kubectl_and_ours_see_the_same(server: Server, made: Path, tmp_path: Path) -> None:
    config = ["--kubeconfig", str(kubeconfig(server, tmp_path / "config"))]
    created = said(made / "kubectl", ["create", "-f", "-", *config], LIST)
    assert created[1].splitlines() == [
        *("node/n1 created", "configmap/m0 created", "configmap/m1 created"),
        *("configmap/m2 created", "deployment.apps/web created"),
    ], created

    for line in SAME.splitlines():
        real, ours = (said(at / "kubectl", [*line.split(), *config]) for at in (REAL, made))
        assert plain(ours) == plain(real), line
    for words, expected in CALLS.items():
        status, out, err = said(REAL / "kubectl", [*words.split(" "), *config])
        assert expected in out, (words, status, err)
    for words, expected in OURS.items():
        assert expected in said(made / "kubectl", [*words.split(), *config], LIST)[1], words


def plain(answer: tuple[int, str, str]) -> tuple[int, object, str]:
    """JSON is compared as data; of errors the first line, since the real one guesses a command."""
    status, out, err = answer
    return status, json.loads(out) if out.startswith("{") else out, err.partition("\n")[0]
