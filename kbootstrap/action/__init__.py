"""What can be changed, as data: the plan prints these objects and the runner carries them out.

A phase's ``plan`` yields actions; nothing else changes a host, the API or a local file.
The plan line (`Action.text`) and the deed come from the same fields, so they cannot
disagree. Values that exist only at run time (a join token, a certificate key, a node's
pod CIDR) travel through named *slots*: the plan names the slot, the runner fills it.
"""

from kbootstrap.action.api import (
    ApiAction,
    ApplyManifest,
    AwaitPodCidr,
    AwaitPods,
    AwaitReady,
    AwaitRollout,
    BoundCerts,
    Cordon,
    DeleteNode,
    Drain,
    DropCerts,
    DropTokens,
    EnableAddon,
    MakeToken,
    MintKey,
    SetNodeMeta,
    Uncordon,
)
from kbootstrap.action.base import Action, Effects, Risk, worst
from kbootstrap.action.etcd import (
    AwaitEtcd,
    AwaitVoters,
    EtcdAction,
    FetchFile,
    ProveEmpty,
    PutSnapshot,
    RemoveMember,
    WipeEtcd,
)
from kbootstrap.action.host import (
    Detached,
    FetchProgram,
    HostAction,
    PutFile,
    PutProgram,
    PutSlots,
    Remove,
    Run,
    Unit,
    bundles,
    put_command,
    write_commands,
)
from kbootstrap.action.local import KeepSnapshot, LocalAction, WriteKubeconfig
from kbootstrap.action.lock import SwapRecord, read_record

__all__ = [
    "Action",
    "ApiAction",
    "ApplyManifest",
    "AwaitEtcd",
    "AwaitPodCidr",
    "AwaitPods",
    "AwaitReady",
    "AwaitRollout",
    "AwaitVoters",
    "BoundCerts",
    "Cordon",
    "DeleteNode",
    "Detached",
    "Drain",
    "DropCerts",
    "DropTokens",
    "Effects",
    "EnableAddon",
    "EtcdAction",
    "FetchFile",
    "FetchProgram",
    "HostAction",
    "KeepSnapshot",
    "LocalAction",
    "MakeToken",
    "MintKey",
    "ProveEmpty",
    "PutFile",
    "PutProgram",
    "PutSlots",
    "PutSnapshot",
    "Remove",
    "RemoveMember",
    "Risk",
    "Run",
    "SetNodeMeta",
    "SwapRecord",
    "Uncordon",
    "Unit",
    "WipeEtcd",
    "WriteKubeconfig",
    "bundles",
    "put_command",
    "read_record",
    "worst",
    "write_commands",
]
