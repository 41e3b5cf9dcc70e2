"""Names that kubeadm and the kubelet accept, because both ignore wrong ones silently.

Sources: cmd/kubeadm/app (preflight/checks.go, features/features.go, cmd/phases) and
staging/src/k8s.io/kubelet/config/v1beta1 of https://github.com/kubernetes/kubernetes, v1.34;
feature gates also of the releases in which they changed.
"""

from kbootstrap.components import CONTROLLER_MANAGER, SCHEDULER, STATIC_PODS


def _names(text: str) -> tuple[str, ...]:
    return tuple(text.split())


PREFLIGHT_CHECKS = (
    "IsPrivilegedUser",
    "NumCPU",
    "Mem",
    "KubernetesVersion",
    "Firewalld",
    "HTTPProxy",
    "HTTPProxyCIDR",
    "CRI",
    "ContainerRuntimeVersion",
    "Swap",
    "SystemVerification",
    "Hostname",
    "KubeletVersion",
    "Service-kubelet",
    "ExternalEtcdVersion",
    "ExternalEtcdClientCertificates",
    "ImagePull",
    "CoreDNSUnsupportedPlugins",
    "CoreDNSMigration",
    "CreateJob",
    "ControlPlaneNodesReady",
    "StaticPodManifest",
)
# Checks named after a port, directory or file.
PREFLIGHT_FAMILIES = (
    r"Port-[0-9]{1,5}",
    r"DirAvailable--.+",
    r"FileAvailable--.+",
    r"FileContent--.+",
    r"FileExisting-[^-].*",
)

_CERTS = (
    "ca",
    "apiserver",
    "apiserver-kubelet-client",
    "front-proxy-ca",
    "front-proxy-client",
    "etcd-ca",
    "etcd-server",
    "etcd-peer",
    "etcd-healthcheck-client",
    "apiserver-etcd-client",
    "sa",
)
_CHILDREN = {
    "certs": _CERTS,
    "kubeconfig": ("admin", "super-admin", "kubelet", "controller-manager", "scheduler"),
    "etcd": ("local",),
    "control-plane": ("apiserver", "controller-manager", "scheduler"),
    "upload-config": ("kubeadm", "kubelet"),
    "kubelet-finalize": ("enable-client-cert-rotation", "experimental-cert-rotation"),
    "addon": ("coredns", "kube-proxy"),
    "control-plane-prepare": ("download-certs", "certs", "kubeconfig", "control-plane"),
    "control-plane-join": ("etcd", "update-status", "mark-control-plane"),
}
_SINGLE_PHASES = (
    "preflight",
    "kubelet-start",
    "wait-control-plane",
    "upload-certs",
    "mark-control-plane",
    "bootstrap-token",
    "show-join-command",
    "check-etcd",
    "etcd-join",
    "kubelet-wait-bootstrap",
)
PHASES = (
    *_SINGLE_PHASES,
    *_CHILDREN,
    *(f"{parent}/{child}" for parent, children in _CHILDREN.items() for child in children),
)
# No other node can join without what these phases make.
PHASES_JOINS_NEED = ("bootstrap-token", "upload-config", "upload-config/kubeadm")
PHASES_OF_ADDONS = {
    "addon": "addons.dns and addons.kube_proxy",
    "addon/coredns": "addons.dns",
    "addon/kube-proxy": "addons.kube_proxy",
}

# kubeadm's feature gates: first and last minor that have it; None: still there.
FEATURE_GATES: dict[str, tuple[int, int | None]] = {
    "ControlPlaneKubeletLocalMode": (31, None),
    "EtcdLearnerMode": (27, 32),
    "NodeLocalCRISocket": (32, None),
    "PublicKeysECDSA": (27, None),
    "RootlessControlPlane": (27, 33),
    "UpgradeAddonsBeforeControlPlane": (28, 30),
    "WaitForAllControlPlaneComponents": (30, None),
}
FEATURE_GATES_KNOWN_TO = 35  # later releases may have more; kubeadm itself reports wrong ones

PATCH_TARGETS = (
    *STATIC_PODS,
    "kubeletconfiguration",
    "corednsdeployment",
)

# Arguments that kubeadm or kbootstrap sets, and the inventory key for each.
OWNED_ARGUMENTS = {
    "api_server": {
        "advertise-address": "the node's advertise_address",
        "secure-port": "api.bind_port",
        "service-cluster-ip-range": "network.service_cidr",
        "etcd-servers": "etcd.external.endpoints",
    },
    "controller_manager": {
        "cluster-cidr": "network.pod_cidr",
        "service-cluster-ip-range": "network.service_cidr",
        "cluster-name": "cluster.name",
    },
    "scheduler": {},
    "etcd": {"data-dir": "etcd.data_dir", "name": "the node's name"},
}
OWNED_KUBELET_ARGUMENTS = {
    "bootstrap-kubeconfig": "nothing: kubeadm sets it",
    "config": "kubelet",
    "container-runtime-endpoint": "runtime.type",
    "hostname-override": "the node's name",
    "kubeconfig": "nothing: kubeadm sets it",
    "node-labels": "labels",
    "pod-manifest-path": "nothing: kubeadm sets it",
    "register-with-taints": "taints",
}
# Kubelet flags that were removed: the first minor whose kubelet does not start with them, and
# the key of the inventory to use instead.
REMOVED_KUBELET_FLAGS = {
    "container-runtime": (27, "runtime.type"),
    "pod-infra-container-image": (35, "registry.pause"),
}

