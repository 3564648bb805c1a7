"""Which nodes a selector means. Pure: no I/O, clock or randomness.

The rules are those of Kubernetes' node affinity: terms are alternatives, the requirements of a term all hold.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache

from statefleet.api.core.v1.pod_pb2 import Pod
from statefleet.api.core.v1.reference_pb2 import NodeSelector, NodeSelectorRequirement, NodeSelectorTerm
from statefleet.api.core.v1.scheduling_pb2 import Taint, Toleration


def selector_matches(selector: NodeSelector, name: str, labels: Mapping[str, str]) -> bool:
    """Return whether a node is among those that the selector means; one without terms means none."""
    return any(term_matches(term, name, labels) for term in selector.node_selector_terms)


def term_matches(term: NodeSelectorTerm, name: str, labels: Mapping[str, str]) -> bool:
    """Return whether a node meets all requirements of a term; one without requirements is met by none."""
    if not term.match_expressions and not term.match_fields:
        return False
    fields = {"metadata.name": name}
    return all(_holds(r, labels) for r in term.match_expressions) and all(
        _holds(r, fields) for r in term.match_fields
    )


def required_node(pod: Pod) -> str | None:
    """Return the one node that a pod is meant for by name, as a DaemonSet's pods are; None where it is free."""
    if not pod.spec.affinity.node_affinity.HasField("required_during_scheduling_ignored_during_execution"):
        return None
    terms = pod.spec.affinity.node_affinity.required_during_scheduling_ignored_during_execution.node_selector_terms
    if len(terms) != 1:
        return None
    for requirement in terms[0].match_fields:
        named = requirement.key == "metadata.name" and requirement.operator == "In"
        if named and len(requirement.values) == 1:
            return str(requirement.values[0])
    return None


def named(node: str) -> NodeSelector:
    """Return the selector that means one node, by its name."""
    selector = NodeSelector()
    selector.node_selector_terms.add().match_fields.add(key="metadata.name", operator="In", values=[node])
    return selector


def wanted(pod: Pod, name: str, labels: Mapping[str, str]) -> bool:
    """Return whether a node meets a pod's node selector and its required node affinity."""
    if any(labels.get(key) != text for key, text in pod.spec.node_selector.items()):
        return False
    if not pod.spec.HasField("affinity"):
        return True
    affinity = pod.spec.affinity.node_affinity
    if not affinity.HasField("required_during_scheduling_ignored_during_execution"):
        return True
    return selector_matches(affinity.required_during_scheduling_ignored_during_execution, name, labels)


def preference(pod: Pod, name: str, labels: Mapping[str, str]) -> int:
    """Return the sum of the weights of the preferred terms that a node meets."""
    if not pod.spec.HasField("affinity"):
        return 0
    preferred = pod.spec.affinity.node_affinity.preferred_during_scheduling_ignored_during_execution
    return sum(term.weight for term in preferred if term_matches(term.preference, name, labels))


def tolerates(tolerations: Iterable[Toleration], taint: Taint) -> bool:
    """Return whether one of the tolerations covers the taint."""
    return any(_covers(toleration, taint) for toleration in tolerations)


def _covers(toleration: Toleration, taint: Taint) -> bool:
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


def _holds(requirement: NodeSelectorRequirement, labels: Mapping[str, str]) -> bool:
    found = labels.get(requirement.key)
    match requirement.operator:
        case "In":
            return found is not None and found in requirement.values
        case "NotIn":
            return found is None or found not in requirement.values
        case "Exists":
            return found is not None
        case "DoesNotExist":
            return found is None
        case "Gt" | "Lt" as operator:
            return (
                found is not None and bool(requirement.values) and _compares(operator, found, requirement.values[0])
            )
        case _:
            return False


def _compares(operator: str, left: str, right: str) -> bool:
    numbers = _number(left), _number(right)
    if numbers[0] is None or numbers[1] is None:
        return False
    return numbers[0] > numbers[1] if operator == "Gt" else numbers[0] < numbers[1]


@lru_cache(maxsize=1024)
def _number(text: str) -> int | None:
    try:
        return int(text)
    except ValueError:
        return None
