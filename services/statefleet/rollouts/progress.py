"""Tell how far a rollout is: every pod, the numbers, and the verdict. Pure: no I/O, clock or randomness.

A rollout is stuck on a *broken* pod that is what it should be: never Ready, with signs that it will not be, and at
its target revision. One that is at another revision is about to be replaced.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from statefleet.api.apps.v1.stateful_set_pb2 import StatefulSet
from statefleet.api.rollouts.v1.rollouts_pb2 import PodProgress, Progress, Target, Totals
from statefleet.objects.kinds import kind_of
from statefleet.rollouts import daemons, stateful
from statefleet.rollouts.pods import AVAILABLE, NEVER, PodFacts
from statefleet.rollouts.revisions import Revisions
from statefleet.rollouts.verdicts import Place, RevisionedSet, Verdict, is_observed


class Reckoned(NamedTuple):
    """A rollout at one moment."""

    progress: Progress
    changes_at: float
    """When time alone changes it, seconds since the Unix epoch; NEVER: only the change of an object does."""


def reckon(owner: RevisionedSet, pods: Iterable[PodFacts], revisions: Revisions, now: float) -> Reckoned:
    """Return how far a set's rollout is. `pods` are those that it controls, `now` is seconds since the Unix epoch."""
    found = list(pods)
    if isinstance(owner, StatefulSet):
        places = stateful.places_of(owner, found, now)
        update = owner.status.update_revision
        progress = _shown(owner, places, revisions, stateful.judge(owner, places))
        partition, desired = stateful.partition_of(owner), owner.spec.replicas
        progress.partition = partition
        _name(progress, "current_revision", revisions, owner.status.current_revision)
    else:
        places = daemons.places_of(owner, found, revisions.newest_label, now)
        update = revisions.newest_label
        progress = _shown(owner, places, revisions, daemons.judge(owner, places))
        partition, desired = 0, owner.status.desired_number_scheduled
    progress.totals.desired, progress.totals.to_update = desired, max(0, desired - partition)
    if is_observed(owner):
        _name(progress, "update_revision", revisions, update)
        progress.totals.updated = sum(pod.label == update and not pod.terminating for pod in found)
    due = (pod.available_at for pod in found if now < pod.available_at)
    return Reckoned(progress, min(due, default=NEVER))


def _shown(owner: RevisionedSet, places: Sequence[Place], revisions: Revisions, verdict: Verdict) -> Progress:
    meta = owner.metadata
    there = [place for place in places if place.pod is not None]
    return Progress(
        target=Target(kind=kind_of(owner).name, namespace=meta.namespace, name=meta.name),
        uid=meta.uid,
        generation=meta.generation,
        state=verdict.state,
        reason=verdict.reason,
        message=verdict.message,
        pod=verdict.pod,
        totals=Totals(
            existing=len(there),
            ready=sum(place.pod.ready for place in there if place.pod),
            available=sum(place.phase == AVAILABLE for place in there),
        ),
        pods=[_pod_shown(place, revisions) for place in places],
    )


def _pod_shown(place: Place, revisions: Revisions) -> PodProgress:
    shown = PodProgress(pod=place.name, phase=place.phase, ordinal=place.ordinal)
    _name(shown, "target_revision", revisions, place.target)
    pod = place.pod
    if pod is not None:
        shown.uid, shown.node, shown.reason, shown.message = pod.uid, pod.node, pod.reason, pod.message
        _name(shown, "revision", revisions, pod.label)
    return shown


def _name(message: Any, field: str, revisions: Revisions, label: str) -> None:
    revision = revisions.named(label)
    if revision is not None:
        getattr(message, field).CopyFrom(revision)
