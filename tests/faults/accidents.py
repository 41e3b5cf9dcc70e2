"""How each accident is made and unmade: on a node, on the wire, at the operator's."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.e2e.prefork import Forked
from tests.faults.bench import Bench
from tests.faults.gate import Held
from tests.lab.node import Node
from tests.lab.shell import LabError

OFF = 600  # seconds a clock is moved by
DATE = "/usr/local/bin/date"
STOP_API = "pkill -{signal} -f '(^|[/ ])kube-apiserver --'"


@dataclass
class Scene:
    """Where a fault is made.

    Attributes:
        node: the node of the point.
        held: the run under way.
        second: another operator's run, if there is one.

    """

    bench: Bench
    node: Node
    held: Held
    arguments: tuple[str, ...]
    second: Forked | None = None
    job: threading.Thread | None = None
    trouble: list[str] = field(default_factory=list)

    def aside(self, work: Callable[[], None]) -> None:
        """Do something that takes a while beside the run."""

        def safely() -> None:
            try:
                work()
            except LabError as error:
                self.trouble.append(f"the lab: {error}")

        self.job = threading.Thread(target=safely)
        self.job.start()


def nothing(scene: Scene) -> None:
    """It is over already."""
    del scene


def anywhere(scene: Scene) -> bool:
    """It can be made at any time."""
    del scene
    return True


def kill9(scene: Scene) -> None:
    scene.held.process.kill()


def send(number: int) -> Callable[[Scene], None]:
    return lambda scene: scene.held.process.send_signal(number)


def reset_connections(scene: Scene) -> None:
    scene.node.exec("ss -K state established sport = :22 >/dev/null", check=False)


def api_node(scene: Scene) -> Node:
    return scene.bench.site.lab.nodes[0]


def stop_api(scene: Scene) -> None:
    api_node(scene).exec(STOP_API.format(signal="STOP"), check=False)


def go_on_api(scene: Scene) -> None:
    api_node(scene).exec(STOP_API.format(signal="CONT"), check=False)


def has_api(scene: Scene) -> bool:
    words = "pgrep -f '(^|[/ ])kube-apiserver --' >/dev/null"
    return api_node(scene).exec(words, check=False).returncode == 0


def starts_again(scene: Scene) -> bool:
    """Whether the node's member of etcd, if it has one, runs again after a boot."""
    words = "[ ! -d /var/lib/etcd/member ] || [ -e /etc/kubernetes/kubelet.conf ]"
    return scene.node.exec(words, check=False).returncode == 0


def full(path: str) -> Callable[[Scene], None]:
    return lambda scene: scene.node.disks.fill(path)


def free(path: str) -> Callable[[Scene], None]:
    return lambda scene: scene.node.disks.free(path)


def wrong_node_clock(scene: Scene) -> None:
    """Kills the run and moves what the node takes for the time; there is one kernel clock here."""
    kill9(scene)
    text = f'#!/bin/sh\\nexec /bin/date -d "+{OFF} seconds" "$@"\\n'
    scene.node.exec(f"printf '{text}' >{DATE} && chmod 755 {DATE}")


def right_node_clock(scene: Scene) -> None:
    scene.node.exec(f"rm -f {DATE}")


def wrong_desk_clock(scene: Scene) -> None:
    kill9(scene)
    scene.bench.clock.write_text(f"-{OFF}\n")


def jump_desk_clock(scene: Scene) -> None:
    scene.bench.clock.write_text(f"+{OFF}\n")


def right_desk_clock(scene: Scene) -> None:
    scene.bench.clock.write_text("+0\n")


def second_operator(scene: Scene) -> None:
    bench = scene.bench
    scene.second = Forked(bench.command(scene.arguments), bench.environment())


def kill_node(scene: Scene) -> None:
    scene.node.kill()


def reboot(scene: Scene) -> None:
    scene.aside(scene.node.reboot)


def join_job(scene: Scene) -> None:
    if scene.job is not None:
        scene.job.join()


def restart_sshd(scene: Scene) -> None:
    scene.node.exec("systemctl reset-failed ssh; systemctl restart ssh")  # it counts restarts


def stop_runtime(scene: Scene) -> None:
    scene.node.exec("systemctl stop containerd", check=False)


def start_runtime(scene: Scene) -> None:
    scene.node.exec("systemctl start containerd", check=False)


def settle(scene: Scene, seconds: float) -> None:
    """Wait for what a fault started aside."""
    deadline = time.monotonic() + seconds
    if scene.job is not None:
        scene.job.join(max(0.0, deadline - time.monotonic()))
