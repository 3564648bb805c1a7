"""Read what the planner needs from cached objects. Pure: no I/O, clock or randomness."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from statefleet.api.apps.v1.controller_revision_pb2 import ControllerRevision
from statefleet.api.apps.v1.stateful_set_pb2 import StatefulSet, StatefulSetSpec, StatefulSetStatus
from statefleet.api.core.v1.persistent_volume_pb2 import PersistentVolumeClaim
from statefleet.api.core.v1.pod_pb2 import Pod
from statefleet.objects.meta import POD_NAME_LABEL, REVISION_LABEL, is_deleting, seconds
from statefleet.objects.pods import condition, is_terminal
from statefleet.objects.selectors import LabelSelector
from statefleet.objects.trouble import trouble_of, was_ready
from statefleet.reconcile.bounds import Bound
from statefleet.reconcile.recording import template_fingerprint
from statefleet.statefulset.views import ClaimView, PodView, Reference, SetView, Status

_DEFAULT_REPLICAS: Final = 1
_DEFAULT_HISTORY_LIMIT: Final = 10


@dataclass(frozen=True, slots=True)
class SetFacts:
    """A StatefulSet read once for each of its versions."""

    view: SetView
    selector: LabelSelector
    fingerprint: bytes
    """Changes when the template, the labels or the annotations do: what a revision is made from."""


@dataclass(frozen=True, slots=True)
class PodFacts:
    """A pod read once for each of its versions."""

    view: PodView
    belongs: bool
    """Whether its labels match the selector of the set that controls it, and its name is one of the set's."""


def read_set(message: StatefulSet) -> SetFacts:
    """Return the facts of a set."""
    return SetFacts(
        view=set_view(message),
        selector=LabelSelector.from_message(message.spec.selector),
        fingerprint=template_fingerprint(message),
    )


def set_view(message: StatefulSet) -> SetView:
    """Return what counts of a set, defaults filled in."""
    meta, spec = message.metadata, message.spec
    replicas = spec.replicas if spec.HasField("replicas") else _DEFAULT_REPLICAS
    strategy = spec.update_strategy
    rolling = strategy.rolling_update if strategy.HasField("rolling_update") else None
    retention = spec.persistent_volume_claim_retention_policy
    return SetView(
        name=meta.name,
        uid=meta.uid,
        generation=meta.generation,
        deleting=is_deleting(meta),
        replicas=replicas,
        start=spec.ordinals.start,
        parallel=spec.pod_management_policy == "Parallel",
        on_delete=strategy.type == "OnDelete",
        partition=rolling.partition if rolling is not None else None,
        max_unavailable=_max_unavailable(spec, replicas),
        min_ready_seconds=spec.min_ready_seconds,
        claim_templates=tuple(template.metadata.name for template in spec.volume_claim_templates),
        claims_die_with_set=retention.when_deleted == "Delete",
        claims_die_with_scale=retention.when_scaled == "Delete",
        history_limit=spec.revision_history_limit
        if spec.HasField("revision_history_limit")
        else _DEFAULT_HISTORY_LIMIT,
    )


def read_pod(message: Pod, facts: SetFacts) -> PodFacts:
    """Return the facts of a pod that a set controls."""
    view = pod_view(message)
    belongs = is_member(facts.view, view) and facts.selector.matches(message.metadata.labels)
    return PodFacts(view, belongs)


def is_member(wanted: SetView, pod: PodView) -> bool:
    """Return whether a pod's name is the set's and an ordinal."""
    return pod.ordinal >= 0 and pod.name == wanted.pod_name(pod.ordinal)


def pod_view(message: Pod) -> PodView:
    """Return what counts of a pod."""
    meta, status = message.metadata, message.status
    labels, phase = meta.labels, status.phase
    readiness = condition(message, "Ready")
    ready = readiness is not None and readiness.status == "True"
    return PodView(
        name=meta.name,
        uid=meta.uid,
        ordinal=ordinal_of(meta.name),
        revision=labels.get(REVISION_LABEL, ""),
        ready=ready and phase == "Running",
        ready_since=seconds(readiness.last_transition_time) if readiness is not None and ready else 0.0,
        was_ready=was_ready(message),
        pending=phase in ("", "Pending"),
        finished=is_terminal(message),
        terminating=is_deleting(meta),
        stuck=trouble_of(message) is not None,
        named=labels.get(POD_NAME_LABEL) == meta.name,
        volumes=_claimed_volumes(message),
    )


def ordinal_of(name: str) -> int:
    """Return the number after the last dash of a pod's name, -1 where there is none."""
    _, dash, digits = name.rpartition("-")
    return int(digits) if dash and digits.isascii() and digits.isdigit() else -1


def status_view(message: StatefulSetStatus) -> Status:
    """Return what the planner decides of a status."""
    return Status(
        observed_generation=message.observed_generation,
        replicas=message.replicas,
        ready_replicas=message.ready_replicas,
        available_replicas=message.available_replicas,
        current_replicas=message.current_replicas,
        updated_replicas=message.updated_replicas,
        current_revision=message.current_revision,
        update_revision=message.update_revision,
        collision_count=message.collision_count,
    )


def claim_view(message: PersistentVolumeClaim) -> ClaimView:
    """Return what counts of a claim."""
    meta = message.metadata
    owners = tuple(Reference(owner.kind, owner.name, owner.uid, owner.controller) for owner in meta.owner_references)
    return ClaimView(meta.name, owners, is_deleting(meta))


def revision_label(message: ControllerRevision) -> str:
    """Return what pods made from a revision bear as theirs."""
    return message.metadata.name


def _claimed_volumes(message: Pod) -> frozenset[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for volume in message.spec.volumes:
        source: Any = volume.volume_source
        if source.HasField("persistent_volume_claim"):
            found.append((volume.name, source.persistent_volume_claim.claim_name))
    return frozenset(found)


def _max_unavailable(spec: StatefulSetSpec, replicas: int) -> int:
    """Return how many replicas may be down: a percentage rounds down, and one is always allowed."""
    rolling = spec.update_strategy.rolling_update
    if not rolling.HasField("max_unavailable"):
        return 1
    return max(1, Bound.read(rolling.max_unavailable).rounded_down(replicas))
