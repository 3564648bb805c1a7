"""What scheduling needs to know of a pod, worked out once. Pure: no I/O, clock or randomness."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Self

from statefleet.api.core.v1.pod_pb2 import Pod
from statefleet.api.core.v1.scheduling_pb2 import PodAffinityTerm, Toleration
from statefleet.objects.label_requirements import Operator, requirement
from statefleet.objects.pods import host_ports, requests
from statefleet.objects.selectors import LabelSelector
from statefleet.scheduling.node_affinity import NodeWishes

Ports = tuple[tuple[str, int], ...]
"""Protocols and host ports."""


@dataclass(frozen=True, slots=True)
class AffinityTerm:
    """A pod affinity term with its selectors compiled."""

    selector: LabelSelector | None
    """None selects no pod."""
    namespaces: frozenset[str]
    namespace_selector: LabelSelector | None
    topology_key: str

    @classmethod
    def of(cls, term: PodAffinityTerm, pod: Pod) -> Self:
        """Compile a term of `pod`, whose own namespace counts where the term names none."""
        by_selector = term.HasField("namespace_selector")
        own = not term.namespaces and not by_selector
        return cls(
            _selector(term, pod) if term.HasField("label_selector") else None,
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


def _selector(term: PodAffinityTerm, pod: Pod) -> LabelSelector:
    """Return a term's selector, narrowed by those of the pod's own labels that it names."""
    selector = LabelSelector.from_message(term.label_selector)
    labels = pod.metadata.labels
    own = [
        requirement(key, operator, {labels[key]})
        for operator, keys in ((Operator.IN, term.match_label_keys), (Operator.NOT_IN, term.mismatch_label_keys))
        for key in keys
        if key in labels
    ]
    return LabelSelector.of((*selector.requirements, *own)) if own else selector


class Shape:
    """What a pod asks of a node itself. Pods of one shape suit the same nodes equally well."""

    __slots__ = ("_asked", "_hash")

    def __init__(self, pod: Pod, needs: Mapping[str, int], ports: Ports) -> None:
        spec = pod.spec
        self._asked = (
            tuple(sorted(needs.items())),
            ports,
            tuple(sorted(spec.node_selector.items())),
            tuple(toleration.SerializeToString() for toleration in spec.tolerations),
            spec.affinity.node_affinity.SerializeToString() if spec.HasField("affinity") else b"",
        )
        self._hash = hash(self._asked)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Shape) and self._hash == other._hash and self._asked == other._asked

    def __hash__(self) -> int:
        return self._hash


@dataclass(slots=True, eq=False)
class PlacedPod:
    """A pod's needs, and what it asks of its neighbours."""

    pod: Pod
    uid: str
    namespace: str
    labels: dict[str, str]
    requests: dict[str, int]
    """Amounts by resource: thousandths for cpu, units for the others, and 1 for pods."""
    ports: Ports
    shape: Shape
    wishes: NodeWishes
    tolerations: tuple[Toleration, ...]
    affinity: tuple[AffinityTerm, ...] = ()
    anti_affinity: tuple[AffinityTerm, ...] = ()
    preferred: tuple[tuple[int, AffinityTerm], ...] = ()
    """Weights and terms; the weight of an anti-affinity term is negative."""

    @classmethod
    def of(cls, pod: Pod) -> Self:
        """Work out a pod's needs."""
        meta = pod.metadata
        needs = {**requests(pod), "pods": 1}
        ports = host_ports(pod)
        placed = cls(
            pod,
            meta.uid,
            meta.namespace,
            dict(meta.labels),
            needs,
            ports,
            Shape(pod, needs, ports),
            NodeWishes.of(pod),
            tuple(pod.spec.tolerations),
        )
        if pod.spec.HasField("affinity"):
            placed._add_neighbours(pod)
        return placed

    def _add_neighbours(self, pod: Pod) -> None:
        near, apart = pod.spec.affinity.pod_affinity, pod.spec.affinity.pod_anti_affinity
        self.affinity = _terms(near.required_during_scheduling_ignored_during_execution, pod)
        self.anti_affinity = _terms(apart.required_during_scheduling_ignored_during_execution, pod)
        self.preferred = tuple(
            (sign * weighted.weight, AffinityTerm.of(weighted.pod_affinity_term, pod))
            for sign, side in ((1, near), (-1, apart))
            for weighted in side.preferred_during_scheduling_ignored_during_execution
        )


def _terms(terms: Iterable[PodAffinityTerm], pod: Pod) -> tuple[AffinityTerm, ...]:
    return tuple(AffinityTerm.of(term, pod) for term in terms)
