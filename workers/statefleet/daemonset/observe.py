"""Read what the planner needs from cached objects. Pure: no I/O, clock or randomness."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from statefleet.api.apps.v1.controller_revision_pb2 import ControllerRevision
from statefleet.api.apps.v1.daemon_set_pb2 import DaemonSet, DaemonSetStatus
from statefleet.api.core.v1.pod_pb2 import Pod
from statefleet.daemonset.placement import Placement, target_node
from statefleet.daemonset.views import PodView, SetView, Status
from statefleet.objects.meta import REVISION_LABEL, is_deleting
from statefleet.objects.pods import condition
from statefleet.objects.selectors import LabelSelector
from statefleet.objects.times import seconds
from statefleet.objects.trouble import trouble_of, was_ready
from statefleet.reconcile.bounds import Bound
from statefleet.reconcile.recording import template_fingerprint

_DEFAULT_HISTORY_LIMIT: Final = 10


@dataclass(frozen=True, slots=True)
class SetFacts:
    """A DaemonSet read once for each of its versions."""

    view: SetView
    deleting: bool
    selector: LabelSelector
    placement: Placement
    fingerprint: bytes
    """Changes when the template, the labels or the annotations do: what a revision is made from."""


def read_set(message: DaemonSet) -> SetFacts:
    """Return the facts of a set."""
    return SetFacts(
        view=set_view(message),
        deleting=is_deleting(message.metadata),
        selector=LabelSelector.from_message(message.spec.selector),
        placement=Placement.of(message.spec.template.spec),
        fingerprint=template_fingerprint(message),
    )


def set_view(message: DaemonSet) -> SetView:
    """Return what counts of a set, defaults filled in."""
    meta, spec = message.metadata, message.spec
    rolling = spec.update_strategy.rolling_update
    limited = spec.HasField("revision_history_limit")
    return SetView(
        name=meta.name,
        uid=meta.uid,
        generation=meta.generation,
        on_delete=spec.update_strategy.type == "OnDelete",
        max_unavailable=Bound.read(rolling.max_unavailable) if rolling.HasField("max_unavailable") else Bound(1),
        max_surge=Bound.read(rolling.max_surge),
        min_ready_seconds=spec.min_ready_seconds,
        history_limit=spec.revision_history_limit if limited else _DEFAULT_HISTORY_LIMIT,
    )


def pod_view(message: Pod) -> PodView:
    """Return what counts of a pod."""
    meta, status = message.metadata, message.status
    phase = status.phase
    readiness = condition(message, "Ready")
    ready = readiness is not None and readiness.status == "True"
    return PodView(
        name=meta.name,
        uid=meta.uid,
        node=target_node(message),
        revision=meta.labels.get(REVISION_LABEL, ""),
        bound=bool(message.spec.node_name),
        created=seconds(meta.creation_timestamp),
        ready=ready,
        ready_since=seconds(readiness.last_transition_time) if readiness is not None and ready else 0.0,
        was_ready=was_ready(message),
        failed=phase == "Failed",
        succeeded=phase == "Succeeded",
        terminating=is_deleting(meta),
        stuck=not ready and trouble_of(message) is not None,
    )


def status_view(message: DaemonSetStatus) -> Status:
    """Return what the planner decides of a status."""
    return Status(
        observed_generation=message.observed_generation,
        desired=message.desired_number_scheduled,
        current=message.current_number_scheduled,
        updated=message.updated_number_scheduled,
        ready=message.number_ready,
        available=message.number_available,
        misscheduled=message.number_misscheduled,
        collision_count=message.collision_count,
    )


def revision_label(message: ControllerRevision) -> str:
    """Return what pods made from a revision bear as theirs."""
    return message.metadata.labels.get(REVISION_LABEL, "")
