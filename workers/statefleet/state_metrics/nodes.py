"""Metrics of nodes, as kube-state-metrics names them. Pure: no I/O or clock."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from statefleet.api.core.v1.node_pb2 import Node
from statefleet.api.meta.v1.primitives_pb2 import Quantity
from statefleet.state_metrics.families import Family, Sample, Samples, Table, amount, choice, created, labels, one

_STATUSES = ("true", "false", "unknown")
_ROLE = "node-role.kubernetes.io/"
_UNITS = {"cpu": "core", "memory": "byte", "ephemeral-storage": "byte", "storage": "byte", "pods": "integer"}
_SHOWN_LABELS = (
    "kubernetes.io/arch",
    "kubernetes.io/hostname",
    "kubernetes.io/os",
    "node.kubernetes.io/instance-type",
    "topology.kubernetes.io/region",
    "topology.kubernetes.io/zone",
)
"""The labels that are shown: each is a label of the series, so that not just any can be."""
_NOT_IN_A_NAME = re.compile(r"[^a-zA-Z0-9_]")


def _info(node: Node) -> Samples:
    system = node.status.node_info
    internal = (found.address for found in node.status.addresses if found.type == "InternalIP")
    own = labels(
        kernel_version=system.kernel_version,
        os_image=system.os_image,
        container_runtime_version=system.container_runtime_version,
        kubelet_version=system.kubelet_version,
        kubeproxy_version=system.kube_proxy_version,
        provider_id=node.spec.provider_id,
        pod_cidr=node.spec.pod_cidr,
        system_uuid=system.system_uuid,
        internal_ip=next(internal, ""),
    )
    return ((own, 1),)


def _labels(node: Node) -> Samples:
    shown = {f"label_{_in_a_name(key)}": node.metadata.labels.get(key, "") for key in _SHOWN_LABELS}
    return ((labels(**{name: value for name, value in shown.items() if value}), 1),)


def _in_a_name(text: str) -> str:
    return _NOT_IN_A_NAME.sub("_", text)


def _roles(node: Node) -> Samples:
    return [
        (labels(role=key.removeprefix(_ROLE)), 1) for key in sorted(node.metadata.labels) if key.startswith(_ROLE)
    ]


def _taints(node: Node) -> Samples:
    return [(labels(key=taint.key, value=taint.value, effect=taint.effect), 1) for taint in node.spec.taints]


def _conditions(node: Node) -> Iterator[Sample]:
    for found in node.status.conditions:
        own = labels(condition=found.type)
        for more, value in choice("status", _STATUSES, found.status.lower()):
            yield f"{own},{more}", value


def _resources(quantities: Mapping[str, Quantity]) -> Iterator[Sample]:
    for name in sorted(quantities):
        unit = _UNITS.get(name) or ("byte" if name.startswith("hugepages-") else "integer")
        yield labels(resource=_in_a_name(name), unit=unit), amount(quantities[name].string)


NODES: Table[Node] = Table(
    lambda node: labels(node=node.metadata.name),
    (
        Family("kube_node_info", "What the node is.", _info),
        Family("kube_node_created", "When the node was registered.", lambda node: created(node.metadata)),
        Family("kube_node_labels", "The node's labels that tell where and what it is.", _labels),
        Family("kube_node_role", "The node's roles.", _roles),
        Family(
            "kube_node_spec_unschedulable",
            "Whether the node is cordoned.",
            lambda node: one(int(node.spec.unschedulable)),
        ),
        Family("kube_node_spec_taint", "The node's taints.", _taints),
        Family("kube_node_status_condition", "The node's conditions.", _conditions),
        Family(
            "kube_node_status_capacity",
            "What the node has, by resource.",
            lambda node: _resources(node.status.capacity),
        ),
        Family(
            "kube_node_status_allocatable",
            "What pods may have of the node, by resource.",
            lambda node: _resources(node.status.allocatable),
        ),
    ),
)
