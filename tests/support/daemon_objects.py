"""Small objects for the tests of the DaemonSet worker."""

from __future__ import annotations

from typing import Any

from statefleet.api.apps.v1.daemon_set_pb2 import DaemonSet
from statefleet.api.core.v1.node_pb2 import Node
from statefleet.api.core.v1.pod_pb2 import Pod
from statefleet.objects.kinds import kind_of
from statefleet.objects.meta import controller_reference


def daemon_set(name: str = "agent", image: str = "agent:1", **spec: Any) -> DaemonSet:
    """Return a set with the label app=agent, as its service would hold it."""
    message = DaemonSet()
    message.metadata.name, message.metadata.namespace, message.metadata.generation = name, "default", 1
    message.spec.selector.match_labels["app"] = "agent"
    message.spec.template.metadata.labels["app"] = "agent"
    message.spec.template.spec.containers.add(name="c", image=image)
    message.spec.update_strategy.type = "RollingUpdate"
    message.spec.update_strategy.rolling_update.max_unavailable.int_val = 1
    message.spec.revision_history_limit = 10
    for field, value in spec.items():
        setattr(message.spec, field, value)
    return message


def node(name: str, *taints: tuple[str, str], **labels: str) -> Node:
    """Return a node with labels, and taints by their keys and effects."""
    message = Node()
    message.metadata.name, message.metadata.uid = name, f"uid-{name}"
    message.metadata.labels.update(labels)
    for key, effect in taints:
        message.spec.taints.add(key=key, effect=effect)
    return message


def owned_pod(owner: DaemonSet, name: str, on: str = "", **labels: str) -> Pod:
    """Return a pod that a set controls, on a node."""
    message = Pod()
    message.metadata.name, message.metadata.namespace = name, "default"
    message.metadata.labels.update(labels or {"app": "agent"})
    message.metadata.owner_references.append(controller_reference(owner))
    message.spec.node_name = on
    return message


def copy_of(message: Any) -> Any:
    """Return a copy of an object."""
    copied = kind_of(message).message()
    copied.CopyFrom(message)
    return copied
