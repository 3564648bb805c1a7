"""Keep each volume's phase, and give up or keep a volume whose claim has gone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from statefleet.api.core.v1.persistent_volume_pb2 import PersistentVolume
from statefleet.errors import NotFound
from statefleet.objects.kinds import PERSISTENT_VOLUME, PERSISTENT_VOLUME_CLAIM
from statefleet.objects.meta import (
    LOCAL_PROVISIONER,
    PV_PROTECTION_FINALIZER,
    has_finalizer,
    is_deleting,
    remove_finalizer,
)
from statefleet.reconcile.cache import Cache
from statefleet.reconcile.controller import Controller, Result, Watched, itself
from statefleet.reconcile.executor import Executor
from statefleet.reconcile.keys import Key
from statefleet.volumes.matching import PROVISIONED_BY_ANNOTATION


class Volumes(Controller):
    """Follows volumes. A key is a volume."""

    name = "persistentvolume"

    def __init__(self, cache: Cache) -> None:
        self._cache = cache

    def watches(self) -> Sequence[Watched]:
        """Watch volumes, and the claims that they are bound to."""
        return [itself(PERSISTENT_VOLUME), Watched(PERSISTENT_VOLUME_CLAIM, self._keys_of_claim)]

    async def reconcile(self, key: Key, act: Executor) -> Result:
        """Write a volume's phase; remove one that is to be deleted or that nobody is to have again."""
        volume = self._cache.get(PERSISTENT_VOLUME, "", key.name)
        if volume is None:
            return Result()
        claimed = volume.spec.HasField("claim_ref") and bool(volume.spec.claim_ref.uid)
        bound = claimed and await self._claim_exists(volume, act)
        if is_deleting(volume.metadata):
            await self._let_go(volume, act, bound=bound)
            return Result()
        phase = "Bound" if bound else "Released" if claimed else "Available"
        if phase == "Released" and _is_given_up(volume):
            await act.delete(volume)
        elif volume.status.phase != phase:
            changed = PersistentVolume()
            changed.CopyFrom(volume)
            changed.status.phase = phase
            act.put_status(changed)
        return Result()

    async def _claim_exists(self, volume: PersistentVolume, act: Executor) -> bool:
        """Return whether the claim of this very uid exists; only the service itself may say that it does not."""
        reference = volume.spec.claim_ref
        claim = self._cache.get(PERSISTENT_VOLUME_CLAIM, reference.namespace, reference.name)
        if claim is not None and claim.metadata.uid == reference.uid:
            return True
        try:
            await act.fleet.get(PERSISTENT_VOLUME_CLAIM, reference.name, reference.namespace, uid=reference.uid)
        except NotFound:
            return False
        return True

    async def _let_go(self, volume: PersistentVolume, act: Executor, *, bound: bool) -> None:
        if not bound and has_finalizer(volume.metadata, PV_PROTECTION_FINALIZER):
            changed = PersistentVolume()
            changed.CopyFrom(volume)
            remove_finalizer(changed.metadata, PV_PROTECTION_FINALIZER)
            await act.update(changed)

    def _keys_of_claim(self, before: Any, after: Any) -> list[Key]:
        names = {claim.spec.volume_name for claim in (before, after) if claim is not None}
        return [Key("", name) for name in names if name]


def _is_given_up(volume: PersistentVolume) -> bool:
    """Return whether a volume that has been released is to be removed, and by us."""
    ours = volume.metadata.annotations.get(PROVISIONED_BY_ANNOTATION) == LOCAL_PROVISIONER
    return ours and volume.spec.persistent_volume_reclaim_policy == "Delete"
