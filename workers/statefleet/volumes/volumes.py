"""Keep each volume's phase, and give up or keep a volume whose claim has gone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from statefleet.api.core.v1.persistent_volume_pb2 import PersistentVolume, PersistentVolumeClaim
from statefleet.errors import NotFound
from statefleet.objects.kinds import PERSISTENT_VOLUME, PERSISTENT_VOLUME_CLAIM
from statefleet.objects.meta import PV_PROTECTION_FINALIZER, has_finalizer, is_deleting, remove_finalizer
from statefleet.reconcile.cache import Cache
from statefleet.reconcile.controller import Controller, Result, Watched, itself
from statefleet.reconcile.executor import Executor
from statefleet.reconcile.keys import Key, key_of
from statefleet.volumes.status import is_claimed, is_given_up, phase


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
        claim_exists = is_claimed(volume) and await self._claim_exists(volume, act)
        wanted = phase(volume, claim_exists=claim_exists)
        if is_deleting(volume.metadata):
            if wanted != "Bound":
                await self._let_go(volume, act)
        elif wanted == "Released" and is_given_up(volume):
            await act.delete(volume)
        elif volume.status.phase != wanted:
            changed = PersistentVolume()
            changed.CopyFrom(volume)
            changed.status.phase = wanted
            act.put_status(changed)
        return Result()

    async def _claim_exists(self, volume: PersistentVolume, act: Executor) -> bool:
        """Return whether the claim of this very uid exists; only the service itself may say that it does not."""
        reference = volume.spec.claim_ref
        claim = self._cache.get(PERSISTENT_VOLUME_CLAIM, reference.namespace, reference.name)
        if claim is not None and claim.metadata.uid == reference.uid:
            return _wants(claim, volume)
        try:
            claim = await act.fleet.get(
                PERSISTENT_VOLUME_CLAIM, reference.name, reference.namespace, uid=reference.uid
            )
        except NotFound:
            return False
        return _wants(claim, volume)

    async def _let_go(self, volume: PersistentVolume, act: Executor) -> None:
        if has_finalizer(volume.metadata, PV_PROTECTION_FINALIZER):
            changed = PersistentVolume()
            changed.CopyFrom(volume)
            remove_finalizer(changed.metadata, PV_PROTECTION_FINALIZER)
            await act.update(changed)

    def _keys_of_claim(
        self, before: PersistentVolumeClaim | None, after: PersistentVolumeClaim | None
    ) -> Iterable[Key]:
        """Return the volumes that a claim names, and when it goes also those that are kept for it."""
        names = {claim.spec.volume_name for claim in (before, after) if claim is not None}
        yield from (Key("", name) for name in sorted(names) if name)
        if after is None and before is not None:
            for volume in self._cache.list(PERSISTENT_VOLUME):
                if volume.spec.claim_ref.uid == before.metadata.uid:
                    yield key_of(volume)


def _wants(claim: PersistentVolumeClaim, volume: PersistentVolume) -> bool:
    """Return whether a claim has a volume or is about to get it: it may have got another instead."""
    return claim.spec.volume_name in ("", volume.metadata.name)
