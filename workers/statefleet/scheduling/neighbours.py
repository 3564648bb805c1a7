"""Judge nodes for a pod by the other pods that are there. Pure: no I/O, clock or randomness.

The rules are those of Kubernetes' inter-pod affinity.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence

from statefleet.scheduling.crowd import Places, Question
from statefleet.scheduling.fleet_view import FleetView, NodeView
from statefleet.scheduling.placed_pod import AffinityTerm, PlacedPod

AFFINITY = "node(s) didn't match pod affinity rules"
ANTI_AFFINITY = "node(s) didn't match pod anti-affinity rules"
REPELLED = "node(s) didn't satisfy existing pods anti-affinity rules"


class Neighbours:
    """What other pods' places mean for one pod: worked out once, asked for each node."""

    def __init__(self, fleet: FleetView, pod: PlacedPod) -> None:
        self._fleet = fleet
        self._pod = pod
        # Near which pods to be is asked of the terms together: one pod must be what all of them are about.
        self._near = [(term.topology_key, self._places(pod.affinity, term.topology_key)) for term in pod.affinity]
        self._apart = [(term.topology_key, self._places((term,), term.topology_key)) for term in pod.anti_affinity]
        self._repelled = self._repelling_places()
        self._first = bool(pod.affinity) and self._is_first_of_its_kind()
        self.matters = bool(self._near or self._apart or self._repelled)
        """Whether any node may be refused for other pods."""

    def refusal(self, node: NodeView) -> str:
        """Return why other pods keep this one off the node, empty where they do not."""
        labels = node.labels
        if self._near and not self._is_near(labels):
            return AFFINITY
        for key, places in self._apart:
            if labels.get(key) in places:
                return ANTI_AFFINITY
        for key, places in self._repelled:
            if labels.get(key) in places:
                return REPELLED
        return ""

    def weights(self, nodes: Sequence[NodeView]) -> list[float] | None:
        """Return what each node is worth for the company there, from 0 to 100; None where it makes no difference."""
        weights = self._weights()
        if not weights:
            return None
        sums = [sum(places[node.labels.get(key, "")] for key, places in weights.items()) for node in nodes]
        low, high = min(sums), max(sums)
        return [100.0 * (total - low) / (high - low) for total in sums] if high > low else None

    def _is_near(self, labels: dict[str, str]) -> bool:
        if self._first:
            return all(key in labels for key, _ in self._near)
        return all(labels.get(key) in places for key, places in self._near)

    def _is_first_of_its_kind(self) -> bool:
        """Return whether the terms are about the pod itself and no other is there yet: then any place will do."""
        if any(places for _, places in self._near):
            return False
        return all(self._selects(term) for term in self._pod.affinity)

    def _repelling_places(self) -> list[tuple[str, Places]]:
        """Return the places that pods there keep this pod out of."""
        repelling = self._fleet.crowd.repelling
        return [(term.topology_key, places) for term, places in repelling.items() if self._selects(term)]

    def _weights(self) -> dict[str, Counter[str]]:
        """Return what each place is worth, by topology, for the pod's preferences and for those of the pods there."""
        weights: defaultdict[str, Counter[str]] = defaultdict(Counter)
        for weight, term in self._pod.preferred:
            for place, count in self._places((term,), term.topology_key).items():
                weights[term.topology_key][place] += weight * count
        for (weight, term), places in self._fleet.crowd.attracting.items():
            if self._selects(term):
                for place, count in places.items():
                    weights[term.topology_key][place] += weight * count
        return weights

    def _places(self, terms: tuple[AffinityTerm, ...], topology_key: str) -> Places:
        return self._fleet.crowd.places(Question(terms, topology_key), self._fleet.everyone())

    def _selects(self, term: AffinityTerm) -> bool:
        return term.selects(self._pod, self._fleet.crowd.namespaces)
