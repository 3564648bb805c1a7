"""Defaults of Secret, Namespace and Node (v1). Pure."""

from __future__ import annotations

from statefleet.api.core.v1.config_pb2 import Secret
from statefleet.api.core.v1.namespace_pb2 import Namespace
from statefleet.api.core.v1.node_pb2 import Node
from statefleet.objects.defaults.resources import normalise
from statefleet.objects.meta import NAMESPACE_NAME_LABEL


def default_secret(secret: Secret) -> None:
    """Fill in a Secret; stringData, which is only ever written, moves into data."""
    if not secret.type:
        secret.type = "Opaque"
    if secret.string_data:
        for key, text in secret.string_data.items():
            secret.data[key] = text.encode()
        secret.ClearField("string_data")


def default_namespace(namespace: Namespace) -> None:
    """Fill in a Namespace."""
    meta = namespace.metadata
    if meta.name and meta.labels.get(NAMESPACE_NAME_LABEL) != meta.name:
        meta.labels[NAMESPACE_NAME_LABEL] = meta.name
    if not namespace.status.phase:
        namespace.status.phase = "Active"


def default_node(node: Node) -> None:
    """Fill in a Node: what it has is allocatable unless it says otherwise, and podCIDR is the first of podCIDRs."""
    spec = node.spec
    if spec.pod_cidr and list(spec.pod_cidrs[:1]) != [spec.pod_cidr]:
        spec.pod_cidrs[:] = [spec.pod_cidr]
    elif spec.pod_cidrs and not spec.pod_cidr:
        spec.pod_cidr = spec.pod_cidrs[0]
    if not node.HasField("status"):
        return
    status = node.status
    normalise(status.capacity)
    normalise(status.allocatable)
    if not status.allocatable:
        for resource, quantity in status.capacity.items():
            status.allocatable[resource].CopyFrom(quantity)
