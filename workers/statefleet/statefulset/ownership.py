"""Take what belongs to a set and has no controller, and let go of what no longer belongs to it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

from google.protobuf.message import Message

from statefleet.api.apps.v1.controller_revision_pb2 import ControllerRevision
from statefleet.api.apps.v1.stateful_set_pb2 import StatefulSet
from statefleet.api.core.v1.pod_pb2 import Pod
from statefleet.errors import NotFound
from statefleet.objects.kinds import CONTROLLER_REVISION, POD, STATEFUL_SET
from statefleet.objects.meta import controller_reference, is_deleting
from statefleet.reconcile.cache import Cache
from statefleet.reconcile.executor import Executor
from statefleet.statefulset.observe import SetFacts, is_member, pod_view

M = TypeVar("M", bound=Message)


def orphaned_pods(cache: Cache, owner: StatefulSet, facts: SetFacts) -> list[Pod]:
    """Return the pods without a controller that a set's selector matches and that bear its name and an ordinal."""
    namespace = owner.metadata.namespace
    return [
        pod
        for pod in cache.by_owner(POD, "")
        if pod.metadata.namespace == namespace
        and not is_deleting(pod.metadata)
        and is_member(facts.view, pod_view(pod))
        and facts.selector.matches(pod.metadata.labels)
    ]


def orphaned_revisions(cache: Cache, owner: StatefulSet, facts: SetFacts) -> list[ControllerRevision]:
    """Return the revisions without a controller that a set should have; none for a set that is being deleted."""
    if facts.view.deleting:
        return []
    namespace = owner.metadata.namespace
    return [
        revision
        for revision in cache.by_owner(CONTROLLER_REVISION, "")
        if revision.metadata.namespace == namespace and facts.selector.matches(revision.metadata.labels)
    ]


async def adopt(owner: StatefulSet, orphans: Sequence[Any], act: Executor) -> None:
    """Make a set the controller of orphans, unless it is gone or going: that is asked of the service itself."""
    meta = owner.metadata
    try:
        fresh = await act.fleet.get(STATEFUL_SET, meta.name, meta.namespace, uid=meta.uid)
    except NotFound:
        return
    if is_deleting(fresh.metadata):
        return
    for orphan in orphans:
        adopted = _copy(orphan)
        adopted.metadata.owner_references.append(controller_reference(owner))
        await act.update(adopted)


async def release(owner: StatefulSet, strangers: Sequence[Any], act: Executor) -> None:
    """Take a set's reference off objects that no longer belong to it."""
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
