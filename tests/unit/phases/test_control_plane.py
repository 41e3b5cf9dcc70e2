"""The plan for changed settings of a control plane: what, when, behind what."""

import dataclasses
import subprocess
from pathlib import Path
from typing import Any

import pytest

from kbootstrap import kubeadm
from kbootstrap.action import Detached, Risk, SetClusterConfiguration
from kbootstrap.engine.failures import failure
from kbootstrap.engine.phase import NoFacts, View, forward
from kbootstrap.model.cluster import Arg, Cluster
from kbootstrap.model.document import Document
from kbootstrap.model.observed import Observed, ObservedNode
from kbootstrap.options import RunOptions
from kbootstrap.render import render
from phases import control_plane, control_plane_config, control_plane_repair
from phases.control_plane import Facts
from tests.laws.clusters import NOW, cluster, workstation
from tests.standin.common.pki import Want, authority, issue

KNOWN = cluster("single")
SANS = ("kubernetes", "10.96.0.1", "192.0.2.11")
FACTS = Facts(
    arg=("kube-apiserver --secure-port=6443", "kube-scheduler --v=2", "etcd --name=n1"),
    image=("etcd registry.k8s.io/etcd:3.6.4-0",),
    san=SANS,
)


def passed(**args: Any) -> Cluster:
    return dataclasses.replace(KNOWN, kubeadm=dataclasses.replace(KNOWN.kubeadm, **args))


def view(known: Cluster, facts: Any = FACTS, **changes: Any) -> View[Any]:
    stored = kubeadm.cluster_configuration(KNOWN)
    api = Observed(
        reachable=True,
        kubeadm_config=Document.of(stored),
        nodes=(ObservedNode(name="n1", ready=True),),
    )
    return View(
        cluster=known,
        node=known.first,
        facts=facts,
        now=NOW,
        **{"api": api, **workstation(known), **changes},
    )


def planned(known: Cluster, facts: Facts = FACTS, **changes: Any) -> list[Any]:
    return list(control_plane.plan(view(known, facts, **changes)))


def test_nothing_differs_nothing_is_done() -> None:
    assert planned(KNOWN) == []


def test_a_node_that_is_no_member_is_left_to_init_and_join() -> None:
    changed = passed(api_server_args=(Arg("v", "4"),))

    assert planned(changed, api=Observed(reachable=True)) == []
    assert planned(changed, Facts()) == []


def test_each_component_is_one_action_that_says_what_changes() -> None:
    changed = passed(api_server_args=(Arg("v", "4"),), scheduler_args=(Arg("v", "4"),))
    api = dataclasses.replace(changed.api, cert_sans=("a.example",))
    found = planned(dataclasses.replace(changed, api=api))

    assert [action.text for action in found] == [
        "certificate of kube-apiserver: add a.example",
        "kube-apiserver: --v=4 (now unset)",
        "kube-scheduler: --v=4 (now 2)",
    ]
    assert all(isinstance(one, Detached) and one.risk is Risk.RESTART for one in found)
    assert len({action.key for action in found}) == 3


def test_etcd_restarts_once_all_members_are_healthy_and_a_snapshot_is_there() -> None:
    changed = passed(etcd_args=(Arg("log-level", "debug"),))

    texts = [action.text for action in planned(changed)]
    recent = dataclasses.replace(FACTS, taken=NOW - 60)

    assert [text.split(" ")[0] for text in texts] == ["wait", "take", "etcd:"]
    assert len(planned(changed, recent)) == 2


@pytest.mark.parametrize(("field", "why"), [("open", "interrupted"), ("busy", "still running")])
def test_an_interrupted_change_is_finished(field: str, why: str) -> None:
    changes: Any = {field: ("kube-scheduler",)}
    facts = dataclasses.replace(FACTS, **changes)

    (action,) = planned(KNOWN, facts)

    assert why in action.why
    assert action.attach == (field == "busy")
    assert list(control_plane.plan(forward(view(KNOWN, facts), (action,)))) == []


def test_a_process_that_is_not_as_its_manifest_is_waited_for() -> None:
    (action,) = planned(KNOWN, dataclasses.replace(FACTS, stale=("kube-apiserver",)))

    assert action.why == "it runs with other arguments than its manifest"


def test_the_error_has_the_components_own_message() -> None:
    (action,) = planned(passed(api_server_args=(Arg("no", "1"),)))
    output = "kube-apiserver ended with:\n  E1130 command failed\n  Error: unknown flag: --no\n"

    error = failure(action, output + "the old manifest of kube-apiserver is back", 1)

    assert error.code.id == "KB329"
    assert "unknown flag: --no" in error.detail
    assert "E1130 command failed" in error.detail


