"""Nodes and ranges that do not fit each other."""

from kbootstrap import codes
from tests.unit.model.broken.case import Case

NODE = "nodes:\n  - {name: cp1, address: 192.0.2.11, role: control-plane}\n"

MACHINES = (
    Case(
        "same name",
        codes.INV_TWICE,
        "nodes[1].name",
        NODE + "  - {name: §cp1, address: 192.0.2.21, role: worker}\n",
        "earlier node",
    ),
    Case(
        "same address",
        codes.INV_TWICE,
        "nodes[1].address",
        NODE + "  - {name: w1, address: §192.0.2.11, role: worker}\n",
        "address of cp1",
    ),
    Case(
        "same announced address",
        codes.INV_TWICE,
        "nodes[1].advertise_address",
        NODE + "  - name: w1\n    address: 192.0.2.21\n    role: worker\n"
        "    advertise_address: §192.0.2.11\n",
        "address of cp1",
    ),
    Case(
        "same login",
        codes.INV_TWICE,
        "defaults.ssh.host",
        "defaults: {ssh: {host: §gate.example.org}}\n",
        "same host and port",
    ),
    Case(
        "unknown group",
        codes.INV_UNKNOWN_NAME,
        "nodes[1].groups[0]",
        "groups: {rack1: {}}\n"
        + NODE
        + "  - {name: w1, address: 192.0.2.21, role: worker, groups: [§rak1]}\n",
        "no group 'rak1'",
        "rack1",
    ),
    Case(
        "unknown node of a file",
        codes.INV_UNKNOWN_NAME,
        "files[0].nodes[0]",
        "files: [{path: /etc/x, content: x, nodes: [§cp2]}]\n",
        "cp1, w1",
        "cp1",
    ),
    Case(
        "jump without host",
        codes.INV_MISSING_KEY,
        "defaults.ssh.jump.host",
        "defaults: {ssh: {§jump: {user: me}}}\n",
        "jump host",
    ),
    Case(
        "no control plane",
        codes.INV_ROLES,
        "nodes",
        "nodes: §[{name: w1, address: 192.0.2.21, role: worker}]\n",
        "no node is a control plane",
    ),
    Case("no nodes", codes.INV_ROLES, "nodes", "nodes: §[]\n", "there are no nodes"),
    Case(
        "no role",
        codes.INV_ROLES,
        "nodes[1].role",
        NODE + "  - §{name: w1, address: 192.0.2.21}\n",
        "w1 has no role",
    ),
    Case(
        "role and roles",
        codes.INV_CONTRADICTION,
        "nodes[0].roles",
        "nodes: [{name: a, address: 192.0.2.1, role: both, roles: §[worker]}]\n",
        "same setting",
    ),
    Case(
        "port of the kubelet",
        codes.INV_CONTRADICTION,
        "api.bind_port",
        "api: {bind_port: §10250}\n",
        "the kubelet listens",
    ),
    Case(
        "endpoint on loopback",
        codes.INV_ENDPOINT,
        "api.endpoint",
        'api: {endpoint: §"127.0.0.1:6443"}\n',
        "other nodes",
    ),
    Case(
        "pods overlap services",
        codes.INV_OVERLAP,
        "network.service_cidr",
        "network: {pod_cidr: 10.96.0.0/16, service_cidr: §10.96.128.0/20}\n",
        "overlaps pod range 10.96.0.0/16",
    ),
    Case(
        "pods overlap machines",
        codes.INV_OVERLAP,
        "network.pod_cidr",
        "network: {pod_cidr: §192.0.0.0/16}\n",
        "192.0.2.11 (cp1), 192.0.2.21 (w1)",
    ),
    Case(
        "families differ",
        codes.INV_FAMILY,
        "network.service_cidr",
        "network: {service_cidr: §fd00:10:96::/112}\n",
        "services are IPv6, pods are IPv4",
    ),
    Case(
        "families in another order",
        codes.INV_FAMILY,
        "network.service_cidr",
        "network:\n  pod_cidr: 10.244.0.0/16,fd00:10:244::/56\n"
        "  service_cidr: §fd00:10:96::/112,10.96.0.0/12\ncni: {type: none}\n",
        "IPv4 and IPv6, in this order",
    ),
    Case(
        "two of one family",
        codes.INV_FAMILY,
        "network.pod_cidr",
        "network: {pod_cidr: §[10.1.0.0/16, 10.2.0.0/16]}\n",
        "one IPv4 and one IPv6",
    ),
    Case(
        "machine of another family",
        codes.INV_FAMILY,
        "nodes[1].address",
        NODE + '  - {name: w1, address: §"2001:db8::21", role: worker}\n',
        "is IPv6, pods and services are IPv4",
    ),
    Case(
        "second address in a cluster of one family",
        codes.INV_FAMILY,
        "nodes[0].second_address",
        NODE[:-2] + ', second_address: §"2001:db8::11"}\n',
        "the cluster is IPv4 only",
    ),
    Case(
        "second address of the first one's family",
        codes.INV_FAMILY,
        "nodes[0].second_address",
        "network:\n  pod_cidr: 10.244.0.0/16,fd00:10:244::/56\n"
        "  service_cidr: 10.96.0.0/12,fd00:10:96::/112\ncni: {type: none}\n"
        + NODE[:-2]
        + ", second_address: §192.0.2.12}\n",
        "an IPv6 address",
    ),
    Case(
        "second address of two nodes",
        codes.INV_TWICE,
        "nodes[1].second_address",
        "network:\n  pod_cidr: 10.244.0.0/16,fd00:10:244::/56\n"
        "  service_cidr: 10.96.0.0/12,fd00:10:96::/112\ncni: {type: none}\n"
        + NODE[:-2]
        + ', second_address: "2001:db8::11"}\n'
        '  - {name: w1, address: 192.0.2.21, role: worker, second_address: §"2001:db8::11"}\n',
        "address of cp1",
    ),
    Case(
        "pods too small",
        codes.INV_SIZE,
        "network.pod_cidr",
        "network: {pod_cidr: §10.244.0.0/25}\n",
        "smaller than the range of one node",
    ),
    Case(
        "pods too large",
        codes.INV_SIZE,
        "network.pod_cidr",
        "network: {pod_cidr: §10.0.0.0/7, service_cidr: 172.16.0.0/16}\n",
        "16 bits larger",
    ),
    Case(
        "more nodes than ranges",
        codes.INV_SIZE,
        "network.pod_cidr",
        "network: {pod_cidr: §10.244.0.0/24}\n",
        "room for 1 nodes",
    ),
    Case(
        "services too large",
        codes.INV_SIZE,
        "network.service_cidr",
        "network: {pod_cidr: 172.16.0.0/16, service_cidr: §10.0.0.0/8}\n",
        "/12 to /28",
    ),
    Case(
        "services too small",
        codes.INV_SIZE,
        "network.service_cidr",
        "network: {service_cidr: §10.96.0.0/29}\n",
        "too small",
    ),
)
