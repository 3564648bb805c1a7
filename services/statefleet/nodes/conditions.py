"""What a node's conditions say about its life. Pure."""

from __future__ import annotations

from statefleet.api.core.v1.node_pb2 import Node, NodeCondition
from statefleet.objects.meta import to_time

READY = "Ready"
_JUDGED = (READY, "MemoryPressure", "DiskPressure", "PIDPressure")
"""The conditions that nobody knows any more when the agent is silent."""


def ready_condition(node: Node) -> NodeCondition | None:
    """Return the condition that says whether the node is ready, if there is one."""
    return next((condition for condition in node.status.conditions if condition.type == READY), None)


def is_unknown(node: Node) -> bool:
    """Return whether nobody knows if the node is ready, and the node says so."""
    ready = ready_condition(node)
    return ready is not None and ready.status == "Unknown"


def set_ready(node: Node, now: float) -> None:
    """Note that the node's agent is there: the node is ready again, and its other conditions are known."""
    if ready_condition(node) is None:
        node.status.conditions.add(type=READY)
    for condition in node.status.conditions:
        if condition.type == READY and condition.status != "True":
            _turn(condition, "True", "KubeletReady", "the agent reports that the node is ready", now)
        elif condition.type in _JUDGED and condition.status == "Unknown":
            _turn(condition, "False", "KubeletHasNoPressure", "the agent reports no pressure", now)
    refresh(node, now)


def set_unknown(node: Node, now: float) -> None:
    """Note that nothing was heard of the node's agent for too long, or ever."""
    never_heard = ready_condition(node) is None
    if never_heard:
        node.status.conditions.add(type=READY)
    reason = "NodeStatusNeverUpdated" if never_heard else "NodeStatusUnknown"
    message = "no agent has reported about the node" if never_heard else "the agent has stopped reporting"
    for condition in node.status.conditions:
        if condition.type in _JUDGED and condition.status != "Unknown":
            _turn(condition, "Unknown", reason, message, now)


def refresh(node: Node, now: float) -> None:
    """Note when the agent was last heard of."""
    for condition in node.status.conditions:
        if condition.type in _JUDGED:
            condition.last_heartbeat_time.CopyFrom(to_time(now))
            if not condition.HasField("last_transition_time"):
                condition.last_transition_time.CopyFrom(to_time(now))


def _turn(condition: NodeCondition, status: str, reason: str, message: str, now: float) -> None:
    condition.status, condition.reason, condition.message = status, reason, message
    condition.last_transition_time.CopyFrom(to_time(now))
