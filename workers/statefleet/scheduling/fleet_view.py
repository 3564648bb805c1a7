"""What a choice of node rests on: nodes, what their pods hold of them, and where pods are. Pure: no I/O or clock.

The view is kept up to date change by change, so that a choice costs no more than looking at the nodes.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count

from statefleet.api.core.v1.node_pb2 import Node
from statefleet.api.core.v1.pod_pb2 import Pod
from statefleet.api.core.v1.scheduling_pb2 import Taint
from statefleet.objects.pods import amount, is_terminal
from statefleet.scheduling.crowd import Crowd, Labels
from statefleet.scheduling.placed_pod import PlacedPod

UNSCHEDULABLE_TAINT = Taint(key="node.kubernetes.io/unschedulable", effect="NoSchedule")
"""What a cordoned node is treated as having."""


def node_changed(before: Node, after: Node) -> bool:
    """Return whether what a node offers to pods has changed; its conditions and heartbeats are none of that."""
    return (
        before.metadata.labels != after.metadata.labels
        or before.spec.taints != after.spec.taints
        or before.spec.unschedulable != after.spec.unschedulable
        or before.status.allocatable != after.status.allocatable
    )


@dataclass(slots=True, eq=False)
class NodeView:
    """A node and what its pods hold of it."""

    name: str
    node: Node
    stamp: int = 0
    """New after whatever may change what suits the node, and never one that another node of this name had: what was
    worked out before is then stale."""
    labels: dict[str, str] = field(default_factory=dict)
    allocatable: dict[str, int] = field(default_factory=dict)
    taints: list[Taint] = field(default_factory=list)
    """Those that repel, the cordon first, then those that are only to be avoided."""
    held: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))
    ports: Counter[tuple[str, int]] = field(default_factory=Counter)
    pods: dict[str, PlacedPod] = field(default_factory=dict)

    def describe(self, node: Node) -> None:
        """Take a newer version of the node."""
        self.node = node
        self.labels = dict(node.metadata.labels)
        self.allocatable = {name: amount(name, held.string) for name, held in node.status.allocatable.items()}
        taints = [taint for taint in node.spec.taints if taint.key != UNSCHEDULABLE_TAINT.key]
        if node.spec.unschedulable or len(taints) < len(node.spec.taints):
            taints.insert(0, UNSCHEDULABLE_TAINT)
        self.taints = sorted(taints, key=lambda taint: taint.effect == "PreferNoSchedule")

    def hold(self, pod: PlacedPod) -> None:
        """Count what a pod holds."""
        self.pods[pod.uid] = pod
        for resource, amount_held in pod.requests.items():
            self.held[resource] += amount_held
        self.ports.update(pod.ports)

    def free(self, pod: PlacedPod) -> None:
        """Count a pod no more."""
        del self.pods[pod.uid]
        for resource, amount_held in pod.requests.items():
            self.held[resource] -= amount_held
        for port in pod.ports:
            self.ports[port] -= 1


class FleetView:
    """Every node and every pod that has one."""

    def __init__(self) -> None:
        self.nodes: dict[str, NodeView] = {}
        self.crowd = Crowd()
        self._placed: dict[str, tuple[PlacedPod, str]] = {}
        """Each pod and the name of its node, by the pod's uid."""
        self._stamps = count(1)
        self._nodeless: defaultdict[str, dict[str, PlacedPod]] = defaultdict(dict)
        """Pods of nodes that are not known, by the node's name."""

    def set_node(self, node: Node) -> None:
        """Take a node's newest version; pods that were placed on it before it was known are counted."""
        name = node.metadata.name
        view = self.nodes.get(name)
        if view is None:
            view = self.nodes[name] = NodeView(name, node)
            for placed in self._nodeless.pop(name, {}).values():
                view.hold(placed)
            self._describe(view, node)
            for placed in view.pods.values():
                self.crowd.enter(placed, view.labels)
        elif node_changed(view.node, node):
            moved = view.node.metadata.labels != node.metadata.labels
            for placed in view.pods.values() if moved else ():
                self.crowd.leave(placed, view.labels)
            self._describe(view, node)
            for placed in view.pods.values() if moved else ():
                self.crowd.enter(placed, view.labels)

    def remove_node(self, name: str) -> None:
        """Forget a node. Its pods are remembered until they go or it comes back."""
        view = self.nodes.pop(name, None)
        if view is not None and view.pods:
            self._nodeless[name] = view.pods
            for placed in view.pods.values():
                self.crowd.leave(placed, view.labels)

    def set_pod(self, pod: Pod) -> None:
        """Take a pod's newest version. A pod that has ended, or has no node, holds nothing."""
        if not pod.spec.node_name or is_terminal(pod):
            self.remove_pod(pod.metadata.uid)
        else:
            self.place(PlacedPod.of(pod), pod.spec.node_name)

    def place(self, placed: PlacedPod, node: str) -> None:
        """Count a pod on a node: because it is there, or because it soon will be."""
        self.remove_pod(placed.uid)
        self._placed[placed.uid] = placed, node
        view = self.nodes.get(node)
        if view is None:
            self._nodeless[node][placed.uid] = placed
        else:
            view.hold(placed)
            view.stamp = next(self._stamps)
            self.crowd.enter(placed, view.labels)

    def remove_pod(self, uid: str) -> None:
        """Count a pod no more."""
        if uid not in self._placed:
            return
        placed, node = self._placed.pop(uid)
        view = self.nodes.get(node)
        if view is not None:
            view.free(placed)
            view.stamp = next(self._stamps)
            self.crowd.leave(placed, view.labels)
        else:
            self._nodeless[node].pop(uid)
            if not self._nodeless[node]:
                del self._nodeless[node]

    def node_of(self, uid: str) -> str:
        """Return the node that a pod is counted on; empty: on none."""
        found = self._placed.get(uid)
        return found[1] if found is not None else ""

    def everyone(self) -> Iterator[tuple[PlacedPod, Labels]]:
        """Yield every pod on a node that is known, with the node's labels."""
        for view in self.nodes.values():
            for placed in view.pods.values():
                yield placed, view.labels

    def _describe(self, view: NodeView, node: Node) -> None:
        view.describe(node)
        view.stamp = next(self._stamps)
