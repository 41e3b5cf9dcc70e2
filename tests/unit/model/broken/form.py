"""Keys, types, YAML surprises and secrets."""

from kbootstrap import codes
from tests.unit.model.broken.case import Case

NODE = "nodes:\n  - {name: cp1, address: 192.0.2.11, role: control-plane}\n"

FORM = (
    Case(
        "unknown key", codes.INV_UNKNOWN_KEY, "networks", "§networks: {}\n", "registry", "network"
    ),
    Case(
        "unknown key inside",
        codes.INV_UNKNOWN_KEY,
        "nodes[1].adress",
        NODE + "  - {name: w1, §adress: 192.0.2.21, role: worker}\n",
        "advertise_address",
        "address",
    ),
    Case(
        "kubeadm's name for a key",
        codes.INV_UNKNOWN_KEY,
        "network.podSubnet",
        "network: {§podSubnet: 10.1.0.0/16}\n",
        "pod_cidr",
        "network.pod_cidr",
    ),
    Case(
        "the CRI socket is not the user's",
        codes.INV_UNKNOWN_KEY,
        "runtime.criSocket",
        "runtime: {§criSocket: /run/x.sock}\n",
        "settings",
        "runtime.type",
    ),
    Case("missing key", codes.INV_MISSING_KEY, "cluster.name", "§cluster: {}\n", "is missing"),
    Case(
        "endpoint missing for several control planes",
        codes.INV_ENDPOINT,
        "api.endpoint",
        "§api: {bind_port: 6443}\nnodes:\n"
        "  - {name: a, address: 192.0.2.1, role: both}\n"
        "  - {name: b, address: 192.0.2.2, role: both}\n"
        "  - {name: c, address: 192.0.2.3, role: both}\n",
        "3 control planes",
    ),
    Case(
        "wrong type",
        codes.INV_TYPE,
        "nodes[1].ssh.port",
        NODE + '  - {name: w1, address: 192.0.2.21, role: worker, ssh: {port: §"22"}}\n',
        "must be a whole number, not text",
    ),
    Case(
        "number where text is wanted",
        codes.INV_TYPE,
        "nodes[0].labels.tier",
        "nodes:\n  - {name: cp1, address: 192.0.2.11, role: both, labels: {tier: §2}}\n",
        '"2" in quotes',
    ),
    Case(
        "argument that is a number",
        codes.INV_TYPE,
        "kubeadm.extra_args.api_server.v",
        "kubeadm: {extra_args: {api_server: {v: §4}}}\n",
        '"4" in quotes',
    ),
    Case(
        "list for a mapping", codes.INV_TYPE, "api", "api: §[]\n", "must be a mapping, not a list"
    ),
    Case(
        "duplicate key", codes.INV_DUPLICATE_KEY, "cni", "cni: {type: none}\n§cni: {}\n", "in line"
    ),
    Case(
        "yes is not text",
        codes.INV_YAML_TRAP,
        "addons.dns",
        "addons: {dns: §yes}\n",
        '"yes" in quotes for text, or true',
    ),
    Case(
        "a key YAML reads as true",
        codes.INV_YAML_TRAP,
        "defaults.labels.on",
        'defaults: {labels: {§on: "1"}}\n',
        '"on" in quotes',
    ),
    Case(
        "octal number",
        codes.INV_YAML_TRAP,
        "files[0].mode",
        "files:\n  - {path: /etc/x, content: x, mode: §0644}\n",
        '"0644" in quotes',
    ),
    Case(
        "sexagesimal number",
        codes.INV_YAML_TRAP,
        "defaults.labels.rack",
        "defaults: {labels: {rack: §12:30}}\n",
        '"12:30" in quotes',
    ),
    Case("tag", codes.INV_YAML, "cluster", "cluster: §!!python/name:os.system {}\n", "tags"),
    Case(
        "word not in the list",
        codes.INV_VALUE,
        "runtime.type",
        "runtime: {type: §crio}\n",
        "containerd, cri-o",
        "cri-o",
    ),
    Case(
        "secret by value",
        codes.INV_SECRET,
        "defaults.ssh.password",
        "defaults: {ssh: {password: §hunter2}}\n",
        "{env: NAME}",
    ),
    Case(
        "secret in two places",
        codes.INV_SECRET,
        "defaults.ssh.password",
        "defaults: {ssh: {password: §{env: A, file: b}}}\n",
        "exactly one source",
    ),
    Case(
        "password in a URL",
        codes.INV_SECRET,
        "programs.base_url",
        "programs: {base_url: §https://u:hunter2@example.org}\n",
        "must not hold",
    ),
)
