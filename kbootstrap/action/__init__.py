"""Actions: changes as data, which the plan prints and the runner applies.

A phase's ``plan`` yields actions; nothing else changes a node, the API or a local file. The plan
line (`Action.text`) and the script come from the same fields, so they agree. A value that exists
only at run time (a join token, a certificate key, a pod CIDR) has a named *placeholder*: the plan
names it, the runner fills it in.
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
    ExpireCerts,
    MakeCertificateKey,
    MakeToken,
    ReadCaHash,
    SetNodeMeta,
    Uncordon,
)
from kbootstrap.action.base import Action, Effects, Risk, worst
from kbootstrap.action.configuration import (
    RemoveAddon,
    RollOutProxy,
    SetAddonImage,
    SetClusterConfiguration,
    SwitchAddon,
)
from kbootstrap.action.endpoint import RecordEndpoints, SetClusterInfo, SetProxyEndpoint
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
from kbootstrap.action.rotation import FinishRotation, ReadSecret, RestartWorkloads
from kbootstrap.action.stored import SetStored

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
    "EtcdAction",
    "ExpireCerts",
    "FetchBinary",
    "FetchFile",
    "FinishRotation",
    "HostAction",
    "LocalAction",
    "MakeCertificateKey",
    "MakeToken",
    "PutBinary",
    "PutFile",
    "PutSnapshot",
    "PutTemplate",
    "ReadCaHash",
    "ReadSecret",
    "RecordEndpoints",
    "Remove",
    "RemoveAddon",
    "RemoveMember",
    "RestartWorkloads",
    "Risk",
    "RollOutProxy",
    "Run",
    "SetAddonImage",
    "SetClusterConfiguration",
    "SetClusterInfo",
    "SetNodeMeta",
    "SetProxyEndpoint",
    "SetStored",
    "StoreSnapshot",
    "SwitchAddon",
    "Uncordon",
    "Unit",
    "WipeEtcd",
    "WriteKubeconfig",
    "bundles",
    "put_command",
    "worst",
    "write_commands",
]
