"""Observe a rollout over the services: once, or for as long as is wanted."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterable
from contextlib import aclosing
from typing import Any

from statefleet.api.apps.v1.controller_revision_pb2 import ControllerRevision
from statefleet.api.rollouts.v1.rollouts_pb2 import Progress, Target
from statefleet.client.fleet import Fleet
from statefleet.errors import BadRequest
from statefleet.objects.kinds import DAEMON_SET, POD, STATEFUL_SET, Kind, kind_of
from statefleet.objects.meta import is_controlled_by
from statefleet.objects.selectors import LabelSelector
from statefleet.rollouts.picture import Picture
from statefleet.rollouts.pods import NEVER, read_pod
from statefleet.rollouts.progress import reckon
from statefleet.rollouts.revisions import Revisions
from statefleet.rollouts.verdicts import RevisionedSet
from statefleet.runtime.clock import Clock
from statefleet.runtime.tasks import Tasks

DEFAULT_NAMESPACE = "default"

_KINDS: dict[str, Kind[Any]] = {kind.name: kind for kind in (STATEFUL_SET, DAEMON_SET)}


def kind_named(target: Target) -> Kind[Any]:
    """Return the kind of a target. BadRequest where it has no rollouts, or where the set has no name."""
    kind = _KINDS.get(target.kind)
    if kind is None:
        raise BadRequest(f"target.kind: Unsupported value: {target.kind!r}: supported values: {', '.join(_KINDS)}")
    if not target.name:
        raise BadRequest("target.name: Required value")
    return kind


def namespace_of(target: Target) -> str:
    """Return the namespace of a target."""
    return target.namespace or DEFAULT_NAMESPACE


class Observer:
    """Observes the rollouts of a fleet's sets."""

    def __init__(self, fleet: Fleet, clock: Clock) -> None:
        self._fleet = fleet
        self._clock = clock

    async def look(self, target: Target) -> Progress:
        """Return how far a rollout is. The answer is as new as the call. NotFound where there is no such set."""
        kind, namespace = kind_named(target), namespace_of(target)
        owner = await self._fleet.get(kind, target.name, namespace)
        selector = str(LabelSelector.from_message(owner.spec.selector))
        pods = await self._fleet.list(POD, namespace, label_selector=selector)
        revisions = Revisions(await self._revisions(owner))
        uid, patience = owner.metadata.uid, owner.spec.min_ready_seconds
        own = [read_pod(pod, patience) for pod in pods.items if is_controlled_by(pod.metadata, uid)]
        return reckon(owner, own, revisions, self._clock.now()).progress

    async def follow(self, target: Target) -> AsyncGenerator[Progress, None]:
        """Yield how far a rollout is, now and whenever that has changed. NotFound once the set is gone."""
        kind = kind_named(target)
        changed, picture = asyncio.Event(), Picture(kind, target.name)
        last, told, revisions = None, None, Revisions()
        bell, alarm = None, NEVER
        async with Tasks("rollout") as tasks:
            pump = tasks.spawn(self._pump(kind, namespace_of(target), picture, changed), "changes", awaited=True)
            pump.add_done_callback(lambda _: changed.set())
            while True:
                await changed.wait()
                changed.clear()
                if pump.done():
                    pump.result()
                owner = picture.owner()
                if owner is None:
                    continue
                if picture.revisions_told() != told:
                    told = picture.revisions_told()
                    revisions = Revisions(await self._revisions(owner))
                progress, due = reckon(owner, picture.pods(), revisions, self._clock.now())
                if due != NEVER and (bell is None or bell.done() or due < alarm):
                    bell, alarm = tasks.spawn(self._ring(due, changed), "bell"), due
                if progress != last:
                    last = progress
                    yield progress

    async def _pump(self, kind: Kind[Any], namespace: str, picture: Picture, changed: asyncio.Event) -> None:
        async with aclosing(self._fleet.follow([kind, POD], namespace=namespace)) as changes:
            async for change in changes:
                if picture.take(change):
                    changed.set()

    async def _ring(self, due: float, changed: asyncio.Event) -> None:
        """Look again at a time, in seconds since the Unix epoch: a pod is available then if it stays as it is."""
        await self._clock.sleep(max(0.0, due - self._clock.now()))
        changed.set()

    async def _revisions(self, owner: RevisionedSet) -> Iterable[ControllerRevision]:
        meta = owner.metadata
        return await self._fleet.list_revisions(kind_of(owner), meta.name, meta.namespace, uid=meta.uid)
