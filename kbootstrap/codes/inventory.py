"""KB100 to KB169: the inventory is wrong; from KB150 on, warnings about it."""

from kbootstrap.errors import Code

INV_BROKEN = Code(
    "KB100",
    "the inventory has errors",
    "Correct the lines named above, then run `kbootstrap validate INVENTORY`.",
)
INV_UNREADABLE = Code(
    "KB101",
    "the inventory file cannot be read",
    "Name an existing UTF-8 file; `kbootstrap init` writes a starter.",
)
INV_YAML = Code(
    "KB102",
    "the file is not valid YAML",
    "Check the line named above and the one before it: indentation, quotes, brackets.",
)
INV_UNKNOWN_KEY = Code(
    "KB103",
    "a key that the inventory does not have",
    "Correct or remove the key; `kbootstrap schema` lists them all for your editor.",
)
INV_MISSING_KEY = Code(
    "KB104",
    "a required key is missing",
    "Add the key; docs/inventory.md describes each.",
)
INV_TYPE = Code(
    "KB105",
    "a value of the wrong type",
    "Write the value in the form named; text that looks like a number needs quotes.",
)
INV_DUPLICATE_KEY = Code(
    "KB106",
    "the same key twice in one mapping",
    "Keep one of the two; YAML would silently use the last.",
)
INV_YAML_TRAP = Code(
    "KB107",
    "YAML reads this value as something else",
    "Put the text in quotes, or write true or false for a boolean.",
)
INV_VALUE = Code(
    "KB108",
    "a value that is not allowed here",
    "Use one of the values named.",
)
INV_SECRET = Code(
    "KB109",
    "a secret must not be in the inventory",
    "Refer to it: {{env: NAME}}, {{file: PATH}} or {{prompt: TEXT}}; change it if it was shared.",
)
INV_VERSION = Code(
    "KB110",
    "not a Kubernetes version that can be installed",
    "Name an exact release such as v1.34.2.",
)
INV_NAME = Code(
    "KB111",
    "not a valid name",
    "Use lower-case letters, digits and '-', starting and ending with a letter or digit.",
)
INV_ADDRESS = Code(
    "KB112",
    "not a usable address",
    "Name an address by which other nodes reach this one.",
)
INV_TWICE = Code(
    "KB113",
    "two entries that must differ are the same",
    "Give each node its own name and address.",
)
INV_UNKNOWN_NAME = Code(
    "KB114",
    "a name that is not defined in this inventory",
    "Correct the name, or define the node or group.",
)
INV_ROLES = Code(
    "KB115",
    "the roles do not form a cluster",
    "Give at least one node the role control-plane or both.",
)
INV_ENDPOINT = Code(
    "KB116",
    "the API endpoint is missing or wrong",
    "Set api.endpoint to host:port of a stable DNS name or virtual address.",
)
INV_CIDR = Code(
    "KB117",
    "not an address range",
    "Write one range, or one IPv4 and one IPv6 range, such as 10.244.0.0/16.",
)
INV_OVERLAP = Code(
    "KB118",
    "address ranges overlap",
    "Choose ranges that no node, pod or service range overlaps.",
)
INV_FAMILY = Code(
    "KB119",
    "IPv4 and IPv6 do not match",
    "Use the same families in the same order for pods, services and nodes.",
)
INV_SIZE = Code(
    "KB120",
    "an address range has a size kubeadm refuses",
    "Pods: the per-node range (/24, IPv6 /64) or up to 16 bits larger;"
    " services: /12 to /28, IPv6 /108 to /124.",
)
INV_LABEL = Code(
    "KB121",
    "not a valid node label",
    "Write [prefix/]name: value, each part at most 63 letters, digits, '-', '_' or '.'.",
)
INV_TAINT = Code(
    "KB122",
    "not a valid taint",
    "Write key=value:Effect or key:Effect with NoSchedule, PreferNoSchedule or NoExecute.",
)
INV_ARGUMENT = Code(
    "KB123",
    "a component argument that cannot be passed",
    "Use the inventory key named instead, or remove the argument.",
)
INV_PREFLIGHT = Code(
    "KB124",
    "not a preflight check of kubeadm",
    "Name checks exactly; kubeadm accepts wrong names silently and then ignores nothing.",
)
INV_PHASE = Code(
    "KB125",
    "not a phase of kubeadm that can be skipped",
    "Use a phase name as printed by `kubeadm init --help`, children as parent/child.",
)
INV_FEATURE_GATE = Code(
    "KB126",
    "not a feature gate of this kubeadm",
    "Kubeadm has few gates of its own; gates of components go to their feature-gates argument.",
)
INV_DURATION = Code(
    "KB127",
    "not a duration",
    "Write whole seconds, minutes or hours with their unit, such as 90s, 4m or 1h30m.",
)
INV_PATH = Code(
    "KB128",
    "a path that is not allowed or does not exist",
    "Paths on nodes are absolute; local paths are relative to the inventory.",
)
INV_PATCHES = Code(
    "KB129",
    "a patch file that kubeadm would ignore",
    "Name it target[suffix][+strategic|merge|json].yaml or .json, or remove it from there.",
)
INV_IMAGE = Code(
    "KB130",
    "not an image repository or image",
    "Write host[:port]/path without a scheme; only the pause image has a tag.",
)
INV_HOST_KEY = Code(
    "KB131",
    "not an SSH public key",
    "Paste type and key as `ssh-keyscan HOST` prints them after the host name.",
)
INV_CONTRADICTION = Code(
    "KB132",
    "two settings contradict each other",
    "Keep the one you mean and remove the other.",
)
INV_OWNED = Code(
    "KB133",
    "a setting that kbootstrap sets itself",
    "Remove it; use the inventory key named if you need another value.",
)
INV_URL = Code(
    "KB134",
    "not a usable URL",
    "Write scheme://host[:port]/path with the scheme named.",
)
INV_MODE = Code(
    "KB135",
    "not a file mode or owner",
    'Write the mode as four digits in quotes, such as "0644", the owner as user:group.',
)
INV_W_ETCD_QUORUM = Code(
    "KB150",
    "an even number of control planes",
    "Use one, three or five: an even number tolerates no more failures than one less.",
)
INV_W_RENDER_ONLY = Code(
    "KB151",
    "a Kubernetes version that is rendered but not tested",
    "Use v1.31 or later unless you must not.",
)
INV_W_PREFLIGHT_ALL = Code(
    "KB152",
    "all preflight checks are ignored",
    "Ignore single checks by name: `all` also hides taken ports and old data.",
)
INV_W_NO_WORKER = Code(
    "KB153",
    "no node can run workloads",
    "Add a worker, or give a control plane the role both.",
)
INV_W_TAINTS = Code(
    "KB154",
    "workloads may run on a control plane",
    "Add node-role.kubernetes.io/control-plane:NoSchedule to its taints, or use the role both.",
)
INV_W_ENDPOINT = Code(
    "KB155",
    "the API endpoint is one of the nodes",
    "Use a virtual address or a DNS name, or the API is lost with that node.",
)
INV_W_NO_CNI = Code(
    "KB156",
    "no pod network is chosen",
    "Set cni.type to bridge or manifest; nodes stay NotReady until a network is installed.",
)
INV_W_SUDO = Code(
    "KB157",
    "a login that is neither root nor uses sudo",
    "Set ssh.become: true, unless this user has uid 0.",
)
INV_W_SETTING = Code(
    "KB158",
    "a setting that may have no effect",
    "Compare its name with the component's reference; unknown fields are dropped silently.",
)
