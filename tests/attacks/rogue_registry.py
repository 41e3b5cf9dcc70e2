"""A registry that lies, and a runtime that pulls from it and prints what it answers.

The registry is the release site's server with the paths of the distribution API
(https://distribution.github.io/distribution/spec/api/). The runtime is a `crictl` of a few lines:
it asks for an image's manifest with curl and prints a refusal as it comes, without a limit in size
or time. What kbootstrap runs on the node is what is under attack.
"""

import json
import shlex
from dataclasses import dataclass
from pathlib import Path

from kbootstrap.action import Detached
from kbootstrap.engine.request_builder import first_failure, host_parts
from kbootstrap.errors import KbError
from kbootstrap.remote.local import LocalConnection
from kbootstrap.remote.protocol import Part
from kbootstrap.render import render
from tests.attacks.release_site import Answer, ReleaseSite, sending, writing

VERSION = "v1.34.2"
REPOSITORY = "registry.example/k8s"
CRICTL = """\
#!/bin/sh
# crictl, as far as kbootstrap's scripts call it.
here={here}
case $1 in
  images) cat "$here/images.json" ;;
  pull)
    shift
    [ "$1" != -- ] || shift
    printf '%s\\n' "$1" >>"$here/pulled"
    path=${{1#*/}}
    curl --silent --show-error --location --cacert {ca} --output "$here/answer" \\
      --write-out '%{{http_code}}' \\
      "{url}/v2/${{path%:*}}/manifests/${{path##*:}}" >"$here/status" || exit 1
    if [ "$(cat "$here/status")" != 200 ]; then
      printf 'FATA[0000] pulling image: rpc error: code = Unknown desc = '
      cat "$here/answer"
      exit 1
    fi
    ;;
esac
"""
KUBEADM = """\
#!/bin/sh
here={here}
[ ! -e "$here/broken" ] || {{ echo "unable to list images: no such version" >&2; exit 1; }}
cat "$here/list"
"""


@dataclass
class RogueRegistry:
    """The registry, and a node that pulls from it.

    Attributes:
        site: its server; `asked` and `logins` are what clients sent.
        node: the directory of the node's tools, its list of images and what it pulled.

    """

    site: ReleaseSite
    node: Path

    def serve(self, name: str, tag: str = VERSION) -> str:
        """An honest manifest; returns the image."""
        self.answer(name, tag, sending(json.dumps({"schemaVersion": 2, "layers": []}).encode()))
        return f"{REPOSITORY}/{name}:{tag}"

    def refuse(self, name: str, text: str, tag: str = VERSION) -> str:
        """A refusal with a text of the registry's own; returns the image."""
        body = text.encode()
        head = b"HTTP/1.1 403 Forbidden\r\nContent-Length: %d\r\n\r\n" % len(body)
        self.answer(name, tag, writing(head + body))
        return f"{REPOSITORY}/{name}:{tag}"

    def answer(self, name: str, tag: str, answer: Answer) -> None:
        """Anything else that is said about an image."""
        self.site.answer(f"/v2/k8s/{name}/manifests/{tag}", answer)

    # --- the node

    def lists(self, *images: str) -> None:
        """What kubeadm prints as the images of this version."""
        (self.node / "list").write_text("".join(f"{image}\n" for image in images))

    def has(self, images: list[dict[str, object]]) -> None:
        """What the runtime has, as crictl prints it."""
        (self.node / "images.json").write_text(json.dumps({"images": images}, indent=2))

    @property
    def pulled(self) -> list[str]:
        """The images that the runtime was asked to pull."""
        file = self.node / "pulled"
        return file.read_text().splitlines() if file.exists() else []

    def pull(self, seconds: int = 20, only: str = "*") -> KbError | None:
        """The action of the images phase, on this host as the node; its error."""
        body = render("kubeadm/pull.sh.j2", config=str(self.node / "config"), only=only)
        action = Detached(why="x", name="images", title="pull", body=body, seconds=seconds)
        made = host_parts([action], {})
        connection = LocalConnection(("dash",), state=self.node / "state")
        parts = [Part(part.id, self._path() + part.script) for _, part in made]
        return first_failure(made, connection.perform(parts, run_id="run1"))

    def present(self, only: str = "*") -> bool:
        """What the probe of the images phase finds."""
        config = str(self.node / "config")
        body = render("kubeadm/images_probe.sh.j2", config=config, only=only, beyond=VERSION)
        connection = LocalConnection(("dash",), state=self.node / "state")
        reply = connection.perform([Part("p", self._path() + body, "probe")], run_id="run1")
        assert reply.part("p").rc == 0, reply.part("p").stderr
        return "present=1" in reply.output("p").splitlines()

    def _path(self) -> str:
        return f"PATH={shlex.quote(str(self.node / 'bin'))}:$PATH; export PATH\n"


def registry(site: ReleaseSite, node: Path) -> RogueRegistry:
    """A registry on this site, and a node in this directory."""
    (node / "bin").mkdir(parents=True)
    (node / "config").write_text(f"kubernetesVersion: {VERSION}\n")
    fields = {"here": shlex.quote(str(node)), "ca": shlex.quote(str(site.ca)), "url": site.https}
    for name, text in {"crictl": CRICTL, "kubeadm": KUBEADM}.items():
        path = node / "bin" / name
        path.write_text(text.format(**fields))
        path.chmod(0o700)
    made = RogueRegistry(site, node)
    made.has([])
    return made
