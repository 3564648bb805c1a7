"""Have a set's template recorded as a revision: once for each change of what a revision is made from."""

from __future__ import annotations

import hashlib
from collections.abc import Container
from dataclasses import dataclass
from typing import Any

from statefleet.api.meta.v1.object_meta_pb2 import ObjectMeta
from statefleet.objects.kinds import REVISIONS
from statefleet.objects.meta import REVISION_LABEL, version_of
from statefleet.reconcile.cache import Cache
from statefleet.reconcile.executor import Executor


@dataclass(frozen=True, slots=True)
class Recorded:
    """The revision that a template was recorded as."""

    name: str
    hash: str
    """What the revision's own label says; empty for sets whose pods carry the revision's name."""
    collision_count: int
    fingerprint: bytes
    version: int
    """The version of the revision history that shows it."""


class Recordings:
    """Remembers what was recorded, so that a step of an update asks nobody."""

    def __init__(self, cache: Cache) -> None:
        self._cache = cache
        self._known: dict[str, Recorded] = {}

    async def record(self, owner: Any, fingerprint: bytes, names: Container[str], act: Executor) -> Recorded:
        """Return the revision of a set's template, recorded now where that is not known.

        `fingerprint` changes with what a revision is made from; `names` are the set's revisions that the cache shows.
        A revision that someone deleted since is recorded again. Raises the FleetErrors of the revision history.
        """
        uid = owner.metadata.uid
        known = self._known.get(uid)
        if known is not None and known.fingerprint == fingerprint and self._is_there(known, names):
            return known
        answer = await act.perform(
            REVISIONS,
            lambda fence: act.fleet.record_revision(owner, fence=fence),
            lambda answer: version_of(answer.revision.metadata),
        )
        meta = answer.revision.metadata
        recorded = Recorded(
            name=meta.name,
            hash=meta.labels.get(REVISION_LABEL, ""),
            collision_count=answer.collision_count,
            fingerprint=fingerprint,
            version=version_of(meta),
        )
        self._known[uid] = recorded
        return recorded

    def forget(self, uid: str) -> None:
        """Forget a set that is gone."""
        self._known.pop(uid, None)

    def _is_there(self, known: Recorded, names: Container[str]) -> bool:
        return self._cache.version(REVISIONS) < known.version or known.name in names


def template_fingerprint(owner: Any) -> bytes:
    """Return what changes when a set's template, labels or annotations do: what a revision is made from."""
    meta = ObjectMeta(labels=owner.metadata.labels, annotations=owner.metadata.annotations)
    digest = hashlib.blake2b(owner.spec.template.SerializeToString(deterministic=True), digest_size=16)
    digest.update(meta.SerializeToString(deterministic=True))
    return digest.digest()
