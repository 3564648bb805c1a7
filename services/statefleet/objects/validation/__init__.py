"""Judge whole objects, new and changed, by the rules of Kubernetes and in its words. Pure.

Objects have been defaulted, named and put into their namespace before. Nothing here raises for what an object says.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final

from google.protobuf.message import Message

from statefleet.errors import Cause, Invalid, Subject
from statefleet.objects import kinds
from statefleet.objects.kinds import Kind, kind_of
from statefleet.objects.validation import (
    claims,
    cluster,
    config,
    disruption,
    endpoints,
    events,
    persistent_volumes,
    pods,
    services,
    workloads,
)
from statefleet.objects.validation.literals import quote
from statefleet.objects.validation.metadata import validate_metadata_update
from statefleet.objects.validation.report import Report

__all__ = ["invalid", "invalid_named", "validate_create", "validate_status_update", "validate_update"]


@dataclass(frozen=True, slots=True)
class _Rules:
    create: Callable[[Report, Any], None]
    update: Callable[[Report, Any, Any], None]
    status: Callable[[Report, Any, Any], None] | None = None


_RULES: Final[dict[Kind[Any], _Rules]] = {
    kinds.STATEFUL_SET: _Rules(
        workloads.validate_stateful_set,
        workloads.validate_stateful_set_update,
        workloads.validate_stateful_set_status_update,
    ),
    kinds.DAEMON_SET: _Rules(
        workloads.validate_daemon_set,
        workloads.validate_daemon_set_update,
        workloads.validate_daemon_set_status_update,
    ),
    kinds.CONTROLLER_REVISION: _Rules(workloads.validate_revision, workloads.validate_revision_update),
    kinds.POD: _Rules(pods.validate_pod, pods.validate_pod_update, pods.validate_pod_status_update),
    kinds.NODE: _Rules(cluster.validate_node, cluster.validate_node_update, cluster.validate_node_update),
    kinds.SERVICE: _Rules(
        services.validate_service, services.validate_service_update, services.validate_service_status_update
    ),
    kinds.ENDPOINTS: _Rules(endpoints.validate_endpoints, endpoints.validate_endpoints_update),
    kinds.ENDPOINT_SLICE: _Rules(endpoints.validate_endpoint_slice, endpoints.validate_endpoint_slice_update),
    kinds.PERSISTENT_VOLUME_CLAIM: _Rules(
        claims.validate_claim, claims.validate_claim_update, claims.validate_claim_status_update
    ),
    kinds.PERSISTENT_VOLUME: _Rules(
        persistent_volumes.validate_volume,
        persistent_volumes.validate_volume_update,
        persistent_volumes.validate_volume_status_update,
    ),
    kinds.STORAGE_CLASS: _Rules(
        persistent_volumes.validate_storage_class, persistent_volumes.validate_storage_class_update
    ),
    kinds.CONFIG_MAP: _Rules(config.validate_config_map, config.validate_config_map_update),
    kinds.SECRET: _Rules(config.validate_secret, config.validate_secret_update),
    kinds.NAMESPACE: _Rules(
        cluster.validate_namespace, cluster.validate_namespace_update, cluster.validate_namespace_status_update
    ),
    kinds.SERVICE_ACCOUNT: _Rules(cluster.validate_service_account, cluster.validate_service_account_update),
    kinds.EVENT: _Rules(events.validate_event, events.validate_event_update),
    kinds.POD_DISRUPTION_BUDGET: _Rules(
        disruption.validate_budget, disruption.validate_budget_update, disruption.validate_budget_status_update
    ),
}


def validate_create(message: Message) -> list[Cause]:
    """Return what is wrong with a new object; empty where nothing is. KeyError where it is no kind."""
    report = Report()
    _RULES[kind_of(message)].create(report, message)
    return report.causes


def validate_update(new: Message, old: Message) -> list[Cause]:
    """Return what is wrong with an object as it shall become, given as it is: rules and immutable fields."""
    report = Report()
    _RULES[kind_of(new)].update(report, new, old)
    return report.causes


def validate_status_update(new: Message, old: Message) -> list[Cause]:
    """Return what is wrong with an object of which only status and metadata shall change."""
    report = Report()
    judge = _RULES[kind_of(new)].status
    if judge is None:
        validate_metadata_update(report, getattr(new, "metadata"), getattr(old, "metadata"))  # noqa: B009
    else:
        judge(report, new, old)
    return report.causes


def invalid(kind: Kind[Any], name: str, causes: Iterable[Cause]) -> Invalid:
    """Return the error for an object of a kind with these causes, composed as Kubernetes does."""
    return invalid_named(kind.name, kind.group, name, causes)


def invalid_named(kind: str, group: str, name: str, causes: Iterable[Cause]) -> Invalid:
    """Return the same error for what is not a kind of its own, such as Scale of autoscaling."""
    causes = tuple(causes)
    # A text that occurs twice is said once, although both causes are listed.
    texts = list(dict.fromkeys(f"{cause.field}: {cause.message}" for cause in causes))
    shown = texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]"
    qualified = f"{kind}.{group}" if group else kind
    message = f"{qualified} {quote(name)} is invalid: {shown}"
    return Invalid(message, Subject(name=name, group=group, kind=kind, causes=causes))
