"""Decide what a node's conditions mean for its taints and its pods. Pure: no I/O, clock or randomness.

The rules are Kubernetes': a node that is not ready or not heard of repels new pods at once, and evicts those there
when they have tolerated it long enough. A pod on a lost node stays until its node is gone, tainted out-of-service, or
it is force-deleted: nobody knows that it has stopped.
"""

from __future__ import annotations

from collections.abc import Iterable

from statefleet.api.core.v1.node_pb2 import Node
from statefleet.api.core.v1.pod_pb2 import Pod
from statefleet.api.core.v1.scheduling_pb2 import Taint
from statefleet.objects.pods import condition, is_terminal, tell_disruption
from statefleet.objects.times import seconds, to_time
from statefleet.scheduling.node_affinity import covers

NOT_READY = "node.kubernetes.io/not-ready"
UNREACHABLE = "node.kubernetes.io/unreachable"
UNSCHEDULABLE = "node.kubernetes.io/unschedulable"
OUT_OF_SERVICE = "node.kubernetes.io/out-of-service"
_PRESSURES = {
    "MemoryPressure": "node.kubernetes.io/memory-pressure",
    "DiskPressure": "node.kubernetes.io/disk-pressure",
    "PIDPressure": "node.kubernetes.io/pid-pressure",
    "NetworkUnavailable": "node.kubernetes.io/network-unavailable",
}
"""Conditions that repel pods while they are True, and how."""
_OURS = frozenset({NOT_READY, UNREACHABLE, UNSCHEDULABLE, *_PRESSURES.values()})


def readiness(node: Node) -> str:
    """Return the status of a node's Ready condition: True, False or Unknown; empty where it has none yet."""
    return next((c.status for c in node.status.conditions if c.type == "Ready"), "")


def is_failed(node: Node) -> bool:
    """Return whether a node has ceased to be ready; one that has never said anything has not."""
    return readiness(node) not in ("True", "")


def wanted_taints(node: Node, now: float) -> list[Taint]:
    """Return a node's taints as they should be; those of others stay, and ours keep the time they were added."""
    there = {(taint.key, taint.effect): taint for taint in node.spec.taints}
    taints = [taint for taint in node.spec.taints if taint.key not in _OURS]
    for key, effect in _ours(node):
        taints.append(there.get((key, effect)) or Taint(key=key, effect=effect, time_added=to_time(now)))
    return taints


def _ours(node: Node) -> Iterable[tuple[str, str]]:
    state = readiness(node)
    if state != "True":
        key = UNREACHABLE if state == "Unknown" else NOT_READY
        yield key, "NoSchedule"
        if state:
            yield key, "NoExecute"
    for found in node.status.conditions:
        if found.type in _PRESSURES and found.status == "True":
            yield _PRESSURES[found.type], "NoSchedule"
    if node.spec.unschedulable:
        yield UNSCHEDULABLE, "NoSchedule"


def dated(taints: Iterable[Taint], before: Iterable[Taint], now: float) -> list[Taint]:
    """Return taints with a time each: where it bears none, the one that it was given `before`, else `now`."""
    known = {(taint.key, taint.value, taint.effect): taint for taint in before}
    return [
        taint
        if taint.HasField("time_added")
        else known.get((taint.key, taint.value, taint.effect))
        or Taint(key=taint.key, value=taint.value, effect=taint.effect, time_added=to_time(now))
        for taint in taints
    ]


def evict_at(pod: Pod, taints: Iterable[Taint], now: float) -> float | None:
    """Return when a pod must leave its node for the taints there, as `dated` returns them; None for never.

    Times in seconds since the Unix epoch.
    """
    due: float | None = None
    for taint in taints:
        if taint.effect != "NoExecute":
            continue
        toleration = next((each for each in pod.spec.tolerations if covers(each, taint)), None)
        if toleration is None:
            return now
        if toleration.HasField("toleration_seconds"):
            leave = seconds(taint.time_added) + max(0.0, float(toleration.toleration_seconds))
            due = leave if due is None else min(due, leave)
    return due


def is_out_of_service(node: Node) -> bool:
    """Return whether an operator has said that a node's machine is off, and nothing is heard to the contrary."""
    return readiness(node) != "True" and any(taint.key == OUT_OF_SERVICE for taint in node.spec.taints)


def needs_attention(node: Node) -> bool:
    """Return whether what becomes of the pods of a node may be for us to decide."""
    return readiness(node) != "True" or any(taint.effect == "NoExecute" for taint in node.spec.taints)


def not_ready(pod: Pod, now: float) -> Pod:
    """Return a pod with the status of one that is not ready any more because its node is not."""
    changed = Pod()
    changed.CopyFrom(pod)
    for kind in ("Ready", "ContainersReady"):
        found = condition(changed, kind)
        if found is not None and found.status == "True":
            found.status, found.reason = "False", "NodeNotReady"
            found.last_transition_time.CopyFrom(to_time(now))
    return changed


def evicted(pod: Pod, now: float) -> Pod:
    """Return a pod with the status of one that must leave its node for a taint."""
    changed = Pod()
    changed.CopyFrom(pod)
    tell_disruption(changed, "DeletionByTaintManager", "Taint manager: deleting due to NoExecute taint", now)
    return changed


def bereft(pod: Pod, now: float) -> Pod:
    """Return a pod with the status of one whose node is gone: whatever of it had not ended has failed."""
    changed = Pod()
    changed.CopyFrom(pod)
    if not is_terminal(pod):
        changed.status.phase = "Failed"
    tell_disruption(changed, "DeletionByPodGC", "PodGC: node no longer exists", now)
    return changed
