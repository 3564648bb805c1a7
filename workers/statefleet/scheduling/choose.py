"""Choose a node for a pod. Pure: no I/O, clock or randomness.

First the nodes that the pod may not have are left out, each with its reasons; then the others are scored. Rules,
reasons and weights are those of the Kubernetes scheduler's default plugins, without preemption and topology spread.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from statefleet.scheduling.fleet_view import UNSCHEDULABLE_TAINT, FleetView, NodeView
from statefleet.scheduling.neighbours import Neighbours
from statefleet.scheduling.node_affinity import tolerates
from statefleet.scheduling.placed_pod import PlacedPod, Shape

_SHORTAGE = {"pods": "Too many pods"}
_WANTED = "node(s) didn't match Pod's node affinity/selector"
_PORTS = "node(s) didn't have free ports for the requested pod ports"
_CORDONED = "node(s) were unschedulable"
_WISHES_WEIGHT = 2
_TAINTS_WEIGHT = 3
_NEIGHBOURS_WEIGHT = 2
_SHAPES_REMEMBERED = 64


class Volumes(Protocol):
    """Where a pod's volumes let it be."""

    def refusal(self, name: str, labels: Mapping[str, str]) -> str:
        """Return why volumes keep the pod off a node, empty where they do not."""


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
    """What a shape of pod means for a node, as of one of the node's stamps."""

    stamp: int
    refusals: tuple[str, ...] = ()
    score: float = 0.0
    """For the free share of the node that is left, and its balance."""
    liked: int = 0
    """The weights of the pod's preferences that the node meets."""
    avoided: int = 0
    """How many taints of the node the pod would rather avoid."""


class Chooser:
    """Chooses nodes in one fleet.

    What a shape of pod means for a node is worked out once for each change of the node, so that a set's pods, which
    have one shape, cost little after the first.
    """

    def __init__(self, fleet: FleetView) -> None:
        self._fleet = fleet
        self._judged: OrderedDict[Shape, dict[str, _Judgement]] = OrderedDict()

    def choose(self, pod: PlacedPod, volumes: Volumes | None = None) -> Chosen | Unschedulable:
        """Choose a node that the pod may have and that suits it best.

        The pod itself must not be counted in the fleet. Among equals the node with the fewest pods wins, then the
        first by name.
        """
        neighbours = Neighbours(self._fleet, pod)
        judged = self._judgements(pod.shape)
        refused: list[str] = []
        feasible: list[tuple[NodeView, _Judgement]] = []
        for node in self._candidates(pod, refused):
            judgement = judged.get(node.name)
            if judgement is None or judgement.stamp != node.stamp:
                judgement = judged[node.name] = _judge(node, pod)
            if judgement.refusals:
                refused += judgement.refusals
                continue
            refusal = volumes.refusal(node.name, node.labels) if volumes is not None else ""
            if not refusal and neighbours.matters:
                refusal = neighbours.refusal(node)
            if refusal:
                refused.append(refusal)
            else:
                feasible.append((node, judgement))
        if not feasible:
            counts = sorted(f"{count} {reason}" for reason, count in Counter(refused).items())
            return Unschedulable(self.explain_all(", ".join(counts)))
        return Chosen(_best(feasible, neighbours).name)

    def explain_all(self, why: str) -> str:
        """Return the text that says that no node will do, and why."""
        nodes = len(self._fleet.nodes)
        return f"0/{nodes} nodes are available: {why}." if nodes else "no nodes available to schedule pods"

    def _candidates(self, pod: PlacedPod, refused: list[str]) -> Iterable[NodeView]:
        """Return the nodes to look at: where the pod is meant for some by name, only those."""
        nodes = self._fleet.nodes
        named = pod.wishes.named_nodes()
        if named is None:
            return nodes.values()
        found = [nodes[name] for name in named if name in nodes]
        refused += [_WANTED] * (len(nodes) - len(found))
        return found

    def _judgements(self, shape: Shape) -> dict[str, _Judgement]:
        judged = self._judged.get(shape)
        if judged is None:
            judged = self._judged[shape] = {}
            if len(self._judged) > _SHAPES_REMEMBERED:
                self._judged.popitem(last=False)
        self._judged.move_to_end(shape)
        if len(judged) > 2 * len(self._fleet.nodes):
            judged.clear()  # It is mostly about nodes that have gone.
        return judged


def _judge(node: NodeView, pod: PlacedPod) -> _Judgement:
    refusals = _refusals(node, pod)
    if refusals:
        return _Judgement(node.stamp, refusals)
    avoided = sum(
        taint.effect == "PreferNoSchedule" and not tolerates(pod.tolerations, taint) for taint in node.taints
    )
    return _Judgement(node.stamp, (), _score(node, pod), pod.wishes.weight(node.name, node.labels), avoided)


def _refusals(node: NodeView, pod: PlacedPod) -> tuple[str, ...]:
    """Return why the node itself cannot have the pod; of several kinds of reason the first."""
    for taint in node.taints:
        if taint.effect != "PreferNoSchedule" and not tolerates(pod.tolerations, taint):
            if taint.key == UNSCHEDULABLE_TAINT.key:
                return (_CORDONED,)
            return (f"node(s) had untolerated taint {{{taint.key}: {taint.value}}}",)
    if not pod.wishes.allow(node.name, node.labels):
        return (_WANTED,)
    if any(node.ports[port] for port in pod.ports):
        return (_PORTS,)
    return tuple(
        _SHORTAGE.get(resource) or f"Insufficient {resource}"
        for resource, amount in pod.requests.items()
        if amount and node.held[resource] + amount > node.allocatable.get(resource, 0)
    )


def _score(node: NodeView, pod: PlacedPod) -> float:
    """Return up to 100 for what share of the node stays free, and up to 100 for its balance."""
    shares = []
    for resource in ("cpu", "memory"):
        capacity = node.allocatable.get(resource, 0)
        held = node.held[resource] + pod.requests.get(resource, 0)
        shares.append(held / capacity if capacity else 1.0)
    return 100.0 * (1.0 - sum(shares) / 2) + 100.0 * (1.0 - abs(shares[0] - shares[1]) / 2)


def _best(feasible: Sequence[tuple[NodeView, _Judgement]], neighbours: Neighbours) -> NodeView:
    if len(feasible) == 1:
        return feasible[0][0]
    scores = [judgement.score for _, judgement in feasible]
    most_liked = max(judgement.liked for _, judgement in feasible)
    most_avoided = max(judgement.avoided for _, judgement in feasible)
    if most_liked or most_avoided:
        for index, (_, judgement) in enumerate(feasible):
            scores[index] += 100.0 * _WISHES_WEIGHT * judgement.liked / (most_liked or 1)
            scores[index] -= 100.0 * _TAINTS_WEIGHT * judgement.avoided / (most_avoided or 1)
    company = neighbours.weights([node for node, _ in feasible])
    if company is not None:
        scores = [score + _NEIGHBOURS_WEIGHT * worth for score, worth in zip(scores, company, strict=True)]
    top = max(scores)
    best = [node for (node, _), score in zip(feasible, scores, strict=True) if score == top]
    return min(best, key=lambda node: (len(node.pods), node.name))
