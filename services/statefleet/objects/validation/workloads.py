"""Judge StatefulSets, DaemonSets and their ControllerRevisions. Pure.

A StatefulSet's pod template is judged at once, as a DaemonSet's is: otherwise its pods would fail to be created.
"""

from __future__ import annotations

from typing import Final

from statefleet.api.apps.v1.controller_revision_pb2 import ControllerRevision
from statefleet.api.apps.v1.daemon_set_pb2 import DaemonSet, DaemonSetSpec, RollingUpdateDaemonSet
from statefleet.api.apps.v1.stateful_set_pb2 import StatefulSet, StatefulSetSpec, StatefulSetUpdateStrategy
from statefleet.api.core.v1.pod_pb2 import PodTemplateSpec
from statefleet.api.meta.v1.selector_pb2 import LabelSelector
from statefleet.errors import BadRequest
from statefleet.objects import selectors
from statefleet.objects.validation import literals
from statefleet.objects.validation.amounts import is_zero, validate_int_or_percent, validate_not_over_all
from statefleet.objects.validation.claims import validate_claim_spec
from statefleet.objects.validation.metadata import IMMUTABLE, validate_metadata, validate_metadata_update
from statefleet.objects.validation.names import Problems, dns_label, dns_subdomain, too_long
from statefleet.objects.validation.pod_spec import validate_pod_template
from statefleet.objects.validation.report import Path, Report
from statefleet.objects.validation.selectors import validate_label_selector

_SPEC: Final[Path] = ("spec",)
_REVISION_ROOM: Final = 11
"""A revision is named after its set: a dash and ten characters follow."""
_LABEL_LENGTH: Final = 63
_NO_MATCH: Final = "`selector` does not match template `labels`"
_UPDATABLE: Final = (
    "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', "
    "'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden"
)
_RETENTIONS: Final = ("Retain", "Delete")


def _set_name(name: str) -> Problems:
    """Judge a StatefulSet's name: its revision's name is a label of its pods, and theirs are host names."""
    problems = dns_subdomain(name)
    if problems:
        return problems
    if len(name) > _LABEL_LENGTH - _REVISION_ROOM:
        return (too_long(_LABEL_LENGTH - _REVISION_ROOM),)
    return dns_label(name)


def validate_stateful_set(report: Report, stateful_set: StatefulSet) -> None:
    """Judge a new StatefulSet."""
    validate_metadata(report, stateful_set.metadata, namespaced=True, name_rule=_set_name)
    _validate_stateful_set_spec(report, stateful_set.spec, _validate_claim_templates(report, stateful_set.spec))


def _validate_stateful_set_spec(report: Report, spec: StatefulSetSpec, claims: dict[str, str]) -> None:
    path = (*_SPEC, "podManagementPolicy")
    if not spec.pod_management_policy:
        report.required(path)
    elif spec.pod_management_policy not in ("OrderedReady", "Parallel"):
        report.invalid(path, spec.pod_management_policy, "must be 'OrderedReady' or 'Parallel'")
    _validate_stateful_set_strategy(report, (*_SPEC, "updateStrategy"), spec.update_strategy)
    _validate_retention(report, spec)
    report.not_negative((*_SPEC, "replicas"), spec.replicas)
    report.not_negative((*_SPEC, "minReadySeconds"), spec.min_ready_seconds)
    report.not_negative((*_SPEC, "ordinals", "start"), spec.ordinals.start)
    report.not_negative((*_SPEC, "revisionHistoryLimit"), spec.revision_history_limit)
    if spec.service_name:
        report.all_invalid((*_SPEC, "serviceName"), spec.service_name, dns_label(spec.service_name))
    if not spec.HasField("selector"):
        report.required((*_SPEC, "selector"))
    else:
        _validate_selector(report, spec.selector, "statefulset")
    _validate_template_labels(report, spec.template, spec.selector, selects=spec.HasField("selector"))
    validate_pod_template(report, (*_SPEC, "template"), spec.template, claims)
    _validate_restarts(report, spec.template, "StatefulSet")


def _validate_stateful_set_strategy(report: Report, path: Path, strategy: StatefulSetUpdateStrategy) -> None:
    rolling_path = (*path, "rollingUpdate")
    if not strategy.type:
        report.required(path)
    elif strategy.type == "OnDelete":
        if strategy.HasField("rolling_update"):
            shown = literals.rolling_update(strategy.rolling_update)
            report.invalid(rolling_path, shown, "only allowed for updateStrategy 'RollingUpdate'")
    elif strategy.type != "RollingUpdate":
        shown = literals.stateful_set_strategy(strategy)
        report.invalid(path, shown, "must be 'RollingUpdate' or 'OnDelete'")
    elif strategy.HasField("rolling_update"):
        rolling = strategy.rolling_update
        report.not_negative((*rolling_path, "partition"), rolling.partition)
        if rolling.HasField("max_unavailable"):
            at = (*rolling_path, "maxUnavailable")
            validate_int_or_percent(report, at, rolling.max_unavailable)
            if is_zero(rolling.max_unavailable):
                report.invalid(at, literals.int_or_string(rolling.max_unavailable), "cannot be 0")
            validate_not_over_all(report, at, rolling.max_unavailable)


