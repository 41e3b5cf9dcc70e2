"""Images of pods: looked up in the runtime, pulled when missing."""

from __future__ import annotations

import threading
import time

from tests.standin import switches
from tests.standin.cri.client import Client
from tests.standin.cri.grpc import GrpcError


class Images:
    """Remembers what is there; pulls happen in the background."""

    def __init__(self, runtime: Client) -> None:
        self.runtime = runtime
        self.known: set[str] = set()
        self.errors: dict[str, str] = {}
        self.pulling: set[str] = set()
        self.tried: dict[str, float] = {}

    def present(self, image: str) -> bool:
        """Whether a container of this image could start now."""
        if image in self.known or switches.get("fake_images"):
            return True
        try:
            if self.runtime.image(image):
                self.known.add(image)
                self.errors.pop(image, None)
                return True
        except GrpcError:
            return False
        waited = time.monotonic() - self.tried.get(image, -60.0)
        if image not in self.pulling and waited > 5:
            self.pulling.add(image)
            threading.Thread(target=self._pull, args=(image,), daemon=True).start()
        return False

    def _pull(self, image: str) -> None:
        try:
            self.runtime.pull(image)
        except GrpcError as err:
            self.errors[image] = str(err)
        self.tried[image] = time.monotonic()
        self.pulling.discard(image)