STATIC_POD_PATH = "/etc/kubernetes/manifests"
# Files that kubeadm writes; its preflight checks fail if they exist.
KUBEADM_FILES = (
    *(f"{STATIC_POD_PATH}/{name}.yaml" for name in STATIC_PODS),
    *(
        f"/etc/kubernetes/{name}.conf"
        for name in (
            "admin",
            "super-admin",
            "kubelet",
            "bootstrap-kubelet",
            "controller-manager",
            "scheduler",
        )
    ),
    "/etc/kubernetes/pki/ca.crt",
    "/etc/kubernetes/pki/ca.key",
    "/var/lib/kubelet/config.yaml",
    "/var/lib/kubelet/kubeadm-flags.env",
)
# Directories that hold more than etcd's data; `kubeadm reset` empties the data directory.
SHARED_FOLDERS = _names(
    "/bin /boot /dev /etc /etc/kubernetes /home /lib /mnt /opt /proc /root /run /sbin /srv /sys"
    " /tmp /usr /usr/local /var /var/lib /var/lib/containerd /var/lib/containers"
    " /var/lib/kubelet /var/log"
)
TAKEN_PORTS = {
    22: "SSH",
    2379: "etcd",
    2380: "etcd",
    10248: "the kubelet",
    10249: "kube-proxy",
    10250: "the kubelet",
    10256: "kube-proxy",
    10257: CONTROLLER_MANAGER,
    10259: SCHEDULER,
}

KUBELET_FIELDS = _names(
    """
    address allowedUnsafeSysctls apiVersion authentication authorization cgroupDriver cgroupRoot
    cgroupsPerQOS clusterDNS clusterDomain configMapAndSecretChangeDetectionStrategy
    containerLogMaxFiles containerLogMaxSize containerLogMaxWorkers containerLogMonitorInterval
    containerRuntimeEndpoint contentType cpuCFSQuota cpuCFSQuotaPeriod cpuManagerPolicy
    cpuManagerPolicyOptions cpuManagerReconcilePeriod crashLoopBackOff enableContentionProfiling
    enableControllerAttachDetach enableDebugFlagsHandler enableDebuggingHandlers
    enableProfilingHandler enableServer enableSystemLogHandler enableSystemLogQuery
    enforceNodeAllocatable eventBurst eventRecordQPS evictionHard evictionMaxPodGracePeriod
    evictionMinimumReclaim evictionPressureTransitionPeriod evictionSoft evictionSoftGracePeriod
    failCgroupV1 failSwapOn featureGates fileCheckFrequency hairpinMode healthzBindAddress
    healthzPort httpCheckFrequency imageGCHighThresholdPercent imageGCLowThresholdPercent
    imageMaximumGCAge imageMinimumGCAge imagePullCredentialsVerificationPolicy
    imageServiceEndpoint iptablesDropBit iptablesMasqueradeBit kernelMemcgNotification kind
    kubeAPIBurst kubeAPIQPS kubeReserved kubeReservedCgroup kubeletCgroups
    localStorageCapacityIsolation logging makeIPTablesUtilChains maxOpenFiles
    maxParallelImagePulls maxPods memoryManagerPolicy memorySwap memoryThrottlingFactor
    mergeDefaultEvictionSettings nodeLeaseDurationSeconds nodeStatusMaxImages
    nodeStatusReportFrequency nodeStatusUpdateFrequency oomScoreAdj podCIDR podLogsDir
    podPidsLimit podsPerCore port preloadedImagesVerificationAllowlist protectKernelDefaults
    providerID qosReserved readOnlyPort registerNode registerWithTaints registryBurst
    registryPullQPS reservedMemory reservedSystemCPUs resolvConf rotateCertificates runOnce
    runtimeRequestTimeout seccompDefault serializeImagePulls serverTLSBootstrap
    showHiddenMetricsForVersion shutdownGracePeriod shutdownGracePeriodByPodPriority
    shutdownGracePeriodCriticalPods singleProcessOOMKill staticPodPath staticPodURL
    staticPodURLHeader streamingConnectionIdleTimeout syncFrequency systemCgroups systemReserved
    systemReservedCgroup tlsCertFile tlsCipherSuites tlsMinVersion tlsPrivateKeyFile
    topologyManagerPolicy topologyManagerPolicyOptions topologyManagerScope tracing
    userNamespaces volumePluginDir volumeStatsAggPeriod
    """
)
KUBE_PROXY_FIELDS = _names(
    """
    apiVersion bindAddress bindAddressHardFail clientConnection clusterCIDR configSyncPeriod
    conntrack detectLocal detectLocalMode enableProfiling featureGates healthzBindAddress
    hostnameOverride iptables ipvs kind logging metricsBindAddress mode nftables
    nodePortAddresses oomScoreAdj portRange showHiddenMetricsForVersion windowsRunAsService
    winkernel
    """
)
