"""The revisions of sets as a planner sees them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

from statefleet.api.apps.v1.controller_revision_pb2 import ControllerRevision
from statefleet.objects.kinds import CONTROLLER_REVISION
from statefleet.reconcile.cache import Cache
from statefleet.reconcile.memo import Memo

V = TypeVar("V")


class Revisions(Generic[V]):
    """Views of cached revisions, each made once for each of its versions."""

    def __init__(self, cache: Cache, view: Callable[[ControllerRevision], V]) -> None:
        self._cache = cache
        self._placed = Memo(cache, CONTROLLER_REVISION, lambda each: (each.revision, each.metadata.name, view(each)))

    def of(self, uid: str) -> tuple[V, ...]:
        """Return the revisions that the set with this uid controls, by rising number."""
        placed = self._placed.of_each(self._cache.by_owner(CONTROLLER_REVISION, uid))
        return tuple(view for *_, view in sorted(placed, key=lambda each: each[:2]))
