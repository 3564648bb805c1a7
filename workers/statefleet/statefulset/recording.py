"""Have a set's template recorded as a revision: once for each change of what a revision is made from."""

from __future__ import annotations

from dataclasses import dataclass

from statefleet.api.apps.v1.stateful_set_pb2 import StatefulSet
from statefleet.objects.kinds import REVISIONS
from statefleet.objects.meta import version_of
from statefleet.reconcile.cache import Cache
from statefleet.reconcile.executor import Executor
from statefleet.statefulset.observe import SetFacts
from statefleet.statefulset.views import RevisionView


@dataclass(frozen=True, slots=True)
class Recorded:
    """The revision that a template was recorded as."""

    name: str
    collision_count: int
    fingerprint: bytes
    version: int
    """The version of the revision history that shows it."""


class Recordings:
    """Remembers what was recorded, so that a step of an update asks nobody."""

    def __init__(self, cache: Cache) -> None:
        self._cache = cache
        self._known: dict[str, Recorded] = {}

    async def record(
        self, owner: StatefulSet, facts: SetFacts, revisions: tuple[RevisionView, ...], act: Executor
    ) -> Recorded:
        """Return the revision of a set's template, recorded now where that is not known.

        A revision that someone deleted since is recorded again. For a set that is being deleted nothing is recorded:
        its status says what was. Raises the FleetErrors of the revision history.
        """
        uid, status = facts.view.uid, owner.status
        if facts.view.deleting:
            return Recorded(status.update_revision, status.collision_count, facts.fingerprint, 0)
        known = self._known.get(uid)
        if known is not None and known.fingerprint == facts.fingerprint and self._is_there(known, revisions):
            return known
        answer = await act.perform(
            REVISIONS,
            lambda fence: act.fleet.record_revision(owner, fence=fence),
            lambda answer: version_of(answer.revision.metadata),
        )
        recorded = Recorded(
            name=answer.revision.metadata.name,
            collision_count=answer.collision_count,
            fingerprint=facts.fingerprint,
            version=version_of(answer.revision.metadata),
        )
        self._known[uid] = recorded
        return recorded

    def forget(self, uid: str) -> None:
        """Forget a set that is gone."""
        self._known.pop(uid, None)

    def _is_there(self, known: Recorded, revisions: tuple[RevisionView, ...]) -> bool:
        if self._cache.version(REVISIONS) < known.version:
            return True
        return any(revision.name == known.name for revision in revisions)