def _validate_retention(report: Report, spec: StatefulSetSpec) -> None:
    path = (*_SPEC, "persistentVolumeClaimRetentionPolicy")
    policy = spec.persistent_volume_claim_retention_policy
    for name, value in (("whenDeleted", policy.when_deleted), ("whenScaled", policy.when_scaled)):
        if value not in _RETENTIONS:
            report.not_supported((*path, name), value, _RETENTIONS)


def _validate_selector(report: Report, selector: LabelSelector, kind: str) -> None:
    path = (*_SPEC, "selector")
    validate_label_selector(report, path, selector)
    if not selector.match_labels and not selector.match_expressions:
        report.invalid(path, literals.label_selector(selector), f"empty selector is invalid for {kind}")


def _validate_template_labels(
    report: Report, template: PodTemplateSpec, selector: LabelSelector, *, selects: bool
) -> None:
    labels = template.metadata.labels
    try:
        matches = selects and selectors.LabelSelector.from_message(selector).matches(labels)
    except BadRequest:
        return  # What is wrong with the selector has been reported.
    if not matches:
        report.invalid((*_SPEC, "template", "metadata", "labels"), literals.string_map(labels), _NO_MATCH)


def _validate_claim_templates(report: Report, spec: StatefulSetSpec) -> dict[str, str]:
    """Judge the claims that each pod gets, and return the volumes they become by name."""
    volumes: dict[str, str] = {}
    for index, claim in enumerate(spec.volume_claim_templates):
        path, name = (*_SPEC, "volumeClaimTemplates", index), claim.metadata.name
        at = (*path, "metadata", "name")
        if not name:
            report.required(at)
        else:
            report.all_invalid(at, name, dns_label(name))
        if name in volumes:
            report.duplicate(at, name)
        volumes[name] = "persistent_volume_claim"
        validate_claim_spec(report, (*path, "spec"), claim.spec)
    return volumes


def _validate_restarts(report: Report, template: PodTemplateSpec, kind: str) -> None:
    path = (*_SPEC, "template", "spec")
    if template.spec.restart_policy != "Always":
        report.not_supported((*path, "restartPolicy"), template.spec.restart_policy, ("Always",))
    if template.spec.HasField("active_deadline_seconds"):
        detail = f"activeDeadlineSeconds in {kind} is not Supported"
        report.forbidden((*path, "activeDeadlineSeconds"), detail)


def validate_stateful_set_update(report: Report, new: StatefulSet, old: StatefulSet) -> None:
    """Judge a changed StatefulSet."""
    validate_metadata_update(report, new.metadata, old.metadata)
    if _fixed(new.spec) != _fixed(old.spec):
        report.forbidden(_SPEC, _UPDATABLE)
    # Claim templates were judged when they were declared; changed ones are refused as such.
    _validate_stateful_set_spec(report, new.spec, _validate_claim_templates(Report(), new.spec))


def _fixed(spec: StatefulSetSpec) -> StatefulSetSpec:
    """Return the part of a spec that may not change; what a server adds to a claim template does not count."""
    fixed = StatefulSetSpec(
        selector=spec.selector if spec.HasField("selector") else None,
        volume_claim_templates=spec.volume_claim_templates,
        service_name=spec.service_name,
        pod_management_policy=spec.pod_management_policy,
    )
    for claim in fixed.volume_claim_templates:
        claim.ClearField("status")
        claim.metadata.ClearField("creation_timestamp")
    return fixed


def validate_stateful_set_status_update(report: Report, new: StatefulSet, old: StatefulSet) -> None:
    """Judge the changed status of a StatefulSet."""
    status, path = new.status, ("status",)
    counts = (
        ("replicas", status.replicas),
        ("readyReplicas", status.ready_replicas),
        ("currentReplicas", status.current_replicas),
        ("updatedReplicas", status.updated_replicas),
        ("availableReplicas", status.available_replicas),
    )
    for name, count in counts:
        report.not_negative((*path, name), count)
    report.not_negative((*path, "observedGeneration"), status.observed_generation)
    report.not_negative((*path, "collisionCount"), status.collision_count)
    for name, count in counts[1:]:
        if count > status.replicas:
            report.invalid((*path, name), count, "cannot be greater than status.replicas")
    if status.available_replicas > status.ready_replicas:
        detail = "cannot be greater than status.readyReplicas"
        report.invalid((*path, "availableReplicas"), status.available_replicas, detail)
    validate_metadata_update(report, new.metadata, old.metadata)
    _validate_collisions(report, status.collision_count, old.status.collision_count)


