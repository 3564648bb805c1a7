"""Follow owners and dependents: delete the orphaned, and finish deletions that wait for dependents.

Nothing is deleted because a cache does not show its owner: the owner's service itself must say, asked for this very
uid, that there is no such object.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from statefleet.api.meta.v1.object_meta_pb2 import OwnerReference
from statefleet.errors import NotFound
from statefleet.garbage.graph import Graph, Node, node_of, owner_kind
from statefleet.objects.kinds import EVENT, KINDS, NODES, REVISIONS, WORKLOADS, Kind
from statefleet.objects.meta import (
    FOREGROUND_FINALIZER,
    ORPHAN_FINALIZER,
    has_finalizer,
    is_deleting,
    remove_finalizer,
)
from statefleet.reconcile.cache import Cache
from statefleet.reconcile.controller import Controller, Result, Watched
from statefleet.reconcile.executor import Executor
from statefleet.reconcile.keys import Key

COLLECTED = tuple(kind for kind in KINDS.values() if kind is not EVENT)
"""The kinds that own or are owned."""


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
        meta = message.metadata
        if is_deleting(meta) and has_finalizer(meta, ORPHAN_FINALIZER):
            await self._orphan(message, act)
        elif is_deleting(meta) and has_finalizer(meta, FOREGROUND_FINALIZER):
            await self._delete_dependents(message, act)
        elif meta.owner_references and not is_deleting(meta):
            await self._collect(message, act)
        return Result()

    async def _collect(self, message: Any, act: Executor) -> None:
        """Delete an object none of whose owners is there; drop the owners that are gone where one is."""
        gone = [
            reference
            for reference in message.metadata.owner_references
            if await self._is_gone(message, reference, act)
        ]
        if not gone:
            return
        left = [reference for reference in message.metadata.owner_references if reference not in gone]
        if left:
            await self._set_owners(message, left, act)
        else:
            await act.delete(message, propagation=_onward(message))

    async def _is_gone(self, message: Any, reference: OwnerReference, act: Executor) -> bool:
        """Return whether an owner does not exist, or waits in the foreground for this very dependent to go."""
        kind = owner_kind(reference)
        if kind is None:
            return False
        namespace = message.metadata.namespace if kind.namespaced else ""
        owner = self._cache.get(kind, namespace, reference.name)
        if owner is not None and owner.metadata.uid == reference.uid:
            waits = is_deleting(owner.metadata) and has_finalizer(owner.metadata, FOREGROUND_FINALIZER)
            return waits and reference.block_owner_deletion
        try:
            await act.fleet.get(kind, reference.name, namespace, uid=reference.uid)
        except NotFound:
            return True
        return False

    async def _orphan(self, message: Any, act: Executor) -> None:
        for dependent in self._dependents(message):
            others = [o for o in dependent.metadata.owner_references if o.uid != message.metadata.uid]
            await self._set_owners(dependent, others, act)
        await self._finish(message, ORPHAN_FINALIZER, act)

    async def _delete_dependents(self, message: Any, act: Executor) -> None:
        blocking = [d for d in self._dependents(message) if _blocks(d, message.metadata.uid)]
        if not blocking:
            await self._finish(message, FOREGROUND_FINALIZER, act)

    async def _finish(self, message: Any, finalizer: str, act: Executor) -> None:
        changed = type(message)()
        changed.CopyFrom(message)
        remove_finalizer(changed.metadata, finalizer)
        await act.update(changed)

    async def _set_owners(self, message: Any, owners: Sequence[OwnerReference], act: Executor) -> None:
        changed = type(message)()
        changed.CopyFrom(message)
        del changed.metadata.owner_references[:]
        changed.metadata.owner_references.extend(owners)
        await act.update(changed)

    def _dependents(self, owner: Any) -> list[Any]:
        nodes = self._graph.dependents(owner.metadata.uid)
        found = (self._cache.get(KINDS[node.kind], node.namespace, node.name) for node in nodes)
        return [message for message in found if message is not None]

    def _keys(self, before: Any, after: Any) -> Iterable[Key]:
        """Return the object itself where it may be garbage, and those that its change concerns."""
        message = after if after is not None else before
        if after is not None and _may_need_a_look(before, after):
            yield _key(node_of(after))
        if after is None or (is_deleting(after.metadata) and (before is None or not is_deleting(before.metadata))):
            for node in self._graph.dependents(message.metadata.uid):
                yield _key(node)
        if before is not None and (after is None or not after.metadata.owner_references):
            yield from self._waiting_owners(before)

    def _waiting_owners(self, message: Any) -> Iterable[Key]:
        """Return the owners that may be waiting for an object to go."""
        for reference in message.metadata.owner_references:
            kind = owner_kind(reference)
            if kind is not None:
                yield _key(Node(kind.name, message.metadata.namespace if kind.namespaced else "", reference.name))


def _may_need_a_look(before: Any, after: Any) -> bool:
    meta = after.metadata
    if is_deleting(meta):
        return has_finalizer(meta, ORPHAN_FINALIZER) or has_finalizer(meta, FOREGROUND_FINALIZER)
    if not meta.owner_references:
        return False
    return before is None or list(before.metadata.owner_references) != list(meta.owner_references)


def _blocks(message: Any, uid: str) -> bool:
    return any(owner.uid == uid and owner.block_owner_deletion for owner in message.metadata.owner_references)


def _onward(message: Any) -> str:
    """Return how the deletion of a dependent goes on to its own dependents."""
    if has_finalizer(message.metadata, ORPHAN_FINALIZER):
        return "Orphan"
    return "Foreground" if has_finalizer(message.metadata, FOREGROUND_FINALIZER) else "Background"


def _key(node: Node) -> Key:
    return Key(node.namespace, f"{node.kind}/{node.name}")


def _read(key: Key) -> tuple[Kind[Any], str]:
    kind, _, name = key.name.partition("/")
    return KINDS[kind], name
