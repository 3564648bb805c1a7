"""Small objects for the tests of workers."""

from __future__ import annotations

from typing import Any

from statefleet.api.apps.v1.stateful_set_pb2 import StatefulSet
from statefleet.api.core.v1.pod_pb2 import Pod, PodCondition
from statefleet.api.meta.v1.object_meta_pb2 import OwnerReference
from statefleet.objects.meta import FIRST_READY_ANNOTATION
from statefleet.objects.times import to_time


def pod(name: str, namespace: str = "default", *, owner: str = "", node: str = "", **labels: str) -> Pod:
    """Return a pod; `owner` is the uid of a controlling set called web."""
    message = Pod()
    message.metadata.name, message.metadata.namespace = name, namespace
    message.metadata.labels.update(labels)
    if node:
        message.spec.node_name = node
    if owner:
        message.metadata.owner_references.append(
            OwnerReference(api_version="apps/v1", kind="StatefulSet", name="web", uid=owner, controller=True)
        )
    return message


def stateful_set(name: str = "web", replicas: int = 3, image: str = "nginx:1", **spec: Any) -> StatefulSet:
    """Return a set with the label app=web, as its service would hold it."""
    message = StatefulSet()
    message.metadata.name, message.metadata.namespace, message.metadata.generation = name, "default", 1
    message.spec.replicas = replicas
    message.spec.service_name = name
    message.spec.selector.match_labels["app"] = "web"
    message.spec.template.metadata.labels["app"] = "web"
    message.spec.template.spec.containers.add(name="c", image=image)
    message.spec.update_strategy.type = "RollingUpdate"
    message.spec.update_strategy.rolling_update.partition = 0
    message.spec.revision_history_limit = 10
    for field, value in spec.items():
        setattr(message.spec, field, value)
    return message


def make_ready(message: Pod, now: float = 1000.0) -> None:
    """Let a pod be Running and Ready."""
    message.status.phase = "Running"
    message.metadata.annotations[FIRST_READY_ANNOTATION] = "2026-01-01T00:00:00Z"
    del message.status.conditions[:]
    message.status.conditions.append(PodCondition(type="Ready", status="True", last_transition_time=to_time(now)))


def make_stuck(message: Pod, reason: str = "ImagePullBackOff") -> None:
    """Let a pod wait for an image in vain."""
    message.status.phase = "Pending"
    del message.status.container_statuses[:]
    message.status.container_statuses.add(name="c").state.waiting.reason = reason
