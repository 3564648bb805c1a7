"""What a choice of node rests on: nodes, what their pods hold of them, and where pods are. Pure: no I/O or clock.

The view is kept up to date change by change, so that a choice costs no more than looking at the nodes.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

from statefleet.api.core.v1.node_pb2 import Node
from statefleet.api.core.v1.pod_pb2 import Pod
from statefleet.api.core.v1.scheduling_pb2 import PodAffinityTerm, Taint
from statefleet.objects.pods import host_ports, is_terminal, requests
from statefleet.objects.quantity import milli, value
from statefleet.objects.selectors import LabelSelector

UNSCHEDULABLE_TAINT = Taint(key="node.kubernetes.io/unschedulable", effect="NoSchedule")
"""What a cordoned node is treated as having."""


@dataclass(frozen=True, slots=True)
class AffinityTerm:
    """A pod affinity term with its selectors compiled."""

    selector: LabelSelector | None
    """None selects no pod."""
    namespaces: frozenset[str]
    namespace_selector: LabelSelector | None
    topology_key: str

    @classmethod
    def of(cls, term: PodAffinityTerm, pod: Pod) -> AffinityTerm:
        """Compile a term of `pod`, whose own namespace counts where the term names none."""
        by_selector = term.HasField("namespace_selector")
        own = not term.namespaces and not by_selector
        return cls(
            LabelSelector.from_message(term.label_selector) if term.HasField("label_selector") else None,
            frozenset([pod.metadata.namespace] if own else term.namespaces),
            LabelSelector.from_message(term.namespace_selector) if by_selector else None,
            term.topology_key,
        )

    def selects(self, pod: PlacedPod, namespaces: Mapping[str, Mapping[str, str]]) -> bool:
        """Return whether the term is about a pod; `namespaces` gives each namespace's labels."""
        if self.selector is None or not self.selector.matches(pod.labels):
            return False
        if pod.namespace in self.namespaces:
            return True
        chosen = self.namespace_selector
        return chosen is not None and chosen.matches(namespaces.get(pod.namespace, {}))


@dataclass(frozen=True, slots=True)
class Shape:
    """What a pod asks of a node itself. Pods of one shape suit the same nodes equally well."""

    requests: frozenset[tuple[str, int]]
    ports: tuple[tuple[str, int], ...]
    selector: frozenset[tuple[str, str]]
    tolerations: tuple[bytes, ...]
    node_affinity: bytes

    @classmethod
    def of(cls, pod: Pod, needs: Mapping[str, int], ports: tuple[tuple[str, int], ...]) -> Shape:
        """Return the shape of a pod that needs these amounts and host ports."""
        spec = pod.spec
        return cls(
            frozenset(needs.items()),
            ports,
            frozenset(spec.node_selector.items()),
            tuple(toleration.SerializeToString() for toleration in spec.tolerations),
            spec.affinity.node_affinity.SerializeToString() if spec.HasField("affinity") else b"",
        )


@dataclass(slots=True, eq=False)
class PlacedPod:
    """What scheduling needs to know of a pod, worked out once."""

    pod: Pod
    uid: str
    namespace: str
    name: str
    labels: dict[str, str]
    requests: dict[str, int]
    """Amounts by resource: thousandths for cpu, units for the others, and 1 for pods."""
    ports: tuple[tuple[str, int], ...]
    shape: Shape
    affinity: tuple[AffinityTerm, ...] = ()
    anti_affinity: tuple[AffinityTerm, ...] = ()
    preferred: tuple[tuple[int, AffinityTerm], ...] = ()
    """Weights and terms; the weight of an anti-affinity term is negative."""

    @classmethod
    def of(cls, pod: Pod) -> PlacedPod:
        """Work out a pod's needs."""
        needs = {**requests(pod), "pods": 1}
        ports = tuple(host_ports(pod))
        placed = cls(
            pod,
            pod.metadata.uid,
            pod.metadata.namespace,
            pod.metadata.name,
            dict(pod.metadata.labels),
            needs,
            ports,
            Shape.of(pod, needs, ports),
        )
        if pod.spec.HasField("affinity"):
            near, apart = pod.spec.affinity.pod_affinity, pod.spec.affinity.pod_anti_affinity
            placed.affinity = tuple(
                AffinityTerm.of(t, pod) for t in near.required_during_scheduling_ignored_during_execution
            )
            placed.anti_affinity = tuple(
                AffinityTerm.of(t, pod) for t in apart.required_during_scheduling_ignored_during_execution
            )
            placed.preferred = tuple(
                (sign * weighted.weight, AffinityTerm.of(weighted.pod_affinity_term, pod))
                for sign, side in ((1, near), (-1, apart))
                for weighted in side.preferred_during_scheduling_ignored_during_execution
            )
        return placed


