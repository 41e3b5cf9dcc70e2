"""From what kubeadm and the shell really said to a code; excerpts of real transcripts."""

import pytest

from kbootstrap.action import Action, Detached, PutFile, Run, Unit
from kbootstrap.engine.failures import LAST_LINES, failure, last_words
from kbootstrap.errors import ExitCode

INIT_AGAIN = """\
[init] Using Kubernetes version: v1.34.2
[preflight] Running pre-flight checks
\t[WARNING SystemVerification]: cgroups v1 support is in maintenance mode, please migrate to v2
[preflight] Some fatal errors occurred:
\t[ERROR Port-6443]: Port 6443 is in use
\t[ERROR FileAvailable--etc-kubernetes-manifests-etcd.yaml]: /etc/.../etcd.yaml already exists
\t[ERROR HTTPProxyCIDR]: parse "https://[10.96.0.1]:1234/": invalid IP-literal
\t[ERROR HTTPProxyCIDR]: parse "https://[10.244.0.1]:1234/": invalid IP-literal
[preflight] If you know what you are doing, you can make a check non-fatal with ...
error: error execution phase preflight: preflight checks failed
To see the stack trace of this error execute with --v=5 or higher
"""
PORTS = """\
[preflight] Some fatal errors occurred:
\t[ERROR Port-6443]: Port 6443 is in use
\t[ERROR Port-10259]: Port 10259 is in use
error: error execution phase preflight: preflight checks failed
"""
WRONG_HASH = """\
[preflight] Running pre-flight checks
error: error execution phase preflight: couldn't validate the identity of the API Server: \
cluster CA found in cluster-info ConfigMap is invalid: none of the public keys \
"sha256:652b8df3cee66a8cb67f92eaa13c05ed7cf1e8b2b6f21d413f0a113da70c9850" are pinned
To see the stack trace of this error execute with --v=5 or higher
"""
NO_RUNTIME = """\
time="2026-11-21T13:59:01Z" level=fatal msg="validate service connection: validate CRI v1 runtime \
API for endpoint \"unix:///run/containerd/containerd.sock\": rpc error: code = Unavailable desc = \
connection error: desc = \"transport: Error while dialing: dial unix \
/run/containerd/containerd.sock: connect: no such file or directory\""
"""
CHECKSUM = f"KB-CHECKSUM https://x/kubelet has sha256 {'a' * 64}, but {'b' * 64} is published\n"

INIT = Detached(why="x", name="init", title="kubeadm init", body="", seconds=1)
JOIN = Detached(why="x", name="join", title="kubeadm join", body="", seconds=1)
IMAGES = Detached(why="x", name="images", title="pull", body="", seconds=1)
UPGRADE = Detached(why="x", name="upgrade-v1.35.1", title="pull", body="", seconds=1)
PUT = PutFile(why="x", path="/etc/motd", body="x")
VALIDATE = Run(why="x", title="kubeadm config validate (v1.34.2)", body="")
WAIT = Run(why="x", title="wait until containerd answers", body="")


