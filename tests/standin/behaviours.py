"""What the stand-in does, and the recording or run of the real thing that it was checked against.

`tests/standin_test/test_behaviours.py` lists what the code has (commands, subcommands, API calls,
controllers) and fails for one without a row here, and for a row whose check does not exist.

A check is a name of `TRANSCRIPTS`, or a test: one that compares with the real binaries, or an
end-to-end test that also runs with them (``kind`` "real"). `OWN` marks what has no counterpart.
"""

from __future__ import annotations

# Output of kubeadm, stamped v1.34.2 and v1.35.0, on Debian 12 nodes with containerd 1.6.20 and
# etcd 3.5.30; the day on which it was recorded.
TRANSCRIPTS = {
    "init-config-v1beta4": "2026-11-20",
    "init-v1.34.2-upload-certs": "2026-11-20",
    "init-again": "2026-11-20",
    "join-worker-v1.34.2": "2026-11-20",
    "join-worker-again": "2026-11-20",
    "join-wrong-hash": "2026-11-20",
    "join-control-plane-v1.34.2": "2026-11-20",
    "token-list": "2026-11-20",
    "certs-check": "2026-11-20",
    "config-view": "2026-11-20",
    "etc-kubernetes-tree": "2026-11-20",
    "upgrade-plan-v1.34.2-to-v1.35.0": "2026-11-20",
    "upgrade-apply-v1.35.0": "2026-11-20",
    "upgrade-apply-createjob-failed": "2026-11-20",
    "upgrade-apply-dns-disabled-preflight": "2026-11-20",
    "upgrade-node-control-plane-v1.35.0": "2026-11-20",
    "upgrade-node-worker-v1.35.0": "2026-11-20",
}
OWN = "own"  # between the stand-in's own binaries, or a fault that a test asks for

REAL = "tests/standin_test/test_against_real.py::"
LIFE = "tests/e2e/test_cluster.py::test_up_does_exactly_the_plan"
READY = "tests/e2e/test_cluster.py::test_every_node_is_ready"
LEAVES = "tests/e2e/test_high_availability.py::test_a_control_plane_leaves_with_its_etcd_member"
JOINS = "tests/e2e/test_high_availability.py::test_it_joins_again_and_no_other_node_is_contacted"
SNAPSHOT = "tests/e2e/test_etcd.py::test_a_snapshot_is_stored_on_the_node_and_locally"
RESTORE = "tests/e2e/test_etcd.py::test_all_data_lost"
MANIFEST = "tests/e2e/test_odd_site.py::test_a_second_up_has_nothing_to_do"
UPGRADE = "tests/e2e/test_upgrade_real.py::test_an_upgrade_without_an_outage"
LEASE = "tests/e2e/test_lock.py::test_killed_and_the_same_command_goes_on_at_once"
UNLOCK = "tests/e2e/test_lock.py::test_status_names_and_unlock_deletes_what_a_killed_join_left"
LEARNER = "tests/e2e/test_reset.py::test_a_learner_that_never_started_is_named_and_removed"
RENEWED = "tests/e2e/test_certs_renew.py::test_expired_certificates_of_a_dead_api"
PROXY = "tests/e2e/test_fitness.py::test_up_does_not_end_well_while_kube_proxy_does_not_run"
ADDON = "tests/e2e/test_trials.py::test_c_a_missing_addon_is_its_own_phase"
WIPE = "tests/e2e/test_trials.py::test_j_an_external_etcd_that_holds_a_cluster_is_not_taken_over"
ROLLOUT = "tests/e2e/test_kube_proxy.py::test_a_bad_address_stops_at_the_first_pod_and_is_put_back"
SETTINGS = "tests/e2e/test_settings.py::test_changed_settings_are_what_runs"
RUNTIME = "tests/e2e/test_runtime_settings.py::test_a_changed_setting_is_what_runs"
OUTPUT = f"{REAL}test_the_stand_in_prints_what_the_real_binary_prints"
CLIENT = f"{REAL}test_the_real_kubectl_and_ours_see_the_same"
VALIDATE = "tests/standin_test/test_kubeadm.py::test_config_validate_says_what_the_real_one_says"

