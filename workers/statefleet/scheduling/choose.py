"""Choose a node for a pod. Pure: no I/O, clock or randomness.

First the nodes that the pod may not have are left out, each with a reason; then the others are scored. Rules,
reasons and weights are those of the Kubernetes scheduler's default plugins, without preemption and topology spread.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from statefleet.api.core.v1.reference_pb2 import NodeSelector
from statefleet.scheduling.fleet_view import AffinityTerm, FleetView, NodeView, PlacedPod, Shape
from statefleet.scheduling.node_affinity import preference, required_node, selector_matches, tolerates, wanted

_SHORTAGE = {"cpu": "Insufficient cpu", "memory": "Insufficient memory", "pods": "Too many pods"}
_WANTED = "node(s) didn't match Pod's node affinity/selector"
_AFFINITY = "node(s) didn't match pod affinity rules"
_ANTI_AFFINITY = "node(s) didn't match pod anti-affinity rules"
_REPELLED = "node(s) didn't satisfy existing pods anti-affinity rules"
_PORTS = "node(s) didn't have free ports for the requested pod ports"
_VOLUMES = "node(s) had volume node affinity conflict"
_PREFERENCE_WEIGHT = 2
_TAINT_WEIGHT = 3
_SHAPES_REMEMBERED = 64


@dataclass(frozen=True, slots=True)
class Chosen:
    """A node for the pod."""

    node: str


@dataclass(frozen=True, slots=True)
class Unschedulable:
    """No node for the pod, and why: the text of its PodScheduled condition."""

    message: str


@dataclass(frozen=True, slots=True)
class _Judgement:
    """What a shape of pod means for a node, as of one of the node's changes."""

    changes: int
    refusal: str
    score: float


class Chooser:
    """Chooses nodes in one fleet.

    What a shape of pod means for a node is worked out once for each change of the node, so that a set's pods, which
    have one shape, cost little after the first.
    """

    def __init__(self, fleet: FleetView) -> None:
        self._fleet = fleet
        self._judged: OrderedDict[Shape, dict[str, _Judgement]] = OrderedDict()

    def choose(self, pod: PlacedPod, volumes: Sequence[NodeSelector] = ()) -> Chosen | Unschedulable:
        """Choose a node that the pod may have and that suits it best.

        `volumes` are the node affinities of the volumes that the pod's claims are bound to. Among equals the node
        with the fewest pods wins, then the first by name.
        """
        reasons: Counter[str] = Counter()
        company = _Company(self._fleet, pod)
        judged = self._judgements(pod.shape)
        feasible: list[tuple[float, int, str]] = []
        for node in _candidates(self._fleet, pod, reasons):
            judgement = judged.get(node.name)
            if judgement is None or judgement.changes != node.changes:
                judgement = judged[node.name] = _judge(node, pod)
            refusal = judgement.refusal or (volumes and _misplaced(node, volumes)) or company.refusal(node)
            if refusal:
                reasons[refusal] += 1
            else:
                feasible.append((-judgement.score, len(node.pods), node.name))
        if not feasible:
            return Unschedulable(_explain(len(self._fleet.nodes), reasons))
        return Chosen(min(company.weigh(feasible))[2])

    def _judgements(self, shape: Shape) -> dict[str, _Judgement]:
        judged = self._judged.setdefault(shape, {})
        self._judged.move_to_end(shape)
        if len(self._judged) > _SHAPES_REMEMBERED:
            self._judged.popitem(last=False)
        return judged


def _judge(node: NodeView, pod: PlacedPod) -> _Judgement:
    refusal = _refusal(node, pod)
    return _Judgement(node.changes, refusal, 0.0 if refusal else _score(node, pod))


def _misplaced(node: NodeView, volumes: Sequence[NodeSelector]) -> str:
    held = all(selector_matches(selector, node.name, node.labels) for selector in volumes)
    return "" if held else _VOLUMES


def _candidates(fleet: FleetView, pod: PlacedPod, reasons: Counter[str]) -> Iterable[NodeView]:
    named = required_node(pod.pod)
    if named is None:
        return fleet.nodes.values()
    node = fleet.nodes.get(named)
    reasons[_WANTED] += len(fleet.nodes) - (node is not None)
    return [node] if node else []


def _refusal(node: NodeView, pod: PlacedPod) -> str:
    """Return why the node itself cannot have the pod, empty where it can."""
    for taint in node.taints:
        if taint.effect != "PreferNoSchedule" and not tolerates(pod.pod.spec.tolerations, taint):
            if taint.key == "node.kubernetes.io/unschedulable":
                return "node(s) were unschedulable"
            return f"node(s) had untolerated taint(s) {{{taint.key}: {taint.value}}}"
    if not wanted(pod.pod, node.name, node.labels):
        return _WANTED
    if any(holder != pod.uid for port in pod.ports if (holder := node.ports.get(port))):
        return _PORTS
    for resource, amount in pod.requests.items():
        if amount and node.held[resource] + amount > node.allocatable.get(resource, 0):
            return _SHORTAGE.get(resource, f"Insufficient {resource}")
    return ""


