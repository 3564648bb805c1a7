"""Which nodes a selector means. Pure: no I/O, clock or randomness.

The rules are those of Kubernetes' node affinity: terms are alternatives, the requirements of a term all hold.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Self

from statefleet.api.core.v1.pod_pb2 import Pod
from statefleet.api.core.v1.reference_pb2 import NodeSelector, NodeSelectorRequirement, NodeSelectorTerm
from statefleet.api.core.v1.scheduling_pb2 import Taint, Toleration

NAME_FIELD = "metadata.name"
"""The one field that a node can be selected by."""
_INTEGER = re.compile(r"[+-]?[0-9]{1,19}", re.ASCII)


@dataclass(frozen=True, slots=True)
class NodeRule:
    """A node selector made ready to be held against many nodes."""

    terms: tuple[NodeTerm, ...]

    @classmethod
    def of(cls, selector: NodeSelector) -> Self:
        """Return the rule of a selector; one without terms means no node."""
        return cls(tuple(NodeTerm.of(term) for term in selector.node_selector_terms))

    def matches(self, name: str, labels: Mapping[str, str]) -> bool:
        """Return whether a node is among those that the selector means."""
        return any(term.matches(name, labels) for term in self.terms)


@dataclass(frozen=True, slots=True)
class NodeTerm:
    """Requirements that a node meets all; without any, no node does."""

    labels: tuple[_Requirement, ...]
    fields: tuple[_Requirement, ...]

    @classmethod
    def of(cls, term: NodeSelectorTerm) -> Self:
        """Return the requirements of a term."""
        return cls(tuple(map(_requirement, term.match_expressions)), tuple(map(_requirement, term.match_fields)))

    def matches(self, name: str, labels: Mapping[str, str]) -> bool:
        """Return whether a node meets them."""
        for asked in self.labels:
            if not _holds(asked, labels.get(asked[0])):
                return False
        for asked in self.fields:
            if not _holds(asked, name if asked[0] == NAME_FIELD else None):
                return False
        return bool(self.labels or self.fields)

    def named_node(self) -> str | None:
        """Return the one node that the term can mean for its name; None where it does not name one."""
        for key, operator, values in self.fields:
            if key == NAME_FIELD and operator == "In" and len(values) == 1:
                return values[0]
        return None


_Requirement = tuple[str, str, tuple[str, ...]]
"""Key, operator and values."""


def _requirement(message: NodeSelectorRequirement) -> _Requirement:
    return message.key, message.operator, tuple(message.values)


@dataclass(frozen=True, slots=True)
class NodeWishes:
    """Which nodes a pod must have and which it prefers."""

    selector: tuple[tuple[str, str], ...]
    required: NodeRule | None
    preferred: tuple[tuple[int, NodeTerm], ...]
    """Weights and what they are for."""

    @classmethod
    def of(cls, pod: Pod) -> Self:
        """Return what a pod asks for."""
        required: NodeRule | None = None
        preferred: tuple[tuple[int, NodeTerm], ...] = ()
        if pod.spec.HasField("affinity") and pod.spec.affinity.HasField("node_affinity"):
            affinity = pod.spec.affinity.node_affinity
            if affinity.HasField("required_during_scheduling_ignored_during_execution"):
                required = NodeRule.of(affinity.required_during_scheduling_ignored_during_execution)
            preferred = tuple(
                (each.weight, NodeTerm.of(each.preference))
                for each in affinity.preferred_during_scheduling_ignored_during_execution
            )
        return cls(tuple(pod.spec.node_selector.items()), required, preferred)

    def allow(self, name: str, labels: Mapping[str, str]) -> bool:
        """Return whether a node meets the node selector and the required affinity."""
        for key, text in self.selector:
            if labels.get(key) != text:
                return False
        return self.required is None or self.required.matches(name, labels)

    def weight(self, name: str, labels: Mapping[str, str]) -> int:
        """Return the sum of the weights of the preferences that a node meets."""
        return sum(weight for weight, term in self.preferred if term.matches(name, labels))

    def named_nodes(self) -> list[str] | None:
        """Return the nodes that are meant by name, as a DaemonSet's pods mean one; None where others may do."""
        if self.required is None or not self.required.terms:
            return None
        named = [term.named_node() for term in self.required.terms]
        found = [name for name in dict.fromkeys(named) if name is not None]
        return found if None not in named else None


def tolerates(tolerations: Iterable[Toleration], taint: Taint) -> bool:
    """Return whether one of the tolerations covers the taint."""
    return any(covers(toleration, taint) for toleration in tolerations)


def covers(toleration: Toleration, taint: Taint) -> bool:
    """Return whether a toleration is for a taint."""
    if toleration.effect and toleration.effect != taint.effect:
        return False
    if toleration.key and toleration.key != taint.key:
        return False
    match toleration.operator or "Equal":
        case "Exists":
            return True
        case "Equal":
            return bool(toleration.key) and toleration.value == taint.value
        case "Lt" | "Gt" as operator:
            return _compares(operator, taint.value, toleration.value)
        case _:
            return False


def _holds(asked: _Requirement, found: str | None) -> bool:
    _, operator, values = asked
    match operator:
        case "In":
            return found is not None and found in values
        case "NotIn":
            return found is None or found not in values
        case "Exists":
            return found is not None
        case "DoesNotExist":
            return found is None
        case "Gt" | "Lt":
            return found is not None and bool(values) and _compares(operator, found, values[0])
        case _:
            return False


def _compares(operator: str, left: str, right: str) -> bool:
    numbers = _number(left), _number(right)
    if numbers[0] is None or numbers[1] is None:
        return False
    return numbers[0] > numbers[1] if operator == "Gt" else numbers[0] < numbers[1]


@lru_cache(maxsize=1024)
def _number(text: str) -> int | None:
    return int(text) if _INTEGER.fullmatch(text) else None
