"""Fill in what an object leaves out, exactly as the current version of each API defines it. Pure.

Older API versions have defaults of their own, which the gateway applies before it converts. What an admission step
or an allocator decides (cluster IPs, tolerations for lost nodes, finalizers) is not a default and is not set here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from google.protobuf.message import Message

from statefleet.api.apps.v1.daemon_set_pb2 import DaemonSet
from statefleet.api.apps.v1.stateful_set_pb2 import StatefulSet
from statefleet.api.core.v1.config_pb2 import Secret
from statefleet.api.core.v1.endpoints_pb2 import Endpoints
from statefleet.api.core.v1.namespace_pb2 import Namespace
from statefleet.api.core.v1.node_pb2 import Node
from statefleet.api.core.v1.persistent_volume_pb2 import PersistentVolume, PersistentVolumeClaim
from statefleet.api.core.v1.pod_pb2 import Pod
from statefleet.api.core.v1.service_pb2 import Service
from statefleet.api.discovery.v1.endpoint_slice_pb2 import EndpointSlice
from statefleet.api.storage.v1.storage_class_pb2 import StorageClass
from statefleet.objects.defaults import cluster, network, pods, storage, workloads

__all__ = ["apply_defaults"]

_DEFAULTS: dict[type[Message], Callable[[Any], None]] = {
    StatefulSet: workloads.default_stateful_set,
    DaemonSet: workloads.default_daemon_set,
    Pod: pods.default_pod,
    Service: network.default_service,
    Endpoints: network.default_endpoints,
    EndpointSlice: network.default_endpoint_slice,
    PersistentVolumeClaim: storage.default_claim,
    PersistentVolume: storage.default_volume,
    StorageClass: storage.default_storage_class,
    Secret: cluster.default_secret,
    Namespace: cluster.default_namespace,
    Node: cluster.default_node,
}


def apply_defaults(message: Message) -> None:
    """Set, in place, the fields that a kind defaults; applying it again changes nothing.

    A scalar that Kubernetes does not hold behind a pointer is unset when it is zero. A message that is not a kind,
    or whose kind has no defaults, is left as it is.
    """
    default = _DEFAULTS.get(type(message))
    if default is not None:
        default(message)
