"""Decide which nodes a DaemonSet should have a pod on. Pure: no I/O, clock or randomness."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Self

from statefleet.api.core.v1.node_pb2 import Node
from statefleet.api.core.v1.pod_pb2 import Pod, PodSpec
from statefleet.api.core.v1.scheduling_pb2 import Toleration
from statefleet.daemonset.views import Fit
from statefleet.scheduling.node_affinity import NAME_FIELD, NodeTerm, NodeWishes, tolerates

_EXECUTE: Final = "NoExecute"
_SCHEDULE: Final = "NoSchedule"
_AUTOMATIC: Final = (
    ("node.kubernetes.io/not-ready", _EXECUTE),
    ("node.kubernetes.io/unreachable", _EXECUTE),
    ("node.kubernetes.io/disk-pressure", _SCHEDULE),
    ("node.kubernetes.io/memory-pressure", _SCHEDULE),
    ("node.kubernetes.io/pid-pressure", _SCHEDULE),
    ("node.kubernetes.io/unschedulable", _SCHEDULE),
)
"""What every pod of a DaemonSet tolerates."""
_AUTOMATIC_ON_HOST_NETWORK: Final = (("node.kubernetes.io/network-unavailable", _SCHEDULE),)


def tolerate_automatically(spec: PodSpec) -> None:
    """Add in place what every pod of a DaemonSet tolerates; what was tolerated for a time is for ever."""
    wanted = _AUTOMATIC + (_AUTOMATIC_ON_HOST_NETWORK if spec.host_network else ())
    for key, effect in wanted:
        found = next((each for each in spec.tolerations if _is_for(each, key, effect)), None)
        if found is None:
            spec.tolerations.add(key=key, operator="Exists", effect=effect)
        else:
            found.ClearField("toleration_seconds")


def pin(spec: PodSpec, node: str) -> None:
    """Bind a pod to a node by its required affinity, in place. What else was required of nodes has been seen to."""
    required = spec.affinity.node_affinity.required_during_scheduling_ignored_during_execution
    required.Clear()
    required.node_selector_terms.add().match_fields.add(key=NAME_FIELD, operator="In", values=[node])


def target_node(pod: Pod) -> str:
    """Return the node that a pod is bound to or pinned to, empty where there is none."""
    if pod.spec.node_name:
        return str(pod.spec.node_name)
    required = pod.spec.affinity.node_affinity.required_during_scheduling_ignored_during_execution
    for term in required.node_selector_terms:
        named = NodeTerm.of(term).named_node()
        if named is not None:
            return named
    return ""


@dataclass(frozen=True, slots=True)
class Placement:
    """What a set's template asks of nodes, made ready to be held against many."""

    name: str
    """The only node that the template names, empty where it names none."""
    wishes: NodeWishes
    tolerations: tuple[Toleration, ...]

    @classmethod
    def of(cls, template: PodSpec) -> Self:
        """Return what a template asks, the automatic tolerations added."""
        pod = Pod(spec=template)
        tolerate_automatically(pod.spec)
        return cls(template.node_name, NodeWishes.of(pod), tuple(pod.spec.tolerations))

    def fit(self, node: Node) -> Fit:
        """Return what a node is to the set."""
        name = node.metadata.name
        if self.name not in ("", name) or not self.wishes.allow(name, node.metadata.labels):
            return Fit.REFUSED
        taints = [taint for taint in node.spec.taints if not tolerates(self.tolerations, taint)]
        if any(taint.effect == _EXECUTE for taint in taints):
            return Fit.REFUSED
        return Fit.TOLERATED if any(taint.effect == _SCHEDULE for taint in taints) else Fit.WANTED


def placement_changed(before: Node | None, after: Node | None) -> bool:
    """Return whether a change of a node may be one to a set; its conditions and heartbeats are none."""
    return (
        before is None
        or after is None
        or before.metadata.uid != after.metadata.uid
        or before.spec.taints != after.spec.taints
        or before.metadata.labels != after.metadata.labels
    )


def _is_for(toleration: Toleration, key: str, effect: str) -> bool:
    return (toleration.key, toleration.effect, toleration.operator, toleration.value) == (key, effect, "Exists", "")
