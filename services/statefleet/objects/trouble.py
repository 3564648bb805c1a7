"""Tell whether a pod shows that it will not come up by itself. Pure: no I/O, clock or randomness."""

from __future__ import annotations

from itertools import chain
from typing import Final, NamedTuple

from statefleet.api.core.v1.pod_pb2 import Pod
from statefleet.objects.meta import FIRST_READY_ANNOTATION
from statefleet.objects.pods import condition, is_ready

HOPELESS_REASONS: Final = frozenset(
    {"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "CreateContainerConfigError", "CrashLoopBackOff"}
)
"""Reasons for which a container waits in vain."""


class Trouble(NamedTuple):
    """A sign that a pod is stuck on its way up."""

    reason: str
    """One CamelCase word, such as ImagePullBackOff or Unschedulable."""
    message: str
    """The same in a sentence; may be empty."""


def trouble_of(pod: Pod) -> Trouble | None:
    """Return what shows that a pod is stuck: it failed, restarted, finds no node, or waits for what will not come."""
    status = pod.status
    if status.phase == "Failed":
        return Trouble(status.reason or "Failed", status.message)
    scheduled = condition(pod, "PodScheduled")
    if scheduled is not None and scheduled.status == "False" and scheduled.reason == "Unschedulable":
        return Trouble("Unschedulable", scheduled.message)
    restarted = ""
    for container in chain(status.init_container_statuses, status.container_statuses):
        waiting = container.state.waiting
        if waiting.reason in HOPELESS_REASONS:
            told = f": {waiting.message}" if waiting.message else ""
            return Trouble(waiting.reason, f"container {container.name} waits in {waiting.reason}{told}")
        if container.restart_count > 0 and not restarted:
            restarted = f"container {container.name} was restarted {container.restart_count} times"
    return Trouble("Restarted", restarted) if restarted else None


def was_ready(pod: Pod) -> bool:
    """Return whether the pod is Ready or was so before: a pod that was is not broken, whatever it shows now."""
    return is_ready(pod) or FIRST_READY_ANNOTATION in pod.metadata.annotations
