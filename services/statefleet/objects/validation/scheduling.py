"""Judge where pods may run: affinity, tolerations, taints, spreading. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from statefleet.api.core.v1.scheduling_pb2 import (
    Affinity,
    NodeAffinity,
    PodAffinity,
    PodAffinityTerm,
    PodAntiAffinity,
    Taint,
    Toleration,
    TopologySpreadConstraint,
)
from statefleet.objects.label_syntax import value_problems
from statefleet.objects.validation.literals import Raw, quote
from statefleet.objects.validation.metadata import validate_qualified_name
from statefleet.objects.validation.names import dns_label
from statefleet.objects.validation.report import Path, Report
from statefleet.objects.validation.selectors import (
    validate_label_selector,
    validate_node_selector,
    validate_node_selector_term,
)

_REQUIRED: Final = "requiredDuringSchedulingIgnoredDuringExecution"
_PREFERRED: Final = "preferredDuringSchedulingIgnoredDuringExecution"
_WEIGHT: Final = "must be in the range 1-100"
_EFFECTS: Final = ("NoSchedule", "PreferNoSchedule", "NoExecute")
_ACTIONS: Final = ("DoNotSchedule", "ScheduleAnyway")
_POLICIES: Final = ("Honor", "Ignore")
_NOT_POSITIVE: Final = "must be greater than zero"
_NO_SELECTOR: Final = "must not be specified when labelSelector is not set"


def validate_affinity(report: Report, path: Path, affinity: Affinity) -> None:
    """Judge a pod's affinities."""
    if affinity.HasField("node_affinity"):
        _validate_node_affinity(report, (*path, "nodeAffinity"), affinity.node_affinity)
    if affinity.HasField("pod_affinity"):
        _validate_pod_affinity(report, (*path, "podAffinity"), affinity.pod_affinity)
    if affinity.HasField("pod_anti_affinity"):
        _validate_pod_affinity(report, (*path, "podAntiAffinity"), affinity.pod_anti_affinity)


def _validate_node_affinity(report: Report, path: Path, affinity: NodeAffinity) -> None:
    if affinity.HasField("required_during_scheduling_ignored_during_execution"):
        selector = affinity.required_during_scheduling_ignored_during_execution
        validate_node_selector(report, (*path, _REQUIRED), selector)
    for index, term in enumerate(affinity.preferred_during_scheduling_ignored_during_execution):
        at = (*path, _PREFERRED, index)
        if not 1 <= term.weight <= 100:
            report.invalid((*at, "weight"), term.weight, _WEIGHT)
        # What is only preferred may name values that no label can have.
        validate_node_selector_term(report, (*at, "preference"), term.preference, values=False)


def _validate_pod_affinity(report: Report, path: Path, affinity: PodAffinity | PodAntiAffinity) -> None:
    for index, term in enumerate(affinity.required_during_scheduling_ignored_during_execution):
        _validate_pod_term(report, (*path, _REQUIRED, index), term)
    for index, weighted in enumerate(affinity.preferred_during_scheduling_ignored_during_execution):
        at = (*path, _PREFERRED, index)
        if not 1 <= weighted.weight <= 100:
            report.invalid((*at, "weight"), weighted.weight, _WEIGHT)
        _validate_pod_term(report, (*at, "podAffinityTerm"), weighted.pod_affinity_term)


def _validate_pod_term(report: Report, path: Path, term: PodAffinityTerm) -> None:
    if term.HasField("label_selector"):
        validate_label_selector(report, (*path, "labelSelector"), term.label_selector)
    if term.HasField("namespace_selector"):
        validate_label_selector(report, (*path, "namespaceSelector"), term.namespace_selector)
    for name in term.namespaces:
        report.all_invalid((*path, "namespace"), name, dns_label(name))
    _validate_label_keys(report, path, term)
    if not term.topology_key:
        report.required((*path, "topologyKey"), "can not be empty")
    validate_qualified_name(report, (*path, "topologyKey"), term.topology_key)


def _validate_label_keys(report: Report, path: Path, term: PodAffinityTerm) -> None:
    for name, keys in (("matchLabelKeys", term.match_label_keys), ("mismatchLabelKeys", term.mismatch_label_keys)):
        if keys and not term.HasField("label_selector"):
            report.forbidden((*path, name), _NO_SELECTOR)
        else:
            for index, key in enumerate(keys):
                validate_qualified_name(report, (*path, name, index), key)
    for index, key in enumerate(term.match_label_keys):
        if key in term.mismatch_label_keys:
            detail = "exists in both matchLabelKeys and mismatchLabelKeys"
            report.invalid((*path, "matchLabelKeys", index), key, detail)


