"""Reads the facts of a node: one composite probe script per node, one round trip.

A `Prober` sends probes and nothing else, so a dry run cannot change anything. Called by
`kbootstrap.run` before planning; a step adds `probe_parts` to its own request.
"""

import shlex
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, Protocol

from kbootstrap import codes
from kbootstrap.codes import LOST
from kbootstrap.engine import host_probe
from kbootstrap.engine.phase import AnyPhase, parse_facts
from kbootstrap.errors import KbError, LostError, PhaseError
from kbootstrap.lock.record import NO_RECORD, LockState, parse_record, read_script
from kbootstrap.model.cluster import Cluster, Node
from kbootstrap.model.host_facts import UNKNOWN, HostFacts
from kbootstrap.node_paths import CHECKPOINT
from kbootstrap.remote.protocol import Part, PartResult, Reply
from kbootstrap.secret import Secret

KUBECONFIG = "/etc/kubernetes/admin.conf"
PKI = "/etc/kubernetes/pki"
LOCK = "read:lock"
# What systemctl prints while systemd stops, or has stopped.
_GOING_DOWN = ("Failed to get properties:", "Failed to connect to bus:")
_GONE = "No such file"
_TRIES = 3  # probes of a node on which files vanish


class Wire(Protocol):
    """Runs parts on one node: one call is one round trip."""

    def perform(self, parts: Sequence[Part], *, run_id: str) -> Reply: ...


@dataclass(frozen=True, slots=True)
class EtcdLogin:
    """The client certificate of a control plane's API server for etcd; in memory only."""

    ca_pem: str
    pair: Secret  # certificate and key, PEM


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """What the probes of one node printed at one moment.

    Attributes:
        facts: phase id -> that phase's Facts.
        host: what the node's operating system and hardware are.
        kubeconfig: the admin kubeconfig, on a control plane.
        state: the checkpoint on the node, as JSON text; empty if there is none.
        at: the workstation's clock, seconds since 1970.
        etcd: the client certificate for etcd, on a control plane.
        lock: the lock's record, of a control plane.

    """

    facts: Mapping[str, Any]
    kubeconfig: Secret | None
    state: str
    at: int
    etcd: EtcdLogin | None = None
    lock: LockState = NO_RECORD
    host: HostFacts = UNKNOWN


class ProbeResults(Mapping[str, ProbeResult]):
    """The last result of each node, by name; the one store, shared by all threads of a run.

    Attributes:
        version: grows whenever a control plane was probed.

    """

    def __init__(self, cluster: Cluster) -> None:
        self._planes = {node.name for node in cluster.control_planes}
        self._lock = threading.Lock()
        self._results: Mapping[str, ProbeResult] = {}
        self.version = 0

    def update(self, results: Mapping[str, ProbeResult]) -> None:
        """Store the results of some nodes."""
        with self._lock:
            self._results = {**self._results, **results}  # readers hold the dict of before
            self.version += not self._planes.isdisjoint(results)

    def __getitem__(self, name: str) -> ProbeResult:
        return self._results[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._results)

    def __len__(self) -> int:
        return len(self._results)


def probe_parts(cluster: Cluster, node: Node, phases: Iterable[AnyPhase]) -> tuple[Part, ...]:
    """The composite probe: a part per phase, the node's checkpoint, and what logs in to the API."""
    parts = [
        Part(
            f"probe:{phase.id}",
            f"{phase.probe(cluster, node)}\n:",
            "probe",
            always=True,
        )
        for phase in phases
        if phase.probe is not None and phase.on(cluster, node)
    ]
    parts.append(_read("state", CHECKPOINT))
    if node.is_control_plane:
        parts.append(_read("kubeconfig", KUBECONFIG, secret=True))
        ca, cert, key = _etcd_login(cluster)
        parts.append(_read("etcd-ca", ca, secret=True))
        parts.append(_read("etcd-pair", cert, key, secret=True))
    return tuple(parts)


def _etcd_login(cluster: Cluster) -> tuple[str, str, str]:
    """CA, certificate and key that an API server uses."""
    external = cluster.etcd.external
    if external is not None:
        return external.ca_file, external.cert_file, external.key_file
    client = f"{PKI}/apiserver-etcd-client"
    return f"{PKI}/etcd/ca.crt", f"{client}.crt", f"{client}.key"


