"""Decide what a node's condition means for its taints and its pods. Pure: no I/O, clock or randomness.

The rules are Kubernetes': a node that is not ready or not heard of repels new pods at once, and evicts those there
when they have tolerated it long enough. A pod on a lost node stays until its node is gone, tainted out-of-service, or
it is force-deleted: nobody knows that it has stopped.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from statefleet.api.core.v1.node_pb2 import Node
from statefleet.api.core.v1.pod_pb2 import Pod
from statefleet.api.core.v1.scheduling_pb2 import Taint
from statefleet.objects.times import seconds, to_time
from statefleet.scheduling.node_affinity import tolerates

NOT_READY = "node.kubernetes.io/not-ready"
UNREACHABLE = "node.kubernetes.io/unreachable"
UNSCHEDULABLE = "node.kubernetes.io/unschedulable"
OUT_OF_SERVICE = "node.kubernetes.io/out-of-service"
_OURS = (NOT_READY, UNREACHABLE, UNSCHEDULABLE)


def readiness(node: Node) -> str:
    """Return the status of a node's Ready condition: True, False or Unknown; Unknown where it has none."""
    return next((c.status for c in node.status.conditions if c.type == "Ready"), "Unknown")


def wanted_taints(node: Node, now: float) -> list[Taint]:
    """Return a node's taints as they should be; those of others stay, and ours keep the time they were added."""
    there = {(taint.key, taint.effect): taint for taint in node.spec.taints}
    wanted: list[tuple[str, str]] = []
    state = {"True": "", "False": NOT_READY}.get(readiness(node), UNREACHABLE)
    if state:
        wanted += [(state, "NoSchedule"), (state, "NoExecute")]
    if node.spec.unschedulable:
        wanted.append((UNSCHEDULABLE, "NoSchedule"))
    taints = [taint for taint in node.spec.taints if taint.key not in _OURS]
    for key, effect in wanted:
        taints.append(there.get((key, effect)) or Taint(key=key, effect=effect, time_added=to_time(now)))
    return taints


def evict_at(pod: Pod, taints: Iterable[Taint], now: float) -> float | None:
    """Return when a pod must leave its node for the taints there, None for never. Times in seconds of the epoch."""
    due: float | None = None
    for taint in taints:
        if taint.effect != "NoExecute":
            continue
        covering = [toleration for toleration in pod.spec.tolerations if tolerates([toleration], taint)]
        if not covering:
            return now
        limits = [float(t.toleration_seconds) for t in covering if t.HasField("toleration_seconds")]
        if limits:
            since = seconds(taint.time_added) if taint.HasField("time_added") else now
            leave = since + max(0.0, min(limits))
            due = leave if due is None else min(due, leave)
    return due


def is_out_of_service(taints: Sequence[Taint]) -> bool:
    """Return whether an operator has said that a node's machine is off."""
    return any(taint.key == OUT_OF_SERVICE for taint in taints)