@pytest.mark.parametrize(
    ("action", "output", "code"),
    [
        (INIT, INIT_AGAIN, "KB321"),
        (INIT, PORTS, "KB306"),
        (JOIN, "\t[ERROR CRI]: container runtime is not running\n", "KB305"),
        (INIT, "\t[ERROR ImagePull]: failed to pull image registry/pause:3.10\n", "KB324"),
        (JOIN, "error: etcdserver: too many learner members in cluster\n", "KB436"),
        (WAIT, NO_RUNTIME, "KB305"),
        (IMAGES, NO_RUNTIME, "KB305"),
        (UPGRADE, NO_RUNTIME, "KB305"),
        (JOIN, WRONG_HASH, "KB501"),
        (PUT, CHECKSUM, "KB502"),
        (INIT, "timed out waiting for the condition\n", "KB322"),
        (JOIN, "timed out waiting for the condition\n", "KB323"),
        (UPGRADE, "timed out waiting for the condition\n", "KB350"),
        (UPGRADE, "\t[ERROR CreateJob]: Job did not complete in 15s\n", "KB321"),
        (IMAGES, "", "KB324"),
        (IMAGES, "KB-PULL cannot pull x\n", "KB324"),
        (
            IMAGES,
            "KB-SNAPSHOT the snapshot has an older revision than etcd had before it\n",
            "KB363",
        ),
        (IMAGES, "KB-RESTORE etcdutl did not restore the snapshot\n", "KB364"),
        (WAIT, "KB-READY the API server is not ready after 300 s\n", "KB330"),
        (PUT, "KB-HERE cannot write /home/op/x.db.part: No space left on device", "KB345"),
        (PUT, "dd: error writing '/etc/.kb': No space left on device\n", "KB303"),
        (JOIN, "error: write /etc/kubernetes/pki/etcd/ca.key: no space left on device\n", "KB303"),
        (VALIDATE, 'error: strict decoding error: unknown field "x"\n', "KB320"),
        (VALIDATE, "error: something else\n", "KB320"),
        (VALIDATE, "KB-VERSION kubeadm on this node is v1.33.0, ...\n", "KB310"),
        (WAIT, "containerd.service does not answer at /run/x.sock after 30 s\n", "KB305"),
        (Unit(why="x", command="restart", name="crio.service"), "Job for crio failed\n", "KB305"),
        (Unit(why="x", command="restart", name="other.service"), "Job failed\n", "KB300"),
        (PUT, "sh: 1: nonsense: not found\n", "KB300"),
        (PUT, "", "KB300"),
    ],
)
def test_the_message_of_a_failure_chooses_its_code(action: Action, output: str, code: str) -> None:
    error = failure(action, output, 1)
    assert error.code.id == code
    assert "\n" not in error.message


def test_preflight_errors_are_named_once_and_shown_all() -> None:
    error = failure(INIT, INIT_AGAIN, 1)

    assert error.message == (
        "kubeadm init: Port-6443, FileAvailable--etc-kubernetes-manifests-etcd.yaml, HTTPProxyCIDR"
    )
    assert len(error.detail.splitlines()) == 4
    assert error.exit_code is ExitCode.FAILED


def test_what_must_be_trusted_says_what_was_found() -> None:
    error = failure(PUT, CHECKSUM, 1)
    assert "a" * 64 in error.message
    assert "b" * 64 in error.message
    assert "652b8df3" in failure(JOIN, WRONG_HASH, 1).message
    assert error.exit_code is ExitCode.TRUST


def test_no_secret_of_a_command_gets_into_its_error() -> None:
    said = f"join --token abcdef.0123456789abcdef --certificate-key {'0a' * 32}\n"
    error = failure(JOIN, said, 1)
    assert error.detail == "join --token *** --certificate-key ***"


def test_the_last_message_leaves_out_noise_and_advice() -> None:
    said = "W1121 02:00:00.0 1 x.go:1] noise\n\nreason\nTo see the stack trace of this error ...\n"
    assert last_words(said) == "reason"
    zap = '{"level":"warn","logger":"etcd-client","msg":"retrying of unary invoker failed"}\n'
    assert last_words(zap + "reason\n" + zap) == "reason"
    readyz = (
        'an error ("[+]ping ok\n[+]log ok\n[-]etcd failed: reason withheld\n[+]x ok\nfailed")\n'
    )
    assert last_words(readyz) == 'an error ("[+]ping ok\n[-]etcd failed: reason withheld\nfailed")'
    assert last_words("E1121 02:00:00.0 1 x.go:1] only this\n").startswith("E1121")
    assert len(last_words("line\n" * 100).splitlines()) == LAST_LINES


@pytest.mark.parametrize("tool", ["printf", "echo"])
def test_a_full_disk_as_dash_reports_it(tool: str) -> None:
    error = failure(Run(why="", title="x", body=""), f"sh: 168: {tool}: {tool}: I/O error", 1)

    assert error.code.id == "KB303"


def test_signs_between_scripts_and_us_are_not_shown() -> None:
    for output in (CHECKSUM, "KB-PULL cannot pull pause:3.10\nnot found\n", "x\nKB-READY no\n"):
        error = failure(IMAGES, output, 1)

        assert "KB-" not in f"{error.message}{error.detail}", output