def _score(node: NodeView, pod: PlacedPod) -> float:
    """Return how well the node suits the pod by itself: free share, balance, taints and the pod's preferences."""
    shares = []
    for resource in ("cpu", "memory"):
        capacity = node.allocatable.get(resource, 0)
        held = node.held[resource] + pod.requests.get(resource, 0)
        shares.append(held / capacity if capacity else 1.0)
    free = 100.0 * (1.0 - sum(shares) / len(shares))
    balance = 100.0 * (1.0 - abs(shares[0] - shares[1]) / 2)
    avoided = sum(
        taint.effect == "PreferNoSchedule" and not tolerates(pod.pod.spec.tolerations, taint) for taint in node.taints
    )
    liked = preference(pod.pod, node.name, node.labels)
    return free + balance + _PREFERENCE_WEIGHT * min(liked, 100) - 100.0 * _TAINT_WEIGHT * avoided


class _Company:
    """What other pods' places mean for one pod: computed once, asked for each node."""

    def __init__(self, fleet: FleetView, pod: PlacedPod) -> None:
        self._fleet = fleet
        self._pod = pod
        self._near = [(term, self._places(term)) for term in pod.affinity]
        self._apart = [(term, self._places(term)) for term in pod.anti_affinity]
        self._repelled = self._repelling_places()

    def refusal(self, node: NodeView) -> str:
        """Return why other pods keep this one off the node, empty where they do not."""
        for term, places in self._near:
            if node.labels.get(term.topology_key) not in places and not self._first_of_its_kind(term, places, node):
                return _AFFINITY
        for term, places in self._apart:
            if node.labels.get(term.topology_key) in places:
                return _ANTI_AFFINITY
        if any(node.labels.get(key) == value for key, value in self._repelled):
            return _REPELLED
        return ""

    def weigh(self, feasible: list[tuple[float, int, str]]) -> list[tuple[float, int, str]]:
        """Return nodes (negative score, number of pods, name) with up to 200 points for the company preferred."""
        weights = self._weights() if len(feasible) > 1 else None
        if not weights:
            return feasible
        sums = [self._sum(weights, self._fleet.nodes[name]) for _, _, name in feasible]
        low, high = min(sums), max(sums)
        scale = 100.0 * _PREFERENCE_WEIGHT / (high - low) if high > low else 0.0
        return [
            (score - scale * (total - low), pods, name)
            for (score, pods, name), total in zip(feasible, sums, strict=True)
        ]

    def _weights(self) -> Counter[tuple[str, str]]:
        """Return what each place is worth by the preferences of the pod and of those that are there."""
        weights: Counter[tuple[str, str]] = Counter()
        for weight, term in self._pod.preferred:
            for place, count in self._places(term).items():
                weights[term.topology_key, place] += weight * count
        for uid, node in self._fleet.attracting.items():
            for weight, term in node.pods[uid].preferred:
                place = node.labels.get(term.topology_key, "")
                if place and term.selects(self._pod, self._fleet.namespaces):
                    weights[term.topology_key, place] += weight
        return weights

    @staticmethod
    def _sum(weights: Counter[tuple[str, str]], node: NodeView) -> int:
        return sum(weight for (key, place), weight in weights.items() if node.labels.get(key) == place)

    def _places(self, term: AffinityTerm) -> Counter[str]:
        """Return how many pods that a term is about there are in each place of its topology."""
        places: Counter[str] = Counter()
        for node in self._fleet.nodes.values():
            place = node.labels.get(term.topology_key)
            if place is not None and node.pods:
                count = sum(term.selects(other, self._fleet.namespaces) for other in node.pods.values())
                if count:
                    places[place] += count
        return places

    def _repelling_places(self) -> set[tuple[str, str]]:
        """Return the places that pods there keep this pod out of."""
        places = set()
        for uid, node in self._fleet.repelling.items():
            for term in node.pods[uid].anti_affinity:
                value = node.labels.get(term.topology_key)
                if value is not None and term.selects(self._pod, self._fleet.namespaces):
                    places.add((term.topology_key, value))
        return places

    def _first_of_its_kind(self, term: AffinityTerm, places: Counter[str], node: NodeView) -> bool:
        """Return whether the term is about the pod itself and no other is there yet: then any place will do."""
        return not places and term.topology_key in node.labels and term.selects(self._pod, self._fleet.namespaces)


def _explain(nodes: int, reasons: Counter[str]) -> str:
    if not nodes:
        return "no nodes available to schedule pods"
    listed = ", ".join(f"{count} {reason}" for reason, count in sorted(reasons.items(), key=lambda item: item[0]))
    return f"0/{nodes} nodes are available: {listed}."
