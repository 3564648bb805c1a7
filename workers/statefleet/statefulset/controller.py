"""Reconcile StatefulSets: observe, plan, execute."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

import structlog

from statefleet.api.apps.v1.stateful_set_pb2 import StatefulSet, StatefulSetStatus
from statefleet.objects.kinds import (
    CONTROLLER_REVISION,
    PERSISTENT_VOLUME_CLAIM,
    POD,
    REVISIONS,
    STATEFUL_SET,
    WORKLOADS,
    Kind,
)
from statefleet.objects.meta import controller_of
from statefleet.reconcile.cache import Cache
from statefleet.reconcile.controller import (
    Controller,
    Result,
    Watched,
    delay_of_pod,
    delay_of_set,
    itself,
)
from statefleet.reconcile.creating import PodCreator
from statefleet.reconcile.events import EventSink
from statefleet.reconcile.executor import Executor
from statefleet.reconcile.history import RevisionView
from statefleet.reconcile.keys import Key, key_of
from statefleet.reconcile.memo import Memo
from statefleet.reconcile.ownership import settle
from statefleet.reconcile.recording import Recordings
from statefleet.reconcile.revisions import Revisions
from statefleet.runtime.clock import Clock
from statefleet.runtime.logging import debugging
from statefleet.statefulset.build import with_status
from statefleet.statefulset.execute import Execution
from statefleet.statefulset.observe import (
    SetFacts,
    claim_view,
    read_pod,
    read_set,
    revision_label,
    status_view,
)
from statefleet.statefulset.ownership import orphaned_pods, orphaned_revisions
from statefleet.statefulset.plan import Plan, plan
from statefleet.statefulset.templates import Templates
from statefleet.statefulset.views import ClaimView, Observed, PodView, SetView, Status

WATCHED_KINDS: tuple[Kind[Any], ...] = (STATEFUL_SET, POD, PERSISTENT_VOLUME_CLAIM, CONTROLLER_REVISION)
"""What the cache has to follow for it."""

_log = structlog.get_logger(__name__)


class StatefulSetController(Controller):
    """Keeps the pods, claims and revisions of every StatefulSet as the set declares them."""

    name: ClassVar[str] = "statefulset"
    shards: ClassVar[int] = 8
    services: ClassVar[tuple[int, ...]] = (WORKLOADS, REVISIONS)

    def __init__(self, cache: Cache, events: EventSink, pods: PodCreator, clock: Clock) -> None:
        self._cache = cache
        self._events = events.recorder("statefulset-controller")
        self._pods = pods
        self._clock = clock
        self._set_facts = Memo(cache, STATEFUL_SET, read_set)
        self._pod_facts = Memo(cache, POD, read_pod)
        self._claim_views = Memo(cache, PERSISTENT_VOLUME_CLAIM, claim_view)
        self._revisions = Revisions(cache, revision_label)
        self._recordings = Recordings(cache)
        self._templates = Templates(cache)
        cache.subscribe(STATEFUL_SET, self._forget)

    def watches(self) -> Sequence[Watched]:
        """Return the kinds; what has no controller concerns the set whose name it bears."""
        return (
            itself(STATEFUL_SET, delay_of_set),
            Watched(POD, _owners, delay_of_pod),
            Watched(CONTROLLER_REVISION, _owners),
            Watched(PERSISTENT_VOLUME_CLAIM, self._sets_of_claim),
        )

    async def reconcile(self, key: Key, act: Executor) -> Result:
        """Take the next step with one set."""
        owner = self._cache.get(STATEFUL_SET, *key)
        if owner is None:
            return Result()
        facts = self._set_facts(owner)
        if await settle(owner, orphaned_revisions(self._cache, owner, facts), (), act):
            return Result()
        revisions = self._revisions.of(owner.metadata.uid)
        update, collision_count = await self._record(owner, facts, revisions, act)
        pods = self._cache.by_owner(POD, owner.metadata.uid)
        read = self._pod_facts.of_each(pods, facts)
        strangers = [pod for pod, each in zip(pods, read, strict=True) if not each.belongs]
        if not facts.view.deleting and await settle(owner, orphaned_pods(self._cache, owner, facts), strangers, act):
            return Result()
        views = tuple([each.view for each in read if each.belongs])
        stored, newest = owner.status, act.newest_status(owner)
        observed = Observed(
            set=facts.view,
            pods=views,
            current=_current(newest or owner, revisions, update),
            update=update,
            now=self._clock.now(),
            collision_count=collision_count,
            claims=self._claims(owner.metadata.namespace, facts.view, views),
            revisions=revisions,
            spared=frozenset((stored.current_revision, stored.update_revision)),
            settled=newest is None,
        )
        return await self._follow(owner, observed, plan(observed), act)

    async def _record(
        self, owner: StatefulSet, facts: SetFacts, revisions: tuple[RevisionView, ...], act: Executor
    ) -> tuple[str, int]:
        """Return the set's update revision and collision count; of one that is being deleted as they were."""
        if facts.view.deleting:
            return owner.status.update_revision, owner.status.collision_count
        names = [revision.name for revision in revisions]
        recorded = await self._recordings.record(owner, facts.fingerprint, names, act)
        return recorded.name, recorded.collision_count

    def _claims(self, namespace: str, wanted: SetView, pods: tuple[PodView, ...]) -> dict[str, ClaimView]:
        """Return the claims there are of the set's ordinals and of the pods beyond them."""
        if not wanted.claim_templates:
            return {}
        ordinals = {*range(wanted.start, wanted.start + wanted.replicas), *(pod.ordinal for pod in pods)}
        names = (wanted.claim_name(template, ordinal) for template in wanted.claim_templates for ordinal in ordinals)
        found = ((name, self._cache.get(PERSISTENT_VOLUME_CLAIM, namespace, name)) for name in names)
        return {name: self._claim_views(claim) for name, claim in found if claim is not None}

    async def _follow(self, owner: StatefulSet, observed: Observed, step: Plan, act: Executor) -> Result:
        known = (act.newest_status(owner) or owner).status
        if status_view(known) != step.status:
            act.put_status(with_status(owner, step.status), urgent=_tells(known, step.status, observed.set.replicas))
        execution = Execution(owner, observed.update, self._cache, self._templates, self._events, self._pods, act)
        failures = await execution.perform(step)
        if debugging():
            _log.debug(
                "set planned", set=owner.metadata.name, actions=len(step.actions), waiting_for=step.waiting_for
            )
        problem = failures[0].message if failures else ""
        return Result(requeue_after=step.look_again_in, problem=problem)

    def _sets_of_claim(self, before: Any, after: Any) -> Iterable[Key]:
        """Return the sets in the claim's namespace of which it may be a pod's claim, by its name."""
        meta = (after if after is not None else before).metadata
        stem = meta.name.rpartition("-")[0]
        return [
            key_of(owner)
            for owner in self._cache.list(STATEFUL_SET, meta.namespace)
            if any(
                stem == f"{template.metadata.name}-{owner.metadata.name}"
                for template in owner.spec.volume_claim_templates
            )
        ]

    def _forget(self, before: StatefulSet | None, after: StatefulSet | None) -> None:
        if before is not None and after is None:
            self._recordings.forget(before.metadata.uid)


def _current(known: StatefulSet, revisions: tuple[RevisionView, ...], update: str) -> str:
    """Return the set's current revision: the first is, and so is the next after one that someone deleted."""
    current = known.status.current_revision
    return current if any(revision.name == current for revision in revisions) else update


def _tells(known: StatefulSetStatus, status: Status, replicas: int) -> bool:
    """Return whether a status says what people and programs wait for: a change was seen, a revision is at its end."""
    seen = known.observed_generation != status.observed_generation or known.update_revision != status.update_revision
    arrived = status.available_replicas == status.updated_replicas == replicas
    return seen or arrived or known.current_revision != status.current_revision


def _owners(before: Any, after: Any) -> Iterable[Key]:
    found = (_owner(message) for message in (before, after) if message is not None)
    return dict.fromkeys(key for key in found if key is not None)


def _owner(message: Any) -> Key | None:
    meta = message.metadata
    reference = controller_of(meta)
    if reference is not None:
        return Key(meta.namespace, reference.name) if reference.kind == STATEFUL_SET.name else None
    stem = meta.name.rpartition("-")[0]
    return Key(meta.namespace, stem) if stem else None
