"""Describe the nodes that an agent stands for. Pure: no I/O, clock or randomness."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network

from statefleet.api.core.v1.node_pb2 import Node

_POD_RANGE = IPv4Network("10.64.0.0/10")
_NODE_RANGE = IPv4Network("172.16.0.0/12")
_PRESSURES = (
    ("MemoryPressure", "KubeletHasSufficientMemory", "the node has enough memory"),
    ("DiskPressure", "KubeletHasNoDiskPressure", "the node has enough disk space"),
    ("PIDPressure", "KubeletHasSufficientPID", "the node has enough process identifiers"),
)


@dataclass(frozen=True, slots=True)
class NodeSize:
    """How much a node has, as Kubernetes quantities."""

    cpu: str = "1"
    memory: str = "2Gi"
    pods: int = 110
    storage: str = "100Gi"


def pod_network(index: int) -> IPv4Network:
    """Return the addresses of the pods of the node numbered `index`, from 0. ValueError beyond the range."""
    start = int(_POD_RANGE.network_address) + (index << 8)
    network = IPv4Network((start, 24))
    if not network.subnet_of(_POD_RANGE):
        raise ValueError(f"node number {index} is beyond the {_POD_RANGE} that simulated pods share")
    return network


def simulated_nodes(count: int, size: NodeSize, *, runtime: str, version: str) -> Iterator[Node]:
    """Yield the nodes node-1 to node-`count`."""
    for index in range(count):
        yield describe(f"node-{index + 1}", index, size, runtime=runtime, version=version)


def describe(name: str, index: int, size: NodeSize, *, runtime: str, version: str) -> Node:
    """Return a node that is ready, with its size and its addresses."""
    network = pod_network(index)
    node = Node()
    node.metadata.name = name
    node.spec.pod_cidr = str(network)
    node.spec.pod_cidrs.append(str(network))
    amounts = {"cpu": size.cpu, "memory": size.memory, "pods": str(size.pods), "ephemeral-storage": size.storage}
    for resource, amount in amounts.items():
        node.status.capacity[resource].string = amount
        node.status.allocatable[resource].string = amount
    node.status.addresses.add(type="InternalIP", address=str(IPv4Address(int(_NODE_RANGE[1]) + index)))
    node.status.addresses.add(type="Hostname", address=name)
    for kind, reason, message in _PRESSURES:
        node.status.conditions.add(type=kind, status="False", reason=reason, message=message)
    node.status.conditions.add(
        type="Ready", status="True", reason="KubeletReady", message="the agent reports that the node is ready"
    )
    info = node.status.node_info
    info.kubelet_version = version
    info.container_runtime_version = runtime
    info.os_image, info.operating_system, info.architecture, info.kernel_version = "Simulated", "linux", "amd64", "-"
    info.machine_id = info.system_uuid = info.boot_id = name
    info.kube_proxy_version = ""
    return node
