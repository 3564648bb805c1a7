"""Bring each claim to a volume: one that is there, or a new one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from statefleet.api.core.v1.persistent_volume_pb2 import PersistentVolume, PersistentVolumeClaim
from statefleet.api.core.v1.pod_pb2 import Pod
from statefleet.api.storage.v1.storage_class_pb2 import StorageClass
from statefleet.errors import AlreadyExists
from statefleet.objects.kinds import NODE, PERSISTENT_VOLUME, PERSISTENT_VOLUME_CLAIM, POD, STORAGE_CLASS
from statefleet.objects.meta import (
    HOSTNAME_LABEL,
    LOCAL_PROVISIONER,
    PVC_PROTECTION_FINALIZER,
    SELECTED_NODE_ANNOTATION,
    has_finalizer,
    is_deleting,
    remove_finalizer,
)
from statefleet.objects.pods import claim_names, is_terminal
from statefleet.reconcile.cache import Cache
from statefleet.reconcile.controller import Controller, Result, Watched, itself
from statefleet.reconcile.events import EventRecorder
from statefleet.reconcile.executor import Executor
from statefleet.reconcile.keys import Key, key_of
from statefleet.volumes.matching import (
    WAITS_FOR_CONSUMER,
    can_have,
    default_class,
    free_volumes,
    is_for,
    kept_for,
    kept_volume,
    new_volume,
)
from statefleet.volumes.status import BIND_COMPLETED_ANNOTATION, BOUND_BY_CONTROLLER_ANNOTATION, bound, lost


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
            await self._follow_volume(claim, act)
        elif not claim.spec.HasField("storage_class_name") and (found := self._default_class()):
            changed = _copy(claim)
            changed.spec.storage_class_name = found.metadata.name
            await act.update(changed)
        else:
            await self._find_volume(claim, act)
        return Result()

    async def _let_go(self, claim: PersistentVolumeClaim, act: Executor) -> None:
        if not has_finalizer(claim.metadata, PVC_PROTECTION_FINALIZER):
            return
        namespace = claim.metadata.namespace
        if _is_used(claim, self._cache.list(POD, namespace)):
            return
        # Only the service itself may say that no pod has come to use the claim.
        if _is_used(claim, (await act.fleet.list(POD, namespace)).items):
            return
        changed = _copy(claim)
        remove_finalizer(changed.metadata, PVC_PROTECTION_FINALIZER)
        await act.update(changed)

    async def _follow_volume(self, claim: PersistentVolumeClaim, act: Executor) -> None:
        """See to a claim that names its volume: finish the binding, or follow what has become of the volume."""
        volume = self._cache.get(PERSISTENT_VOLUME, "", claim.spec.volume_name)
        completed = BIND_COMPLETED_ANNOTATION in claim.metadata.annotations
        if volume is not None and completed and is_for(volume, claim) and volume.spec.claim_ref.uid:
            self._put(bound(claim, volume), claim, act)
        elif volume is not None and (completed or can_have(volume, claim)) and _is_free(volume, claim):
            await self._bind(claim, volume, act)
        elif completed:
            if claim.status.phase != "Lost":
                text = "Bound claim has lost its PersistentVolume. Data on the volume is lost!"
                self._recorder.warning(claim, "ClaimLost", text)
            self._put(lost(claim), claim, act)
        else:
            why = "cannot be had by this claim" if volume is not None else "not found"
            self._recorder.normal(claim, "FailedBinding", f'volume "{claim.spec.volume_name}" {why}')

    async def _find_volume(self, claim: PersistentVolumeClaim, act: Executor) -> None:
        found = self._cache.get(STORAGE_CLASS, "", claim.spec.storage_class_name)
        volumes = self._cache.list(PERSISTENT_VOLUME)
        volume = kept_volume(volumes, claim)
        if volume is None and (found is None or found.volume_binding_mode != WAITS_FOR_CONSUMER):
            # What waits for its consumer gets a volume by the choice of the consumer's node.
            volume = next(iter(free_volumes(volumes, claim)), None)
        if volume is None:
            volume = await self._provision(claim, found, act)
        if volume is not None:
            await self._bind(claim, volume, act)

    async def _bind(self, claim: PersistentVolumeClaim, volume: PersistentVolume, act: Executor) -> None:
        """Have the two name one another, first the volume: it can be had only once."""
        if not (is_for(volume, claim) and volume.spec.claim_ref.uid):
            kept = kept_for(volume, claim)
            if not volume.spec.HasField("claim_ref"):
                kept.metadata.annotations[BOUND_BY_CONTROLLER_ANNOTATION] = "yes"
            volume = await act.update(kept)
        changed = _copy(claim)
        changed.metadata.annotations[BIND_COMPLETED_ANNOTATION] = "yes"
        if not changed.spec.volume_name:
            changed.spec.volume_name = volume.metadata.name
            changed.metadata.annotations[BOUND_BY_CONTROLLER_ANNOTATION] = "yes"
        claim = await act.update(changed)
        self._put(bound(claim, volume), claim, act)

    async def _provision(
        self, claim: PersistentVolumeClaim, found: StorageClass | None, act: Executor
    ) -> PersistentVolume | None:
        """Make the volume that a claim asks for, where it can be made now; else tell what it waits for."""
        chosen = claim.metadata.annotations.get(SELECTED_NODE_ANNOTATION, "")
        reason, text = _obstacle(claim, found, chosen)
        if found is None or reason:
            self._recorder.event(claim, "Warning" if reason == "ProvisioningFailed" else "Normal", reason, text)
            return None
        hostname = ""
        if chosen:
            node = self._cache.get(NODE, "", chosen)
            if node is None:
                await self._forget_choice(claim, act)
                return None
            hostname = node.metadata.labels.get(HOSTNAME_LABEL, chosen)
        volume = new_volume(claim, found, hostname)
        try:
            volume = await act.create(volume)
        except AlreadyExists:
            return await act.fleet.get(PERSISTENT_VOLUME, volume.metadata.name)
        text = f"Successfully provisioned volume {volume.metadata.name}"
        self._recorder.normal(claim, "ProvisioningSucceeded", text)
        return volume

    async def _forget_choice(self, claim: PersistentVolumeClaim, act: Executor) -> None:
        """Have the node chosen anew: the one that was chosen has gone."""
        changed = _copy(claim)
        del changed.metadata.annotations[SELECTED_NODE_ANNOTATION]
        await act.update(changed)

    @staticmethod
    def _put(changed: PersistentVolumeClaim, claim: PersistentVolumeClaim, act: Executor) -> None:
        if changed.status != claim.status:
            act.put_status(changed, urgent=True)

    def _default_class(self) -> StorageClass | None:
        return default_class(self._cache.list(STORAGE_CLASS))

    def _unbound(self) -> Iterable[Key]:
        claims = self._cache.list(PERSISTENT_VOLUME_CLAIM)
        return [key_of(claim) for claim in claims if claim.status.phase != "Bound"]

    def _keys_of_volume(self, before: PersistentVolume | None, after: PersistentVolume | None) -> Iterable[Key]:
        """Return the claims that a volume is kept for, and those that it may suit where it is free."""
        kept = [volume for volume in (before, after) if volume is not None and volume.spec.HasField("claim_ref")]
        yield from (Key(volume.spec.claim_ref.namespace, volume.spec.claim_ref.name) for volume in kept)
        if after is not None and not after.spec.HasField("claim_ref"):
            yield from self._unbound()

    def _keys_of_pod(self, before: Pod | None, after: Pod | None) -> Iterable[Key]:
        """Return the claims of a pod that goes or ends: one of them may be waiting to be let go."""
        if before is None or (after is not None and not is_terminal(after)):
            return []
        return [Key(before.metadata.namespace, name) for name in claim_names(before)]


def _is_used(claim: PersistentVolumeClaim, pods: Iterable[Pod]) -> bool:
    """Return whether a pod may be using a claim: one without a node does not, and will not get one."""
    name = claim.metadata.name
    return any(pod.spec.node_name and name in claim_names(pod) and not is_terminal(pod) for pod in pods)


def _is_free(volume: PersistentVolume, claim: PersistentVolumeClaim) -> bool:
    return is_for(volume, claim) or not volume.spec.HasField("claim_ref")


def _obstacle(claim: PersistentVolumeClaim, found: StorageClass | None, chosen: str) -> tuple[str, str]:
    """Return why no volume is made for a claim now: an event's reason and message, empty where one is."""
    if found is None:
        name = claim.spec.storage_class_name
        if not name:
            text = "no persistent volumes available for this claim and no storage class is set"
            return "FailedBinding", text
        return "ProvisioningFailed", f'storageclass.storage.k8s.io "{name}" not found'
    if found.volume_binding_mode == WAITS_FOR_CONSUMER and not chosen:
        return "WaitForFirstConsumer", "waiting for first consumer to be created before binding"
    if found.provisioner != LOCAL_PROVISIONER:
        text = f"waiting for a volume to be made by hand or by the provisioner {found.provisioner}"
        return "ExternalProvisioning", text
    if claim.spec.HasField("selector"):
        return "ProvisioningFailed", "a volume is not made for a claim that selects volumes by their labels"
    return "", ""


def _copy(claim: PersistentVolumeClaim) -> PersistentVolumeClaim:
    changed = PersistentVolumeClaim()
    changed.CopyFrom(claim)
    return changed
