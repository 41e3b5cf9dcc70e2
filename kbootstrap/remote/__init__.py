"""Runs scripts on nodes: one SSH connection per node, one round trip per request.

From the bottom up:

- `protocol` defines requests and replies; `reply_reader` parses replies, with `output_stream` and
  `bounded_buffer`; no I/O;
- `shell_library` loads the shell functions of templates/remote that are sent with a request;
- `time_limit` ends what takes too long;
- `known_hosts`, `host_keys`, `secret_source`, `meter` and `ssh_errors` are tables and counters;
- only `ssh`, `ssh_transport`, `private_keys` and `connect_errors` import Fabric or Paramiko;
  they open verified connections;
- `pool` shares jump hosts and errors, `transfer` sends one request over one channel;
- `hosts` (`Hosts`, `Connection`) and `local` (`LocalConnection`) are used by other packages;
- `forward` opens a local TCP port that is forwarded to a node;
- only `https` imports urllib3; it sends one request through such a port, `kubehttp` retries it and
  changes to another server;
- only `kubeclient` imports the kubernetes library; `kubeapi` has its methods, `kubekinds`
  the kinds;
- `kube` (`KubeReader`) and `kubewrite` (`KubeWriter`) use them, with `drain`, `rollout`,
  `manifest_objects` and `system_pods`; `etcd` and `external_etcd` use `kubehttp` only.
"""
