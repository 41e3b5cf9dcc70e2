"""(d) Commands on connections that are open; divided by their number."""

from pyinfra.operations import server

for number in range(6):
    server.shell(name=f"step {number}", commands=["true"])
