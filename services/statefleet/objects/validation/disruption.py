"""Judge PodDisruptionBudgets. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from statefleet.api.meta.v1.condition_pb2 import Condition
from statefleet.api.policy.v1.policy_pb2 import PodDisruptionBudget, PodDisruptionBudgetSpec
from statefleet.objects.validation.amounts import validate_int_or_percent, validate_not_over_all
from statefleet.objects.validation.literals import Raw
from statefleet.objects.validation.metadata import (
    validate_metadata,
    validate_metadata_update,
    validate_qualified_name,
)
from statefleet.objects.validation.names import condition_reason, dns_subdomain
from statefleet.objects.validation.report import Path, Report
from statefleet.objects.validation.selectors import validate_label_selector

_STATUSES: Final = ("False", "True", "Unknown")
_REASON_BYTES: Final = 1024
_MESSAGE_BYTES: Final = 32 * 1024
_POLICIES: Final = ("AlwaysAllow", "IfHealthyBudget")


def validate_budget(report: Report, budget: PodDisruptionBudget) -> None:
    """Judge a new budget."""
    _validate_budget_spec(report, ("spec",), budget.spec)
    validate_metadata(report, budget.metadata, namespaced=True, name_rule=dns_subdomain)


def validate_budget_update(report: Report, new: PodDisruptionBudget, old: PodDisruptionBudget) -> None:
    """Judge a changed budget."""
    _validate_budget_spec(report, ("spec",), new.spec)
    validate_metadata_update(report, new.metadata, old.metadata)


def _validate_budget_spec(report: Report, path: Path, spec: PodDisruptionBudgetSpec) -> None:
    has_minimum, has_maximum = spec.HasField("min_available"), spec.HasField("max_unavailable")
    if has_minimum and has_maximum:
        shown = Raw("policy.PodDisruptionBudgetSpec{...}")
        report.invalid(path, shown, "minAvailable and maxUnavailable cannot be both set")
    if has_minimum:
        validate_int_or_percent(report, (*path, "minAvailable"), spec.min_available)
        validate_not_over_all(report, (*path, "minAvailable"), spec.min_available)
    if has_maximum:
        validate_int_or_percent(report, (*path, "maxUnavailable"), spec.max_unavailable)
        validate_not_over_all(report, (*path, "maxUnavailable"), spec.max_unavailable)
    if spec.HasField("selector"):
        validate_label_selector(report, (*path, "selector"), spec.selector)
    if spec.HasField("unhealthy_pod_eviction_policy") and spec.unhealthy_pod_eviction_policy not in _POLICIES:
        at = (*path, "unhealthyPodEvictionPolicy")
        report.not_supported(at, spec.unhealthy_pod_eviction_policy, _POLICIES)


def validate_budget_status_update(report: Report, new: PodDisruptionBudget, old: PodDisruptionBudget) -> None:
    """Judge the changed status of a budget."""
    validate_metadata_update(report, new.metadata, old.metadata)
    status, path = new.status, ("status",)
    validate_conditions(report, (*path, "conditions"), status.conditions)
    report.not_negative((*path, "disruptionsAllowed"), status.disruptions_allowed)
    report.not_negative((*path, "currentHealthy"), status.current_healthy)
    report.not_negative((*path, "desiredHealthy"), status.desired_healthy)
    report.not_negative((*path, "expectedPods"), status.expected_pods)


def validate_conditions(report: Report, path: Path, conditions: Iterable[Condition]) -> None:
    """Judge conditions of the common form, unique by type."""
    seen: set[str] = set()
    for index, condition in enumerate(conditions):
        at = (*path, index)
        if condition.type in seen:
            report.duplicate((*at, "type"), condition.type)
        seen.add(condition.type)
        validate_qualified_name(report, (*at, "type"), condition.type)
        if condition.status not in _STATUSES:
            report.not_supported((*at, "status"), condition.status, _STATUSES)
        if condition.observed_generation < 0:
            detail = "must be greater than or equal to zero"
            report.invalid((*at, "observedGeneration"), condition.observed_generation, detail)
        if not condition.HasField("last_transition_time"):
            report.required((*at, "lastTransitionTime"), "must be set")
        _validate_texts(report, at, condition)


def _validate_texts(report: Report, path: Path, condition: Condition) -> None:
    if not condition.reason:
        report.required((*path, "reason"), "must be set")
    else:
        report.all_invalid((*path, "reason"), condition.reason, condition_reason(condition.reason))
        if len(condition.reason.encode()) > _REASON_BYTES:
            report.too_long((*path, "reason"), _REASON_BYTES)
    if len(condition.message.encode()) > _MESSAGE_BYTES:
        report.too_long((*path, "message"), _MESSAGE_BYTES)
