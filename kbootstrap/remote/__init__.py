"""Runs scripts on nodes: one SSH connection per node, one round trip per request.

From the bottom up:

- `protocol` defines requests and replies; `reply_reader` parses replies, with `output_stream` and
  `bounded_buffer`; no I/O;
- `shell_library` loads the shell functions of templates/remote that are sent with a request;
- `host_keys`, `secret_source`, `meter` and `ssh_errors` are tables and counters;
- only `ssh` and `private_keys` import Fabric and Paramiko; they open verified connections;
- `pool` shares jump hosts and errors, `transfer` sends one request over one channel;
- `hosts` (`Hosts`, `Connection`) and `local` (`LocalConnection`) are used by other packages;
- `forward` opens a local TCP port that is forwarded to a node;
- `kube`, `kubehttp` and `drain` use the Kubernetes API.
"""
