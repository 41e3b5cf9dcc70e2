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
    Cordon,
    DeleteCerts,
    DeleteNode,
    DeleteTokens,
    Drain,
    EnableAddon,
    ExpireCerts,
    MakeCertificateKey,
    MakeToken,
    SetNodeMeta,
    Uncordon,
)
from kbootstrap.action.base import Action, Effects, Risk, worst
from kbootstrap.action.etcd import (
    AwaitEtcd,
    AwaitVoters,
    CheckEtcdEmpty,
    EtcdAction,
    FetchFile,
    PutSnapshot,
    RemoveMember,
    WipeEtcd,
)
from kbootstrap.action.host import (
    Detached,
    FetchBinary,
    HostAction,
    PutBinary,
    PutFile,
    PutTemplate,
    Remove,
    Run,
    Unit,
    bundles,
    put_command,
    write_commands,
)
from kbootstrap.action.local import LocalAction, StoreSnapshot, WriteKubeconfig
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
    "CheckEtcdEmpty",
    "Cordon",
    "DeleteCerts",
    "DeleteNode",
    "DeleteTokens",
    "Detached",
    "Drain",
    "Effects",
    "EnableAddon",
    "EtcdAction",
    "ExpireCerts",
    "FetchBinary",
    "FetchFile",
    "HostAction",
    "LocalAction",
    "MakeCertificateKey",
    "MakeToken",
    "PutBinary",
    "PutFile",
    "PutSnapshot",
    "PutTemplate",
    "Remove",
    "RemoveMember",
    "Risk",
    "Run",
    "SetNodeMeta",
    "StoreSnapshot",
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