def validate_tolerations(report: Report, path: Path, tolerations: Iterable[Toleration]) -> None:
    """Judge which taints a pod bears."""
    for index, toleration in enumerate(tolerations):
        at, operator = (*path, index), toleration.operator
        if toleration.key:
            validate_qualified_name(report, (*at, "key"), toleration.key)
        elif operator != "Exists":
            detail = 'operator must be Exists when `key` is empty, which means "match all values and all keys"'
            report.invalid((*at, "operator"), operator, detail)
        if toleration.HasField("toleration_seconds") and toleration.effect != "NoExecute":
            detail = "effect must be 'NoExecute' when `tolerationSeconds` is set"
            report.invalid((*at, "effect"), toleration.effect, detail)
        _validate_toleration_value(report, (*at, "operator"), toleration)
        if toleration.effect and toleration.effect not in _EFFECTS:
            report.not_supported((*at, "effect"), toleration.effect, _EFFECTS)


def _validate_toleration_value(report: Report, path: Path, toleration: Toleration) -> None:
    if toleration.operator in ("", "Equal"):
        if problems := value_problems(toleration.value):
            report.invalid(path, toleration.value, ";".join(problems))
    elif toleration.operator == "Exists":
        if toleration.value:
            report.invalid(path, toleration.value, "value must be empty when `operator` is 'Exists'")
    else:
        report.not_supported(path, toleration.operator, ("Equal", "Exists"))


def validate_taints(report: Report, path: Path, taints: Iterable[Taint]) -> None:
    """Judge a node's taints, unique by key and effect."""
    seen: set[tuple[str, str]] = set()
    for index, taint in enumerate(taints):
        at = (*path, index)
        validate_qualified_name(report, (*at, "key"), taint.key)
        if problems := value_problems(taint.value):
            report.invalid((*at, "value"), taint.value, ";".join(problems))
        report.one_of((*at, "effect"), taint.effect, _EFFECTS)
        if (taint.key, taint.effect) in seen:
            shown = Raw(
                f"core.Taint{{Key:{quote(taint.key)}, Value:{quote(taint.value)}, Effect:{quote(taint.effect)}, "
                "TimeAdded:<nil>}"
            )
            report.duplicate(at, shown, "taints must be unique by key and effect pair")
        seen.add((taint.key, taint.effect))


def validate_spread(report: Report, path: Path, constraints: Sequence[TopologySpreadConstraint]) -> None:
    """Judge how pods spread over topologies."""
    for index, constraint in enumerate(constraints):
        at, action = (*path, index), constraint.when_unsatisfiable
        if constraint.max_skew <= 0:
            report.invalid((*at, "maxSkew"), constraint.max_skew, _NOT_POSITIVE)
        if not constraint.topology_key:
            report.required((*at, "topologyKey"), "can not be empty")
        if action not in _ACTIONS:
            report.not_supported((*at, "whenUnsatisfiable"), action, _ACTIONS)
        pair = (constraint.topology_key, action)
        if any((other.topology_key, other.when_unsatisfiable) == pair for other in constraints[index + 1 :]):
            report.duplicate((*at, "{topologyKey, whenUnsatisfiable}"), f"{{{constraint.topology_key}, {action}}}")
        _validate_min_domains(report, (*at, "minDomains"), constraint)
        _validate_inclusion(report, at, constraint)
        _validate_spread_selector(report, at, constraint)


def _validate_min_domains(report: Report, path: Path, constraint: TopologySpreadConstraint) -> None:
    if not constraint.HasField("min_domains"):
        return
    if constraint.min_domains <= 0:
        report.invalid(path, constraint.min_domains, _NOT_POSITIVE)
    if constraint.when_unsatisfiable != "DoNotSchedule":
        action = constraint.when_unsatisfiable
        detail = f"can only use minDomains if whenUnsatisfiable=DoNotSchedule, not {action}"
        report.invalid(path, constraint.min_domains, detail)


def _validate_inclusion(report: Report, path: Path, constraint: TopologySpreadConstraint) -> None:
    if constraint.HasField("node_affinity_policy") and constraint.node_affinity_policy not in _POLICIES:
        report.not_supported((*path, "nodeAffinityPolicy"), constraint.node_affinity_policy, _POLICIES)
    if constraint.HasField("node_taints_policy") and constraint.node_taints_policy not in _POLICIES:
        report.not_supported((*path, "nodeTaintsPolicy"), constraint.node_taints_policy, _POLICIES)


def _validate_spread_selector(report: Report, path: Path, constraint: TopologySpreadConstraint) -> None:
    selector = constraint.label_selector
    if constraint.match_label_keys:
        at = (*path, "matchLabelKeys")
        if not constraint.HasField("label_selector"):
            report.forbidden(at, _NO_SELECTOR)
        selected = {*selector.match_labels, *(item.key for item in selector.match_expressions)}
        for index, key in enumerate(constraint.match_label_keys):
            validate_qualified_name(report, (*at, index), key)
            if key in selected:
                report.invalid((*at, index), key, "exists in both matchLabelKeys and labelSelector")
    validate_label_selector(report, (*path, "labelSelector"), selector)
