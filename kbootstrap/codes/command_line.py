"""KB190 to KB199: an argument of the command, or a file that it names, is wrong."""

from kbootstrap.errors import Code

UNKNOWN_NODE = Code(
    "KB190",
    "no such node",
    "Use a name under `nodes` in the inventory (`-i` names another inventory).",
)
UNKNOWN_PHASE = Code("KB191", "no such phase", "`kbootstrap phases` lists them.")
JOIN_FIRST = Code(
    "KB192",
    "no control plane is left to join through",
    "Use `kbootstrap up`, which initialises the first control plane and joins the others.",
)
FILE_EXISTS = Code("KB193", "the file exists", "Name another file with --to, or remove this one.")
BAD_MANIFEST = Code(
    "KB194",
    "a manifest cannot be used",
    "Correct the file named in `cni.manifests`; `kubectl apply --dry-run=client -f FILE` checks "
    "it.",
)
NO_FILE = Code(
    "KB195",
    "a local file cannot be read or written",
    "Name a file that you may use, in an existing directory, on a disk with room (`df -h`).",
)
NOT_GONE = Code(
    "KB196",
    "these nodes cannot all be removed with --unreachable",
    "Name the nodes that are lost; at least one control plane must remain.",
)
BAD_PINS = Code(
    "KB197",
    "the pins file cannot be read",
    "Restore the file from version control, or remove it, run `kbootstrap pin` and review the new "
    "one.",
)
NOT_A_PLAN = Code(
    "KB198",
    "the file does not hold a plan",
    "Name a file that `kbootstrap plan --save FILE` of this version wrote.",
)
ADOPTS_WHICH = Code(
    "KB199",
    "it is not clear which cluster is meant",
    "`import` needs a control plane, `--from USER@HOST`; `--adopt` needs `cluster.ca_hash` in the "
    "inventory, which `import` prints. See docs/adopt.md.",
)
