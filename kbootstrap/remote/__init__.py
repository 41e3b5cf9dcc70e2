"""How scripts reach machines: one SSH connection per host, one round trip per request.

Called by ``kbootstrap.engine`` and ``kbootstrap.commands``. From the bottom up:

- `wire` says what goes up; `frames`, with `live` and `capture`, reads what comes back: no I/O;
- `scripts` loads the shell text, templates/remote, that runs at the other end;
- `hostkeys`, `secretsource`, `meter` and `faults` are plain tables and counters;
- `ssh` and `keys` are the only door to Fabric and Paramiko: they open a tuned, checked login;
- `pool` shares jump hosts and errors, `exchange` moves one request over one channel;
- `session` (`Hosts`, `Connection`) and `local` (`LocalConnection`) are what others use;
- `forward` lends a TCP port that ends at the host;
- `kube`, `kubehttp` and `drain` speak to the Kubernetes API.
"""