CHECKED: dict[str, str] = {
    # kubeadm
    "kubeadm init": "init-v1.34.2-upload-certs",
    "kubeadm init phase": ADDON,
    "kubeadm join": "join-worker-v1.34.2",
    "kubeadm join phase": "join-control-plane-v1.34.2",
    "kubeadm reset": LEAVES,
    "kubeadm reset phase": LEAVES,
    "kubeadm version": OUTPUT,
    "kubeadm upgrade plan": "upgrade-plan-v1.34.2-to-v1.35.0",
    "kubeadm upgrade apply": "upgrade-apply-v1.35.0",
    "kubeadm upgrade node": "upgrade-node-worker-v1.35.0",
    "kubeadm upgrade node phase": SETTINGS,
    "kubeadm token create": OUTPUT,
    "kubeadm token list": "token-list",
    "kubeadm token delete": UNLOCK,
    "kubeadm token generate": OUTPUT,
    "kubeadm config validate": VALIDATE,
    "kubeadm config images list": OUTPUT,
    "kubeadm config images pull": LIFE,
    "kubeadm config print init-defaults": OUTPUT,
    "kubeadm config print join-defaults": OUTPUT,
    "kubeadm certs certificate-key": OUTPUT,
    "kubeadm certs check-expiration": "certs-check",
    "kubeadm certs renew": RENEWED,
    # kubectl
    "kubectl get": CLIENT,
    "kubectl apply": CLIENT,
    "kubectl create": CLIENT,
    "kubectl delete": CLIENT,
    "kubectl version": CLIENT,
    "kubectl cluster-info": CLIENT,
    "kubectl label": CLIENT,
    "kubectl cordon": CLIENT,
    "kubectl uncordon": CLIENT,
    # crictl
    "crictl images": LIFE,
    "crictl info": RUNTIME,
    "crictl inspecti": LIFE,
    "crictl pull": LIFE,
    "crictl pods": RESTORE,
    "crictl ps": SNAPSHOT,
    "crictl rmp": RESTORE,
    "crictl runp": RESTORE,
    "crictl create": RESTORE,
    "crictl start": RESTORE,
    "crictl inspect": RESTORE,
    "crictl logs": RESTORE,
    # etcd
    "etcdctl endpoint status": SNAPSHOT,
    "etcdctl snapshot save": SNAPSHOT,
    "etcdutl snapshot status": SNAPSHOT,
    "etcdutl snapshot restore": RESTORE,
    "etcd /v3/cluster/member/list": LEAVES,
    "etcd /v3/cluster/member/add": JOINS,
    "etcd /v3/cluster/member/promote": JOINS,
    "etcd /v3/cluster/member/remove": LEARNER,
    "etcd /v3/kv/range": WIPE,
    "etcd /v3/kv/deleterange": WIPE,
    "etcd /kv/get": OWN,
    "etcd /kv/list": OWN,
    "etcd /kv/put": OWN,
    "etcd /kv/delete": OWN,
    "etcd /kv/watch": OWN,
    "etcd /publish": OWN,
    # kube-apiserver
    "api GET status": CLIENT,
    "api PUT status": OWN,
    "api PUT finalize": OWN,
    "api PUT approval": OWN,
    "api PATCH status": OWN,
    "api POST pods/eviction": UPGRADE,
    "api POST pods/binding": OWN,
    "api application/json-patch+json": CLIENT,
    "api application/merge-patch+json": CLIENT,
    "api application/strategic-merge-patch+json": CLIENT,
    "api ?labelSelector": CLIENT,
    "api ?fieldSelector": CLIENT,
    "api ?limit": CLIENT,
    "api ?continue": CLIENT,
    "api ?watch": CLIENT,
    "api ?resourceVersion": CLIENT,
    "api ?timeoutSeconds": CLIENT,
    "api ?dryRun": CLIENT,
    "api ?fieldManager": MANIFEST,
    "api ?force": MANIFEST,
    "api ?gracePeriodSeconds": UPGRADE,
    "api ?timeout": CLIENT,
    # kube-controller-manager and kube-scheduler
    "controller sign_cluster_info": "join-worker-v1.34.2",
    "controller clean_tokens": OWN,
    "controller CertificateSigner": "join-worker-v1.34.2",
    "controller PodRanges": READY,
    "controller Heartbeats": "tests/e2e/test_reset.py::test_a_control_plane_that_is_gone",
    "controller give_accounts": READY,
    "controller collect_orphans": OWN,
    "controller finish_namespaces": OWN,
    "controller daemon_sets": MANIFEST,
    "controller deployments": UPGRADE,
    "controller replica_sets": UPGRADE,
    "controller jobs": "upgrade-apply-v1.35.0",
    "controller budgets": UPGRADE,
    "controller schedule": UPGRADE,
    # kubelet
    "kubelet credentials": "join-worker-v1.34.2",
    "kubelet images": LIFE,
    "kubelet init_containers": OWN,
    "kubelet node": READY,
    "kubelet options": SETTINGS,
    "kubelet pods": PROXY,
    "kubelet proxy": ROLLOUT,
    "kubelet static": "init-v1.34.2-upload-certs",
}