@dataclass(slots=True, eq=False)
class NodeView:
    """A node and what its pods hold of it."""

    name: str
    node: Node
    labels: dict[str, str] = field(default_factory=dict)
    allocatable: dict[str, int] = field(default_factory=dict)
    taints: list[Taint] = field(default_factory=list)
    held: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))
    ports: dict[tuple[str, int], str] = field(default_factory=dict)
    pods: dict[str, PlacedPod] = field(default_factory=dict)
    changes: int = 0
    """Raised by whatever may change what suits the node: what was worked out before is then stale."""

    def set_node(self, node: Node) -> None:
        """Take a newer version of the node."""
        self.changes += 1
        self.node = node
        self.labels = dict(node.metadata.labels)
        self.allocatable = {
            resource: milli(amount.string) if resource == "cpu" else value(amount.string)
            for resource, amount in node.status.allocatable.items()
        }
        self.taints = list(node.spec.taints)
        cordoned = any(taint.key == UNSCHEDULABLE_TAINT.key for taint in self.taints)
        if node.spec.unschedulable and not cordoned:
            self.taints.append(UNSCHEDULABLE_TAINT)

    def add(self, pod: PlacedPod) -> None:
        """Count a pod."""
        self.changes += 1
        self.pods[pod.uid] = pod
        for resource, amount in pod.requests.items():
            self.held[resource] += amount
        for port in pod.ports:
            self.ports[port] = pod.uid

    def remove(self, pod: PlacedPod) -> None:
        """Count a pod no more."""
        self.changes += 1
        del self.pods[pod.uid]
        for resource, amount in pod.requests.items():
            self.held[resource] -= amount
        for port in pod.ports:
            if self.ports.get(port) == pod.uid:
                del self.ports[port]


class FleetView:
    """Every node and every pod that has one."""

    def __init__(self) -> None:
        self.nodes: dict[str, NodeView] = {}
        self.namespaces: dict[str, dict[str, str]] = {}
        """The labels of each namespace."""
        self._orphans: defaultdict[str, dict[str, PlacedPod]] = defaultdict(dict)
        self._node_of: dict[str, str] = {}
        self.repelling: dict[str, NodeView] = {}
        """The nodes of pods that keep others away, by pod uid."""
        self.attracting: dict[str, NodeView] = {}
        """The nodes of pods that prefer or refuse company, by pod uid."""

    def set_node(self, node: Node) -> None:
        """Take a node's newest version; pods that were placed on it before it was known are counted."""
        name = node.metadata.name
        view = self.nodes.get(name)
        if view is None:
            view = self.nodes[name] = NodeView(name, node)
            for placed in self._orphans.pop(name, {}).values():
                self._count(placed, view)
        view.set_node(node)

    def remove_node(self, name: str) -> None:
        """Forget a node. Its pods are remembered until they go or it comes back."""
        view = self.nodes.pop(name, None)
        if view is not None:
            for placed in list(view.pods.values()):
                self._discount(placed, view)
                self._orphans[name][placed.uid] = placed

    def set_pod(self, pod: Pod) -> None:
        """Take a pod's newest version. A pod that has ended holds nothing."""
        if not pod.spec.node_name or is_terminal(pod):
            self.remove_pod(pod.metadata.uid)
            return
        self.place(PlacedPod.of(pod), pod.spec.node_name)

    def place(self, placed: PlacedPod, node: str) -> None:
        """Count a pod on a node: because it is there, or because it soon will be."""
        self.remove_pod(placed.uid)
        self._node_of[placed.uid] = node
        view = self.nodes.get(node)
        if view is None:
            self._orphans[node][placed.uid] = placed
        else:
            self._count(placed, view)

    def remove_pod(self, uid: str) -> None:
        """Count a pod no more."""
        node = self._node_of.pop(uid, None)
        if node is None:
            return
        view = self.nodes.get(node)
        if view is not None and uid in view.pods:
            self._discount(view.pods[uid], view)
        else:
            self._orphans[node].pop(uid, None)

    def _count(self, placed: PlacedPod, view: NodeView) -> None:
        view.add(placed)
        if placed.anti_affinity:
            self.repelling[placed.uid] = view
        if placed.preferred or placed.affinity:
            self.attracting[placed.uid] = view

    def _discount(self, placed: PlacedPod, view: NodeView) -> None:
        view.remove(placed)
        self.repelling.pop(placed.uid, None)
        self.attracting.pop(placed.uid, None)
