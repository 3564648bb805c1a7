"""Follow owners and dependents: delete the orphaned, and finish deletions that wait for dependents.

Nothing is deleted because a cache does not show its owner: the owner's service itself must say, asked for this very
uid, that there is no such object. And no deletion is finished because a cache shows no dependents, before it has come
as far as each service was when asked.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any

from statefleet.api.meta.v1.object_meta_pb2 import OwnerReference
from statefleet.errors import NotFound
from statefleet.garbage.graph import Graph, Node, node_of, owner_kind
from statefleet.garbage.owners import (
    Keep,
    Owner,
    blocks,
    decide,
    is_collectable,
    orphans_dependents,
    state_of,
    waits_for_dependents,
)
from statefleet.objects.kinds import EVENT, KINDS, NODES, REVISIONS, WORKLOADS, Kind
from statefleet.objects.meta import FOREGROUND_FINALIZER, ORPHAN_FINALIZER, is_deleting, remove_finalizer
from statefleet.reconcile.cache import Cache
from statefleet.reconcile.controller import Controller, Result, Watched
from statefleet.reconcile.executor import Executor, slow_start
from statefleet.reconcile.keys import Key

COLLECTED = tuple(kind for kind in KINDS.values() if kind is not EVENT)
"""The kinds that own or are owned."""
_ONE_OF_EACH = tuple({kind.service: kind for kind in COLLECTED}.values())
"""A kind of each service."""


class GarbageCollection(Controller):
    """Collects garbage. A key is an object of any kind: its namespace, and its kind and name joined by a slash."""

    name = "garbage"
    shards = 4
    services = (WORKLOADS, REVISIONS, NODES)

    def __init__(self, cache: Cache) -> None:
        self._cache = cache
        self._graph = Graph()
        for kind in COLLECTED:
            cache.subscribe(kind, self._graph.change)

    def watches(self) -> Sequence[Watched]:
        """Watch every kind."""
        return [Watched(kind, self._keys) for kind in COLLECTED]

    async def reconcile(self, key: Key, act: Executor) -> Result:
        """Delete an object whose owners are gone, or let one go that waits for its dependents."""
        kind, name = _read(key)
        message = self._cache.get(kind, key.namespace, name)
        if message is None:
            return Result()
        if orphans_dependents(message):
            await self._orphan(message, act)
        elif waits_for_dependents(message):
            await self._finish_after_dependents(message, act)
        elif message.metadata.owner_references and not is_deleting(message.metadata):
            await self._collect(message, act)
        return Result()

    async def _collect(self, message: Any, act: Executor) -> None:
        states = [await self._state(message, reference, act) for reference in message.metadata.owner_references]
        decision = decide(message, states, has_dependents=bool(self._graph.dependents(message.metadata.uid)))
        if not isinstance(decision, Keep):
            await act.delete(message, unchanged=True, propagation=decision.propagation)
        elif decision.owners is not None:
            await _set_owners(message, decision.owners, act)

    async def _state(self, message: Any, reference: OwnerReference, act: Executor) -> Owner:
        state = self._shown_state(message, reference)
        kind = owner_kind(reference)
        if state is not Owner.UNKNOWN or kind is None:
            return state
        namespace = message.metadata.namespace if kind.namespaced else ""
        try:
            await act.fleet.get(kind, reference.name, namespace, uid=reference.uid)
        except NotFound:
            return Owner.GONE
        return Owner.THERE

    def _shown_state(self, message: Any, reference: OwnerReference) -> Owner:
        """Return what the cache alone tells of an owner."""
        kind = owner_kind(reference)
        if kind is None or not is_collectable(message, reference):
            return Owner.THERE
        namespace = message.metadata.namespace if kind.namespaced else ""
        return state_of(self._cache.get(kind, namespace, reference.name), reference)

    async def _orphan(self, message: Any, act: Executor) -> None:
        await self._catch_up(act)
        uid = message.metadata.uid
        jobs = [
            partial(_set_owners, each, [owner for owner in each.metadata.owner_references if owner.uid != uid], act)
            for each in self._dependents(message)
        ]
        for error in await slow_start(jobs):
            if not isinstance(error, NotFound):
                raise error
        await _finish(message, ORPHAN_FINALIZER, act)

    async def _finish_after_dependents(self, message: Any, act: Executor) -> None:
        if not self._is_blocked(message):
            await self._catch_up(act)
            if not self._is_blocked(message):
                await _finish(message, FOREGROUND_FINALIZER, act)

    def _is_blocked(self, message: Any) -> bool:
        return any(blocks(dependent, message.metadata.uid) for dependent in self._dependents(message))

    async def _catch_up(self, act: Executor) -> None:
        """Return when the cache shows all that was written before now."""
        listings = await asyncio.gather(*(act.fleet.list(kind, limit=1) for kind in _ONE_OF_EACH))
        for kind, listing in zip(_ONE_OF_EACH, listings, strict=True):
            await self._cache.wait(kind.service, int(listing.resource_version))

    def _dependents(self, owner: Any) -> list[Any]:
        nodes = self._graph.dependents(owner.metadata.uid)
        found = (self._cache.get(KINDS[node.kind], node.namespace, node.name) for node in nodes)
        return [message for message in found if message is not None]

    def _keys(self, before: Any, after: Any) -> Iterable[Key]:
        """Return the object itself where it may be garbage, and those that its change concerns."""
        if after is not None and self._may_need_a_look(before, after):
            yield _key(node_of(after))
        gone = before is not None and after is None
        if gone or (waits_for_dependents(after) and (before is None or not waits_for_dependents(before))):
            for node in self._graph.dependents((before if gone else after).metadata.uid):
                yield _key(node)
        if before is not None and before.metadata.owner_references:
            yield from self._released_owners(before, after)

    def _may_need_a_look(self, before: Any, after: Any) -> bool:
        meta = after.metadata
        if is_deleting(meta):
            return orphans_dependents(after) or waits_for_dependents(after)
        if not meta.owner_references:
            return False
        if before is not None and before.metadata.owner_references == meta.owner_references:
            return False
        return any(self._shown_state(after, reference) is not Owner.THERE for reference in meta.owner_references)

    def _released_owners(self, before: Any, after: Any) -> Iterable[Key]:
        """Return the owners that have waited for an object that is no dependent of theirs, or blocks no more."""
        left = list(after.metadata.owner_references) if after is not None else []
        for reference in before.metadata.owner_references:
            kind = owner_kind(reference)
            if kind is not None and reference not in left:
                namespace = before.metadata.namespace if kind.namespaced else ""
                owner = self._cache.get(kind, namespace, reference.name)
                if owner is not None and waits_for_dependents(owner):
                    yield _key(node_of(owner))


async def _set_owners(message: Any, owners: Sequence[OwnerReference], act: Executor) -> None:
    changed = type(message)()
    changed.CopyFrom(message)
    del changed.metadata.owner_references[:]
    changed.metadata.owner_references.extend(owners)
    await act.update(changed)


async def _finish(message: Any, finalizer: str, act: Executor) -> None:
    changed = type(message)()
    changed.CopyFrom(message)
    remove_finalizer(changed.metadata, finalizer)
    await act.update(changed)


def _key(node: Node) -> Key:
    return Key(node.namespace, f"{node.kind}/{node.name}")


def _read(key: Key) -> tuple[Kind[Any], str]:
    kind, _, name = key.name.partition("/")
    return KINDS[kind], name
