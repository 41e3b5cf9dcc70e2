"""(c) The same twenty files as one archive: the fastest pyinfra can do."""

import os
import sys

sys.path.insert(0, os.path.dirname(__file__))
from common import SCENE  # noqa: E402
from pyinfra.operations import files, server  # noqa: E402

put = files.put(src=str(SCENE / "files.tar"), dest="/var/tmp/bench.tar", mode="644")
server.shell(commands=["tar -xf /var/tmp/bench.tar -C /etc/bench.d"], _if=put.did_change)
