"""Bring each claim to a volume: one that is there, or a new one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from statefleet.api.core.v1.persistent_volume_pb2 import PersistentVolume, PersistentVolumeClaim
from statefleet.api.core.v1.pod_pb2 import Pod
from statefleet.api.storage.v1.storage_class_pb2 import StorageClass
from statefleet.errors import AlreadyExists
from statefleet.objects.kinds import PERSISTENT_VOLUME, PERSISTENT_VOLUME_CLAIM, POD, STORAGE_CLASS
from statefleet.objects.meta import (
    LOCAL_PROVISIONER,
    PVC_PROTECTION_FINALIZER,
    SELECTED_NODE_ANNOTATION,
    has_finalizer,
    is_deleting,
    remove_finalizer,
)
from statefleet.objects.pods import is_terminal
from statefleet.reconcile.cache import Cache
from statefleet.reconcile.controller import Controller, Result, Watched, itself
from statefleet.reconcile.events import EventRecorder
from statefleet.reconcile.executor import Executor
from statefleet.reconcile.keys import Key, key_of
from statefleet.volumes.matching import default_class, is_for, matching_volume, new_volume, reference_to

BIND_COMPLETED_ANNOTATION = "pv.kubernetes.io/bind-completed"
BOUND_BY_CONTROLLER_ANNOTATION = "pv.kubernetes.io/bound-by-controller"


class Claims(Controller):
    """Binds claims. A key is a claim."""

    name = "persistentvolumeclaim"

    def __init__(self, cache: Cache, recorder: EventRecorder) -> None:
        self._cache = cache
        self._recorder = recorder

    def watches(self) -> Sequence[Watched]:
        """Watch claims, the volumes that may be theirs, their classes, and the pods that use them."""
        return [
            itself(PERSISTENT_VOLUME_CLAIM),
            Watched(PERSISTENT_VOLUME, self._keys_of_volume),
            Watched(STORAGE_CLASS, lambda _before, _after: self._unbound()),
            Watched(POD, self._keys_of_pod),
        ]

    async def reconcile(self, key: Key, act: Executor) -> Result:
        """Bind a claim, or let it go once no pod uses it."""
        claim = self._cache.get(PERSISTENT_VOLUME_CLAIM, key.namespace, key.name)
        if claim is None:
            return Result()
        if is_deleting(claim.metadata):
            await self._let_go(claim, act)
        elif claim.spec.volume_name:
            self._settle(claim, act)
        elif not claim.spec.HasField("storage_class_name"):
            await self._name_class(claim, act)
        else:
            await self._bind(claim, act)
        return Result()

    async def _let_go(self, claim: PersistentVolumeClaim, act: Executor) -> None:
        if has_finalizer(claim.metadata, PVC_PROTECTION_FINALIZER) and not self._in_use(claim):
            changed = _copy(claim)
            remove_finalizer(changed.metadata, PVC_PROTECTION_FINALIZER)
            await act.update(changed)

    def _in_use(self, claim: PersistentVolumeClaim) -> bool:
        pods = self._cache.list(POD, claim.metadata.namespace)
        return any(claim.metadata.name in claim_names(pod) and not is_terminal(pod) for pod in pods)

    async def _name_class(self, claim: PersistentVolumeClaim, act: Executor) -> None:
        """Give a claim that names no class the default one, where there is one."""
        found = default_class(self._cache.list(STORAGE_CLASS))
        if found is None:
            text = "no persistent volumes available for this claim and no storage class is set"
            self._recorder.normal(claim, "FailedBinding", text)
            return
        changed = _copy(claim)
        changed.spec.storage_class_name = found.metadata.name
        await act.update(changed)

    async def _bind(self, claim: PersistentVolumeClaim, act: Executor) -> None:
        storage_class = self._cache.get(STORAGE_CLASS, "", claim.spec.storage_class_name)
        volume = matching_volume(self._cache.list(PERSISTENT_VOLUME), claim)
        if volume is None:
            volume = await self._provision(claim, storage_class, act)
        if volume is None:
            return
        if not is_for(volume, claim) or not volume.spec.claim_ref.uid:
            kept = PersistentVolume()
            kept.CopyFrom(volume)
            kept.spec.claim_ref.CopyFrom(reference_to(claim))
            volume = await act.update(kept)
        changed = _copy(claim)
        changed.spec.volume_name = volume.metadata.name
        changed.metadata.annotations[BIND_COMPLETED_ANNOTATION] = "yes"
        changed.metadata.annotations[BOUND_BY_CONTROLLER_ANNOTATION] = "yes"
        self._settle(await act.update(changed), act, volume)

    async def _provision(
        self, claim: PersistentVolumeClaim, found: StorageClass | None, act: Executor
    ) -> PersistentVolume | None:
        if found is None or found.provisioner != LOCAL_PROVISIONER:
            text = f'storageclass.storage.k8s.io "{claim.spec.storage_class_name}" not found'
            waits = "waiting for a volume to be created by hand or by the provisioner of the class"
            self._recorder.normal(
                claim, "ProvisioningFailed" if found is None else "ExternalProvisioning", waits if found else text
            )
            return None
        node = claim.metadata.annotations.get(SELECTED_NODE_ANNOTATION, "")
        if found.volume_binding_mode == "WaitForFirstConsumer" and not node:
            text = "waiting for first consumer to be created before binding"
            self._recorder.normal(claim, "WaitForFirstConsumer", text)
            return None
        volume = new_volume(claim, found, node)
        try:
            volume = await act.create(volume)
        except AlreadyExists:
            return await act.fleet.get(PERSISTENT_VOLUME, volume.metadata.name)
        text = f"Successfully provisioned volume {volume.metadata.name}"
        self._recorder.normal(claim, "ProvisioningSucceeded", text)
        return volume

    def _settle(self, claim: PersistentVolumeClaim, act: Executor, volume: PersistentVolume | None = None) -> None:
        """Have the status of a claim that has a volume say so, or that the volume is lost."""
        if volume is None:
            volume = self._cache.get(PERSISTENT_VOLUME, "", claim.spec.volume_name)
        changed = _copy(claim)
        status = changed.status
        if volume is None or not is_for(volume, claim):
            if claim.status.phase != "Bound" or volume is not None:
                return
            status.phase = "Lost"
            self._recorder.warning(
                claim, "ClaimLost", "Bound claim has lost its PersistentVolume. Data on the volume is lost!"
            )
        else:
            status.phase = "Bound"
            del status.access_modes[:]
            status.access_modes.extend(volume.spec.access_modes)
            status.capacity.clear()
            for resource, amount in volume.spec.capacity.items():
                status.capacity[resource].CopyFrom(amount)
        if changed.status != claim.status:
            act.put_status(changed, urgent=True)

    def _unbound(self) -> Iterable[Key]:
        return [key_of(claim) for claim in self._cache.list(PERSISTENT_VOLUME_CLAIM) if not claim.spec.volume_name]

    def _keys_of_volume(self, before: Any, after: Any) -> Iterable[Key]:
        volume = after if after is not None else before
        if volume.spec.HasField("claim_ref"):
            return [Key(volume.spec.claim_ref.namespace, volume.spec.claim_ref.name)]
        return self._unbound()

    def _keys_of_pod(self, before: Pod | None, after: Pod | None) -> Iterable[Key]:
        """Return the claims of a pod that goes or ends: one of them may be waiting to be let go."""
        if before is None or (after is not None and not is_terminal(after)):
            return []
        return [Key(before.metadata.namespace, name) for name in claim_names(before)]


def claim_names(pod: Pod) -> list[str]:
    """Return the names of the claims that a pod mounts."""
    sources = (volume.volume_source for volume in pod.spec.volumes)
    return [
        source.persistent_volume_claim.claim_name for source in sources if source.HasField("persistent_volume_claim")
    ]


def _copy(claim: PersistentVolumeClaim) -> PersistentVolumeClaim:
    changed = PersistentVolumeClaim()
    changed.CopyFrom(claim)
    return changed