def _validate_collisions(report: Report, new: int, old: int) -> None:
    if new < old:
        report.invalid(("status", "collisionCount"), new, "cannot be decremented")


def validate_daemon_set(report: Report, daemon_set: DaemonSet) -> None:
    """Judge a new DaemonSet."""
    validate_metadata(report, daemon_set.metadata, namespaced=True, name_rule=dns_subdomain)
    _validate_daemon_set_spec(report, daemon_set.spec)


def _validate_daemon_set_spec(report: Report, spec: DaemonSetSpec) -> None:
    if spec.HasField("selector"):
        validate_label_selector(report, (*_SPEC, "selector"), spec.selector)
    else:
        report.required((*_SPEC, "selector"))
    _validate_template_labels(report, spec.template, spec.selector, selects=spec.HasField("selector"))
    if spec.HasField("selector") and not (spec.selector.match_labels or spec.selector.match_expressions):
        shown = literals.label_selector(spec.selector)
        report.invalid((*_SPEC, "selector"), shown, "empty selector is invalid for daemonset")
    validate_pod_template(report, (*_SPEC, "template"), spec.template)
    _validate_restarts(report, spec.template, "DaemonSet")
    report.not_negative((*_SPEC, "minReadySeconds"), spec.min_ready_seconds)
    strategy, path = spec.update_strategy, (*_SPEC, "updateStrategy")
    if strategy.type not in ("RollingUpdate", "OnDelete"):
        shown = literals.daemon_set_strategy(strategy)
        report.not_supported(path, shown, ("RollingUpdate", "OnDelete"))
    elif strategy.type == "RollingUpdate":
        _validate_rolling_daemon_set(report, (*path, "rollingUpdate"), strategy.rolling_update)
    report.not_negative((*_SPEC, "revisionHistoryLimit"), spec.revision_history_limit)


def _validate_rolling_daemon_set(report: Report, path: Path, rolling: RollingUpdateDaemonSet) -> None:
    unavailable, surge = (*path, "maxUnavailable"), (*path, "maxSurge")
    validate_int_or_percent(report, unavailable, rolling.max_unavailable)
    validate_int_or_percent(report, surge, rolling.max_surge)
    validate_not_over_all(report, unavailable, rolling.max_unavailable)
    validate_not_over_all(report, surge, rolling.max_surge)
    none_unavailable, no_surge = is_zero(rolling.max_unavailable), is_zero(rolling.max_surge)
    if none_unavailable and no_surge:
        report.invalid(unavailable, literals.int_or_string(rolling.max_unavailable), "cannot be 0")
    elif not none_unavailable and not no_surge:
        detail = "may not be set when maxUnavailable is non-zero"
        report.invalid(surge, literals.int_or_string(rolling.max_surge), detail)


def validate_daemon_set_update(report: Report, new: DaemonSet, old: DaemonSet) -> None:
    """Judge a changed DaemonSet."""
    validate_metadata_update(report, new.metadata, old.metadata)
    _validate_daemon_set_spec(report, new.spec)
    if new.spec.selector != old.spec.selector:
        report.invalid((*_SPEC, "selector"), literals.label_selector(new.spec.selector), IMMUTABLE)


def validate_daemon_set_status_update(report: Report, new: DaemonSet, old: DaemonSet) -> None:
    """Judge the changed status of a DaemonSet."""
    validate_metadata_update(report, new.metadata, old.metadata)
    status = new.status
    for name, count in (
        ("currentNumberScheduled", status.current_number_scheduled),
        ("numberMisscheduled", status.number_misscheduled),
        ("desiredNumberScheduled", status.desired_number_scheduled),
        ("numberReady", status.number_ready),
        ("observedGeneration", status.observed_generation),
        ("updatedNumberScheduled", status.updated_number_scheduled),
        ("numberAvailable", status.number_available),
        ("numberUnavailable", status.number_unavailable),
        ("collisionCount", status.collision_count),
    ):
        report.not_negative(("status", name), count)
    _validate_collisions(report, status.collision_count, old.status.collision_count)


def validate_revision(report: Report, revision: ControllerRevision) -> None:
    """Judge a new ControllerRevision."""
    validate_metadata(report, revision.metadata, namespaced=True, name_rule=dns_subdomain)
    _validate_revision_contents(report, revision)


def _validate_revision_contents(report: Report, revision: ControllerRevision) -> None:
    if not revision.data.raw:
        report.required(("data",), "data is mandatory")
    report.not_negative(("revision",), revision.revision)


def validate_revision_update(report: Report, new: ControllerRevision, old: ControllerRevision) -> None:
    """Judge a changed ControllerRevision: it may be renumbered, but its data stays."""
    validate_metadata_update(report, new.metadata, old.metadata)
    _validate_revision_contents(report, new)
    if new.data.raw != old.data.raw:
        report.invalid(("data",), literals.Raw("runtime.RawExtension{...}"), IMMUTABLE)
