"""Images of pods: looked up in the runtime, pulled when missing."""

from __future__ import annotations

import threading
import time

from tests.standin import switches
from tests.standin.cri.client import Client
from tests.standin.cri.grpc import GrpcError

BACK_OFF = 10  # seconds until the next try, as the kubelet's first
FRESH = 3  # seconds for which a failed try is shown as such


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
        if image not in self.pulling and waited > BACK_OFF:
            self.pulling.add(image)
            threading.Thread(target=self._pull, args=(image,), daemon=True).start()
        return False

    def waiting(self, image: str) -> dict[str, str]:
        """Why a container of this image does not run, as the kubelet says it."""
        error = self.errors.get(image)
        if error is None:
            return {"reason": "ContainerCreating"}
        if time.monotonic() - self.tried[image] < FRESH:
            return {"reason": "ErrImagePull", "message": error}
        words = f'Back-off pulling image "{image}": ErrImagePull: {error}'
        return {"reason": "ImagePullBackOff", "message": words}

    def _pull(self, image: str) -> None:
        try:
            self.runtime.pull(image)
        except GrpcError as err:
            self.tried[image] = time.monotonic()
            self.errors[image] = str(err)
        self.pulling.discard(image)
