"""The revisions of sets as a planner sees them, and the end of one."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from statefleet.api.apps.v1.controller_revision_pb2 import ControllerRevision
from statefleet.errors import NotFound
from statefleet.objects.kinds import CONTROLLER_REVISION
from statefleet.reconcile.cache import Cache
from statefleet.reconcile.executor import Executor
from statefleet.reconcile.history import RevisionView
from statefleet.reconcile.memo import Memo


class Revisions:
    """Views of cached revisions, each made once for each of its versions. `label` tells that of a RevisionView."""

    def __init__(self, cache: Cache, label: Callable[[ControllerRevision], str]) -> None:
        def place(each: ControllerRevision) -> tuple[int, str, RevisionView]:
            meta = each.metadata
            return each.revision, meta.name, RevisionView(meta.name, label(each), meta.uid)

        self._cache = cache
        self._placed = Memo(cache, CONTROLLER_REVISION, place)

    def of(self, uid: str) -> tuple[RevisionView, ...]:
        """Return the revisions that the set with this uid controls, by rising number."""
        placed = self._placed.of_each(self._cache.by_owner(CONTROLLER_REVISION, uid))
        return tuple(view for *_, view in sorted(placed, key=lambda each: each[:2]))


async def delete_revision(revision: RevisionView, namespace: str, cache: Cache, act: Executor) -> None:
    """Delete a revision, unless it is gone or has changed since it was seen."""
    found = cache.get(CONTROLLER_REVISION, namespace, revision.name)
    if found is not None and found.metadata.uid == revision.uid:
        with suppress(NotFound):
            await act.delete(found, unchanged=True)