def first_parts(
    cluster: Cluster, node: Node, phases: Iterable[AnyPhase], *, gate: bool = False
) -> tuple[Part, ...]:
    """The first request to a node: host, phases and, on a control plane, the lock's record.

    With ``gate``, a record ends the request: the other parts are skipped.
    """
    parts = (host_probe.part(), *probe_parts(cluster, node, phases))
    if not node.is_control_plane:
        return parts
    kind: Literal["step", "probe"] = "step" if gate else "probe"  # only a step ends a request
    lock = Part(LOCK, read_script(gate=gate), kind, always=True, seconds=0)
    return (lock, *(replace(part, always=not gate) for part in parts))


def _read(name: str, *paths: str, secret: bool = False) -> Part:
    files = [shlex.quote(path) for path in paths]
    script = f"if [ -r {files[-1]} ]; then cat {' '.join(files)}; fi"
    return Part(f"read:{name}", script, "probe", always=True, secret=secret)


def read_reply(phases: Iterable[AnyPhase], reply: Reply, host: HostFacts = UNKNOWN) -> ProbeResult:
    """Facts from the reply to `probe_parts`; ``host`` is what is known if it has no host's.

    Raises:
        PhaseError: KB319, a fact about the host is malformed; KB346, a probe failed, or printed
            what its Facts do not have.
        LostError: systemd was stopping on the node.

    """
    answers = {result.id: result for result in reply.results}
    facts: dict[str, Any] = {}
    for phase in phases:
        result = answers.get(f"probe:{phase.id}")
        if result is None:
            continue
        if result.rc != 0:
            raise _failed(phase.id, result)
        try:
            facts[phase.id] = parse_facts(phase.facts, result.output)
        except (ValueError, TypeError) as error:
            raise PhaseError(codes.PROBE_FAILED, str(error)).at("", phase.id) from error
    if host_probe.PART in answers:
        host = host_probe.read(answers[host_probe.PART])
    config, ca, pair = (_said(answers, name) for name in ("kubeconfig", "etcd-ca", "etcd-pair"))
    return ProbeResult(
        facts=facts,
        kubeconfig=Secret(config) if config else None,
        state=answers["read:state"].output,
        at=int(time.time()),
        etcd=EtcdLogin(ca, Secret(pair)) if ca and pair else None,
        host=host,
    )


def _failed(phase: str, result: PartResult) -> KbError:
    if any(sign in result.stderr for sign in _GOING_DOWN):
        return LostError(LOST, "systemd no longer answers there", detail=result.stderr)
    message = f"the probe ended with status {result.rc}"
    return PhaseError(codes.PROBE_FAILED, message, detail=result.stderr).at("", phase)


def _vanished(result: PartResult) -> bool:
    """A file was there when it was listed and gone when it was read: a reset is under way."""
    return result.id.startswith("probe:") and result.rc != 0 and _GONE in result.stderr


def _said(answers: Mapping[str, PartResult], name: str) -> str:
    result = answers.get(f"read:{name}")
    return result.output if result and result.output.strip() else ""


class Prober:
    """Probes one node, and can do nothing else."""

    def __init__(
        self, cluster: Cluster, node: Node, phases: tuple[AnyPhase, ...], wire: Wire, run_id: str
    ) -> None:
        self._cluster, self._node, self._phases = cluster, node, phases
        self._wire, self._run_id = wire, run_id

    def probe(self, at_lock: Callable[[LockState], None] | None = None) -> ProbeResult:
        """One round trip; one more if there is a lock and ``at_lock`` does not raise.

        The same again while files vanish that a probe reads, at most `_TRIES` times.
        """
        for _ in range(_TRIES):
            reply = self._ask(gate=at_lock is not None)
            if at_lock is not None and (state := _lock(reply)).text:
                at_lock(state)
                reply = self._ask(gate=False)
            if not any(_vanished(result) for result in reply.results):
                break
        return replace(read_reply(self._phases, reply), lock=_lock(reply))

    def _ask(self, *, gate: bool) -> Reply:
        parts = first_parts(self._cluster, self._node, self._phases, gate=gate)
        return self._wire.perform(parts, run_id=self._run_id)


def _lock(reply: Reply) -> LockState:
    found = (result.output for result in reply.results if result.id == LOCK)
    return parse_record(next(found, ""))
