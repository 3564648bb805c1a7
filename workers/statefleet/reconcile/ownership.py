"""Take what belongs to an object and has no controller, and let go of what no longer belongs to it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

from google.protobuf.message import Message

from statefleet.errors import NotFound
from statefleet.objects.kinds import kind_of
from statefleet.objects.meta import controller_reference, is_deleting
from statefleet.reconcile.executor import Executor

M = TypeVar("M", bound=Message)


async def settle(owner: Any, orphans: Sequence[Any], strangers: Sequence[Any], act: Executor) -> bool:
    """Adopt orphans and release strangers. Return whether there were any: then the cache has to catch up first."""
    if orphans:
        await _adopt(owner, orphans, act)
    if strangers:
        await _release(owner, strangers, act)
    return bool(orphans or strangers)


async def _adopt(owner: Any, orphans: Sequence[Any], act: Executor) -> None:
    """Make an owner the controller of orphans, unless it is gone or going: that is asked of the service itself."""
    meta = owner.metadata
    try:
        fresh = await act.fleet.get(kind_of(owner), meta.name, meta.namespace, uid=meta.uid)
    except NotFound:
        return
    if is_deleting(fresh.metadata):
        return
    for orphan in orphans:
        adopted = _copy(orphan)
        adopted.metadata.owner_references.append(controller_reference(owner))
        await act.update(adopted)


async def _release(owner: Any, strangers: Sequence[Any], act: Executor) -> None:
    """Take an owner's reference off objects that no longer belong to it."""
    for stranger in strangers:
        released = _copy(stranger)
        kept = [item for item in stranger.metadata.owner_references if item.uid != owner.metadata.uid]
        del released.metadata.owner_references[:]
        released.metadata.owner_references.extend(kept)
        await act.update(released)


def _copy(message: M) -> M:
    copied = type(message)()
    copied.CopyFrom(message)
    return copied