def test_the_settings_are_stored_once_every_control_plane_has_them() -> None:
    known = view(passed(api_server_args=(Arg("v", "4"),)))
    limited = dataclasses.replace(known, options=RunOptions(limit=("worker",)))

    (action,) = control_plane_config.plan(known)
    (left,) = control_plane_config.drift(limited)

    assert isinstance(action, SetClusterConfiguration)
    assert action.text == "store in the ConfigMap kubeadm-config: kubeadm.extra_args.api_server"
    assert list(control_plane_config.drift(known)) == []
    assert list(control_plane_config.plan(limited)) == []
    assert left.key == "kubeadm.extra_args.api_server"
    assert list(control_plane_config.plan(forward(known, (action,)))) == []


def test_an_interrupted_change_is_undone_without_an_api_unless_it_runs() -> None:
    facts = control_plane.Interrupted(open=("etcd", "certificate"))
    (action,) = control_plane_repair.plan(view(KNOWN, facts))

    again = "restart the kubelet if the API server does not start"
    assert action.text == f"put the old settings back: certificate, etcd; {again}"
    busy = dataclasses.replace(facts, busy=("etcd",))
    assert list(control_plane_repair.plan(view(KNOWN, busy))) == []


def test_the_probe_reads_the_names_of_a_certificate(tmp_path: Path) -> None:
    names = ("a.example", "*.b.example", "192.0.2.1", "2001:db8::1")
    pair = issue(authority("ca"), Want("kube-apiserver", usages=("server",), sans=names))
    (tmp_path / "crt").write_text(pair.cert_pem())

    script = render("control_plane/sans.sh.j2", certificate=str(tmp_path / "crt"))
    done = subprocess.run(["sh", "-eu", "-c", script], capture_output=True, text=True, check=True)

    lines = done.stdout.split()
    assert lines[:3] == ["san=a.example", "san=*.b.example", "san=192.0.2.1"]
    assert lines[3].startswith("san=2001:0db8:")
    assert (done.stderr, len(lines)) == ("", 4)


MANIFEST = """\
spec:
  containers:
  - command:
    - kube-scheduler
    - --v=2
    - '--quoted=a: b'
    image: registry.k8s.io/kube-scheduler:v1.34.2
    name: kube-scheduler
"""
PROCESS = "import sys, time; open('/proc/self/comm', 'w').write('kube-scheduler'); time.sleep(60)"


@pytest.mark.parametrize(
    ("args", "lines"),
    [
        (None, ["arg=kube-scheduler --v=2"]),
        (
            ["--v=2", "--quoted=a: b"],
            ["arg=kube-scheduler --v=2", "arg=kube-scheduler --quoted=a: b"],
        ),
        (["--v=3"], ["arg=kube-scheduler --v=3", "stale=kube-scheduler"]),
    ],
)
def test_the_probe_reads_what_runs(
    tmp_path: Path, args: list[str] | None, lines: list[str]
) -> None:
    manifest = tmp_path / "kube-scheduler.yaml"
    manifest.write_text(MANIFEST)
    words = ["python3", "-c", PROCESS, "kube-scheduler", *(args or [])]
    process = subprocess.Popen(words) if args else None
    try:
        if process:
            comm = Path(f"/proc/{process.pid}/comm")
            while comm.read_text().strip() != "kube-scheduler":
                assert process.poll() is None
        script = render("control_plane/running.sh.j2") + f"running arguments '{manifest}'\n"
        done = subprocess.run(
            ["sh", "-eu", "-c", script], capture_output=True, text=True, check=True
        )
    finally:
        if process:
            process.kill()
            process.wait()

    assert done.stdout.splitlines() == [
        "image=kube-scheduler registry.k8s.io/kube-scheduler:v1.34.2",
        *lines,
    ]


def test_the_certificate_keeps_the_name_that_clients_still_use() -> None:
    """While the endpoint moves; the stored configuration has only what the inventory has."""
    stored = kubeadm.cluster_configuration(KNOWN) | {"controlPlaneEndpoint": "old.example:6443"}
    moves = dataclasses.replace(KNOWN.api, endpoint="new.example:6443")
    changed = dataclasses.replace(KNOWN, api=moves)
    seen = view(changed)
    api = dataclasses.replace(seen.api, kubeadm_config=Document.of(stored))

    (action,) = control_plane.plan(dataclasses.replace(seen, api=api))

    assert action.text == "certificate of kube-apiserver: add new.example"
    body = getattr(action, "body", "")
    assert "controlPlaneEndpoint: new.example:6443" in body
    assert "certSANs:\n  - old.example" in body
    (storing,) = control_plane_config.plan(view(changed, None, api=api))
    assert isinstance(storing, SetClusterConfiguration)
    assert "old.example" not in storing.document.text


def test_an_addon_that_is_enabled_at_the_same_time_takes_its_image_from_there_too() -> None:
    """The plan is what runs: phase `addons` has installed CoreDNS by then."""
    images = dataclasses.replace(KNOWN.images, repository="mirror.example/k8s")
    known = view(dataclasses.replace(KNOWN, images=images), NoFacts())
    assert known.api.workloads == frozenset()

    texts = [action.text for action in control_plane_config.plan(known)]

    assert texts[:2] == [
        "take the image of kube-proxy from mirror.example/k8s/kube-proxy",
        "take the image of coredns from mirror.example/k8s/coredns",
    ]
